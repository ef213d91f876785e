# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Translates the module's options into keys of Hermes's configuration and their values."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from .._hermes import agent_cache
from .._host import display, proc, quantity
from .._host.errors import SettingError

# Each intent and its keys: all keys that the installed Hermes reads are set. Releases 0.13 to 0.19
# read the last one.
INTENTS = {
    "session_max_messages": ("session_max_messages", "compression.hygiene_hard_message_limit"),
    "auto_compress": ("session_auto_compress", "compression.enabled"),
}
# The keys from the article that made them known. No release of Hermes reads them so far.
ARTICLE_KEYS = ("session_max_messages", "session_auto_compress")
CACHE = "cache_memory"
AUTO = "auto"
KEY = re.compile(r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$")
SECRET = re.compile(
    r"key$|keys$|token$|secret|passw|credential|authorization|private", re.IGNORECASE
)


class Asked(NamedTuple):
    """One requested setting: the module's ``option``, and the ``keys`` that implement it.

    ``always``: set it even if the installed Hermes does not read it; ``optional``: do not warn if
    Hermes does not read it.
    """

    option: str
    keys: tuple[str, ...]
    value: Any
    always: bool = False
    optional: bool = False


def asked(params: dict[str, Any]) -> list[Asked]:
    """The settings that the module's ``params`` request. Raises SettingError if one is invalid."""
    wanted = []
    limit = params["session_max_messages"]
    if limit is not None and limit < 1:
        raise SettingError(
            "session_max_messages: invalid number of messages '%d': expected a whole number of 1"
            " or more" % limit
        )
    for option, keys in INTENTS.items():
        if params[option] is not None:
            wanted.append(Asked(option, keys, params[option]))
            if params["article_keys"]:
                wanted.append(Asked(option, keys[:1], params[option], always=True))
    if params.get(CACHE) is not None:
        budget = cache_budget(params[CACHE])
        wanted.append(Asked(CACHE, (agent_cache.KEY,), budget, optional=True))
    for key, value in sorted(_flat(params["settings"] or {}).items()):
        wanted.append(Asked("settings", (key,), value, always=True))
    if not wanted and params["state"] == "present":
        raise SettingError(
            "no settings given: expected at least one of session_max_messages, auto_compress,"
            " cache_memory or settings"
        )
    return wanted


def cache_budget(text: str) -> int | None:
    """The value ``text`` of cache_memory in MB; None for "auto" and for an empty text.

    Raises SettingError for an invalid size.
    """
    word = str(text).strip()
    if word in ("", AUTO):
        return None
    try:
        quantity.check_size_unit(word)
        return max(1, quantity.size(word, proc.host_memory()["total_bytes"]) // display.MB)
    except ValueError as exc:
        raise SettingError('%s: %s, "auto", or empty for no budget' % (CACHE, exc)) from exc


def _flat(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """``settings`` by dotted key; its keys may be dotted and its values may be dicts."""
    found = {}
    for name, value in settings.items():
        key = "%s%s" % (prefix, name)
        if not KEY.match(key):
            raise SettingError(
                "settings: invalid key %r: expected letters, digits, _ and -, with dots between the"
                " parts" % key
            )
        if SECRET.search(key.rsplit(".", 1)[-1]):
            raise SettingError(
                "settings: the key %r looks like a secret: put secrets in the .env of the gateway's"
                " home" % key
            )
        if isinstance(value, dict) and value:
            found.update(_flat(value, key + "."))
        else:
            found[key] = value
    return found
