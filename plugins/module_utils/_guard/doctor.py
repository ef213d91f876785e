# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds problems with the set-up of this host, and describes each in one line."""

from __future__ import annotations

import os
import time

from .._hermes import agent_cache, client, discovery, drain
from .._host import cgroup, display, files, guard_program, proc, reach, systemd, timers
from .._host.errors import HermesError, RunError
from . import (
    alarms,
    config,
    down,
    history,
    limits,
    next_restart,
    notify,
    page,
    page_link,
    pending,
    ping,
    supervised,
    suspension,
    unknown_settings,
)
from .managed import ManagedGateway

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    from .config import Settings

# At memory.high, reclaimed memory is used again at once, so usage stays just below the limit.
SLOWED_SHARE = 0.95
# Seconds that a check may take beyond its interval before its sample counts as missing.
CHECK_SECONDS = 60

# The variables that set the limits of the gateway's own unit.
_RAISE = {"MemoryMax": "hermes_memory_limit_max", "MemoryHigh": "hermes_memory_limit_high"}


def look(every: Collection[Settings]) -> tuple[list[str], list[str]]:
    """The problems of this host, whose configured gateways are ``every``, and the notes."""
    survey = discovery.survey()
    return problems(every, survey), notes(every, survey)


def problems(every: Collection[Settings], survey: discovery.Survey | None = None) -> list[str]:
    """The problems of this host, whose configured gateways are ``every``; empty if none."""
    survey = survey or discovery.survey()
    found = []
    version = systemd.version()
    if version is None or version < systemd.OLDEST:
        found.append(
            "systemd %s is not supported: expected %d or newer" % (version, systemd.OLDEST)
        )
    present = {gateway.name: gateway for gateway in survey.gateways}
    configured = {settings.name for settings in every}
    alone = set(present) - configured - config.excluded()
    found += [_not_managed(present[name]) for name in sorted(alone)]
    found += [
        "%s: %s" % (name, one.conflict) for name, one in sorted(present.items()) if one.conflict
    ]
    units = _installed([settings.restart_timer for settings in every] + [timers.WATCHDOG])
    now = discovery.refresh([settings for settings in every if settings.name not in present])
    reasons = {one.name: one.problem for one in survey.unresolved}
    for settings in every:
        texts = []
        gateway = present.get(settings.name)
        if gateway is None or gateway.unit is None:
            texts.append(_not_found(settings, reasons.get(settings.name)))
            gateway = now.get(settings.name)
        if gateway is not None and _is_down(gateway, settings):
            texts.append(down.sentence(gateway, settings))
        if gateway is not None:
            texts += _gateway(ManagedGateway(settings, gateway), timers.WATCHDOG in units)
        texts += _not_told(settings) + _no_command(settings)
        found += ["%s: %s" % (settings.name, text) for text in texts]
    rest = unknown_settings.problems(configured | config.excluded() | set(present))
    rest += _secrets() + ping.faults() + _page(every, timers.WATCHDOG in units)
    return found + _timers(units) + rest


def notes(every: Collection[Settings], survey: discovery.Survey | None = None) -> list[str]:
    """What an operator should know although it is not a problem."""
    survey = survey or discovery.survey()
    shared = _sum_of_thresholds(every)
    if os.geteuid() != 0:
        shared.append("some checks need root: run this command as root")
    ends = [(settings.name, next_restart.suspended(settings)) for settings in every]
    found = [(name, end.sentence()) for name, end in ends if end is not None]
    found += [(settings.name, text) for settings in every for text in _as_root(settings)]
    found += _stopped(every, survey) + _pending(every, survey)
    configured = {settings.name for settings in every} | config.excluded()
    # The unit of another program may have such a name, such as hermes.service.
    found += [
        (one.name, "not managed: %s" % one.problem)
        for one in [*survey.unresolved, *survey.containers]
        if one.name not in configured
    ]
    return ["note: " + text for text in shared] + ["note: %s: %s" % pair for pair in found]


def _sum_of_thresholds(every: Collection[Settings]) -> list[str]:
    """Warn if the gateways together may use all RAM before any of them reaches its threshold."""
    sizes = [settings.threshold for settings in every if settings.threshold is not None]
    total = proc.host_memory()["total_bytes"]
    if len(sizes) < 2 or not total or sum(sizes) <= total:
        return []
    return [
        "the thresholds of the %d gateways add up to %s, more than the RAM of this host (%s); the "
        "watchdog also acts if less than %d %% of RAM is available, but set "
        "hermes_watchdog_threshold to auto, which shares the RAM"
        % (
            len(sizes),
            display.megabytes(sum(sizes)),
            display.megabytes(total),
            round(100 * limits.AVAILABLE),
        )
    ]


def _as_root(settings: Settings) -> list[str]:
    """Warnings about a gateway that runs as root; none for any other."""
    try:
        if settings.account.pw_uid != client.ROOT:
            return []
    except RunError:
        return []
    found = [
        "it runs as root: anyone who gets its agent to run a command controls the whole host; run "
        "it as a dedicated user"
    ]
    why = client.not_as_root(settings) if settings.python else None
    if why is not None:
        found.append(
            "its version and settings are unknown, and it is not drained before a restart, because "
            "root must not run its Python: %s" % why
        )
    return found


def _is_down(gateway: discovery.Gateway, settings: Settings) -> bool:
    """Whether the gateway is down although no one has stopped it."""
    return down.is_down(gateway) and down.is_fault(gateway, settings.folder)


def _stopped(every: Collection[Settings], survey: discovery.Survey) -> list[tuple[str, str]]:
    """Notes on gateways that are down because someone has stopped them."""
    present = {gateway.name: gateway for gateway in survey.gateways}
    return [
        (settings.name, down.sentence(present[settings.name], settings))
        for settings in every
        if settings.name in present
        and down.is_down(present[settings.name])
        and not _is_down(present[settings.name], settings)
    ]


def _pending(every: Collection[Settings], survey: discovery.Survey) -> list[tuple[str, str]]:
    """Notes on gateways whose configuration takes effect only after a restart."""
    names = {settings.name for settings in every}
    reasons = [(one.name, pending.restart(one)) for one in survey.gateways if one.name in names]
    return [(name, why) for name, why in reasons if why is not None]


def _not_managed(gateway: discovery.Gateway) -> str:
    if gateway.scope == "manual":
        return (
            "%s was started manually, so nothing restarts it if it leaks: install it as a service"
            % gateway.name
        )
    return "%s is on this host, but is not listed in %s: run the playbook again" % (
        gateway.name,
        os.path.join(config.FOLDER, "guard.conf"),
    )


def _not_found(settings: Settings, reason: str | None) -> str:
    """The problem with a managed gateway that discovery does not find."""
    standing = discovery.standing(settings)
    if standing == "gone":
        return (
            "%s no longer exists: the next run of the playbook removes its protection"
            % settings.unit
        )
    if standing == "unknown":
        return "the systemd manager of %s does not answer" % settings.unit
    if standing == "hidden":
        return "the home directory with the unit file of %s is not accessible" % settings.unit
    # Another run of the playbook would not change this: the gateway keeps its configuration.
    if standing == "masked":
        reason = "it is masked"
    return "%s exists, but cannot be checked: %s; it stays managed as configured" % (
        settings.unit,
        reason or "its command is not known to start a gateway",
    )


def _page(every: Collection[Settings], watched: bool) -> list[str]:
    """Problems with the metrics page; ``watched``: whether the watchdog's timer is installed."""
    found = [
        "%s points to %s, which does not exist: run hermes-guard check, or remove the symlink"
        % (link, page_link.page())
        for link in page_link.dangling()
    ]
    if not watched or not every:
        return found
    late = max(_late(settings) for settings in every)
    age = page.age()
    if age is not None and age > late:
        found.append(
            "the metrics page %s is %s old, more than three intervals: see journalctl -u"
            " hermes-mem-watchdog" % (page_link.page(), display.span(age))
        )
    return found


def _installed(units: list[str]) -> dict[str, dict[str, str]]:
    """The properties of those of ``units`` that are installed, by name."""
    properties = systemd.Manager().show(
        units, ["Id", "LoadState", "UnitFileState", "ActiveState", "SubState"]
    )
    return {block["Id"]: block for block in properties if block.get("LoadState") == "loaded"}


def _timers(units: dict[str, dict[str, str]]) -> list[str]:
    found = []
    elapse = timers.next_elapse(sorted(units))
    for unit, properties in sorted(units.items()):
        if properties.get("UnitFileState") != "enabled":
            found.append(
                "%s is %s, so it does not start after a reboot"
                % (unit, properties.get("UnitFileState") or "not enabled")
            )
        if not timers.fires(properties, elapse[unit]):
            found.append("%s never fires: it has no next elapse time" % unit)
    return found


def _secrets() -> list[str]:
    """The problem with the file of secrets for the notify command."""
    fault = files.secret_fault(guard_program.NOTIFY_SECRET)
    return [] if fault is None else [fault]


def _gateway(gateway: ManagedGateway, watched: bool) -> list[str]:
    """The problems of one gateway; ``watched``: whether the watchdog's timer is installed."""
    settings = gateway.settings
    found = []
    if gateway.problem:
        found.append(gateway.problem)
    elif gateway.pid is not None and drain.ours(gateway):
        found.append(
            "drain marker found in %s: the gateway refuses messages, which is normal only during a "
            "restart" % gateway.home
        )
    end = suspension.read(settings.folder)
    if end is not None and (settings.threshold is None or not watched):
        found.append(
            "%s, but no watchdog is installed: run the role hermes_watchdog, or "
            "hermes-guard resume" % end.sentence()
        )
    found += _held_up(settings)
    most = limits.cgroup_limit(gateway)
    found += _limits_below_threshold(settings, most)
    found += _eviction(gateway, most.bytes if most else None)
    if _is_slowed_down(gateway):
        found.append(
            "the kernel throttles it at its MemoryHigh: raise hermes_memory_limit_high, or remove "
            "the limit"
        )
    # The first sample creates the gateway's own directory.
    folder = settings.folder if os.path.isdir(settings.folder) else config.STATE
    if os.geteuid() == 0 and not os.access(folder, os.W_OK):
        found.append("%s is not writable" % folder)
    if watched and _samples_are_missing(gateway):
        found.append(
            "no memory sample for more than three intervals: see journalctl -u hermes-mem-watchdog"
        )
    return found


def _limits_below_threshold(settings: Settings, most: cgroup.Limit | None) -> list[str]:
    """The RAM or the cgroups' limit ``most``, if the watchdog would act only above it."""
    found: list[str] = []
    if settings.threshold is None:
        return found
    total = proc.host_memory()["total_bytes"]
    if 0 < total < settings.threshold:
        found.append(
            "the watchdog's threshold of %s is more than the RAM of this host (%s): lower "
            "hermes_watchdog_threshold"
            % (display.megabytes(settings.threshold), display.megabytes(total))
        )
    if most is not None and most.bytes <= settings.threshold:
        found.append(
            "the kernel %s at %s (%s), below the watchdog's threshold of %s: raise %s, or lower "
            "hermes_watchdog_threshold"
            % (
                "throttles it" if most.source.startswith("MemoryHigh") else "kills it",
                display.megabytes(most.bytes),
                most.source,
                display.megabytes(settings.threshold),
                _RAISE.get(most.source, "that limit"),
            )
        )
    return found


def hung(every: Collection[Settings]) -> list[str]:
    """A line for each gateway whose home hangs: other checks would hang on it too."""
    waiting = reach.unanswered({settings.home: settings.user for settings in every})
    found = [
        "%s: its home %s does not answer: only its memory is watched, and neither a frozen event "
        "loop nor high memory leads to a restart" % (settings.name, settings.home)
        for settings in every
        if settings.home in waiting
    ]
    if not found:
        return []
    return [*found, "all other checks were skipped: they would hang on these homes"]


def _held_up(settings: Settings) -> list[str]:
    """Whether the gateway has blocked one of the last checks."""
    record = supervised.given_up(settings)
    if record is None or not _is_recent(record.get("time"), settings):
        return []
    return [
        "it blocks the checks of the watchdog in the step %r: see journalctl -u "
        "hermes-mem-watchdog" % str(record.get("stage"))[:20]
    ]


def _not_told(settings: Settings) -> list[str]:
    """Whether notifications are waiting because the notify command fails."""
    # The newest one may be about to be sent.
    times = [one for one in alarms.waiting(settings) if not _is_recent(one, settings)]
    if not times:
        return []
    return [
        "notifications not delivered: %d, the first from %s: run hermes-guard notify --test"
        % (len(times), display.utc(min(times)))
    ]


def _no_command(settings: Settings) -> list[str]:
    """The problem with the notify command, without running it; its words may hold a token."""
    problem = notify.problem(settings)
    return [] if problem is None else ["the notify command %s" % problem]


def _late(settings: Settings) -> float:
    """The age in seconds from which a sample or page is too old: three checks are missing."""
    return 3 * settings.interval + CHECK_SECONDS


def _is_recent(moment: object, settings: Settings) -> bool:
    if not isinstance(moment, (int, float)):
        return False
    return abs(time.time() - moment) <= _late(settings)


def _eviction(gateway: ManagedGateway, kernel: int | None) -> list[str]:
    """Whether Hermes evicts cached chats too late: the watchdog or the ``kernel`` acts first.

    Nothing if Hermes cannot be queried, has no such budget, or has it switched off.
    """
    if gateway.problem or not gateway.python:
        return []
    try:
        hermes = client.probe(gateway, [agent_cache.KEY])
    except HermesError:
        return []
    if not hermes["reads"][agent_cache.KEY]:
        return []
    budget = agent_cache.literal(hermes["config"][agent_cache.KEY])
    if budget is None:
        budget, limit = agent_cache.automatic(gateway.control_group)
        if budget < agent_cache.LEAST:
            return [
                "Hermes does not evict cached chats: its automatic budget, 65 %% of %s, is below "
                "the minimum of %s: set hermes_session_cache_memory"
                % (display.megabytes(limit), display.megabytes(agent_cache.LEAST))
            ]
    threshold = gateway.settings.threshold
    for line, what in (
        (threshold, "the watchdog's threshold is %s: set %s, or raise the threshold"),
        (kernel, "the kernel's limit is %s: set %s, or raise the limit"),
    ):
        if budget and line is not None and budget >= line:
            text = "Hermes evicts cached chats only above %s, but " + what
            option = "hermes_session_cache_memory"
            return [text % (display.megabytes(budget), display.megabytes(line), option)]
    return []


def _is_slowed_down(gateway: ManagedGateway) -> bool:
    """Whether the kernel has throttled the gateway at its MemoryHigh=, which it still reaches."""
    memory = cgroup.memory(gateway.control_group)
    high = cgroup.own_limit(gateway.control_group)
    # Without the page cache, which the kernel reclaims without throttling the gateway.
    used = cgroup.resident(gateway.control_group)[0]
    if not memory["high_events"] or high is None or used is None:
        return False
    # Without memory.high, own_limit is memory.max, but then high_events does not grow.
    return used >= SLOWED_SHARE * high


def _samples_are_missing(gateway: ManagedGateway) -> bool:
    late = _late(gateway.settings)
    if gateway.uptime_seconds is None or gateway.uptime_seconds <= late:
        return False
    last = history.tail(gateway.settings.folder, 1)
    return not last or _age(last[0]) > late


def _age(row: dict[str, Any]) -> float:
    return abs(time.time() - row["timestamp"])
