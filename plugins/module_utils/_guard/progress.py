# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tracks the steps and results of a check, and the homes and managers that it must avoid."""

from __future__ import annotations

import collections

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any, NamedTuple

    from .config import Settings
    from .counters import Counters
    from .managed import ManagedGateway

    class Over(NamedTuple):
        """A run that has ended, when a check last saw it (epoch seconds), and the gateway now."""

        settings: Settings
        gateway: ManagedGateway | None
        run: str
        seen: float

else:
    Over = collections.namedtuple("Over", "settings gateway run seen")

# The steps of a check, in order. A step can only be blocked by the subject that it is named after.
RUN, SYSTEMD, SAMPLE, HOME, DECIDE, DONE = "run", "systemd", "sample", "home", "decide", "done"
WITNESS, ENDED, METRICS, NOTIFY, END = "witness", "ended", "metrics", "notify", "end"
# Used as the user name for the systemd of the system.
SYSTEM = ""


class Seen:
    """The results of a check for one gateway, for the metrics page; None means unknown.

    ``state`` is systemd's ActiveState, or "gone", ``row`` the sample, ``beat`` the time of the last
    heartbeat (epoch seconds). ``limit`` is the kernel's limit in bytes; page.py reads ``counters``
    and ``verdict``.
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
        """The invocation ID and pid of the gateway's run; None if it is not running."""
        gateway = self.gateway
        if gateway is None or gateway.pid is None or self.state not in ("active", None):
            return None
        return [gateway.invocation_id, gateway.pid]


class Progress:
    """The steps of one check.

    ``hung`` are the names of gateways whose homes must not be accessed, ``silent`` the users whose
    systemd must not be queried. ``full``: whether it covers all gateways and must still prepare the
    metrics page. ``seen`` is keyed by gateway name; ``failed`` are the names of gateways that could
    not be checked. ``over`` are the runs that have ended since the last check.
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
        """Start a step, for one gateway or for all."""

    def say(self, settings: Settings, line: str, good: bool = True) -> None:
        """Report ``line`` for a gateway; if not ``good``, the check exits with 1."""
        self.lines.append("%s: %s" % (settings.name, line))
        self.good = self.good and good
        if not good:
            self.failed.add(settings.name)


def manager(settings: Settings) -> str:
    """The user whose systemd runs the gateway, or SYSTEM."""
    return settings.user if settings.scope == "user" else SYSTEM
