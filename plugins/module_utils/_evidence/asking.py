# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the Hermes of gateways for the bundle, within a time budget for each user.

These are programs of a user, which may never answer. If one does not answer the first request, it
gets no further ones. All programs of one user share one time budget.
"""

from __future__ import annotations

import time
from typing import Any, Callable, TypeVar

from .._hermes import client
from .._hermes.discovery import Gateway
from .._host.command import Result
from .._host.errors import HermesError, RunError

# Seconds for all gateways of one user: enough for two slow runs of `hermes doctor`.
BUDGET = 180.0
# Seconds for the first request, which needs less of Hermes than the others.
FIRST_TIMEOUT = 15.0

T = TypeVar("T")


class Asking:
    """The programs of one user for one bundle; ``left`` is their remaining time in seconds."""

    def __init__(self, seconds: float = BUDGET) -> None:
        self.left = seconds
        # By the name of the gateway: whether its Hermes answered the first request.
        self._answered: dict[str, bool] = {}

    def run(self, gateway: Gateway, arguments: list[str], timeout: float, **more: Any) -> Result:
        """Like client.run_python(), for at most ``timeout`` seconds or the rest of the budget."""
        first = gateway.name not in self._answered
        if not self._answered.setdefault(gateway.name, False) and not first:
            raise RunError("not run, because the first request was not answered")
        seconds = min(timeout, self.left, FIRST_TIMEOUT if first else timeout)
        done = self.timed(lambda: client.run_python(gateway, arguments, timeout=seconds, **more))
        self._answered[gateway.name] = True
        return done

    def probe(self, gateway: Gateway) -> dict[str, Any]:
        """Like client.probe(), which is never the first request. Raises HermesError."""
        if not self._answered.get(gateway.name, True):
            raise HermesError("not run, because the first request was not answered")
        try:
            return self.timed(lambda: client.probe(gateway))
        except RunError as exc:
            raise HermesError(str(exc)) from exc

    def timed(self, ask: Callable[[], T]) -> T:
        """The result of ``ask``, if there is time left. Raises RunError."""
        if self.left <= 0:
            raise RunError("not run, because the programs of its user took too long")
        start = time.monotonic()
        try:
            return ask()
        finally:
            self.left -= time.monotonic() - start
