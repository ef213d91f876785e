# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A table of columns for a terminal."""

from __future__ import annotations

from collections.abc import Sequence


def lines(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """``header`` and ``rows`` as lines.

    A column is as wide as its widest cell. The last column is not padded, because it may hold
    sentences.
    """
    every = [header, *rows]
    widths = [max(len(row[place]) for row in every) for place in range(len(header) - 1)] + [0]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in every
    ]
