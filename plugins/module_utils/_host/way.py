# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Opens a path one directory at a time, without following a user's symbolic links.

O_NOFOLLOW affects only the last component of a path: the kernel follows links in all others. Here
each directory is opened relative to its parent. A link is followed only if root created it in a
directory that only root can write: /home may be a link to /data/home.
"""

from __future__ import annotations

import os
import stat

from .errors import FileError

ROOT = 0
# As the kernel counts: MAXSYMLINKS.
_MAX_LINKS = 40
_DIRECTORY = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def open_file(path: str, flags: int) -> int:
    """A descriptor of ``path``, opened with ``flags``; never follows a link in the last component.

    Raises OSError as open(2), and FileError if the path contains a link that is not followed.
    """
    directory, name = os.path.split(path)
    parent = open_directory(directory or ".")
    try:
        return os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    finally:
        os.close(parent)


def open_plainly(path: str, flags: int) -> int:
    """Like open_file, for a path in which only root can create links: checks only the last part."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC)


def open_directory(path: str) -> int:
    """A descriptor of directory ``path``; it may not permit listing the directory."""
    here = os.open("/" if path.startswith("/") else ".", _DIRECTORY)
    try:
        left = path.split("/")[::-1]
        links = 0
        while left:
            name = left.pop()
            if name in ("", "."):
                continue
            try:
                there = _step(here, name)
            except NotADirectoryError:
                target = _link(here, name)
                if target is None:
                    raise
                links += 1
                if links > _MAX_LINKS:
                    raise FileError("%s contains too many symbolic links" % path) from None
                if target == "":
                    raise FileError(
                        "%s was not opened: %s in its path is a symbolic link" % (path, name)
                    ) from None
                left += target.split("/")[::-1]
                if not target.startswith("/"):
                    continue
                there = os.open("/", _DIRECTORY)
            os.close(here)
            here = there
    except BaseException:
        os.close(here)
        raise
    return here


def _step(here: int, name: str) -> int:
    """Directory ``name`` in directory ``here``."""
    try:
        return os.open(name, os.O_RDONLY | _DIRECTORY, dir_fd=here)
    except PermissionError:
        # The directory may permit access without listing. O_PATH would not trigger an automount,
        # so it is only the fallback.
        return os.open(name, os.O_PATH | _DIRECTORY, dir_fd=here)


def _link(here: int, name: str) -> str | None:
    """The target of link ``name``; "" if it must not be followed, None if it is not a link."""
    info = os.stat(name, dir_fd=here, follow_symlinks=False)
    if not stat.S_ISLNK(info.st_mode):
        return None
    place = os.fstat(here)
    if info.st_uid != ROOT or place.st_uid != ROOT or place.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return ""
    return os.readlink(name, dir_fd=here)
