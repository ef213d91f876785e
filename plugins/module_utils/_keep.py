# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeping the compiled code of the program, which _start reads at the next start."""
from __future__ import annotations

import marshal
import zipfile
import zlib

from . import _files

# Its source is needed as text, to be run by Hermes's own Python; and a package is best found as one.
LEFT_OUT = ("hermes_guard/__init__.py", "hermes_guard/_hermes_side.py")


def write(program, path, key):
    """Compile the modules of archive ``program`` and keep them in ``path`` under ``key``. Where that does not work, the next start takes longer."""
    codes = {}
    with zipfile.ZipFile(program) as archive:
        for name in archive.namelist():
            if name.startswith("hermes_guard/") and name not in LEFT_OUT:
                code = compile(archive.read(name), "%s/%s" % (program, name), "exec", dont_inherit=True)
                codes[name[:-len(".py")].replace("/", ".")] = marshal.dumps(code)
    body = marshal.dumps(codes)
    try:
        _files.write_atomic(path, key + b" %d\n" % zlib.crc32(body) + body, 0o600)
    except OSError:
        pass
