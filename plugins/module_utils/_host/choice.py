# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Choosing by name what an option asks for, or saying what there is to choose from."""

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
    """Those of ``among`` whose names ``option`` gives, all if it gives none; sorted by name.

    SettingError for a name that none of them has. ``what`` ends its first sentence, as in
    "names: 'x' is not configured; there are: a, b".
    """
    found = sorted(among, key=lambda one: one.name)
    known = [one.name for one in found]
    unknown = sorted(set(names).difference(known))
    if unknown:
        raise SettingError(
            "%s: %r %s; there are: %s" % (option, unknown[0], what, ", ".join(known) or "none")
        )
    return [one for one in found if not names or one.name in names]
