# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What --diff shows of a plan: no line of a file that does not change, and no secret."""

from __future__ import annotations

import difflib
import re

from .plan import Plan

SECRET_IN_LINE = re.compile(
    r"((?:keys?|token|secret\w*|passw\w*|credentials?|authorization|private\w*)[\"']?\s*:\s*)"
    r"[^\s,}][^,}\r\n]*",
    re.IGNORECASE,
)


def diff(plan: Plan) -> dict[str, str]:
    """Before and after, in the form of Ansible's diff.

    Of a file that is not all ours, only the lines that change: so no secret is near.
    """
    before, after = plan.before, plan.after
    if not plan.ours:
        old, new = before.splitlines(True), after.splitlines(True)
        matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
        blocks = [block for block in matcher.get_opcodes() if block[0] != "equal"]
        before = "".join("".join(old[block[1] : block[2]]) for block in blocks)
        after = "".join("".join(new[block[3] : block[4]]) for block in blocks)
    return {
        "before_header": plan.path,
        "after_header": plan.path,
        "before": _mask(before),
        "after": _mask(after),
    }


def _mask(text: str) -> str:
    return SECRET_IN_LINE.sub(r"\1********", text)
