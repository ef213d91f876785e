# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a program that a user chose, such as Hermes's Python, at the expense of that user only.

systemd runs it in a separate unit in the user's slice: with limits on memory, processes and time,
outside our own sandbox, and without our OOM score. When the unit stops, all its processes are gone.
Without systemd the program is a child process with resource limits; its remaining processes are
killed.

Use command.run for programs of the system that act for a user, such as ``systemctl --user``.
"""

from __future__ import annotations

import os
import pwd
import signal
import time

from . import command, proc
from .errors import RunError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Present if systemd is the init system, and the socket that `systemd-run --wait` connects to.
SYSTEMD = "/run/systemd/system"
BUS = "/run/dbus/system_bus_socket"
# Twice the memory of a Hermes that has answered its first message.
MEMORY_BYTES = 512 << 20
# Per process, for hosts without a memory controller: libraries reserve more than they use.
DATA_BYTES = 1 << 30
# Threads count too; `hermes doctor` has some twenty.
TASKS = 128
# Seconds after our timeout until systemd stops the unit, in case our process is gone by then.
_GRACE_SECONDS = 2
# Seconds allowed for the unit to stop. Its processes get SIGKILL immediately.
_STOP_SECONDS = 5
# prctl(2), which the standard library does not have.
_PR_SET_CHILD_SUBREAPER = 36
# Seconds between checks for remaining processes: a killed process needs some time to exit.
_LOOK_SECONDS = 0.002


def run(
    argv: Sequence[str],
    user: pwd.struct_passwd,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    timeout: float = 30.0,
) -> command.Result:
    """Like command.run, for a program that is not trusted."""
    return run_within(argv, user, env, stdin, command.Limits(timeout, command.MAX_OUTPUT))


def run_within(
    argv: Sequence[str],
    user: pwd.struct_passwd,
    env: Mapping[str, str] | None,
    stdin: str | None,
    limits: command.Limits,
) -> command.Result:
    """Like run, with ``limits`` for time and output."""
    if by_systemd():
        done = _in_unit(argv, user, env, stdin, limits)
        if done is not None:
            return done
    return _as_child(argv, user, env, stdin, limits)


def by_systemd() -> bool:
    """Whether a unit can be created: this requires root, systemd and its bus."""
    return os.geteuid() == 0 and os.path.isdir(SYSTEMD) and os.path.exists(BUS)


def _in_unit(
    argv: Sequence[str],
    user: pwd.struct_passwd,
    env: Mapping[str, str] | None,
    stdin: str | None,
    limits: command.Limits,
) -> command.Result | None:
    """None if systemd cannot start any unit, for example if /run is full."""
    # Not "hermes-...": the name must not look like a gateway's unit.
    unit = "run-by-hermes-guard-%d-%s.service" % (user.pw_uid, os.urandom(8).hex())
    variables = command.environment(user, env)
    words = ["/usr/bin/env", "-i", *("%s=%s" % one for one in variables.items()), *argv]
    full = [
        "systemd-run",
        "--quiet",
        "--pipe",
        "--wait",
        "--collect",
        "--unit=" + unit,
        # The default is the whole command line.
        "--description=Code of user %d, run by hermes-guard" % user.pw_uid,
        *("--property=%s=%s" % one for one in properties(user, limits.seconds).items()),
        "--",
        # systemd expands variables in the command line.
        *(word.replace("$", "$$") for word in words),
    ]
    program = command.Program(argv[0], full, command.environment(), None)
    try:
        done = command.execute(program, stdin, limits)
    except RunError:
        # Killing systemd-run does not stop the unit.
        _stop(unit)
        raise
    failed = done.rc == 1 and done.err.startswith("Failed to ")
    # The program may print this too, in order to run outside a unit.
    return None if failed and not _can_start() else done


def _can_start() -> bool:
    """Whether systemd can start a unit at all."""
    try:
        return command.run(["systemd-run", "--quiet", "--wait", "--collect", "/bin/true"]).rc == 0
    except RunError:
        return False


def properties(user: pwd.struct_passwd, seconds: float) -> dict[str, str]:
    """The properties of the unit of a program that may run for ``seconds``."""
    longest = "%ds" % (int(seconds) + 1 + _GRACE_SECONDS)
    return {
        "Type": "exec",
        "User": str(user.pw_uid),
        "Slice": "user-%d.slice" % user.pw_uid,
        "NoNewPrivileges": "yes",
        "MemoryMax": str(MEMORY_BYTES),
        "MemorySwapMax": "0",
        "TasksMax": str(TASKS),
        "LimitDATA": str(DATA_BYTES),
        "LimitCORE": "0",
        "OOMScoreAdjust": "0",
        # The executable may be on a network file system that does not answer.
        "TimeoutStartSec": longest,
        "RuntimeMaxSec": longest,
        "TimeoutStopSec": "%ds" % _STOP_SECONDS,
        "KillSignal": "SIGKILL",
        # Keep the start and stop of the unit out of the journal.
        "LogLevelMax": "notice",
    }


def _stop(unit: str) -> None:
    try:
        command.run(["systemctl", "stop", "--", unit], timeout=_STOP_SECONDS)
    except RunError:
        # RuntimeMaxSec= stops it.
        pass


def _as_child(
    argv: Sequence[str],
    user: pwd.struct_passwd,
    env: Mapping[str, str] | None,
    stdin: str | None,
    limits: command.Limits,
) -> command.Result:
    full = command.as_user(argv, user)
    other = os.geteuid() == 0 and user.pw_uid != 0
    # The kernel does not limit the processes of root, whose code is trusted.
    tasks = ["--nproc=%d" % (_tasks_of(user.pw_uid) + TASKS)] if other else []
    full = ["prlimit", "--data=%d" % DATA_BYTES, "--core=0", *tasks, "--", *full]
    program = command.Program(
        argv[0], command.without_score(full), command.environment(user, env), user
    )
    if not other:
        return command.execute(program, stdin, limits)
    before = _children(user.pw_uid)
    adopting = _adopt(True)
    try:
        return command.execute(program, stdin, limits)
    finally:
        if adopting:
            _end_children(user.pw_uid, before)
            _adopt(False)


def _tasks_of(uid: int) -> int:
    """The number of threads of a user, which RLIMIT_NPROC counts."""
    count = 0
    for pid in proc.pids():
        if proc.uid(pid) == uid:
            try:
                count += len(os.listdir("/proc/%d/task" % pid))
            except OSError:
                continue
    return count


def _adopt(on: bool) -> bool:
    """Adopt the orphans of our children (child subreaper); False if prctl is not available."""
    import ctypes

    try:
        return ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, int(on), 0, 0, 0) == 0
    except (OSError, AttributeError):
        return False


def _children(uid: int) -> set[int]:
    """Our own child processes that run as the user."""
    own = os.getpid()
    return {pid for pid in proc.pids() if proc.parent(pid) == own and proc.uid(pid) == uid}


def _end_children(uid: int, others: set[int]) -> None:
    """Kill our children that run as the user, except ``others``, and their descendants."""
    deadline = time.monotonic() + _STOP_SECONDS
    while time.monotonic() < deadline:
        left = _children(uid) - others
        if not left:
            return
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, os.WNOHANG)
            except OSError:
                # It has exited, or we are not allowed to kill it.
                continue
        time.sleep(_LOOK_SECONDS)
