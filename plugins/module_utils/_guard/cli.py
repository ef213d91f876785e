# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How hermes-guard starts: its check, which a timer runs, and the way to all other commands.

A check pays for nothing that only the others need.
"""

from __future__ import annotations

import io
import os
import sys

from .._host.errors import GuardError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .config import Settings

VERSION = "0.1.0"
# The exit codes: done, a fault, wrong usage, a restart that is refused.
DONE, FAULT, USAGE, REFUSED = 0, 1, 2, 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run hermes-guard with ``arguments`` and return its exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    # For site.yml only, which sends a question on standard input.
    if words == ["as-asked"]:
        from . import as_asked

        return as_asked.main()
    # What the timer says needs no parser.
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

    ``faults`` are those of the configuration; ``full``: whether ``every`` has all gateways.
    """
    from . import supervised

    lines, good = supervised.check(every, faults, full)
    return lines, DONE if good else FAULT


def ping(good: bool) -> None:
    """Tell the monitoring service, if there is one, how the check of all gateways has ended."""
    from .._host import guard_program

    # Without such a file nothing is imported.
    if not os.path.lexists(guard_program.PING_URL):
        return
    from . import ping

    line = ping.after_check(good)
    if line is not None:
        say(line)


def say(text: str) -> None:
    """A line to standard output, at once: someone may follow it in a journal."""
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except OSError:
        # journald has stopped, or a session is closed: no reason to leave a restart half-way.
        sys.stdout = io.StringIO()


def complain(fault: object) -> None:
    """A fault to standard error."""
    sys.stderr.write("hermes-guard: %s\n" % fault)
