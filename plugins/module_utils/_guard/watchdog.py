# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The watchdog's check: sample every gateway, keep the history, decide, and at most ask the arbiter for a restart."""

from __future__ import annotations

from .._hermes import discovery, heartbeat
from .._host import cgroup, display, proc, systemd
from .._host.errors import RunError, SystemdError
from . import arbiter, history, last_seen, ledger, notify, sampling

# Above this share of what there is, waiting for a quiet moment risks the kernel's OOM killer.
EMERGENCY = 0.95


def check(every):
    """Check the gateways of ``every`` (list of Settings).

    Returns (lines, ok): a line (str) for each thing that was done, and whether all could be checked. A gateway that cannot be
    checked, because its history cannot be written for one, does not keep the others from being checked.
    """
    now = {settings.name: last_seen.still(settings) for settings in every}
    now.update(_ask_systemd([settings for settings in every if now[settings.name] is None]))
    lines = []
    ok = True
    for settings in every:
        try:
            lines += [
                "%s: %s" % (settings.name, line) for line in _one(settings, now.get(settings.name))
            ]
        except Exception as exc:  # pylint: disable=broad-exception-caught
            # Much of what is read is a user's: whatever one of them thought of, the others are watched.
            lines.append("%s: cannot be checked: %s" % (settings.name, exc))
            ok = False
    return lines, ok


def _ask_systemd(every):
    found = discovery.refresh(every)
    for settings in every:
        if settings.name in found:
            last_seen.note(settings, found[settings.name])
    return found


def _one(settings, gateway):
    lines = []
    kept = None
    try:
        if arbiter.clean(settings, gateway):
            lines.append("removed a drain marker that an interrupted restart had left")
    except (RunError, OSError) as exc:
        kept = exc
    lines += _watch(settings, gateway)
    if kept is not None:
        raise kept
    return lines


def _watch(settings, gateway):
    """Sample, and decide; what was done (list of str)."""
    if (
        gateway is None
        or gateway.problem
        or gateway.pid is None
        or gateway.active_state != "active"
    ):
        return []
    row = sampling.take(gateway, settings)
    if row is None:
        return []
    kept = None
    try:
        history.append(settings.folder, row)
        history.prune(settings.folder, settings.history_days)
    except OSError as exc:
        # A full disk is no reason to let the gateway run out of memory: decide first.
        kept = exc
    done = _decide(settings, gateway, row, blind=kept is not None)
    if kept is not None:
        raise kept
    return [done] if done else []


def breached(settings, gateway, row):
    """How many of the last samples of this life of the gateway, ``row`` being the newest, lie above the threshold: (count, looked at)."""
    try:
        past = history.tail(settings.folder, settings.breaches[1])
    except OSError:
        past = []
    past = [
        one for one in past if _same_life(one, gateway) and one["timestamp"] != row["timestamp"]
    ]
    samples = (past + [row])[-settings.breaches[1] :]
    return len([one for one in samples if sampling.footprint(one) > settings.threshold]), len(
        samples
    )


def limit_bytes(gateway):
    """What the gateway must stay below, in bytes: its cgroup's limit, else the RAM of the host."""
    return (
        cgroup.memory(gateway.control_group)["cgroup_max_bytes"]
        or proc.host_memory()["total_bytes"]
    )


def _same_life(row, gateway):
    return (
        row["invocation_id"] == gateway.invocation_id
        if gateway.invocation_id
        else row["pid"] == gateway.pid
    )


def _urgent(gateway, row):
    return sampling.footprint(row) > EMERGENCY * limit_bytes(gateway)


def _decide(settings, gateway, row, blind=False):
    """What was done (str), or None. ``blind``: samples cannot be kept and so not be counted, and one near the limit is enough."""
    if settings.threshold is None:
        return None
    code, reason = _why(settings, gateway, row, blind)
    if code is None:
        return None
    # What is done from here on is decided by systemd's word of this moment.
    gateway = arbiter.find(settings)
    if (
        gateway is None
        or gateway.problem
        or gateway.pid != row["pid"]
        or gateway.active_state != "active"
    ):
        return None
    if settings.action == "alert":
        return _alert(settings, gateway, row, code, reason)
    refused = arbiter.refusal(settings, gateway, "watchdog")
    if refused is None:
        return _ask(settings, gateway, row, reason, code == "frozen" or _urgent(gateway, row))
    if refused[0] == "daily-cap":
        return _alert(settings, gateway, row, refused[0], "%s; %s" % (reason, refused[1]))
    ledger.write(
        settings.folder,
        "refused",
        refused[0],
        refused[1],
        trigger="watchdog",
        asked=reason,
        invocation_id=gateway.invocation_id,
    )
    return "%s, but no restart: %s" % (reason, refused[1])


def _why(settings, gateway, row, blind):
    """Why the gateway should be restarted: (a word for the ledger, a sentence), or (None, None)."""
    silent = heartbeat.frozen(gateway)
    if silent is not None:
        return "frozen", "its event loop has stood still for %s: it answers nobody" % display.span(
            silent
        )
    if sampling.footprint(row) <= settings.threshold:
        return None, None
    count, seen = breached(settings, gateway, row)
    if count < settings.breaches[0] and not (blind and _urgent(gateway, row)):
        return None, None
    return (
        "threshold",
        "%s is above the threshold of %s in %d of %d samples (RSS %s, with children %s, swap %s)"
        % (
            display.megabytes(sampling.footprint(row)),
            display.megabytes(settings.threshold),
            count,
            seen,
            display.megabytes(row["rss_bytes"]),
            display.megabytes(row["tree_rss_bytes"]),
            display.megabytes(row["swap_bytes"]),
        ),
    )


def _ask(settings, gateway, row, reason, urgent):
    """Start the restart unit and do not wait: the other gateways are sampled while this one waits for a quiet moment."""
    waiting = arbiter.busy(settings)
    if urgent or not waiting:
        try:
            arbiter.request(settings, gateway, reason, urgent)
        except OSError:
            # A full disk: the arbiter then takes it for a scheduled restart, which is better than none.
            pass
    if waiting:
        return "%s: a restart is under way" % reason
    try:
        systemd.Manager().call("start", "--no-block", settings.restart_unit)
    except SystemdError as exc:
        return _alert(
            settings,
            gateway,
            row,
            "no-unit",
            "%s; the restart could not be asked for: %s" % (reason, exc),
        )
    notify.send(settings, "restart", reason, row)
    return "%s: a restart is asked for" % reason


def _alert(settings, gateway, row, code, reason):
    """Raise the alarm once for each life of the gateway: when the ledger takes it as new."""
    try:
        entry = ledger.write(
            settings.folder,
            "alert",
            code,
            reason,
            trigger="watchdog",
            invocation_id=gateway.invocation_id,
            before=row,
        )
    except OSError:
        # Better told twice than not at all.
        notify.send(settings, "alert", reason, row)
        raise
    if entry.get("new"):
        notify.send(settings, "alert", reason, row)
    return "ALERT: " + reason
