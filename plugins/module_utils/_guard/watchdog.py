# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the watchdog's check: samples every gateway and decides whether to restart it.

The check never asks Hermes. It accesses a home only in the step HOME, so that supervised.py can
abandon that step.
"""

from __future__ import annotations

import time

from .._hermes import heartbeat
from .._host import display, proc
from .._host.errors import RunError, SystemdError
from . import (
    check_alerts,
    history,
    home,
    identity,
    last_seen,
    limits,
    managed,
    page,
    progress,
    sampling,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    from .config import Settings
    from .managed import ManagedGateway
    from .progress import Progress

    # A gateway whose heartbeat has stopped, and its newest sample.
    Suspect = tuple[ManagedGateway, dict[str, Any]]

# Unit states after the end of a run.
_OVER = frozenset(["inactive", "failed"])
# A gateway is up again after this many seconds: the processes of a crash loop last for less.
UP_SECONDS = 120
# Seconds for an answer of one systemd manager; all others wait meanwhile.
ANSWER_SECONDS = 10
# Seconds for the program that queries a user's socket, and for all such programs of one user.
WITNESS_SECONDS = 10
# The reason for a restart above the threshold; the filter status_table shortens it.
ABOVE = "%s is above the threshold of %s in %d of %d samples (RSS %s, with children %s, swap %s)"


def check(
    every: Collection[Settings],
    follow: Progress | None = None,
    notified: Collection[Settings] | None = None,
) -> tuple[list[str], bool]:
    """Check ``every`` gateway: (a line for each action, whether all could be checked).

    A gateway that cannot be checked, for example because its history cannot be written, does not
    affect the others. ``follow`` receives each step. Alerts of the gateways in ``notified`` (None:
    ``every``) go to the notify command.
    """
    follow = follow or progress.Progress()
    suspects: list[Suspect] = []
    changed: list[tuple[ManagedGateway, Any]] = []
    for gateway in _find(every, follow):
        suspects += _guarded(gateway, follow, changed)
        follow.step(progress.DONE, gateway.settings)
    _look_again(suspects, follow)
    _tell_ends(follow)
    if changed:
        identity.request(changed)
    if follow.full:
        follow.step(progress.METRICS)
        try:
            page.prepare(every if notified is None else notified, follow.seen)
        finally:
            check_alerts.warn_early(every if notified is None else notified, follow)
    check_alerts.deliver(every if notified is None else notified, follow)
    follow.step(progress.END)
    return follow.lines, follow.good


def _find(every: Collection[Settings], follow: Progress) -> list[ManagedGateway]:
    """The running gateways of ``every``, in their order."""
    found: dict[str, ManagedGateway] = {}
    unknown: dict[str, list[Settings]] = {}
    for settings in every:
        follow.step(progress.RUN, settings)
        gateway = last_seen.still(settings)
        if gateway is None:
            unknown.setdefault(progress.manager(settings), []).append(settings)
        else:
            found[settings.name] = gateway
            check_alerts.settle(settings, ("gone", "silent"), "systemd reports its unit again")
    # The system's manager first: no user can block it.
    for user in sorted(unknown):
        found.update(_ask(unknown[user], user, follow))
    return [found[settings.name] for settings in every if settings.name in found]


def _ask(group: list[Settings], user: str, follow: Progress) -> dict[str, ManagedGateway]:
    """The gateways of ``group``, all of one systemd manager, as reported by that manager."""
    # Imported here because most checks do not query systemd.
    from .._hermes import discovery

    seen = discovery.Look({}, {one.name: "it did not answer in time" for one in group}, set())
    if user not in follow.silent:
        follow.step(progress.SYSTEMD, group[0])
        seen = discovery.look(group, ANSWER_SECONDS)
    found = {}
    for settings in group:
        if settings.name in seen.gateways:
            gateway = managed.ManagedGateway(settings, seen.gateways[settings.name])
            _note_end(settings, gateway, follow)
            last_seen.note(gateway)
            found[settings.name] = gateway
            check_alerts.settle(settings, ("gone", "silent"), "systemd reports its unit again")
        elif settings.name in seen.silent:
            follow.seen.pop(settings.name, None)
            why = seen.silent[settings.name]
            check_alerts.alert(
                settings, "silent", "its systemd manager does not answer: %s" % why, follow
            )
            gateway_of_before = last_seen.alive(settings)
            if gateway_of_before is not None:
                found[settings.name] = gateway_of_before
        elif settings.name in seen.asleep:
            _note_end(settings, None, follow)
            check_alerts.is_stopped(settings)
            follow.seen[settings.name] = progress.Seen("inactive")
        else:
            follow.seen[settings.name] = progress.Seen("gone")
            text = "its unit %s was removed or renamed: run the playbook again" % settings.unit
            check_alerts.alert(settings, "gone", text, follow)
    return found


def _note_end(settings: Settings, gateway: ManagedGateway | None, follow: Progress) -> None:
    """Record it if the run that the last check saw is over; ``gateway`` is the current state."""
    before = last_seen.run(settings)
    if before is None:
        return
    if gateway is not None and gateway.active_state not in _OVER:
        waits = gateway.sub_state.startswith("auto-restart")
        if not waits and gateway.invocation_id in (before[0], None, ""):
            return
    follow.over.append(progress.Over(settings, gateway, *before))


def _tell_ends(follow: Progress) -> None:
    """Write the end of each finished run to the ledger, and raise or clear alerts."""
    while follow.over:
        # Remove it first, so that a step that hangs is not repeated.
        over = follow.over.pop()
        follow.step(progress.ENDED, over.settings)
        # Rarely needed.
        from . import ended

        try:
            lines = ended.note(*over)
        except Exception as exc:  # pylint: disable=broad-exception-caught
            # As in _guarded.
            lines = ["the end of its last run cannot be determined: %s" % exc]
        if over.gateway is None or not over.gateway.pid:
            last_seen.forget(over.settings)
        for line in lines:
            follow.say(over.settings, line)
    for one in list(follow.seen.values()):
        if one.gateway is not None and one.run is None:
            check_alerts.tell_down(one.gateway, follow)


def _guarded(
    gateway: ManagedGateway, follow: Progress, changed: list[tuple[ManagedGateway, Any]]
) -> list[Suspect]:
    """Check one gateway and catch every error; returns it if its heartbeat has stopped."""
    settings = gateway.settings
    try:
        return _check_one(gateway, follow, changed)
    except SystemdError as exc:
        follow.say(settings, str(exc), False)
    except Exception as exc:  # pylint: disable=broad-exception-caught
        # Much of the input belongs to a user, who may be hostile: keep checking the others.
        follow.say(settings, "cannot be checked: %s" % exc, False)
    return []


def _check_one(
    gateway: ManagedGateway, follow: Progress, changed: list[tuple[ManagedGateway, Any]]
) -> list[Suspect]:
    settings = gateway.settings
    seen = follow.seen[settings.name] = progress.Seen(gateway.active_state, gateway)
    follow.step(progress.SAMPLE, settings)
    row = seen.row = sampling.measured(gateway) if gateway.active_state == "active" else None
    inside = _look_inside(gateway, follow)
    follow.step(progress.DECIDE, settings)
    if row is None:
        _clean(gateway, inside, follow)
        if gateway.active_state == "inactive":
            check_alerts.is_stopped(settings)
        return []
    stored = identity.stored(settings)
    sampling.complete(row, inside.said, identity.known(gateway, stored))
    if inside.silent_seconds is not None:
        seen.beat = time.time() - inside.silent_seconds
    if inside.stamps is not None:
        seen.frozen = False
    if not gateway.problem and identity.is_outdated(gateway, stored, inside.stamps):
        changed.append((gateway, inside.stamps))
    kept = None
    try:
        history.append(settings.folder, row)
        history.prune(settings.folder, settings.history_days)
    except OSError as exc:
        # Even with a full disk, the gateway must not run out of memory: decide first.
        kept = exc
    memory = proc.host_memory()
    seen.limit = limits.kernel_limit(gateway, memory)
    acted = _decide(gateway, row, memory, inside.suspect, follow)
    # Last: it runs a program as the user.
    _clean(gateway, inside, follow)
    if kept is not None:
        raise kept
    if settings.threshold is None or not inside.suspect:
        is_up = gateway.uptime_seconds is None or gateway.uptime_seconds >= UP_SECONDS
        check_alerts.settle(
            settings, ("frozen", "down") if is_up else ("frozen",), "it is running again"
        )
        return []
    return [] if acted and settings.action == "restart" else [(gateway, row)]


def _look_inside(gateway: ManagedGateway, follow: Progress) -> home.Home:
    """The data from the home; empty if an earlier access to it is still blocked."""
    if gateway.name in follow.hung:
        gateway.problem = "its home %s does not answer" % gateway.settings.home
        follow.say(gateway.settings, "%s: only its memory is watched" % gateway.problem)
        return home.Home()
    follow.step(progress.HOME, gateway.settings)
    return home.look(gateway)


def _clean(gateway: ManagedGateway, inside: home.Home, follow: Progress) -> None:
    if inside.marker_seconds is None:
        return
    # Rarely needed, like reaction below.
    from . import handover

    try:
        if handover.clean(gateway):
            follow.say(gateway.settings, handover.REMOVED)
    except (RunError, OSError) as exc:
        follow.say(gateway.settings, "cannot be checked: %s" % exc, False)


def _decide(
    gateway: ManagedGateway,
    row: dict[str, Any],
    memory: dict[str, int],
    suspect: bool,
    follow: Progress,
) -> bool:
    """Whether the watchdog has acted; ``memory`` is proc.host_memory()."""
    why = None
    if gateway.settings.threshold is not None:
        why = _why(gateway, row, follow.seen[gateway.settings.name].limit, memory)
    if why is not None:
        return _react(gateway, row, why, follow)
    if not suspect:
        # The alerts about a frozen gateway have the same codes.
        check_alerts.memory_is_over(gateway, row)
    return False


def _react(
    gateway: ManagedGateway, row: dict[str, Any], why: tuple[str, str], follow: Progress
) -> bool:
    if check_alerts.only_looks():
        return False
    # Rarely needed, in a program that starts up to 1,440 times a day.
    from . import reaction

    done = reaction.react(gateway, row, *why)
    if done is not None:
        follow.say(gateway.settings, done)
    return done is not None


def _why(
    gateway: ManagedGateway, row: dict[str, Any], limit: int, memory: dict[str, int]
) -> tuple[str, str] | None:
    """Why the gateway should be restarted: (ledger code, sentence), or None.

    ``limit`` is the kernel's, ``memory`` the host's.
    """
    settings = gateway.settings
    # One sample is enough, even if no history can be written.
    emergency = limits.emergency(gateway, row, limit, memory)
    if emergency is not None:
        return "limit", emergency
    if not limits.above_threshold(settings, row):
        return None
    count, seen = limits.breached(gateway, row)
    if count < settings.breaches[0]:
        return None
    return (
        "threshold",
        ABOVE
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


def _look_again(suspects: list[Suspect], follow: Progress) -> None:
    """Confirm by a second source that the suspects are frozen, after one wait for all of them."""
    if not suspects:
        return
    # Rarely needed.
    from .._hermes.patience import Patience

    time.sleep(heartbeat.LOOK_AGAIN_SECONDS)
    patience = Patience(WITNESS_SECONDS)
    for gateway, row in suspects:
        settings = gateway.settings
        left = patience.left(settings.user)
        if not left:
            text = "not checked for a frozen event loop: other gateways of %s took too long"
            follow.say(settings, text % settings.user)
            continue
        follow.step(progress.WITNESS, settings)
        try:
            with patience.with_user(settings.user):
                silent = heartbeat.confirmed(gateway, left)
                if silent is not None:
                    follow.seen[settings.name].frozen = True
                    text = "its event loop has been frozen for %s: it answers no messages"
                    _react(gateway, row, ("frozen", text % display.span(silent)), follow)
        except Exception as exc:  # pylint: disable=broad-exception-caught
            # As in _guarded.
            follow.say(settings, "cannot be checked: %s" % exc, False)
