# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parses the version of Hermes into numbers that can be compared. Pure."""

from __future__ import annotations

import re


def numbers(version: str | None) -> tuple[int, int, int] | None:
    """The first three numbers of ``version``; None if it is unknown.

    Examples: (0, 18, 2) for "v0.18.2.post1", (0, 19, 0) for "0.19". Hermes reports "0.0.0" if it
    does not know its version, because its install stamp is missing.
    """
    found = re.match(r"v?(\d+)\.(\d+)(?:\.(\d+))?", version or "")
    if found is None:
        return None
    major, minor, patch = found.groups()
    found_numbers = int(major), int(minor), int(patch or 0)
    return found_numbers if any(found_numbers) else None


def known(version: object) -> str | None:
    """``version`` if it is a valid version string, else None."""
    return version if isinstance(version, str) and numbers(version) is not None else None
