# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A managed gateway: its settings in guard.conf and its current state."""

from __future__ import annotations

from .._hermes.gateway import Gateway
from .._host.errors import SystemdError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from .config import Settings


class ManagedGateway(Gateway):
    """A Gateway that guard.conf names.

    ``settings`` comes from guard.conf; all other attributes are a snapshot of the host.
    """

    def __init__(self, settings: Settings, found: Gateway) -> None:
        # Copied, not read again: some attributes come from the process, which may have exited.
        self.__dict__.update(vars(found))
        self.settings = settings


def refresh(every: Iterable[Settings]) -> dict[str, ManagedGateway]:
    """The current gateways of ``every``, by name.

    Omits gateways that are gone or whose manager does not answer.
    """
    # Imported here because most checks do not query systemd.
    from .._hermes import discovery

    every = list(every)
    found = discovery.refresh(every)
    return {
        settings.name: ManagedGateway(settings, found[settings.name])
        for settings in every
        if settings.name in found
    }


def find(settings: Settings, timeout: float | None = None) -> ManagedGateway | None:
    """The current gateway of ``settings``, or None if its unit is gone.

    Raises SystemdError if its systemd does not answer within ``timeout`` seconds.
    """
    # As above.
    from .._hermes import discovery
    from .._host import systemd

    seen = discovery.look([settings], systemd.TIMEOUT if timeout is None else timeout)
    if settings.name in seen.silent:
        raise SystemdError(seen.silent[settings.name])
    found = seen.gateways.get(settings.name)
    return None if found is None else ManagedGateway(settings, found)
