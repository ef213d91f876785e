# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""guard.conf and the files in guard.conf.d."""

from __future__ import annotations

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import config
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import proc, quantity
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import SettingError

GB = 1 << 30


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(config.proc, "host_memory", lambda: {"total_bytes": 4 * GB})
    (tmp_path / "guard.conf.d").mkdir()
    return tmp_path


def write(folder, name, text):
    (folder / name).write_text(text)


def test_nothing_is_configured(folder):
    assert config.load(str(folder)) == {}


def test_order(folder):
    write(
        folder,
        "guard.conf",
        "[DEFAULT]\nhistory_days = 7\n[one]\nunit = one.service\nhome = /home/a b\n"
        "[two]\nhistory_days = 9\n",
    )
    write(folder, "guard.conf.d/watchdog.conf", "[DEFAULT]\nthreshold = 50%\ncooldown = 1h\n")
    write(folder, "guard.conf.d/restart-timer.conf", "[DEFAULT]\nmin_uptime = 3h\n")
    write(folder, "guard.conf.d/ignored.txt", "[DEFAULT]\nthreshold = nonsense\n")
    every = config.load(str(folder))
    assert sorted(every) == ["one", "two"]
    one, two = every["one"], every["two"]
    assert (one.history_days, two.history_days) == (7, 9)
    assert (one.threshold, one.cooldown, one.min_uptime, one.breaches) == (
        2 * GB,
        3600,
        10800,
        (3, 5),
    )
    assert (one.unit, one.home, two.user) == ("one.service", "/home/a b", "root")


def test_the_operators_own_file_wins(folder):
    write(folder, "guard.conf", "[one]\n[two]\n")
    write(folder, "guard.conf.d/watchdog.conf", "[DEFAULT]\nthreshold = 50%\n")
    write(
        folder, "guard.conf.d/zz-local.conf", "[one]\nthreshold = 1G\n[DEFAULT]\naction = alert\n"
    )
    every = config.load(str(folder))
    assert (every["one"].threshold, every["two"].threshold, every["two"].action) == (
        GB,
        2 * GB,
        "alert",
    )


def test_no_watchdog_no_threshold(folder):
    write(folder, "guard.conf", "[one]\n")
    assert config.load(str(folder))["one"].threshold is None


def test_signs_that_other_dialects_of_ini_read(folder):
    write(
        folder, "guard.conf", "[one]\nnotify_command = curl -d 'a=b: %(x)s ; c # d' http://h:1/\n"
    )
    assert (
        config.load(str(folder))["one"].notify_command == "curl -d 'a=b: %(x)s ; c # d' http://h:1/"
    )


def test_section_with_a_name_that_is_no_gateways(folder):
    write(folder, "guard.conf", "[../../etc]\n[one]\n")
    assert sorted(config.load(str(folder))) == ["one"]


@pytest.mark.parametrize(
    ("key", "value", "variable", "allowed"),
    [
        ("threshold", "2048Q", "hermes_watchdog_threshold", "a share of RAM"),
        ("threshold", "150%", "hermes_watchdog_threshold", "1%"),
        ("breaches", "5 of 3", "hermes_watchdog_breaches", "3 of 5"),
        ("action", "reboot", "hermes_watchdog_action", "restart, alert"),
        ("history_days", "0", "hermes_guard_history_days", "1 to 3650"),
        ("history_days", "1.5", "hermes_guard_history_days", "1 to 3650"),
        ("daily_cap", "many", "hermes_watchdog_daily_cap", "1 to 3650"),
        ("cooldown", "soon", "hermes_watchdog_cooldown", "5min"),
        ("wait_idle", "-1s", "hermes_restart_timer_wait_idle", "5min"),
    ],
)
def test_error_names_option_place_value_and_what_is_allowed(folder, key, value, variable, allowed):
    write(folder, "guard.conf", "[one]\n%s = %s\n" % (key, value))
    for call in (
        lambda: config.load(str(folder)),
        lambda: config.check_text("[one]\n%s = %s\n" % (key, value), "one"),
    ):
        with pytest.raises(SettingError) as caught:
            call()
        for word in (variable, "one", value, "expected ", allowed):
            assert word in str(caught.value)


# A colon is not a delimiter: a file has one meaning only.
@pytest.mark.parametrize(
    "text", ["no section\n", "[one\n", "[one]\nwithout a value\n", "[one]\nthreshold: 2G\n"]
)
def test_what_is_no_ini(folder, text):
    write(folder, "guard.conf", text)
    with pytest.raises(SettingError, match=r"guard\.conf"):
        config.load(str(folder))
    with pytest.raises(SettingError, match="is not a valid INI file"):
        config.check_text(text, "guard.conf")


def test_file_that_is_no_text(folder):
    (folder / "guard.conf").write_bytes(b"[one]\n\xff\xfe = 1\n")
    with pytest.raises(SettingError, match=r"guard\.conf cannot be read"):
        config.load(str(folder))


def test_every_key_has_a_default_that_is_right():
    for key, (_variable, default, _kind) in config.KEYS.items():
        config.value_of(key, default, "default")
    assert proc.host_memory()["total_bytes"] > 0


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("hermes_watchdog_threshold", "2048Q"),
        ("hermes_restart_timer_every", "7h"),
        ("hermes_session_max_messages", "0"),
        ("hermes_no_such_option", "1"),
    ],
)
def test_option_of_a_role(option, value):
    with pytest.raises(SettingError, match=option):
        config.check_option(option, value)


def test_file_with_a_fault_is_left_out_and_the_others_hold(folder):
    write(folder, "guard.conf", "[one]\n[two]\n")
    write(folder, "guard.conf.d/watchdog.conf", "[DEFAULT]\nthreshold = 50%\n")
    write(folder, "guard.conf.d/x-text.conf", "no section\n")
    write(folder, "guard.conf.d/y-value.conf", "[one]\nthreshold = 2048Q\ncooldown = 2h\n")
    write(folder, "guard.conf.d/zz-local.conf", "[two]\naction = alert\n")
    with pytest.raises(SettingError):
        config.load(str(folder))
    every, faults = config.load_tolerantly(str(folder))
    assert (every["one"].threshold, every["one"].cooldown) == (2 * GB, 1800)
    assert (every["two"].threshold, every["two"].action) == (2 * GB, "alert")
    assert [fault.partition(" is ignored: ")[0] for fault in faults] == [
        str(folder / "guard.conf.d" / name) for name in ("x-text.conf", "y-value.conf")
    ]
    assert "2048Q" in faults[1]


def test_without_guard_conf_itself_there_is_nothing_to_watch(folder):
    write(folder, "guard.conf", "[one]\nthreshold = 2048Q\n")
    with pytest.raises(SettingError):
        config.load_tolerantly(str(folder))


def test_what_only_root_may_read_is_left_out_for_others(folder, monkeypatch):
    """`hermes-guard status` of an ordinary user: the notify command may hold a token."""
    write(folder, "guard.conf", "[one]\n")
    write(folder, "guard.conf.d/watchdog.conf", "[DEFAULT]\nthreshold = 50%\n")
    write(folder, "guard.conf.d/watchdog-notify.conf", "[DEFAULT]\nnotify_command = a\n")

    def guarded(path, **more):
        if path.endswith("notify.conf"):
            raise PermissionError(13, "Permission denied", path)
        return open(path, **more)

    monkeypatch.setattr(config, "open", guarded, raising=False)
    monkeypatch.setattr(config.os, "geteuid", lambda: 1000)
    one = config.load_tolerantly(str(folder))[0]["one"]
    assert (one.threshold, one.notify_command) == (2 * GB, "")
    monkeypatch.setattr(config.os, "geteuid", lambda: 0)
    assert len(config.load_tolerantly(str(folder))[1]) == 1


@pytest.mark.parametrize(
    ("sections", "share"),
    [
        # One gateway: half of the RAM.
        ("[a]\n", 50),
        # Several: an equal share of 80 %.
        ("[a]\n[b]\n", 40),
        ("[a]\n[b]\n[c]\nthreshold = 1G\n", 26),
        # One on which the watchdog does not act needs no share.
        ("[a]\n[b]\nthreshold =\n", 50),
        ("".join("[g%d]\n" % number for number in range(100)) + "[a]\n", 1),
    ],
)
def test_automatic_threshold_is_shared_out_of_the_ram(folder, sections, share):
    write(folder, "guard.conf", sections)
    write(folder, "guard.conf.d/watchdog.conf", "[DEFAULT]\nthreshold = auto\n")
    total = proc.host_memory()["total_bytes"]
    assert config.load(str(folder))["a"].threshold == quantity.size("%d%%" % share, total)
    assert config.load(str(folder))["a"].own == {}


def test_section_of_another_file_is_not_a_gateway(folder):
    """A misspelt name would be one more gateway without a unit, with a share of the RAM."""
    write(folder, "guard.conf", "[hermes-gateway]\nunit = hermes-gateway.service\n")
    write(folder, "guard.conf.d/watchdog.conf", "[DEFAULT]\nthreshold = auto\n")
    write(folder, "guard.conf.d/zz-local.conf", "[hermes-gatewy]\ntreshold = 1G\ncooldown = 2h\n")
    every = config.load(str(folder))
    assert {name: one.threshold for name, one in every.items()} == {"hermes-gateway": 2 * GB}
