# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module's options ask for: keys of Hermes's configuration, and their values."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from .._hermes import agent_cache
from .._host import display, proc, quantity
from .._host.errors import SettingError

# An intent and the keys that mean it: all that the installed Hermes reads are set. The last one is
# what 0.13 to 0.19 read.
INTENTS = {
    "session_max_messages": ("session_max_messages", "compression.hygiene_hard_message_limit"),
    "auto_compress": ("session_auto_compress", "compression.enabled"),
}
# The keys of the article that made them known. No Hermes so far reads them.
ARTICLE_KEYS = ("session_max_messages", "session_auto_compress")
CACHE = "cache_memory"
AUTO = "auto"
KEY = re.compile(r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$")
SECRET = re.compile(
    r"key$|keys$|token$|secret|passw|credential|authorization|private", re.IGNORECASE
)


class Asked(NamedTuple):
    """One wanted key: the module's ``option`` it comes from, and the ``keys`` that mean it.

    ``always`` says whether it is set even if the installed Hermes does not read it, ``optional``
    whether it is no news if that does not.
    """

    option: str
    keys: tuple[str, ...]
    value: Any
    always: bool = False
    optional: bool = False


def asked(params: dict[str, Any]) -> list[Asked]:
    """What the module's ``params`` ask for; SettingError if an option is not allowed."""
    wanted = []
    limit = params["session_max_messages"]
    if limit is not None and limit < 1:
        raise SettingError(
            "session_max_messages is %d: it must be a whole number of messages, 1 or more" % limit
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
            "nothing is asked: give at least one of session_max_messages, auto_compress,"
            " cache_memory or settings"
        )
    return wanted


def cache_budget(text: str) -> int | None:
    """The MB that ``text`` of cache_memory means; None for "auto" and for none at all.

    SettingError with what is allowed.
    """
    word = str(text).strip()
    if word in ("", AUTO):
        return None
    try:
        quantity.check_size_unit(word)
        return max(1, quantity.size(word, proc.host_memory()["total_bytes"]) // display.MB)
    except ValueError as exc:
        raise SettingError('%s: %s, "auto", or empty for none' % (CACHE, exc)) from exc


def _flat(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """``settings``, whose keys may be dotted and whose values may be dicts, by dotted key."""
    found = {}
    for name, value in settings.items():
        key = "%s%s" % (prefix, name)
        if not KEY.match(key):
            raise SettingError(
                "settings has the key %r: allowed are letters, digits, _ and -,"
                " with dots between the parts" % key
            )
        if SECRET.search(key.rsplit(".", 1)[-1]):
            raise SettingError(
                "settings has the key %r, which looks like a secret:"
                " secrets belong in the .env of the gateway's home" % key
            )
        if isinstance(value, dict) and value:
            found.update(_flat(value, key + "."))
        else:
            found[key] = value
    return found
