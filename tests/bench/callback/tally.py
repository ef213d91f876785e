# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: tally
type: aggregate
short_description: Counts what a run does on each host
description:
  - Counts task results, the modules that run on each host, the calls of the connection and the bytes that are sent, and writes them as JSON.
  - The file is named by the environment variable E(HERMES_BENCH_TALLY).
author:
  - Hermes Ops (@hermes-ops)
"""

import json
import os
import resource

from ansible.executor.task_executor import TaskExecutor
from ansible.plugins.action import ActionBase
from ansible.plugins.callback import CallbackBase

OUT = os.environ.get("HERMES_BENCH_TALLY", os.devnull)
CALLS = OUT + ".calls"
COUNTS = (
    "task_results",
    "remote_modules",
    "round_trips",
    "bytes_sent",
    "host_cpu_seconds",
    "changed",
    "failed",
)
_here = {}


def _watch(owner, name, note):
    """Have ``note`` called after each call of method ``name`` of class ``owner``: with the seconds of CPU of the processes it started, and its arguments."""
    original = getattr(owner, name)

    def watched(self, *args, **kwargs):
        if owner is TaskExecutor:
            # A worker does one task on one host.
            _here["host"] = self._host.name
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        try:
            return original(self, *args, **kwargs)
        finally:
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            note(
                after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, *args, **kwargs
            )

    setattr(owner, name, watched)


def _note(**figures):
    """One line for each call, in one write, because forked workers write to the same file."""
    fd = os.open(CALLS, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(fd, (json.dumps(dict(figures, host=_here["host"])) + "\n").encode())
    finally:
        os.close(fd)


def _nothing(_seconds):
    pass


def _module(_seconds, *_args, **_kwargs):
    _note(remote_modules=1)


def _command(seconds, cmd, sudoable=True, in_data=None, *_args, **_kwargs):
    # If a host is simulated on this machine, the processes of the connection are the host's own work.
    _note(
        round_trips=1,
        bytes_sent=len(cmd.encode("utf-8", "replace")) + len(in_data or b""),
        host_cpu_seconds=seconds,
    )


def _file(_seconds, local_path, _remote_path):
    _note(round_trips=1, bytes_sent=os.path.getsize(local_path))


class CallbackModule(CallbackBase):
    """The counts of one run."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "tally"

    def __init__(self):
        super().__init__()
        open(CALLS, "wb").close()
        _watch(TaskExecutor, "run", _nothing)
        _watch(ActionBase, "_execute_module", _module)
        _watch(ActionBase, "_low_level_execute_command", _command)
        _watch(ActionBase, "_transfer_file", _file)

    def v2_playbook_on_stats(self, stats):
        """Write the counts of all hosts, by name."""
        hosts = {}
        for name in stats.processed:
            one = stats.summarize(name)
            hosts[name] = dict.fromkeys(COUNTS, 0)
            hosts[name]["task_results"] = sum(
                one[key] for key in ("ok", "skipped", "failures", "unreachable", "rescued")
            )
            hosts[name]["changed"] = one["changed"]
            hosts[name]["failed"] = one["failures"] + one["unreachable"]
        with open(CALLS, encoding="utf-8") as handle:
            for line in handle:
                figures = json.loads(line)
                host = hosts.setdefault(figures.pop("host"), dict.fromkeys(COUNTS, 0))
                for key, value in figures.items():
                    host[key] += value
        os.unlink(CALLS)
        with open(OUT, "w", encoding="utf-8") as handle:
            json.dump(hosts, handle, indent=1, sort_keys=True)
