# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds every Hermes gateway of a host: in system scope, in user scope, or started manually.

systemd is queried first. A unit belongs to a gateway if its command or a process in its cgroup runs
one. A name that Hermes assigns is enough too. The gateway's own process is then found in the unit's
cgroup, so that a shell or runner above it is neither measured nor queried.
"""

from __future__ import annotations

import collections
import os
import pwd
import re
import time

from .._host import accounts, reach, systemd
from .._host.errors import RunError, SystemdError
from . import homes, state_file, unit_file
from .gateway import OWN_UNITS, Gateway, home_problem, own_unit, profile_of
from .processes import candidates_of, in_containers, started_manually
from .unit import PROPERTIES, USERS_UNIT, from_unit, of_unit, of_unit_files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from typing import NamedTuple

    from . import launch
    from .gateway import Known

    class Survey(NamedTuple):
        """The gateways found on a host, each list sorted by name.

        ``unresolved`` are units that resemble a gateway's; ``problem`` of each says why they are
        not recognised. ``containers`` are the gateways in containers on this host.
        """

        gateways: list[Gateway]
        unresolved: list[Gateway]
        containers: list[Gateway]

    class Look(NamedTuple):
        """``gateways`` by name; ``silent``: why the state of others is unknown, by name;
        ``asleep``: names of those that cannot run because their user's systemd does not.
        Gateways in none of them are gone.
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

# Seconds for one answer of a user's manager, which may hang; for the answers of all users together;
# and for each answer after that. A working manager takes a tenth of a second.
USER_SECONDS = 10.0
USERS_SECONDS = 60.0
HASTY_SECONDS = 1.0
# The reason with which choice.select rejects a name.
NOT_HERE = "is not a gateway on this host"


def survey(system: systemd.Manager | None = None) -> Survey:
    """All gateways of this host, running or stopped, and the units that may be a gateway's.

    ``system`` is the system's manager. Makes two calls to each systemd manager. Needs root to see
    all gateways. Raises SystemdError if the system's manager does not answer.
    """
    accounts = pwd.getpwall()
    # Unit files and gateway homes may be in the users' home directories.
    reach.unanswered({user.pw_dir: user.pw_name for user in accounts})
    candidates = candidates_of()
    found = of_manager(system or systemd.Manager(), candidates)
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
            # A user's manager that does not answer must not hide the other users' gateways.
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
    """The gateways of a survey, without unresolved units and containers."""
    return survey().gateways


def find_named(names: Collection[str] = ()) -> list[Gateway]:
    """Like find_gateways, but only those in ``names`` unless it is empty.

    Raises SettingError for an unknown name.
    """
    # Not at the top: a check, which may run every minute, does not need it.
    from .._host import choice

    return choice.select("gateways", names, find_gateways(), NOT_HERE)


def without_unsafe(gateways: Collection[Gateway]) -> tuple[list[Gateway], list[Gateway]]:
    """The gateways that are safe to manage, and those that are not.

    Any user of a host can install a unit in user scope, start a process, or move a gateway's home.
    That must not affect the protection of other gateways.
    """
    unsafe = [one for one in gateways if one.problem]
    return [one for one in gateways if not one.problem], unsafe


def refresh(wanted: Iterable[Known]) -> dict[str, Gateway]:
    """The present state of the gateways in ``wanted``, by name.

    Makes one call to each systemd manager concerned. Omits a gateway whose unit is gone or whose
    manager does not answer: see look and standing.
    """
    return look(wanted).gateways


def look(wanted: Iterable[Known], timeout: float = systemd.TIMEOUT) -> Look:
    """The present state of the gateways in ``wanted``, and those whose state is unknown.

    Makes one call of at most ``timeout`` seconds to each systemd manager concerned.
    """
    by_manager: dict[int | None, list[Known]] = {}
    for one in wanted:
        try:
            key = one.account.pw_uid if one.scope == "user" else None
        except RunError:
            # A removed user must not hide the other users' gateways.
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

    The result is "unknown" if systemd does not answer. It is "hidden" if the home directory with
    the unit's file is not accessible, for example while a disk is not mounted.
    """
    if not known.unit:
        return "unknown"
    try:
        manager = manager_of(known)
    except RunError:
        # The units are removed with the user. If a directory service does not answer, the user is
        # not found either, but then the user's manager still runs.
        return "unknown" if _owner_of(known.home) in _manager_uids() else "gone"
    if manager.user is not None and manager.user.pw_uid not in _running_managers():
        # The manager does not run, so the unit files decide.
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
    """The uids with a running systemd user manager, including those without an account."""
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
    """The gateways among the units of one manager, including units that only resemble one."""
    # A glob in `show` matches loaded units only; a stopped and disabled unit is not loaded.
    names = [name for name in manager.unit_files(OWN_UNITS) if "@." not in name]
    if manager.user is not None:
        # A user can create any number of units.
        names = sorted(names, key=_rank)[: unit_file.MAX_UNITS]
    blocks = manager.show(["*.service", *names], PROPERTIES)
    seen = {properties.get("Id"): properties for properties in blocks}
    if manager.user is not None:
        kept = sorted(seen.items(), key=lambda one: (one[1].get("MainPID") == "0", _rank(one[0])))
        seen = dict(kept[: unit_file.MAX_UNITS])
    candidates = candidates_of() if candidates is None else candidates
    found = [of_unit(manager, properties, candidates) for properties in seen.values()]
    return [gateway for gateway in found if gateway is not None]


def _rank(unit: str | None) -> tuple[bool, str]:
    """The sort key of a user's unit: units with Hermes's own names come first."""
    return not re.match(USERS_UNIT, unit or ""), unit or ""


def _note_conflicts(gateways: Collection[Gateway]) -> None:
    """Set ``conflict`` of gateways that share a home or serve the same profile."""
    by_home: dict[str, list[Gateway]] = {}
    for one in gateways:
        # A user can name another user's home; such a gateway has a problem and is ignored.
        if one.problem is None:
            by_home.setdefault(homes.resolved(one.home), []).append(one)
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
    """Set ``conflict`` of running gateways if another process serves the same profile."""
    running = [one for group in by_home.values() for one in group if one.pid]
    for one in running:
        for profile, home in state_file.by_profile(one).items():
            for other in by_home.get(homes.resolved(home), ()):
                if other is one or not other.pid or home == one.home:
                    continue
                why = "%s also serves its profile %s" % (one.name, profile)
                other.conflict = why + ": only one gateway can; disable one"
                why = "%s uses the home of its profile %s" % (other.name, profile)
                one.conflict = why + ": only one gateway can serve it; disable one"
