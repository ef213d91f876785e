# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a check says as it goes on, and what it leaves alone because it has not answered before."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any, Optional

    from .config import Settings
    from .counters import Counters
    from .managed import ManagedGateway

    # A run that is over: whose it was, the gateway as it is now, the invocation, when a check last
    # saw it (epoch seconds).
    Over = tuple[Settings, Optional[ManagedGateway], str, float]

# The steps of a check, in this order. In each of them it can only be held up by what the step is
# called after.
RUN, SYSTEMD, SAMPLE, HOME, DECIDE, DONE = "run", "systemd", "sample", "home", "decide", "done"
WITNESS, ENDED, METRICS, NOTIFY, END = "witness", "ended", "metrics", "notify", "end"
# The user of a gateway in system scope as far as its systemd is concerned.
SYSTEM = ""


class Seen:
    """What a check has seen of one gateway, for the page of metrics; None is unknown.

    ``state`` is systemd's ActiveState, or "gone", ``row`` the sample, ``beat`` the time of the last
    heartbeat (epoch seconds). ``limit`` is at how many bytes the kernel acts, ``counters`` and
    ``verdict`` are what page.py has read.
    """

    __slots__ = ("beat", "counters", "frozen", "gateway", "limit", "row", "state", "verdict")

    def __init__(self, state: str | None = None, gateway: ManagedGateway | None = None) -> None:
        self.state = state
        self.gateway = gateway
        self.row: dict[str, Any] | None = None
        self.beat: float | None = None
        self.frozen: bool | None = None
        self.counters: Counters | None = None
        self.verdict: dict[str, Any] = {}
        self.limit = 0

    @property
    def run(self) -> list[Any] | None:
        """What systemd and the kernel call the run of the gateway; None if it does not run."""
        gateway = self.gateway
        if gateway is None or gateway.pid is None or self.state not in ("active", None):
            return None
        return [gateway.invocation_id, gateway.pid]


class Progress:
    """The steps of one check.

    ``hung`` are the names of gateways whose homes must not be looked at, ``silent`` the users whose
    systemd must not be asked. ``full``: whether it is about all gateways, and its page of metrics
    is still to be prepared. ``seen`` is by the name of the gateway, and ``failed`` are the names of
    those that could not be checked. ``over`` are the runs that have ended since the last check.
    """

    full = False

    def __init__(self, hung: Collection[str] = (), silent: Collection[str] = ()) -> None:
        self.hung = hung
        self.silent = silent
        self.lines: list[str] = []
        self.good = True
        self.seen: dict[str, Seen] = {}
        self.failed: set[str] = set()
        self.over: list[Over] = []

    def step(self, stage: str, settings: Settings | None = None) -> None:
        """A step begins, for one gateway or for all."""

    def say(self, settings: Settings, line: str, good: bool = True) -> None:
        """Tell ``line`` of a gateway; ``good`` is False for what makes the check end with 1."""
        self.lines.append("%s: %s" % (settings.name, line))
        self.good = self.good and good
        if not good:
            self.failed.add(settings.name)


def manager(settings: Settings) -> str:
    """The user whose systemd runs the gateway, or SYSTEM."""
    return settings.user if settings.scope == "user" else SYSTEM
