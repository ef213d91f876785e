# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the journal and the kernel log, with limits on time and size.

Any user can write to the journal, including fields such as UNIT= and MESSAGE_ID=. Only fields with
a leading underscore are set by journald, so they alone identify the author of an entry.
"""

from __future__ import annotations

import json
import os
import re
import time
from typing import NamedTuple

from . import command
from .errors import JournalError, RunError

KMSG = "/dev/kmsg"
# journalctl reads so many in 2 s from a slow disk. A user can write any number.
MAX_ENTRIES = 20000
# Seconds for one search: it may read a journal of several GB.
TIMEOUT = 60.0
# Seconds for a search about one user, if the general search has failed.
NARROW_TIMEOUT = 20.0
# Records of /dev/kmsg: a buffer of 16 MiB has fewer.
MAX_RECORDS = 200000
# How the kernel writes a non-printable byte or a backslash.
_ESCAPED = re.compile(r"\\x([0-9a-f]{2})")
_FIELDS = (
    "MESSAGE",
    "MESSAGE_ID",
    "UNIT",
    "USER_UNIT",
    "INVOCATION_ID",
    "USER_INVOCATION_ID",
    "UNIT_RESULT",
    "JOB_TYPE",
    "MEMORY_PEAK",
    "MEMORY_SWAP_PEAK",
    "CPU_USAGE_NSEC",
    "_PID",
    "_UID",
    "_SYSTEMD_UNIT",
    "_TRANSPORT",
)


class Entry(NamedTuple):
    """An entry of the journal: ``time`` in epoch seconds, the text of each field by its name."""

    time: float
    fields: dict[str, str]


class Answer(NamedTuple):
    """The matching entries, oldest first, and the messages that journalctl printed."""

    entries: list[Entry]
    said: list[str]


class Line(NamedTuple):
    """A line of the kernel log: ``time`` in epoch seconds, the text."""

    time: float
    text: str


def entries(
    matches: list[str], since: float, grep: str | None = None, timeout: float = TIMEOUT
) -> Answer:
    """The journal's entries since epoch second ``since``.

    ``matches`` are those of journalctl(1); ``grep`` is a regular expression for MESSAGE. Raises
    JournalError, also above command.MAX_OUTPUT bytes or ``timeout`` seconds.
    """
    argv = [
        "journalctl",
        "--output=json",
        "--no-pager",
        "--output-fields=" + ",".join(_FIELDS),
        "--since=@%d" % since,
    ]
    # With --grep, --lines limits the entries searched in systemd 247, and those shown in newer
    # versions.
    argv += ["--grep=" + grep] if grep else ["--lines=%d" % MAX_ENTRIES]
    try:
        done = command.run(argv + matches, timeout=timeout)
    except RunError as exc:
        raise JournalError(str(exc)) from exc
    said = [
        line.strip()
        for line in done.err.splitlines()
        if line.strip() and not line.startswith(("--", " "))
    ]
    found = parse(done.out)
    # journalctl exits with 1 if --grep matches nothing, and if the journal does not exist.
    if done.rc not in (0, 1) or (done.rc and said and not found):
        raise JournalError(" ".join(said)[:300] or "journalctl failed (exit code %d)" % done.rc)
    return Answer(found, said)


def parse(text: str) -> list[Entry]:
    """The entries in the output of ``journalctl --output=json``, oldest first.

    Invalid lines are skipped.
    """
    found = []
    for line in text.splitlines():
        try:
            fields = json.loads(line)
            moment = int(fields["__REALTIME_TIMESTAMP"]) / 1e6
        except (KeyError, TypeError, ValueError, RecursionError):
            continue
        found.append(Entry(moment, {name: _text(value) for name, value in fields.items()}))
    return sorted(found, key=lambda entry: entry.time)


def _text(value: object) -> str:
    """A field as text.

    journalctl prints a list of bytes for a value that is not UTF-8, and a list of values for a
    field that occurs twice.
    """
    if isinstance(value, list):
        if value and all(isinstance(item, int) and 0 <= item < 256 for item in value):
            return bytes(value).decode("utf-8", "replace")
        return _text(value[0]) if value else ""
    return value if isinstance(value, str) else ""


def kernel_lines(
    since: float, grep: str, narrower: dict[str, str] | None = None
) -> tuple[list[Line], list[str]]:
    """The kernel messages since ``since`` that match ``grep``, and notes on read errors.

    Read from the journal, plus the lines of /dev/kmsg that follow the journal's last line: journald
    may have stopped reading it. If the journal has too many matches, each regular expression in
    ``narrower`` is searched separately; its key names the subject.
    """
    # Facility 0 is the kernel; programs of root write to its log with other facilities.
    kernel = ["_TRANSPORT=kernel", "SYSLOG_FACILITY=0"]
    try:
        last = _lines(entries(kernel + ["--lines=1"], 0).entries)
        if last:
            found, notes = _matching(kernel, since, grep, narrower or {})
            return found + _missed(found, last[-1], since, grep), notes
        notes = ["the journal contains no kernel messages"]
    except JournalError as exc:
        notes = ["the kernel messages in the journal cannot be read: %s" % exc]
    try:
        return kmsg(since, grep), []
    except OSError as exc:
        return [], notes + ["the kernel log cannot be read: %s: %s" % (KMSG, exc.strerror)]


def _matching(
    kernel: list[str], since: float, grep: str, narrower: dict[str, str]
) -> tuple[list[Line], list[str]]:
    """Like kernel_lines(), from the journal only; JournalError if no search succeeds."""
    try:
        return _lines(entries(kernel, since, grep).entries), []
    except JournalError:
        if not narrower:
            raise
    found: list[Entry] = []
    notes = []
    for name, pattern in narrower.items():
        try:
            found += entries(kernel, since, pattern, NARROW_TIMEOUT).entries
        except JournalError as exc:
            notes.append("the kernel messages about %s cannot be read: %s" % (name, exc))
    if len(notes) == len(narrower):
        raise JournalError(notes[0])
    return _lines(found), notes


def _lines(found: list[Entry]) -> list[Line]:
    """The lines of ``found``, oldest first, without duplicates."""
    lines = dict.fromkeys(Line(entry.time, entry.fields.get("MESSAGE", "")) for entry in found)
    return sorted(lines, key=lambda line: line.time)


def _missed(found: list[Line], last: Line, since: float, grep: str) -> list[Line]:
    """The lines of /dev/kmsg after ``last``, the journal's last line; ``found`` are the journal's.

    The two clocks may differ, so lines of the journal are recognised by their text.
    """
    known = {line.text for line in found}
    known.add(last.text)
    try:
        return [line for line in kmsg(max(since, last.time), grep) if line.text not in known]
    except OSError:
        return []


def kmsg(since: float, grep: str) -> list[Line]:
    """The lines in the kernel's buffer since ``since`` that match ``grep``.

    Raises OSError; most containers do not permit access.
    """
    wanted = re.compile(grep)
    fd = os.open(KMSG, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        # A record's time is in microseconds since boot.
        boot = time.time() - time.clock_gettime(time.CLOCK_MONOTONIC)
        found: list[Line] = []
        for _count in range(MAX_RECORDS):
            try:
                record = os.read(fd, 8192)
            except BlockingIOError:
                break
            except BrokenPipeError:
                # The record was overwritten during the read: the next read returns the one after.
                continue
            if not record:
                break
            lines = parse_kmsg(record.decode("utf-8", "replace"), boot)
            found += [line for line in lines if line.time >= since and wanted.search(line.text)]
        return found
    finally:
        os.close(fd)


def parse_kmsg(text: str, boot: float) -> list[Line]:
    """The lines in records ``priority,sequence,microseconds,flags;message``.

    Times are relative to ``boot``, in epoch seconds. Continuation lines are skipped.
    """
    found = []
    for line in text.splitlines():
        head, separator, message = line.partition(";")
        fields = head.split(",")
        # A priority below 8 means facility 0, the kernel.
        if (
            separator
            and len(fields) >= 3
            and fields[0].isdigit()
            and int(fields[0]) < 8
            and fields[2].isdigit()
        ):
            found.append(Line(boot + int(fields[2]) / 1e6, _ESCAPED.sub(_unescaped, message)))
    return found


def _unescaped(found: re.Match[str]) -> str:
    return chr(int(found.group(1), 16))
