# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One part of the guard on this host: its files and units, brought to the wanted state in one round trip.

A role hands over its whole wanted state, rendered but for the gateways, whose names only the host knows: a path or unit with @NAME@
or @UNIT@ in it stands for one of each gateway. What was installed is remembered in a manifest, so that what is wanted no longer is
removed, and so that a file that somebody else wrote is never replaced.
"""

from __future__ import annotations

import glob
import importlib.util
import json
import os
import re
import shutil

from .._guard import config
from .._hermes import discovery
from .._host import files, proc, systemd, timers, unit_files
from .._host.errors import FileError, GuardError, SettingError, SystemdError, host_faults
from . import memory_limit, program

MARK = b"hermes_ops.gateway"
# What stands for a gateway's own in a path: then there is such a file for each of them.
PLACES = ("@NAME@", "@UNIT@", "@SCOPE@")
MANIFESTS = os.path.join(config.STATE, "installed")
BASE = "guard"
PSUTIL_PACKAGE = "python3-psutil"
JEMALLOC, JEMALLOC_PACKAGE = "libjemalloc.so.2", "libjemalloc2"
# Where the loader finds a library by its name alone.
LIBRARIES = ("/usr/lib/*-linux-*", "/usr/lib64", "/usr/lib", "/usr/local/lib")
NOT_HERE = "no Hermes gateway on this host"


class Wanted:
    """The wanted state of one part, for the gateways of this host: ``files`` {path: (bytes, mode)} and ``units`` (names to enable and start).

    ``hidden`` {path: beginnings of the lines that hold a secret}. ``values`` {token: str} of this host take the place of tokens; a line
    whose token has the value None is left out.
    """

    def __init__(self, parameters, gateways, values=None):
        self.values = values or {}
        self.files = {}
        self.units = []
        self.hidden = {}
        self.notes = []
        secrets = {
            "@%s@" % name: str(value) for name, value in (parameters.get("secrets") or {}).items()
        }
        calendar = _calendar(parameters.get("cadences") or {}, gateways)
        needless = set()
        if parameters["program"] and gateways:
            self.files[config.PROGRAM] = (_program(), 0o755)
        for file in parameters["files"] if gateways else ():
            try:
                mode = int(file["mode"], 8)
            except ValueError as exc:
                raise GuardError(
                    "files: %s has the mode %r; allowed: an octal number such as 0644"
                    % (file["path"], file["mode"])
                ) from exc
            if any(place in file["path"] for place in PLACES):
                for gateway in gateways:
                    if "@SCOPE@" in file["path"] and not discovery.own_unit(gateway):
                        # It would hold for the unit of that name of every user, and the name is this one's to choose.
                        self.notes.append(
                            "%s gets no %s: the unit of a user must be called %s for that"
                            % (gateway.name, os.path.basename(file["path"]), discovery.OWN_UNITS)
                        )
                        continue
                    content = _fill(file["content"], gateway)
                    if "@CALENDAR@" in content:
                        event = calendar[gateway.name]
                        if event is None:
                            needless.add(os.path.basename(_fill(file["path"], gateway)))
                            continue
                        content = content.replace("@CALENDAR@", event)
                    self._add(_fill(file["path"], gateway), content, secrets, mode)
            else:
                sections = (
                    "".join(_fill(file["gateway_content"], gateway) for gateway in gateways)
                    if file["gateway_content"]
                    else ""
                )
                self._add(file["path"], file["content"] + sections, secrets, mode)
        for unit in parameters["units"] if gateways else ():
            self.units += (
                [_fill(unit, gateway) for gateway in gateways] if "@NAME@" in unit else [unit]
            )
        self.units = [unit for unit in self.units if unit not in needless]

    def _add(self, path, text, secrets, mode):
        self.hidden[path] = [
            line.partition(token)[0]
            for line in text.split("\n")
            for token in secrets
            if token in line
        ]
        for name, value in self.values.items():
            token = "@%s@" % name
            text = (
                text.replace(token, value)
                if value is not None
                else "".join(line for line in text.splitlines(True) if token not in line)
            )
        for token, value in secrets.items():
            if any(letter in value for letter in "\r\n\0"):
                raise GuardError(
                    "%s has a line break in it; allowed: one line" % token.strip("@").lower()
                )
            text = text.replace(token, value)
        file = (text.encode("utf-8"), mode)
        if self.files.setdefault(path, file) != file:
            raise GuardError(
                "two gateways of this host would share the file %s: name those to guard in hermes_guard_gateways"
                % path
            )


def _program():
    return program.installed(_present(config.PROGRAM)[0])


@host_faults
def apply(parameters, check_mode=False):
    """Bring one part to its wanted state; ``parameters`` is the guard module's. Returns what that module returns (dict).

    Raises GuardError, before anything is changed where the input is wrong, and after everything was put back where a step failed.
    """
    part = parameters["part"]
    gateways, unsafe = (
        _gateways(parameters["gateways"]) if parameters["state"] == "present" else ([], [])
    )
    limits, shortfalls = _limits(parameters, gateways, check_mode)
    wanted = Wanted(parameters, gateways, memory_limit.words(limits) if limits else None)
    _validate(parameters, wanted)
    # Without the base the others cannot work: they go with it, also where the last gateway has gone.
    parts = _parts_installed() if part == BASE and not gateways else [part]
    before = {name: _manifest(name) for name in parts}
    owned = set().union(*(manifest["files"] for manifest in before.values()))
    old_units = [unit for manifest in before.values() for unit in manifest["units"]]
    plan = _plan(wanted, owned)
    _check_writable(plan)
    if wanted.files and part != BASE and not check_mode and not os.path.exists(config.PROGRAM):
        raise GuardError(
            "%s is not there: the role hermes_guard comes first, and was left out of this run"
            % config.PROGRAM
        )
    packages = _missing_packages(parameters) if gateways else []
    if JEMALLOC_PACKAGE in packages and not check_mode:
        # Every program that the gateway starts would complain of it.
        raise GuardError(
            "%s is not on this host, and a drop-in that names it would be in the way: install the package %s"
            % (JEMALLOC, JEMALLOC_PACKAGE)
        )
    obsolete = [unit for unit in old_units if unit not in wanted.units]
    live = _live(
        sorted(
            set(wanted.units + obsolete)
            | {unit_files.unit(path) for path in wanted.files if unit_files.scope(path) == "system"}
        )
    )
    to_start = [unit for unit in wanted.units if not _running(live.get(unit), unit)]
    to_reload = unit_files.to_reload(plan, wanted.files, live)
    # A run that was cut short at its very beginning leaves a manifest and nothing else.
    forget = not wanted.files and any(
        os.path.exists(os.path.join(MANIFESTS, name + ".json")) for name in parts
    )
    clear_state = parameters["state"] == "absent" and part == BASE and bool(_own_state())
    result = {
        "changed": bool(plan or to_start or obsolete or to_reload or forget or clear_state),
        "diff": [
            _diff(path, change, wanted.hidden.get(path)) for path, change in sorted(plan.items())
        ],
        "gateways": [gateway.name for gateway in gateways],
        "restart_needed": [],
        "notes": unsafe + wanted.notes + shortfalls,
        "next_elapse": {},
        "psutil": _has_psutil(),
        "jemalloc": _has_jemalloc(),
        "package_manager": "apt"
        if os.path.exists("/usr/bin/apt-get") and os.path.isdir("/var/lib/dpkg")
        else "auto",
    }
    if check_mode and packages:
        # The package modules cannot say this on a bare host: they need a library there themselves.
        result["changed"] = True
        result["diff"].append(
            {
                "before_header": "packages",
                "after_header": "packages",
                "before": "",
                "after": "".join(name + "\n" for name in packages),
            }
        )
    if parameters["state"] == "present" and not gateways:
        result["skipped_because"] = NOT_HERE
    if result["changed"] and not check_mode:
        if plan or to_start or obsolete or to_reload or forget:
            _carry_out(part, parts, before, wanted, plan, live, obsolete, to_start, to_reload)
        if clear_state:
            for path in _own_state():
                if os.path.isdir(path) and not os.path.islink(path):
                    shutil.rmtree(path)
                else:
                    os.unlink(path)
            _remove_if_empty(config.STATE)
    if not check_mode:
        result["next_elapse"] = _verified(wanted)
    if limits:
        result["notes"] += memory_limit.shortfalls(gateways, limits, not check_mode)
    result["restart_needed"] = [
        gateway.name for gateway in gateways if _older_than_drop_ins(gateway, wanted)
    ]
    return result


def _own_state():
    """What the guard has in the state folder (paths), or the folder where it is empty.

    The record of what was set in Hermes is not the guard's: the role that set it needs it to take that back.
    """
    try:
        names = os.listdir(config.STATE)
    except FileNotFoundError:
        return []
    return [
        os.path.join(config.STATE, name) for name in names if name != config.SESSION_RECORD
    ] or ([] if names else [config.STATE])


def _missing_packages(parameters):
    """The packages that the part needs and this host has not."""
    missing = [PSUTIL_PACKAGE] if parameters["program"] and not _has_psutil() else []
    return missing + (
        [JEMALLOC_PACKAGE] if parameters.get("jemalloc") and not _has_jemalloc() else []
    )


def _has_psutil():
    return importlib.util.find_spec("psutil") is not None


def _has_jemalloc():
    return any(glob.glob(os.path.join(folder, JEMALLOC)) for folder in LIBRARIES)


def _gateways(names):
    """(the gateways to guard: those named, else all that systemd runs; what there is to say of these, list of str).

    GuardError for a name that does not exist, or a home that is not safe. What is guarded stays so where its home is not safe for a while, as when
    a disk is not mounted: check and arbiter leave it alone until it is.
    """
    found = discovery.find_gateways()
    units = {gateway.name: gateway for gateway in found if gateway.scope != "manual"}
    for name in names:
        if name not in units:
            why = (
                "is run by hand, so that nothing can restart it"
                if name in {gateway.name for gateway in found}
                else "is no gateway of this host"
            )
            raise GuardError(
                "hermes_guard_gateways: %r %s; allowed here: %s"
                % (name, why, ", ".join(sorted(units)) or "none, there is no gateway")
            )
    chosen, unsafe = (
        ([units[name] for name in sorted(set(names))], [])
        if names
        else discovery.without_unsafe(units.values())
    )
    notes, kept = [], []
    known = _guarded() if unsafe else {}
    for gateway in unsafe:
        notes.append(
            "%s %s: %s"
            % (
                gateway.name,
                "stays guarded as it was" if gateway.name in known else "is left out",
                gateway.problem,
            )
        )
        if gateway.name in known:
            gateway.home, gateway.python = known[gateway.name].home, known[gateway.name].python
            kept.append(gateway)
    for gateway in chosen:
        if gateway.problem:
            raise GuardError(
                "hermes_guard_gateways: %r cannot be guarded: %s; allowed: a home that belongs to the gateway's user"
                % (gateway.name, gateway.problem)
            )
    return sorted(chosen + kept, key=lambda gateway: gateway.name), notes


def _guarded():
    """The Settings of the gateways that are guarded now, by name; none where these cannot be read, and are about to be written anew."""
    try:
        return config.load(config.FOLDER)
    except SettingError:
        return {}


def _calendar(cadences, gateways):
    """The calendar event of each gateway by its measured leak: {name: str, or None where none is needed}."""
    if not cadences or not gateways:
        return {}
    # Judging is for those who ask for it.
    from .._guard import cadence

    try:
        chosen = cadence.measured([gateway.name for gateway in gateways])
        return {name: None if hours is None else cadences[hours] for name, hours in chosen.items()}
    except KeyError as exc:
        raise GuardError("cadences: there is none of %s" % exc) from exc


def _fill(text, gateway):
    values = {
        "@NAME@": gateway.name,
        "@UNIT@": gateway.unit,
        "@SCOPE@": gateway.scope,
        "@USER@": gateway.user,
        "@HOME@": gateway.home,
        "@PYTHON@": gateway.python or "",
    }
    # All at once: a home with @PYTHON@ in its name is a home.
    return re.sub("|".join(values), lambda found: values[found.group()], text)


def _limits(parameters, gateways, check_mode):
    """The memory limits (dict) of this host, None where the part has none, and what of them makes no sense here (list of str)."""
    asked = dict(parameters.get("memory_limit") or {})
    if not asked or not gateways:
        return None, []
    planned = asked.pop("hermes_watchdog_threshold", None)
    if check_mode and planned:
        # What the watchdog's own role would have written by now.
        thresholds = {"hermes_watchdog_threshold": config.value_of("threshold", planned, None)}
    else:
        settings = config.load(config.FOLDER)
        thresholds = {
            gateway.name: settings[gateway.name].threshold
            for gateway in gateways
            if gateway.name in settings
        }
    return memory_limit.amounts(
        asked,
        {where: value for where, value in thresholds.items() if value is not None},
        proc.host_memory(),
    )


def _validate(parameters, wanted):
    """GuardError for what is wrong in the part itself, and in the options of the roles that are still to come in the play."""
    for option, value in sorted((parameters.get("options") or {}).items()):
        if option in memory_limit.OPTIONS:
            memory_limit.amount(option, value, proc.host_memory()["total_bytes"])
        else:
            config.check_option(option, value)
    for option, expressions in sorted((parameters.get("calendars") or {}).items()):
        for expression in expressions:
            problem = timers.calendar_problem(str(expression))
            if problem:
                raise GuardError(
                    '%s: %r is no calendar event: %s; allowed: what "systemd-analyze calendar" takes, such as "04:00" (in quotes) or "Mon *-*-* 03:30"'
                    % (option, str(expression), problem)
                )
    for path, (content, _mode) in wanted.files.items():
        if path.startswith(config.FOLDER + "/"):
            config.check_text(content.decode("utf-8"), path)


def _manifest(part):
    """What an earlier run installed of ``part``: ``files`` (paths), ``units`` (names) and ``folders`` (those that it made)."""
    try:
        content = (
            files.read_json(os.path.join(MANIFESTS, part + ".json"), owners={0, os.geteuid()}) or {}
        )
    except FileError as exc:
        raise GuardError("what was installed is not known: %s" % exc) from exc
    return {
        name: [str(item) for item in content.get(name) or []]
        for name in ("files", "units", "folders")
    }


def _parts_installed():
    try:
        names = sorted(
            name[: -len(".json")] for name in os.listdir(MANIFESTS) if name.endswith(".json")
        )
    except OSError:
        names = []
    # The base goes last: the units of the others run its program.
    return [name for name in names if name != BASE] + [BASE]


def _plan(wanted, owned):
    """{path: (bytes before or None, mode before or None, bytes after or None, mode after or None)} of all that differs."""
    plan = {}
    for path, (content, mode) in wanted.files.items():
        before, mode_before = _present(path)
        if before is not None and path not in owned and MARK not in before:
            raise GuardError(
                "%s is there already and was not written by this collection: move it away, or leave that gateway out"
                % path
            )
        if before != content or mode_before != mode:
            plan[path] = (before, mode_before, content, mode)
    for path in owned.difference(wanted.files):
        before, mode_before = _present(path)
        if before is not None:
            plan[path] = (before, mode_before, None, None)
    return plan


def _present(path):
    content = files.read_bytes(path, owners={0, os.geteuid()}, max_bytes=4 << 20)
    return content, None if content is None else os.stat(path).st_mode & 0o7777


def _check_writable(plan):
    """GuardError, before anything is changed, where a folder that is concerned cannot be written."""
    for path in sorted(list(plan) + ([os.path.join(MANIFESTS, "x")] if plan else [])):
        folder = os.path.dirname(path)
        while not os.path.isdir(folder):
            folder = os.path.dirname(folder)
        if not os.access(folder, os.W_OK) or os.statvfs(folder).f_flag & os.ST_RDONLY:
            raise GuardError(
                "%s cannot be written, so %s cannot be changed: it needs a folder that root can write"
                % (folder, path)
            )


def _live(units):
    """systemd's word on the units, by name."""
    blocks = systemd.Manager().show(
        units, ["Id", "LoadState", "ActiveState", "SubState", "UnitFileState", "NeedDaemonReload"]
    )
    return {block["Id"]: block for block in blocks if block.get("LoadState") != "not-found"}


def _running(block, unit):
    if (
        block is None
        or block.get("UnitFileState") != "enabled"
        or block.get("ActiveState") != "active"
    ):
        return False
    return not unit.endswith(".timer") or timers.fires(block, timers.next_elapse([unit])[unit])


def _diff(path, change, hidden):
    """The change for a person; ``hidden`` are the beginnings of lines that hold a secret, None where they are not known."""
    before, mode_before, after, mode_after = change
    old, new = _readable(path, before), _readable(path, after)
    same = _hide(old, hidden or (), "")[1] in ([], _hide(new, hidden or (), "")[1])
    if hidden is None and before is not None and not mode_before & 0o004:
        old = "(not shown: only its owner may read it)\n"
    return {
        "before_header": "%s%s" % (path, "" if before is None else " (mode %04o)" % mode_before),
        "after_header": "%s%s" % (path, "" if after is None else " (mode %04o)" % mode_after),
        "before": _hide(old, hidden or (), "(hidden)")[0],
        "after": _hide(new, hidden or (), "(hidden)" if same else "(hidden, another one)")[0],
    }


def _hide(text, prefixes, word):
    """(``text`` with ``word`` for what follows one of the ``prefixes`` in its lines, the lines that were concerned)."""
    lines = text.split("\n")
    secret = {
        index: prefix
        for index, line in enumerate(lines)
        for prefix in prefixes
        if line.startswith(prefix) and line != prefix
    }
    return "\n".join(
        secret[index] + word if index in secret else line for index, line in enumerate(lines)
    ), [lines[index] for index in secret]


def _readable(path, content):
    if content is None:
        return ""
    return (
        "(the program hermes-guard, %d bytes)\n" % len(content)
        if path == config.PROGRAM
        else content.decode("utf-8", "replace")
    )


def _carry_out(part, parts, manifests, wanted, plan, live, obsolete, to_start, to_reload):
    manager = systemd.Manager()
    made = sorted(
        set().union(*(manifest["folders"] for manifest in manifests.values()))
        | set(_missing_folders(plan))
    )
    everything = sorted(
        set(wanted.files).union(*(manifest["files"] for manifest in manifests.values()))
    )
    # First what may be there from now on, at the end what is: a run that is cut short knows what it left.
    _write_manifest(part, everything, sorted(set(wanted.units) | set(obsolete)), made)
    _stop(
        manager,
        obsolete
        + [
            os.path.basename(path)
            for path, change in plan.items()
            if change[2] is None and path.endswith(".service")
        ],
    )
    done = []
    try:
        for path, change in sorted(plan.items()):
            done.append(path)
            _put(path, change[2], change[3])
        unit_files.reload(to_reload)
        if to_start:
            manager.call("enable", "--now", "--", *to_start)
        changed_timers = [
            os.path.basename(path)
            for path in plan
            if path.endswith(".timer") and os.path.basename(path) in wanted.units
        ]
        stale = [unit for unit in changed_timers if unit not in to_start]
        if stale:
            # A timer takes up its new times only when it is itself restarted; that does not start its service.
            manager.call("restart", "--", *stale)
    except (OSError, GuardError) as exc:
        new = {os.path.basename(path) for path in done if plan[path][0] is None}
        old = [
            unit
            for unit in obsolete
            if live.get(unit, {}).get("UnitFileState") == "enabled"
            and live[unit].get("ActiveState") == "active"
        ]
        left = _put_back(
            manager, plan, done, [unit for unit in to_start if unit in new], old, to_reload
        )
        raise GuardError(
            "%s; %s"
            % (
                exc,
                "not all could be put back: " + "; ".join(left)
                if left
                else "everything was put back as it was",
            )
        ) from exc
    for name in parts:
        if name != part or not wanted.files:
            _forget(name)
    if wanted.files:
        _write_manifest(part, sorted(wanted.files), wanted.units, made)
    else:
        for folder in sorted(made, reverse=True):
            _remove_if_empty(folder)


def _missing_folders(plan):
    missing = set()
    for path, change in plan.items():
        folder = os.path.dirname(path)
        while change[2] is not None and not os.path.isdir(folder):
            missing.add(folder)
            folder = os.path.dirname(folder)
    return missing


def _write_manifest(part, paths, units, folders):
    os.makedirs(MANIFESTS, mode=0o755, exist_ok=True)
    files.write_atomic(
        os.path.join(MANIFESTS, part + ".json"),
        json.dumps({"files": paths, "units": units, "folders": folders}, indent=1, sort_keys=True)
        + "\n",
    )


def _forget(part):
    try:
        os.unlink(os.path.join(MANIFESTS, part + ".json"))
    except FileNotFoundError:
        pass
    for folder in (MANIFESTS, config.STATE):
        _remove_if_empty(folder)


def _remove_if_empty(folder):
    try:
        os.rmdir(folder)
    except OSError:
        # Somebody else's file is in it, so it stays.
        pass


def _put(path, content, mode):
    if content is None:
        if os.path.lexists(path):
            os.unlink(path)
        return
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    files.write_atomic(path, content, mode)


def _put_back(manager, plan, done, new_units, old_units, to_reload):
    """Undo what was done, as far as it goes, and return what could not be undone (list of str)."""
    left = []
    try:
        if new_units:
            manager.systemctl("disable", "--now", "--", *new_units)
        for path in reversed(done):
            try:
                _put(path, plan[path][0], plan[path][1])
            except OSError as exc:
                left.append("%s: %s" % (path, exc.strerror))
        for one in to_reload:
            one.systemctl("daemon-reload")
        if old_units:
            manager.call("enable", "--now", "--", *old_units)
    except SystemdError as exc:
        left.append(str(exc))
    return left


def _stop(manager, units):
    """Stop and disable the units, timers first: a timer must not start again what is being stopped."""
    for unit in sorted(set(units), key=lambda name: (not name.endswith(".timer"), name)):
        if unit.endswith(".timer"):
            manager.systemctl("disable", "--now", "--", unit)
        else:
            manager.systemctl("stop", "--", unit, timeout=90)
        manager.systemctl("reset-failed", "--", unit)


def _verified(wanted):
    """When each wanted timer fires next (dict of epoch seconds); GuardError where one is not active or never does."""
    timer_units = [unit for unit in wanted.units if unit.endswith(".timer")]
    live = _live(timer_units)
    elapse = timers.next_elapse(timer_units)
    for unit in timer_units:
        state = live.get(unit, {}).get("ActiveState")
        if not timers.fires(live.get(unit, {}), elapse[unit]):
            raise GuardError(
                "%s was installed but does not work: it is %s and its next elapse is %s"
                % (unit, state or "not loaded", elapse[unit] or "infinite")
            )
    return elapse


def _older_than_drop_ins(gateway, wanted):
    """Whether the gateway's process started before the newest of the drop-ins that this part keeps for it."""
    folder = "/%s.d/" % gateway.unit
    times = [
        os.stat(path).st_mtime for path in wanted.files if folder in path and os.path.exists(path)
    ]
    return bool(times) and gateway.start_time is not None and gateway.start_time < max(times)
