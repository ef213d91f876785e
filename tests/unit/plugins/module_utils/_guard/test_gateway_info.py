# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What gateway_info returns: every gateway, and what the guard knows about the managed ones."""

from __future__ import annotations

import json
import os
import time
from types import SimpleNamespace

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import (
    alarms,
    config,
    down,
    gateway_info,
    history,
    ledger,
    status,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import (
    client,
    discovery,
    patience,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import cgroup
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import (
    GuardError,
    HermesError,
    SettingError,
)

NAME = "hermes-gateway"


@pytest.fixture
def host(systemd, settings, tmp_path, monkeypatch):
    """A host with one running gateway; a test writes the configuration of the guard."""
    monkeypatch.setattr(discovery, "started_manually", lambda found, candidates: [])
    monkeypatch.setattr(config.load, "__defaults__", (str(tmp_path / "etc"),))
    (tmp_path / "etc").mkdir()
    systemd.add_gateway(tmp_path / "home")
    one = settings()

    def manage(*names, **more):
        section = dict({"user": one.user, "home": one.home}, **more)
        (tmp_path / "etc/guard.conf").write_text(
            "".join(
                "[%s]\nunit = %s.service\n%s"
                % (name, name, "".join("%s = %s\n" % pair for pair in section.items()))
                for name in names
            )
        )
        return one.folder

    systemd.manage = manage
    return systemd


def collect(*names):
    answer = json.loads(json.dumps(gateway_info.collect(list(names))))
    return answer, {one["name"]: one for one in answer["gateways"]}


def test_gateway_without_a_guard_is_not_managed(host):
    answer, found = collect()
    one = found[NAME]
    assert (one["state"], one["version"], one["pid"]) == ("running", "0.19.0", host.pid())
    assert one["memory"]["tree_rss_bytes"] >= one["memory"]["rss_bytes"] > 0
    assert (one["managed"], answer["guard_problem"]) == (False, None)
    assert {one[name] for name in status.KNOWN} == {None}
    assert answer["host"]["total_bytes"] > 0


def test_managed_gateway_has_the_figures_of_status(host):
    folder = host.manage(NAME, threshold="1G", action="alert")
    host._enable([NAME + "-restart.timer"])
    history.append(folder, {"timestamp": 5, "rss_bytes": 1, "version": "0.18.0"})
    ledger.write(folder, "restart", "restarted", "it leaked", trigger="watchdog")
    ledger.write(folder, "refused", "young", "too young", trigger="timer")
    answer, found = collect()
    one = found[NAME]
    assert (one["managed"], one["threshold_bytes"], one["action"]) == (True, 1 << 30, "alert")
    assert (one["last_restart"]["reason"], one["last_decision"]["code"]) == ("it leaked", "young")
    assert (one["last_sample"], one["suspended_until"], one["version"]) == (5, None, "0.19.0")
    assert one["next_restart"] > 4e9
    said = status.status(list(config.load().values()))["gateways"][0]
    assert {name: said[name] for name in status.KNOWN} == {name: one[name] for name in status.KNOWN}


def test_alert_of_a_gateway_that_runs_again_does_not_advise_to_start_it(host):
    """The alert is open for two minutes more, and its stored reason is out of date."""
    host.manage(NAME)
    managed = config.load()[NAME]
    reason = "it is down (failed); to start it: systemctl start hermes-gateway.service"
    alarms.alert_of(managed, down.CODE, reason)
    assert [one["reason"] for one in collect()[1][NAME]["alerts"]] == [down.RUNS_AGAIN]
    host.stop(NAME + ".service", "failed")
    assert [one["reason"] for one in collect()[1][NAME]["alerts"]] == [reason]


def test_gateway_that_stopped_has_the_version_of_its_last_sample(host):
    folder = host.manage(NAME)
    host.stop(NAME + ".service")
    # Without a process, the Python that it would use is unknown.
    host.units[NAME + ".service"]["ExecStart"] = "{ path=/x ; argv[]=/x/hermes gateway run ; }"
    history.append(folder, {"timestamp": 5, "rss_bytes": 1, "version": "0.18.0"})
    one = collect()[1][NAME]
    assert (one["state"], one["active_state"], one["version"]) == ("stopped", "inactive", "0.18.0")
    assert set(one["memory"].values()) == {None}


def test_unit_that_is_gone_is_still_reported(host):
    host.manage(NAME, NAME + "-gone")
    answer, found = collect()
    assert list(found) == [NAME, NAME + "-gone"]
    gone = found[NAME + "-gone"]
    assert (gone["state"], gone["managed"], gone["unit"]) == (
        "gone",
        True,
        "hermes-gateway-gone.service",
    )
    assert (gone["pid"], gone["active_state"], gone["version"]) == (None, None, None)
    assert set(gone) == set(found[NAME])
    assert list(collect(NAME + "-gone")[1]) == [NAME + "-gone"]


def test_unit_that_starts_something_else_is_not_gone(host):
    host.manage(NAME)
    host.stop(NAME + ".service")
    host.units[NAME + ".service"]["ExecStart"] = "{ path=/bin/true ; argv[]=/bin/true ; }"
    assert discovery.find_gateways() == []
    one = collect()[1][NAME]
    assert (one["state"], one["managed"]) == ("stopped", True)


def test_one_that_was_started_by_hand_is_not_the_unit_of_that_name(host, monkeypatch):
    account = discovery.find_gateways()[0].account
    by_hand = discovery.Gateway(NAME + "-gone", "manual", account, "/nowhere")
    by_hand.set_state({}, host.pid())
    monkeypatch.setattr(discovery, "started_manually", lambda found, candidates: [by_hand])
    host.manage(NAME + "-gone")
    found = [
        (one["name"], one["scope"], one["managed"]) for one in gateway_info.collect([])["gateways"]
    ]
    assert sorted(found) == [
        (NAME, "system", False),
        (NAME + "-gone", "manual", False),
        (NAME + "-gone", "system", True),
    ]


def test_broken_guard_does_not_hide_the_gateways(host):
    host.manage(NAME, threshold="a lot")
    answer, found = collect()
    assert "hermes_watchdog_threshold" in answer["guard_problem"]
    assert (found[NAME]["managed"], found[NAME]["state"]) == (None, "running")


def test_ledger_that_cannot_be_read_does_not_hide_the_gateways(host):
    folder = host.manage(NAME)
    os.mkdir(os.path.join(folder, ledger.NAME))
    answer, found = collect()
    assert ledger.NAME in answer["guard_problem"]
    assert found[NAME]["managed"] is None


def test_name_that_no_gateway_has(host):
    host.manage(NAME + "-gone")
    with pytest.raises(SettingError) as raised:
        gateway_info.collect(["nobody"])
    assert str(raised.value) == (
        "gateways: 'nobody' is not a gateway on this host: expected one of hermes-gateway, hermes-gateway-gone"
    )


def test_host_without_psutil_lacks_two_figures(host, monkeypatch):
    full = collect()[1][NAME]["memory"]
    monkeypatch.setattr(gateway_info, "psutil", None)
    memory = collect()[1][NAME]["memory"]
    assert memory["rss_bytes"] == pytest.approx(full["rss_bytes"], rel=0.1)
    assert memory["tree_rss_bytes"] == pytest.approx(full["tree_rss_bytes"], rel=0.1)
    assert (memory["swap_bytes"], memory["pss_bytes"], memory["uss_bytes"]) == (0, None, None)


def test_gateways_of_one_user_take_so_much_time_and_no_more(host, tmp_path, monkeypatch):
    clock = [0.0]
    asked = []

    def probe(gateway):
        asked.append(gateway.name)
        clock[0] += client.TIMEOUT
        raise HermesError("it did not end within 30 s", broken=True)

    monkeypatch.setattr(client, "probe", probe)
    monkeypatch.setattr(patience.time, "monotonic", lambda: clock[0])
    account = discovery.find_gateways()[0].account
    many = [
        discovery.Gateway("hung-%03d" % place, "manual", account, str(tmp_path / "home"))
        for place in range(200)
    ]
    for gateway in many:
        gateway.set_state({}, None, ["/usr/bin/python3", "-m", "hermes_cli.main", "gateway"])
    monkeypatch.setattr(discovery, "started_manually", lambda found, candidates: many)
    found = collect()[1]
    assert clock[0] <= patience.SECONDS + client.TIMEOUT
    assert len(found) == 201 and len(asked) == patience.SECONDS / client.TIMEOUT
    problem = found["hung-199"]["problem"]
    assert problem.startswith("its Hermes cannot be queried: the queries to other gateways of ")
    assert problem.endswith(" took 2 min")


@pytest.mark.parametrize("fault", [GuardError("no"), OSError(5, "I/O error"), ValueError()])
def test_fault_of_one_gateway_costs_no_other_its_answer(host, tmp_path, monkeypatch, fault):
    host.add_gateway(tmp_path / "other", unit="hermes-gateway-other.service")
    of = gateway_info.workers.of

    def broken(gateway):
        if gateway.name == NAME:
            raise fault
        return of(gateway)

    monkeypatch.setattr(gateway_info.workers, "of", broken)
    found = collect()[1]
    assert found[NAME]["state"] == "unknown"
    assert found[NAME]["problem"] == "its state cannot be read: %s" % (fault or "ValueError")
    assert found["hermes-gateway-other"]["state"] == "running"


def test_unit_that_looks_like_a_gateways_is_reported_with_the_reason(host):
    host.stop(NAME + ".service")
    host.units[NAME + ".service"]["ExecStart"] = (
        "{ path=/opt/h/start ; argv[]=/opt/h/start --forever ; ignore_errors=no ; }"
    )
    one = collect()[1][NAME]
    assert (one["state"], one["managed"], one["pid"]) == ("unknown", False, None)
    assert "'/opt/h/start' is not known to start a gateway" in one["problem"]
    # A managed gateway stays one; the reason is still given.
    host.manage(NAME)
    found = collect()[0]["gateways"]
    assert [(one["state"], one["managed"]) for one in found] == [("stopped", True)]
    assert "not known to start a gateway" in found[0]["problem"]


def test_gateways_on_one_home_are_a_conflict(host, tmp_path):
    host.add_gateway(tmp_path / "home", unit="hermes.service", start=False)
    found = collect()[1]
    assert found[NAME]["conflict"].startswith("hermes has the same home")
    assert found["hermes"]["conflict"].startswith("hermes-gateway has the same home")
    assert found["hermes"]["problem"] is None


def test_home_of_a_gateway_in_a_container_is_not_read(host, monkeypatch, tmp_path):
    """It is a path inside the container: the same path on the host is unrelated."""
    account = discovery.find_gateways()[0].account
    inside = discovery.Gateway("docker:0a1b", "container", account, str(tmp_path / "home"))
    inside.set_state({}, host.pid())
    inside.python, inside.container = None, "0a1b"
    monkeypatch.setattr(discovery, "in_containers", lambda candidates: [inside])
    one = collect()[1]["docker:0a1b"]
    assert (one["scope"], one["container"], one["managed"]) == ("container", "0a1b", False)
    assert (one["active_agents"], one["version"], one["channels"]) == (None, None, [])
    assert one["memory"]["rss_bytes"] > 0
    assert one["problem"].startswith("it runs in a container, which the guard does not manage")
    assert set(one) == set(collect()[1][NAME])


def serve(host, tmp_path, *profiles):
    """Make the gateway report which profiles its process serves, as Hermes 0.21.5 and later do."""
    path = tmp_path / "home/gateway_state.json"
    path.write_text(json.dumps(dict(json.loads(path.read_text()), served_profiles=profiles)))


def test_profiles_that_one_process_serves(host, tmp_path):
    assert collect()[1][NAME]["profiles"] == ["default"]
    serve(host, tmp_path, "default", "coder")
    one = collect()[1][NAME]
    assert (one["profiles"], one["profile"]) == (["default", "coder"], "")
    host.stop(NAME + ".service")
    assert collect()[1][NAME]["profiles"] == ["default"]


def test_profile_that_two_processes_serve_is_a_conflict(host, tmp_path):
    host.add_gateway(tmp_path / "home/profiles/coder", unit="hermes-gateway-coder.service")
    assert {one["conflict"] for one in collect()[0]["gateways"]} == {None}
    serve(host, tmp_path, "default", "coder")
    found = collect()[1]
    assert found[NAME + "-coder"]["conflict"].startswith(
        "hermes-gateway also serves its profile coder"
    )
    assert found[NAME]["conflict"].startswith("hermes-gateway-coder uses the home of its profile")
    # A stopped gateway does not conflict with another: it may be a leftover.
    host.stop(NAME + "-coder.service")
    assert {one["conflict"] for one in collect()[0]["gateways"]} == {None}


def test_limit_that_counts_is_returned(host, monkeypatch):
    monkeypatch.setattr(
        gateway_info.cgroup, "limit", lambda group: cgroup.Limit(5 << 20, "MemoryMax of a.slice")
    )
    memory = collect()[1][NAME]["memory"]
    assert (memory["cgroup_max_bytes"], memory["limit_bytes"]) == (None, 5 << 20)


@pytest.mark.parametrize(("changed", "outdated"), [(-3600.0, False), (3600.0, True), (None, None)])
def test_hermes_that_was_changed_after_the_start_is_outdated(host, monkeypatch, changed, outdated):
    """``changed`` is in seconds from now: the process has just started."""
    probe = gateway_info.client.probe

    def asked(gateway):
        return dict(probe(gateway), changed=None if changed is None else time.time() + changed)

    monkeypatch.setattr(gateway_info.client, "probe", asked)
    assert collect()[1][NAME]["outdated"] is outdated


@pytest.mark.parametrize(("later", "outdated"), [(60, True), (-3600, False)])
def test_unit_that_names_another_python_since_the_start_is_outdated(
    host, monkeypatch, later, outdated
):
    """An upgrade into a new environment does not change the old one, which the process runs."""
    probe = gateway_info.client.probe
    monkeypatch.setattr(
        gateway_info.client, "probe", lambda gateway: dict(probe(gateway), changed=1.0)
    )
    file = SimpleNamespace(st_ctime=time.time() + later)
    monkeypatch.setattr(gateway_info, "os", SimpleNamespace(lstat=lambda path: file))
    unit = host.units[NAME + ".service"]
    unit["FragmentPath"] = "/etc/systemd/system/hermes-gateway.service"
    assert collect()[1][NAME]["outdated"] is False
    words = "/opt/new/bin/python -m hermes_cli.main gateway run"
    unit["ExecStart"] = "{ path=/opt/new/bin/python ; argv[]=%s ; ignore_errors=no ; }" % words
    assert collect()[1][NAME]["outdated"] is outdated
