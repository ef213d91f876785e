# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of the base, which are handed over before the gateways are known.

@NAME@ and the like in them stand for what discovery finds.
"""

from __future__ import annotations

import re
from typing import Sequence

from .._guard import config
from .._hermes import discovery
from .._host import guard_program


def filled(
    listed: list[dict[str, str]], gateways: list[discovery.Gateway], excluded: Sequence[str] = ()
) -> list[dict[str, str]]:
    """Each file of ``listed`` for each gateway; guard.conf with a section for each of them.

    ``excluded`` are the names of gateways that are left alone, which guard.conf has too.
    """
    found = []
    for file in listed:
        if "@NAME@" in file["path"]:
            for gateway in gateways:
                found.append({key: fill(text, gateway) for key, text in file.items()})
            continue
        content = file["content"]
        if file["path"] == config.FOLDER + "/guard.conf":
            if excluded:
                content = content.rstrip("\n") + "\n%s = %s\n" % (
                    guard_program.EXCLUDED,
                    " ".join(excluded),
                )
            content += "".join(config.section(gateway) for gateway in gateways)
        found.append(dict(file, content=content))
    return found


def fill(text: str, gateway: discovery.Gateway) -> str:
    """``text`` with what belongs to the gateway in place of @NAME@ and the like."""
    values = {
        "@NAME@": gateway.name,
        "@UNIT@": gateway.unit or "",
        "@SCOPE@": gateway.scope,
        "@USER@": gateway.user,
        "@HOME@": gateway.home,
        "@PYTHON@": gateway.python or "",
    }
    # All at once: a home with @PYTHON@ in its name is a home.
    return re.sub("|".join(values), lambda found: values[found.group()], text)
