# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the question of site.yml looks at, on a host that the modules have set up. More of it, on a real one: tests/faults/test_question.py."""

from __future__ import annotations

import json
import os
import pwd
import sys
import time

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import (
    host_state,
    memory_trend,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import guard_program, proc
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import GuardError
from ansible_collections.hermes_ops.gateway.plugins.module_utils._install import guard as base
from ansible_collections.hermes_ops.gateway.plugins.module_utils._install import guard_component

ME = pwd.getpwuid(os.getuid())


@pytest.fixture
def facts(host, guard, timer, monkeypatch):
    """The state of a host with the guard and a restart timer; call it for the state as it is then."""
    monkeypatch.setattr(guard_program, "STATE", str(host / "state"))
    monkeypatch.setattr(guard_program, "FOLDER", str(host / "etc"))
    base.apply(guard())
    guard_component.apply(timer())

    def look(every="12h", notes=(), hermes=None, **variables):
        asked = {
            "hermes_restart_timer_every": every,
            "hermes_restart_timer_at": [],
            "hermes_watchdog_notify_command": "",
            **variables,
        }
        return host_state.facts(asked, list(notes), hermes or [])

    return look


def changed(before, now):
    """The names whose values differ."""
    return sorted(name for name in {*before, *now} if before.get(name) != now.get(name))


def test_state_is_the_same_as_long_as_nothing_changes(facts):
    """And it can be written as JSON."""
    assert facts() == facts()
    assert json.loads(json.dumps(facts())) == facts()


def test_state_has_every_file_unit_and_gateway(facts, host):
    """All that an earlier run has installed, and the gateways that are there."""
    found = facts()
    for path in (
        "bin/hermes-guard",
        "etc/guard.conf",
        "etc/guard.conf.d/timer.conf",
        "units/hermes-gateway-restart.service",
        "units/hermes-gateway-restart.timer",
    ):
        assert found[str(host / path)] is not None
    assert "the unit hermes-gateway-restart.timer" in found
    assert "the gateway hermes-gateway" in found


@pytest.mark.parametrize(
    "name, change",
    [
        ("/usr/bin/python3", lambda patch: patch.setattr(sys, "version", "3.99")),
        ("/usr/bin/python3", lambda patch: patch.setattr(sys, "executable", "/opt/python3")),
        ("the RAM", lambda patch: patch.setattr(proc, "host_memory", lambda: {"total_bytes": 1})),
        ("the library psutil", lambda patch: patch.setattr(host_state, "_PSUTIL", ())),
    ],
)
def test_another_python_memory_or_library(facts, monkeypatch, name, change):
    """The program was compiled by another Python, a share of RAM is another amount, psutil was removed."""
    before = dict(facts(), **{"the library psutil": True})
    change(monkeypatch)
    assert name in changed(before, facts())


@pytest.mark.parametrize("name", ["etc/guard.conf", "units/hermes-gateway-restart.timer"])
@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.write_text(path.read_text() + "\n"),
        lambda path: path.chmod(0o600),
        lambda path: path.unlink(),
    ],
)
def test_file_that_has_changed(facts, host, name, change):
    """Its content, its mode, or it is gone; a new file of the guard's configuration counts too."""
    before = facts()
    change(host / name)
    assert str(host / name) in changed(before, facts())


def test_process_counts_only_after_a_warning(facts, monkeypatch):
    """It may have been about a process that is too old. Without one, a gateway may be restarted every night and nothing has changed."""
    before, warned = facts(), facts(notes=["old"])
    survey = host_state.discovery.survey

    def other_process(system):
        now = survey(system)
        now.gateways[0].pid = 4242
        return now

    monkeypatch.setattr(host_state.discovery, "survey", other_process)
    assert facts() == before
    assert changed(warned, facts(notes=["old"])) == ["the gateway hermes-gateway"]


JUDGED = {
    "verdict": "leak",
    "recommended_restart_hours": 6.0,
    "longest_run_hours": 30.0,
    "span_hours": 200.0,
}


@pytest.fixture
def judge(host, monkeypatch):
    """judge(AGO, **CHANGED): the gateway has a history and a verdict that is so many seconds old.

    A history that is judged anew asks for 3 h.
    """
    monkeypatch.setattr(
        memory_trend, "recommended_cadences", lambda names: dict.fromkeys(names, "3h")
    )

    def store(ago=60, **changed):
        folder = host / "state/hermes-gateway"
        folder.mkdir(exist_ok=True)
        (folder / "memory.csv").write_text("timestamp\n")
        record = dict(JUDGED, judged=time.time() - ago, **changed)
        (folder / "verdict.json").write_text(json.dumps(record))

    return store


def test_recommendation_counts_only_if_asked(facts, judge):
    """With hermes_restart_timer_every: auto, the run follows the measured leak, which changes by itself."""
    judge()
    assert "the recommended cadence" not in facts()
    assert facts(every="auto")["the recommended cadence"] == {"hermes-gateway": "6h"}


@pytest.mark.parametrize(
    "record",
    [
        # A day old; of a clock that was ahead; of a program that did not note it; broken.
        {"ago": 90000},
        {"ago": -60},
        {"span_hours": None},
        {"verdict": "nonsense"},
    ],
)
def test_history_without_a_verdict_to_rely_on_is_judged(facts, judge, record):
    judge(**record)
    assert facts(every="auto")["the recommended cadence"] == {"hermes-gateway": "3h"}


def test_gateway_without_a_history_is_not_judged(facts, judge):
    """Its timer stays as it is: what there is of it is its journal, which takes long to read."""
    assert facts(every="auto")["the recommended cadence"] == {"hermes-gateway": "12h"}


def of(root, *paths):
    """What hermes_config returns of the gateway, whose Hermes is at ``root`` and is configured in ``paths``."""
    root = None if root is None else str(root)
    return [{"name": "hermes-gateway", "sources": root, "files": [str(path) for path in paths]}]


@pytest.fixture
def hermes(tmp_path):
    """The sources of a Hermes: its directory."""
    for name in ("gateway/run.py", "hermes_cli/config.py", "tools/deep/down/x.py", "cli.py"):
        path = tmp_path / "hermes" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x = 1\n")
    return tmp_path / "hermes"


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "tools/deep/down/x.py").write_text("x = 2\n"),
        lambda root: os.utime(str(root / "cli.py"), (1, 1)),
        lambda root: (root / "gateway/new.py").write_text(""),
        lambda root: (root / "gateway/run.py").unlink(),
        lambda root: os.replace(str(root / "cli.py"), str(root / "run_agent.py")),
    ],
)
def test_hermes_of_a_gateway(facts, hermes, change):
    """Any of its sources, however deep: an upgrade replaces them, and the full run asks that Hermes anew what it reads."""
    before = facts(hermes=of(hermes))
    assert facts(hermes=of(hermes)) == before
    (hermes / "tools/__pycache__").mkdir()
    assert facts(hermes=of(hermes)) == before
    change(hermes)
    now = facts(hermes=of(hermes))
    assert changed(before, now) == ["the Hermes of hermes-gateway"]


def test_hermes_that_could_not_be_asked(facts, hermes, monkeypatch):
    """It may be possible now, which nothing but the full run finds out; and root does not look where nothing answers."""
    with pytest.raises(GuardError):
        facts(hermes=of(None))
    silent = host_state.reach._silent
    monkeypatch.setattr(host_state.reach, "_silent", {*silent, str(hermes)})
    with pytest.raises(GuardError):
        facts(hermes=of(hermes))


def test_home_that_is_no_file(facts, hermes, tmp_path):
    """The settings in a home are part of the state, even after changes by the user."""
    config = tmp_path / "home/config.yaml"
    config.write_text("a: 1\n")
    before = facts(hermes=of(hermes, config))
    for change in (
        lambda: config.write_text("a: 2\n"),
        config.unlink,
        config.mkdir,
        lambda: (config.rmdir(), config.symlink_to("/etc/shadow")),
    ):
        change()
        now = facts(hermes=of(hermes, config))
        assert changed(before, now) == [str(config)]
        before = now


def test_managed_directory(facts, hermes, tmp_path):
    """Its permissions, and a foreign file in it: the full run refuses the first, and warns about the second."""
    folder = tmp_path / "managed"
    folder.mkdir()

    def look():
        return facts(hermes=of(hermes, folder, folder / "config.yaml"))

    before = look()
    folder.chmod(0o777)
    assert changed(before, look()) == [str(folder)]
    folder.chmod(0o755)
    (folder / "config.yaml").write_text("a: 1\n")
    assert str(folder / "config.yaml") in changed(before, look())


@pytest.mark.parametrize("name", ["tools", "gateway"])
def test_user_who_leads_root_elsewhere(facts, hermes, tmp_path, name):
    """A link in the place of a directory of sources: root does not follow it, and the full run asks as its owner."""
    before = facts(hermes=of(hermes))
    assert before
    (hermes / name).rename(tmp_path / "moved")
    (hermes / name).symlink_to("/")
    with pytest.raises(GuardError):
        facts(hermes=of(hermes))


def test_directory_with_far_too_many_entries(facts, hermes, monkeypatch):
    """Hard links are cheap. Root stops reading within a directory, of whatever kind its entries are."""
    before = facts(hermes=of(hermes))
    for number in range(300):
        (hermes / ("tools/x%d" % number)).write_text("")
    assert changed(before, facts(hermes=of(hermes))) == []
    monkeypatch.setattr(host_state, "_MOST_ENTRIES", 200)
    with pytest.raises(GuardError, match="too many files"):
        facts(hermes=of(hermes))


def test_hermes_without_sources(facts, tmp_path):
    """Every value that can change must be in the state."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(GuardError):
        facts(hermes=of(tmp_path / "empty"))


def test_program_of_the_notify_command(facts, tmp_path):
    """A removed program: the full run refuses it, because no alert would arrive."""
    program = tmp_path / "notify"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for command in ("%s --token x" % program, [str(program), "--token", "x"]):
        before = facts(hermes_watchdog_notify_command=command)
        program.chmod(0o644)
        now = facts(hermes_watchdog_notify_command=command)
        program.chmod(0o755)
        assert changed(before, now) == ["the program of the notify command"]
    assert "x" not in json.dumps(before["the program of the notify command"])


def test_limits_of_a_gateway(facts, monkeypatch):
    """A drop-in of someone else's, or the container's limit: the budget of cached chats and the threshold go by them."""
    before = facts()
    limit = host_state.cgroup.Limit(1 << 20, "MemoryMax")
    monkeypatch.setattr(host_state.cgroup, "limit", lambda _group: limit)
    now = facts()
    assert changed(before, now) == ["the RAM", "the gateway hermes-gateway"]
    # The host stores the state as JSON, and compares a later one with it.
    assert json.loads(json.dumps(now)) == now


def test_file_behind_a_link_of_the_guards_configuration(facts, host, tmp_path):
    """The guard follows it."""
    (tmp_path / "mine.conf").write_text("[DEFAULT]\n")
    link = host / "etc/guard.conf.d/zz-local.conf"
    link.symlink_to(tmp_path / "mine.conf")
    before = facts()
    (tmp_path / "mine.conf").write_text("[DEFAULT]\nthreshold = 1G\n")
    assert changed(before, facts()) == [str(link)]


def test_units_that_are_shown_by_name():
    """Not that of a gateway with a drop-in: systemd would show it although no survey finds it any more."""
    installed = {
        "files": [
            "/etc/systemd/system/hermes-mem-watchdog.timer",
            "/etc/systemd/system/mybot.service.d/50-hermes-guard.conf",
            "/etc/systemd/user/hermes-gateway.service.d/50-hermes-guard.conf",
            "/etc/hermes-guard/guard.conf",
        ],
        "units": ["hermes-mem-watchdog.timer"],
    }
    assert host_state._units(installed) == {"hermes-mem-watchdog.timer"}


def test_long_values_that_a_user_chooses(facts, monkeypatch):
    """The state of ten such gateways can still be stored, and a change is seen."""
    value = ["x" * 130000]
    survey = host_state.discovery.survey

    def ten(system):
        found = survey(system)
        for number in range(10):
            one = host_state.discovery.Gateway("g%d" % number, "manual", ME, "/" + value[0])
            one.pid = os.getpid()
            found.gateways.append(one)
        return found

    monkeypatch.setattr(host_state.discovery, "survey", ten)
    monkeypatch.setattr(host_state.proc, "environ", lambda pid: {"HERMES_MANAGED_DIR": value[0]})
    before = facts()
    assert len(json.dumps(before)) < 100000
    value[0] = "x" * 130000 + "y"
    assert "the gateway g9" in changed(before, facts())
