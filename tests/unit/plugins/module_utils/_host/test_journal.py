# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What journalctl and the kernel print, read into entries and lines."""

from __future__ import annotations

import time

from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import command, journal


def test_a_journal_of_rubbish():
    lines = [
        "",
        "-- No entries --",
        "[[[[",
        "[" * 100000,
        "{}",
        '{"__REALTIME_TIMESTAMP": "x"}',
        '{"__REALTIME_TIMESTAMP": null}',
        "null",
        "7",
        '{"__REALTIME_TIMESTAMP": "5000000", "MESSAGE": [104, 105, 255], "UNIT": ["a", "b"], "_PID": null}',
    ]
    assert journal.parse("\n".join(lines)) == [
        journal.Entry(
            5.0, {"__REALTIME_TIMESTAMP": "5000000", "MESSAGE": "hi\ufffd", "UNIT": "a", "_PID": ""}
        )
    ]


def test_only_the_kernels_own_lines_are_its():
    assert journal.parse_kmsg(
        "30,1,1000000,-;of a program\n6,2,2000000,-;of the kernel\n SUBSYSTEM=x\nrubbish;x\n", 100
    ) == [(102.0, "of the kernel")]


def test_the_names_of_units_as_the_kernel_escapes_them():
    """A unit is called a\\x2db.service, and the kernel writes a backslash as \\x5c."""
    record = "6,2,1,-;Tasks in /a\\x5cx2db.service are\\x0a"
    assert journal.parse_kmsg(record, 0)[0].text == "Tasks in /a\\x2db.service are\n"


def test_of_the_kernels_buffer_what_matches_and_is_new(monkeypatch, tmp_path):
    boot = time.time() - time.clock_gettime(time.CLOCK_MONOTONIC)
    (tmp_path / "kmsg").write_text("6,1,1000000,-;old a\n6,2,5000000,-;a\n6,3,5000000,-;b\n")
    monkeypatch.setattr(journal, "KMSG", str(tmp_path / "kmsg"))
    assert [line.text for line in journal.kmsg(boot + 2, "^(?:old )?a")] == ["a"]


def test_what_journald_no_longer_reads_is_in_the_kernels_buffer(monkeypatch, tmp_path):
    """A kill after the journal's last line; those in the journal are not returned twice."""
    boot = time.time() - time.clock_gettime(time.CLOCK_MONOTONIC)
    entry = '{"__REALTIME_TIMESTAMP": "%d", "MESSAGE": "%s"}'
    printed = "\n".join(entry % ((boot + at) * 1e6, text) for at, text in ((1, "kill 1"), (2, "x")))
    (tmp_path / "kmsg").write_text(
        "6,1,1000000,-;kill 1\n6,2,2000000,-;x\n6,3,2500000,-;kill 1\n6,4,3000000,-;kill 2\n"
    )
    monkeypatch.setattr(journal, "KMSG", str(tmp_path / "kmsg"))
    monkeypatch.setattr(journal.command, "run", lambda *_a, **_k: command.Result(0, printed, ""))
    found, notes = journal.kernel_lines(boot, "^kill")
    assert [line.text for line in found if line.text != "x"] == ["kill 1", "kill 2"]
    assert notes == []
    monkeypatch.setattr(journal, "KMSG", str(tmp_path / "none"))
    assert "kill 2" not in [line.text for line in journal.kernel_lines(boot, "^kill")[0]]


def test_lines_of_the_same_time_keep_their_order(monkeypatch):
    """The kernel writes a kill in several lines, which mean something in their order only.

    journald may stamp them with the same microsecond. Their order must not follow from a hash.
    """
    texts = ["kill %d" % number for number in range(20)]
    printed = "\n".join('{"__REALTIME_TIMESTAMP": "5", "MESSAGE": "%s"}' % text for text in texts)
    monkeypatch.setattr(journal.command, "run", lambda *_a, **_k: command.Result(0, printed, ""))
    monkeypatch.setattr(journal, "_missed", lambda *_a: [])
    assert [line.text for line in journal.kernel_lines(0, "^kill")[0]] == texts
