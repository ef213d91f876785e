# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with this host's set-up, one line each."""

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
    notify,
    page,
    page_link,
    pending,
    ping,
    supervised,
    suspension,
)
from .managed import ManagedGateway

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    from .config import Settings

# What is reclaimed at memory.high comes back at once, so the usage stays just below it.
SLOWED_SHARE = 0.95

# The variables that raise a limit of the unit's own.
_RAISE = {"MemoryMax": "hermes_memory_limit_max", "MemoryHigh": "hermes_memory_limit_high"}


def look(every: Collection[Settings]) -> tuple[list[str], list[str]]:
    """The faults of this host, whose configured gateways are ``every``, and what is no fault."""
    survey = discovery.survey()
    return problems(every, survey), notes(every, survey)


def problems(every: Collection[Settings], survey: discovery.Survey | None = None) -> list[str]:
    """The faults of this host, whose configured gateways are ``every``; empty if all is well."""
    survey = survey or discovery.survey()
    found = []
    version = systemd.version()
    if version is None or version < systemd.OLDEST:
        found.append(
            "systemd %s is older than %d, the oldest that this is made for"
            % (version, systemd.OLDEST)
        )
    there = {gateway.name: gateway for gateway in survey.gateways}
    configured = {settings.name for settings in every}
    alone = set(there) - configured - config.excluded()
    found += [_not_managed(there[name]) for name in sorted(alone)]
    found += [
        "%s: %s" % (name, one.conflict) for name, one in sorted(there.items()) if one.conflict
    ]
    units = _installed([settings.restart_timer for settings in every] + [timers.WATCHDOG])
    now = discovery.refresh([settings for settings in every if settings.name not in there])
    reasons = {one.name: one.problem for one in survey.unresolved}
    for settings in every:
        texts = []
        gateway = there.get(settings.name)
        if gateway is None or gateway.unit is None:
            texts.append(_not_found(settings, reasons.get(settings.name)))
            gateway = now.get(settings.name)
        if gateway is not None and _is_down(gateway, settings):
            texts.append(down.sentence(gateway, settings))
        if gateway is not None:
            texts += _gateway(ManagedGateway(settings, gateway), timers.WATCHDOG in units)
        texts += _not_told(settings) + _no_command(settings)
        found += ["%s: %s" % (settings.name, text) for text in texts]
    rest = _secrets() + ping.faults() + _page(every, timers.WATCHDOG in units)
    return found + _timers(units) + rest


def notes(every: Collection[Settings], survey: discovery.Survey | None = None) -> list[str]:
    """What is no fault and yet should be known."""
    survey = survey or discovery.survey()
    shared = _sum_of_thresholds(every)
    if os.geteuid() != 0:
        shared.append("only root sees all that may be wrong: run it as root")
    ends = [(settings.name, suspension.read(settings.folder)) for settings in every]
    found = [(name, end.sentence()) for name, end in ends if end is not None]
    found += [(settings.name, text) for settings in every for text in _as_root(settings)]
    found += _stopped(every, survey) + _pending(every, survey)
    configured = {settings.name for settings in every} | config.excluded()
    # A unit of another program may have such a name, as hermes.service has.
    found += [
        (one.name, "it is not managed: %s" % one.problem)
        for one in [*survey.unresolved, *survey.containers]
        if one.name not in configured
    ]
    return ["note: " + text for text in shared] + ["note: %s: %s" % pair for pair in found]


def _sum_of_thresholds(every: Collection[Settings]) -> list[str]:
    """Whether the gateways may together use up the RAM before the watchdog acts on one of them."""
    sizes = [settings.threshold for settings in every if settings.threshold is not None]
    total = proc.host_memory()["total_bytes"]
    if len(sizes) < 2 or not total or sum(sizes) <= total:
        return []
    return [
        "the thresholds of the %d gateways add up to %s, and this host has %s of RAM: the watchdog "
        "acts as well if less than %d %% of it is available, but a lower hermes_watchdog_threshold "
        "is better"
        % (
            len(sizes),
            display.megabytes(sum(sizes)),
            display.megabytes(total),
            round(100 * limits.AVAILABLE),
        )
    ]


def _as_root(settings: Settings) -> list[str]:
    """What should be known of a gateway that runs as root; nothing of any other."""
    try:
        if settings.account.pw_uid != client.ROOT:
            return []
    except RunError:
        return []
    found = [
        "it runs as root, so whoever talks its agent into a command has the whole host: run it as "
        "a user of its own"
    ]
    why = client.not_as_root(settings) if settings.python else None
    if why is not None:
        found.append(
            "its Hermes is not asked for its version and settings, and is not drained before a "
            "restart, as root must not run its Python: %s" % why
        )
    return found


def _is_down(gateway: discovery.Gateway, settings: Settings) -> bool:
    """Whether the gateway is down, and nobody has stopped it."""
    return down.is_down(gateway) and down.is_fault(gateway, settings.folder)


def _stopped(every: Collection[Settings], survey: discovery.Survey) -> list[tuple[str, str]]:
    """The gateways that are down because someone has stopped them, as notes."""
    there = {gateway.name: gateway for gateway in survey.gateways}
    return [
        (settings.name, down.sentence(there[settings.name], settings))
        for settings in every
        if settings.name in there
        and down.is_down(there[settings.name])
        and not _is_down(there[settings.name], settings)
    ]


def _pending(every: Collection[Settings], survey: discovery.Survey) -> list[tuple[str, str]]:
    """The gateways that need a restart before what is configured is in force, as notes."""
    names = {settings.name for settings in every}
    reasons = [(one.name, pending.restart(one)) for one in survey.gateways if one.name in names]
    return [(name, why) for name, why in reasons if why is not None]


def _not_managed(gateway: discovery.Gateway) -> str:
    if gateway.scope == "manual":
        return (
            "%s is run by hand, so that nothing restarts it when it leaks: install it as a service"
            % gateway.name
        )
    return "%s is on this host but %s does not name it: run the playbook again" % (
        gateway.name,
        os.path.join(config.FOLDER, "guard.conf"),
    )


def _not_found(settings: Settings, reason: str | None) -> str:
    """What is wrong with a managed gateway that discovery does not find."""
    standing = discovery.standing(settings)
    if standing == "gone":
        return (
            "%s is no longer there: the next run of the playbook removes what protected it"
            % settings.unit
        )
    if standing == "unknown":
        return "the systemd that runs %s does not answer" % settings.unit
    if standing == "hidden":
        return "the home that has the file of %s cannot be seen" % settings.unit
    # To run the playbook again would change nothing: it stays managed, as it was configured.
    if standing == "masked":
        reason = "it is masked"
    return "%s is there, and %s; it stays managed as it was configured" % (
        settings.unit,
        reason or "its command is not known to start a gateway",
    )


def _page(every: Collection[Settings], watched: bool) -> list[str]:
    """What is wrong with the page of metrics. ``watched``: whether the check's timer is there."""
    found = [
        "%s points to %s, which does not exist: run hermes-guard check, or remove the link"
        % (link, page.path())
        for link in page_link.dangling()
    ]
    if not watched or not every:
        return found
    late = 3 * max(settings.interval for settings in every) + 60
    age = page.age()
    if age is not None and age > late:
        found.append(
            "the page of metrics %s is %s old, more than three intervals: see journalctl -u"
            " hermes-mem-watchdog" % (page.path(), display.span(age))
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
                "%s is %s, so it does not come back after a reboot"
                % (unit, properties.get("UnitFileState") or "not enabled")
            )
        if not timers.fires(properties, elapse[unit]):
            found.append("%s never fires: its next elapse is infinite" % unit)
    return found


def _secrets() -> list[str]:
    """What is wrong with the file that the notify command reads."""
    fault = files.secret_fault(guard_program.NOTIFY_SECRET)
    return [] if fault is None else [fault]


def _gateway(gateway: ManagedGateway, watched: bool) -> list[str]:
    """What is wrong with one gateway. ``watched``: whether the watchdog's timer is installed."""
    settings = gateway.settings
    found = []
    if gateway.problem:
        found.append(gateway.problem)
    elif gateway.pid is not None and drain.ours(gateway):
        found.append(
            "a drain marker lies in %s: unless a restart is under way, the gateway takes "
            "no messages" % gateway.home
        )
    end = suspension.read(settings.folder)
    if end is not None and (settings.threshold is None or not watched):
        found.append(
            "%s, and no watchdog is set up meanwhile: run the role hermes_watchdog, or "
            "hermes-guard resume" % end.sentence()
        )
    found += _held_up(settings)
    total = proc.host_memory()["total_bytes"]
    if settings.threshold is not None and 0 < total < settings.threshold:
        found.append(
            "the watchdog's threshold of %s is never reached: this host has %s of RAM; lower "
            "hermes_watchdog_threshold"
            % (display.megabytes(settings.threshold), display.megabytes(total))
        )
    most = limits.cgroup_limit(gateway)
    if settings.threshold is not None and most is not None and most.bytes <= settings.threshold:
        found.append(
            "the kernel %s at %s (%s), before it reaches the watchdog's threshold of %s: raise "
            "%s, or lower hermes_watchdog_threshold"
            % (
                "slows it down" if most.source.startswith("MemoryHigh") else "kills it",
                display.megabytes(most.bytes),
                most.source,
                display.megabytes(settings.threshold),
                _RAISE.get(most.source, "that limit"),
            )
        )
    found += _eviction(gateway, most.bytes if most else None)
    if _is_slowed_down(gateway):
        found.append(
            "the kernel slows it down: it is at its MemoryHigh, and does not get on from there: "
            "raise hermes_memory_limit_high, or leave it out"
        )
    # The gateway's own directory is made with its first sample.
    folder = settings.folder if os.path.isdir(settings.folder) else config.STATE
    if os.geteuid() == 0 and not os.access(folder, os.W_OK):
        found.append("%s cannot be written" % folder)
    if watched and _samples_are_missing(gateway):
        found.append(
            "no memory sample for longer than three intervals: see journalctl -u "
            "hermes-mem-watchdog"
        )
    return found


def hung(every: Collection[Settings]) -> list[str]:
    """A line for each gateway whose home does not answer: all else would wait for it."""
    waiting = reach.unanswered({settings.home: settings.user for settings in every})
    found = [
        "%s: its home %s does not answer: only its memory is watched, not whether it is frozen, "
        "and it is not restarted" % (settings.name, settings.home)
        for settings in every
        if settings.home in waiting
    ]
    return found + ["nothing else was looked at: it would wait for these homes"] if found else []


def _held_up(settings: Settings) -> list[str]:
    """Whether the gateway has held up one of the last checks."""
    record = supervised.given_up(settings)
    if record is None or not _is_recent(record.get("time"), settings):
        return []
    return [
        "it holds up the checks of the watchdog, in the step %r: see journalctl -u "
        "hermes-mem-watchdog" % str(record.get("stage"))[:20]
    ]


def _not_told(settings: Settings) -> list[str]:
    """Whether the notify command has not taken all that it was to be told."""
    # The newest may be about to be sent.
    times = [one for one in alarms.waiting(settings) if not _is_recent(one, settings)]
    if not times:
        return []
    return [
        "messages that the notify command did not take: %d, the first of %s: try hermes-guard "
        "notify --test" % (len(times), display.utc(min(times)))
    ]


def _no_command(settings: Settings) -> list[str]:
    """What is wrong with the notify command without running it; its words may hold a token."""
    problem = notify.problem(settings)
    return [] if problem is None else ["the notify command %s" % problem]


def _is_recent(moment: object, settings: Settings) -> bool:
    if not isinstance(moment, (int, float)):
        return False
    return abs(time.time() - moment) <= 3 * settings.interval + 60


def _eviction(gateway: ManagedGateway, kernel: int | None) -> list[str]:
    """Whether Hermes evicts cached chats before the watchdog or the ``kernel``'s limit acts.

    Nothing of a Hermes that cannot be asked or has no such budget, nor if it is switched off.
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
                "Hermes does not evict cached chats by itself: it would at 65 %% of %s, and does "
                "not below %s: set hermes_session_cache_memory"
                % (display.megabytes(limit), display.megabytes(agent_cache.LEAST))
            ]
    threshold = gateway.settings.threshold
    for line, what in (
        (threshold, "the watchdog's threshold is %s: set hermes_session_cache_memory, or raise it"),
        (kernel, "the kernel's limit is %s: set hermes_session_cache_memory, or raise it"),
    ):
        if budget and line is not None and budget >= line:
            text = "Hermes evicts cached chats by itself from %s on, but " + what
            return [text % (display.megabytes(budget), display.megabytes(line))]
    return []


def _is_slowed_down(gateway: ManagedGateway) -> bool:
    """Whether the kernel has slowed the gateway down at its MemoryHigh=, and it is there now."""
    memory = cgroup.memory(gateway.control_group)
    high = cgroup.own_limit(gateway.control_group)
    # Without the page cache, which the kernel takes back without slowing anything down.
    used = cgroup.resident(gateway.control_group)[0]
    if not memory["high_events"] or high is None or used is None:
        return False
    # Without memory.high, own_limit is memory.max, at which the count does not grow.
    return used >= SLOWED_SHARE * high


def _samples_are_missing(gateway: ManagedGateway) -> bool:
    late = 3 * gateway.settings.interval + 60
    if gateway.uptime_seconds is None or gateway.uptime_seconds <= late:
        return False
    last = history.tail(gateway.settings.folder, 1)
    return not last or _age(last[0]) > late


def _age(row: dict[str, Any]) -> float:
    return abs(time.time() - row["timestamp"])
