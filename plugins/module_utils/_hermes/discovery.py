# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding every Hermes gateway of a host: system scope, every user's scope, started manually.

systemd is asked first. A unit is a gateway's if the command that it starts is one, if the processes
in its cgroup are, or if its name is one that Hermes gives. The gateway's own process is looked for
in the unit's cgroup: that one is measured and asked, not a shell or a runner above it.
"""

from __future__ import annotations

import collections
import os
import pwd
import re
import time

from .._host import accounts, reach, systemd
from .._host.errors import RunError, SystemdError
from . import state_file, unit_file
from .gateway import OWN_UNITS, Gateway, home_problem, own_unit, profile_of
from .processes import candidates_of, in_containers, started_manually
from .unit import PROPERTIES, USERS_UNIT, from_unit, of_unit_files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from typing import NamedTuple

    from . import launch
    from .gateway import Known

    class Survey(NamedTuple):
        """What is found on a host, each list sorted by name.

        ``unresolved`` are units that look like a gateway's, and ``problem`` of each says why it
        cannot be told; ``containers`` are the gateways in containers of this host.
        """

        gateways: list[Gateway]
        unresolved: list[Gateway]
        containers: list[Gateway]

    class Look(NamedTuple):
        """``gateways`` by name; why there is no answer about others, by name; and the names of
        those that cannot run, as the systemd of their user does not. Any other is gone.
        """

        gateways: dict[str, Gateway]
        silent: dict[str, str]
        asleep: set[str]
else:
    Survey = collections.namedtuple("Survey", "gateways unresolved containers")
    Look = collections.namedtuple("Look", "gateways silent asleep")

__all__ = [
    "NOT_HERE",
    "OWN_UNITS",
    "Gateway",
    "Look",
    "Survey",
    "find_gateways",
    "find_named",
    "home_problem",
    "in_containers",
    "look",
    "manager_of",
    "of_manager",
    "of_unit_files",
    "own_unit",
    "profile_of",
    "refresh",
    "standing",
    "started_manually",
    "survey",
    "without_unsafe",
]

# Seconds for one answer of a user's manager, which may never come; for those of all users together;
# and for one answer after that. A manager that works takes a tenth of a second.
USER_SECONDS = 10.0
USERS_SECONDS = 60.0
HASTY_SECONDS = 1.0
# How choice.select ends its sentence on a name that was asked for.
NOT_HERE = "is no gateway on this host"


def survey() -> Survey:
    """All gateways of this host, running or stopped, and what may be one.

    Two calls to each systemd manager. Needs root to see all gateways. Raises SystemdError if the
    system's manager cannot be asked.
    """
    accounts = pwd.getpwall()
    # Their unit files are looked for, and what runs there may have its home there.
    reach.unanswered({user.pw_dir: user.pw_name for user in accounts})
    candidates = candidates_of()
    found = of_manager(systemd.Manager(), candidates)
    managed = set()
    spent = 0.0
    for manager in systemd.user_managers():
        if manager.user is None:
            continue
        managed.add(manager.user.pw_uid)
        manager.timeout = USER_SECONDS if spent < USERS_SECONDS else HASTY_SECONDS
        start = time.monotonic()
        try:
            found += of_manager(manager, candidates.of_user(manager.user.pw_uid))
        except SystemdError:
            # A user's manager that does not answer must not hide the gateways of all others.
            found += of_unit_files(manager.user)
        spent += time.monotonic() - start
    for user in accounts:
        if user.pw_uid not in managed:
            found += of_unit_files(user)
    gateways = [one for one in found if not one.unresolved]
    gateways += started_manually(gateways, candidates)
    _note_conflicts(gateways)
    return Survey(
        sorted(gateways, key=_name),
        sorted((one for one in found if one.unresolved), key=_name),
        sorted(in_containers(candidates), key=_name),
    )


def _name(gateway: Gateway) -> str:
    return gateway.name


def find_gateways() -> list[Gateway]:
    """The gateways of a survey: all that are certain, and not in a container."""
    return survey().gateways


def find_named(names: Collection[str] = ()) -> list[Gateway]:
    """As find_gateways, but only those of ``names``, if there are any.

    SettingError for a name that none of them has.
    """
    # Not at the top: a check that runs every minute needs no choice.
    from .._host import choice

    return choice.select("gateways", names, find_gateways(), NOT_HERE)


def without_unsafe(gateways: Collection[Gateway]) -> tuple[list[Gateway], list[Gateway]]:
    """The gateways without those that must not be touched, and these.

    Any user of a host can set up a unit in their own scope, start a process, or move the home of a
    gateway away, and must not be able to take the protection of the other gateways away by it.
    """
    unsafe = [one for one in gateways if one.problem]
    return [one for one in gateways if not one.problem], unsafe


def refresh(wanted: Iterable[Known]) -> dict[str, Gateway]:
    """The gateways of ``wanted`` as they are now, by name.

    One call to each systemd manager concerned. A gateway whose unit is gone, or whose manager does
    not answer, is not in it: see look and standing.
    """
    return look(wanted).gateways


def look(wanted: Iterable[Known], timeout: float = systemd.TIMEOUT) -> Look:
    """The gateways of ``wanted`` as they are now, and those of which nothing is known.

    One call to each systemd manager concerned, which has ``timeout`` seconds.
    """
    by_manager: dict[int | None, list[Known]] = {}
    for one in wanted:
        try:
            key = one.account.pw_uid if one.scope == "user" else None
        except RunError:
            # A user who was removed must not hide the gateways of all others.
            continue
        if one.unit:
            by_manager.setdefault(key, []).append(one)
    seen = Look({}, {}, set())
    for group in by_manager.values():
        units = {one.unit: one for one in group if one.unit}
        manager = manager_of(group[0], timeout)
        try:
            blocks = manager.show(list(units), PROPERTIES)
        except SystemdError as exc:
            if manager.user is not None and not systemd.has_manager(manager.user):
                seen.asleep.update(one.name for one in group)
            else:
                seen.silent.update({one.name: str(exc) for one in group})
            continue
        for properties in blocks:
            known = units.get(properties.get("Id", ""))
            if known is None or properties.get("LoadState") == "not-found":
                continue
            gateway = from_unit(manager, properties, known)
            if gateway is not None:
                seen.gateways[known.name] = gateway
    return seen


def standing(known: Known) -> str:
    """Whether the unit of ``known`` "exists", is "masked" or "gone".

    It is "unknown" if nobody answers, and "hidden" if the home that has its file cannot be seen, as
    while a disk is not mounted.
    """
    if not known.unit:
        return "unknown"
    try:
        manager = manager_of(known)
    except RunError:
        # A user's units go with the user. One who is only not found, as while a directory service
        # does not answer, still has a manager.
        return "unknown" if _owner_of(known.home) in _manager_uids() else "gone"
    if manager.user is not None and manager.user.pw_uid not in _running_managers():
        # It runs no unit, and its files say which there are.
        if unit_file.seen(manager.user, known.unit):
            return "exists"
        return "gone" if unit_file.absent(manager.user) else "hidden"
    try:
        blocks = manager.show([known.unit], ("Id", "LoadState"))
    except SystemdError:
        return "unknown"
    state = blocks[0].get("LoadState") if blocks else None
    if state == "not-found" and manager.user is not None and not _is_seen(manager.user):
        return "hidden"
    return {None: "unknown", "not-found": "gone", "masked": "masked"}.get(state, "exists")


def _is_seen(user: pwd.struct_passwd) -> bool:
    return not reach.is_silent(user.pw_dir) and os.path.isdir(user.pw_dir)


def _owner_of(home: str) -> int | None:
    try:
        return None if reach.is_silent(home) else os.lstat(home).st_uid
    except OSError:
        return None


def _manager_uids() -> set[int]:
    """The uids whose own systemd runs, those without an account too."""
    try:
        return {int(name) for name in os.listdir(accounts.USER_RUNTIME) if name.isdigit()}
    except OSError:
        return set()


def _running_managers() -> set[int]:
    return {one.user.pw_uid for one in systemd.user_managers() if one.user is not None}


def manager_of(gateway: Known, timeout: float = systemd.TIMEOUT) -> systemd.Manager:
    """The systemd manager that runs ``gateway``."""
    return systemd.Manager(None if gateway.scope == "system" else gateway.account, timeout)


def of_manager(
    manager: systemd.Manager, candidates: Mapping[int, launch.Launch] | None = None
) -> list[Gateway]:
    """The gateways among the units of one manager, and what looks like one."""
    # A glob in `show` matches loaded units only, and one that is stopped and disabled is not
    # loaded.
    names = [name for name in manager.unit_files(OWN_UNITS) if "@." not in name]
    if manager.user is not None:
        # A user may have any number of them.
        names = sorted(names, key=_rank)[: unit_file.MAX_UNITS]
    blocks = manager.show(["*.service", *names], PROPERTIES)
    seen = {properties.get("Id"): properties for properties in blocks}
    if manager.user is not None:
        kept = sorted(seen.items(), key=lambda one: (one[1].get("MainPID") == "0", _rank(one[0])))
        seen = dict(kept[: unit_file.MAX_UNITS])
    candidates = candidates_of() if candidates is None else candidates
    found = [from_unit(manager, properties, candidates=candidates) for properties in seen.values()]
    return [gateway for gateway in found if gateway is not None]


def _rank(unit: str | None) -> tuple[bool, str]:
    """Where a unit is in the order in which those of a user are looked at: Hermes's own first."""
    return not re.match(USERS_UNIT, unit or ""), unit or ""


def _note_conflicts(gateways: Collection[Gateway]) -> None:
    """Say of gateways that have one home, or serve one profile, which the others are."""
    by_home: dict[str, list[Gateway]] = {}
    for one in gateways:
        # Any user may name the home of another, and gets nowhere with it.
        if one.problem is None:
            by_home.setdefault(os.path.realpath(one.home), []).append(one)
    _note_profiles_served_twice(by_home)
    for group in by_home.values():
        for one in group:
            others = ", ".join(other.name for other in group if other is not one)
            if others:
                one.conflict = (
                    "%s has the same home %s: only one of them can work, and each restart of one "
                    "looks like a fault of the other; disable all but one" % (others, one.home)
                )


def _note_profiles_served_twice(by_home: Mapping[str, Collection[Gateway]]) -> None:
    """Say of a running gateway that another process serves its profile as well."""
    running = [one for group in by_home.values() for one in group if one.pid]
    for one in running:
        for profile, home in state_file.by_profile(one).items():
            for other in by_home.get(os.path.realpath(home), ()):
                if other is one or not other.pid or home == one.home:
                    continue
                why = "%s serves its profile %s too" % (one.name, profile)
                other.conflict = why + ": only one of them can; disable one"
                why = "%s has the home of its profile %s" % (other.name, profile)
                one.conflict = why + ": only one of them can serve it; disable one"
