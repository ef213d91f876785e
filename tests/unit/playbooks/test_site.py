# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""site.yml without one of its roles: on a host whose Python answers every module."""

from __future__ import annotations

import re

import pytest

pytest.importorskip("ansible")

ANSWER = {"memory": {"total_bytes": 1 << 30, "swap_total_bytes": 0}, "first": False, "asked": {}}
ROLES = ("watchdog", "restart_timer", "session")


@pytest.mark.parametrize("tag", ROLES)
def test_role_that_is_skipped_has_no_result(tmp_path, ansible_playbook, answering_hosts, tag):
    """The last task needs the results of all roles: it once failed without one of them."""
    note = """grep -aoE '"component": ?"[a-z_]+|article_keys' "$1" """
    inventory, asked = answering_hosts(["web1"], note, ANSWER)
    words = ["hermes_ops.gateway.site", "-i", str(inventory), "--skip-tags", tag]
    done = ansible_playbook(words, tmp_path, ANSIBLE_PIPELINING="0")
    assert done.returncode == 0, done.stdout
    sent = set(re.findall("watchdog|restart_timer|article_keys", asked.read_text()))
    assert sent == {"article_keys" if one == "session" else one for one in ROLES if one != tag}
