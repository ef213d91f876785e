# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits the number of managed gateways and of warnings per user of a host."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from .._hermes import discovery

# Each gateway needs a unit and a timer of the system manager, and time in every check.
MOST = 20
# A user can create any number of units, and each could cause a warning.
_MOST_LINES = 5


class Remark(NamedTuple):
    """A sentence on a gateway of ``user``."""

    user: str
    text: str


def capped(
    gateways: Iterable[discovery.Gateway], managed: Collection[str]
) -> tuple[list[discovery.Gateway], list[Remark]]:
    """At most MOST gateways of each user, and a remark on each gateway beyond that.

    Running gateways come first, then gateways that are already managed, then order by name. A unit
    in system scope is the administrator's and is not counted.
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
                "%s is skipped: %s has more than %d gateways: list the gateways to manage in"
                " hermes_guard_gateways" % (one.name, one.user, MOST),
            )
            for one in ordered[MOST:]
        ]
    return kept, remarks


def lines(remarks: Iterable[Remark]) -> list[str]:
    """The texts of ``remarks``, at most a few for each user, and the number of the others."""
    found = []
    ordered = sorted(remarks, key=lambda remark: remark.user)
    for user, group in itertools.groupby(ordered, key=lambda remark: remark.user):
        texts = [remark.text for remark in group]
        found += texts[:_MOST_LINES]
        if len(texts) > _MOST_LINES:
            found.append(
                "%d more such warnings about gateways of %s" % (len(texts) - _MOST_LINES, user)
            )
    return found


def _by_user(gateways: list[discovery.Gateway]) -> Iterator[list[discovery.Gateway]]:
    ordered = sorted(gateways, key=lambda gateway: gateway.user)
    for _user, group in itertools.groupby(ordered, key=lambda gateway: gateway.user):
        yield list(group)
