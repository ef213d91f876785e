# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything a bug report about a gateway's memory needs, brought together on its host and redacted there.

What belongs to the owner is read as the owner, or through a descriptor whose owner was checked. config.yaml, .env, auth.json and
state.db never go into the bundle, ``hermes debug share`` is never called, and what a program printed is redacted by gateway_log
where it is a log, a unit or a command line, by redaction, and by the redaction of the Hermes that is installed.
"""

from __future__ import annotations

import csv
import io
import json
import os
import platform
import time

from .._guard import config, history, memory_trend
from .._hermes import client, database, discovery, state_file
from .._host import cgroup, command, display, proc, systemd
from .._host.errors import HermesError, RunError, SettingError, SystemdError
from .._oom import oom_info
from .._redact import gateway_log, redaction
from . import archive, chart, issue

HOURS = 168
LOG_LINES = 200
CSV_ROWS = 1000
SHOWN = (
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
# Of what systemd says of a unit, which a user may make as long as they like.
UNIT_LETTERS = 100000
# Seconds. `hermes doctor` asks 29 services on the network.
DUMP_TIMEOUT = 30.0
DOCTOR_TIMEOUT = 90.0
_CGROUP = (
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
_HERMES_REDACT = "import sys\nfrom agent.redact import redact_sensitive_text as redact\nsys.stdout.write(redact(sys.stdin.read(), force=True))\n"


def collect(gateways):
    """(files: dict of str by name, summary: list of dict, a gateway each) of the ``gateways`` (list of Gateway)."""
    files = {}
    summaries = []
    host = _host()
    for gateway in gateways:
        part = _Part(gateway, host)
        summaries.append(part.collect())
        files.update(("%s/%s" % (gateway.name, name), text) for name, text in part.files.items())
    return files, summaries


class _Part:
    """The evidence of one gateway: ``files`` by name, all of them redacted."""

    def __init__(self, gateway, host):
        self.gateway = gateway
        self.host = host
        self.files = {}
        self.notes = []
        self.rows = self._history()
        # Ids of systemd are random and no secret; the history and the log are read together by them.
        self.redactor = redaction.Redactor(
            keep=[gateway.invocation_id, gateway.name]
            + [row[name] for row in self.rows for name in ("invocation_id", "model")],
            homes=[gateway.account.pw_dir],
        )

    def collect(self):
        """The summary (dict)."""
        gateway = self.gateway
        oom = oom_info.find([gateway], HOURS)
        self.notes += oom["notes"]
        verdict = self._verdict()
        busy = database.activity(gateway)
        self.notes += filter(None, [busy.pop("note")])
        log = self._log()
        unit = self._unit()
        self._kernel()
        self._programs()
        summary = self._present()
        summary.update(
            activity=busy,
            host=self.host,
            restarts=self.restarts,
            verdict=verdict,
            oom_kills=len(oom["kills"]),
            notes=self.notes,
            collected=issue.moment(time.time()),
        )
        summary = self._clean(summary)
        oom = self._clean(oom)
        self._csv()
        # What the graph names is a unit's name, and the rest of it are figures.
        self.files["memory.svg"] = chart.svg(
            self.redactor.text(gateway.name),
            self.rows,
            (verdict.get("limit_mb") or 0) * display.MB,
            [kill["time"] for kill in oom["kills"]],
        )
        self.files["oom.json"] = _json(oom)
        self.files["verdict.json"] = _json(self._clean(verdict))
        text = issue.markdown(summary, summary["verdict"], oom, log, unit, HOURS)
        self.files["issue.md"] = self.redactor.text(text)
        summary["removed"] = dict(self.redactor.removed)
        self.files["summary.json"] = _json(summary)
        return summary

    # -------------------------------------------------------------------------------------------- parts

    def _present(self):
        gateway = self.gateway
        runtime = state_file.runtime(gateway)
        hermes = {"version": None, "provider": None, "model": None, "channels": []}
        if gateway.problem:
            self.notes.append(gateway.problem)
        elif gateway.python:
            try:
                asked = client.probe(gateway)
                hermes = {name: asked[name] for name in hermes}
            except HermesError as exc:
                self.notes.append("its Hermes cannot be asked: %s" % exc)
        memory = {}
        if gateway.pid is not None:
            memory = dict(proc.memory(gateway.pid) or {}, **cgroup.memory(gateway.control_group))
            memory["tree_rss_bytes"] = sum(
                (proc.memory(pid) or {"rss_bytes": 0})["rss_bytes"]
                for pid in cgroup.processes(gateway.pid, gateway.control_group)
            )
            memory.pop("oom_kills")
        return dict(
            hermes,
            name=gateway.name,
            unit=gateway.unit,
            scope=gateway.scope,
            memory=memory,
            state=(runtime["state"] or "running") if gateway.pid else "stopped",
            uptime_seconds=None if gateway.uptime_seconds is None else int(gateway.uptime_seconds),
        )

    def _history(self):
        try:
            return history.tail(os.path.join(config.STATE, self.gateway.name), 20000)
        except OSError as exc:
            self.notes.append("the history cannot be read: %s" % exc.strerror)
            return []

    def _verdict(self):
        gateway = self.gateway
        try:
            settings = config.load().get(gateway.name)
        except SettingError as exc:
            self.notes.append(str(exc))
            settings = None
        if settings is None:
            settings = config.Settings(
                gateway.name,
                {
                    "unit": gateway.unit or "",
                    "scope": gateway.scope,
                    "user": gateway.user,
                    "home": gateway.home,
                    "python": gateway.python or "",
                },
            )
        return memory_trend.of_gateways([settings])[gateway.name]

    def _log(self):
        text, why = archive.tail(
            os.path.join(self.gateway.home, "logs", "gateway.log"), self.gateway.uid, LOG_LINES
        )
        if why:
            self.notes.append("gateway.log was not taken: %s" % why)
            return None
        return self._put("gateway.log", self._by_hermes(gateway_log.log(self.redactor, text)))

    def _unit(self):
        gateway = self.gateway
        self.restarts = None
        if not gateway.unit:
            self.notes.append("it was started by hand: there is no unit")
            return None
        manager = discovery.manager_of(gateway)
        try:
            shown = manager.systemctl(
                "show", "--property=" + ",".join(SHOWN), "--", gateway.unit
            ).out
            self.restarts = next(
                (
                    line.partition("=")[2]
                    for line in shown.splitlines()
                    if line.startswith("NRestarts=")
                ),
                None,
            )
            self._put(
                "unit-state.txt",
                self.redactor.text("\n".join(sorted(shown[:UNIT_LETTERS].splitlines())) + "\n"),
            )
            return self._put(
                "unit.txt",
                gateway_log.unit(
                    self.redactor, manager.systemctl("cat", "--", gateway.unit).out[:UNIT_LETTERS]
                ),
            )
        except SystemdError as exc:
            self.notes.append("systemd cannot be asked about the unit: %s" % exc)
            return None

    def _kernel(self):
        """Figures of the kernel, which hold no word of anybody but the names of programs."""
        gateway = self.gateway
        if gateway.pid is None:
            self.notes.append("it does not run: there is no process to look at")
            return
        rollup = proc.read("/proc/%d/smaps_rollup" % gateway.pid)
        status = proc.read("/proc/%d/status" % gateway.pid)
        if rollup:
            self.files["smaps_rollup.txt"] = display.printable(rollup, keep="\n\t")
        if status:
            self.files["status.txt"] = "".join(
                line + "\n"
                for line in status.splitlines()
                if line.startswith(("Vm", "Rss", "Threads", "HugetlbPages"))
            )
        figures = []
        for folder in cgroup.directories(gateway.control_group):
            for name in _CGROUP:
                text = proc.read(os.path.join(folder, name), 16 << 10)
                if text:
                    figures.append("# %s\n%s" % (name, text))
        self.files["cgroup.txt"] = "\n".join(figures) or "The cgroup has no memory controller.\n"
        lines = ["pid\trss_mb\tswap_mb\tcommand"]
        for pid in cgroup.processes(gateway.pid, gateway.control_group)[:500]:
            memory = proc.memory(pid)
            if memory:
                line = gateway_log.command(self.redactor, proc.argv(pid), known=pid == gateway.pid)
                lines.append(
                    "%d\t%.1f\t%.1f\t%s"
                    % (
                        pid,
                        memory["rss_bytes"] / display.MB,
                        memory["swap_bytes"] / display.MB,
                        line,
                    )
                )
        self._put("processes.txt", self._by_hermes("\n".join(lines) + "\n"))

    def _programs(self):
        if not self.gateway.python:
            self.notes.append(
                "the Python of its Hermes is not known: hermes --version, dump and doctor were not asked"
            )
            return
        for name, arguments, timeout in (
            ("version", ["--version"], DUMP_TIMEOUT),
            ("dump", ["dump"], DUMP_TIMEOUT),
            ("doctor", ["doctor"], DOCTOR_TIMEOUT),
        ):
            argv = [self.gateway.python, "-I", "-B", "-m", "hermes_cli.main"] + arguments
            try:
                done = command.run(
                    argv,
                    user=self.gateway.account,
                    env={"HERMES_HOME": self.gateway.home, "NO_COLOR": "1", "COLUMNS": "120"},
                    timeout=timeout,
                )
            except RunError as exc:
                self.notes.append("hermes %s: %s" % (arguments[0], self.redactor.text(str(exc))))
                continue
            if done.rc:
                self.notes.append("hermes %s ended with exit code %d" % (arguments[0], done.rc))
            self._put(
                "hermes-%s.txt" % name, self._by_hermes(self.redactor.text(done.out[:100000]))
            )

    def _csv(self):
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(history.COLUMNS)
        for row in chart.thin(self.rows, CSV_ROWS):
            words = {
                name: self.redactor.text(row[name])
                for name in ("provider", "model", "version")
                if row[name]
            }
            shown = dict(row, timestamp=int(row["timestamp"]), **words)
            writer.writerow(
                ["" if shown[name] is None else shown[name] for name in history.COLUMNS]
            )
        self.files["memory.csv"] = out.getvalue()

    # ------------------------------------------------------------------------------------------- helpers

    def _put(self, name, text):
        self.files[name] = text
        return text

    def _by_hermes(self, text):
        """``text`` after the redaction of the Hermes that is installed, which may know of keys that are newer than these rules."""
        if not self.gateway.python or not text.strip():
            return text
        try:
            done = command.run(
                [self.gateway.python, "-I", "-B", "-c", _HERMES_REDACT],
                user=self.gateway.account,
                env={"HERMES_HOME": self.gateway.home},
                stdin=text,
                timeout=DUMP_TIMEOUT,
            )
        except RunError as exc:
            why = str(exc).replace(_HERMES_REDACT, "...")
        else:
            if done.rc == 0 and done.out.count("\n") == text.count("\n"):
                # It is a user's program: what it says is as hostile as what it was given.
                return self.redactor.text(done.out)
            why = "exit code %d" % done.rc
        note = (
            "Hermes's own redaction was not to be had (%s); the collection's was used alone"
            % why[:200]
        )
        if note not in self.notes:
            self.notes.append(note)
        return text

    def _clean(self, value):
        """``value`` with every text in it redacted."""
        if isinstance(value, str):
            return self.redactor.text(value)
        if isinstance(value, dict):
            return {key: self._clean(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._clean(item) for item in value]
        return value


def _host():
    release = proc.read("/etc/os-release", 1 << 16) or ""
    pretty = next(
        (
            line.partition("=")[2].strip().strip('"')
            for line in release.splitlines()
            if line.startswith("PRETTY_NAME=")
        ),
        None,
    )
    return dict(
        proc.host_memory(),
        systemd=systemd.version(),
        kernel=platform.release(),
        system=pretty,
        machine=platform.machine(),
        processors=os.cpu_count(),
    )


def _json(value):
    return json.dumps(value, indent=2, sort_keys=True) + "\n"
