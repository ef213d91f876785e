# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a gateway's Hermes reads and has in effect, by its own word."""

from __future__ import annotations

import os
from typing import Any, Iterable

from .._hermes import client
from .._hermes.discovery import Gateway
from .._host import proc
from .._host.errors import GuardError, HermesError
from . import managed_file
from .options import Asked


class Installed:
    """A gateway and what its Hermes says.

    ``info`` is the answer of client.probe, or None if its Python is broken: ``problem`` then says
    how. ``managed_dir`` is the managed scope that its unit names, if it names one.
    """

    def __init__(self, gateway: Gateway, keys: list[str]) -> None:
        self.gateway = gateway
        self.managed_dir = managed_file.directory_of_unit(gateway)
        self.keys = keys
        self.info: dict[str, Any] | None = None
        self.problem: str | None = None
        self.ask()

    def ask(self) -> None:
        """Ask about the keys, anew; GuardError if the gateway must not or cannot be configured."""
        gateway = self.gateway
        if gateway.problem:
            raise GuardError("gateway %s: %s" % (gateway.name, gateway.problem))
        if gateway.python is None:
            self.problem = "the Python that runs it is not known"
            return
        seen_dir = self.managed_dir or (
            proc.environ(gateway.pid).get("HERMES_MANAGED_DIR") if gateway.pid else None
        )
        try:
            self.info = client.probe(gateway, self.keys, managed_dir=seen_dir)
        except HermesError as exc:
            if not exc.broken:
                raise GuardError("gateway %s: %s" % (gateway.name, exc)) from exc
            self.problem = str(exc)

    @property
    def knows_managed_scope(self) -> bool:
        """Whether it reads a managed file; an unknown Hermes is taken to be a new one."""
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
        """Which of the keys of ``one`` this Hermes is to get."""
        if one.always:
            return one.keys
        if self.info is None:
            return one.keys[-1:]
        return tuple(key for key in one.keys if self.info["reads"][key])

    def reads(self, key: str) -> bool | None:
        """Whether this Hermes reads ``key``; None if unknown."""
        return None if self.info is None else self.info["reads"].get(key)

    def live(self, key: str) -> bool:
        """Whether this Hermes takes a new value of ``key`` without a restart."""
        return self.info is not None and self.info["live"].get(key, False)


class Lookup:
    """The Installed of gateways, each asked at most once."""

    def __init__(self, gateways: list[Gateway], keys: Iterable[str]) -> None:
        self.gateways = gateways
        self.keys = sorted(keys)
        self.known: dict[str, Installed] = {}

    def _installed(self, gateway: Gateway) -> Installed:
        if gateway.name not in self.known:
            self.known[gateway.name] = Installed(gateway, self.keys)
        return self.known[gateway.name]

    def of_home(self, home: str) -> list[Installed]:
        """Those with this home."""
        return [self._installed(gateway) for gateway in self.gateways if gateway.home == home]

    def of_managed(self, path: str) -> list[Installed]:
        """Those that read the managed file ``path``.

        One that cannot be asked must not keep that from being removed.
        """
        found = []
        for gateway in self.gateways:
            try:
                one = self._installed(gateway)
            except GuardError:
                continue
            if one.knows_managed_scope and path == one.managed_path:
                found.append(one)
        return found
