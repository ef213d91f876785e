# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Formats the changes to files for --diff, without secrets."""

from __future__ import annotations

from .._guard import config
from .._host import guard_program
from .desired_state import LINK
from .plan import Change

# A file that others cannot read may hold a secret of an earlier run.
WORLD_READABLE = 0o004


def of_file(path: str, change: Change, hidden: tuple[str, ...] | None) -> dict[str, str]:
    """One entry of the module's diff.

    ``hidden`` has the prefixes of lines that hold a secret; None if they are not known.
    """
    if path in (guard_program.NOTIFY_SECRET, guard_program.PING_URL):
        return _of_secret(path, change)
    if LINK in (change.mode_before, change.mode_after):
        return _of_link(path, change)
    old, new = _readable(path, change.before), _readable(path, change.after)
    same = not _secret_lines(old, hidden) or _secret_lines(old, hidden) == _secret_lines(
        new, hidden
    )
    private = not (change.mode_before or 0) & WORLD_READABLE
    if hidden is None and change.before is not None and private:
        old = "(not shown: readable by its owner only)\n"
    return {
        "before_header": _header(path, change.before, change.mode_before),
        "after_header": _header(path, change.after, change.mode_after),
        "before": _hide(old, hidden, "(hidden)"),
        "after": _hide(new, hidden, "(hidden)" if same else "(hidden, changed)"),
    }


def _of_secret(path: str, change: Change) -> dict[str, str]:
    """The entry for a file whose whole content is a secret."""
    after = "(hidden)\n" if change.before in (None, change.after) else "(hidden, changed)\n"
    return {
        "before_header": _header(path, change.before, change.mode_before),
        "after_header": _header(path, change.after, change.mode_after),
        "before": "" if change.before is None else "(hidden)\n",
        "after": "" if change.after is None else after,
    }


def _of_link(path: str, change: Change) -> dict[str, str]:
    """The entry for a symbolic link, which shows its target."""
    linked = [
        None if target is None else target.decode() for target in (change.before, change.after)
    ]
    headers = [path if target is None else path + " (symbolic link)" for target in linked]
    targets = ["" if target is None else "-> %s\n" % target for target in linked]
    return {
        "before_header": headers[0],
        "after_header": headers[1],
        "before": targets[0],
        "after": targets[1],
    }


def of_packages(names: list[str]) -> dict[str, str]:
    """The entry for packages that a real run would install."""
    return {
        "before_header": "packages",
        "after_header": "packages",
        "before": "",
        "after": "".join(name + "\n" for name in names),
    }


def _header(path: str, content: bytes | None, mode: int | None) -> str:
    return path if content is None or mode is None else "%s (mode %04o)" % (path, mode)


def _readable(path: str, content: bytes | None) -> str:
    if content is None:
        return ""
    if path == config.PROGRAM:
        return "(the program hermes-guard, %d bytes)\n" % len(content)
    return content.decode("utf-8", "replace")


def _secret_lines(text: str, hidden: tuple[str, ...] | None) -> list[str]:
    return [line for line in text.split("\n") if _prefix(line, hidden)]


def _hide(text: str, hidden: tuple[str, ...] | None, word: str) -> str:
    """``text`` with ``word`` in place of each secret."""
    lines = text.split("\n")
    return "\n".join(
        _prefix(line, hidden) + word if _prefix(line, hidden) else line for line in lines
    )


def _prefix(line: str, hidden: tuple[str, ...] | None) -> str:
    """The beginning of a line that holds a secret; empty for any other line."""
    return next((one for one in hidden or () if line.startswith(one) and line != one), "")
