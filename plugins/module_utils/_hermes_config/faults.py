# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong with one gateway: an error if the operator named it, else a warning."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from .._host.errors import GuardError


class Faults:
    """The warnings so far. A gateway is its user's, and others' must not suffer from it."""

    def __init__(self, named: bool) -> None:
        self.named = named
        self.warnings: list[str] = []

    @contextlib.contextmanager
    def of_one(self, warning: str = "left out: %s") -> Iterator[None]:
        """Go on after a GuardError with ``warning``, unless the gateways were named."""
        try:
            yield
        except GuardError as exc:
            if self.named:
                raise
            self.warnings.append(warning % exc)
