# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds settings that take effect only after the next restart of a gateway."""

from __future__ import annotations

import glob
import os

from .._host import unit_files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from .._hermes.gateway import Gateway

# The drop-ins of the roles hermes_memory_limit and hermes_allocator.
_OURS = "50-hermes-*.conf"


def is_older(gateway: Gateway, paths: Iterable[str]) -> bool:
    """Whether the gateway's process is older than one of the files ``paths``."""
    times = [os.stat(path).st_mtime for path in paths if os.path.exists(path)]
    return bool(times) and gateway.start_time is not None and gateway.start_time < max(times)


def restart(gateway: Gateway) -> str | None:
    """Why the gateway needs a restart; None if it does not."""
    if not gateway.unit:
        return None
    folder = unit_files.drop_ins(gateway.scope, gateway.unit)
    late = [
        os.path.basename(path)
        for path in sorted(glob.glob(os.path.join(glob.escape(folder), _OURS)))
        if is_older(gateway, [path])
    ]
    if not late:
        return None
    return "a restart is needed to apply all of %s: hermes-guard restart --gateway %s" % (
        ", ".join(late),
        gateway.name,
    )
