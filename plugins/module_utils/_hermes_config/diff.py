# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Formats a plan for --diff, without unchanged lines of users' files and without secrets."""

from __future__ import annotations

import difflib
import re

from .._host import display
from .plan import Plan

# Limits of changed lines, and of characters per line. Settings take a few lines, but a file may
# have a million, for which a diff takes too long.
MAX_LINES = 200
MAX_LINE = 500
SECRET_IN_LINE = re.compile(
    r"((?:keys?|token|secret\w*|passw\w*|credentials?|authorization|private\w*)[\"']?\s*:\s*)"
    r"[^\s,}][^,}\r\n]*",
    re.IGNORECASE,
)


def diff(plan: Plan) -> dict[str, str]:
    """The text before and after, in the form of Ansible's diff.

    For a file that others also edit, only the changed lines are shown, so that no secret appears.
    """
    old, new = plan.before.splitlines(True), plan.after.splitlines(True)
    if not plan.ours:
        old, new = _changed(old, new)
    return {
        "before_header": plan.path,
        "after_header": plan.path,
        "before": _shown(old),
        "after": _shown(new),
    }


def _changed(old: list[str], new: list[str]) -> tuple[list[str], list[str]]:
    """The lines that differ between ``old`` and ``new``."""
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    old, new = old[start : len(old) - end], new[start : len(new) - end]
    if max(len(old), len(new)) > MAX_LINES:
        return old, new
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    blocks = [block for block in matcher.get_opcodes() if block[0] != "equal"]
    return (
        [line for block in blocks for line in old[block[1] : block[2]]],
        [line for block in blocks for line in new[block[3] : block[4]]],
    )


def _shown(lines: list[str]) -> str:
    if len(lines) > MAX_LINES:
        return "(not shown: %d lines)\n" % len(lines)
    # The owner of the home controls this text, which an operator sees in a terminal.
    printable = [display.printable(line, MAX_LINE, keep="\t\r\n") for line in lines]
    return SECRET_IN_LINE.sub(r"\1********", "".join(printable))
