# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The alerts that a check raises, clears and delivers.

Those for a breach are raised by reaction.py. Most gateways have no alert, so alarms.py is imported
only if one may be open.
"""

from __future__ import annotations

import os
import time

from .._host import display, guard_program
from . import limits, progress, sampling

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    from .config import Settings
    from .managed import ManagedGateway
    from .progress import Progress


def alert(settings: Settings, code: str, reason: str, follow: Progress) -> None:
    """Raise an alert about a gateway that cannot be checked, and say so."""
    from . import alarms

    try:
        alarms.alert_of(settings, code, reason)
    except OSError as exc:
        follow.say(settings, str(exc), False)
    follow.say(settings, reason, False)


def tell_down(gateway: ManagedGateway, follow: Progress) -> None:
    """Raise the alert about a gateway that is down."""
    from . import down

    if not down.is_down(gateway):
        return
    follow.step(progress.ENDED, gateway.settings)
    try:
        line = down.alarm(gateway)
    except OSError as exc:
        line = str(exc)
    if line is not None:
        follow.say(gateway.settings, line)


def warn_early(every: Collection[Settings], follow: Progress) -> None:
    """Raise and clear the early alerts, which follow from the histories."""
    if only_looks():
        return
    for settings in every:
        one = follow.seen.get(settings.name) or progress.Seen()
        grows = one.verdict.get("verdict") == "leak" or one.verdict.get("grows")
        if one.run is None or not (grows or may_have_open(settings)):
            continue
        # Rarely needed.
        from . import early

        try:
            for line in early.of_check(settings, one, time.time()):
                follow.say(settings, line)
        except Exception as exc:  # pylint: disable=broad-exception-caught
            # As in watchdog.py: keep checking the others.
            follow.say(settings, "cannot be checked: %s" % exc, False)


def note_faults(every: Collection[Settings], faults: Collection[str]) -> None:
    """Raise an alert about ignored configuration files, or clear it.

    It is assigned to the first gateway, because it concerns no particular one.
    """
    for settings in every:
        if not faults:
            settle(settings, ("config",), "all configuration files are valid")
            continue
        from . import alarms

        try:
            alarms.alert_of(settings, "config", "; ".join(faults))
        except OSError:
            # A full disk: the check prints the faults.
            pass
        return


def memory_is_over(gateway: ManagedGateway, row: dict[str, Any]) -> None:
    """Clear the memory alerts if none of the last samples is above the threshold."""
    settings = gateway.settings
    if not may_have_open(settings):
        return
    if settings.threshold is None:
        text = "the watchdog no longer watches it"
    elif limits.breached(gateway, row)[0]:
        return
    else:
        text = "%s is below the threshold of %s" % (
            display.megabytes(sampling.footprint(row)),
            display.megabytes(settings.threshold),
        )
    from . import alarms

    codes = alarms.open_codes(settings).difference(alarms.OTHERS)
    alarms.settle(settings, codes, text, row)


def is_stopped(settings: Settings) -> None:
    """Clear the alerts about a process that an operator has stopped or that has exited."""
    if not may_have_open(settings):
        return
    from . import alarms

    codes = alarms.open_codes(settings).difference(("leak", "config", "down"))
    alarms.settle(settings, codes, "it was stopped")


def settle(settings: Settings, codes: tuple[str, ...], reason: str) -> None:
    """Clear the alerts ``codes``."""
    if not may_have_open(settings):
        return
    from . import alarms

    alarms.settle(settings, codes, reason)


def deliver(every: Collection[Settings], follow: Progress) -> None:
    """Send pending alerts to the notify command, including those of earlier checks."""
    waiting = [settings for settings in every if may_have_open(settings)]
    if not waiting:
        return
    from . import alarms

    deadline = time.monotonic() + alarms.PATIENCE
    for settings in waiting:
        follow.step(progress.NOTIFY, settings)
        # Early alerts have their own reminders.
        alarms.remind(settings, alarms.open_codes(settings).difference(alarms.EARLY))
        line = alarms.deliver(settings, deadline)
        if line is not None:
            follow.say(settings, line, False)


def may_have_open(settings: Settings) -> bool:
    """Whether the gateway may have open alerts; most have none and need no import."""
    return os.path.exists(os.path.join(settings.folder, guard_program.ALARMS))


def only_looks() -> bool:
    """Whether this check only takes samples: it runs right after an installation."""
    until = os.environ.get(guard_program.LOOK_UNTIL, "")
    return until.isdigit() and time.time() < int(until)
