# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks the watchdog's threshold against the host's memory and the gateways' present usage."""

from __future__ import annotations

from typing import Any

from .._guard import config, limits
from .._hermes import discovery
from .._host import cgroup, display, guard_program, proc, quantity, tree
from .._host.errors import SettingError
from . import gateway_settings, memory_limit

THRESHOLD = "hermes_watchdog_threshold"
ACTION = "hermes_watchdog_action"


def check_thresholds(
    options: dict[str, Any], settings: dict[str, dict[str, Any]], gateways: list[discovery.Gateway]
) -> list[str]:
    """Like check_threshold, but some gateways have their own ``settings``."""
    names = watched(settings, gateways)
    if options.get(THRESHOLD) is not None:
        text = guard_program.threshold(options[THRESHOLD], len(names))
        options = dict(options, **{THRESHOLD: text})
    own = {
        name: guard_program.threshold(entry["threshold"], len(names))
        for name, entry in settings.items()
        if "threshold" in entry
    }
    notes = check_threshold(options, [one for one in gateways if one.name not in own])
    for gateway in gateways:
        if gateway.name in own:
            entry = settings[gateway.name]
            asked = dict(options, **{THRESHOLD: own[gateway.name]})
            asked[ACTION] = entry.get("action", options.get(ACTION))
            place = gateway_settings.at(gateway.name, "threshold")
            try:
                notes += [
                    text.replace(THRESHOLD, place, 1) for text in check_threshold(asked, [gateway])
                ]
            except SettingError as exc:
                raise SettingError(str(exc).replace(THRESHOLD, place, 1)) from exc
    texts = [own.get(name, options.get(THRESHOLD)) for name in names]
    return notes + _sum([str(text) for text in texts if text is not None])


def watched(settings: dict[str, dict[str, Any]], gateways: list[discovery.Gateway]) -> list[str]:
    """The names of the ``gateways`` on which the watchdog acts, by their ``settings``."""
    off = {name for name, entry in settings.items() if entry.get("watchdog_state") == "absent"}
    return [one.name for one in gateways if one.name not in off]


def _sum(texts: list[str]) -> list[str]:
    """A note if the thresholds ``texts`` together exceed the RAM of this host."""
    sizes = [config.value_of("threshold", text, None) or 0 for text in texts]
    total = proc.host_memory()["total_bytes"]
    if len(sizes) < 2 or sum(sizes) <= total:
        return []
    return [
        "%s: the thresholds of the %d gateways add up to %s, but this host has %s of RAM: set it"
        ' to auto, which shares the RAM, or set "threshold" in hermes_gateways'
        % (THRESHOLD, len(sizes), display.megabytes(sum(sizes)), display.megabytes(total))
    ]


def check_threshold(options: dict[str, Any], gateways: list[discovery.Gateway]) -> list[str]:
    """A note on each gateway that already uses more than the watchdog's threshold.

    Raises SettingError for a threshold that is never reached on this host, and for a number without
    a unit unless all gateways use less.
    """
    text = options.get(THRESHOLD)
    size = config.value_of("threshold", text, None) if text is not None else None
    if size is None or not gateways:
        return []
    _check_reached(str(text), size, options, gateways)
    used = {gateway.name: footprint for gateway in gateways if (footprint := _footprint(gateway))}
    above = sorted(name for name in used if used[name] >= size)
    if quantity.bare_number(text) is None:
        return [_outcome(str(text), size, name, used[name], options) for name in above]
    _check_unit(str(text), size, above, used)
    return []


def _check_unit(text: str, size: int, above: list[str], used: dict[str, int]) -> None:
    """Raise SettingError for "50", unless all gateways are known to use less."""
    if above:
        word = text.strip()
        raise SettingError(
            "%s: invalid size %r: it has no unit, and %s is less than %s uses now (%s): expected"
            ' "%s%%" of RAM or "%sM"'
            % (
                THRESHOLD,
                text,
                display.megabytes(size),
                above[0],
                display.megabytes(used[above[0]]),
                word,
                word,
            )
        )
    if not used:
        # No gateway runs, so the value cannot be compared with the memory in use.
        try:
            quantity.check_size_unit(text)
        except ValueError as exc:
            raise SettingError("%s: %s" % (THRESHOLD, exc)) from exc


def _outcome(text: str, size: int, name: str, used: int, options: dict[str, Any]) -> str:
    does = "restarts it"
    if str(options.get(ACTION)) == "alert":
        does = "raises an alert"
    return "%s: %s is %s on this host, but %s uses %s now: the watchdog %s if usage stays above" % (
        THRESHOLD,
        text,
        display.megabytes(size),
        name,
        display.megabytes(used),
        does,
    )


def _footprint(gateway: discovery.Gateway) -> int | None:
    """The memory that the watchdog compares, in bytes; None if the gateway is not running."""
    used = tree.memory(gateway.pid, gateway.control_group) if gateway.pid else None
    return None if used is None else used.rss_bytes + used.swap_bytes


def _check_reached(
    text: str, size: int, options: dict[str, Any], gateways: list[discovery.Gateway]
) -> None:
    """Raise SettingError for a threshold that is never reached on this host.

    A limit that a user set on the user's own unit is not an error here: doctor reports it.
    """
    container = cgroup.limit("/")
    most = [(proc.host_memory()["total_bytes"], "the RAM of this host")]
    most += [(container.bytes, "the memory limit of this container")] if container else []
    if not options.get(memory_limit.MAX):
        for gateway in gateways:
            limit = limits.cgroup_limit(gateway) if gateway.scope == "system" else None
            if limit is not None:
                most.append((limit.bytes - 1, "%s of %s" % (limit.source, gateway.name)))
    least, what = min((one for one in most if one[0] > 0), default=(size, ""))
    if size > least:
        raise SettingError(
            "%s: %s is %s on this host, but %s is %s, so the watchdog would never act: expected"
            " less than that"
            % (THRESHOLD, text, display.megabytes(size), what, display.megabytes(least))
        )
