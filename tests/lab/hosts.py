"""The hosts the lab can make: one table, one record a host."""

from __future__ import annotations

from typing import NamedTuple


class Gateway(NamedTuple):
    """One gateway on a host; `port` is its api_server's, so it must differ within a host."""

    scope: str
    user: str
    profile: str = "default"
    port: int = 8642

    @property
    def unit(self):
        """The name Hermes gives to the unit."""
        return (
            "hermes-gateway.service"
            if self.profile == "default"
            else "hermes-gateway-%s.service" % self.profile
        )


class Host(NamedTuple):
    """One VPS; `hermes` is a version that has a lock file hermes-VERSION.txt, or none."""

    name: str
    suite: str
    hermes: str = "none"
    gateways: tuple = ()


# The Python that each suite brings, for which the wheels are downloaded.
PYTHONS = {"bookworm": "3.11", "trixie": "3.13", "bullseye": "3.9"}

FLEET = ("alpha", "beta", "gamma")

HOSTS = {
    host.name: host
    for host in (
        Host("alpha", "bookworm", "0.19.0", (Gateway("system", "hermes"),)),
        Host(
            "beta",
            "trixie",
            "0.19.0",
            (Gateway("user", "ada"), Gateway("user", "ada", "coder", 8643)),
        ),
        Host("gamma", "bullseye"),
        # With alpha, three hosts of one kind: what a restart in batches needs.
        Host("delta", "bookworm", "0.19.0", (Gateway("system", "hermes"),)),
        Host("epsilon", "bookworm", "0.19.0", (Gateway("system", "hermes"),)),
    )
}
