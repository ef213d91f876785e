# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a gateway still lives the life of the last check, by the kernel's word.

Asking systemd takes a process for each manager, which is more than all the rest of a check that has nothing to do. A process with the
same start in the same cgroup, of a unit with the same invocation, is what systemd would name. Nothing is decided on it but that there
is nothing to do: whoever wants to restart asks systemd.
"""

from __future__ import annotations

import json
import os

from .._hermes import discovery
from .._host import command, files, proc, systemd
from .._host.errors import FileError, RunError

NAME = "life.json"
SYSTEM_RUNTIME = "/run"


def still(settings):
    """The Gateway of the last check, where it lives on; None where systemd must be asked."""
    known = _known(settings)
    try:
        account = command.account(str(known.get("user")))
        pid = known.get("pid")
        if not isinstance(pid, int) or known != _facts(
            settings, account, pid, known.get("control_group"), known.get("python")
        ):
            return None
    except (RunError, OSError):
        return None
    properties = {
        "InvocationID": known["invocation_id"],
        "ActiveState": "active",
        "SubState": "running",
        "ControlGroup": known["control_group"],
    }
    gateway = discovery.Gateway(
        settings.name, settings.scope, account, settings.home, settings.unit
    )
    gateway.set_state(properties, pid)
    gateway.python = gateway.python or known["python"]
    return gateway


def note(settings, gateway):
    """Remember a Gateway that systemd has just named. It is only a saving: where that does not work, systemd is asked again."""
    if gateway.active_state != "active" or gateway.pid is None:
        return
    try:
        facts = _facts(
            settings, gateway.account, gateway.pid, gateway.control_group, gateway.python
        )
        if (
            facts is not None
            and facts["invocation_id"] == gateway.invocation_id
            and facts != _known(settings)
        ):
            os.makedirs(settings.folder, mode=0o755, exist_ok=True)
            files.write_atomic(
                os.path.join(settings.folder, NAME), json.dumps(facts, sort_keys=True)
            )
    except OSError:
        pass


def _known(settings):
    try:
        return files.read_json(os.path.join(settings.folder, NAME), owners={os.geteuid()}) or {}
    except FileError:
        return {}


def _facts(settings, account, pid, control_group, python):
    """What is the same as long as the life goes on, or None where ``pid`` is not in the unit's cgroup. OSError where systemd does not say the invocation."""
    runtime = (
        os.path.join(systemd.USER_RUNTIME, str(account.pw_uid))
        if settings.scope == "user"
        else SYSTEM_RUNTIME
    )
    invocation = os.readlink(os.path.join(runtime, "systemd/units/invocation:" + settings.unit))
    if not control_group or (":%s\n" % control_group) not in (
        proc.read("/proc/%d/cgroup" % pid) or ""
    ):
        return None
    if settings.scope == "user" and proc.owner(pid) != account.pw_uid:
        return None
    return {
        "unit": settings.unit,
        "user": account.pw_name,
        "pid": pid,
        "start_ticks": proc.start_ticks(pid),
        "invocation_id": invocation,
        "control_group": control_group,
        "python": python,
    }
