# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The watchdog's check: sample every gateway, and see whether one should be restarted."""

from __future__ import annotations

from .._hermes import heartbeat
from .._host import display
from .._host.errors import RunError
from . import handover, history, last_seen, limits, managed, sampling

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    from .config import Settings
    from .managed import ManagedGateway


def check(every: Collection[Settings]) -> tuple[list[str], bool]:
    """Check ``every`` gateway: (a line for each thing done, whether all could be checked).

    A gateway that cannot be checked, because its history cannot be written for one, does not keep
    the others from being checked.
    """
    now = {settings.name: last_seen.still(settings) for settings in every}
    now.update(_ask_systemd([settings for settings in every if now[settings.name] is None]))
    lines = []
    ok = True
    for settings in every:
        gateway = now[settings.name]
        if gateway is None:
            continue
        try:
            lines += ["%s: %s" % (settings.name, line) for line in _check_one(gateway)]
        except Exception as exc:  # pylint: disable=broad-exception-caught
            # Much of what is read is a user's, who may mean harm: the others are still watched.
            lines.append("%s: cannot be checked: %s" % (settings.name, exc))
            ok = False
    return lines, ok


def _ask_systemd(every: Collection[Settings]) -> dict[str, ManagedGateway]:
    found = managed.refresh(every)
    for gateway in found.values():
        last_seen.note(gateway)
    return found


def _check_one(gateway: ManagedGateway) -> list[str]:
    lines = []
    kept = None
    try:
        if handover.clean(gateway):
            lines.append("removed a drain marker that an interrupted restart had left")
    except (RunError, OSError) as exc:
        kept = exc
    lines += _watch(gateway)
    if kept is not None:
        raise kept
    return lines


def _watch(gateway: ManagedGateway) -> list[str]:
    """Sample, and decide; what was done."""
    if gateway.problem or gateway.pid is None or gateway.active_state != "active":
        return []
    row = sampling.take(gateway)
    if row is None:
        return []
    kept = None
    try:
        history.append(gateway.settings.folder, row)
        history.prune(gateway.settings.folder, gateway.settings.history_days)
    except OSError as exc:
        # A full disk is no reason to let the gateway run out of memory: decide first.
        kept = exc
    done = _decide(gateway, row)
    if kept is not None:
        raise kept
    return [done] if done else []


def breached(gateway: ManagedGateway, row: dict[str, Any]) -> tuple[int, int]:
    """How many of the last samples are above the threshold: (count, looked at).

    Only samples of this run of the gateway count. ``row`` is the newest of them.
    """
    settings = gateway.settings
    most = settings.breaches[1]
    try:
        past = history.tail(settings.folder, most)
    except OSError:
        past = []
    past = [one for one in past if _same_run(one, gateway) and one["timestamp"] != row["timestamp"]]
    samples = (past + [row])[-most:]
    return len([one for one in samples if limits.above_threshold(settings, one)]), len(samples)


def _same_run(row: dict[str, Any], gateway: ManagedGateway) -> bool:
    if gateway.invocation_id:
        return row["invocation_id"] == gateway.invocation_id
    return row["pid"] == gateway.pid


def _decide(gateway: ManagedGateway, row: dict[str, Any]) -> str | None:
    """What was done, or None."""
    if gateway.settings.threshold is None:
        return None
    why = _why(gateway, row)
    if why is None:
        return None
    # Seldom needed, by what is started up to 1,440 times a day.
    from . import reaction

    return reaction.react(gateway.settings, row, *why)


def _why(gateway: ManagedGateway, row: dict[str, Any]) -> tuple[str, str] | None:
    """Why the gateway should be restarted: (a word for the ledger, a sentence), or None."""
    settings = gateway.settings
    silent = heartbeat.frozen(gateway)
    if silent is not None:
        return "frozen", "its event loop has stood still for %s: it answers nobody" % display.span(
            silent
        )
    # One sample is enough there, also if no others can be kept.
    emergency = limits.emergency(gateway, row)
    if emergency is not None:
        return "limit", emergency
    if not limits.above_threshold(settings, row):
        return None
    count, seen = breached(gateway, row)
    if count < settings.breaches[0]:
        return None
    return (
        "threshold",
        "%s is above the threshold of %s in %d of %d samples (RSS %s, with children %s, swap %s)"
        % (
            display.megabytes(sampling.footprint(row)),
            display.megabytes(settings.threshold),
            count,
            seen,
            display.megabytes(row["rss_bytes"]),
            display.megabytes(row["tree_rss_bytes"]),
            display.megabytes(row["swap_bytes"]),
        ),
    )
