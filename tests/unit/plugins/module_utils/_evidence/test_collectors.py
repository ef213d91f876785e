# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of a log, in a home that may be hostile."""

from __future__ import annotations

import os
import pwd

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._evidence import collectors
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import FileError

ME = pwd.getpwuid(os.getuid())


def write(path, text):
    path.write_text(text)
    return str(path)


def test_last_lines_of_a_file(tmp_path):
    path = write(tmp_path / "log", "".join("line %d\n" % number for number in range(1000)))
    text = collectors.last_lines(path, ME.pw_uid, 200)
    assert text.startswith("line 800\n") and text.endswith("line 999\n")
    assert text.count("\n") == 200


def test_last_lines_without_an_end_and_of_nothing(tmp_path):
    assert collectors.last_lines(write(tmp_path / "a", "one\ntwo"), ME.pw_uid, 200) == "one\ntwo\n"
    assert collectors.last_lines(write(tmp_path / "b", ""), ME.pw_uid, 200) == ""


def test_last_line_of_five_gigabytes_reads_the_end(tmp_path, monkeypatch):
    path = tmp_path / "log"
    with open(str(path), "wb") as out:
        out.truncate(5 << 30)
        out.seek(0, os.SEEK_END)
        out.write(b"\nlast line\n")
    asked, pread = [], os.pread
    monkeypatch.setattr(
        os, "pread", lambda fd, size, offset: asked.append(size) or pread(fd, size, offset)
    )
    assert collectors.last_lines(str(path), ME.pw_uid, 1) == "last line\n"
    assert asked == [collectors.TAIL_BYTES]


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda path: path.symlink_to("/etc/shadow"), "symbolic link"),
        (lambda path: os.mkfifo(str(path)), "not a regular file"),
        (lambda path: path.mkdir(), "not a regular file"),
        (lambda path: None, "No such file"),
    ],
)
def test_last_lines_refuse(tmp_path, make, why):
    make(tmp_path / "log")
    with pytest.raises(FileError) as refused:
        collectors.last_lines(str(tmp_path / "log"), ME.pw_uid, 200)
    assert why in str(refused.value) and str(tmp_path / "log") in str(refused.value)


def test_last_lines_refuse_what_another_owns(tmp_path):
    with pytest.raises(FileError, match="belongs to uid %d" % ME.pw_uid):
        collectors.last_lines(write(tmp_path / "log", "x\n"), ME.pw_uid + 1, 200)
