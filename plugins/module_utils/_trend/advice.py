# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recommends what to do about a verdict, the most useful first."""

from __future__ import annotations

import math
from typing import Any

from . import explain, verdict_rules
from .forecast import USABLE, Cadence
from .judgement import Judgement

# Smaller bursts hardly change the interval.
LEAST_BURST_MB = 50


def texts(
    judged: Judgement, answer: dict[str, Any], known: dict[str, Any] | None, cadence: Cadence | None
) -> list[str]:
    """One text for each recommendation.

    ``answer`` holds the figures of the verdict, ``known`` the known leak of the version.
    ``cadence`` says how often to restart if the gateway has a memory limit.
    """
    found = []
    if known and (not known["bound"] or judged.grows or judged.verdict == "saturating"):
        found.append(_known(known, judged))
    if judged.grows and answer["faster_than_known"]:
        # A leak that is known to be bounded does not grow this fast.
        found.insert(
            0 if known and known["bound"] else len(found),
            "growth above %d MB/h matches no known leak: collect evidence and report it upstream"
            % verdict_rules.KNOWN_SLOPE,
        )
    if cadence is not None:
        found.append(_restarts(cadence))
    if judged.grows:
        found.append(
            "a larger server only delays the problem: "
            + ", ".join(
                "%d GB lasts %s" % (box["ram_gb"], explain.hours_span(box["hours"]))
                for box in answer["bigger_box"]
            )
        )
    if judged.verdict == "saturating":
        found.append("memory has levelled off: size the limit for current usage")
    return found


def _known(known: dict[str, Any], judged: Judgement) -> str:
    """The known leak, compared with the growth of this gateway if that of the leak was measured."""
    runs = [one.baseline for one in judged.evidence.runs]
    grown = max([values[-1] - values[0] for values in runs], default=0.0)
    if not known.get("measured_mb") or grown < 1:
        return str(known["text"])
    if grown <= known["measured_mb"]:
        text = "%s; %s, which can explain the %d MB by which this gateway grew in one run; %s"
    else:
        text = (
            "%s; %s, but this gateway grew by %d MB in one run: its sessions are larger, or there "
            "is another cause; %s"
        )
    return text % (known["cause"], known["measured"], grown, known["advice"])


def _restarts(cadence: Cadence) -> str:
    hours = explain.hours_span(cadence.available)
    if cadence.every is None:
        return "no restarts are needed: a fresh process takes %s to reach %d %% of the limit" % (
            hours,
            100 * USABLE,
        )
    text = "restart it every %d h" % cadence.every
    if cadence.available < cadence.every:
        return text + (
            " and keep the watchdog enabled: a fresh process reaches %d %% of the limit "
            "in only %s; a limit of %d MB would be enough"
            % (100 * USABLE, hours, math.ceil(cadence.limit_mb))
        )
    text += ": a fresh process reaches %d %% of the limit in %s" % (100 * USABLE, hours)
    if cadence.burst_mb >= LEAST_BURST_MB:
        text += " if a burst adds %d MB" % cadence.burst_mb
    return text
