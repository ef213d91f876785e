# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The time of each step, from a growing gateway to the end of its alert."""

from __future__ import annotations

import time
from collections.abc import Callable

import servers

# The arbiter may drain for two minutes and wait for quiescence for one, as it does on a loaded machine.
STEP_SECONDS = 240
LOOK_SECONDS = 0.2


class Chain:
    """The steps in order: the name, and the time (epoch seconds)."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, float]] = []

    def note(self, name: str, when: float | None = None) -> None:
        """Record a step, with the current time unless a better one is known."""
        self.steps.append((name, time.time() if when is None else when))
        servers.say("[%5.1f s] %s" % (self.steps[-1][1] - self.steps[0][1], name))

    def until(self, name: str, seen: Callable[[], object]) -> None:
        """Wait for a step. A number that ``seen()`` returns is its time."""
        deadline = time.monotonic() + STEP_SECONDS
        while True:
            value = seen()
            if value:
                exact = isinstance(value, float)
                self.note(name, value if exact else None)
                return
            if time.monotonic() > deadline:
                raise servers.Missing("waited %d s in vain for: %s" % (STEP_SECONDS, name))
            time.sleep(LOOK_SECONDS)

    def also(self, name: str, when: float) -> None:
        """Insert a step that was recorded elsewhere."""
        self.steps.append((name, when))
        self.steps.sort(key=lambda step: step[1])

    def at(self, name: str) -> float:
        """The time of a step."""
        return dict(self.steps)[name]

    def table(self) -> list[str]:
        """The steps as a table, with seconds since the first."""
        lines = ["| step | seconds | after the step before |", "| --- | ---: | ---: |"]
        before = self.steps[0][1]
        for name, when in self.steps:
            seconds = when - self.steps[0][1]
            lines.append("| %s | %.1f | %.1f |" % (name, seconds, when - before))
            before = when
        return lines
