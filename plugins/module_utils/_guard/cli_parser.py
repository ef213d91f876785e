# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands and options of hermes-guard; the man page and completions are made from them."""

from __future__ import annotations

import argparse
import textwrap

from .cli import VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_EXIT_CODES = """exit codes:
  0  success
  1  the command failed, or found a problem with the set-up of this host
  2  wrong usage, such as an unknown option or gateway
  3  restart only: refused; the reason is printed

All times are in UTC.
"""
# What a code means for one command.
_CODES = {
    "check": "  1  a gateway could not be checked; the others were",
    "doctor": "  0  no problems found\n  1  at least one problem found",
    "restart": "  0  restarted\n  1  the restart failed, or the gateway did not come up\n"
    "  3  refused; the reason is printed",
    "notify": "  1  neither a notify command nor a ping URL is set, or one of them failed",
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
    _command(commands, "doctor", "list problems with the set-up of this host", gateway=False)
    _restart(commands)
    _suspend(commands)
    one = _command(commands, "resume", "end a suspension early")
    one.add_argument(
        "--watchdog", action="store_true", help="resume only the restarts by the watchdog"
    )
    one.add_argument("--dry-run", action="store_true", help="print what would be done")
    _trend(commands)
    one = _command(commands, "notify", "test the notify command and the ping URL")
    one.add_argument("--test", action="store_true", required=True, help="send a test message")
    _command(commands, "metrics", "print the metrics of this host in Prometheus text format", False)
    _command(
        commands,
        "check",
        "take a memory sample of each gateway and request a restart if one is needed; a timer runs"
        " this command",
    )
    _command(
        commands,
        "identify",
        "ask Hermes for the version, provider and model of each gateway that has changed; the unit"
        " hermes-guard-identity.service runs this command",
        False,
    )
    return parser


def _command(commands: Any, name: str, what: str, gateway: bool = True) -> argparse.ArgumentParser:
    """Add the command ``name`` with --json, and with --gateway if ``gateway`` is true."""
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
        commands, "status", "show the state, memory, restarts and open alerts of every gateway"
    )


def _log(commands: Any) -> None:
    one = _command(
        commands,
        "log",
        "show restarts, refusals, alerts and crashes with their reasons, newest last",
    )
    one.add_argument(
        "--since",
        metavar="WHEN",
        help="only entries since this time: 2026-08-05 or 2026-08-05T14:00 (UTC), or an age such as"
        " 12h or 7d",
    )
    one.add_argument(
        "--lines",
        metavar="N",
        type=int,
        help="at most N entries for each gateway (default: 20, or all with --since)",
    )


def _restart(commands: Any) -> None:
    one = _command(commands, "restart", "restart one gateway without interrupting a conversation")
    one.add_argument(
        "--reason", metavar="TEXT", required=True, help="the reason, which the ledger records"
    )
    one.add_argument("--now", action="store_true", help="do not wait until the gateway is idle")
    one.add_argument(
        "--scheduled",
        action="store_true",
        help="for the unit NAME-restart.service: carry out a request of the watchdog; without one,"
        " refuse if the gateway started recently or its calendar restarts are suspended",
    )
    one.add_argument(
        "--clean",
        action="store_true",
        help="restart nothing: remove the drain marker of an interrupted restart",
    )


def _suspend(commands: Any) -> None:
    one = _command(
        commands,
        "suspend",
        "suspend the calendar restarts for a limited time; the watchdog stays active",
    )
    one.add_argument(
        "--hours", metavar="N", type=int, default=48, help="duration: 1 to 168 (default: 48)"
    )
    one.add_argument(
        "--from",
        dest="begin",
        metavar="WHEN",
        help="start at this time instead of now, at most 30 days ahead: 2026-08-08 or"
        " 2026-08-08T22:00 (UTC), or a delay such as 12h",
    )
    one.add_argument(
        "--watchdog",
        action="store_true",
        help="also suspend restarts by the watchdog, which then only alerts",
    )
    one.add_argument("--again", action="store_true", help="replace a suspension that has not ended")
    one.add_argument("--dry-run", action="store_true", help="print what would be done")


def _trend(commands: Any) -> None:
    one = _command(
        commands,
        "trend",
        "analyse the memory history: does the gateway leak, and when does it reach its limit",
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
        help='compare memory before and after a change at this time; "version" means the last'
        " change of the Hermes version",
    )
