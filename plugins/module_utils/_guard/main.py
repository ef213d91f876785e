# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How hermes-guard starts and ends: the __main__.py of its archive."""

from __future__ import annotations

import gc
import os
import sys
import zipimport


class _Importer(zipimport.zipimporter):
    """Imports from the archive; the standard one loads each module a second time for its path."""

    def get_filename(self, fullname: str) -> str:
        """The path of a module of the archive."""
        name = fullname.rpartition(".")[2]
        last = os.path.join(name, "__init__.py") if self.is_package(fullname) else name + ".py"
        return os.path.join(self.archive, self.prefix, last)


if __name__ == "__main__":
    # An operator may read what it writes, whatever the umask of the shell that it is typed in.
    os.umask(0o022)
    # A check runs for a moment: the kernel takes back what it leaves, faster than a collector or an
    # orderly exit would.
    if sys.argv[1:2] == ["check"]:
        gc.disable()
    # In the place of its base class, which every Python has first.
    sys.path_hooks[0] = _Importer
    sys.path_importer_cache.pop(sys.path[0], None)
    from hermes_guard._guard.cli import main

    status = main()
    sys.stdout.flush()
    # Python 3.8 buffers standard error until it exits.
    sys.stderr.flush()
    os._exit(status)
