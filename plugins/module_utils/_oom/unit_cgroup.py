# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decides whether a cgroup belongs to the unit of a gateway."""

from __future__ import annotations

import re

from .._hermes.discovery import Gateway


def in_unit(path: str, gateway: Gateway) -> bool:
    """Whether cgroup ``path`` is in the unit of ``gateway``.

    Decided by the path alone, because a unit that has just been killed has no cgroup.
    """
    parts = path.split("/")
    if gateway.unit is None or gateway.unit not in parts:
        return False
    # Inside a container or another unit, it is a different gateway with the same name.
    above = parts[: parts.index(gateway.unit)]
    if any(part and not part.endswith(".slice") and not part.startswith("user@") for part in above):
        return False
    managers = [part for part in parts if part.startswith("user@")]
    return managers == (["user@%d.service" % gateway.uid] if gateway.scope == "user" else [])


def may_hold(path: str, gateway: Gateway) -> bool:
    """Whether cgroup ``path`` may be above the unit of ``gateway``.

    If the unit has no memory cgroup, the kernel names a parent: "/" or a slice, and in user scope
    the user's manager.
    """
    parts = [part for part in path.split("/") if part]
    manager = "user@%d.service" % gateway.uid if gateway.scope == "user" else None
    return all(part == manager or part.endswith(".slice") for part in parts)


def holds(path: str, gateway: Gateway) -> bool:
    """Whether cgroup ``path`` certainly contains the unit of ``gateway``."""
    if gateway.scope == "user" and may_hold(path, gateway):
        return manager_uid(path) == gateway.uid
    return path != "/" and gateway.control_group.startswith(path.rstrip("/") + "/")


def in_a_service(path: str) -> bool:
    """Whether cgroup ``path`` is in any service other than a user's manager."""
    return any(
        part.endswith(".service") and not part.startswith("user@") for part in path.split("/")
    )


def manager_uid(path: str) -> int | None:
    """The uid of the user manager that created cgroup ``path``; None if it was the system's."""
    found = re.search(r"/user@(\d{1,10})\.service(?:/|\Z)", path)
    return int(found.group(1)) if found else None
