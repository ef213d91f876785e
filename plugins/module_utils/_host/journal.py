# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the journal and the kernel's log, bounded in time and size.

Any user can write to the journal, also with fields such as UNIT= and MESSAGE_ID=. Only fields with a leading underscore are
journald's own word, so who said a thing is asked of those.
"""

from __future__ import annotations

import json
import os
import time

from . import command
from .errors import JournalError, RunError

KMSG = "/dev/kmsg"
MAX_ENTRIES = 20000
TIMEOUT = 60.0
_FIELDS = (
    "MESSAGE",
    "MESSAGE_ID",
    "UNIT",
    "USER_UNIT",
    "INVOCATION_ID",
    "USER_INVOCATION_ID",
    "UNIT_RESULT",
    "MEMORY_PEAK",
    "MEMORY_SWAP_PEAK",
    "CPU_USAGE_NSEC",
    "_PID",
    "_UID",
    "_SYSTEMD_UNIT",
    "_TRANSPORT",
)


def entries(matches, since, grep=None):
    """(the entries since epoch second ``since`` that match, oldest first; what journalctl has to say about it, a list of str).

    ``matches`` are those of journalctl(1) (list of str); ``grep`` is a regular expression on MESSAGE. An entry is a dict of
    str by field, with ``time`` in epoch seconds (float). Raises JournalError.
    """
    argv = [
        "journalctl",
        "--output=json",
        "--no-pager",
        "--output-fields=" + ",".join(_FIELDS),
        "--since=@%d" % since,
    ]
    # With --grep, --lines bounds what is looked at in systemd 247, and what is shown in newer ones.
    argv += ["--grep=" + grep] if grep else ["--lines=%d" % MAX_ENTRIES]
    try:
        done = command.run(argv + list(matches), timeout=TIMEOUT)
    except RunError as exc:
        raise JournalError(str(exc)) from exc
    said = [
        line.strip()
        for line in done.err.splitlines()
        if line.strip() and not line.startswith(("--", " "))
    ]
    found = parse(done.out)
    # No match is an exit code of 1 with --grep, and with no journal at all.
    if done.rc not in (0, 1) or (done.rc and said and not found):
        raise JournalError(" ".join(said)[:300] or "journalctl ended with exit code %d" % done.rc)
    return found, said


def parse(text):
    """The entries in what ``journalctl --output=json`` prints, oldest first; a line that is no entry is passed over."""
    found = []
    for line in text.splitlines():
        try:
            fields = json.loads(line)
            moment = int(fields["__REALTIME_TIMESTAMP"]) / 1e6
        except (KeyError, TypeError, ValueError, RecursionError):
            continue
        entry = {name: _text(value) for name, value in fields.items()}
        entry["time"] = moment
        found.append(entry)
    return sorted(found, key=lambda entry: entry["time"])


def _text(value):
    """A field as str: journalctl gives a list of bytes for what is no UTF-8, a list of values for a field that stands twice."""
    if isinstance(value, list):
        if value and all(isinstance(item, int) and 0 <= item < 256 for item in value):
            return bytes(value).decode("utf-8", "replace")
        return _text(value[0]) if value else ""
    return value if isinstance(value, str) else ""


def kernel_lines(since, grep):
    """(time, text) of the kernel's messages since ``since`` that match ``grep``, and notes where they are not to be had: of the journal, else of /dev/kmsg."""
    notes = []
    # Facility 0 is the kernel's own; others are what a program of root wrote to its log.
    kernel = ["_TRANSPORT=kernel", "SYSLOG_FACILITY=0"]
    try:
        if entries(kernel + ["--lines=1"], 0)[0]:
            return [
                (entry["time"], entry.get("MESSAGE", ""))
                for entry in entries(kernel, since, grep)[0]
            ], notes
        notes.append("the journal holds no kernel messages")
    except JournalError as exc:
        notes.append("the kernel's messages in the journal cannot be read: %s" % exc)
    try:
        return [(moment, text) for moment, text in kmsg() if moment >= since], []
    except OSError as exc:
        return [], notes + ["the kernel's log cannot be read: %s: %s" % (KMSG, exc.strerror)]


def kmsg():
    """(time, text) of all that the kernel still holds in its buffer. OSError where that is not to be had, as in most containers."""
    fd = os.open(KMSG, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        # A record's time is in microseconds since boot.
        boot = time.time() - time.clock_gettime(time.CLOCK_MONOTONIC)
        found = []
        for _count in range(MAX_ENTRIES):
            try:
                record = os.read(fd, 8192)
            except BlockingIOError:
                break
            except BrokenPipeError:
                # Overwritten while it was read: the next read goes on behind it.
                continue
            if not record:
                break
            found.extend(parse_kmsg(record.decode("utf-8", "replace"), boot))
        return found
    finally:
        os.close(fd)


def parse_kmsg(text, boot):
    """(time, text) of records ``priority,sequence,microseconds,flags;message``; lines that go on a record are left out."""
    found = []
    for line in text.splitlines():
        head, separator, message = line.partition(";")
        fields = head.split(",")
        # A priority below 8 is of facility 0, the kernel's own.
        if (
            separator
            and len(fields) >= 3
            and fields[0].isdigit()
            and int(fields[0]) < 8
            and fields[2].isdigit()
        ):
            found.append((boot + int(fields[2]) / 1e6, message))
    return found
