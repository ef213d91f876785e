# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Links on the way to a file: of users, who lead astray, and of root, who moved a directory."""

from __future__ import annotations

import os

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import files, way
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import FileError

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
ADA, BOB = 12345, 12346


def write(path, text="{}"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_plain_way(tmp_path):
    path = write(tmp_path / "a b" / "c" / "file", "yes")
    assert files.read_text(str(path)) == "yes"
    assert files.read_text(str(tmp_path) + "//a b/./c/../c/file") == "yes"


@pytest.mark.parametrize("target", ["real", "/etc", ".."])
def test_link_of_a_user_in_any_directory_is_not_followed(tmp_path, monkeypatch, target):
    """The owner does not help: it may be another file of the same user, or root's."""
    monkeypatch.setattr(way, "ROOT", os.getuid() + 1)
    write(tmp_path / "home" / "real" / "sub" / "file")
    (tmp_path / "home" / "link").symlink_to(target)
    for name in ("link/sub/file", "link/hostname", "real/../link/x/y"):
        with pytest.raises(FileError, match="link in its path is a symbolic link"):
            files.read_text(str(tmp_path / "home") + "/" + name)
        with pytest.raises(FileError, match="link in its path is a symbolic link"):
            files.tail_bytes(str(tmp_path / "home") + "/" + name, None, 10)


@ROOT_ONLY
def test_link_of_root_where_only_root_can_make_one(tmp_path):
    """/home may be a link to /data/home."""
    write(tmp_path / "data" / "home" / "file", "yes")
    (tmp_path / "home").symlink_to("data/home")
    (tmp_path / "away").symlink_to(str(tmp_path / "home"))
    tmp_path.chmod(0o755)
    assert files.read_text(str(tmp_path / "home" / "file")) == "yes"
    assert files.read_text(str(tmp_path / "away" / "file")) == "yes"


@ROOT_ONLY
@pytest.mark.parametrize(
    ("link", "directory", "mode"), [(ADA, 0, 0o755), (0, ADA, 0o755), (0, 0, 0o775), (0, 0, 0o1777)]
)
def test_link_that_a_user_could_have_made_or_moved(tmp_path, link, directory, mode):
    """One of root's in a home was put there by a hard link, or before the home was the user's."""
    home = tmp_path / "home"
    write(home / "real" / "file")
    (home / "link").symlink_to("real")
    os.lchown(str(home / "link"), link, link)
    os.chown(str(home), directory, directory)
    home.chmod(mode)
    with pytest.raises(FileError, match="symbolic link"):
        files.read_text(str(home / "link" / "file"))


@ROOT_ONLY
def test_link_that_is_swapped_in_while_the_way_is_walked(tmp_path, monkeypatch):
    """A directory becomes a link between the check and the opening."""
    home = tmp_path / "home"
    write(home / "real" / "file", "mine")
    write(tmp_path / "other" / "file", "another's")
    os.chown(str(home), ADA, ADA)
    real = os.open

    def swapping(name, *more, **how):
        if name == "real":
            (home / "real").rename(home / "kept")
            (home / "real").symlink_to(str(tmp_path / "other"))
            os.lchown(str(home / "real"), ADA, ADA)
        return real(name, *more, **how)

    monkeypatch.setattr(way.os, "open", swapping)
    with pytest.raises(FileError, match="symbolic link"):
        files.read_text(str(home / "real" / "file"))


@ROOT_ONLY
def test_links_in_a_circle(tmp_path):
    tmp_path.chmod(0o755)
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(FileError, match="too many symbolic links"):
        files.read_text(str(tmp_path / "a" / "file"))


def test_no_directory_and_no_file(tmp_path):
    write(tmp_path / "file")
    assert files.read_text(str(tmp_path / "none" / "x" / "y")) is None
    assert files.read_text(str(tmp_path / "file" / "x" / "y")) is None


def test_no_descriptor_is_left_open(tmp_path):
    path = write(tmp_path / "a" / "b" / "file")
    (tmp_path / "a" / "link").symlink_to("/nonexistent")
    before = os.listdir("/proc/self/fd")
    for name in (path, tmp_path / "none/x", path / "x/y", tmp_path / "a/link/x"):
        for _time in range(3):
            try:
                files.read_text(str(name))
            except FileError:
                pass
    assert len(os.listdir("/proc/self/fd")) == len(before)
