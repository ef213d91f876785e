# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When timers fire next, by the words of several versions of systemd."""

from __future__ import annotations

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import command, timers
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import SystemdError

# As systemd 247, 252 and 257 print them: LEFT has a word or three, what is not known is n/a or a
# dash, and there may be no service.
TIMERS = {
    247: """\
Mon 2026-11-23 13:24:18 UTC 23h left    Sun 2026-11-22 13:24:18 UTC 13min ago hermes-mem-watchdog.timer    hermes-mem-watchdog.service
n/a                         n/a         Sun 2026-11-22 13:24:18 UTC 13min ago hermes-gateway-restart.timer hermes-gateway-restart.service
""",
    252: """\
Mon 2026-11-23 13:24:18 UTC 6 days left -                           -         hermes-mem-watchdog.timer    hermes-mem-watchdog.service
-                           -           Sun 2026-11-22 13:24:18 UTC 13min ago hermes-gateway-restart.timer hermes-gateway-restart.service
""",
    257: """\
Mon 2026-11-23 13:24:18 UTC  23h -                                   - hermes-mem-watchdog.timer    hermes-mem-watchdog.service
-                              - Sun 2026-11-22 13:24:18 UTC 14min ago hermes-gateway-restart.timer -
""",
}
ELAPSE = 1795440258


@pytest.mark.parametrize("version", sorted(TIMERS))
def test_next_elapse(monkeypatch, version):
    monkeypatch.setattr(
        command, "run", lambda argv, env=None: command.Result(0, TIMERS[version], "")
    )
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert timers.next_elapse(
        ["hermes-mem-watchdog.timer", "hermes-gateway-restart.timer", "nonesuch.timer"]
    ) == {
        "hermes-mem-watchdog.timer": ELAPSE,
        "hermes-gateway-restart.timer": None,
        "nonesuch.timer": None,
    }


def test_next_elapse_of_no_timer_asks_nothing(monkeypatch):
    monkeypatch.setattr(command, "run", None)
    assert timers.next_elapse([]) == {}


def test_next_elapse_that_systemd_refuses_to_say(monkeypatch):
    monkeypatch.setattr(command, "run", lambda argv, env=None: command.Result(1, "", "no bus\n"))
    with pytest.raises(SystemdError, match="list-timers failed: no bus"):
        timers.next_elapse(["a.timer"])


@pytest.mark.parametrize(
    ("active", "sub", "elapse", "works"),
    [
        ("active", "waiting", 5, True),
        ("active", "elapsed", None, False),
        # While its service runs, a timer has no next elapse.
        ("active", "running", None, True),
        ("inactive", "dead", 5, False),
        ("failed", "failed", None, False),
    ],
)
def test_fires(active, sub, elapse, works):
    assert timers.fires({"ActiveState": active, "SubState": sub}, elapse) is works
