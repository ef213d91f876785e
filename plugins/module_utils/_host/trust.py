# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decides whether root may run a Python: only if root alone can write the code that it runs.

Checks the file, every directory above it, its virtual environment, the library of the base Python,
and the directories that files such as ``*.pth`` add. Runs none of this code.
"""

from __future__ import annotations

import glob
import os
import re
import stat

from . import proc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

ROOT = 0
# Hermes and its dependencies have about 40,000 files.
MAX_ENTRIES = 400000
# As the kernel counts: MAXSYMLINKS.
_MAX_LINKS = 40
# Far above the size of a file that adds directories to the import path.
_MAX_BYTES = 1 << 18
# Bytes in a path component, on all Linux file systems.
_MAX_NAME = 255
# Prefixes shared with other programs: only their Python libraries are checked.
_SHARED = ("/", "/usr", "/usr/local")
# A name of this module, so that tests can simulate files of other users without being root.
lstat = os.lstat
# A link such as /proc/PID/fd/0 or /proc/PID/root does not lead to the path that it shows, and its
# target may be in another user's file system.
_KERNEL = ("/proc", "/sys")
_QUOTED_PATH = r"""["'](/[^"'\n]+)["']"""
# How mountinfo escapes a space.
_OCTAL = re.compile(r"\\([0-7]{3})")


class _Untrusted(Exception):
    """Another user can write the file that the text names."""


def why_not(python: str, trees: Iterable[str] = (), paths: Iterable[str] = ()) -> str | None:
    """Why root must not run ``python``, or None if it may.

    ``trees`` are more directories that it imports from, ``paths`` are files that it only reads.
    """
    return _why_not(lambda look: look.all_of(python, trees), paths)


def why_not_way(path: str) -> str | None:
    """Like why_not, for the file ``path`` and the directories above it only."""
    return _why_not(lambda look: None, [path])


def _why_not(task: Callable[[_Look], None], paths: Iterable[str]) -> str | None:
    look = _Look()
    try:
        task(look)
        for path in paths:
            look.way(path)
    except _Untrusted as exc:
        return str(exc)
    except OSError as exc:
        return "%s cannot be read: %s" % (exc.filename or "a file", exc.strerror)
    return None


class _Look:
    """One pass over files; each is checked once."""

    def __init__(self) -> None:
        self.seen: dict[str, os.stat_result] = {}
        self.trees: set[str] = set()
        self.mounts = doubtful_mounts(proc.read("/proc/self/mountinfo") or "")

    def all_of(self, python: str, trees: Iterable[str]) -> None:
        """Raise _Untrusted, or OSError, unless root may run ``python``."""
        real = self.way(python)
        for place in self._libraries(python, real):
            self.tree(place)
        for place in trees:
            self.tree(place)

    def _libraries(self, python: str, real: str) -> Iterator[str]:
        """The directories that ``python``, which is the file ``real``, imports from."""
        environment = os.path.dirname(os.path.dirname(os.path.abspath(python)))
        settings = os.path.join(environment, "pyvenv.cfg")
        base = os.path.dirname(os.path.dirname(real))
        alone = os.path.lexists(settings)
        if alone:
            yield environment
            text = _text(settings)
            found = re.search(r"^home\s*=\s*(/.*?)\s*$", text, re.M)
            base = os.path.dirname(self.way(found.group(1))) if found else base
            alone = not re.search(r"^include-system-site-packages\s*=\s*true", text, re.M | re.I)
        if base not in _SHARED:
            yield base
            return
        # python3 is Debian's package directory, which an isolated virtual environment does not use.
        pattern = "python3.*" if alone else "python3*"
        for prefix in {base, "/usr"} if alone else {base, *_SHARED}:
            # A user who can write these directories can create the one that is imported from.
            for library in [prefix, *sorted(glob.glob(prefix.rstrip("/") + "/lib*"))]:
                place = self._way_if_there(library)
                if place is not None:
                    yield from sorted(glob.glob("%s/%s" % (place.rstrip("/"), pattern)))

    def entry(self, path: str) -> os.stat_result:
        """The lstat of ``path``; _Untrusted if another user than root may change it."""
        info = self.seen.get(path)
        if info is None:
            if len(self.seen) >= MAX_ENTRIES:
                raise _Untrusted("it has more than %d files to check" % MAX_ENTRIES)
            info = self.seen[path] = lstat(path)
            if info.st_uid != ROOT:
                raise _Untrusted("%s belongs to uid %d" % (path, info.st_uid))
            # The mode of a link has no meaning. The group bits also show the mask of an ACL.
            if not stat.S_ISLNK(info.st_mode) and info.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                raise _Untrusted("%s is writable by users other than root" % path)
            if path in self.mounts:
                raise _Untrusted("%s %s" % (path, self.mounts[path]))
        return info

    def way(self, path: str) -> str:
        """Check ``path``, all directories in it, and symbolic links; return the real path."""
        place, links = "/", 0
        self.entry(place)
        left = path.split("/")
        while left:
            word = left.pop(0)
            if word in ("", "."):
                continue
            if word == "..":
                place = os.path.dirname(place)
                continue
            last, place = place, os.path.join(place, word)
            if place in _KERNEL:
                raise _Untrusted("%s leads through %s" % (path, place))
            if stat.S_ISLNK(self.entry(place).st_mode):
                links += 1
                if links > _MAX_LINKS:
                    raise _Untrusted("%s contains too many symbolic links" % path)
                target = os.readlink(place)
                place = "/" if target.startswith("/") else last
                left = target.split("/") + left
        return place

    def tree(self, path: str) -> None:
        """Check everything below ``path``, and the targets of symbolic links in it."""
        left = [path]
        while left:
            place = self._way_if_there(left.pop())
            if place is None or place in self.trees:
                continue
            if not stat.S_ISDIR(self.entry(place).st_mode):
                continue
            self.trees.add(place)
            for name in os.listdir(place):
                one = os.path.join(place, name)
                info = self.entry(one)
                if stat.S_ISDIR(info.st_mode) or stat.S_ISLNK(info.st_mode):
                    left.append(one)
                elif name.endswith(".pth") or name.startswith("__editable__"):
                    left += _added(place, one)

    def _way_if_there(self, path: str) -> str | None:
        """Like way, but None if ``path`` does not exist; only root can then create it.

        The existing directories in the path have been checked. Otherwise another user could create
        the missing file between this check and the run.
        """
        try:
            return self.way(path)
        except (FileNotFoundError, NotADirectoryError):
            return None


def _added(place: str, path: str) -> list[str]:
    """The directories that a file such as a ``.pth`` adds to the import path."""
    text = _text(path)
    found = re.findall(_QUOTED_PATH, text)
    if path.endswith(".pth"):
        lines = [line.strip() for line in text.splitlines()]
        found += [line for line in lines if line and not line.startswith(("#", "import "))]
    # A path cannot contain a null byte or exceed the kernel's limit.
    joined = [os.path.join(place, one) for one in found if "\0" not in one]
    return [one for one in joined if max(map(len, os.fsencode(one).split(b"/"))) <= _MAX_NAME]


def _text(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as stream:
        text = stream.read(_MAX_BYTES + 1)
    if len(text) > _MAX_BYTES:
        raise _Untrusted("%s is too long to check" % path)
    return text


def doubtful_mounts(table: str) -> dict[str, str]:
    """The mount points in ``table`` (/proc/PID/mountinfo) whose owners and modes are not reliable.

    Maps each mount point to the reason. A user's disk may claim that its files belong to root,
    which is why it is mounted nosuid. A user's FUSE file system can return any owner.
    """
    found: dict[str, str] = {}
    all_nosuid = False
    for line in table.splitlines():
        before, _separator, after = line.partition(" - ")
        words, kind = before.split(" "), after.split(" ")
        if len(words) < 6 or len(kind) < 3:
            continue
        point = _OCTAL.sub(lambda code: chr(int(code.group(1), 8)), words[4])
        nosuid = "nosuid" in words[5].split(",")
        # systemd mounts everything nosuid for a unit with NoNewPrivileges=.
        all_nosuid = nosuid if point == "/" else all_nosuid
        # This mount hides an earlier one at the same point.
        found.pop(point, None)
        user = re.search(r"(?:^|,)user_id=(\d+)", kind[2])
        if kind[0].startswith("fuse") and not (user and user.group(1) == "0"):
            found[point] = "is a user's FUSE file system"
        elif nosuid and not all_nosuid:
            found[point] = "is mounted nosuid, so its files are not trusted"
    return found
