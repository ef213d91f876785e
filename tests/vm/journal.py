# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal and the kernel log of the machine about the kills, unchanged except for lines about the machine itself."""

from __future__ import annotations

import json
import time

FIELDS = (
    "__REALTIME_TIMESTAMP",
    "_TRANSPORT",
    "_PID",
    "_UID",
    "_SYSTEMD_UNIT",
    "SYSLOG_FACILITY",
    "PRIORITY",
    "UNIT",
    "INVOCATION_ID",
    "MESSAGE",
    "MESSAGE_ID",
    "UNIT_RESULT",
    "EXIT_CODE",
    "EXIT_STATUS",
    "JOB_RESULT",
    "CPU_USAGE_NSEC",
    "MEMORY_PEAK",
    "MEMORY_SWAP_PEAK",
)
ASK = "journalctl -o json -b _TRANSPORT=kernel + _PID=1 UNIT=hermes-gateway.service"
FIRST, LAST = "invoked oom-killer:", "Killed process"
SHORT = (FIRST, "oom-kill:", LAST)
# A report begins with a trace, line by line a warning.
WARNING = "4"


def keep(vm):
    """The entries (list of dict) of the kernel's OOM reports and of systemd about the unit; also written to the machine's state folder."""
    entries, within = [], False
    for line in vm.say(ASK).splitlines():
        entry = json.loads(line)
        text = entry.get("MESSAGE") or ""
        if entry["_TRANSPORT"] == "kernel":
            within = within or FIRST in text
            if not within:
                continue
            within = LAST not in text
            if entry["PRIORITY"] == WARNING and FIRST not in text:
                continue
        entries.append({name: entry[name] for name in FIELDS if name in entry})
    (vm.state / "journal.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    (vm.state / "kmsg.txt").write_text(
        "".join(
            record + "\n"
            for record in reports(
                vm.ssh("timeout 3 cat /dev/kmsg", check=False).stdout.splitlines()
            )
        )
    )
    return entries


def reports(records):
    """The OOM reports in the kernel's buffer, without traces and unrelated lines."""
    within, kept = False, False
    for line in records:
        if not line.startswith(" "):
            priority = line.partition(",")[0]
            within = within or FIRST in line
            kept = within and (priority != WARNING or FIRST in line)
            within = within and LAST not in line
        if kept:
            yield line


def short(entries):
    """The relevant lines, as journalctl shows them."""
    return [
        "  %s %s: %s"
        % (
            time.strftime("%H:%M:%S", time.gmtime(int(entry["__REALTIME_TIMESTAMP"]) / 1e6)),
            "kernel" if entry["_TRANSPORT"] == "kernel" else "systemd[1]",
            entry["MESSAGE"],
        )
        for entry in entries
        if entry["_TRANSPORT"] != "kernel" or any(word in entry["MESSAGE"] for word in SHORT)
    ]
