# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which gateways stay managed: protection goes only if the unit itself is gone."""

from __future__ import annotations

import os
import pwd

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import config
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import discovery
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import accounts
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import (
    systemd as systemd_module,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import (
    GuardError,
    SystemdError,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._install import guard as backend
from ansible_collections.hermes_ops.gateway.plugins.module_utils._install import (
    guard_component,
    selection,
)

GATEWAY = "hermes-gateway.service"
FUTURE = "{ path=/opt/h/start ; argv[]=/opt/h/start --forever ; ignore_errors=no ; }"


def contents(host):
    """Every file below ``host`` with its content."""
    return {
        os.path.join(folder, name): open(os.path.join(folder, name), "rb").read()
        for folder, _folders, names in os.walk(str(host))
        for name in names
    }


def not_understood(systemd, unit=GATEWAY):
    """The unit starts what no release is known to start, as after an upgrade; it is stopped."""
    if unit in systemd.processes:
        systemd.stop(unit)
    systemd.units[unit]["ExecStart"] = FUTURE


def test_upgrade_to_a_release_that_is_not_understood(host, guard, timer, systemd):
    """The next run of the playbook once removed all that protected such a gateway."""
    backend.apply(guard())
    guard_component.apply(timer())
    before = contents(host)
    not_understood(systemd)
    for parameters in (guard(), timer(), guard(gateways=["hermes-gateway"])):
        module = guard_component if "component" in parameters else backend
        result = module.apply(parameters)
        assert result["changed"] is False and "skipped_because" not in result
        if module is backend:
            assert [one["name"] for one in result["gateways"]] == ["hermes-gateway"]
            # The role fails for the host with these, at the end of the play.
            assert result["faults"] == result["notes"]
        assert result["notes"][0].startswith(
            "hermes-gateway stays managed as configured: hermes-gateway.service looks like the unit of "
            "a gateway, but its command '/opt/h/start' is not known to start a gateway"
        )
    assert contents(host) == before
    # The unit itself is gone, as systemd reports.
    del systemd.units[GATEWAY]
    result = backend.apply(guard())
    assert (result["gateways"], result["faults"]) == ([], [])
    assert result["notes"] == [
        "hermes-gateway: its unit hermes-gateway.service no longer exists on this host, so its"
        " protection is removed"
    ]


@pytest.mark.parametrize("moved", [False, True])
def test_python_that_only_a_running_gateway_shows_is_kept(host, guard, systemd, tmp_path, moved):
    """guard.conf once changed each time that such a gateway was stopped or running."""
    systemd.units[GATEWAY]["ExecStart"] = (
        "{ path=/usr/local/bin/hermes ; argv[]=/usr/local/bin/hermes gateway run ; ignore_errors=no ; }"
    )
    backend.apply(guard())
    assert config.load(config.FOLDER)["hermes-gateway"].python == systemd.python
    systemd.stop(GATEWAY)
    if moved:
        # Another home may have another Hermes.
        (tmp_path / "other").mkdir()
        systemd.units[GATEWAY]["Environment"] = "HERMES_HOME=%s" % (tmp_path / "other")
    result = backend.apply(guard())
    python = None if moved else systemd.python
    assert (result["changed"], result["gateways"][0]["python"]) == (moved, python)


def test_one_of_two_is_not_understood(host, guard, systemd, tmp_path):
    systemd.add_gateway(tmp_path / "b", unit="hermes-gateway-b.service", start=False)
    backend.apply(guard())
    not_understood(systemd, "hermes-gateway-b.service")
    before = contents(host)
    result = backend.apply(guard())
    assert [one["name"] for one in result["gateways"]] == ["hermes-gateway", "hermes-gateway-b"]
    assert (result["changed"], contents(host)) == (False, before)
    # It is removed if it is no longer requested.
    result = backend.apply(guard(gateways=["hermes-gateway"]))
    assert [one["name"] for one in result["gateways"]] == ["hermes-gateway"]


def test_unit_that_looks_like_a_gateways_and_was_never_managed(host, guard, systemd):
    not_understood(systemd)
    result = backend.apply(guard())
    # It has no files of ours, so it is not a fault of this host.
    assert (result["changed"], result["gateways"], result["faults"]) == (False, [], [])
    assert result["notes"][0].startswith("hermes-gateway is skipped: hermes-gateway.service looks")
    with pytest.raises(GuardError, match="'hermes-gateway' cannot be managed: .* not known"):
        backend.apply(guard(gateways=["hermes-gateway"]))


def test_users_systemd_that_does_not_answer(host, guard, systemd, settings, monkeypatch, tmp_path):
    """Nothing reports that the unit is gone, so it counts as existing."""
    me = pwd.getpwuid(os.getuid())
    backend.apply(guard())
    with open(os.path.join(config.FOLDER, "guard.conf"), "a", encoding="utf-8") as conf:
        conf.write(
            "\n[x@ada]\nunit = x.service\nscope = user\nuser = %s\nhome = %s\npython =\n"
            % (me.pw_name, tmp_path / "home")
        )
    answers = []

    def systemctl(self, *words, **how):
        if self.user is not None:
            if not answers:
                raise SystemdError("systemctl did not end within 30 s")
            return answers[0]
        return real(self, *words, **how)

    real = systemd_module.Manager.systemctl
    monkeypatch.setattr(systemd_module.Manager, "systemctl", systemctl)
    monkeypatch.setattr(systemd_module, "user_managers", lambda: [systemd_module.Manager(me)])
    gateways, notes, faults, _excluded = selection.select([])
    assert [one.name for one in gateways] == ["hermes-gateway", "x@ada"]
    assert (
        notes
        == faults
        == ["x@ada stays managed as configured: the systemd manager of x.service does not answer"]
    )
    assert (gateways[1].unit, gateways[1].scope) == ("x.service", "user")
    assert gateways[1].home == str(tmp_path / "home")
    answers.append(systemd_module.command.Result(0, "Id=x.service\nLoadState=not-found\n", ""))
    now = selection.select([])
    assert [one.name for one in now.gateways] == ["hermes-gateway"]
    assert (now.notes, now.faults) == (
        ["x@ada: its unit x.service no longer exists on this host, so its protection is removed"],
        [],
    )


def test_home_that_does_not_answer(host, guard, systemd, monkeypatch, tmp_path, dead):
    """It may hang for ever: it is never looked at but by a process that is left behind."""
    for name in ("b", "dead"):
        systemd.add_gateway(tmp_path / name, unit="hermes-gateway-%s.service" % name, start=False)
    backend.apply(guard())
    before = contents(host)
    dead("*dead*")
    here = os.getpid()
    for name in ("lstat", "stat", "open", "scandir", "listdir"):
        real = getattr(os, name)

        def look(path, *words, _real=real, **how):
            assert os.getpid() != here or str(tmp_path / "dead") not in str(path)
            return _real(path, *words, **how)

        monkeypatch.setattr(os, name, look)
    result = backend.apply(guard())
    monkeypatch.undo()
    assert [one["name"] for one in result["gateways"]] == [
        "hermes-gateway",
        "hermes-gateway-b",
        "hermes-gateway-dead",
    ]
    assert result["notes"] == [
        "hermes-gateway-dead stays managed as configured: its home %s does not answer"
        % (tmp_path / "dead")
    ]
    assert (result["changed"], result["faults"], contents(host)) == (False, [], before)


def test_gateway_in_a_container_is_left_out_with_a_note(host, guard, systemd, monkeypatch):
    account = pwd.struct_passwd(("1000", "x", 1000, 1000, "", "/nonexistent", ""))
    monkeypatch.setattr(
        discovery,
        "in_containers",
        lambda candidates: [discovery.Gateway("docker:0a1b", "container", account, "/opt/data")],
    )
    result = backend.apply(guard())
    assert [one["name"] for one in result["gateways"]] == ["hermes-gateway"]
    assert result["notes"] == [
        "docker:0a1b is skipped: it runs in a container, which the guard does not manage: set a "
        "memory limit and a restart policy in the container engine"
    ]
    with pytest.raises(GuardError, match="'docker:0a1b' cannot be managed: it runs in a container"):
        backend.apply(guard(gateways=["docker:0a1b"]))


def configure(name, **place):
    """Add a gateway to guard.conf, as if an earlier run had found it."""
    lines = "".join("%s = %s\n" % pair for pair in place.items())
    with open(os.path.join(config.FOLDER, "guard.conf"), "a", encoding="utf-8") as conf:
        conf.write("\n[%s]\n%s" % (name, lines))


def test_masked_unit_of_a_user_who_is_gone(host, guard, systemd):
    """It once ended the module for the host with "there is no user"."""
    backend.apply(guard())
    configure("old", unit="old.service", user="no-such-user", home="/home/no-such-user/.hermes")
    systemd.units["old.service"] = {"Id": "old.service", "LoadState": "masked"}
    chosen = selection.select([])
    assert [one.name for one in chosen.gateways] == ["hermes-gateway", "old"]
    assert (chosen.gateways[1].user, chosen.gateways[1].home) == (
        "no-such-user",
        "/home/no-such-user/.hermes",
    )
    assert chosen.faults == ["old stays managed as configured: old.service is masked"]


def test_user_who_is_gone(host, guard, systemd, monkeypatch, tmp_path):
    """A user's units go with the user; one whom no directory service knows just now still runs."""
    backend.apply(guard())
    home = tmp_path / "gone/.hermes"
    home.mkdir(parents=True)
    configure("x@gone", unit="x.service", scope="user", user="no-such-user", home=home)
    chosen = selection.select([])
    assert [one.name for one in chosen.gateways] == ["hermes-gateway"]
    assert chosen.faults == [] and chosen.notes[0].startswith(
        "x@gone: its unit x.service no longer exists"
    )
    (tmp_path / "run" / str(os.getuid())).mkdir(parents=True)
    monkeypatch.setattr(accounts, "USER_RUNTIME", str(tmp_path / "run"))
    chosen = selection.select([])
    assert [one.name for one in chosen.gateways] == ["hermes-gateway", "x@gone"]
    assert "does not answer" in chosen.faults[0]


def test_home_with_the_units_is_away(host, guard, systemd, monkeypatch, tmp_path):
    """Its user may have moved it: a warning, and no fault of the run."""
    me = pwd.getpwuid(os.getuid())
    account = pwd.struct_passwd(
        (me.pw_name, "x", me.pw_uid, me.pw_gid, "", str(tmp_path / "away"), "/bin/sh")
    )
    backend.apply(guard())
    configure("x@ada", unit="x.service", scope="user", user=me.pw_name, home="/home/ada/.hermes")
    monkeypatch.setattr(config.Settings, "account", property(lambda settings: account))
    chosen = selection.select([])
    assert [one.name for one in chosen.gateways] == ["hermes-gateway", "x@ada"]
    assert chosen.faults == []
    assert chosen.notes == [
        "x@ada stays managed as configured: the home directory with the unit file of x.service is not accessible"
    ]


@pytest.mark.parametrize("named", [(), ("hermes-gateway",)])
def test_home_of_a_system_gateway_is_away(host, guard, systemd, tmp_path, named):
    """Its user decides that: it once failed the play for all gateways of the host."""
    systemd.add_gateway(tmp_path / "b", unit="hermes-gateway-b.service", start=False)
    names = [*named, "hermes-gateway-b"] if named else []
    backend.apply(guard(gateways=names))
    before = contents(host)
    (tmp_path / "home").rename(tmp_path / "moved")
    result = backend.apply(guard(gateways=names))
    (tmp_path / "moved").rename(tmp_path / "home")
    assert [one["name"] for one in result["gateways"]] == ["hermes-gateway", "hermes-gateway-b"]
    assert (result["changed"], result["faults"], contents(host)) == (False, [], before)
    assert result["notes"][0].startswith("hermes-gateway stays managed as configured: the home ")


@pytest.mark.parametrize("damage", ["[hermes-gateway\nunit", None])
def test_guard_conf_that_does_not_name_a_managed_gateway(host, guard, systemd, damage):
    """Nothing says then what it was: what protects it stays, and the operator decides."""
    backend.apply(guard())
    path = os.path.join(config.FOLDER, "guard.conf")
    with open(path, "w", encoding="utf-8") as conf:
        conf.write(damage or "")
    if damage is None:
        os.unlink(path)
    # As long as it is found, the file is written anew.
    assert backend.apply(guard(), True)["changed"]
    not_understood(systemd)
    before = contents(host)
    with pytest.raises(
        GuardError, match="hermes-gateway is managed, was not found, and is no longer in"
    ):
        backend.apply(guard())
    assert contents(host) == before


def test_wrong_line_of_an_operator_hides_no_managed_gateway(host, guard, systemd):
    """Then no gateway counted as managed, and one that was not understood lost all it had."""
    backend.apply(guard())
    not_understood(systemd)
    folder = os.path.join(config.FOLDER, "guard.conf.d")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "zz-local.conf"), "w", encoding="utf-8") as conf:
        conf.write("[hermes-gateway]\nthreshold = 2048Q\n")
    result = backend.apply(guard())
    assert [one["name"] for one in result["gateways"]] == ["hermes-gateway"]
    assert result["changed"] is False and len(result["faults"]) == 1
