# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a check says as it goes on, and what it leaves alone because it has not answered before."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from .config import Settings

# The steps of a check, in this order. In each of them it can only be held up by what the step is
# called after.
RUN, SYSTEMD, SAMPLE, HOME, DECIDE, DONE = "run", "systemd", "sample", "home", "decide", "done"
WITNESS, NOTIFY, END = "witness", "notify", "end"
# The user of a gateway in system scope as far as its systemd is concerned.
SYSTEM = ""


class Progress:
    """The steps of one check.

    ``hung`` are the names of gateways whose homes must not be looked at, ``silent`` the users whose
    systemd must not be asked.
    """

    def __init__(self, hung: Collection[str] = (), silent: Collection[str] = ()) -> None:
        self.hung = hung
        self.silent = silent
        self.lines: list[str] = []
        self.good = True

    def step(self, stage: str, settings: Settings | None = None) -> None:
        """A step begins, for one gateway or for all."""

    def say(self, settings: Settings, line: str, good: bool = True) -> None:
        """Tell ``line`` of a gateway; ``good`` is False for what makes the check end with 1."""
        self.lines.append("%s: %s" % (settings.name, line))
        self.good = self.good and good


def manager(settings: Settings) -> str:
    """The user whose systemd runs the gateway, or SYSTEM."""
    return settings.user if settings.scope == "user" else SYSTEM
