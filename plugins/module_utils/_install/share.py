# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one user gets of a host: so many gateways, and so many lines of warnings."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from .._hermes import discovery

# Each costs a unit and a timer of the system's systemd, and its part of every check.
MOST = 20
# A user can have any number of units, and each could cost a line.
_MOST_LINES = 5


class Remark(NamedTuple):
    """A sentence on a gateway of ``user``."""

    user: str
    text: str


def capped(
    gateways: Iterable[discovery.Gateway], managed: Collection[str]
) -> tuple[list[discovery.Gateway], list[Remark]]:
    """The gateways without those that a user has beyond MOST, and a remark on each of these.

    Those that run come first, then those that are managed already, then by name. A unit in system
    scope is the administrator's, and counts for nobody.
    """

    def order(gateway: discovery.Gateway) -> tuple[bool, bool, str]:
        return gateway.pid is None, gateway.name not in managed, gateway.name

    kept = [one for one in gateways if one.scope == "system"]
    remarks = []
    for group in _by_user([one for one in gateways if one.scope != "system"]):
        ordered = sorted(group, key=order)
        kept += ordered[:MOST]
        remarks += [
            Remark(
                one.user,
                "%s is left out: %s has more than %d gateways: name those to guard in"
                " hermes_guard_gateways" % (one.name, one.user, MOST),
            )
            for one in ordered[MOST:]
        ]
    return kept, remarks


def lines(remarks: Iterable[Remark]) -> list[str]:
    """The texts of ``remarks``, of each user a few and how many more there are."""
    found = []
    ordered = sorted(remarks, key=lambda remark: remark.user)
    for user, group in itertools.groupby(ordered, key=lambda remark: remark.user):
        texts = [remark.text for remark in group]
        found += texts[:_MOST_LINES]
        if len(texts) > _MOST_LINES:
            found.append(
                "%d more warnings of this kind on gateways of %s" % (len(texts) - _MOST_LINES, user)
            )
    return found


def _by_user(gateways: list[discovery.Gateway]) -> Iterator[list[discovery.Gateway]]:
    ordered = sorted(gateways, key=lambda gateway: gateway.user)
    for _user, group in itertools.groupby(ordered, key=lambda gateway: gateway.user):
        yield list(group)
