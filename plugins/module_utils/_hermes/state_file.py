# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the state that a gateway reports in gateway_state.json in its home.

The file is hostile input: its size is limited, its owner is checked, and its texts are untrusted.
"""

from __future__ import annotations

import os
import re

from .._host import display, files
from .._host.errors import FileError
from . import names
from . import version as versions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .discovery import Gateway

# More agents than any machine can run.
MAX_AGENTS = 1000000
# Platforms, and characters of a name or a state: enough for a report.
MAX_PLATFORMS = 40
MAX_WORD = 40
# Profiles that one process serves, from Hermes 0.21.5 on. Each has a database that is queried.
MAX_PROFILES = 64
STATES = ("starting", "running", "degraded", "draining", "stopped", "startup_failed")


def unknown() -> dict[str, Any]:
    """The result of runtime if the file does not describe the present run."""
    return {
        "state": None,
        "active_agents": None,
        "platforms": {},
        "version": None,
        "profiles": [],
        "problem": None,
    }


def runtime(gateway: Gateway) -> dict[str, Any]:
    """The reported state of the gateway's present run; each value is None if unknown.

    ``state`` (one of STATES), ``active_agents``, ``platforms`` (their states by name), ``version``
    of the running code (Hermes 0.20.6 and later), and ``profiles``, the names of the profiles that
    the process serves (0.21.5 and later). ``problem`` says why the file cannot be read, or which
    value is unknown. The file is ignored if it has the pid or start time of another process.
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
    if content.get("start_time") not in (None, gateway.start_ticks):
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
    """The homes that the gateway's process serves; its own is first."""
    found = [gateway.home]
    found += [home for home in by_profile(gateway).values() if home not in found]
    return found


def by_profile(gateway: Gateway) -> dict[str, str]:
    """The homes of the profiles that the gateway's process reports to serve, by name.

    The other homes are in the directory ``profiles`` of the default profile's home.
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
    """The names of the profiles that the gateway serves, according to runtime's result ``said``.

    The default profile is called "default". A gateway that reports no profiles serves its own.
    """
    return said["profiles"] or [gateway.profile or "default"]


def _problem(state: object) -> str | None:
    if state in (None, *STATES):
        return None
    shown = display.printable(state, MAX_WORD) if isinstance(state, str) else type(state).__name__
    return "its gateway_state.json has the unknown state %r" % shown


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
