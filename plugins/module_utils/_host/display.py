# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Formats sizes, durations and times, and makes untrusted text safe to print. Pure functions."""

from __future__ import annotations

import time

# A MB is 2**20 bytes everywhere in this collection, as in free(1) and systemd.
MB = 1 << 20
MINUTE, HOUR, DAY = 60, 3600, 86400


def printable(text: str, most: int | None = None, keep: str = "", instead: str = "") -> str:
    """``text`` without characters that could control a terminal or hide a word from a pattern.

    Replaces each of them, except those in ``keep``, by ``instead``. The result has at most
    ``most`` characters.
    """
    shown = "".join(
        letter if letter.isprintable() or letter in keep else instead for letter in text
    )
    return shown if most is None else shown[:most]


def megabytes(size: float | None) -> str:
    """``size`` bytes: "2048 MB"; "?" for None."""
    return "?" if size is None else "%d MB" % round(size / MB)


def span(seconds: float | None) -> str:
    """A duration: "45 s", "12 min", "3.5 h", "22 h", "2.1 days", "14 days"; "?" for None."""
    if seconds is None:
        return "?"
    if seconds < 1.5 * MINUTE:
        return "%d s" % seconds
    if seconds < 1.5 * HOUR:
        return "%d min" % round(seconds / MINUTE)
    if seconds < 2 * DAY:
        return "%s h" % _short(seconds / HOUR)
    return "%s days" % _short(seconds / DAY)


def _short(value: float) -> str:
    return "%g" % round(value, 1 if value < 10 else None)


def utc(epoch: float, form: str = "%Y-%m-%d %H:%M UTC") -> str:
    """``epoch`` (seconds since 1970) in UTC, by default as "2026-08-05 14:00 UTC"."""
    return time.strftime(form, time.gmtime(epoch))
