# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders the metrics page with current values, for the command hermes-guard metrics.

It stores nothing: the counters are those of the last check plus the newer ledger entries.
"""

from __future__ import annotations

import contextlib
import os
import time

from .._hermes import discovery, heartbeat
from .._host import files, reach
from .._host.errors import FileError
from . import home, identity, managed, metrics, page, page_link, sampling
from .progress import Seen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    from .config import Settings

# Bytes at the end of the page, more than the guard's own metrics.
_END_BYTES = 4096
# The metrics about the last check.
_CHECK = ("check_timestamp_seconds", "check_duration_seconds", "check_failed_gateways")


def text(every: Collection[Settings]) -> tuple[str, list[str]]:
    """The page, and a line for each gateway whose metrics are not available.

    Raises GuardError if systemd or a file cannot be read.
    """
    lines: list[str] = []
    return page.render(every, look(every), last_check(), lines), lines


def look(every: Collection[Settings]) -> dict[str, Seen]:
    """The current results for each gateway of ``every``, by name."""
    silent = reach.unanswered({settings.home: settings.user for settings in every})
    found = discovery.look(every)
    seen = {name: Seen("inactive") for name in found.asleep}
    for settings in every:
        if settings.name in found.gateways:
            gateway = managed.ManagedGateway(settings, found.gateways[settings.name])
            seen[settings.name] = _look(gateway, settings.home in silent)
        elif settings.name not in found.silent and settings.name not in seen:
            seen[settings.name] = Seen("gone")
    return seen


def _look(gateway: managed.ManagedGateway, hangs: bool) -> Seen:
    """The results for one gateway, as in a check; ``hangs`` skips its home."""
    one = Seen(gateway.active_state, gateway)
    one.row = sampling.measured(gateway) if one.run is not None else None
    inside = home.Home() if hangs else home.look(gateway)
    if one.row is not None:
        sampling.complete(one.row, inside.said, identity.known(gateway))
    if inside.silent_seconds is not None:
        one.beat = time.time() - inside.silent_seconds
    if inside.stamps is not None:
        one.frozen = inside.suspect and heartbeat.confirmed(gateway) is not None
    return one


def last_check() -> dict[str, Any]:
    """The metrics about the last check, from its page."""
    found: dict[str, Any] = {}
    try:
        # These metrics are at the end of the page, which may be long.
        end, _cut = files.tail_bytes(page_link.page(), {0, os.geteuid()}, _END_BYTES)
    except FileError:
        return found
    for line in end.decode("utf-8", "replace").splitlines():
        name, _space, value = line.partition(" ")
        name = name[len("hermes_guard_") :]
        if name in _CHECK:
            with contextlib.suppress(ValueError):
                number = metrics.finite(float(value))
                found.update({} if number is None else {name: number})
    return found
