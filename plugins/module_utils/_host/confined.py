# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running what a user chose, such as the Python of a Hermes, so that only this user pays for it.

systemd runs it in a unit of its own in the user's slice: with limits of memory, processes and time,
outside of our own sandbox, and without our OOM score. When the unit ends, nothing of it is left.
Without systemd it is a child of ours with resource limits, and what it leaves running is killed.

Programs of the system that act for a user, such as ``systemctl --user``, need none of this: see
command.run.
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

# A host that systemd runs, and the socket through which `systemd-run --wait` talks to it.
SYSTEMD = "/run/systemd/system"
BUS = "/run/dbus/system_bus_socket"
# Twice what a Hermes takes that has answered its first message.
MEMORY_BYTES = 512 << 20
# Of each process, for a host without a memory controller: libraries reserve more than they use.
DATA_BYTES = 1 << 30
# Threads count too; `hermes doctor` has some twenty.
TASKS = 128
# How many seconds longer than we wait systemd lets it run, if nobody is left to end it.
_GRACE_SECONDS = 2
# Seconds for the unit to be gone. Its processes get SIGKILL at once.
_STOP_SECONDS = 5
# prctl(2), which the standard library does not have.
_PR_SET_CHILD_SUBREAPER = 36
# Between two looks at what is left: what was killed needs some time to end.
_LOOK_SECONDS = 0.002


def run(
    argv: Sequence[str],
    user: pwd.struct_passwd,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    timeout: float = 30.0,
) -> command.Result:
    """As command.run, for a program that is not trusted."""
    return run_within(argv, user, env, stdin, command.Limits(timeout, command.MAX_OUTPUT))


def run_within(
    argv: Sequence[str],
    user: pwd.struct_passwd,
    env: Mapping[str, str] | None,
    stdin: str | None,
    limits: command.Limits,
) -> command.Result:
    """As run, but RunError if it prints more than ``limits`` allow."""
    if by_systemd():
        done = _in_unit(argv, user, env, stdin, limits)
        if done is not None:
            return done
    return _as_child(argv, user, env, stdin, limits)


def by_systemd() -> bool:
    """Whether a unit can be made for what is run: that takes root, systemd and its bus."""
    return os.geteuid() == 0 and os.path.isdir(SYSTEMD) and os.path.exists(BUS)


def _in_unit(
    argv: Sequence[str],
    user: pwd.struct_passwd,
    env: Mapping[str, str] | None,
    stdin: str | None,
    limits: command.Limits,
) -> command.Result | None:
    """None if systemd can start no unit, as with a full /run."""
    # Not "hermes-...": it must not look like the unit of a gateway.
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
        # systemd puts the values of variables in the place of their names.
        *(word.replace("$", "$$") for word in words),
    ]
    program = command.Program(argv[0], full, command.environment(), None)
    try:
        done = command.execute(program, stdin, limits)
    except RunError:
        # Ending systemd-run does not end the unit.
        _stop(unit)
        raise
    failed = done.rc == 1 and done.err.startswith("Failed to ")
    # The program may say so too, to get rid of its unit.
    return None if failed and not _can_start() else done


def _can_start() -> bool:
    """Whether systemd can start a unit at all."""
    try:
        return command.run(["systemd-run", "--quiet", "--wait", "--collect", "/bin/true"]).rc == 0
    except RunError:
        return False


def properties(user: pwd.struct_passwd, seconds: float) -> dict[str, str]:
    """What the unit of a program has set that may run for ``seconds``."""
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
        # The file that is run may be on a network that does not answer.
        "TimeoutStartSec": longest,
        "RuntimeMaxSec": longest,
        "TimeoutStopSec": "%ds" % _STOP_SECONDS,
        "KillSignal": "SIGKILL",
        # That it started and ended is no news for the journal.
        "LogLevelMax": "notice",
    }


def _stop(unit: str) -> None:
    try:
        command.run(["systemctl", "stop", "--", unit], timeout=_STOP_SECONDS)
    except RunError:
        # RuntimeMaxSec= ends it.
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
    # Of root, whose code is trusted, the kernel counts no processes.
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
    """How many threads the processes of a user have, which RLIMIT_NPROC counts."""
    count = 0
    for pid in proc.pids():
        if proc.uid(pid) == uid:
            try:
                count += len(os.listdir("/proc/%d/task" % pid))
            except OSError:
                continue
    return count


def _adopt(on: bool) -> bool:
    """Become the parent of what our children leave behind; False if the system has no prctl."""
    import ctypes

    try:
        return ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, int(on), 0, 0, 0) == 0
    except (OSError, AttributeError):
        return False


def _children(uid: int) -> set[int]:
    """Our own children that are the user's."""
    own = os.getpid()
    return {pid for pid in proc.pids() if proc.parent(pid) == own and proc.uid(pid) == uid}


def _end_children(uid: int, others: set[int]) -> None:
    """Kill the children of the user but for ``others``, theirs, and so on."""
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
                # It is gone, or we lack the power to kill it.
                continue
        time.sleep(_LOOK_SECONDS)
