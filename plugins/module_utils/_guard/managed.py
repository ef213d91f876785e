# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A managed gateway: what guard.conf says of it, and what systemd and the kernel say now."""

from __future__ import annotations

from .._hermes.gateway import Gateway
from .._host.errors import SystemdError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from .config import Settings


class ManagedGateway(Gateway):
    """A Gateway that guard.conf names.

    ``settings`` is what guard.conf says, all else is the host's answer of one moment.
    """

    def __init__(self, settings: Settings, found: Gateway) -> None:
        # Copied, not read again: part of it comes from the process, which may have ended since.
        self.__dict__.update(vars(found))
        self.settings = settings


def refresh(every: Iterable[Settings]) -> dict[str, ManagedGateway]:
    """The gateways of ``every`` as they are now, by name.

    One that is gone, or whose manager does not answer, is not in it.
    """
    # Not at the top: a check that has nothing to do asks systemd nothing.
    from .._hermes import discovery

    every = list(every)
    found = discovery.refresh(every)
    return {
        settings.name: ManagedGateway(settings, found[settings.name])
        for settings in every
        if settings.name in found
    }


def find(settings: Settings, timeout: float | None = None) -> ManagedGateway | None:
    """The gateway of ``settings`` as it is now, or None if its unit is gone.

    SystemdError if the systemd that runs it does not answer, in ``timeout`` seconds.
    """
    # As above.
    from .._hermes import discovery
    from .._host import systemd

    seen = discovery.look([settings], systemd.TIMEOUT if timeout is None else timeout)
    if settings.name in seen.silent:
        raise SystemdError(seen.silent[settings.name])
    found = seen.gateways.get(settings.name)
    return None if found is None else ManagedGateway(settings, found)
