# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a gateway says of itself in its home, in gateway_state.json.

Hostile input: it is read up to a limit, its owner is checked, and no text of it is trusted.
"""

from __future__ import annotations

import os
import re

from .._host import display, files, proc
from .._host.errors import FileError
from . import names
from . import version as versions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .discovery import Gateway

# More than any machine runs.
MAX_AGENTS = 1000000
# Platforms, and characters of a name or a state: what fits into a report.
MAX_PLATFORMS = 40
MAX_WORD = 40
# Profiles that one process serves, from Hermes 0.21.5 on. Each has a database, which is asked.
MAX_PROFILES = 64
STATES = ("starting", "running", "degraded", "draining", "stopped", "startup_failed")


def unknown() -> dict[str, Any]:
    """What runtime returns if the file says nothing of this run."""
    return {
        "state": None,
        "active_agents": None,
        "platforms": {},
        "version": None,
        "profiles": [],
        "problem": None,
    }


def runtime(gateway: Gateway) -> dict[str, Any]:
    """``state`` (one of STATES), ``active_agents``, ``platforms`` (their states by name),
    ``version``, that of the code that runs, which Hermes 0.20.6 and later know, and ``profiles``,
    the names of those that the process serves, from 0.21.5 on. ``problem`` says why the file cannot
    be read, or what in it is not known.

    None if unknown. The file belongs to the process that wrote it: if its pid or start time is
    another's, it says nothing about this run.
    """
    if gateway.pid is None:
        return dict(unknown(), state="stopped")
    try:
        content = files.read_json(
            os.path.join(gateway.home, "gateway_state.json"), owners={gateway.uid}
        )
    except FileError as exc:
        return dict(unknown(), problem=str(exc))
    if content is None or content.get("pid") != gateway.pid:
        return unknown()
    if content.get("start_time") not in (None, proc.start_ticks(gateway.pid)):
        return unknown()
    state = content.get("gateway_state")
    return {
        "state": state if state in STATES else None,
        "active_agents": _agents(content.get("active_agents")),
        "platforms": _platforms(content.get("platforms")),
        "version": _version(content.get("code_version")),
        "profiles": _profiles(content.get("served_profiles")),
        "problem": _problem(state),
    }


def homes(gateway: Gateway) -> list[str]:
    """The homes that the gateway's process serves, its own first."""
    found = [gateway.home]
    found += [home for home in by_profile(gateway).values() if home not in found]
    return found


def by_profile(gateway: Gateway) -> dict[str, str]:
    """The homes of the profiles that the gateway's process says that it serves, by name.

    That of the default profile holds those of the others, in its directory ``profiles``.
    """
    above, last = os.path.split(gateway.home)
    if os.path.basename(above) == "profiles":
        base, own = os.path.dirname(above), last
    else:
        base, own = gateway.home, "default"
    found = {}
    for name in runtime(gateway)["profiles"]:
        home = base if name == "default" else os.path.join(base, "profiles", name)
        found[name] = gateway.home if name == own else home
    return found


def served(gateway: Gateway, said: dict[str, Any]) -> list[str]:
    """The profiles that the gateway serves, by what runtime ``said``; "default" is one of them.

    One that says nothing serves its own.
    """
    return said["profiles"] or [gateway.profile or "default"]


def _problem(state: object) -> str | None:
    if state in (None, *STATES):
        return None
    shown = display.printable(state, MAX_WORD) if isinstance(state, str) else type(state).__name__
    return "its gateway_state.json has the state %r, which is not known" % shown


def _agents(value: object) -> int | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value < MAX_AGENTS else None


def _profiles(value: object) -> list[str]:
    if not isinstance(value, list):
        return []
    pattern = re.compile(names.PROFILE + r"\Z")
    return [one for one in value if isinstance(one, str) and pattern.match(one)][:MAX_PROFILES]


def _version(value: object) -> str | None:
    return versions.known(display.printable(value, MAX_WORD)) if isinstance(value, str) else None


def _platforms(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        return {}
    return {
        str(name)[:MAX_WORD]: str(platform.get("state"))[:MAX_WORD]
        for name, platform in list(value.items())[:MAX_PLATFORMS]
        if isinstance(platform, dict)
    }
