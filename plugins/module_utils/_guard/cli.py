# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The entry point of hermes-guard: runs the check, or loads the code of any other command.

The timer runs the check, so the check must not import what only other commands need.
"""

from __future__ import annotations

import io
import os
import sys

from .._host import display
from .._host.errors import GuardError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .config import Settings

VERSION = "1.0.0"
# Exit codes: success, failure, wrong usage, restart refused.
DONE, FAULT, USAGE, REFUSED = 0, 1, 2, 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run hermes-guard with ``arguments`` and return its exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    # Internal: site.yml sends a question on standard input.
    if words == ["as-asked"]:
        from . import as_asked

        return as_asked.main()
    # The command line of the timer: it needs no parser.
    if words == ["check"]:
        return _check_all()
    from . import cli_commands

    return cli_commands.run(words)


def _check_all() -> int:
    from . import config, state_format

    code = FAULT
    try:
        state_format.check()
        every, faults = config.load_tolerantly()
        lines, code = check([every[name] for name in sorted(every)], faults, True)
        for line in lines:
            say(line)
    except (GuardError, OSError) as exc:
        complain(exc)
    ping(code == DONE)
    return code


def check(every: list[Settings], faults: list[str], full: bool) -> tuple[list[str], int]:
    """Check ``every`` gateway: the lines for the journal, and the exit code.

    ``faults`` are those of the configuration; ``full`` says whether ``every`` has all gateways.
    """
    from . import supervised

    lines, good = supervised.check(every, faults, full)
    return lines, DONE if good else FAULT


def ping(good: bool) -> None:
    """Call the ping URL, if one is set, with the result of the check of all gateways."""
    from .._host import guard_program

    # Without this file, the import is not needed.
    if not os.path.lexists(guard_program.PING_URL):
        return
    from . import ping

    line = ping.after_check(good)
    if line is not None:
        say(line)


def say(text: str) -> None:
    """Print a line and flush it: an operator may follow the journal."""
    try:
        sys.stdout.write(_printable(text) + "\n")
        sys.stdout.flush()
    except OSError:
        # journald has stopped or the terminal is closed: a restart must still be completed.
        sys.stdout = io.StringIO()


def complain(fault: object) -> None:
    """Print a fault to standard error."""
    sys.stderr.write("hermes-guard: %s\n" % _printable(str(fault)))


def _printable(text: str) -> str:
    """``text`` without control characters: a user of the host may have chosen a part of it."""
    return display.printable(text, keep="\n\t")
