# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Unit files and drop-ins under /etc/systemd: which managers read them, and having them read.

A reload is all it takes for a running unit too: systemd then sets its cgroup's limits anew, and starts and stops nothing. A drop-in in /etc/systemd/user
is the systems' administrator's word for the units of all users: nothing has to be written into a home.
"""

from __future__ import annotations

import os

from . import systemd
from .errors import SystemdError

FOLDER = "/etc/systemd/"


def scope(path):
    """Which systemd managers read the file: "system", "user" (those of all users), or None."""
    if not path.startswith(FOLDER):
        return None
    return "user" if path.startswith(FOLDER + "user/") else "system"


def unit(path):
    """The unit that a unit file or a drop-in is of."""
    folder, name = os.path.split(path)
    return os.path.basename(folder)[: -len(".d")] if folder.endswith(".d") else name


def to_reload(changed, kept, live):
    """The managers (list) that have to read their files again.

    Because of ``changed`` (paths), or because an earlier run did not come to it for those of ``kept``; ``live`` is what the system's manager says of its own.
    """
    managers = []
    if any(scope(path) == "system" for path in changed) or any(
        block.get("NeedDaemonReload") == "yes" for block in live.values()
    ):
        managers.append(systemd.Manager())
    if any(scope(path) == "user" for path in changed):
        return managers + systemd.user_managers()
    units = sorted({unit(path) for path in kept if scope(path) == "user"})
    return managers + [
        manager for manager in (systemd.user_managers() if units else ()) if _unread(manager, units)
    ]


def _unread(manager, units):
    try:
        return any(
            block.get("NeedDaemonReload") == "yes"
            for block in manager.show(units, ["Id", "NeedDaemonReload"])
        )
    except SystemdError:
        return False


def reload(managers):
    """Have ``managers`` read their files. A user's own that does not answer must not keep the others from it; SystemdError for the system's."""
    for manager in managers:
        try:
            manager.call("daemon-reload")
        except SystemdError:
            if manager.user is None:
                raise
