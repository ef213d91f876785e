# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""hermes-guard as other code uses it: its paths, its units, and how to request a restart."""

from __future__ import annotations

import json
import os

from .errors import GuardError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

PROGRAM = "/usr/local/bin/hermes-guard"
FOLDER = "/etc/hermes-guard"
STATE = "/var/lib/hermes-guard"
# Asks Hermes about gateways that have changed, for the samples of the watchdog.
IDENTITY_UNIT = "hermes-guard-identity.service"
# The secret of the notify command; readable by root only.
NOTIFY_SECRET = FOLDER + "/notify.secret"
# The URL that each check calls when it ends; contains a token.
PING_URL = FOLDER + "/ping.url"
# In STATE: the time since which that call has failed.
PING_RECORD = "ping.json"
# In STATE: the settings that module hermes_config made, and the earlier ones. Not the guard's.
SESSION_RECORD = "hermes_config.json"
# In STATE: the settings of the last run of site.yml, and the state of the host after it.
AS_ASKED = "as_asked.json"
# In [DEFAULT] of guard.conf: the names of the gateways that the operator has excluded.
EXCLUDED = "excluded"
# The reason if a host cannot run the program.
NEEDS_PYTHON = "hermes-guard needs Python 3.8 or newer as /usr/bin/python3"
# In the environment: until this time (epoch) a check takes samples and does not act. Set for the
# check that runs right after an installation.
LOOK_UNTIL = "HERMES_GUARD_LOOK_UNTIL"
# A threshold that follows from the RAM and the number of gateways.
AUTO = "auto"
# In the directory of a gateway in STATE: its open alerts, and a suspension of its restarts.
ALARMS = "alarms.json"
SUSPENDED = "suspended.json"
# In STATE: the version of the layout of that directory.
FORMAT = "format"
# In STATE: the metrics page of the last check.
PAGE = "hermes-guard.prom"
# In STATE: locked by the check that writes the page.
PAGE_LOCK = "page.lock"
# Seconds; the same as TimeoutStartSec of NAME-restart.service. The wait until idle, the drain and
# two starts have their own limits, far below it.
RESTART_TIMEOUT = 7200
# Seconds; status may ask the Hermes of each gateway, which takes one or two seconds.
STATUS_TIMEOUT = 120


def restart_unit(name: str) -> str:
    """The unit that asks the arbiter to restart gateway ``name``."""
    return name + "-restart.service"


def restart_timer(name: str) -> str:
    """The timer of the calendar restarts of gateway ``name``."""
    return name + "-restart.timer"


def excluded(folder: str | None = None) -> frozenset[str]:
    """The gateways that the operator has excluded, according to guard.conf in ``folder``.

    Empty if the file cannot be read: no gateway is hidden then.
    """
    found = _defaults(os.path.join(folder or FOLDER, "guard.conf"))
    return frozenset(found.get(EXCLUDED, "").split())


def host_threshold() -> str | None:
    """The threshold that the watchdog's role has written for this host; None without one."""
    return _defaults(os.path.join(FOLDER, "guard.conf.d/watchdog.conf")).get("threshold")


def _defaults(path: str) -> Mapping[str, str]:
    # Most importers need the paths only.
    import configparser

    parser = configparser.RawConfigParser(
        delimiters=("=",), comment_prefixes=("#", ";"), strict=False
    )
    try:
        with open(path, encoding="utf-8") as handle:
            parser.read_file(handle)
    except (OSError, UnicodeDecodeError, configparser.Error):
        return {}
    return parser.defaults()


def threshold(text: object, gateways: int) -> str:
    """The watchdog's threshold ``text`` on a host with so many watched ``gateways``.

    "auto" is half of the RAM, but all gateways together get at most four fifths of it: the rest of
    the host needs memory too.
    """
    words = str(text).strip()
    return "%d%%" % max(1, min(50, 80 // max(1, gateways))) if words == AUTO else words


def thresholds() -> dict[str, int | None]:
    """The watchdog's threshold in bytes by gateway; empty if the guard is not installed.

    None for a gateway on which the watchdog does not act. Raises GuardError if the guard does not
    report it.
    """
    if not os.path.exists(PROGRAM):
        return {}
    # Most importers need the paths only.
    from . import command

    done = command.run([PROGRAM, "status", "--json"], timeout=STATUS_TIMEOUT)
    try:
        gateways = json.loads(done.out)["gateways"]
        found = {one["name"]: one["threshold_bytes"] for one in gateways}
    except (ValueError, KeyError, TypeError) as exc:
        raise GuardError(
            "%s status gave no usable answer (exit code %d): %s"
            % (PROGRAM, done.rc, done.err.strip()[:200] or "no output")
        ) from exc
    return {
        name: size if isinstance(size, int) and size > 0 else None for name, size in found.items()
    }


def restart(name: str, reason: str, emergency: bool) -> dict[str, Any]:
    """Ask the arbiter to restart gateway ``name``, wait for it and return the ledger entry.

    In an emergency it does not wait until idle. Raises GuardError if the program does not answer.
    """
    # As above.
    from . import command

    arguments = ["restart", "--gateway", name, "--reason", reason, "--json"]
    if emergency:
        arguments.append("--now")
    done = command.run([PROGRAM, *arguments], timeout=RESTART_TIMEOUT)
    try:
        return json.loads(done.out)
    except ValueError as exc:
        raise GuardError(
            "%s: hermes-guard failed (exit code %d): %s"
            % (name, done.rc, done.err.strip() or done.out.strip())
        ) from exc
