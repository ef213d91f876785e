# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits the time that queries to all gateways of one user may take together.

A user can have many gateways, and each one that does not answer takes client.TIMEOUT.
"""

from __future__ import annotations

import contextlib
import time

from .._host import display
from .._host.errors import HermesError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# Seconds. A working Hermes answers within two seconds, or within ten on a busy machine.
SECONDS = 120.0


class Patience:
    """The remaining time of each user."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self.seconds = seconds
        self._spent: dict[str, float] = {}

    def left(self, user: str) -> float:
        """The seconds that ``user`` has left."""
        return max(0.0, self.seconds - self._spent.get(user, 0.0))

    @contextlib.contextmanager
    def with_user(self, user: str) -> Iterator[None]:
        """Charge the time of the block to ``user``. Raises HermesError if no time is left."""
        if not self.left(user):
            raise HermesError(
                "the queries to other gateways of %s took %s" % (user, display.span(self.seconds)),
                broken=True,
            )
        start = time.monotonic()
        try:
            yield
        finally:
            self._spent[user] = self._spent.get(user, 0.0) + time.monotonic() - start
