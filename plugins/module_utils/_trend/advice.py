# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What to do about a verdict, the most useful first."""

from __future__ import annotations

import math
from typing import Any

from . import explain, verdict_rules
from .forecast import USABLE, Cadence
from .judgement import Judgement


def texts(
    judged: Judgement, answer: dict[str, Any], known: dict[str, Any] | None, cadence: Cadence | None
) -> list[str]:
    """One text for each thing to do.

    ``answer`` are the figures of the verdict, ``known`` what is known of the version, ``cadence``
    how often to restart, if there is a limit to stay below.
    """
    found = []
    if known and (not known["bound"] or judged.grows or judged.verdict == "saturating"):
        found.append(known["text"])
    if judged.grows and answer["faster_than_known"]:
        # What is kept within bounds is not what climbs like this.
        found.insert(
            0 if known and known["bound"] else len(found),
            "above %d MB/h it is not the leak that is known: collect evidence and report it"
            % verdict_rules.KNOWN_SLOPE,
        )
    if cadence is not None:
        found.append(_restarts(cadence))
    if judged.grows:
        found.append(
            "a bigger server only buys time: "
            + ", ".join(
                "%d GB: %s" % (box["ram_gb"], explain.hours_span(box["hours"]))
                for box in answer["bigger_box"]
            )
        )
    if judged.verdict == "saturating":
        found.append("leave room for what it keeps, it does not grow on")
    return found


def _restarts(cadence: Cadence) -> str:
    hours = explain.hours_span(cadence.available)
    if cadence.every is None:
        return (
            "no restarts are needed: from a fresh start it would take %s "
            "to reach %d %% of the limit" % (hours, 100 * USABLE)
        )
    text = "restart it every %d h" % cadence.every
    if cadence.available < cadence.every:
        text += (
            ", which is late: from a fresh start %d %% of the limit is reached in %s, "
            "so the watchdog must stand by; a limit of %d MB would do"
            % (100 * USABLE, hours, math.ceil(cadence.limit_mb))
        )
    return text
