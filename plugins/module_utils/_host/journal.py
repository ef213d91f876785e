# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the journal and the kernel's log, bounded in time and size.

Any user can write to the journal, also with fields such as UNIT= and MESSAGE_ID=. Only fields with
a leading underscore are journald's own word, so who said a thing is asked of those.
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
MAX_ENTRIES = 20000
TIMEOUT = 60.0
# Seconds, if one search was not enough: for what is about one user.
NARROW_TIMEOUT = 20.0
# Of /dev/kmsg: a buffer of 16 MiB has fewer.
MAX_RECORDS = 200000
# The kernel writes a byte so that is not printable, and a backslash.
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
    """The entries that match, oldest first, and the lines that journalctl printed about them."""

    entries: list[Entry]
    said: list[str]


class Line(NamedTuple):
    """A line of the kernel's log: ``time`` in epoch seconds, the text."""

    time: float
    text: str


def entries(
    matches: list[str], since: float, grep: str | None = None, timeout: float = TIMEOUT
) -> Answer:
    """What the journal holds since epoch second ``since``. Raises JournalError.

    ``matches`` are those of journalctl(1); ``grep`` is a regular expression on MESSAGE. More than
    command.MAX_OUTPUT bytes, or more than ``timeout`` seconds, are a JournalError.
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
        done = command.run(argv + matches, timeout=timeout)
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
        raise JournalError(" ".join(said)[:300] or "journalctl failed (exit code %d)" % done.rc)
    return Answer(found, said)


def parse(text: str) -> list[Entry]:
    """The entries in what ``journalctl --output=json`` prints, oldest first.

    A line that is no entry is skipped.
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

    journalctl prints a list of bytes for what is not UTF-8, and a list of values for a field that
    an entry has twice.
    """
    if isinstance(value, list):
        if value and all(isinstance(item, int) and 0 <= item < 256 for item in value):
            return bytes(value).decode("utf-8", "replace")
        return _text(value[0]) if value else ""
    return value if isinstance(value, str) else ""


def kernel_lines(
    since: float, grep: str, narrower: dict[str, str] | None = None
) -> tuple[list[Line], list[str]]:
    """The kernel's messages since ``since`` that match ``grep``, and notes on what cannot be read.

    Of the journal if it has any, and of /dev/kmsg what came after the journal's last line: journald
    may have stopped to read it. If more match than can be read, the regular expressions of
    ``narrower`` are asked for one by one, each by the name of what it is about.
    """
    # Facility 0 is the kernel's own; others are what a program of root wrote to its log.
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
    """As kernel_lines(), of the journal; JournalError if nothing of it can be read."""
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
    """The lines of ``found``, oldest first, each once."""
    lines = {Line(entry.time, entry.fields.get("MESSAGE", "")) for entry in found}
    return sorted(lines, key=lambda line: line.time)


def _missed(found: list[Line], last: Line, since: float, grep: str) -> list[Line]:
    """The lines of /dev/kmsg behind ``last``, the journal's last one; ``found`` is what it has.

    The two clocks may differ, so a line that the journal has is known by its text.
    """
    known = {line.text for line in found}
    known.add(last.text)
    try:
        return [line for line in kmsg(max(since, last.time), grep) if line.text not in known]
    except OSError:
        return []


def kmsg(since: float, grep: str) -> list[Line]:
    """What the kernel still holds in its buffer since ``since`` that matches ``grep``.

    Raises OSError, as in most containers.
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
                # Overwritten while it was read: the next read goes on behind it.
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

    The times are since ``boot``, in epoch seconds. Lines that go on a record are left out.
    """
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
            found.append(Line(boot + int(fields[2]) / 1e6, _ESCAPED.sub(_unescaped, message)))
    return found


def _unescaped(found: re.Match[str]) -> str:
    return chr(int(found.group(1), 16))
