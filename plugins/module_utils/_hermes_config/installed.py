# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Queries a gateway's Hermes for the keys that it reads and the values in effect."""

from __future__ import annotations

import os
from typing import Any, Iterable

from .._hermes import client
from .._hermes.discovery import Gateway
from .._hermes.patience import Patience
from .._host import proc
from .._host.errors import GuardError, HermesError
from . import managed_file
from .options import Asked


class Installed:
    """A gateway and the answers of its Hermes.

    ``info`` is the answer of client.probe; if it is None, ``problem`` says why, and ``broken``
    whether its Python does not work. ``managed_dir`` is the managed scope that its unit names, or
    None.
    """

    def __init__(self, gateway: Gateway, keys: list[str], patience: Patience) -> None:
        self.gateway = gateway
        self.managed_dir = managed_file.directory_of_unit(gateway)
        self.keys = keys
        self.patience = patience
        self.info: dict[str, Any] | None = None
        self.problem: str | None = None
        self.broken = False
        self.ask()

    def ask(self) -> None:
        """Query the keys again. Raises GuardError if the gateway must not be configured."""
        gateway = self.gateway
        if gateway.problem:
            raise GuardError("gateway %s: %s" % (gateway.name, gateway.problem))
        self.info = self.problem = None
        self.broken = gateway.python is None
        if self.broken:
            self.problem = "its Python is unknown"
            return
        seen_dir = self.managed_dir or (
            proc.environ(gateway.pid).get("HERMES_MANAGED_DIR") if gateway.pid else None
        )
        try:
            with self.patience.with_user(gateway.user):
                self.info = client.probe(gateway, self.keys, managed_dir=seen_dir)
        except HermesError as exc:
            self.problem, self.broken = str(exc), exc.broken

    @property
    def knows_managed_scope(self) -> bool:
        """Whether it reads a managed file; an unknown Hermes counts as a recent release."""
        return self.info is None or self.info["managed_support"]

    @property
    def managed_path(self) -> str:
        """The managed file that its Hermes reads, if it reads one."""
        return os.path.join(self.managed_dir or managed_file.MANAGED_DIR, "config.yaml")

    @property
    def version(self) -> str | None:
        """The version of its Hermes, if known."""
        return None if self.info is None else self.info["version"]

    def keys_for(self, one: Asked) -> tuple[str, ...]:
        """The keys of ``one`` to set for this Hermes."""
        if one.always:
            return one.keys
        if self.info is None:
            return one.keys[-1:]
        return tuple(key for key in one.keys if self.info["reads"][key])

    def reads(self, key: str) -> bool | None:
        """Whether this Hermes reads ``key``; None if unknown."""
        return None if self.info is None else self.info["reads"].get(key)

    def live(self, key: str) -> bool:
        """Whether this Hermes uses a new value of ``key`` without a restart."""
        return self.info is not None and self.info["live"].get(key, False)


class Lookup:
    """The Installed of each gateway, queried at most once.

    Gateways that must not be configured are omitted; their settings are still reverted.
    """

    def __init__(self, gateways: list[Gateway], keys: Iterable[str]) -> None:
        self.gateways = gateways
        self.keys = sorted(keys)
        self.patience = Patience()
        self.known: dict[int, Installed | None] = {}

    def _installed(self, gateway: Gateway) -> Installed | None:
        if id(gateway) not in self.known:
            try:
                self.known[id(gateway)] = Installed(gateway, self.keys, self.patience)
            except GuardError:
                self.known[id(gateway)] = None
        return self.known[id(gateway)]

    def of_home(self, home: str) -> list[Installed]:
        """The gateways with this home."""
        found = (self._installed(gateway) for gateway in self.gateways if gateway.home == home)
        return [one for one in found if one is not None]

    def of_managed(self, path: str) -> list[Installed]:
        """The gateways that read the managed file ``path``."""
        found = map(self._installed, self.gateways)
        return [
            one
            for one in found
            if one is not None and one.knows_managed_scope and path == one.managed_path
        ]
