# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fills in the files of the base, which a role passes before the gateways are known.

Placeholders such as @NAME@ are replaced by the values that discovery finds.
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
    """Each file of ``listed`` for each gateway; guard.conf gets a section for each of them.

    guard.conf also lists the ``excluded`` gateways by name.
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
    """``text`` with the gateway's values in place of @NAME@ and the other placeholders."""
    values = {
        "@NAME@": gateway.name,
        "@UNIT@": gateway.unit or "",
        "@SCOPE@": gateway.scope,
        "@USER@": gateway.user,
        "@HOME@": gateway.home,
        "@PYTHON@": gateway.python or "",
    }
    # In one pass: a home directory may contain "@PYTHON@" in its name.
    return re.sub("|".join(values), lambda found: values[found.group()], text)
