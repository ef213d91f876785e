# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts and exits hermes-guard: the __main__.py of its archive."""

from __future__ import annotations

import gc
import marshal
import os
import sys
import zipimport
from _frozen_importlib import ModuleSpec  # importlib.machinery loads three more modules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any, BinaryIO


class _Importer:
    """Imports the archive's modules from compiled code, without reading the archive's directory.

    ``block`` is the archive, open after the code of __main__.py: see _install.bytecode.
    """

    def __init__(self, block: BinaryIO) -> None:
        self._block = block
        # The offset and size of each module's code; packages have none.
        self._places: dict[str, tuple[int, int]] = marshal.loads(marshal.load(block))
        self._start = block.tell()

    def find_spec(self, name: str, _path: object, _target: object = None) -> ModuleSpec | None:
        """The spec of module ``name`` in the archive; None for modules of other packages."""
        if name not in self._places:
            return None
        loader: Any = self
        return ModuleSpec(name, loader, is_package=not self._places[name][1])

    def create_module(self, _spec: ModuleSpec) -> None:
        """None: use the default module type."""

    def exec_module(self, module: ModuleType) -> None:
        """Run the code of ``module``; the files of packages are empty."""
        offset, size = self._places[module.__name__]
        if size:
            place = module.__name__.replace(".", "/")
            module.__file__ = os.path.join(sys.argv[0], place + ".py")
            code = os.pread(self._block.fileno(), size, self._start + offset)
            exec(marshal.loads(code), vars(module))

    def get_data(self, path: str) -> bytes:
        """The bytes of a file of the archive."""
        return zipimport.zipimporter(sys.argv[0]).get_data(path)


if __name__ == "__main__":
    # Operators may read the files that it writes, regardless of the umask of their shell.
    os.umask(0o022)
    # A check is short: the kernel frees its memory faster than the garbage collector or an orderly
    # exit would.
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
