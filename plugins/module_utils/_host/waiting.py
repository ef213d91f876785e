# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waits for a condition by polling."""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def wait_until(
    condition: Callable[[], object],
    seconds: float,
    every: float,
    unless: Callable[[], object] | None = None,
) -> bool:
    """Whether ``condition`` becomes true within ``seconds``; polled every ``every`` seconds.

    It is checked at least once. Returns False on timeout, or early if ``unless`` becomes true.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline or (unless is not None and unless()):
            return False
        time.sleep(every)
    return True
