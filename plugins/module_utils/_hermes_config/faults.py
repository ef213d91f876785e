# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns a fault of one gateway into a warning, unless the operator named the gateway."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from .._host.errors import GuardError


class Faults:
    """Collects warnings, so that a fault of one user's gateway does not affect the others."""

    def __init__(self, named: bool) -> None:
        self.named = named
        self.warnings: list[str] = []

    @contextlib.contextmanager
    def of_one(self, warning: str = "skipped: %s") -> Iterator[None]:
        """Turn a GuardError into ``warning``, unless the gateways were named."""
        try:
            yield
        except GuardError as exc:
            if self.named:
                raise
            self.warnings.append(warning % exc)
