# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The output of status and doctor, the timers, and the command line."""

from __future__ import annotations

import argparse
import json
import os
import signal
import stat
import time

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import (
    cli,
    cli_status,
    config,
    doctor,
    history,
    identity,
    ledger,
    managed,
    pending,
    sampling,
    status,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import discovery
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import cgroup
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import (
    timers as timers_module,
)

ELAPSE = 1795440258


@pytest.fixture
def timers(systemd, monkeypatch):
    # The machine that the tests run on may have some.
    monkeypatch.setattr(discovery, "started_manually", lambda found, candidates: [])
    for unit in ("hermes-mem-watchdog.timer", "hermes-gateway-restart.timer"):
        systemd._enable([unit])
    return systemd


def test_status_of_a_running_gateway(timers, settings, tmp_path):
    timers.add_gateway(tmp_path / "home")
    one = settings(threshold="1G")
    assert identity.ask(managed.find(one)) is None
    ledger.write(one.folder, "restart", "restarted", "it leaked", trigger="watchdog")
    ledger.write(one.folder, "refused", "young", "too young", trigger="timer")
    answer = json.loads(json.dumps(status.status([one])))
    assert answer["next_check"] > ELAPSE
    found = answer["gateways"][0]
    assert (found["name"], found["state"], found["pid"], found["version"]) == (
        "hermes-gateway",
        "running",
        timers.pid(),
        "0.19.0",
    )
    assert (
        found["footprint_bytes"]
        == found["sample"]["tree_rss_bytes"] + found["sample"]["swap_bytes"]
        > 0
    )
    assert (
        found["threshold_bytes"],
        found["last_restart"]["reason"],
        found["last_decision"]["code"],
    ) == (1 << 30, "it leaked", "young")
    assert found["next_restart"] > ELAPSE


def test_status_says_that_a_restart_is_needed(timers, settings, tmp_path, monkeypatch, capsys):
    """A drop-in that is newer than the process takes effect at its next start."""
    timers.add_gateway(tmp_path / "home")
    assert status.status([settings()])["gateways"][0]["restart_needed"] is None
    monkeypatch.setattr(pending.unit_files, "FOLDER", str(tmp_path) + "/")
    drop_in = tmp_path / "system" / "hermes-gateway.service.d" / "50-hermes-allocator.conf"
    drop_in.parent.mkdir(parents=True)
    drop_in.write_text("[Service]\n")
    os.utime(drop_in, (time.time() + 60,) * 2)
    assert cli_status.run(argparse.Namespace(json=False, gateway=None), [settings()]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert (
        "a restart is needed to apply all of 50-hermes-allocator.conf: "
        "hermes-guard restart --gateway hermes-gateway"
    ) in shown


@pytest.mark.parametrize(
    ("unit", "state"),
    [("hermes-gateway.service", "inactive"), ("hermes-gateway-gone.service", "gone")],
)
def test_status_of_one_that_does_not_run(timers, settings, tmp_path, unit, state):
    timers.add_gateway(tmp_path / "home", start=False)
    one = settings(unit=unit)
    history.append(one.folder, {"timestamp": 5, "rss_bytes": 1, "version": "0.18.0"})
    found = status.status([one])["gateways"][0]
    assert (
        found["state"],
        found["pid"],
        found["sample"],
        found["uptime_seconds"],
        found["version"],
    ) == (state, None, None, None, "0.18.0")


def test_doctor_finds_nothing_on_a_healthy_host(timers, settings, tmp_path, monkeypatch):
    monkeypatch.setattr(doctor.systemd, "version", lambda: 247)
    monkeypatch.setattr(discovery, "started_manually", lambda found, candidates: [])
    timers.add_gateway(tmp_path / "home")
    assert doctor.problems([settings()]) == []


def test_doctor_finds_what_is_wrong(timers, settings, tmp_path, monkeypatch):
    monkeypatch.setattr(doctor.systemd, "version", lambda: 246)
    monkeypatch.setattr(discovery, "started_manually", lambda found, candidates: [])
    timers.add_gateway(tmp_path / "home")
    timers.add_gateway(tmp_path / "other", unit="hermes-gateway-other.service", start=False)
    (tmp_path / "home/.drain_request.json").write_text('{"principal": "hermes-guard"}')
    timers.units["hermes-mem-watchdog.timer"]["UnitFileState"] = "disabled"
    timers.units["hermes-gateway-restart.timer"]["ActiveState"] = "inactive"
    gone = settings(unit="hermes-gateway-gone.service")
    os.rmdir(gone.folder)
    found = "\n".join(doctor.problems([settings(), gone]))
    for words in (
        "systemd 246 is not supported: expected 247",
        "hermes-gateway-other is on this host, but",
        "hermes-gateway: drain marker found in",
        "hermes-gateway-gone: hermes-gateway-gone.service no longer exists",
        "hermes-mem-watchdog.timer is disabled",
        "hermes-gateway-restart.timer never fires",
    ):
        assert words in found
    assert len(found.splitlines()) == 6


def test_doctor_misses_samples(timers, settings, tmp_path, monkeypatch):
    timers.add_gateway(tmp_path / "home")
    one = settings(interval="5s")
    gateway = managed.find(one)
    gateway.uptime_seconds = 76
    late = ["no memory sample for more than three intervals: see journalctl -u hermes-mem-watchdog"]
    assert doctor._gateway(gateway, watched=True) == late
    history.append(one.folder, dict(sampling.take(gateway)))
    assert doctor._gateway(gateway, watched=True) == []
    assert doctor._gateway(gateway, watched=False) == []


def test_doctor_finds_a_limit_below_the_threshold(timers, settings, tmp_path, monkeypatch):
    timers.add_gateway(tmp_path / "home")
    one = settings(threshold="500M")
    gateway = managed.find(one)
    for most, count in ((None, 0), (501 << 20, 0), (500 << 20, 1)):
        least = most and cgroup.Limit(most, "MemoryMax")
        monkeypatch.setattr(doctor.limits.cgroup, "limit", lambda group, least=least: least)
        found = doctor._gateway(gateway, watched=False)
        assert len(found) == count
    assert "the kernel kills it at 500 MB" in found[0] and "hermes_memory_limit_max" in found[0]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("MemoryHigh", "throttles it at 400 MB (MemoryHigh)"),
        ("MemoryMax of hermes.slice", "kills it at 400 MB (MemoryMax of hermes.slice)"),
    ],
)
def test_doctor_names_the_limit(timers, settings, tmp_path, monkeypatch, source, words):
    timers.add_gateway(tmp_path / "home")
    gateway = managed.find(settings(threshold="500M"))
    least = cgroup.Limit(400 << 20, source)
    monkeypatch.setattr(doctor.limits.cgroup, "limit", lambda group: least)
    found = doctor._gateway(gateway, watched=False)
    assert len(found) == 1 and words in found[0]
    assert ("hermes_memory_limit_high" in found[0]) is (source == "MemoryHigh")


def test_status_of_what_is_not_managed(timers, settings, tmp_path, monkeypatch, capsys):
    """Every gateway of the host is listed, with the reason if it is not managed."""
    timers.add_gateway(tmp_path / "home")
    timers.add_gateway(tmp_path / "home", unit="hermes.service", start=False)
    timers.units["hermes.service"]["ExecStart"] = (
        "{ path=/x ; argv[]=/x --forever ; ignore_errors=no ; }"
    )
    inside = discovery.Gateway("docker:web", "container", discovery.find_gateways()[0].account, "/")
    inside.container = "web"
    monkeypatch.setattr(discovery, "in_containers", lambda candidates: [inside])
    answer = json.loads(json.dumps(status.status([settings()])))
    assert [one["name"] for one in answer["gateways"]] == ["hermes-gateway"]
    found = {one["name"]: one for one in answer["not_managed"]}
    assert set(found) == {"docker:web", "hermes"}
    assert (found["docker:web"]["scope"], found["docker:web"]["container"]) == ("container", "web")
    assert "not known to start a gateway" in found["hermes"]["problem"]
    assert cli_status.run(argparse.Namespace(json=False, gateway=None), [settings()]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    text = " ".join(line.strip() for line in lines)
    assert " docker:web  not managed: it runs in a container" in text
    assert " hermes  not managed: hermes.service looks like" in text


def test_status_has_profiles_and_conflicts(timers, settings, tmp_path, capsys):
    timers.add_gateway(tmp_path / "home")
    timers.add_gateway(tmp_path / "home", unit="hermes.service", start=False)
    path = tmp_path / "home/gateway_state.json"
    said = dict(json.loads(path.read_text()), served_profiles=["default", "coder"])
    path.write_text(json.dumps(said))
    answer = status.status([settings(), settings(unit="hermes.service")])
    first, second = answer["gateways"]
    assert (first["profiles"], second["profiles"]) == (["default", "coder"], ["default"])
    assert first["conflict"].startswith("hermes has the same home")
    assert answer["not_managed"] == []
    assert cli_status.run(argparse.Namespace(json=False, gateway=None), [settings()]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].startswith("  hermes has the same home")
    text = " ".join(line.strip() for line in lines)
    assert " hermes  not managed: hermes-gateway has the same home" in text


def test_command_line(timers, settings, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(config.load_tolerantly, "__defaults__", (str(tmp_path / "etc"),))
    monkeypatch.setattr(signal, "signal", lambda *_arguments: None)
    timers.add_gateway(tmp_path / "home")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/guard.conf").write_text(
        "[hermes-gateway]\nunit = hermes-gateway.service\nuser = %s\nhome = %s\n"
        "threshold = 1M\nbreaches = 1 of 1\n" % (settings().user, tmp_path / "home")
    )
    assert cli.main(["check"]) == 0
    assert "the restart was refused: it has been running for" in capsys.readouterr().out
    assert (
        cli.main(
            ["restart", "--gateway", "hermes-gateway", "--reason", "a test", "--now", "--json"]
        )
        == 0
    )
    assert json.loads(capsys.readouterr().out)["asked"] == "a test"
    assert (
        cli.main(["restart", "--gateway", "hermes-gateway", "--reason", "again", "--now"])
        == cli.REFUSED
    )
    assert "refused: the last restart was" in capsys.readouterr().out
    assert cli.main(["status"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == "GATEWAY STATE MEMORY THRESHOLD UP RESTART, UTC".split()
    assert lines[1].split()[:2] == ["hermes-gateway", "running"]
    assert lines[-1].startswith("  last restart 20") and lines[-1].endswith(
        " UTC (operator): a test"
    )
    assert stat.S_IMODE(os.stat(str(tmp_path / "state/hermes-gateway/lock")).st_mode) == 0o600


@pytest.mark.parametrize(
    "active, sub, elapse, works",
    [
        ("active", "waiting", 1785542580, True),
        # Its service runs: the timer has no next elapse until it has ended.
        ("active", "running", None, True),
        ("active", "elapsed", None, False),
        ("inactive", "dead", None, False),
    ],
)
def test_a_timer_works(active, sub, elapse, works):
    assert timers_module.fires({"ActiveState": active, "SubState": sub}, elapse) is works
