# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command hermes-guard log: prints the entries of the ledgers, the newest last."""

from __future__ import annotations

import json

from .._host import display, moments
from . import cli, ledger

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .config import Settings

USUAL = 20
# More than a ledger can hold: it is halved at 1 MB.
_ALL = 1 << 20
_ENDS = ("restart", "failed")


def run(options: Any, every: list[Settings]) -> int:
    """Print the entries of the ledgers of ``every`` gateway, sorted by time."""
    if options.lines is not None and options.lines < 1:
        cli.complain("--lines: invalid number '%d': expected 1 or more" % options.lines)
        return cli.USAGE
    since = 0.0
    if options.since is not None:
        try:
            since = moments.ago(options.since)
        except ValueError as exc:
            cli.complain("--since: %s" % exc)
            return cli.USAGE
    usual = USUAL if options.since is None else _ALL
    found = []
    for settings in every:
        entries = ledger.read(settings.folder, options.lines or usual)
        ended = {one.get("invocation_id") for one in entries if one.get("event") in _ENDS}
        found += [
            dict(one, gateway=settings.name)
            for one in entries
            # The start of a restart matters only if its end is missing.
            if one["time"] >= since
            and not (one.get("event") == "begun" and one.get("invocation_id") in ended)
        ]
    found.sort(key=lambda one: one["time"])
    if options.json:
        cli.say(json.dumps(found, sort_keys=True))
        return cli.DONE
    for one in found:
        cli.say(line(one))
    if not found:
        cli.say("no entries: no restart, refusal, alert or crash")
    return cli.DONE


def line(one: dict[str, Any]) -> str:
    """The line of an entry; it may quote text from a user's home directory."""
    # The mode of a restart, or the code of any other event.
    how = one.get("mode" if one.get("event") == "restart" else "code")
    words = (display.utc(one["time"]), one["gateway"], one.get("event"), how, one.get("trigger"))
    text = "  ".join(str(word) for word in words if word)
    return display.printable("%s: %s" % (text, one.get("reason")), 1000)
