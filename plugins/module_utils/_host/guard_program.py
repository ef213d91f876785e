# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""hermes-guard from the outside: its paths on a host, its units, and asking it for a restart."""

from __future__ import annotations

import json
import os

from .errors import GuardError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PROGRAM = "/usr/local/bin/hermes-guard"
FOLDER = "/etc/hermes-guard"
STATE = "/var/lib/hermes-guard"
# Asks the Hermes of gateways that have changed, for the samples of the watchdog.
IDENTITY_UNIT = "hermes-guard-identity.service"
# What the notify command needs and nobody else may read.
NOTIFY_SECRET = FOLDER + "/notify.secret"
# The URL that is called at the end of each check; it holds a token.
PING_URL = FOLDER + "/ping.url"
# In STATE: since when that has failed.
PING_RECORD = "ping.json"
# In STATE: what the module hermes_config set, and what was there before. Not the guard's own.
SESSION_RECORD = "hermes_config.json"
# In STATE: what the last run of site.yml asked for, and how it left the host.
AS_ASKED = "as_asked.json"
# In [DEFAULT] of guard.conf: the names of the gateways that the operator has left out.
EXCLUDED = "excluded"
# Why a host cannot run the program.
NEEDS_PYTHON = "hermes-guard needs Python 3.8 or newer as /usr/bin/python3"
# In the environment: until this time (epoch) a check takes samples and decides nothing. The check
# that is run when something was installed has it.
LOOK_UNTIL = "HERMES_GUARD_LOOK_UNTIL"
# In STATE: the version of the layout of that directory.
FORMAT = "format"
# In STATE: the page of metrics of the last check.
PAGE = "hermes-guard.prom"
# In STATE: held by the check that writes the page.
PAGE_LOCK = "page.lock"
# Seconds, as TimeoutStartSec of NAME-restart.service: waiting for a quiet moment, draining and two
# starts have their own limits, far below it.
RESTART_TIMEOUT = 7200
# Seconds: each gateway's Hermes may be asked, which takes a second or two.
STATUS_TIMEOUT = 120


def restart_unit(name: str) -> str:
    """The unit that asks the arbiter for a restart of gateway ``name``."""
    return name + "-restart.service"


def excluded(folder: str | None = None) -> frozenset[str]:
    """The names of the gateways that the operator has left out, by guard.conf in ``folder``.

    None of them if that cannot be read: then they are not hidden.
    """
    # Most need the paths alone.
    import configparser

    parser = configparser.RawConfigParser(
        delimiters=("=",), comment_prefixes=("#", ";"), strict=False
    )
    try:
        with open(os.path.join(folder or FOLDER, "guard.conf"), encoding="utf-8") as handle:
            parser.read_file(handle)
    except (OSError, UnicodeDecodeError, configparser.Error):
        return frozenset()
    return frozenset(parser.defaults().get(EXCLUDED, "").split())


def thresholds() -> dict[str, int]:
    """The watchdog's threshold in bytes of each gateway that has one; empty without a guard.

    GuardError if there is a guard and it does not say.
    """
    if not os.path.exists(PROGRAM):
        return {}
    # Not at the top: most need the paths alone.
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
    return {name: size for name, size in found.items() if isinstance(size, int) and size > 0}


def restart(name: str, reason: str, emergency: bool) -> dict[str, Any]:
    """Ask the arbiter to restart gateway ``name`` and wait for it; the entry of its ledger.

    In an emergency it does not wait for a quiet moment. GuardError if the program gives no answer.
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
