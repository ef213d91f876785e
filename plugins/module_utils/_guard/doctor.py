# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with this host's set-up, one line each."""

from __future__ import annotations

import os
import time

from .._hermes import discovery, drain
from .._host import cgroup, display, systemd, timers
from . import config, history, status, suspension

OLDEST_SYSTEMD = 247


def problems(every):
    """The faults (list of str) of this host, whose configured gateways are ``every`` (list of Settings); empty where all is well."""
    found = []
    version = systemd.version()
    if version is None or version < OLDEST_SYSTEMD:
        found.append(
            "systemd %s is older than %d, the oldest that this is made for"
            % (version, OLDEST_SYSTEMD)
        )
    there = {gateway.name: gateway for gateway in discovery.find_gateways()}
    configured = {settings.name for settings in every}
    for name in sorted(set(there) - configured):
        if there[name].scope == "manual":
            found.append(
                "%s is run by hand, so that nothing restarts it when it leaks: install it as a service"
                % name
            )
        else:
            found.append(
                "%s is on this host but %s does not name it: run the playbook again"
                % (name, os.path.join(config.FOLDER, "guard.conf"))
            )
    timer_units = _installed(
        [settings.name + "-restart.timer" for settings in every] + [status.WATCHDOG]
    )
    for settings in every:
        found += [
            "%s: %s" % (settings.name, text)
            for text in _gateway(settings, there.get(settings.name), timer_units)
        ]
    elapse = timers.next_elapse(sorted(timer_units))
    for unit, properties in sorted(timer_units.items()):
        if properties.get("UnitFileState") != "enabled":
            found.append(
                "%s is %s, so it does not come back after a reboot"
                % (unit, properties.get("UnitFileState") or "not enabled")
            )
        if not timers.fires(properties, elapse[unit]):
            found.append("%s never fires: its next elapse is infinite" % unit)
    return found


def notes(every):
    """What is no fault and yet should be known (list of str)."""
    ends = [(settings.name, suspension.until(settings.folder)) for settings in every]
    return [
        "note: %s: %s" % (name, suspension.sentence(end)) for name, end in ends if end is not None
    ]


def _installed(units):
    properties = systemd.Manager().show(
        units, ["Id", "LoadState", "UnitFileState", "ActiveState", "SubState"]
    )
    return {block["Id"]: block for block in properties if block.get("LoadState") == "loaded"}


def _gateway(settings, gateway, timer_units):
    if gateway is None:
        return ["%s is no longer there: run the playbook again" % settings.unit]
    found = []
    if gateway.problem:
        found.append(gateway.problem)
    elif gateway.pid is not None and drain.ours(gateway):
        found.append(
            "a drain marker lies in %s: unless a restart is under way, the gateway takes no messages"
            % gateway.home
        )
    end = suspension.until(settings.folder)
    if end is not None and (settings.threshold is None or status.WATCHDOG not in timer_units):
        found.append(
            "%s, and no watchdog is set up meanwhile: run the role hermes_watchdog, or hermes-guard resume"
            % suspension.sentence(end)
        )
    most = cgroup.memory(gateway.control_group)["cgroup_max_bytes"]
    if settings.threshold is not None and most is not None and most <= settings.threshold:
        found.append(
            "the kernel kills it at %s, before it reaches the watchdog's threshold of %s: raise hermes_memory_limit_max, or lower"
            " hermes_watchdog_threshold"
            % (display.megabytes(most), display.megabytes(settings.threshold))
        )
    # The gateway's own folder is made with its first sample.
    folder = settings.folder if os.path.isdir(settings.folder) else config.STATE
    if not os.access(folder, os.W_OK):
        found.append("%s cannot be written" % folder)
    last = (history.tail(settings.folder, 1) or [None])[-1]
    if status.WATCHDOG in timer_units and gateway.uptime_seconds is not None:
        silence = None if last is None else _age(last)
        late = 3 * settings.interval + 60
        if gateway.uptime_seconds > late and (silence is None or silence > late):
            found.append(
                "no memory sample for longer than three intervals: see journalctl -u hermes-mem-watchdog"
            )
    return found


def _age(row):
    return abs(time.time() - row["timestamp"])
