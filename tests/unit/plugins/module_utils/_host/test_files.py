# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading hostile files, and writing so that a failure leaves the old file or the new one."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import files
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import FileError

MINE = {os.getuid()}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file"


def test_reads_what_is_there(path):
    path.write_bytes(b'{"a": "\xff"}')
    assert files.read_bytes(str(path), MINE) == b'{"a": "\xff"}'
    assert files.read_json(str(path), MINE) == {"a": "\ufffd"}


def test_digest_is_that_of_the_whole_content(path):
    """Longer than one system call reads."""
    content = os.urandom(3 * files._CHUNK + 1)
    path.write_bytes(content)
    assert files.digest(str(path)) == hashlib.sha256(content).hexdigest()
    with pytest.raises(FileError, match="the limit is 100"):
        files.digest(str(path), 100)


def test_no_file_is_none(path):
    assert files.read_bytes(str(path)) is None
    assert files.digest(str(path)) is None
    assert files.read_json(str(path)) is None
    path.touch()
    assert files.read_bytes(str(path / "below a file")) is None


def link(path):
    path.with_name("target").write_text("secret")
    path.symlink_to("target")


def dangling(path):
    path.symlink_to("nowhere")


def fifo(path):
    os.mkfifo(str(path))


def folder(path):
    path.mkdir()


def large(path):
    with open(str(path), "wb") as out:
        out.truncate(5 << 30)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (link, "symbolic link"),
        (dangling, "symbolic link"),
        (fifo, "not a regular file"),
        (folder, "not a regular file"),
        (large, "5368709120 bytes"),
    ],
)
def test_what_is_not_a_plain_small_file_is_refused(path, make, why):
    make(path)
    with pytest.raises(FileError, match=why) as caught:
        files.read_bytes(str(path))
    assert str(path) in str(caught.value)


def test_file_of_somebody_else(path):
    path.write_text("{}")
    with pytest.raises(FileError, match="belongs to uid %d" % os.getuid()):
        files.read_json(str(path), owners={os.getuid() + 1})


def test_file_of_our_own_is_read_without_a_walk_and_checked_all_the_same(path, monkeypatch):
    """The guard's state: root's own directories. Every check reads some files of each gateway."""
    monkeypatch.setattr(files.way, "open_directory", None)
    assert files.read_own_json(str(path)) is None
    path.write_text('{"a": 1}')
    assert files.read_own_json(str(path)) == {"a": 1}
    path.write_text("[]")
    with pytest.raises(FileError, match="not an object"):
        files.read_own_json(str(path))
    if os.getuid() == 0:
        os.chown(str(path), 12345, 12345)
        with pytest.raises(FileError, match="belongs to uid 12345"):
            files.read_own_json(str(path))
    path.unlink()
    link(path)
    with pytest.raises(FileError, match="is a symbolic link"):
        files.read_own_json(str(path))


def test_hard_link_to_a_file_of_somebody_else(path):
    if os.getuid() != 0:
        pytest.skip("only root can make another's file")
    path.write_text("{}")
    os.chown(str(path), 12345, 12345)
    os.link(str(path), str(path) + "2")
    with pytest.raises(FileError, match="belongs to uid 12345"):
        files.read_json(str(path) + "2", owners={12346})


def test_file_that_grows_while_it_is_read(path, monkeypatch):
    path.write_bytes(b"x" * 100)
    real = os.read

    def grow(fd, count):
        with open(str(path), "ab") as out:
            out.write(b"y" * 100)
        return real(fd, count)

    monkeypatch.setattr(files.os, "read", grow)
    with pytest.raises(FileError, match="grew beyond the limit of 200 bytes"):
        files.read_bytes(str(path), max_bytes=200)


def test_exactly_the_limit(path):
    path.write_bytes(b"x" * 200)
    assert len(files.read_bytes(str(path), max_bytes=200)) == 200
    with pytest.raises(FileError):
        files.read_bytes(str(path), max_bytes=199)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "1", "null", '"x"', "not json", "[" * 100000, '{"a":' * 100000]
)
def test_what_is_no_json_object(path, text):
    path.write_text(text)
    with pytest.raises(FileError, match="JSON"):
        files.read_json(str(path))


@pytest.mark.parametrize("mode", [0o644, 0o600, 0o755])
def test_write_sets_the_mode_whatever_the_umask(path, mode):
    before = os.umask(0o077)
    try:
        files.write_atomic(str(path), "text\n", mode)
    finally:
        os.umask(before)
    assert path.read_text() == "text\n"
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_write_replaces_a_link_and_not_its_target(path):
    link(path)
    files.write_atomic(str(path), b"new")
    assert (path.is_symlink(), path.read_text(), path.with_name("target").read_text()) == (
        False,
        "new",
        "secret",
    )


@pytest.mark.parametrize("step", ["write", "fsync", "rename", "fchmod"])
def test_fault_keeps_the_old_file(path, monkeypatch, step):
    path.write_text("old")

    def full(*_arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, step, full)
    with pytest.raises(OSError, match="No space"):
        files.write_atomic(str(path), "new")
    monkeypatch.undo()
    assert path.read_text() == "old"
    assert os.listdir(str(path.parent)) == ["file"]


def test_what_a_killed_writer_left_is_no_hindrance(path):
    files.write_atomic(str(path), "1")
    path.with_name(".file.%d.tmp" % os.getpid()).write_text(
        "a longer text that a killed process left"
    )
    files.write_atomic(str(path), "2")
    assert (path.read_text(), os.listdir(str(path.parent))) == ("2", ["file"])


def test_append_closes_a_torn_line(path):
    path.write_bytes(b"one\ntw")
    files.append_line(str(path), "three")
    files.append_line(str(path), "four")
    assert path.read_bytes() == b"one\ntw\nthree\nfour\n"


def test_append_says_when_the_disk_is_full_in_the_middle_of_the_line(path, monkeypatch):
    real = os.write
    monkeypatch.setattr(files.os, "write", lambda fd, data: real(fd, data[:3]))
    with pytest.raises(OSError, match="space") as caught:
        files.append_line(str(path), json.dumps({"a": 1}))
    assert caught.value.errno == errno.ENOSPC


def test_append_follows_no_link(path):
    link(path)
    with pytest.raises(OSError):
        files.append_line(str(path), "x")
    assert path.with_name("target").read_text() == "secret"


def test_folder_to_be_made_can_be_made_where_one_above_it_can_be_written(tmp_path, monkeypatch):
    assert files.unwritable(str(tmp_path / "a/b")) is None
    (tmp_path / "a").write_text("a file in its place")
    assert files.unwritable(str(tmp_path / "a/b")) == str(tmp_path / "a")
    monkeypatch.setattr(files.os, "access", lambda path, mode: False)
    assert files.unwritable(str(tmp_path)) == str(tmp_path)


def test_mount_that_is_read_only_cannot_be_written(tmp_path, monkeypatch):
    monkeypatch.setattr(
        files.os, "statvfs", lambda path: type("Info", (), {"f_flag": os.ST_RDONLY})
    )
    assert files.unwritable(str(tmp_path)) == str(tmp_path)


def test_removing_what_is_there_or_not(path):
    path.write_text("x")
    files.remove_if_empty(str(path.parent))
    files.remove(str(path))
    files.remove(str(path))
    assert path.parent.exists()
    files.remove_if_empty(str(path.parent))
    files.remove_if_empty(str(path.parent))
    assert not path.parent.exists()


def test_tail_bytes_of_any_size(tmp_path):
    path = tmp_path / "log"
    path.write_bytes(b"abcdef")
    assert files.tail_bytes(str(path), None, 4) == (b"cdef", True)
    assert files.tail_bytes(str(path), [os.getuid()], 6) == (b"abcdef", False)
    with pytest.raises(FileError, match="belongs to uid"):
        files.tail_bytes(str(path), [os.getuid() + 1], 6)
    with pytest.raises(FileError, match="cannot be opened: No such file"):
        files.tail_bytes(str(tmp_path / "none"), None, 6)


def test_zero_byte_in_a_path():
    for read in (files.read_bytes, files.digest):
        with pytest.raises(FileError, match="embedded null"):
            read("/a\0b")
    # Python 3.8 returns such a path unchanged.
    try:
        assert files.real_path("/a\0b") == "/a\0b"
    except FileError as exc:
        assert "embedded null" in str(exc)


def test_chain_of_links(tmp_path):
    """The kernel follows 40 links. Newer Pythons follow all, older ones end with a RecursionError."""
    for number in range(1200):
        (tmp_path / str(number)).symlink_to(str(tmp_path / str(number + 1)))
    assert files.real_path(str(tmp_path / "1195")) == str(tmp_path / "1200")
    try:
        assert files.real_path(str(tmp_path / "0")) == str(tmp_path / "1200")
    except FileError as exc:
        assert str(exc) == "%s contains too many symbolic links" % (tmp_path / "0")
