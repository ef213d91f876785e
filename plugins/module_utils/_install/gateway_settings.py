# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the variable hermes_gateways: settings of one gateway, which override the host's."""

from __future__ import annotations

import difflib
from typing import Any

from .._guard import restart_calendar
from .._host.errors import SettingError
from . import checks

VARIABLE = checks.GATEWAYS
ENABLED = "enabled"
EVERY = "hermes_restart_timer_every"
_WATCHDOG = ("threshold", "breaches", "action", "startup_grace", "cooldown", "daily_cap")
_TIMER = ("every", "at", "splay", "min_uptime", "wait_idle")
# The role variable that each key overrides.
KEYS = {
    **{key: "hermes_watchdog_" + key for key in _WATCHDOG},
    **{key: "hermes_restart_timer_" + key for key in _TIMER},
}
# Whether this gateway has the component. Without the prefix, each key would be "state".
STATES = ("watchdog_state", "restart_timer_state")
_STATES = ("present", "absent")
_YES, _NO = ("yes", "true", "on", "1"), ("no", "false", "off", "0")


def read(options: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The settings of each gateway in ``options``, by the gateway's name and the key.

    ``enabled`` is a bool; other values are unchanged. Raises SettingError for invalid settings.
    """
    given = options.get(VARIABLE) or {}
    if not isinstance(given, dict):
        raise SettingError(
            "%s: expected the settings of each gateway by its name, such as"
            ' {"hermes-gateway-coder@ada": {"threshold": "1500M"}}, got: %s' % (VARIABLE, given)
        )
    return {str(name): _entry(str(name), entry) for name, entry in given.items()}


def excluded(settings: dict[str, dict[str, Any]]) -> set[str]:
    """The names of the gateways that are disabled."""
    return {name for name, entry in settings.items() if not entry.get(ENABLED, True)}


def judges(options: dict[str, Any], settings: dict[str, dict[str, Any]]) -> bool:
    """Whether the history of a gateway must be analysed because its restarts depend on it."""
    return restart_calendar.follows_history(
        options.get(EVERY), options.get(checks.CALENDARS), settings
    )


def at(name: str, key: str) -> str:
    """The path of a setting in hermes_gateways, for a message."""
    return "%s: %s: %s" % (VARIABLE, name, key)


def check_names(
    settings: dict[str, dict[str, Any]], manageable: set[str], present: set[str]
) -> None:
    """Raise SettingError for a name that is not in ``present``, the gateways of this host.

    A gateway that is not ``manageable`` may only be disabled.
    """
    for name in sorted(settings):
        if name in manageable or (name in present and name in excluded(settings)):
            continue
        why = "is not a gateway on this host"
        if name in present:
            why = "cannot be managed, so only enabled: false is valid"
        near = difflib.get_close_matches(name, sorted(manageable), 1)
        raise SettingError(
            "%s: %r %s%s: expected one of %s"
            % (
                VARIABLE,
                name,
                why,
                "; did you mean %r?" % near[0] if near else "",
                ", ".join(sorted(manageable)) or "no gateways, as none was found",
            )
        )


def _entry(name: str, given: object) -> dict[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise SettingError(
            '%s: %s: expected settings, such as {"threshold": "1500M"}, got: %s'
            % (VARIABLE, name, given)
        )
    entry = {str(key): value for key, value in given.items()}
    for key, value in sorted(entry.items()):
        if key == ENABLED:
            entry[key] = _flag(name, value)
        elif key in STATES:
            if value not in _STATES:
                raise SettingError(
                    "%s: invalid state %r: expected present or absent" % (at(name, key), value)
                )
        elif key in KEYS:
            _check(name, key, value)
        else:
            raise SettingError("%s: %s" % (VARIABLE, _unknown(name, key)))
    return entry


def _flag(name: str, value: object) -> bool:
    word = str(value).strip().lower()
    if word not in _YES + _NO:
        raise SettingError(
            "%s: invalid boolean %r: expected true or false" % (at(name, ENABLED), value)
        )
    return word in _YES


def _check(name: str, key: str, value: object) -> None:
    """Check a value as the role's variable; a SettingError names the entry in hermes_gateways."""
    try:
        checks.check_options({KEYS[key]: value})
    except SettingError as exc:
        raise SettingError(str(exc).replace(KEYS[key], at(name, key), 1)) from exc


def _unknown(name: str, key: str) -> str:
    known = [ENABLED, *KEYS, *STATES]
    # The key may still have the prefix of the role.
    whole = {variable: short for short, variable in KEYS.items()}
    whole.update({"hermes_" + state: state for state in STATES})
    near = difflib.get_close_matches(key, [*known, *whole], 1)
    if near:
        return "%s: unknown key %r; did you mean %r?" % (name, key, whole.get(near[0], near[0]))
    return "%s: unknown key %r: expected one of %s" % (name, key, ", ".join(sorted(known)))
