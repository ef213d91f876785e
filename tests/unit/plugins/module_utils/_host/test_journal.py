# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What journalctl and the kernel print, read into entries and lines."""

from __future__ import annotations

import time

from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import journal


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
