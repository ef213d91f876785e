# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Selects objects by the names that an option gives, or reports which names are available."""

from __future__ import annotations

from .errors import SettingError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from typing import Protocol, TypeVar

    class Named(Protocol):
        """Anything with a name."""

        @property
        def name(self) -> str:
            """The name."""

    T = TypeVar("T", bound=Named)


def select(option: str, names: Collection[str], among: Iterable[T], what: str) -> list[T]:
    """The objects in ``among`` that ``names`` lists, or all if it is empty; sorted by name.

    Raises SettingError for an unknown name. ``option`` and ``what`` are parts of its text, as in
    "names: 'x' is not configured: expected one of a, b".
    """
    found = sorted(among, key=lambda one: one.name)
    known = [one.name for one in found]
    unknown = sorted(set(names).difference(known))
    if unknown:
        expected = "expected one of %s" % ", ".join(known) if known else "none is available"
        raise SettingError("%s: %r %s: %s" % (option, unknown[0], what, expected))
    return [one for one in found if not names or one.name in names]
