# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""hermes_gateways: settings of one gateway. What is refused, which gateways are excluded, and the effect on guard.conf and doctor."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._evidence import gateway_evidence
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import (
    cli_status,
    config,
    doctor,
    gateway_info,
    status,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import (
    GuardError,
    SettingError,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._install import (
    gateway_settings,
    guard_component,
    manifest,
    threshold,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._install import guard as backend

A, B, C = "hermes-gateway", "hermes-gateway-b", "hermes-gateway-c"


@pytest.fixture
def three(host, systemd, tmp_path):
    """A host with three gateways."""
    for letter in "bc":
        systemd.add_gateway(tmp_path / letter, unit="hermes-gateway-%s.service" % letter)
    return host


def names(result):
    """The names of the gateways that the module returned."""
    return [one["name"] for one in result["gateways"]]


def given(entries, **more):
    """The options of the modules with hermes_gateways."""
    return {"options": dict(more, hermes_gateways=entries)}


@pytest.mark.parametrize(
    "entries, words",
    [
        # A gateway that does not exist: the names that do, and the nearest.
        (
            {"hermes-gateway-x": {}},
            (
                "hermes_gateways: 'hermes-gateway-x' is not a gateway on this host",
                "did you mean 'hermes-gateway",
                "expected one of hermes-gateway, hermes-gateway-b, hermes-gateway-c",
            ),
        ),
        ({"nobody": {"enabled": False}}, ("'nobody' is not a gateway on this host: expected",)),
        # A key that is not known: the nearest.
        ({A: {"treshold": "50%"}}, ("hermes-gateway: unknown key 'treshold'", "'threshold'")),
        ({A: {"hermes_watchdog_threshold": "50%"}}, ("did you mean 'threshold'?",)),
        ({A: {"watchdog_sate": "absent"}}, ("did you mean 'watchdog_state'?",)),
        ({A: {"interval": "5min"}}, ("unknown key 'interval'",)),
        ({A: {"zzz": 1}}, ("unknown key 'zzz': expected one of action, at, breaches,",)),
        # A wrong value: as for the variable of the role, and where it is.
        (
            {A: {"threshold": "2048Q"}},
            ("hermes_gateways: hermes-gateway: threshold: ", "'2048Q'", "2048M"),
        ),
        (
            {B: {"action": "explode"}},
            ("hermes_gateways: hermes-gateway-b: action: invalid action 'explode'",),
        ),
        ({B: {"every": "8x"}}, ("hermes-gateway-b: every: invalid period '8x': expected one of ",)),
        ({B: {"wait_idle": "2h"}}, ("hermes-gateway-b: wait_idle: invalid time '2h'",)),
        ({B: {"at": ["25:61"]}}, ("hermes-gateway-b: at: invalid calendar event '25:61'",)),
        (
            {B: {"daily_cap": 0}},
            ("hermes-gateway-b: daily_cap: invalid number '0': expected a whole number",),
        ),
        (
            {B: {"watchdog_state": "off"}},
            ("watchdog_state: invalid state 'off': expected present",),
        ),
        ({B: {"enabled": "perhaps"}}, ("enabled: invalid boolean 'perhaps'",)),
        # A threshold that the host never reaches.
        ({B: {"threshold": "900G"}}, ("hermes-gateway-b: threshold: 900G is ", "never act")),
        # No dict.
        ("hermes-gateway", ("hermes_gateways: expected the settings of each gateway by its name",)),
        ({A: "50%"}, ("hermes_gateways: hermes-gateway: expected settings",)),
    ],
)
def test_what_is_wrong_is_refused_before_anything_is_changed(three, guard, entries, words):
    with pytest.raises(GuardError) as caught:
        backend.apply(guard(**given(entries)))
    for word in words:
        assert word in str(caught.value)
    assert not (three / "etc").exists()


def test_what_is_right(three, guard):
    """Also from an INI inventory, where each value is a text; and nothing at all."""
    entries = {
        A: {"threshold": "40%", "daily_cap": 2, "at": "04:00", "enabled": True},
        B: {"enabled": "no"},
        C: None,
    }
    result = backend.apply(guard(**given(entries)))
    assert [(one["name"], one["settings"]) for one in result["gateways"]] == [
        (A, {"threshold": "40%", "daily_cap": 2, "at": "04:00", "enabled": True}),
        (C, {}),
    ]
    for nothing in ({}, None, ""):
        result = backend.apply(guard(**given(nothing)))
        assert [one["settings"] for one in result["gateways"]] == [{}, {}, {}]


def test_every_key_is_a_variable_of_a_role(roles_variables):
    """The keys are the variables without the prefix of their role, and no two have the same."""
    for key, variable in gateway_settings.KEYS.items():
        assert variable.endswith("_" + key) and variable in roles_variables
    for state in gateway_settings.STATES:
        assert "hermes_" + state in roles_variables


@pytest.fixture
def roles_variables():
    """The names of the variables of all roles."""
    pytest.importorskip("ansible.plugins.action")
    from ansible_collections.hermes_ops.gateway.plugins.action import site_question

    return set(site_question.SPECS)


def test_own_settings_win_over_the_host_and_are_told(three, guard, watchdog):
    """The section of a gateway wins, whichever file has the host's value; status and gateway_info say what is its own."""
    backend.apply(guard())
    parameters = watchdog(threshold="50%")
    parameters["files"][0]["content"] += "[%s]\nthreshold = 300M\naction = alert\n" % B
    parameters["files"][0]["content"] += "[%s]\nthreshold =\n" % C
    guard_component.apply(parameters)
    loaded = config.load(config.FOLDER)
    assert (loaded[B].threshold, loaded[B].action) == (300 << 20, "alert")
    assert loaded[C].threshold is None
    own = {name: settings.own for name, settings in loaded.items()}
    assert own == {A: {}, B: {"threshold": "300M", "action": "alert"}, C: {"threshold": ""}}
    answer = {one["name"]: one for one in status.status(list(loaded.values()))["gateways"]}
    assert (answer[B]["threshold_bytes"], answer[B]["own_settings"]) == (300 << 20, own[B])


@pytest.mark.parametrize(
    "changed", [given({B: {"enabled": False}}), {"gateways": [A, C]}], ids=["disabled", "list"]
)
def test_excluded_gateway_is_in_nothing_and_doctor_is_content(three, guard, changed, monkeypatch):
    """By hermes_gateways, or because hermes_guard_gateways does not name it."""
    backend.apply(guard())
    assert (three / ("units/%s-restart.service" % B)).exists()
    result = backend.apply(guard(**changed))
    assert (result["changed"], names(result), result["excluded"]) == (True, [A, C], [B])
    assert not (three / ("units/%s-restart.service" % B)).exists()
    assert backend.apply(guard(**changed))["changed"] is False

    monkeypatch.setattr(config, "load", lambda folder=config.FOLDER: _load(folder))
    every = list(_load(config.FOLDER).values())
    assert [one.name for one in every] == [A, C]
    assert not [text for text in sum(doctor.look(every), []) if B in text]
    answer = status.status(every)
    assert [(one["name"], one["excluded"]) for one in answer["not_managed"]] == [(B, True)]
    lines = "\n".join(cli_status.lines(answer))
    assert "%s  not managed: excluded by the variables of the playbook" % B in lines
    found = {one["name"]: one for one in gateway_info.collect([])["gateways"]}
    assert {name: one["excluded"] for name, one in found.items()} == {A: False, B: True, C: False}
    bundle = gateway_evidence.bundle("/nowhere", [], True)
    assert bundle["changed"] is True
    gateways = gateway_evidence.discovery.find_named([])
    assert [one.name for one in config.not_excluded(gateways, [])] == [A, C]
    # Unless it is asked for by its name.
    assert [one.name for one in config.not_excluded(gateways, [B])] == [A, B, C]

    # Back again.
    assert names(backend.apply(guard())) == [A, B, C]
    assert config.excluded() == frozenset()


_load = config.load


def test_gateway_that_cannot_be_managed_may_be_disabled_only(three, guard, systemd):
    """A gateway whose unit is not recognised is reported in every run, until it is disabled."""
    systemd.units["hermes-gateway-b.service"]["ExecStart"] = (
        "{ path=/opt/h/start ; argv[]=/opt/h/start --forever ; ignore_errors=no ; }"
    )
    systemd.stop("hermes-gateway-b.service")
    assert [note for note in backend.apply(guard())["notes"] if B in note]
    with pytest.raises(SettingError) as caught:
        backend.apply(guard(**given({B: {"threshold": "40%"}})))
    assert "'hermes-gateway-b' cannot be managed" in str(caught.value)
    assert "enabled: false" in str(caught.value)
    result = backend.apply(guard(**given({B: {"enabled": False}})))
    assert (names(result), result["notes"]) == ([A, C], [])


def test_all_are_excluded(three, guard):
    """What protected them goes, and the run says why nothing is installed."""
    backend.apply(guard())
    result = backend.apply(guard(**given({name: {"enabled": False} for name in (A, B, C)})))
    assert (result["changed"], names(result)) == (True, [])
    assert result["skipped_because"] == "all gateways of this host are excluded"
    assert not (three / "etc/guard.conf").exists()
    assert manifest.load(manifest.BASE).files == []


def test_component_of_a_host_without_a_managed_gateway(three, guard, timer):
    """A role gets the same variables as the guard, and does not fail where that installs nothing."""
    alone = given({name: {"enabled": False} for name in (A, B, C)})
    backend.apply(guard(**alone))
    parameters = timer()
    parameters["options"].update(alone["options"])
    result = guard_component.apply(parameters)
    assert (result["changed"], "skipped_because" in result) == (False, True)


def test_history_is_judged_if_one_gateway_asks_for_it(three, guard):
    """`every: auto` of one gateway, on a host with a fixed period."""
    result = backend.apply(guard(**given({B: {"every": "auto"}})))
    assert [one["recommended_every"] for one in result["gateways"]] == ["12h"] * 3
    result = backend.apply(guard(**given({B: {"every": "24h"}})))
    assert all("recommended_every" not in one for one in result["gateways"])


def test_warning_names_the_gateway_whose_threshold_is_too_low(three, guard, monkeypatch):
    """A gateway that uses more than its own threshold, and does less than the host's action."""
    monkeypatch.setattr(threshold, "_footprint", lambda gateway: 100 << 20)
    entries = {B: {"threshold": "50M", "action": "alert"}}
    result = backend.apply(guard(**given(entries, hermes_watchdog_threshold="400M")))
    assert result["notes"] == [
        "hermes_gateways: hermes-gateway-b: threshold: 50M is 50 MB on this host, but"
        " hermes-gateway-b uses 100 MB now: the watchdog raises an alert if usage stays above"
    ]


def test_thresholds_that_add_up_to_more_than_the_ram_are_told(three, guard, ram):
    """Half of the RAM for each of three gateways is a threshold that comes when the memory is gone."""
    options = {"hermes_watchdog_threshold": "50%"}
    assert backend.apply(guard(options=options), True)["notes"] == [
        "hermes_watchdog_threshold: the thresholds of the 3 gateways add up to 1500 MB, but this"
        ' host has 1000 MB of RAM: set it to auto, which shares the RAM, or set "threshold"'
        " in hermes_gateways"
    ]
    for entries in (
        {A: {"threshold": "20%"}, B: {"threshold": "30%"}},
        {A: {"watchdog_state": "absent"}},
        {A: {"enabled": False}},
    ):
        assert backend.apply(guard(**given(entries, **options)), True)["notes"] == []
    # The default gives each of them 26 %.
    options = {"hermes_watchdog_threshold": "auto"}
    assert backend.apply(guard(options=options), True)["notes"] == []


def test_role_for_other_gateways_than_the_guard_is_refused(three, guard, timer):
    """In a loop over gateways, the last one once won, and the others silently lost their protection."""
    asked = backend.apply(guard(gateways=[A]))["asked"]
    before = config.load(config.FOLDER)
    for changed, word in (
        ({"gateways": [B]}, "hermes_guard_gateways is ['hermes-gateway-b'] for the component"),
        ({"gateways": []}, "hermes_guard_gateways is [] for the component restart_timer, but was"),
    ):
        with pytest.raises(GuardError) as caught:
            guard_component.apply(timer(guard=asked, **changed))
        assert word in str(caught.value)
        assert "put settings of one gateway in hermes_gateways" in str(caught.value)
    parameters = timer(guard=asked, gateways=[A])
    parameters["options"]["hermes_gateways"] = {A: {"every": "24h"}}
    with pytest.raises(GuardError, match="hermes_gateways is .* but was {} for the guard"):
        guard_component.apply(parameters)
    assert manifest.load("restart_timer").files == []
    assert list(config.load(config.FOLDER)) == list(before)
    # The same in any order; and a play without the guard.
    assert guard_component.apply(timer(guard=asked, gateways=[A]))["changed"] is True
    asked = backend.apply(guard(gateways=[A, B]))["asked"]
    guard_component.apply(timer(guard=asked, gateways=[B, A]))
    guard_component.apply(timer(gateways=[A, B]))


def test_component_is_not_taken_from_the_other_gateways(three, guard, timer):
    """`hermes_restart_timer_state: absent` with a list was meant for these, and took the timers of all."""
    every = (A, B, C)
    backend.apply(guard())
    guard_component.apply(timer(names=every))
    with pytest.raises(GuardError) as caught:
        guard_component.apply(timer(state="absent", gateways=[B]))
    assert "would also remove it from hermes-gateway, hermes-gateway-c" in str(caught.value)
    assert "set restart_timer_state: absent for it in hermes_gateways" in str(caught.value)
    assert len(manifest.load("restart_timer").units) == 3
    assert guard_component.apply(timer(state="absent", gateways=list(every)))["changed"] is True
    # It is not there any more: nothing to refuse.
    assert guard_component.apply(timer(state="absent", gateways=[B]))["changed"] is False


def test_gateway_that_the_guard_leaves_out_loses_its_timer_too(three, guard, timer, systemd):
    """A play without the role of the timers, for fewer gateways: timers were left without a service."""
    every = (A, B, C)
    backend.apply(guard())
    guard_component.apply(timer(names=every))
    paths = [path for path in manifest.load("restart_timer").files if path.endswith(".timer")]
    result = backend.apply(guard(gateways=[B]), True)
    assert result["changed"] and all(map(os.path.exists, paths))
    assert any("%s-restart.timer" % A in one["before_header"] for one in result["diff"])
    assert backend.apply(guard(gateways=[B]))["changed"] is True
    left = [os.path.basename(path) for path in paths if os.path.exists(path)]
    assert left == ["%s-restart.timer" % B]
    assert "disable %s-restart.timer" % A in systemd.calls
    assert manifest.load("restart_timer").units == ["%s-restart.timer" % B]
    # The role of the timers has nothing left to do.
    assert guard_component.apply(timer(names=[B], gateways=[B]))["changed"] is False
    assert backend.apply(guard(gateways=[B]))["changed"] is False


def test_component_after_the_removal_of_the_guard(three, guard, timer):
    """hermes_guard_state is absent in a list of all roles: the guard's removal takes every component."""
    backend.apply(guard())
    guard_component.apply(timer(names=(A, B, C)))
    asked = backend.apply(guard(state="absent"))["asked"]
    for check_mode in (True, False):
        result = guard_component.apply(timer(names=(A, B, C), guard=asked), check_mode)
        assert result["changed"] is False


def test_limit_is_compared_with_the_shared_threshold_in_check_mode_too(three, guard, ram):
    """Of 1000 MB, two watched gateways get 400 MB each, as the run will store it; three would get 260."""
    options = {
        "hermes_watchdog_threshold": "auto",
        "hermes_gateways": {A: {"watchdog_state": "absent"}},
        "hermes_memory_limit_max": "350M",
        "hermes_memory_limit_swap_max": "0",
    }
    gateways = [SimpleNamespace(name=name) for name in (A, B, C)]
    with pytest.raises(SettingError, match="not above the watchdog's threshold of 400 MB"):
        guard_component._limits(options, gateways, True)
