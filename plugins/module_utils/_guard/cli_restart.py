# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command hermes-guard restart."""

from __future__ import annotations

import json
import signal

from . import arbiter, cli, handover, managed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from .config import Settings


def run(options: Any, settings: Settings) -> int:
    """Restart one gateway, or refuse to; with --clean, only remove a leftover drain marker."""
    if options.clean:
        return _clean(options, settings)

    def say(text: str) -> None:
        if not options.json:
            cli.say(text)

    # The restart then removes its drain marker if the unit or the terminal is closed.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _frame: _leave(128 + received))
    # Ctrl-Z would leave the gateway refusing messages until the restart continues.
    signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    trigger = "timer" if options.scheduled else "operator"
    entry = arbiter.restart(settings, options.reason, trigger, options.now, say)
    if options.json:
        cli.say(json.dumps(entry, sort_keys=True))
    else:
        cli.say("%s: %s: %s" % (settings.name, entry["event"], entry["reason"]))
        if "unwritten" in entry:
            cli.say("the ledger cannot be written: %s" % entry["unwritten"])
    return {"restart": cli.DONE, "refused": cli.REFUSED}.get(entry["event"], cli.FAULT)


def _clean(options: Any, settings: Settings) -> int:
    removed = handover.clean(managed.find(settings))
    if options.json:
        cli.say(json.dumps({"removed": removed}))
    elif removed:
        cli.say(handover.REMOVED)
    return cli.DONE


def _leave(code: int) -> NoReturn:
    raise SystemExit(code)
