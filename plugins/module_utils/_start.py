# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How hermes-guard starts, the program on the host of the collection hermes_ops.gateway: the __main__.py of its archive.

An archive holds sources, and compiling them takes most of the time of a check that has nothing to do. So the installed program, run as
root, keeps what was compiled in its state folder, as Python does in __pycache__ for sources that are no archive. What is kept there is
run as root: it must be root's, writable by nobody else, whole, and made by this Python from this very archive.
"""
from __future__ import annotations

import gc
import marshal
import os
import stat
import sys
import zlib
from importlib.machinery import ModuleSpec

PROGRAM = "/usr/local/bin/hermes-guard"
CACHE = "/var/lib/hermes-guard/code"


class Compiled:
    """Imports modules from ``codes`` (dict of marshalled code by full name)."""

    def __init__(self, codes):
        self.codes = codes

    def find_spec(self, name, _path=None, _target=None):
        return ModuleSpec(name, self) if name in self.codes else None

    def create_module(self, _spec):
        return None

    def exec_module(self, module):
        exec(marshal.loads(self.codes[module.__name__]), module.__dict__)  # pylint: disable=exec-used


def key(program):
    """What the kept code belongs to (bytes): a Python, and a file that nobody has replaced or written to."""
    info = os.stat(program)
    return repr((sys.version, info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns)).encode()


def read(path, wanted, owner=0):
    """The code that is kept in ``path`` for key ``wanted``, or None."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with open(fd, "rb") as handle:
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode) or info.st_uid != owner or info.st_mode & 0o022:
            return None
        head, _end, body = handle.read().partition(b"\n")
    return marshal.loads(body) if head == wanted + b" %d" % zlib.crc32(body) else None


def main():
    """Run the program."""
    if sys.path[0] == PROGRAM and os.geteuid() == 0:
        wanted = key(PROGRAM)
        codes = read(CACHE, wanted)
        if codes is None:
            from hermes_guard import _keep
            _keep.write(PROGRAM, CACHE, wanted)
        else:
            sys.meta_path.insert(0, Compiled(codes))
    from hermes_guard._cli import main as run
    return run()


if __name__ == "__main__":
    # A check lives for a moment: what it leaves, the kernel takes back, faster than a collector or an orderly end would.
    if sys.argv[1:2] == ["check"]:
        gc.disable()
    status = main()
    sys.stdout.flush()
    # Python 3.8 keeps what is said there until its end.
    sys.stderr.flush()
    os._exit(status)
