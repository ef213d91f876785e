# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Returns the source of this collection's module_utils, independent of how they were imported."""

from __future__ import annotations

import importlib
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    __loader__: Any


def source(name: str) -> str:
    """The source of module ``name`` of module_utils, such as "_host.proc".

    In a checkout and in a module's archive the loader returns the file; ``find_spec`` would compile
    it (40 ms for all of hermes-guard). mitogen fetches the source when the module is imported.
    """
    here = os.path.dirname(os.path.dirname(__file__))
    data: Any
    try:
        data = __loader__.get_data(os.path.join(here, *name.split(".")) + ".py")
    except (AttributeError, OSError):
        full = "%s.%s" % (str(__package__).rpartition(".")[0], name)
        loader: Any = importlib.import_module(full).__loader__
        data = loader.get_source(full)
    # Ansible's loader returns bytes from get_source too.
    return data.decode("utf-8") if isinstance(data, bytes) else data
