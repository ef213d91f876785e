# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How hermes-guard starts and ends: the __main__.py of its archive."""

from __future__ import annotations

import gc
import marshal
import os
import sys
import zipimport
from importlib.machinery import ModuleSpec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any


class _Importer:
    """Imports the modules of the archive from its compiled code, without reading its directory.

    ``codes`` has the marshalled code of each module, and nothing for a package.
    """

    def __init__(self, codes: dict[str, bytes]) -> None:
        self._codes = codes

    def find_spec(self, name: str, _path: object, _target: object = None) -> ModuleSpec | None:
        """That module ``name`` is in the archive; None if it belongs to another package."""
        code = self._codes.get(name)
        if code is None:
            return None
        loader: Any = self
        return ModuleSpec(name, loader, is_package=not code)

    def create_module(self, _spec: ModuleSpec) -> None:
        """None: a module like any other."""

    def exec_module(self, module: ModuleType) -> None:
        """Run the code of ``module``; the files of packages are empty."""
        code = self._codes[module.__name__]
        if code:
            place = module.__name__.replace(".", "/")
            module.__file__ = os.path.join(sys.argv[0], place + ".py")
            exec(marshal.loads(code), vars(module))

    def get_data(self, path: str) -> bytes:
        """The bytes of a file of the archive."""
        return zipimport.zipimporter(sys.argv[0]).get_data(path)


if __name__ == "__main__":
    # An operator may read what it writes, whatever the umask of the shell that it is typed in.
    os.umask(0o022)
    # A check runs for a moment: the kernel takes back what it leaves, faster than a collector or an
    # orderly exit would.
    if sys.argv[1:2] in (["check"], ["as-asked"]):
        gc.disable()
    if "COMPILED" in globals():
        sys.meta_path.insert(0, _Importer(globals()["COMPILED"]))
    from hermes_guard._guard.cli import main

    status = main()
    sys.stdout.flush()
    # Python 3.8 buffers standard error until it exits.
    sys.stderr.flush()
    os._exit(status)
