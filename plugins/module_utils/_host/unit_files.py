# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the managers that read a unit file or drop-in under /etc/systemd, and reloads them.

A reload is enough for a running unit too: systemd applies the new cgroup limits and starts and
stops nothing. A drop-in in /etc/systemd/user applies to the units of all users, so nothing is
written to a home.
"""

from __future__ import annotations

import os

from . import systemd
from .errors import SystemdError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

FOLDER = "/etc/systemd/"


def drop_ins(scope: str, unit: str) -> str:
    """The directory for drop-ins of ``unit``; those of scope "user" apply to every user."""
    return "%s%s/%s.d" % (FOLDER, scope, unit)


def scope(path: str) -> str | None:
    """The managers that read the file: "system", "user" (of all users), or None."""
    if not path.startswith(FOLDER):
        return None
    return "user" if path.startswith(FOLDER + "user/") else "system"


def unit(path: str) -> str:
    """The name of the unit that a unit file or drop-in belongs to."""
    directory, name = os.path.split(path)
    return os.path.basename(directory)[: -len(".d")] if directory.endswith(".d") else name


def to_reload(
    changed: Collection[str], kept: Iterable[str], live: Mapping[str, Mapping[str, str]]
) -> list[systemd.Manager]:
    """The managers that need a reload.

    Either for the paths in ``changed``, or for those in ``kept`` if an earlier run was interrupted
    before its reload. ``live`` contains NeedDaemonReload of the units of the system's manager.
    """
    managers = []
    if any(scope(path) == "system" for path in changed) or any(
        block.get("NeedDaemonReload") == "yes" for block in live.values()
    ):
        managers.append(systemd.Manager())
    if any(scope(path) == "user" for path in changed):
        return managers + systemd.user_managers()
    units = sorted({unit(path) for path in kept if scope(path) == "user"})
    if not units:
        return managers
    return managers + [manager for manager in systemd.user_managers() if _unread(manager, units)]


def _unread(manager: systemd.Manager, units: Sequence[str]) -> bool:
    """Whether a file of one of the units has changed since the manager read it."""
    try:
        return any(
            block.get("NeedDaemonReload") == "yes"
            for block in manager.show(units, ["Id", "NeedDaemonReload"])
        )
    except SystemdError:
        return False


def reload(managers: Iterable[systemd.Manager]) -> None:
    """Reload ``managers``.

    A failing user manager does not stop the others. Raises SystemdError if the system's fails.
    """
    for manager in managers:
        try:
            manager.call("daemon-reload")
        except SystemdError:
            if manager.user is None:
                raise
