# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What doctor prints about gateways that are missing, in conflict, or misconfigured."""

from __future__ import annotations

import json
import os
import time

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import (
    doctor,
    progress,
    supervised,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import client, discovery
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import cgroup

GATEWAY = "hermes-gateway.service"
FUTURE = "{ path=/opt/h/start ; argv[]=/opt/h/start --forever ; ignore_errors=no ; }"


@pytest.fixture
def host(systemd, tmp_path, monkeypatch):
    monkeypatch.setattr(doctor.systemd, "version", lambda: 252)
    monkeypatch.setattr(discovery, "started_manually", lambda found, candidates: [])
    for unit in ("hermes-mem-watchdog.timer", "hermes-gateway-restart.timer"):
        systemd._enable([unit])
    systemd.add_gateway(tmp_path / "home", start=False)
    return systemd


def test_managed_gateway_that_is_not_understood(host, settings):
    """Another run of the playbook would not help, so doctor does not advise it."""
    host.units[GATEWAY]["ExecStart"] = FUTURE
    found = doctor.problems([settings()])
    assert len(found) == 1
    assert found[0].startswith(
        "hermes-gateway: hermes-gateway.service exists, but cannot be checked: "
    )
    assert "'/opt/h/start' is not known to start a gateway" in found[0]
    assert found[0].endswith("it stays managed as configured")


def test_unit_that_looks_like_a_gateways(host):
    """Another program's hermes.service is not a problem: doctor must not exit with 1."""
    host.units[GATEWAY]["ExecStart"] = FUTURE
    found, notes = doctor.look([])
    assert found == [] and len(notes) == 1 and "playbook" not in notes[0]
    assert notes[0].startswith(
        "note: hermes-gateway: not managed: hermes-gateway.service looks like"
    )


def test_managed_gateway_whose_unit_is_masked_or_gone(host, settings):
    host.units[GATEWAY]["LoadState"] = "masked"
    host.units[GATEWAY]["ExecStart"] = ""
    assert doctor.problems([settings()])[0] == (
        "hermes-gateway: hermes-gateway.service exists, but cannot be checked: it is masked; it "
        "stays managed as configured"
    )
    del host.units[GATEWAY]
    assert doctor.problems([settings()])[0] == (
        "hermes-gateway: hermes-gateway.service no longer exists: the next run of the playbook"
        " removes its protection"
    )


def test_two_gateways_on_one_home(host, settings, tmp_path):
    host.add_gateway(tmp_path / "home", unit="hermes.service", start=False)
    found = doctor.problems([settings(), settings(unit="hermes.service")])
    assert [line.partition(" has the same home")[0] for line in found] == [
        "hermes: hermes-gateway",
        "hermes-gateway: hermes",
    ]


def test_gateway_that_runs_as_root(host, settings, monkeypatch):
    """It is a note, not a problem: doctor must not exit with 1."""
    monkeypatch.setattr(client, "ROOT", 0)
    # Another note says that it is down.
    first = doctor.notes([settings(user="nobody")])
    assert [one for one in first if "it is down" not in one] == []
    monkeypatch.setattr(client, "not_as_root", lambda one: None)
    assert doctor.notes([settings(user="root")])[:1] == [
        "note: hermes-gateway: it runs as root: anyone who gets its agent to run a command controls "
        "the whole host; run it as a dedicated user"
    ]
    monkeypatch.setattr(client, "not_as_root", lambda one: one.python + " belongs to uid 1000")
    assert doctor.notes([settings(user="root", python="/x/python")])[1] == (
        "note: hermes-gateway: its version and settings are unknown, and it is not drained before a "
        "restart, because root must not run its Python: /x/python belongs to uid 1000"
    )
    assert len(doctor.notes([settings(user="root", python="")])) == 2


@pytest.mark.parametrize(
    ("value", "threshold", "kernel", "expected"),
    [
        (388, "485M", 776, None),
        (0, "485M", 776, None),
        ("off", "485M", 776, None),
        (
            "auto",
            "485M",
            776,
            "Hermes does not evict cached chats: its automatic budget, 65 % of 776 MB, is below the "
            "minimum of 512 MB: set hermes_session_cache_memory",
        ),
        (
            "auto",
            "500M",
            1000,
            "Hermes evicts cached chats only above 650 MB, but the watchdog's threshold is 500 MB: "
            "set hermes_session_cache_memory, or raise the threshold",
        ),
        (
            800,
            "",
            776,
            "Hermes evicts cached chats only above 800 MB, but the kernel's limit is 776 MB: set "
            "hermes_session_cache_memory, or raise the limit",
        ),
    ],
)
def test_order_in_which_memory_is_taken(
    host, settings, monkeypatch, value, threshold, kernel, expected
):
    """Hermes's own eviction first, then the watchdog, then the kernel; also on a host of 1 GB."""
    key = doctor.agent_cache.KEY
    answer = {"reads": {key: True}, "config": {key: value}}
    monkeypatch.setattr(client, "probe", lambda gateway, keys: answer)
    limit = cgroup.Limit(kernel << 20, "MemoryMax")
    monkeypatch.setattr(cgroup, "limit", lambda group: limit)
    monkeypatch.setattr(cgroup, "own_limit", lambda group: limit.bytes)
    found = doctor.problems([settings(threshold=threshold)])
    assert [line for line in found if "evict" in line] == (
        ["hermes-gateway: " + expected] if expected else []
    )
    answer["reads"][key] = False
    assert not [one for one in doctor.problems([settings(threshold=threshold)]) if "evict" in one]


@pytest.mark.parametrize(
    ("events", "used", "slow"),
    [(0, 200, False), (7, 200, True), (7, 100, False), (None, 200, False)],
)
def test_gateway_that_the_kernel_throttles(host, settings, monkeypatch, events, used, slow):
    """Its memory seems to have levelled off, but it is slow."""
    memory = dict.fromkeys(cgroup.FIELDS)
    # The page cache counts towards memory.high, but the kernel reclaims it at once.
    memory.update(high_events=events, cgroup_bytes=200 << 20)
    monkeypatch.setattr(cgroup, "memory", lambda group: memory)
    monkeypatch.setattr(cgroup, "resident", lambda group: (used << 20, 0))
    monkeypatch.setattr(cgroup, "own_limit", lambda group: 200 << 20)
    found = [one for one in doctor.problems([settings()]) if "throttles it" in one]
    assert bool(found) == slow


def test_thresholds_of_several_gateways_together(settings, monkeypatch):
    """Each threshold is below the RAM, but their sum is not: that is a note, not a problem."""
    monkeypatch.setattr(
        doctor.proc, "host_memory", lambda: {"total_bytes": 1 << 30, "available_bytes": 1 << 30}
    )
    every = [
        settings(unit=name + ".service", threshold=size)
        for name, size in (("a", "600M"), ("b", "500M"), ("c", ""))
    ]
    assert doctor._sum_of_thresholds(every) == [
        "the thresholds of the 2 gateways add up to 1100 MB, more than the RAM of this host (1024 MB); "
        "the watchdog also acts if less than 5 % of RAM is available, but set "
        "hermes_watchdog_threshold to auto, which shares the RAM"
    ]
    assert doctor._sum_of_thresholds(every[1:]) == []


def test_threshold_above_the_ram(host, settings):
    found = doctor.problems([settings(threshold="9000000M")])
    assert [line for line in found if "is more than the RAM of this host" in line]


def test_home_that_does_not_answer(settings, dead, tmp_path):
    """All other checks of doctor would hang on it too."""
    dead("*hangs")
    every = [settings(unit="b.service", home=tmp_path / "no"), settings(home=tmp_path / "hangs")]
    assert doctor.hung(every[:1]) == []
    lines = doctor.hung(every)
    assert len(lines) == 2 and lines[0].startswith("hermes-gateway: its home ")


def test_gateway_that_blocks_the_checks(host, settings):
    one = settings()
    supervised._note(one, progress.SAMPLE, os.getpid())
    assert [line for line in doctor.problems([one]) if "blocks the checks" in line]
    record = dict(supervised.given_up(one), time=time.time() - 86400)
    with open(os.path.join(one.folder, supervised.NAME), "w", encoding="utf-8") as out:
        out.write(json.dumps(record))
    assert not [line for line in doctor.problems([one]) if "blocks the checks" in line]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "[DEFAULT]\nTreshold = 1G\naction = alert\n",
            "[DEFAULT]: unknown key 'treshold' has no effect; did you mean 'threshold'?",
        ),
        (
            "[hermes-gateway]\nhermes_watchdog_cooldwn = 1h\n",
            "[hermes-gateway]: unknown key 'hermes_watchdog_cooldwn' has no effect; did you mean "
            "'cooldown'?",
        ),
        (
            "[hermes-gateway]\ncolour = red\n",
            "[hermes-gateway]: unknown key 'colour' has no effect: expected one of action, breaches, ",
        ),
        # Only guard.conf lists the excluded gateways.
        (
            "[DEFAULT]\nexcluded = b\n",
            "[DEFAULT]: unknown key 'excluded' has no effect: expected one of action, ",
        ),
        (
            "[hermes-gatewy]\nthreshold = 1G\n",
            "section [hermes-gatewy] has no effect: no gateway of this host has that name; did you "
            "mean [hermes-gateway]?",
        ),
        (
            "[default]\nthreshold = 1G\n",
            "section [default] has no effect: no gateway of this host has that name; did you mean "
            "[DEFAULT]?",
        ),
        (
            "[../x]\nthreshold = 1G\n",
            "section [../x] has no effect: no gateway of this host has that name",
        ),
        ("[DEFAULT]\nthreshold = 1G\n[hermes-gateway]\nuser = ada\n[b]\nsplay = 1h\n", None),
        # Other checks report a file that is not valid INI.
        ("treshold = 1G\n", None),
    ],
)
def test_setting_with_a_typo(host, settings, tmp_path, text, expected):
    """It names the file, the key or section, and the nearest valid name."""
    own = tmp_path / "etc/guard.conf.d/zz-local.conf"
    own.parent.mkdir(parents=True)
    (tmp_path / "etc/guard.conf").write_text(
        "[DEFAULT]\nhistory_days = 7\nexcluded = b\n[hermes-gateway]\nunit = %s\n" % GATEWAY
    )
    own.write_text(text)
    found = [one for one in doctor.problems([settings()]) if one.startswith(str(own.parent.parent))]
    if expected is None:
        assert found == []
    else:
        assert len(found) == 1 and found[0].startswith("%s: %s" % (own, expected))
