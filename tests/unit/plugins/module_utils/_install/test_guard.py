# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""guard and guard_component together, as a play calls them: what is refused, undone and removed, and that nothing else is touched."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import stat

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import config, handover
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import discovery
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import files as files_module
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import timers, unit_files
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import (
    GuardError,
    RunError,
    SystemdError,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._install import (
    checks,
    diff,
    guard_component,
    memory_limit,
    per_gateway,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._install import guard as base
from ansible_collections.hermes_ops.gateway.plugins.module_utils._install import (
    threshold as threshold_module,
)

MARK = "# hermes_ops.gateway\n"
GATEWAY = "hermes-gateway.service"
TIMER = "hermes-gateway-restart.timer"


def everything(root):
    """Every file below ``root`` with its mode, content and inode, and every folder."""
    found = {}
    for folder, _folders, names in os.walk(str(root)):
        found[folder] = None
        for name in names:
            path = os.path.join(folder, name)
            info = os.lstat(path)
            found[path] = (
                stat.S_IMODE(info.st_mode),
                info.st_ino,
                files_module.read_bytes(path, max_bytes=1 << 30)
                if stat.S_ISREG(info.st_mode)
                else None,
            )
    return found


def apply(parameters, check_mode=False):
    """What the module returns that has such ``parameters``."""
    backend = guard_component if "component" in parameters else base
    return backend.apply(parameters, check_mode)


def names(result):
    """The names of the gateways that the module returned."""
    return [gateway["name"] for gateway in result["gateways"]]


def refused(parameters, root, systemd, *words):
    """Applying is refused with ``words``, and nothing has changed."""
    before = everything(root)
    systemd.calls.clear()
    with pytest.raises(GuardError) as caught:
        apply(parameters)
    for word in words:
        assert word in str(caught.value)
    assert everything(root) == before
    assert systemd.calls == []


def test_first_run_second_run_and_removal(host, guard, timer, systemd):
    pid = systemd.pid()
    before = everything(host)
    for check_mode in (True, False):
        result = apply(guard(), check_mode)
        assert (result["changed"], names(result), len(result["diff"]) >= 3) == (
            True,
            ["hermes-gateway"],
            True,
        )
        if check_mode:
            assert everything(host) == before
            assert systemd.calls == []
    assert os.access(config.PROGRAM, os.X_OK)
    settings = config.load(str(host / "etc"))["hermes-gateway"]
    assert (settings.unit, settings.home, settings.python) == (
        GATEWAY,
        systemd.homes[GATEWAY],
        systemd.python,
    )
    assert systemd.calls == ["daemon-reload"]
    result = apply(timer())
    assert result["next_elapse"][TIMER] > 4000000000
    assert systemd.calls == ["daemon-reload", "daemon-reload", "enable " + TIMER]

    installed = everything(host)
    systemd.calls.clear()
    for parameters in (guard(), timer()):
        for check_mode in (True, False):
            result = apply(parameters, check_mode)
            assert (result["changed"], result["diff"]) == (False, [])
    assert (everything(host), systemd.calls) == (installed, [])

    for check_mode in (True, False):
        assert apply(timer(state="absent"), check_mode)["changed"]
    assert TIMER not in systemd.units
    assert os.path.exists(config.PROGRAM)
    apply(guard(state="absent"))
    assert everything(host) == before
    assert apply(guard(state="absent"))["changed"] is False
    assert systemd.pid() == pid


def test_changed_timer_starts_no_service(host, guard, timer, systemd):
    pid = systemd.pid()
    apply(guard())
    apply(timer())
    systemd.calls.clear()
    result = apply(timer(times="05:00"))
    assert [one["after"] for one in result["diff"]] == ["# hermes_ops.gateway\nOnCalendar=05:00\n"]
    assert systemd.calls == ["daemon-reload", "restart " + TIMER]
    assert systemd.pid() == pid


def test_removing_the_base_removes_the_others(host, guard, timer, watchdog, systemd):
    before = everything(host)
    for parameters in (guard(), timer(), watchdog()):
        apply(parameters)
    os.mkdir(str(host / "state/hermes-gateway"))
    (host / "state/hermes-gateway/memory.csv").write_text("timestamp\n")
    assert apply(guard(state="absent"))["changed"]
    assert everything(host) == before


def test_removing_beside_a_restart_waits_for_it_or_says_so(host, guard, systemd, monkeypatch):
    """Nothing else would remove the drain marker of a restart that an operator started."""
    monkeypatch.setattr(base, "LOCK_SECONDS", 0.1)
    before = everything(host)
    apply(guard())
    folder = host / "state/hermes-gateway"
    folder.mkdir()
    with handover.locked_directory(str(folder)):
        with pytest.raises(GuardError, match="a restart of hermes-gateway is in progress"):
            apply(guard(state="absent"))
        assert folder.exists()
    assert apply(guard(state="absent"))["changed"]
    assert everything(host) == before


def test_secret_of_several_lines_is_never_shown(host, guard, watchdog, monkeypatch):
    path = host / "etc/notify.secret"
    monkeypatch.setattr(diff.guard_program, "NOTIFY_SECRET", str(path))

    def wanted(secret):
        parameters = watchdog()
        if secret:
            file = {"path": str(path), "content": "@notify_secret@", "mode": "0600"}
            parameters["files"].append(file)
        return dict(parameters, secrets={"notify_secret": secret})

    apply(guard())
    seen = [apply(wanted("header = A: tok-1\nurl = tok-2"))]
    assert path.read_text() == "header = A: tok-1\nurl = tok-2\n"
    assert path.stat().st_mode & 0o7777 == 0o600
    assert apply(wanted("header = A: tok-1\nurl = tok-2"))["changed"] is False
    seen += [apply(wanted("tok-3"), True), apply(wanted("tok-3")), apply(wanted(""))]
    assert not path.exists()
    assert "tok-" not in json.dumps(seen)
    assert seen[0]["diff"][-1]["after"] == "(hidden)\n"
    assert seen[1]["diff"][-1]["after"] == "(hidden, changed)\n"


def test_ping_url_is_never_shown(host, guard, watchdog, monkeypatch):
    path = host / "etc/ping.url"
    monkeypatch.setattr(diff.guard_program, "PING_URL", str(path))

    def wanted(url):
        parameters = watchdog()
        if url:
            file = {"path": str(path), "content": "@ping_url@", "mode": "0600"}
            parameters["files"].append(file)
        return dict(parameters, secrets=dict(parameters["secrets"], ping_url=url))

    apply(guard())
    seen = [apply(wanted("https://h/tok-1"))]
    assert path.read_text() == "https://h/tok-1\n"
    assert path.stat().st_mode & 0o7777 == 0o600
    assert apply(wanted("https://h/tok-1"))["changed"] is False
    seen += [apply(wanted("https://h/tok-2"), True), apply(wanted("https://h/tok-2"))]
    before = everything(host)
    with pytest.raises(GuardError, match="^hermes_watchdog_ping_url: invalid URL") as caught:
        apply(wanted("h/tok-3"))
    assert everything(host) == before and "tok-" not in str(caught.value)
    seen += [apply(wanted(""), True), apply(wanted(""))]
    assert not path.exists()
    assert "tok-" not in json.dumps(seen)


def test_last_gateway_is_gone(host, guard, timer, systemd):
    apply(guard())
    apply(timer())
    systemd.close()
    systemd.units = {TIMER: systemd.units[TIMER]}
    result = apply(guard())
    assert (result["changed"], result["skipped_because"]) == (
        True,
        "no Hermes gateway on this host can be managed",
    )
    # Components that depend on the program are removed with it.
    assert (os.listdir(str(host / "units")), os.path.exists(config.PROGRAM), systemd.units) == (
        [],
        False,
        {},
    )
    assert apply(guard())["changed"] is False


def test_what_is_guarded_stays_so_while_its_home_is_away(host, guard, systemd, monkeypatch):
    """A disk that is not mounted during a run of the playbook takes no protection away."""
    home = host.parent / "of-a-user"
    home.mkdir()
    account = pwd.getpwuid(os.getuid())

    def ada():
        return discovery.Gateway("hermes-gateway@ada", "user", account, str(home), GATEWAY)

    monkeypatch.setattr(discovery, "started_manually", lambda found, candidates: [ada()])
    assert names(apply(guard())) == ["hermes-gateway", "hermes-gateway@ada"]
    before = everything(host)
    home.rename(host.parent / "away")
    result = apply(guard())
    assert (result["changed"], names(result)) == (False, ["hermes-gateway", "hermes-gateway@ada"])
    assert result["notes"][0].startswith("hermes-gateway@ada stays managed as configured: the home")
    assert everything(host) == before


def test_drop_in_for_a_name_that_a_user_chose(host, guard, limit, ram, systemd, monkeypatch):
    """/etc/systemd/user/UNIT.d applies to all users: a gateway called dbus must not limit their dbus.service."""
    account = pwd.getpwuid(os.getuid())
    mallory = discovery.Gateway(
        "dbus@mallory", "user", account, systemd.homes[GATEWAY], "dbus.service"
    )
    monkeypatch.setattr(discovery, "started_manually", lambda found, candidates: [mallory])
    apply(guard())
    found = {one["name"]: one["drop_in_directory"] for one in apply(guard())["gateways"]}
    own = str(host / "units/system/hermes-gateway.service.d")
    assert found == {"hermes-gateway": own, "dbus@mallory": None}
    result = apply(limit())
    assert os.path.exists(own + "/limit.conf") and not (host / "units/user").exists()
    assert result["notes"] == [
        "dbus@mallory gets no drop-in: only user units called hermes*.service are supported"
    ]
    hostile = limit()
    hostile["files"].append(
        {
            "path": str(host / "units/user/dbus.service.d/limit.conf"),
            "content": "# hermes_ops.gateway\n",
            "mode": "0644",
        }
    )
    refused(
        hostile,
        host,
        systemd,
        "dbus.service",
        "every user",
        "expected a unit called hermes*.service",
    )


def test_the_record_of_another_role_outlives_the_guard(host, guard):
    apply(guard())
    record = host / "state" / config.SESSION_RECORD
    record.write_text("{}")
    assert apply(guard(state="absent", files=[]))["changed"] is True
    assert [path.name for path in (host / "state").iterdir()] == [record.name]
    assert apply(guard(state="absent", files=[]))["changed"] is False


def test_one_gateway_less(host, guard, timer, systemd, tmp_path):
    systemd.add_gateway(tmp_path / "coder", unit="hermes-gateway-coder.service", start=False)
    apply(guard())
    apply(timer(names=["hermes-gateway", "hermes-gateway-coder"]))
    assert names(apply(guard(gateways=["hermes-gateway"]), True)) == ["hermes-gateway"]
    assert apply(timer(gateways=["hermes-gateway"]))["changed"]
    assert "hermes-gateway-coder-restart.timer" not in systemd.units
    assert (host / "units/hermes-gateway-coder-restart.service").exists()
    assert not (host / "units/hermes-gateway-coder-restart.timer").exists()


def test_foreign_file(host, guard, systemd):
    (host / "units/hermes-gateway-restart.service").write_text("somebody's own\n")
    refused(
        guard(), host, systemd, "hermes-gateway-restart.service", "not written by this collection"
    )


@pytest.mark.parametrize("kind", ["link", "folder"])
def test_what_is_no_file_in_the_place_of_one(host, guard, systemd, kind):
    path = host / "units/hermes-gateway-restart.service"
    path.symlink_to("/dev/null") if kind == "link" else path.mkdir()
    refused(guard(), host, systemd, str(path))


def test_gateway_that_is_not_there(host, guard, systemd):
    refused(
        guard(gateways=["hermes-gateway", "nonesuch"]),
        host,
        systemd,
        "hermes_guard_gateways",
        "'nonesuch'",
        "expected one of hermes-gateway",
    )


def test_home_of_somebody_else(host, guard, systemd):
    """It is an error only if that gateway is asked for: the home may be its user's decision."""
    systemd.units[GATEWAY]["User"] = "nobody"
    result = apply(guard())
    assert (names(result), result["changed"], result["faults"]) == ([], False, [])
    assert result["skipped_because"] == "no Hermes gateway on this host can be managed"
    assert result["notes"][0].startswith("hermes-gateway is skipped: the home ")
    refused(
        guard(gateways=["hermes-gateway"]),
        host,
        systemd,
        "hermes_guard_gateways",
        "belongs to uid",
        "expected a home directory that belongs to its user",
    )


def test_a_user_cannot_keep_the_others_from_being_guarded(host, guard, systemd, monkeypatch):
    """Any user may have a unit that names another user's home: a warning, and an error only if the gateway is named."""
    mallory = discovery.Gateway(
        "hermes-gateway@mallory", "user", pwd.getpwnam("nobody"), str(host), GATEWAY
    )
    monkeypatch.setattr(discovery, "started_manually", lambda found, candidates: [mallory])
    refused(
        guard(gateways=["hermes-gateway@mallory"]),
        host,
        systemd,
        "'hermes-gateway@mallory' cannot be managed",
        "belongs to uid",
    )
    result = apply(guard())
    assert names(result) == ["hermes-gateway"]
    assert [note.partition(": ")[0] for note in result["notes"]] == [
        "hermes-gateway@mallory is skipped"
    ]
    assert apply(guard())["changed"] is False


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_calendar(host, guard, timer, systemd):
    apply(guard())
    refused(
        timer(times="25:00"),
        host,
        systemd,
        "hermes_restart_timer_at",
        "'25:00'",
        "expected ",
        "04:00",
    )


def test_calendar_as_systemd_sees_it(host, guard, timer, systemd, monkeypatch):
    apply(guard())
    monkeypatch.setattr(timers, "calendar_problem", lambda expression: "no such day")
    refused(timer(), host, systemd, "hermes_restart_timer_at", "no such day")


@pytest.mark.parametrize(
    ("threshold", "why"), [("2048Q", "invalid size '2048Q'"), ("150%", "invalid size '150%'")]
)
def test_setting(host, guard, watchdog, systemd, threshold, why):
    apply(guard())
    refused(
        watchdog(threshold=threshold),
        host,
        systemd,
        "hermes_watchdog_threshold",
        threshold,
        why,
        "expected ",
    )


def test_slip_in_a_role_that_is_still_to_come(host, guard, systemd):
    refused(
        guard(options={"hermes_watchdog_breaches": "6 of 5"}),
        host,
        systemd,
        "hermes_watchdog_breaches",
        "6 of 5",
        "3 of 5",
    )


def test_mode_and_line_break(host, guard, watchdog, systemd):
    parameters = guard()
    parameters["files"][0]["mode"] = "rw-r--r--"
    refused(parameters, host, systemd, "mode", "rw-r--r--", "0644")
    apply(guard())
    refused(watchdog(command="a\nthreshold = 1%"), host, systemd, "notify_command", "line break")


def test_notify_command_that_cannot_be_run(host, guard, watchdog, systemd):
    apply(guard())
    refused(
        watchdog(command="/nonexistent/cmd tok-1"),
        host,
        systemd,
        "hermes_watchdog_notify_command: its program does not exist on this host",
    )
    (note,) = apply(watchdog(command="/nonexistent/cmd tok-1"), True)["notes"]
    assert "its program does not exist" in note and "tok-1" not in note
    assert apply(watchdog(command=None))["changed"]
    assert "notify_command = \n" in (host / "etc/guard.conf.d/watchdog.conf").read_text()


def test_part_without_its_base(host, timer, systemd):
    refused(timer(), host, systemd, "run the role hermes_guard first")


@pytest.mark.parametrize("folder", ["units", "bin"])
def test_folder_that_cannot_be_written(host, guard, systemd, folder, monkeypatch):
    # Root may write what is read-only by its mode: what counts is the kernel's answer.
    real = os.access
    monkeypatch.setattr(
        files_module.os,
        "access",
        lambda path, mode: False if path == str(host / folder) else real(path, mode),
    )
    refused(guard(), host, systemd, str(host / folder), "is not writable")


def test_rollback(host, guard, timer, systemd, tmp_path):
    apply(guard())
    systemd.add_gateway(tmp_path / "coder", unit="hermes-gateway-coder.service", start=False)
    apply(timer(gateways=["hermes-gateway"]))
    before = {
        path: value and (value[0], value[2]) for path, value in everything(host / "units").items()
    }
    pid = systemd.pid()
    # From one gateway to another: a timer goes, a timer comes, and systemd fails in between.
    systemd.fails.add("daemon-reload")
    with pytest.raises(GuardError, match=r"no luck; all changes were rolled back"):
        apply(timer(names=["hermes-gateway-coder"], gateways=["hermes-gateway-coder"]))
    systemd.fails.clear()
    assert {
        path: value and (value[0], value[2]) for path, value in everything(host / "units").items()
    } == before
    # The timer that had been stopped for it runs again.
    assert systemd.units[TIMER]["ActiveState"] == "active"
    assert systemd.pid() == pid
    # The manifest still names both, and the next run puts it right.
    apply(timer(gateways=["hermes-gateway"]))
    assert apply(timer(gateways=["hermes-gateway"]))["changed"] is False


def test_rollback_of_a_timer_that_cannot_be_started(host, guard, timer, systemd):
    apply(guard())
    before = sorted(everything(host / "units"))
    systemd.fails.add("enable")
    with pytest.raises(GuardError, match="rolled back"):
        apply(timer())
    systemd.fails.clear()
    assert sorted(everything(host / "units")) == before
    assert "disable " + TIMER in systemd.calls


def test_rollback_of_a_file_that_cannot_be_written(host, guard, systemd, monkeypatch):
    before = everything(host / "units")
    real = files_module.write_atomic

    def full(path, *rest, **named):
        if path.endswith("restart.service"):
            raise OSError(28, "No space left on device")
        real(path, *rest, **named)

    monkeypatch.setattr(files_module, "write_atomic", full)
    with pytest.raises(GuardError, match="No space left"):
        apply(guard())
    assert (everything(host / "units"), os.path.exists(config.PROGRAM)) == (before, False)


@pytest.mark.parametrize("part", ["timer", "watchdog"])
@pytest.mark.parametrize("after", range(4))
def test_killed_in_the_middle_and_removed(host, guard, request, monkeypatch, part, after):
    wanted = request.getfixturevalue(part)
    before = everything(host)
    apply(guard())
    base = sorted(everything(host))
    real = files_module.write_atomic
    count = []

    def killed(path, *rest, **named):
        if len(count) >= after:
            raise KeyboardInterrupt
        count.append(path)
        real(path, *rest, **named)

    monkeypatch.setattr(files_module, "write_atomic", killed)
    try:
        apply(wanted())
    except KeyboardInterrupt:
        pass
    monkeypatch.setattr(files_module, "write_atomic", real)
    # The next run takes it up where it is, or removes it.
    assert apply(wanted(state="absent"))["changed"] == (after > 0)
    assert sorted(everything(host)) == base
    apply(guard(state="absent"))
    assert everything(host) == before


def test_manifest_that_is_no_manifest(host, guard, systemd):
    apply(guard())
    (host / "state/installed/guard.json").write_text("[]")
    refused(guard(), host, systemd, "cannot read which files are installed")


def test_secrets_are_in_the_file_and_nowhere_else(host, guard, watchdog, systemd):
    apply(guard())
    path = host / "etc/guard.conf.d/watchdog.conf"
    seen = []
    for check_mode in (True, False):
        seen.append(apply(watchdog(), check_mode))
    assert "notify_command = curl -H token:tok-1\n" in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "notify_command = (hidden)\n" in seen[0]["diff"][0]["after"]
    # The token of an earlier run is none of this run's values, so that Ansible itself does not know it.
    changed = apply(watchdog(command="curl -H token:tok-2", threshold="60%"), True)
    assert (changed["diff"][0]["before"], changed["diff"][0]["after"]) == (
        "[DEFAULT]\n# hermes_ops.gateway\nthreshold = 50%\nnotify_command = (hidden)\n",
        "[DEFAULT]\n# hermes_ops.gateway\nthreshold = 60%\nnotify_command = (hidden, changed)\n",
    )
    assert apply(watchdog(command=""), True)["diff"][0]["after"].endswith("notify_command = \n")
    same = apply(watchdog(threshold="60%"), True)["diff"][0]
    assert same["after"].endswith("notify_command = (hidden)\n")
    seen += [
        changed,
        same,
        apply(watchdog(state="absent", command=""), True),
        apply(guard(state="absent"), True),
    ]
    assert "tok-" not in json.dumps(seen)
    assert "threshold" not in seen[-1]["diff"][-1]["before"]


def test_secret_with_quotes_is_written_as_it_is(host, guard, watchdog):
    apply(guard())
    command = r"""curl -H "X: o'clock" -d 'a\b {{ c }}' http://h/"""
    parameters = watchdog(command=command)
    # Ansible logs them on the host, and of a text that it quotes there it does not find a secret.
    assert "curl" not in repr(parameters["files"])
    apply(parameters)
    assert (host / "etc/guard.conf.d/watchdog.conf").read_text() == (
        "[DEFAULT]\n%sthreshold = 50%%\nnotify_command = %s\n" % (MARK, command)
    )
    assert apply(parameters)["diff"] == []


def test_file_that_nobody_may_read_is_not_shown(host, guard, watchdog):
    apply(guard())
    apply(watchdog())
    (host / "etc/guard.conf.d/watchdog.conf").chmod(0)
    removed = apply(watchdog(state="absent"), True)["diff"][0]
    assert removed["before"] == "(not shown: readable by its owner only)\n"


@pytest.mark.parametrize("state", ["present", "absent"])
def test_program_that_is_a_link_does_not_concern_the_others(host, guard, timer, state):
    apply(guard())
    apply(timer())
    os.rename(config.PROGRAM, config.PROGRAM + ".real")
    os.symlink(config.PROGRAM + ".real", config.PROGRAM)
    assert apply(timer(state=state))["changed"] is (state == "absent")


def test_program_is_not_in_the_diff(host, guard):
    program = [
        one
        for one in apply(guard(), True)["diff"]
        if one["after_header"].startswith(config.PROGRAM)
    ][0]
    assert program["after"].startswith("(the program hermes-guard, ")


def test_drop_in_that_is_younger_than_the_process(host, guard, allocator, systemd):
    apply(guard())
    path = str(host / "units/hermes-gateway.service.d/memory.conf")
    parameters = allocator(path, "# hermes_ops.gateway\n")
    assert apply(parameters)["restart_needed"] == ["hermes-gateway"]
    os.utime(path, (1, 1))
    assert apply(parameters)["restart_needed"] == []


def test_values_are_filled_in_at_once():
    gateway = type("Gateway", (), dict.fromkeys(("name", "unit", "scope", "user", "python"), "x"))()
    gateway.home = "/home/@PYTHON@"
    assert (
        per_gateway.fill("home = @HOME@ @PYTHON@ @OTHER@", gateway)
        == "home = /home/@PYTHON@ x @OTHER@"
    )


def test_users_unit_is_named_with_its_user(host, guard, tmp_path, monkeypatch):
    user = pwd.getpwuid(os.getuid())
    folder = tmp_path / "hermit/.config/systemd/user"
    folder.mkdir(parents=True)
    (tmp_path / "hermit/.hermes").mkdir()
    (folder / "hermes-gateway.service").touch()
    entry = pwd.struct_passwd(
        (user.pw_name, "x", user.pw_uid, user.pw_gid, "", str(tmp_path / "hermit"), "/bin/sh")
    )
    monkeypatch.setattr(discovery.pwd, "getpwall", lambda: [entry])
    result = apply(guard())
    assert names(result) == ["hermes-gateway", "hermes-gateway@" + user.pw_name]
    assert (host / ("units/hermes-gateway@%s-restart.service" % user.pw_name)).exists()


def test_limit_is_set_and_removed_without_a_restart(host, guard, limit, systemd, ram):
    pid = systemd.pid()
    apply(guard())
    before = everything(host)
    systemd.calls.clear()
    assert apply(limit(), True)["changed"]
    assert everything(host) == before
    result = apply(limit())
    assert (result["changed"], result["notes"], result["restart_needed"]) == (
        True,
        [],
        ["hermes-gateway"],
    )
    drop_in = (host / "units/system/hermes-gateway.service.d/limit.conf").read_text()
    assert drop_in == "# hermes_ops.gateway\nMemoryMax=800M\nMemorySwapMax=0\n"
    assert systemd.calls == ["daemon-reload"]
    assert apply(limit())["changed"] is False
    # What an earlier run wrote and systemd has not read.
    systemd.units[GATEWAY]["NeedDaemonReload"] = "yes"
    assert apply(limit(), True)["changed"]
    systemd.units[GATEWAY]["NeedDaemonReload"] = "no"
    apply(limit(state="absent"))
    assert everything(host) == before
    assert systemd.calls == ["daemon-reload", "daemon-reload"]
    apply(limit())
    apply(guard(state="absent"))
    assert not os.listdir(str(host / "units"))
    assert systemd.pid() == pid


def test_limit_below_the_watchdogs_threshold(host, guard, limit, watchdog, systemd, ram):
    apply(guard())
    apply(limit())
    apply(watchdog(threshold="80%"))
    words = (
        "hermes_memory_limit_max",
        "80%",
        "800 MB",
        "(hermes-gateway)",
        "hermes_watchdog_threshold",
        "expected ",
    )
    refused(limit(), host, systemd, *words)
    # In check mode the watchdog's role has not written anything yet: what the play says of it counts.
    assert apply(limit(watchdog="50%"), True)["changed"] is False
    with pytest.raises(GuardError, match="watchdog's threshold of 900 MB"):
        apply(limit(watchdog="900M"), True)


@pytest.mark.parametrize(
    ("threshold", "own", "outcome"),
    [
        ("50%", {"threshold": "900M"}, "watchdog's threshold of 900 MB (hermes-gateway)"),
        ("900M", {}, "watchdog's threshold of 900 MB (hermes-gateway)"),
        ("900M", {"threshold": "50%"}, ""),
        ("900M", {"watchdog_state": "absent"}, ""),
    ],
)
def test_limit_in_check_mode_is_compared_with_the_gateways_own_threshold(
    host, guard, limit, watchdog, ram, threshold, own, outcome
):
    """Check mode once knew the threshold of the host only, and differed from the real run."""
    given = {"hermes_gateways": {"hermes-gateway": own}}
    parameters = limit(watchdog=threshold)
    parameters["options"].update(given)

    def refusal(check_mode):
        try:
            apply(parameters, check_mode)
        except GuardError as exc:
            return str(exc)
        return ""

    apply(guard(options=given))
    checked = refusal(True)
    wanted = watchdog(threshold=threshold)
    value = "" if "watchdog_state" in own else own.get("threshold")
    if value is not None:
        # As the role writes it.
        wanted["files"][0]["content"] += "[hermes-gateway]\nthreshold = %s\n" % value
    apply(wanted)
    assert refusal(False) == checked
    assert outcome in checked and bool(outcome) == bool(checked)


@pytest.mark.parametrize(
    ("wrong", "option"),
    [
        ({"most": "0"}, "hermes_memory_limit_max"),
        ({"most": ""}, "hermes_memory_limit_max"),
        ({"most": "120%"}, "hermes_memory_limit_max"),
        ({"swap": "lots"}, "hermes_memory_limit_swap_max"),
        ({"high": "1x"}, "hermes_memory_limit_high"),
        ({"high": "80%"}, "hermes_memory_limit_high"),
    ],
)
def test_limit_that_is_none(host, guard, limit, systemd, ram, wrong, option):
    apply(guard())
    refused(limit(**wrong), host, systemd, option, "expected ")
    if wrong != {"high": "80%"}:
        value = list(wrong.values())[0]
        refused(guard(options={option: value}), host, systemd, option, "expected ")


@pytest.mark.parametrize(
    ("swap_of_the_host", "swap", "line", "note"),
    [
        (0, "", "", "this host has no swap"),
        (1 << 30, "0", "", "hermes_memory_limit_swap_max is 0"),
        (1 << 30, "10%", "MemoryHigh=700M\n", None),
    ],
)
def test_memory_high_only_with_swap(
    host, guard, limit, systemd, ram, swap_of_the_host, swap, line, note
):
    ram["swap"] = swap_of_the_host
    apply(guard())
    result = apply(limit(high="70%", swap=swap))
    text = (host / "units/system/hermes-gateway.service.d/limit.conf").read_text()
    assert text.partition("MemoryHigh")[1:] == line.partition("MemoryHigh")[1:]
    assert [note in one for one in result["notes"]] == ([True] if note else [])
    assert ("MemorySwapMax" in text) == bool(swap)


def test_limit_that_the_host_cannot_hold(host, guard, limit, systemd, ram, say_controllers):
    apply(guard())
    ram[""] = None
    assert apply(limit())["notes"] == ["hermes-gateway: the limit takes effect at its next restart"]
    assert "never reached" in apply(limit(most="2G"), True)["notes"][0]
    say_controllers("cpu pids\n")
    assert "disabled on this host" in apply(limit(), True)["notes"][0]
    say_controllers(None)
    for check_mode in (True, False):
        assert "cgroup v1" in apply(limit(), check_mode)["notes"][0]


def test_limit_of_users_without_the_controller(host, ram, say_controllers):
    gateway = type(
        "Gateway",
        (),
        {"name": "hermes-gateway@ada", "scope": "user", "uid": 1000, "user": "ada", "pid": 1},
    )()
    assert memory_limit.obstacle(gateway) is None
    say_controllers("cpu memory\n", "cpu\n")
    assert "Delegate=memory" in memory_limit.obstacle(gateway)


def test_two_users_share_a_drop_in(host, guard, limit, ram, systemd, monkeypatch):
    users = [
        type("Manager", (), {"user": pwd.getpwuid(os.getuid()), "calls": [], "broken": broken})()
        for broken in (True, False)
    ]
    units = {"hermes-gateway.service": "no", "hermes.slice": "no"}

    def show(manager, names, properties):
        return [{"Id": name, "NeedDaemonReload": units[name]} for name in names]

    def call(manager, verb):
        manager.calls.append(verb)
        if manager.broken:
            raise SystemdError("no answer")

    for manager in users:
        manager.show, manager.call = show.__get__(manager), call.__get__(manager)
    monkeypatch.setattr(unit_files.systemd, "user_managers", lambda: users)
    home = str(host.parent / "home")
    account = pwd.getpwuid(os.getuid())
    found = [
        discovery.Gateway("hermes-gateway@" + name, "user", account, home, "hermes-gateway.service")
        for name in ("ada", "bob")
    ]
    monkeypatch.setattr(discovery, "survey", lambda: discovery.Survey(found, [], []))
    for gateway in found:
        gateway.problem = None
    apply(guard())
    assert apply(limit(scope="user"))["changed"]
    assert (host / "units/user/hermes-gateway.service.d/limit.conf").exists()
    assert not (host / "units/system").exists()
    # One that does not answer does not keep the other from it.
    assert [manager.calls for manager in users] == [["daemon-reload"], ["daemon-reload"]]
    assert apply(limit(scope="user"))["changed"] is False
    units["hermes.slice"] = "yes"
    assert apply(limit(scope="user"))["changed"]
    apply(limit(state="absent"))
    assert not (host / "units/user").exists()
    assert users[1].calls == ["daemon-reload"] * 3


def test_allocator_without_its_library(host, guard, allocator, systemd, monkeypatch, tmp_path):
    monkeypatch.setattr(checks, "LIBRARIES", (str(tmp_path / "lib/*-linux-*"),))
    path = host / "units/system/hermes-gateway.service.d/allocator.conf"
    content = "# hermes_ops.gateway\n[Service]\nEnvironment=LD_PRELOAD=libjemalloc.so.2\n"
    parameters = allocator(path, content)
    assert apply(guard())["jemalloc"] is False
    refused(parameters, host, systemd, "libjemalloc.so.2", "install the package libjemalloc2")
    assert apply(parameters, True)["diff"][-1]["after"] == "libjemalloc2\n"
    (tmp_path / "lib/x86_64-linux-gnu").mkdir(parents=True)
    (tmp_path / "lib/x86_64-linux-gnu/libjemalloc.so.2").touch()
    assert apply(guard())["jemalloc"] is True
    assert len(apply(parameters, True)["diff"]) == 1
    assert apply(parameters)["restart_needed"] == ["hermes-gateway"]
    assert systemd.calls[-1] == "daemon-reload"


def test_allocator_of_glibc_needs_no_library(host, guard, allocator, monkeypatch):
    monkeypatch.setattr(checks, "LIBRARIES", ())
    apply(guard())
    path = host / "units/system/hermes-gateway.service.d/allocator.conf"
    content = "# hermes_ops.gateway\n[Service]\nEnvironment=MALLOC_ARENA_MAX=2\n"
    assert apply(allocator(path, content))["changed"]


def test_guard_returns_what_the_other_roles_need(host, guard, systemd, ram):
    result = apply(guard(), True)
    assert result["gateways"] == [
        {
            "name": "hermes-gateway",
            "unit": GATEWAY,
            "scope": "system",
            "user": pwd.getpwuid(os.getuid()).pw_name,
            "home": systemd.homes[GATEWAY],
            "python": systemd.python,
            "drop_in_directory": str(host / "units/system/hermes-gateway.service.d"),
            "settings": {},
        }
    ]
    assert result["excluded"] == []
    assert result["memory"]["total_bytes"] == 1000 << 20


def test_calendar_is_asked_about_once(host, guard, timer, monkeypatch):
    """systemd-analyze takes as long as everything else together: an event that an installed timer has was accepted before."""
    asked = []
    monkeypatch.setattr(timers, "calendar_problem", asked.append)
    for _run in range(2):
        apply(guard(options={"hermes_restart_timer_at": ["04:00"]}))
        apply(timer())
    assert asked == ["04:00", "04:00"]
    apply(guard(options={"hermes_restart_timer_at": ["04:00", "05:00"]}))
    assert asked[2:] == ["05:00"]


def test_active_timer_that_never_fires_is_mended(host, guard, timer, systemd):
    """A unit file that was broken for a while leaves the timer active without a next elapse: ``enable --now`` does nothing then."""
    apply(guard())
    apply(timer())
    systemd.elapsed.add(TIMER)
    systemd.calls.clear()
    assert apply(timer(), True)["changed"]
    result = apply(timer())
    assert result["changed"] and result["next_elapse"][TIMER] > 4000000000
    assert "restart " + TIMER in systemd.calls
    assert apply(timer())["changed"] is False


def test_rollback_leaves_no_timer_that_never_fires(host, guard, timer, systemd):
    """The new unit file was loaded and the timer had no next time with it; the old one is back, and so must be the next time."""
    apply(guard())
    apply(timer())
    systemd.during = lambda verb: systemd.elapsed.add(TIMER) if verb == "daemon-reload" else None
    real = systemd._restart
    tries = []

    def fails_once(rest):
        tries.append(rest)
        if len(tries) == 1:
            raise SystemdError("no luck")
        real(rest)

    systemd._restart = fails_once
    with pytest.raises(GuardError, match="all changes were rolled back"):
        apply(timer(times="05:00"))
    assert "04:00" in (host / "units" / TIMER).read_text()
    assert TIMER not in systemd.elapsed
    systemd.during = None
    assert apply(timer())["changed"] is False


def test_fault_that_is_met_while_putting_back_does_not_hide_the_first(
    host, guard, timer, systemd, monkeypatch
):
    apply(guard())
    apply(timer())
    systemd.fails.add("daemon-reload")
    real, asked = timers.next_elapse, []

    def slow(units):
        asked.append(units)
        if len(asked) > 1:
            raise RunError("systemctl did not end in time")
        return real(units)

    monkeypatch.setattr(timers, "next_elapse", slow)
    with pytest.raises(
        GuardError, match=r"no luck; some changes could not be rolled back: .* in time"
    ):
        apply(timer(times="05:00"))
    assert "04:00" in (host / "units" / TIMER).read_text()


@pytest.mark.parametrize("value", ["04:61", ["04:61"], 240])
def test_calendar_that_is_no_list(host, timer, guard, systemd, value, monkeypatch):
    monkeypatch.setattr(timers, "calendar_problem", lambda text: "no")
    refused(
        guard(options={"hermes_restart_timer_at": value}),
        host,
        systemd,
        "hermes_restart_timer_at: invalid calendar event %r" % str(value).strip("[']"),
    )


def test_one_answer_of_systemd_serves_a_run_that_changes_nothing(host, guard, timer, systemd):
    apply(guard())
    apply(timer())
    systemd.asked.clear()
    assert apply(timer())["changed"] is False
    assert systemd.asked.count("list-timers") == 1
    # Discovery, and the units of the component.
    assert systemd.asked.count("show") == 2


@pytest.mark.parametrize(
    ("threshold", "what"), [("1001M", "the RAM of this host is 1000 MB"), ("999M", None)]
)
def test_threshold_that_is_never_reached(host, guard, systemd, ram, threshold, what):
    parameters = guard(options={"hermes_watchdog_threshold": threshold})
    if what is None:
        assert apply(parameters)["changed"]
    else:
        refused(parameters, host, systemd, "hermes_watchdog_threshold", threshold, what, "expected")


def test_seed_is_of_the_host_and_does_not_tell_its_machine_id(host, guard, tmp_path, monkeypatch):
    seeds = []
    for text in (
        "0123456789abcdef0123456789abcdef\n",
        "0123456789abcdef0123456789abcdee\n",
        "",
        None,
    ):
        path = tmp_path / "machine-id"
        if text is not None:
            path.write_text(text)
        else:
            path.unlink()
        monkeypatch.setattr(base, "MACHINE_ID", str(path))
        seeds.append(apply(guard(), True)["seed"])
        assert seeds[-1] == apply(guard())["seed"] and len(seeds[-1]) == 16
        assert seeds[-1] not in (text or "")
    # Without an ID it is the host's own name.
    assert len(set(seeds)) == 3 and seeds[2] == seeds[3]


@pytest.fixture
def used(monkeypatch):
    """used(MB): what every gateway that runs uses, its swap being 4 MB of it."""

    def set_(megabytes):
        tree = threshold_module.tree.Tree({}, (megabytes - 4) << 20, 4 << 20)
        monkeypatch.setattr(threshold_module.tree, "memory", lambda pid, group: tree)

    return set_


def test_threshold_without_a_unit_that_is_less_than_a_gateway_uses(host, guard, systemd, ram, used):
    """ "50" for "50%" restarted a gateway that idles at 94 MB until the daily cap."""
    used(94)
    for text in ("50", 50, "94", "0.5"):
        refused(
            guard(options={"hermes_watchdog_threshold": text}),
            host,
            systemd,
            "hermes_watchdog_threshold: invalid size %r: it has no unit, and " % str(text),
            "is less than hermes-gateway uses now (94 MB): expected",
            '"%s%%" of RAM or "%sM"' % (text, text),
        )
    assert apply(guard(options={"hermes_watchdog_threshold": "95"}))["notes"] == []
    assert apply(guard(options={"hermes_watchdog_threshold": "50%"}))["notes"] == []


def test_threshold_without_a_unit_if_no_gateway_runs(host, guard, systemd, ram):
    systemd.stop("hermes-gateway.service")
    refused(
        guard(options={"hermes_watchdog_threshold": "50"}),
        host,
        systemd,
        "hermes_watchdog_threshold: invalid size '50': it has no unit",
        '"50%" of RAM or "50M"',
    )
    assert apply(guard(options={"hermes_watchdog_threshold": 400}))["changed"]


@pytest.mark.parametrize(
    ("action", "does"), [("restart", "restarts it"), ("alert", "raises an alert")]
)
def test_threshold_below_what_a_gateway_uses_is_a_warning(host, guard, ram, used, action, does):
    used(94)
    options = {"hermes_watchdog_threshold": "50M", "hermes_watchdog_action": action}
    for check_mode in (True, False, False):
        assert apply(guard(options=options), check_mode)["notes"] == [
            "hermes_watchdog_threshold: 50M is 50 MB on this host, but hermes-gateway uses 94 MB"
            " now: the watchdog %s if usage stays above" % does
        ]


@pytest.mark.parametrize(
    "option",
    ["hermes_watchdog_interval", "hermes_watchdog_cooldown", "hermes_restart_timer_wait_idle"],
)
def test_time_without_a_unit(host, guard, systemd, option):
    refused(
        guard(options={option: 5}),
        host,
        systemd,
        option,
        "invalid time '5': 5 has no unit",
        '"5min"',
    )
    assert apply(guard(options={option: "5min"}))["changed"]


def test_time_without_a_unit_in_the_file_of_a_role(host, guard, timer, systemd):
    """The variables of a role in a playbook's list of roles are seen there only."""
    apply(guard())
    parameters = timer()
    for file in parameters["files"]:
        if file["path"].endswith(".conf"):
            file["content"] += "min_uptime = 120\n"
    refused(parameters, host, systemd, "hermes_restart_timer_min_uptime", "120 has no unit")


def test_share_of_the_memory_limit_without_its_sign(host, guard, systemd, ram):
    for option in ("hermes_memory_limit_max", "hermes_memory_limit_high"):
        refused(
            guard(options={option: "80"}), host, systemd, option, "it has no unit", '"80%" of RAM'
        )


@pytest.mark.parametrize(
    ("value", "written"), [(960, "16:00"), (240, "4:00"), ([57600], "16:00:00")], ids=str
)
def test_time_that_yaml_took_for_a_number(host, guard, systemd, value, written):
    """ "04:00" without quotes stays a text, as YAML has it, and 16:00 is sixteen times sixty."""
    refused(
        guard(options={"hermes_restart_timer_at": value}),
        host,
        systemd,
        'YAML reads %s without quotes as a number; write "%s"' % (written, written),
    )


def test_threshold_above_the_limit_of_a_gateway(host, guard, systemd, ram, monkeypatch):
    """The kernel would act before the watchdog; unless this play sets another limit."""
    limit = threshold_module.cgroup.Limit(600 << 20, "MemoryMax")
    monkeypatch.setattr(threshold_module.limits, "cgroup_limit", lambda gateway: limit)
    options = {"hermes_watchdog_threshold": "70%"}
    refused(guard(options=options), host, systemd, "MemoryMax of hermes-gateway", "700 MB")
    assert apply(guard(options=dict(options, hermes_memory_limit_max="80%")))["changed"]


@pytest.mark.parametrize(
    "home", ["@NOTIFY_COMMAND@", "@notify_secret@", "@CALENDAR@", "@NAME@", "{{ x }}", "a%b", "a b"]
)
def test_home_that_looks_like_a_token(host, guard, watchdog, systemd, tmp_path, home):
    """One such home once had the notify token in a unit that all may read, or ended the module."""
    systemd.add_gateway(tmp_path / home, unit="hermes-not.service", start=False)
    systemd.units["hermes-not.service"]["Environment"] = '"HERMES_HOME=%s"' % (tmp_path / home)
    result = apply(guard())
    known = [one for one in result["gateways"] if one["name"] == "hermes-not"]
    if "%" in home:
        assert known == []
        return
    assert known[0]["home"] == str(tmp_path / home)
    assert config.load(str(host / "etc"))["hermes-not"].home == str(tmp_path / home)
    parameters = watchdog()
    unit = str(host / "units/hermes-mem-watchdog.service")
    content = (
        "# hermes_ops.gateway\nReadWritePaths=%s\n@notify_command@ notify_command = x\n" % home
    )
    parameters["files"].append({"path": unit, "content": content, "mode": "0644"})
    apply(parameters, True)
    apply(parameters)
    assert "tok-1" not in open(unit).read()


def test_secret_in_a_file_that_others_may_read(host, guard, watchdog, systemd):
    apply(guard())
    parameters = watchdog()
    parameters["files"][0]["mode"] = "0644"
    refused(parameters, host, systemd, "watchdog.conf contains a secret", "0644", "expected 0600")
