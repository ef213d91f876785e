# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How hermes-guard starts and ends: the __main__.py of its archive."""

from __future__ import annotations

import gc
import os
import sys
import zipimport
from importlib.machinery import ModuleSpec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any


class _Importer:
    """Imports the modules of the archive, of which it alone has any.

    The standard importer looks for each of them in several places and loads it twice.
    """

    def __init__(self, archive: str) -> None:
        self._archive = archive
        self._zip = zipimport.zipimporter(archive)
        self.get_data = self._zip.get_data

    def find_spec(self, name: str, _path: object, _target: object = None) -> ModuleSpec | None:
        """That module ``name`` is in the archive; None if it belongs to another package."""
        if name.partition(".")[0] != "hermes_guard":
            return None
        loader: Any = self
        return ModuleSpec(name, loader, is_package=self._zip.is_package(name.replace(".", "/")))

    def create_module(self, _spec: ModuleSpec) -> None:
        """None: a module like any other."""

    def exec_module(self, module: ModuleType) -> None:
        """Run the code of ``module``; the files of packages are empty."""
        if not hasattr(module, "__path__"):
            place = module.__name__.replace(".", "/")
            module.__file__ = os.path.join(self._archive, place + ".py")
            exec(self._zip.get_code(place), vars(module))


if __name__ == "__main__":
    # An operator may read what it writes, whatever the umask of the shell that it is typed in.
    os.umask(0o022)
    # A check runs for a moment: the kernel takes back what it leaves, faster than a collector or an
    # orderly exit would.
    if sys.argv[1:2] in (["check"], ["as-asked"]):
        gc.disable()
    sys.meta_path.insert(0, _Importer(sys.argv[0]))
    from hermes_guard._guard.cli import main

    status = main()
    sys.stdout.flush()
    # Python 3.8 buffers standard error until it exits.
    sys.stderr.flush()
    os._exit(status)
