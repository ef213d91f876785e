# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Collects the data for a bug report about one gateway; nothing is redacted here.

Files of the owner are read as the owner, or through a descriptor whose owner was checked.
config.yaml, .env, auth.json and state.db are never copied, and ``hermes debug share`` is never run.
"""

from __future__ import annotations

import os
import platform
from functools import partial
from typing import Any, Callable, NamedTuple, TypeVar

from .._guard import config, history, memory_trend
from .._hermes import database, discovery, launch, state_file, workers
from .._hermes.discovery import Gateway
from .._host import cgroup, display, files, proc, systemd, tree
from .._host.errors import FileError, HermesError, RunError, SettingError, SystemdError
from .._oom import oom_info
from .._redact import gateway_log
from .._redact.redaction import Redactor
from .asking import Asking

# A week of OOM kills and of earlier runs.
HOURS = 168
LOG_LINES = 200
# More than 200 normal lines; a log with a single line of 5 GB is cut.
TAIL_BYTES = 256 << 10
# Two months of samples, one every five minutes.
_HISTORY_SAMPLES = 20000
# Maximum of the output of systemctl and of Hermes, whose length a user controls.
_MAX_LETTERS = 100000
_MAX_PROCESSES = 500
# Maximum of one cgroup file; memory.stat has 2 kB.
_CGROUP_BYTES = 16 << 10
# Seconds. `hermes doctor` contacts 29 services on the network.
_DUMP_TIMEOUT = 30.0
_DOCTOR_TIMEOUT = 90.0
# No colours, and no line breaks at 80 columns.
_PROGRAM_ENVIRONMENT = {"NO_COLOR": "1", "COLUMNS": "120"}
_PROPERTIES = (
    "Id",
    "LoadState",
    "ActiveState",
    "SubState",
    "Result",
    "MainPID",
    "NRestarts",
    "ExecMainStartTimestamp",
    "ExecMainStatus",
    "MemoryCurrent",
    "MemoryPeak",
    "MemorySwapCurrent",
    "MemorySwapPeak",
    "MemoryHigh",
    "MemoryMax",
    "MemorySwapMax",
    "OOMPolicy",
    "OOMScoreAdjust",
    "TasksCurrent",
    "Restart",
    "RestartUSec",
    "TimeoutStopUSec",
    "WatchdogUSec",
    "KillMode",
    "ControlGroup",
    "FragmentPath",
    "DropInPaths",
    "InvocationID",
    "NeedDaemonReload",
)
_CGROUP_FILES = (
    "memory.current",
    "memory.peak",
    "memory.max",
    "memory.high",
    "memory.swap.current",
    "memory.swap.max",
    "memory.events",
    "memory.events.local",
    "memory.stat",
    "memory.pressure",
    "memory.usage_in_bytes",
    "memory.max_usage_in_bytes",
    "memory.limit_in_bytes",
    "memory.failcnt",
    "memory.oom_control",
)


# The facts of a gateway about which nothing can be read.
_UNKNOWN: dict[str, Any] = {
    "activity": dict.fromkeys(
        (
            "messages",
            "messages_per_hour",
            "busiest_hour",
            "active_sessions",
            "active_sessions_last_hour",
        )
    ),
    "channels": [],
    "memory": {},
    "model": None,
    "provider": None,
    "restarts": None,
    "state": "unknown",
    "uptime_seconds": None,
    "verdict": {},
    "version": None,
}
_NO_KILLS: dict[str, Any] = {"kills": [], "counters": {}, "lives": [], "notes": []}

T = TypeVar("T")


class Raw(NamedTuple):
    """A file of the bundle before redaction.

    ``redact`` returns the text for the redactor and ``content``. ``by_hermes`` is true if Hermes's
    own redaction is applied as well.
    """

    name: str
    content: Any
    redact: Callable[[Redactor, Any], str]
    by_hermes: bool = False


class Process(NamedTuple):
    """One process of a gateway; ``own`` is true for the gateway itself."""

    pid: int
    rss_bytes: int
    swap_bytes: int
    argv: list[str]
    own: bool


class Found(NamedTuple):
    """The result of one collector: files, facts for the summary, notes on unreadable data."""

    files: list[Raw]
    facts: dict[str, Any]
    notes: list[str]


class Evidence(NamedTuple):
    """Everything that was collected about a gateway.

    ``rows`` is its history, ``oom`` the result of oom_info.
    """

    gateway: Gateway
    rows: list[dict[str, Any]]
    oom: dict[str, Any]
    files: list[Raw]
    facts: dict[str, Any]
    notes: list[str]


def kills(gateways: list[Gateway]) -> dict[str, dict[str, Any]]:
    """The result of oom_info for each of ``gateways``, by name, without data about the others.

    The kernel's log and the journal are searched once for all gateways.
    """
    failed: list[str] = []
    whole = _tried("the OOM kills", partial(oom_info.find, gateways, HOURS), _NO_KILLS, failed)
    names = {gateway.name for gateway in gateways}
    return {
        name: {
            "kills": [kill for kill in whole["kills"] if kill["name"] == name],
            "counters": {one: found for one, found in whole["counters"].items() if one == name},
            "lives": [run for run in whole["lives"] if run["name"] == name],
            # Notes about another gateway do not belong in this bug report.
            "notes": [
                note
                for note in whole["notes"] + failed
                if name in note or not any(other in note for other in names)
            ],
        }
        for name in names
    }


def collect(gateway: Gateway, asking: Asking, oom: dict[str, Any]) -> Evidence:
    """Everything about ``gateway``; ``oom`` is its result of kills().

    Data that cannot be read is left out and reported in a note.
    """
    notes: list[str] = []
    none: list[dict[str, Any]] = []
    rows = _tried("the history", partial(_history, gateway, notes), none, notes)
    notes.extend(oom["notes"])
    facts = dict(_UNKNOWN, name=gateway.name, unit=gateway.unit, scope=gateway.scope)
    evidence = Evidence(gateway, rows, oom, [], facts, notes)
    for name, collector in (
        ("the verdict", partial(verdict, gateway)),
        ("the log", partial(log, gateway)),
        ("the unit", partial(unit, gateway)),
        ("the kernel's figures", partial(kernel, gateway)),
        ("the processes", partial(processes, gateway)),
        ("Hermes's programs", partial(programs, gateway, asking)),
        ("the gateway's state", partial(present, gateway, asking)),
        ("its database", partial(busyness, gateway, asking)),
    ):
        found = _tried(name, collector, Found([], {}, []), notes)
        evidence.files.extend(found.files)
        evidence.facts.update(found.facts)
        notes.extend(found.notes)
    evidence.facts["oom_kills"] = len(oom["kills"])
    return evidence


def _tried(name: str, part: Callable[[], T], instead: T, notes: list[str]) -> T:
    """The result of ``part``; ``instead`` and a note if it fails unexpectedly."""
    try:
        return part()
    except Exception as exc:  # pylint: disable=broad-exception-caught
        # The input may come from a hostile user, and must not prevent the other collectors.
        notes.append("%s cannot be read: %s: %s" % (name, type(exc).__name__, str(exc)[:200]))
        return instead


def _history(gateway: Gateway, notes: list[str]) -> list[dict[str, Any]]:
    try:
        return history.tail(os.path.join(config.STATE, gateway.name), _HISTORY_SAMPLES)
    except OSError as exc:
        notes.append("the history cannot be read: %s" % exc.strerror)
        return []


def verdict(gateway: Gateway) -> Found:
    """The verdict on the history, with the guard's settings if it manages the gateway."""
    notes = []
    settings = None
    try:
        settings = config.load().get(gateway.name)
    except SettingError as exc:
        notes.append(str(exc))
    if settings is None:
        settings = _settings_of(gateway)
    return Found([], {"verdict": memory_trend.of_gateways([settings])[gateway.name]}, notes)


def _settings_of(gateway: Gateway) -> config.Settings:
    """Default settings for a gateway that the guard does not manage."""
    section = {
        "unit": gateway.unit or "",
        "scope": gateway.scope,
        "user": gateway.user,
        "home": gateway.home,
        "python": gateway.python or "",
    }
    return config.Settings(gateway.name, section)


def busyness(gateway: Gateway, asking: Asking) -> Found:
    """The activity of the gateway: messages and sessions."""
    try:
        counted = asking.timed(partial(database.activity, gateway))
    except RunError as exc:
        return Found([], {}, ["state.db: %s" % exc])
    note = counted.pop("note")
    return Found([], {"activity": counted}, [note] if note else [])


def log(gateway: Gateway) -> Found:
    """The last lines of gateway.log."""
    path = os.path.join(gateway.home, "logs", "gateway.log")
    try:
        text = last_lines(path, gateway.uid, LOG_LINES)
    except FileError as exc:
        return Found([], {}, ["gateway.log was not collected: %s" % exc])
    return Found([Raw("gateway.log", text, gateway_log.log, by_hermes=True)], {}, [])


def last_lines(path: str, uid: int, count: int) -> str:
    """The last ``count`` lines of the regular file ``path`` of user ``uid``. Raises FileError."""
    data, cut = files.tail_bytes(path, [uid], TAIL_BYTES)
    found = data.decode("utf-8", "replace").split("\n")
    if cut:
        # The first line is incomplete.
        found = found[1:]
    if found and not found[-1]:
        found.pop()
    return "\n".join(found[-count:]) + "\n" if found else ""


def unit(gateway: Gateway) -> Found:
    """The state of the unit, and its files as systemd reads them."""
    found = Found([], {"restarts": None}, [])
    if not gateway.unit:
        found.notes.append("the gateway was started manually and has no unit")
        return found
    manager = discovery.manager_of(gateway)
    try:
        wanted = "--property=" + ",".join(_PROPERTIES)
        shown = manager.systemctl("show", wanted, "--", gateway.unit).out
        restarts = [line for line in shown.splitlines() if line.startswith("NRestarts=")]
        found.facts["restarts"] = restarts[0].partition("=")[2] if restarts else None
        state = "\n".join(sorted(shown[:_MAX_LETTERS].splitlines())) + "\n"
        found.files.append(Raw("unit-state.txt", state, Redactor.text))
        text = manager.systemctl("cat", "--", gateway.unit).out[:_MAX_LETTERS]
        found.files.append(Raw("unit.txt", text, _unit_text))
    except SystemdError as exc:
        found.notes.append("systemctl failed for the unit: %s" % exc)
    return found


def _unit_text(redactor: Redactor, text: str) -> str:
    return gateway_log.unit(redactor, text, lambda argv: launch.gateway(argv) is not None)


def kernel(gateway: Gateway) -> Found:
    """Figures of the kernel, without text other than the names of files and fields."""
    if gateway.pid is None:
        return Found([], {}, ["the gateway is not running and has no process"])
    found = Found([], {}, [])
    rollup = proc.read("/proc/%d/smaps_rollup" % gateway.pid)
    status = proc.read("/proc/%d/status" % gateway.pid)
    if rollup:
        found.files.append(Raw("smaps_rollup.txt", display.printable(rollup, keep="\n\t"), _as_is))
    if status:
        wanted = ("Vm", "Rss", "Threads", "HugetlbPages")
        lines = [line + "\n" for line in status.splitlines() if line.startswith(wanted)]
        found.files.append(Raw("status.txt", "".join(lines), _as_is))
    figures = []
    for directory in cgroup.directories(gateway.control_group):
        for name in _CGROUP_FILES:
            text = proc.read(os.path.join(directory, name), _CGROUP_BYTES)
            if text:
                figures.append("# %s\n%s" % (name, text))
    text = "\n".join(figures) or "The cgroup has no memory controller.\n"
    found.files.append(Raw("cgroup.txt", text, _as_is))
    return found


def _as_is(_redactor: Redactor, text: str) -> str:
    """No redaction, for figures."""
    return text


def processes(gateway: Gateway) -> Found:
    """The gateway and its child processes, with memory and command lines."""
    if gateway.pid is None:
        return Found([], {}, [])
    found = []
    for pid in cgroup.processes(gateway.pid, gateway.control_group)[:_MAX_PROCESSES]:
        memory = proc.memory(pid)
        if memory:
            argv, own = proc.argv(pid), pid == gateway.pid
            found.append(Process(pid, memory["rss_bytes"], memory["swap_bytes"], argv, own))
    return Found([Raw("processes.txt", found, _process_table, by_hermes=True)], {}, [])


def _process_table(redactor: Redactor, listed: list[Process]) -> str:
    lines = ["pid\trss_mb\tswap_mb\tcommand"]
    for one in listed:
        line = gateway_log.command(redactor, one.argv, known=one.own)
        rss, swap = one.rss_bytes / display.MB, one.swap_bytes / display.MB
        lines.append("%d\t%.1f\t%.1f\t%s" % (one.pid, rss, swap, line))
    return "\n".join(lines) + "\n"


def programs(gateway: Gateway, asking: Asking) -> Found:
    """The output of ``hermes --version``, ``hermes dump`` and ``hermes doctor``."""
    found = Found([], {}, [])
    if not gateway.python:
        found.notes.append(
            "the Python of its Hermes is unknown: hermes --version, dump and doctor were not run"
        )
        return found
    for name, argument, timeout in (
        ("version", "--version", _DUMP_TIMEOUT),
        ("dump", "dump", _DUMP_TIMEOUT),
        ("doctor", "doctor", _DOCTOR_TIMEOUT),
    ):
        arguments = ["-m", "hermes_cli.main", argument]
        try:
            done = asking.run(gateway, arguments, timeout, env=_PROGRAM_ENVIRONMENT)
        except RunError as exc:
            found.notes.append("hermes %s: %s" % (argument, exc))
            continue
        if done.rc:
            found.notes.append("hermes %s failed with exit code %d" % (argument, done.rc))
        text = done.out[:_MAX_LETTERS]
        found.files.append(Raw("hermes-%s.txt" % name, text, Redactor.text, by_hermes=True))
    return found


def present(gateway: Gateway, asking: Asking) -> Found:
    """The current Hermes, state and memory of the gateway."""
    hermes: dict[str, Any] = {"version": None, "provider": None, "model": None, "channels": []}
    notes = []
    if gateway.problem:
        notes.append(gateway.problem)
    elif gateway.python:
        try:
            asked = asking.probe(gateway)
            hermes = {name: asked[name] for name in hermes}
        except HermesError as exc:
            notes.append("its Hermes does not answer: %s" % exc)
    runtime = state_file.runtime(gateway)
    # The version that runs; Hermes's Python only knows the installed one.
    hermes["version"] = runtime["version"] or hermes["version"]
    state = (runtime["state"] or "running") if gateway.pid else "stopped"
    uptime = gateway.uptime_seconds
    facts = dict(
        hermes,
        name=gateway.name,
        unit=gateway.unit,
        scope=gateway.scope,
        memory=_memory(gateway),
        state=state,
        uptime_seconds=None if uptime is None else int(uptime),
    )
    return Found([], facts, notes)


def _memory(gateway: Gateway) -> dict[str, Any]:
    """Memory of the process, its children and its cgroup; empty if it is not running."""
    if gateway.pid is None:
        return {}
    own = proc.memory(gateway.pid)
    found: dict[str, Any] = {**own} if own else {}
    found.update(cgroup.memory(gateway.control_group))
    # OOM kills are in oom.json.
    found.pop("oom_kills")
    used = tree.memory(gateway.pid, gateway.control_group)
    found["tree_rss_bytes"] = used.rss_bytes if used else 0
    found["worker_bytes"] = workers.memory_bytes(gateway)
    return found


def host() -> dict[str, Any]:
    """Memory, systemd, kernel and distribution of the host."""
    release = proc.read("/etc/os-release", 1 << 16) or ""
    names = [line for line in release.splitlines() if line.startswith("PRETTY_NAME=")]
    return dict(
        proc.host_memory(),
        systemd=systemd.version(),
        kernel=platform.release(),
        system=names[0].partition("=")[2].strip().strip('"') if names else None,
        machine=platform.machine(),
        processors=os.cpu_count(),
    )
