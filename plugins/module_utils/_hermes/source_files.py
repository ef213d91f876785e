# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists the source files of a Hermes installation. Hermes's own Python also runs this file."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCES = ("gateway", "agent", "hermes_cli", "tools", "run_agent.py", "cli.py")


def directories(root: str, most: float = float("inf")) -> Iterator[tuple[str, list[str]]]:
    """Each directory below ``root`` with Hermes's sources, and the names of its source files.

    Raises OverflowError if the directories have more than ``most`` entries of any kind together.
    """
    left = most
    for source in SOURCES:
        place = os.path.join(root, source)
        if source.endswith(".py") and os.path.exists(place):
            yield root, [source]
        # os.walk would first read all entries of a directory.
        below = [place]
        while below:
            folder, names = below.pop(), []
            try:
                with os.scandir(folder) as entries:
                    for entry in entries:
                        left -= 1
                        if left < 0:
                            raise OverflowError("%s has too many files" % root)
                        if entry.is_dir(follow_symlinks=False):
                            below.append(entry.path)
                        elif entry.name.endswith(".py"):
                            names.append(entry.name)
            except OSError:
                continue
            yield folder, names


def paths(root: str) -> Iterator[str]:
    """The paths of the source files, in no particular order."""
    for folder, names in directories(root):
        yield from (os.path.join(folder, name) for name in names)
