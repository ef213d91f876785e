# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The budget of cached chats that hermes_config sets."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

yaml = pytest.importorskip("yaml")

from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import discovery
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import (
    command,
    guard_program,
    proc,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import (
    GuardError,
    SettingError,
)

MB = 1 << 20
# As Hermes has it from 0.20.1 on.
NEW = '"agent": {"agent_cache": {"memory_high_mb": "auto"}},'


@pytest.fixture
def small(host, monkeypatch):
    """A host with 970 MB, a guard that knows no threshold yet, and one gateway of a new Hermes."""
    monkeypatch.setattr(
        proc, "host_memory", lambda: {"total_bytes": 970 * MB, "available_bytes": 500 * MB}
    )
    host.known = {}
    monkeypatch.setattr(guard_program, "thresholds", lambda: host.known)
    one = host.gateway(python=host.hermes("0.22.2", extra=NEW))
    one.control_group, one.pid = "", 1
    return host


def budget(host):
    return yaml.safe_load(host.read(host.file))["agent"]["agent_cache"]["memory_high_mb"]


def test_budget_is_below_the_watchdogs_threshold(small):
    done = small.run(cache_memory="auto", watchdog_threshold="50%")
    assert budget(small) == 388 and done["changed"] and done["warnings"] == []
    assert not small.run(cache_memory="auto", watchdog_threshold="50%")["changed"]
    # What the guard has been told counts, which may have settings of the operator's own.
    small.known = {"hermes-gateway": 400 * MB}
    small.run(cache_memory="auto", watchdog_threshold="50%")
    assert budget(small) == 320
    dry = small.run(check=True, cache_memory="auto", watchdog_threshold="50%")
    assert not dry["changed"] and [row["after"] for row in dry["applied"]] == [320]
    small.run(state="absent")
    assert not small.listing().get(small.file)


def test_least_of_all_gateways_counts(small):
    other = small.gateway("hermes-gateway-coder", python=small.gateways[0].python)
    other.control_group, other.pid = "", 2
    small.known = {"hermes-gateway": 900 * MB, "hermes-gateway-coder": 400 * MB}
    small.run(cache_memory="auto")
    assert budget(small) == 320


def test_dry_run_says_of_a_new_gateway_what_the_play_will_set(small):
    other = small.gateway("hermes-gateway-coder", python=small.gateways[0].python)
    other.control_group, other.pid = "", 2
    small.known = {"hermes-gateway": 900 * MB}
    dry = small.run(check=True, cache_memory="auto", watchdog_threshold="50%")
    assert [row["after"] for row in dry["applied"]] == [388]


@pytest.mark.parametrize(
    ("thresholds", "expected"),
    [
        ([485], 256),
        # Its own, or the operator's in another file.
        ([900], 720),
        ([485, 400], 256),
        ([900, 485], 256),
        # The second gateway has no watchdog.
        ([900, None], 720),
    ],
)
def test_dry_run_of_another_threshold_is_like_the_real_run(
    small, tmp_path, monkeypatch, thresholds, expected
):
    """Check mode once used the present threshold, which the watchdog's role changes before."""
    monkeypatch.setattr(guard_program, "FOLDER", str(tmp_path))
    (tmp_path / "guard.conf.d").mkdir()
    role = tmp_path / "guard.conf.d/watchdog.conf"
    role.write_text("[DEFAULT]\nthreshold = 50%\n")
    names = ["hermes-gateway", "hermes-gateway-coder"][: len(thresholds)]
    if len(names) > 1:
        other = small.gateway(names[1], python=small.gateways[0].python)
        other.control_group, other.pid = "", 2
    small.known = {name: size and size * MB for name, size in zip(names, thresholds)}
    small.run(cache_memory="auto", watchdog_threshold="50%")
    assert not small.run(check=True, cache_memory="auto", watchdog_threshold="50%")["changed"]
    dry = small.run(check=True, cache_memory="auto", watchdog_threshold="30%")
    # The watchdog's role writes its file.
    role.write_text("[DEFAULT]\nthreshold = 30%\n")
    small.known = {
        name: 291 * MB if size == 485 * MB else size for name, size in small.known.items()
    }
    real = small.run(cache_memory="auto", watchdog_threshold="30%")
    assert dry["changed"] == real["changed"] and budget(small) == expected
    assert [row["after"] for row in dry["applied"]] == [expected]


def test_dry_run_of_auto_counts_the_gateways_that_do_not_read_the_key(small, tmp_path, monkeypatch):
    monkeypatch.setattr(guard_program, "FOLDER", str(tmp_path))
    (tmp_path / "guard.conf.d").mkdir()
    (tmp_path / "guard.conf.d/watchdog.conf").write_text("[DEFAULT]\nthreshold = auto\n")
    small.gateway("hermes-gateway-old", python=small.hermes("0.19.0")).control_group = ""
    # 80 % of the RAM for four gateways; two are excluded from the settings.
    small.known = dict.fromkeys(["hermes-gateway", "hermes-gateway-old", "c", "d"], 194 * MB)
    small.run(cache_memory="auto", watchdog_threshold="auto")
    assert budget(small) == 256
    assert not small.run(check=True, cache_memory="auto", watchdog_threshold="auto")["changed"]


def test_gateway_that_is_stopped_keeps_its_budget(small, monkeypatch):
    """Its cgroup is gone, and its unit has the limit: 65 % of 500 MB are 325."""
    asked = []

    def show(units, properties):
        asked.append(units)
        return [{"Id": units[0], "MemoryMax": str(500 * MB), "MemoryHigh": "infinity"}]

    monkeypatch.setattr(discovery, "manager_of", lambda gateway: SimpleNamespace(show=show))
    small.gateways[0].pid = None
    small.run(cache_memory="auto")
    assert budget(small) == 325 and asked == [["hermes-gateway.service"]]


def test_guard_that_does_not_answer_changes_nothing(small, monkeypatch):
    small.run(cache_memory="auto", watchdog_threshold="50%")
    before = small.listing()

    def silent():
        raise GuardError("hermes-guard status gave no usable answer")

    monkeypatch.setattr(guard_program, "thresholds", silent)
    with pytest.raises(GuardError, match="no usable answer"):
        small.run(cache_memory="auto", watchdog_threshold="50%")
    assert small.listing() == before


def test_without_a_watchdog_hermes_keeps_its_share(small):
    small.run(cache_memory="auto")
    assert budget(small) == 630


@pytest.mark.parametrize(("text", "expected"), [("40%", 388), ("300M", 300)])
def test_value_of_the_operator(small, text, expected):
    small.known = {"hermes-gateway": 400 * MB}
    small.run(cache_memory=text)
    assert budget(small) == expected
    # Only this setting is removed if the decision is left to Hermes.
    small.run(cache_memory="", session_max_messages=50)
    assert "agent" not in yaml.safe_load(small.read(small.file))


def test_value_that_is_none(small):
    with pytest.raises(SettingError, match="cache_memory: .*'lots'"):
        small.run(cache_memory="lots")
    with pytest.raises(SettingError, match="watchdog_threshold"):
        small.run(cache_memory="auto", watchdog_threshold="lots")


def test_hermes_that_does_not_read_it(host, monkeypatch):
    """0.19 has no such budget; a run does not warn about it."""
    monkeypatch.setattr(guard_program, "thresholds", lambda: pytest.fail("the guard was asked"))
    host.gateway().control_group = ""
    done = host.run(cache_memory="auto", watchdog_threshold="50%", session_max_messages=50)
    assert [row["key"] for row in done["applied"]] == ["compression.hygiene_hard_message_limit"]
    assert done["warnings"] == [] and "agent" not in yaml.safe_load(host.read(host.file))


@pytest.mark.parametrize(
    ("out", "expected"),
    [
        (json.dumps({"gateways": [{"name": "a", "threshold_bytes": 5}]}), {"a": 5}),
        (json.dumps({"gateways": [{"name": "a", "threshold_bytes": None}]}), {"a": None}),
        (json.dumps({"gateways": [{"name": "a", "threshold_bytes": "5"}]}), {"a": None}),
    ],
)
def test_thresholds_of_the_guard(monkeypatch, tmp_path, out, expected):
    monkeypatch.setattr(guard_program, "PROGRAM", str(tmp_path / "guard"))
    monkeypatch.setattr(command, "run", lambda *_words, **_more: command.Result(0, out, ""))
    assert guard_program.thresholds() == {}
    (tmp_path / "guard").write_text("")
    assert guard_program.thresholds() == expected


@pytest.mark.parametrize("out", ["no JSON", "[]", '{"gateways": [7]}'])
def test_guard_that_answers_nonsense(monkeypatch, tmp_path, out):
    (tmp_path / "guard").write_text("")
    monkeypatch.setattr(guard_program, "PROGRAM", str(tmp_path / "guard"))
    monkeypatch.setattr(command, "run", lambda *_words, **_more: command.Result(1, out, "broken"))
    with pytest.raises(GuardError, match=r"gave no usable answer \(exit code 1\): broken"):
        guard_program.thresholds()
