# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of hermes-guard and their options; the man page and the completions come from it."""

from __future__ import annotations

import argparse
import textwrap

from .cli import VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_EXIT_CODES = """exit codes:
  0  done
  1  something failed, or is wrong with the set-up of this host
  2  wrong usage, such as an unknown option or gateway
  3  restart only: refused; the reason is printed

All times are in UTC.
"""
# What else a code means for one command.
_CODES = {
    "check": "  1  a gateway could not be checked; the others were",
    "doctor": "  0  nothing is wrong\n  1  at least one problem was found",
    "restart": "  0  restarted\n  1  the gateway did not come up, or the restart failed\n"
    "  3  refused; the reason is printed",
    "notify": "  1  no notify command or ping URL is set, or one of them failed",
}


def make() -> argparse.ArgumentParser:
    """The parser. It sets ``command``, and for each command ``gateway`` and ``json``."""
    parser = argparse.ArgumentParser(
        prog="hermes-guard",
        description="Keeps the Hermes gateways of this host from running out of memory.",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version="hermes-guard " + VERSION)
    commands = parser.add_subparsers(metavar="COMMAND", dest="command", required=True)
    _status(commands)
    _log(commands)
    _command(commands, "doctor", "list what is wrong with the set-up of this host", gateway=False)
    _restart(commands)
    _suspend(commands)
    one = _command(commands, "resume", "end a suspension before its time")
    one.add_argument("--watchdog", action="store_true", help="only that of the watchdog")
    one.add_argument("--dry-run", action="store_true", help="print what would be done")
    _trend(commands)
    one = _command(commands, "notify", "try the notify command and the ping URL")
    one.add_argument("--test", action="store_true", required=True, help="send a test message")
    _command(
        commands, "metrics", "print the metrics of this host, in Prometheus' text format", False
    )
    _command(
        commands,
        "check",
        "take a sample of each gateway, add it to the history, and ask for a restart if one is"
        " needed; a timer runs this command",
    )
    _command(
        commands,
        "identify",
        "ask the Hermes of each gateway that has changed for its version, provider and model; the"
        " unit hermes-guard-identity.service runs this command",
        False,
    )
    return parser


def _command(commands: Any, name: str, what: str, gateway: bool = True) -> argparse.ArgumentParser:
    """Add the command ``name``, with --json, and with --gateway if it is about ``gateway``s."""
    text = _CODES.get(name)
    one: argparse.ArgumentParser = commands.add_parser(
        name,
        help=what,
        description=textwrap.fill(what[0].upper() + what[1:] + ".", 78),
        epilog="exit codes (see also hermes-guard --help):\n%s\n" % text if text else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    one.set_defaults(gateway=None)
    if gateway:
        one.add_argument("--gateway", metavar="NAME", help="only this gateway")
    one.add_argument("--json", action="store_true", help="print JSON; times in epoch seconds")
    return one


def _status(commands: Any) -> None:
    _command(
        commands,
        "status",
        "show every gateway: state, memory, next restart, last restart and why, open alerts",
    )


def _log(commands: Any) -> None:
    one = _command(
        commands,
        "log",
        "show restarts, refusals, alerts and crashes with their reasons, the newest last",
    )
    one.add_argument(
        "--since",
        metavar="WHEN",
        help="only what is newer: a time such as 2026-08-05 or 2026-08-05T14:00 (UTC), or how long"
        " ago, such as 12h or 7d",
    )
    one.add_argument(
        "--lines",
        metavar="N",
        type=int,
        help="at most N entries of each gateway; default 20, with --since all",
    )


def _restart(commands: Any) -> None:
    one = _command(commands, "restart", "restart one gateway without interrupting a conversation")
    one.add_argument(
        "--reason", metavar="TEXT", required=True, help="why; the ledger keeps it for the log"
    )
    one.add_argument("--now", action="store_true", help="do not wait for a quiet moment")
    one.add_argument(
        "--scheduled",
        action="store_true",
        help="as the unit NAME-restart.service asks: do what the watchdog has requested; otherwise"
        " refuse if the gateway is too young or its calendar restarts are suspended",
    )
    one.add_argument(
        "--clean",
        action="store_true",
        help="restart nothing: remove the drain marker that an interrupted restart has left",
    )


def _suspend(commands: Any) -> None:
    one = _command(
        commands,
        "suspend",
        "suspend the calendar restarts for a while; this ends by itself, and the watchdog goes on",
    )
    one.add_argument(
        "--hours", metavar="N", type=int, default=48, help="how long: 1 to 168, default 48"
    )
    one.add_argument(
        "--from",
        dest="begin",
        metavar="WHEN",
        help="begin at this time (UTC) instead of now, at most 30 days ahead: 2026-08-08,"
        " 2026-08-08T22:00, or in 12h",
    )
    one.add_argument(
        "--watchdog",
        action="store_true",
        help="suspend the restarts of the watchdog too: it then only alerts",
    )
    one.add_argument(
        "--again", action="store_true", help="replace a suspension that has not ended yet"
    )
    one.add_argument("--dry-run", action="store_true", help="print what would be done")


def _trend(commands: Any) -> None:
    one = _command(
        commands,
        "trend",
        "judge the memory history: is it a leak, and when is the limit reached",
        False,
    )
    which = one.add_mutually_exclusive_group()
    which.add_argument("--gateway", metavar="NAME", help="only this gateway")
    which.add_argument(
        "--samples",
        metavar="FILE",
        help="a CSV file with at least the columns timestamp, invocation_id and rss_bytes,"
        " in any order",
    )
    one.add_argument(
        "--since",
        metavar="WHEN",
        help='compare before and after a change at that time, or the last change of the "version"',
    )
