# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds out from the kernel whether the run that the last check saw is still the current run.

A query of systemd takes a process for each manager: more than the rest of a check with nothing to
do. A process with the same start time in the same cgroup, of a unit with the same invocation, is
the one that systemd would name. Only "nothing to do" is decided on this basis. Before a restart,
systemd is queried.
"""

from __future__ import annotations

import json
import os

from .._hermes.gateway import Gateway
from .._host import accounts, files, proc
from .._host.errors import FileError, RunError
from . import history
from .managed import ManagedGateway

TYPE_CHECKING = False
if TYPE_CHECKING:
    import pwd
    from typing import Any

    from .config import Settings

NAME = "life.json"
SYSTEM_RUNTIME = "/run"


def still(settings: Settings) -> ManagedGateway | None:
    """The gateway of the last check if its run continues; None if systemd must be queried."""
    known = _known(settings)
    try:
        account = accounts.named(str(known.get("user")))
        pid, ticks = known.get("pid"), known.get("start_ticks")
        if not isinstance(pid, int) or ticks is None:
            return None
        if known != _facts(settings, account, pid, known.get("control_group"), known.get("python")):
            return None
    except (RunError, OSError):
        return None
    return _gateway(settings, account, known)


def run(settings: Settings) -> tuple[str, float] | None:
    """The invocation of the last run seen, and the time (epoch seconds); None if there is none."""
    identity = _known(settings).get("invocation_id")
    if not isinstance(identity, str) or not identity:
        return None
    times = [0.0]
    for name in (NAME, history.NAME):
        try:
            times.append(os.stat(os.path.join(settings.folder, name)).st_mtime)
        except OSError:
            pass
    return identity, max(times)


def forget(settings: Settings) -> None:
    """Forget the last run seen, which is over."""
    try:
        os.unlink(os.path.join(settings.folder, NAME))
    except OSError:
        pass


def alive(settings: Settings) -> ManagedGateway | None:
    """The gateway of the last check if its process is alive, even if its unit is not.

    This is for a systemd that does not answer: the memory can still be sampled.
    """
    known = _known(settings)
    try:
        account = accounts.named(str(known.get("user")))
    except RunError:
        return None
    pid, ticks = known.get("pid"), known.get("start_ticks")
    if not isinstance(pid, int) or ticks is None or proc.start_ticks(pid) != ticks:
        return None
    if not _is_inside(settings, account, pid, known.get("control_group")):
        return None
    try:
        return _gateway(settings, account, known)
    except KeyError:
        return None


def _gateway(
    settings: Settings, account: pwd.struct_passwd, known: dict[str, Any]
) -> ManagedGateway:
    properties = {
        "InvocationID": known["invocation_id"],
        "ActiveState": "active",
        "SubState": "running",
        "ControlGroup": known["control_group"],
    }
    gateway = Gateway(settings.name, settings.scope, account, settings.home, settings.unit)
    # Set without the PID, so that the command line is not read: a user can make that hang.
    gateway.set_state(properties)
    gateway.pid = gateway.main_pid = known["pid"]
    gateway.start_ticks = known["start_ticks"]
    gateway.uptime_seconds = proc.seconds_since(known["start_ticks"])
    gateway.python = known["python"]
    return ManagedGateway(settings, gateway)


def note(gateway: ManagedGateway) -> None:
    """Remember a gateway that systemd has just reported.

    This only saves time: if it fails, the next check queries systemd again.
    """
    if gateway.active_state != "active" or gateway.pid is None:
        return
    # Imported here because this happens once in each run of the gateway.
    from .._hermes import launch

    # A process that is not recognised may still start the gateway: the next check must look again.
    if launch.gateway(proc.argv(gateway.pid)) is None:
        return
    settings = gateway.settings
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


def _known(settings: Settings) -> dict[str, Any]:
    try:
        return files.read_own_json(os.path.join(settings.folder, NAME)) or {}
    except FileError:
        return {}


def _facts(
    settings: Settings,
    account: pwd.struct_passwd,
    pid: int,
    control_group: str | None,
    python: str | None,
) -> dict[str, Any] | None:
    """The facts that do not change during a run.

    None if ``pid`` is not in the unit's cgroup; OSError if the invocation is unknown.
    """
    runtime = accounts.runtime(account.pw_uid) if settings.scope == "user" else SYSTEM_RUNTIME
    invocation = os.readlink(os.path.join(runtime, "systemd/units/invocation:" + settings.unit))
    if not _is_inside(settings, account, pid, control_group):
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


def _is_inside(
    settings: Settings, account: pwd.struct_passwd, pid: int, control_group: str | None
) -> bool:
    """Whether the process is in the cgroup and, in user scope, belongs to the user."""
    lines = proc.read("/proc/%d/cgroup" % pid) or ""
    if not control_group or (":%s\n" % control_group) not in lines:
        return False
    return settings.scope != "user" or proc.uid(pid) == account.pw_uid
