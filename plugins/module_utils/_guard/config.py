# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard's settings: guard.conf, and the files of roles and operators in guard.conf.d.

The INI files are read in the order of their names, and later files win. [DEFAULT] holds the
defaults; each gateway has one section.
"""

from __future__ import annotations

import configparser
import os

from .._hermes import names
from .._host import accounts, guard_program, proc, quantity
from .._host.errors import SettingError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import pwd
    from collections.abc import Collection, Mapping
    from typing import Any

    from .._hermes.gateway import Gateway

PROGRAM = guard_program.PROGRAM
FOLDER = guard_program.FOLDER
STATE = guard_program.STATE

# key: (the role variable that sets it, its default, the kind of its value)
KEYS = {
    "history_days": ("hermes_guard_history_days", "30", "whole"),
    "threshold": ("hermes_watchdog_threshold", "", "size"),
    "interval": ("hermes_watchdog_interval", "5min", "interval"),
    "breaches": ("hermes_watchdog_breaches", "3 of 5", "breaches"),
    "action": ("hermes_watchdog_action", "restart", "action"),
    "notify_command": ("hermes_watchdog_notify_command", "", "text"),
    "startup_grace": ("hermes_watchdog_startup_grace", "10min", "time"),
    "cooldown": ("hermes_watchdog_cooldown", "30min", "time"),
    "daily_cap": ("hermes_watchdog_daily_cap", "6", "whole"),
    "min_uptime": ("hermes_restart_timer_min_uptime", "2h", "time"),
    "splay": ("hermes_restart_timer_splay", "15min", "time"),
    "wait_idle": ("hermes_restart_timer_wait_idle", "10min", "wait"),
}
# The keys of a section that identify its gateway.
PLACE = ("unit", "scope", "user", "home", "python")
# Seconds: more often, the checks of 20 gateways would use over 1 % of a processor.
SHORTEST_INTERVAL = 5
# The restart unit has a time-out of two hours for the whole restart.
LONGEST_WAIT = 3600
SESSION_RECORD = guard_program.SESSION_RECORD
ACTIONS = ("restart", "alert")
_TIMES = ("time", "interval", "wait")
# The periods that the advice recommends and the role has a calendar for: see cadences.CADENCES.
EVERY = ("3h", "4h", "6h", "8h", "12h", "24h", "48h", "72h", "168h", "auto")


class Settings:
    """The settings of one gateway as values: bytes, seconds, (n, m).

    ``threshold`` is None without a watchdog. ``own`` holds the texts of the settings that differ
    from the host's.
    """

    history_days: int
    threshold: int | None
    interval: int
    breaches: tuple[int, int]
    action: str
    notify_command: str
    startup_grace: int
    cooldown: int
    daily_cap: int
    min_uptime: int
    splay: int
    wait_idle: int

    def __init__(
        self, name: str, section: Mapping[str, str], known: dict[tuple[str, str], Any] | None = None
    ) -> None:
        """Parse ``section``; ``known`` caches the values of other sections, mostly the same."""
        known = {} if known is None else known
        self.name = name
        # The directory of the gateway's history, ledger and state.
        self.folder = os.path.join(STATE, name)
        self.unit = section.get("unit", "")
        self.scope = section.get("scope", "system")
        self.user = section.get("user", "root")
        self.home = section.get("home", "")
        self.python = section.get("python", "") or None
        self.own: dict[str, str] = {}
        for key in KEYS:
            text = section.get(key, KEYS[key][1])
            if (key, text) not in known:
                known[key, text] = value_of(key, text, name)
            setattr(self, key, known[key, text])

    @property
    def account(self) -> pwd.struct_passwd:
        """The passwd entry of the gateway's user; RunError if it is gone."""
        return accounts.named(self.user)

    @property
    def restart_unit(self) -> str:
        """The unit that asks the arbiter for a restart of this gateway."""
        return guard_program.restart_unit(self.name)

    @property
    def restart_timer(self) -> str:
        """The timer of the calendar restarts of this gateway."""
        return guard_program.restart_timer(self.name)


def value_of(key: str, text: object, where: str | None, strict: bool = False) -> Any:
    """``text`` of setting ``key`` as a value.

    SettingError names the role variable, ``where`` it was found (None: not in a file yet) and what
    is expected. With ``strict``, for a file that a role writes, a time needs a unit. A host may
    still have an older file without units.
    """
    option, _default, kind = KEYS[key]
    try:
        if strict and kind in _TIMES:
            quantity.check_time_unit(text)
        return _parsed(kind, str(text).strip())
    except ValueError as exc:
        place = option if where is None else "%s (%s in %s)" % (option, key, where)
        raise SettingError("%s: %s" % (place, exc)) from exc


def _parsed(kind: str, text: str) -> Any:
    """``text`` as a value of ``kind``; ValueError says what is expected."""
    if kind == "size":
        text = guard_program.threshold(text, 1)
        return quantity.size(text, proc.host_memory()["total_bytes"]) if text else None
    if kind in _TIMES:
        value = quantity.seconds(text)
        # A timer with an interval of 0 would never stop firing.
        if kind == "interval" and value < SHORTEST_INTERVAL:
            raise ValueError(
                "invalid interval %r: expected %ds or more" % (text, SHORTEST_INTERVAL)
            )
        if kind == "wait" and value > LONGEST_WAIT:
            raise ValueError("invalid time %r: expected 1h or less" % text)
        return value
    if kind == "breaches":
        return quantity.breaches(text)
    if kind == "whole":
        if not text.isdigit() or not 0 < int(text) <= 3650:
            raise ValueError("invalid number %r: expected a whole number from 1 to 3650" % text)
        return int(text)
    if kind == "action" and text not in ACTIONS:
        # YAML reads a plain off, no or false as a boolean.
        hint = "; to switch the watchdog off, set hermes_watchdog_state: absent"
        raise ValueError(
            "invalid action %r: expected one of %s%s"
            % (text, ", ".join(ACTIONS), hint if text.lower() in ("false", "off", "no") else "")
        )
    return text


def check_option(option: str, value: object) -> None:
    """Raise SettingError if ``value`` is not valid for ``option``, a variable of any role."""
    for key, (name, _default, _kind) in KEYS.items():
        if name == option:
            value_of(key, value, None, strict=True)
            return
    if option == "hermes_restart_timer_every":
        if str(value) not in EVERY:
            raise SettingError(
                "%s: invalid period %r: expected one of %s" % (option, str(value), ", ".join(EVERY))
            )
    elif option == "hermes_session_max_messages":
        if not str(value).isdigit() or int(str(value)) < 1:
            raise SettingError(
                "%s: invalid number of messages %r: expected a whole number of 1 or more"
                % (option, str(value))
            )
    else:
        raise SettingError("%s: unknown option" % option)


def check_text(text: str, where: str) -> None:
    """Raise SettingError if ``text`` is not valid content for the configuration file ``where``."""
    parser = new_parser()
    try:
        parser.read_string(text, where)
    except configparser.Error as exc:
        raise SettingError(
            "%s is not a valid INI file: %s" % (where, " ".join(str(exc).split()))
        ) from exc
    sections: list[Mapping[str, str]] = [parser[name] for name in parser.sections()]
    for section in [parser.defaults()] + sections:
        for key in KEYS:
            if key in section:
                value_of(key, section[key], where, strict=True)


def section(gateway: Gateway) -> str:
    """The section of guard.conf for a gateway that discovery found."""
    return "\n[%s]\nunit = %s\nscope = %s\nuser = %s\nhome = %s\npython = %s\n" % (
        gateway.name,
        gateway.unit,
        gateway.scope,
        gateway.user,
        gateway.home,
        gateway.python or "",
    )


def places(folder: str = FOLDER) -> dict[str, Settings]:
    """The gateways in guard.conf, by name, with their PLACE settings only; the rest is default.

    An invalid value of another setting, or in an operator's file, does not hide a gateway.
    SettingError if guard.conf cannot be read or is not valid INI.
    """
    parser = _read([file_paths(folder)[0]])
    return {
        name: Settings(name, {key: parser[name][key] for key in PLACE if key in parser[name]})
        for name in parser.sections()
        if names.is_safe_name(name)
    }


def excluded() -> frozenset[str]:
    """The names of the gateways that the operator has excluded."""
    return guard_program.excluded(FOLDER)


def not_excluded(gateways: list[Gateway], names: Collection[str]) -> list[Gateway]:
    """``gateways`` without those that the operator has excluded, unless ``names`` has them."""
    alone = excluded().difference(names)
    return [one for one in gateways if one.name not in alone] if alone else gateways


def load(folder: str = FOLDER) -> dict[str, Settings]:
    """The Settings of every configured gateway, by name.

    SettingError if a file or a value is not valid.
    """
    return _load(file_paths(folder))


def load_tolerantly(folder: str = FOLDER) -> tuple[dict[str, Settings], list[str]]:
    """As load(), but without invalid files; the second value has a sentence for each of them.

    An invalid line in an operator's file must not stop the watchdog for all gateways. SettingError
    for guard.conf itself, which names the gateways.
    """
    try:
        return load(folder), []
    except SettingError:
        pass
    right: list[str] = []
    faults = []
    for path in file_paths(folder):
        try:
            # With the files before it: a default in one file applies to the sections of all.
            _load([*right, path])
        except SettingError as exc:
            if not right:
                raise
            faults.append("%s is ignored: %s" % (path, exc))
        else:
            right.append(path)
    return _load(right), faults


def _load(paths: list[str]) -> dict[str, Settings]:
    parser = _read(paths[:1])
    # A section of another file alone, such as a misspelt one, is not a gateway.
    configured = [name for name in parser.sections() if names.is_safe_name(name)]
    _read(paths[1:], parser)
    known: dict[tuple[str, str], Any] = {}
    host = parser.defaults()
    sections = {name: dict(parser.items(name, raw=True)) for name in configured}
    watched = sum(1 for section in sections.values() if section.get("threshold"))
    found = {}
    for name, section in sections.items():
        own = {key: section[key] for key in KEYS if section.get(key) != host.get(key)}
        if section.get("threshold"):
            section["threshold"] = guard_program.threshold(section["threshold"], watched)
        found[name] = Settings(name, section, known)
        found[name].own = own
    return found


def _read(
    paths: list[str], parser: configparser.ConfigParser | None = None
) -> configparser.ConfigParser:
    """The merged content of ``paths``, added to ``parser`` if it is given.

    SettingError if a file cannot be read or is not valid INI.
    """
    parser = new_parser() if parser is None else parser
    for path in paths:
        try:
            with open(path, encoding="utf-8") as handle:
                parser.read_file(handle)
        except FileNotFoundError:
            continue
        except PermissionError as exc:
            # A file that only root can read may hold a secret; other users do not need its values.
            if os.geteuid() == 0:
                raise SettingError("%s cannot be read: %s" % (path, exc)) from exc
        except configparser.MissingSectionHeaderError as exc:
            raise SettingError(
                "%s: line %d is outside a section: write [DEFAULT], or the name of a gateway in"
                " brackets, above it" % (path, exc.lineno)
            ) from exc
        except (OSError, UnicodeDecodeError, configparser.Error) as exc:
            raise SettingError(
                "%s cannot be read: %s" % (path, " ".join(str(exc).split()))
            ) from exc
    return parser


def file_paths(folder: str) -> list[str]:
    """The files of the configuration in the order of reading; guard.conf is the first."""
    more = os.path.join(folder, "guard.conf.d")
    try:
        found = os.listdir(more)
    except (FileNotFoundError, NotADirectoryError):
        found = []
    # Hidden files are skipped, as in a shell's *.conf.
    return [os.path.join(folder, "guard.conf")] + [
        os.path.join(more, name)
        for name in sorted(found)
        if name.endswith(".conf") and name[0] != "."
    ]


def new_parser(default_section: str = "DEFAULT") -> configparser.ConfigParser:
    """A parser for the dialect of these files."""
    return configparser.ConfigParser(
        interpolation=None,
        delimiters=("=",),
        comment_prefixes=("#", ";"),
        strict=False,
        default_section=default_section,
    )
