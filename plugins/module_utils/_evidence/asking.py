# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking the Hermes of gateways for the bundle, in a time that is bounded for each user.

What is asked is a user's program, which may never answer. One that does not answer the first
question is asked no other, and all programs of one user share one budget of time.
"""

from __future__ import annotations

import time
from typing import Any, Callable, TypeVar

from .._hermes import client
from .._hermes.discovery import Gateway
from .._host.command import Result
from .._host.errors import HermesError, RunError

# Seconds for all gateways of one user: two whose `hermes doctor` waits for every service.
BUDGET = 180.0
# Seconds for the first question. It needs less of Hermes than others do.
FIRST_TIMEOUT = 15.0

T = TypeVar("T")


class Asking:
    """The programs of one user, while a bundle is made; ``left`` is what they may still take."""

    def __init__(self, seconds: float = BUDGET) -> None:
        self.left = seconds
        # By the name of the gateway: whether its Hermes answered the first question.
        self._answered: dict[str, bool] = {}

    def run(self, gateway: Gateway, arguments: list[str], timeout: float, **more: Any) -> Result:
        """As client.run_python(), for ``timeout`` seconds or what is left of the budget."""
        first = gateway.name not in self._answered
        if not self._answered.setdefault(gateway.name, False) and not first:
            raise RunError("not asked, because the first question was not answered")
        seconds = min(timeout, self.left, FIRST_TIMEOUT if first else timeout)
        done = self.timed(lambda: client.run_python(gateway, arguments, timeout=seconds, **more))
        self._answered[gateway.name] = True
        return done

    def probe(self, gateway: Gateway) -> dict[str, Any]:
        """As client.probe(), which is not the first question. Raises HermesError."""
        if not self._answered.get(gateway.name, True):
            raise HermesError("not asked, because the first question was not answered")
        try:
            return self.timed(lambda: client.probe(gateway))
        except RunError as exc:
            raise HermesError(str(exc)) from exc

    def timed(self, ask: Callable[[], T]) -> T:
        """What ``ask`` returns, if there is time left for it. Raises RunError."""
        if self.left <= 0:
            raise RunError("not asked, because the programs of its user took too long")
        start = time.monotonic()
        try:
            return ask()
        finally:
            self.left -= time.monotonic() - start
