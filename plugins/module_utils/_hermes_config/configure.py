# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Setting Hermes's configuration: in the managed scope as root, or in a home as its owner.

Everything is asked and planned first; then the record of what was there before is written, then the files.

Root never runs a gateway's Python for a file of its own. A managed file that this module wrote is simply written anew from
the record, which needs no library; one that an operator wrote is edited in this process, which needs PyYAML.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import stat

from .._guard import config
from .._hermes import client, discovery, yaml_edit
from .._host import command, files, proc, systemd
from .._host.errors import GuardError, HermesError, MissingLibrary, host_faults

ROOT = 0
MANAGED_DIR = "/etc/hermes"
STATE_DIR = "/var/lib/hermes-guard"
GUARD = "/usr/local/bin/hermes-guard"
HEADER = "# Written by the Ansible module hermes_ops.gateway.hermes_config. What stands here wins over every user's config.yaml.\n"

# An intent and the keys that mean it: all that the installed Hermes reads are set. The last one is what 0.13 to 0.19 read.
INTENTS = {
    "session_max_messages": ("session_max_messages", "compression.hygiene_hard_message_limit"),
    "auto_compress": ("session_auto_compress", "compression.enabled"),
}
ARTICLE_KEYS = ("session_max_messages", "session_auto_compress")
KEY = re.compile(r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$")
SECRET = re.compile(
    r"key$|keys$|token$|secret|passw|credential|authorization|private", re.IGNORECASE
)
SECRET_IN_LINE = re.compile(
    r"((?:keys?|token|secret\w*|passw\w*|credentials?|authorization|private\w*)[\"']?\s*:\s*)[^\s,}][^,}\r\n]*",
    re.IGNORECASE,
)


class Asked:
    """One wanted key: ``option`` is the module's option it comes from, ``keys`` those that mean it, ``always`` whether unread keys count."""

    def __init__(self, option, keys, value, always=False):
        self.option = option
        self.keys = keys
        self.value = value
        self.always = always


class Plan:
    """What happens to one file. ``changes`` are those of yaml_edit.edit, ``undo`` is what it told, by key."""

    def __init__(self, path, gateways, home):
        self.path = path
        self.gateways = gateways
        self.home = home
        self.changes = []
        self.before = self.after = ""
        self.undo = {}
        self.existed = self.ours = False
        self.digest = None

    @property
    def changed(self):
        return self.before != self.after


# ----------------------------------------------------------------------------------------------- what is asked


def asked(params):
    """What the module's options ask for: a list of Asked. GuardError where an option cannot be."""
    wanted = []
    limit = params["session_max_messages"]
    if limit is not None and limit < 1:
        raise GuardError(
            "session_max_messages is %d: it must be a whole number of messages, 1 or more" % limit
        )
    for option, keys in INTENTS.items():
        if params[option] is not None:
            wanted.append(Asked(option, keys, params[option]))
            if params["article_keys"]:
                wanted.append(Asked(option, keys[:1], params[option], always=True))
    for key, value in sorted(_flat(params["settings"] or {}).items()):
        wanted.append(Asked("settings", (key,), value, always=True))
    if not wanted and params["state"] == "present":
        raise GuardError(
            "nothing is asked: give at least one of session_max_messages, auto_compress or settings"
        )
    return wanted


def _flat(settings, prefix=""):
    """{dotted key: value} of ``settings``, whose keys may be dotted and whose values may be dicts."""
    found = {}
    for name, value in settings.items():
        key = "%s%s" % (prefix, name)
        if not KEY.match(key):
            raise GuardError(
                "settings has the key %r: allowed are letters, digits, _ and -, with dots between the parts"
                % key
            )
        if SECRET.search(key.rsplit(".", 1)[-1]):
            raise GuardError(
                "settings has the key %r, which looks like a secret: secrets belong in the .env of the gateway's home"
                % key
            )
        if isinstance(value, dict) and value:
            found.update(_flat(value, key + "."))
        else:
            found[key] = value
    return found


def chosen(names, gateways):
    """Those of ``gateways`` with one of ``names``, or all where there are none. GuardError for a name that does not exist."""
    unknown = sorted(set(names) - {gateway.name for gateway in gateways})
    if unknown:
        raise GuardError(
            "gateways has %s: there is no such gateway on this host; there are: %s"
            % (
                ", ".join(repr(name) for name in unknown),
                ", ".join(gateway.name for gateway in gateways) or "none",
            )
        )
    return [gateway for gateway in gateways if not names or gateway.name in names]


# -------------------------------------------------------------------------------------------- asking each Hermes


class Installed:
    """A gateway and what its Hermes says. ``info`` is client.probe's answer, or None where its Python is broken."""

    def __init__(self, gateway, keys):
        self.gateway = gateway
        self.managed_dir = _managed_dir_of_unit(gateway)
        self.keys = keys
        self.info = None
        self.problem = None
        self.ask()

    def ask(self):
        gateway = self.gateway
        if gateway.uid == ROOT:
            raise GuardError(
                "gateway %s runs as root with the home %s: Hermes must not be configured or run as root"
                % (gateway.name, gateway.home)
            )
        if gateway.problem:
            raise GuardError("gateway %s: %s" % (gateway.name, gateway.problem))
        if gateway.python is None:
            self.problem = "the Python that runs it is not known"
            return
        seen_dir = self.managed_dir or (
            proc.environ(gateway.pid).get("HERMES_MANAGED_DIR") if gateway.pid else None
        )
        try:
            self.info = client.probe(gateway, self.keys, managed_dir=seen_dir)
        except HermesError as exc:
            if not exc.broken:
                raise GuardError("gateway %s: %s" % (gateway.name, exc)) from exc
            self.problem = str(exc)

    def keys_for(self, one):
        """Which keys mean ``one`` (an Asked) to this Hermes."""
        if one.always:
            return one.keys
        if self.info is None:
            return one.keys[-1:]
        return tuple(key for key in one.keys if self.info["reads"][key])

    def reads(self, key):
        return None if self.info is None else self.info["reads"].get(key)

    def live(self, key):
        return self.info is not None and self.info["live"].get(key, False)


def _managed_dir_of_unit(gateway):
    # Only a unit in system scope is root's word; root must not write where a user says.
    if gateway.scope != "system" or not gateway.unit:
        return None
    shown = systemd.Manager().show([gateway.unit], ["Environment"])
    folder = (
        systemd.environment(shown[0].get("Environment") if shown else "")
        .get("HERMES_MANAGED_DIR", "")
        .strip()
    )
    return os.path.normpath(folder) if folder.startswith("/") else None


# --------------------------------------------------------------------------------------- the record of what was


class Record:
    """What this module set, and what was there before, by file: so that ``state: absent`` leaves things as they were.

    It holds old values of configuration, so only root reads it.
    """

    def __init__(self):
        self.path = os.path.join(STATE_DIR, config.SESSION_RECORD)
        self.files = (files.read_json(self.path, owners={ROOT}) or {}).get("files", {})
        self.saved = _dump(self.files)

    def keys(self, path):
        return self.files.get(path, {}).get("keys", {})

    def note(self, plan, options):
        """Take over what ``plan`` is going to set, with what undoes it."""
        entry = self.files.setdefault(
            plan.path,
            {
                "home": None,
                "user": None,
                "python": None,
                "keys": {},
                "created": not plan.existed,
                "made_dir": not os.path.isdir(os.path.dirname(plan.path)),
            },
        )
        if plan.home:
            gateway = plan.home.gateway
            entry.update(home=gateway.home, user=gateway.user, python=gateway.python)
        entry["text"] = plan.after if plan.ours else None
        for change in plan.changes:
            key = change["key"]
            if "value" not in change or key not in plan.undo:
                continue
            told = plan.undo[key]
            old = entry["keys"].get(key)
            # Where it still is what was set last time, what was there before that is what counts.
            if old is None or not yaml_edit.same(told["before"].get("value"), old["was"]):
                old = {name: told[name] for name in ("raw", "depth") if name in told}
                if "depth" in old:
                    old["depth"] = _depth(key, old["depth"], entry["keys"])
            entry["keys"][key] = dict(old, was=change["value"], option=options[key])

    def forget(self, plan):
        """What ``plan`` took back is no longer ours."""
        entry = self.files.get(plan.path, {"keys": {}})
        for change in plan.changes:
            if "value" not in change:
                entry["keys"].pop(change["key"], None)
        if not entry["keys"]:
            self.files.pop(plan.path, None)

    def changed(self):
        return _dump(self.files) != self.saved

    def save(self):
        if not self.changed():
            return
        self.saved = _dump(self.files)
        if self.files:
            os.makedirs(STATE_DIR, mode=0o755, exist_ok=True)
            files.write_atomic(self.path, _dump({"files": self.files}), mode=0o600)
        else:
            _remove(self.path, True)


def _depth(key, depth, others):
    """How many parts of ``key`` there were before any of the ``others``, which this module set, was there."""
    parts = key.split(".")
    for other, kept in others.items():
        shared = kept.get("depth", len(parts))
        if shared < depth and other.split(".")[: shared + 1] == parts[: shared + 1]:
            depth = shared
    return depth


def _dump(value):
    return json.dumps(value, sort_keys=True, indent=1)


def undo_change(key, kept):
    return dict(
        {"key": key, "was": kept["was"]},
        **{name: kept[name] for name in ("raw", "depth") if name in kept},
    )


# --------------------------------------------------------------------------------------------------- planning


def plan_present(wanted, installed, scope, record):
    """(plans, applied, warnings, {key: option}) of what is asked."""
    plans, applied, warnings = {}, [], []
    options = {}
    for one in installed:
        old = one.info is not None and not one.info["managed_support"]
        at_home = scope == "home" or old
        if at_home and one.info is None:
            raise GuardError("gateway %s: %s" % (one.gateway.name, one.problem))
        if one.problem:
            warnings.append(
                "gateway %s could not be asked what it reads and has in effect: %s"
                % (one.gateway.name, one.problem)
            )
        folder = one.gateway.home if at_home else one.managed_dir or MANAGED_DIR
        path = os.path.join(folder, "config.yaml")
        plan = plans.setdefault(path, Plan(path, [], one if at_home else None))
        plan.gateways.append(one)
        for ask in wanted:
            keys = one.keys_for(ask)
            if not keys:
                warnings.append(
                    "%s has no effect on gateway %s: its Hermes %s reads none of %s"
                    % (ask.option, one.gateway.name, one.info["version"], ", ".join(ask.keys))
                )
                applied.append(
                    {
                        "asked": ask.option,
                        "key": None,
                        "file": path,
                        "gateways": [one.gateway.name],
                        "before": None,
                        "after": None,
                        "reads": False,
                        "live": False,
                    }
                )
            if ask.option == "settings" and one.reads(keys[0]) is False:
                warnings.append(
                    "%s is set, but the Hermes %s of gateway %s does not seem to read it"
                    % (keys[0], one.info["version"], one.gateway.name)
                )
            for key in keys:
                options[key] = ask.option
                if key not in [change["key"] for change in plan.changes]:
                    plan.changes.append({"key": key, "value": ask.value})
    given = {ask.option for ask in wanted} - {"settings"}
    for plan in plans.values():
        # A key that once meant an intent and does so no more: after an update of Hermes, or without article_keys.
        stays = {change["key"] for change in plan.changes}
        plan.changes += [
            undo_change(key, kept)
            for key, kept in record.keys(plan.path).items()
            if kept["option"] in given and key not in stays
        ]
        fill(plan, record)
        applied += [
            _entry(
                plan,
                change,
                options.get(
                    change["key"], record.keys(plan.path).get(change["key"], {}).get("option")
                ),
            )
            for change in plan.changes
        ]
    return list(plans.values()), applied, warnings, options


def plan_absent(params, gateways, record):
    """(plans, applied) of taking back what was set: all of it, or only what the options name."""
    wanted = asked(params)
    options = {ask.option for ask in wanted} - {"settings"}
    settings = {ask.keys[0] for ask in wanted if ask.option == "settings"}
    homes = (
        {gateway.home for gateway in chosen(params["gateways"], gateways)}
        if params["gateways"]
        else None
    )
    asked_once = _Lookup(
        gateways, sorted({key for entry in record.files.values() for key in entry["keys"]})
    )
    plans, applied = [], []
    for path, entry in sorted(record.files.items()):
        if homes is not None and entry["home"] not in homes:
            continue
        if entry["home"] and not os.path.isdir(entry["home"]):
            # The home went away, and what was set in it too.
            del record.files[path]
            continue
        plan = Plan(path, [], None)
        plan.changes = [
            undo_change(key, kept)
            for key, kept in sorted(entry["keys"].items())
            if not wanted
            or kept["option"] in options
            or kept["option"] == "settings"
            and key in settings
        ]
        if not plan.changes:
            continue
        if entry["home"]:
            plan.gateways = asked_once.of_home(entry["home"])
            plan.home = plan.gateways[0] if plan.gateways else _Gone(entry)
        else:
            plan.gateways = asked_once.of_managed(path)
        fill(plan, record)
        applied += [
            _entry(plan, change, entry["keys"][change["key"]]["option"]) for change in plan.changes
        ]
        plans.append(plan)
    return plans, applied


class _Lookup:
    """The Installed of gateways, each asked at most once."""

    def __init__(self, gateways, keys):
        self.gateways = gateways
        self.keys = keys
        self.known = {}

    def installed(self, gateway):
        if gateway.name not in self.known:
            self.known[gateway.name] = Installed(gateway, self.keys)
        return self.known[gateway.name]

    def of_home(self, home):
        return [self.installed(gateway) for gateway in self.gateways if gateway.home == home]

    def of_managed(self, path):
        """Those that read the managed file ``path``. One that cannot be asked must not keep it from being removed."""
        found = []
        for gateway in self.gateways:
            try:
                one = self.installed(gateway)
            except GuardError:
                continue
            old = one.info is not None and not one.info["managed_support"]
            if not old and path == os.path.join(one.managed_dir or MANAGED_DIR, "config.yaml"):
                found.append(one)
        return found


class _Gone:
    """Stands for the gateway of a home whose unit is gone: what the record knows of it."""

    def __init__(self, entry):
        self.gateway = self
        self.name = None
        self.home, self.user, self.python = entry["home"], entry["user"], entry["python"]


def _entry(plan, change, option):
    told = plan.undo.get(change["key"])
    value = change.get("value")
    return {
        "asked": option,
        "key": change["key"],
        "file": plan.path,
        "gateways": [one.gateway.name for one in plan.gateways],
        "before": told["before"].get("value") if told else value,
        "after": told["after"].get("value") if told else value,
        "reads": _all(one.reads(change["key"]) for one in plan.gateways),
        "live": bool(plan.gateways) and all(one.live(change["key"]) for one in plan.gateways),
    }


def _all(answers):
    known = [answer for answer in answers if answer is not None]
    return all(known) if known else None


def fill(plan, record):
    """Find out what ``plan.changes`` do to the file. Nothing is written."""
    if plan.home is not None:
        answer = _edit_home(plan, {"changes": plan.changes})
        plan.before, plan.after, plan.undo = answer["before"], answer["after"], answer["undo"]
        plan.existed, plan.digest = answer["existed"], answer["digest"]
        return
    _check_managed(os.path.dirname(plan.path))
    text = files.read_text(plan.path, owners={ROOT})
    plan.existed = text is not None
    plan.before = text or ""
    entry = record.files.get(plan.path)
    if text is None:
        record.files.pop(plan.path, None)
    plan.ours = text is None or (entry is not None and entry.get("text") == text)
    if not plan.ours:
        try:
            plan.after, plan.undo = yaml_edit.edit(text, plan.changes, plan.path)
        except ImportError as exc:
            raise MissingLibrary(plan.path) from exc
        if entry is not None and entry["created"] and plan.after.strip() == HEADER.strip():
            plan.after = ""
        return
    values = {key: kept["was"] for key, kept in record.keys(plan.path).items()}
    for change in plan.changes:
        key = change["key"]
        before = {"present": True, "value": values[key]} if key in values else {"present": False}
        after = (
            {"present": True, "value": change["value"]} if "value" in change else {"present": False}
        )
        if before["present"] != after["present"] or not yaml_edit.same(
            before.get("value"), after.get("value")
        ):
            plan.undo[key] = {"depth": 0, "before": before, "after": after}
        values.pop(key, None)
        if "value" in change:
            values[key] = change["value"]
    plan.after = render(values) if plan.undo else plan.before


def render(values):
    """The text of a managed file with ``values`` (dotted key to value); "" where there are none."""
    lines = []
    above = []
    for key in sorted(values, key=lambda dotted: dotted.split(".")):
        parts = key.split(".")
        for other in values:
            if other.startswith(key + "."):
                raise GuardError(
                    "settings has both %s and %s: one is a part of the other" % (key, other)
                )
        shared = 0
        while shared < len(parts) - 1 and parts[: shared + 1] == above[: shared + 1]:
            shared += 1
        lines.append(yaml_edit.block(parts[shared:], values[key], 2 * shared, "\n"))
        above = parts[:-1]
    return HEADER + "".join(lines) if lines else ""


def _edit_home(plan, request):
    gateway = plan.home.gateway
    try:
        answer = client.ask(gateway, dict(request, do="edit"))
    except HermesError as exc:
        raise GuardError(
            "gateway %s: %s" % (gateway.name, exc) if gateway.name else str(exc)
        ) from exc
    form = {"before": str, "after": str, "undo": dict, "existed": bool, "digest": str}
    if any(not isinstance(answer.get(name), kind) for name, kind in form.items()) or not all(
        isinstance(told, dict)
        and isinstance(told.get("before"), dict)
        and isinstance(told.get("after"), dict)
        for told in answer["undo"].values()
    ):
        raise GuardError(
            "%s: the Python %s of the gateway's user gave an answer of the wrong form"
            % (plan.path, gateway.python)
        )
    return answer


def _check_managed(folder):
    """GuardError unless root can write in ``folder`` (or make it) and nobody else can."""
    why = "scope is managed (home would need no folder of root's), but "
    if os.path.lexists(folder):
        info = os.lstat(folder)
        if not stat.S_ISDIR(info.st_mode) or info.st_uid != ROOT or info.st_mode & 0o022:
            raise GuardError(
                "%s%s is not a folder of root that nobody else can write in" % (why, folder)
            )
    _check_writable(folder, why)


def _check_writable(folder, why=""):
    while not os.path.lexists(folder):
        folder = os.path.dirname(folder)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise GuardError(
            "%s%s cannot be written (is it mounted read-only?); nothing was changed" % (why, folder)
        )


# ----------------------------------------------------------------------------------------------------- writing


def write(plan, entry):
    """Make the file what ``plan`` says; where this module made it and nothing is left in it, it goes."""
    if plan.home is not None:
        _edit_home(
            plan, {"changes": plan.changes, "write": plan.digest, "created": entry["created"]}
        )
    elif plan.after.strip() or not entry["created"]:
        os.makedirs(os.path.dirname(plan.path), mode=0o755, exist_ok=True)
        files.write_atomic(
            plan.path,
            plan.after,
            mode=stat.S_IMODE(os.lstat(plan.path).st_mode) if plan.existed else 0o644,
        )
    else:
        _remove(plan.path, entry["made_dir"])


def _remove(path, folder_too):
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    if folder_too:
        try:
            os.rmdir(os.path.dirname(path))
        except OSError:
            # Somebody else keeps files there.
            return


def diff(plan):
    """Before and after for --diff. Of a file that is not all ours only the lines that change, so that no secret is near."""
    before, after = plan.before, plan.after
    if not plan.ours:
        old, new = before.splitlines(True), after.splitlines(True)
        blocks = [
            block
            for block in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
            if block[0] != "equal"
        ]
        before = "".join("".join(old[block[1] : block[2]]) for block in blocks)
        after = "".join("".join(new[block[3] : block[4]]) for block in blocks)
    return {
        "before_header": plan.path,
        "after_header": plan.path,
        "before": mask(before),
        "after": mask(after),
    }


def mask(text):
    return SECRET_IN_LINE.sub(r"\1********", text)


# ------------------------------------------------------------------------------------------- effect and restart


def verify(plans):
    """GuardError where a gateway has something else in effect than what was asked."""
    for plan in plans:
        for one in plan.gateways:
            for change in plan.changes:
                value = change.get("value")
                # Hermes puts the environment's values in the place of ${NAME}.
                if (
                    one.info is None
                    or "value" not in change
                    or isinstance(value, str)
                    and "${" in value
                ):
                    continue
                found = one.info["config"].get(change["key"])
                if not yaml_edit.same(found, value):
                    where = one.info["managed_dir"]
                    raise GuardError(
                        "gateway %s: %s is %s in effect, not %s as set in %s; its managed scope is %s"
                        % (
                            one.gateway.name,
                            change["key"],
                            json.dumps(found),
                            json.dumps(value),
                            plan.path,
                            "%s/config.yaml, which wins" % where if where else "not in use",
                        )
                    )


def restart_required(plan, one):
    """Whether the gateway's process is older than a value that it reads only when it starts."""
    if one.gateway.start_time is None:
        return False
    # The article's keys are no reason where this Hermes does not read them.
    late = [
        change
        for change in plan.changes
        if not one.live(change["key"])
        and not (change["key"] in ARTICLE_KEYS and not one.reads(change["key"]))
    ]
    if any(change["key"] in plan.undo for change in late):
        return True
    try:
        written = os.lstat(plan.path).st_mtime
    except OSError:
        return False
    return any("value" in change for change in late) and one.gateway.start_time < written


def restart_unit(name):
    return name + "-restart.service"


def waiting_for_restart(names, mode):
    """Those of ``names`` whose restart is not under way already. GuardError where hermes_guard is not there to do it."""
    if not names:
        return []
    if mode == "now" and not os.access(GUARD, os.X_OK):
        raise GuardError(
            "restart is now, but %s is not there: apply the role hermes_guard first, or use restart: never"
            % GUARD
        )
    shown = systemd.Manager().show(
        [restart_unit(name) for name in names], ["Id", "LoadState", "ActiveState"]
    )
    states = {block.get("Id"): block for block in shown}
    for name in names:
        if mode == "when_idle" and states.get(restart_unit(name), {}).get("LoadState") != "loaded":
            raise GuardError(
                "restart is when_idle, but %s is not there: apply the role hermes_guard first, or use restart: never"
                % restart_unit(name)
            )
    return [
        name
        for name in names
        if states.get(restart_unit(name), {}).get("ActiveState") not in ("activating", "active")
    ]


def restart(name, mode):
    if mode == "when_idle":
        systemd.Manager().call("start", "--no-block", "--", restart_unit(name))
        return
    done = command.run(
        [GUARD, "restart", "--gateway", name, "--reason", "hermes_config", "--now"], timeout=600.0
    )
    if done.rc != 0:
        raise GuardError(
            "gateway %s was configured, but not restarted: %s"
            % (name, (done.err.strip() or done.out.strip())[:500])
        )


# ------------------------------------------------------------------------------------------------- the whole of it


@host_faults
def configure(params, check_mode):
    """What the module does; its result (dict). GuardError or MissingLibrary where it cannot be done."""
    try:
        return _configure(params, check_mode)
    except yaml_edit.YamlError as exc:
        raise GuardError(str(exc)) from exc


def _configure(params, check_mode):
    wanted = asked(params)
    if os.geteuid() != ROOT:
        raise GuardError(
            "this must run as root (become: true): it asks every gateway as its own user"
        )
    result = {
        "changed": False,
        "applied": [],
        "restart_required": False,
        "gateways": [],
        "restarted": [],
        "diff": [],
        "warnings": [],
    }
    record = Record()
    options = {}
    absent = params["state"] == "absent"
    gateways, left_out = [] if absent and not record.files else discovery.find_gateways(), []
    if not params["gateways"]:
        gateways, unsafe = discovery.without_unsafe(gateways)
        left_out = ["%s is left out: %s" % (one.name, one.problem) for one in unsafe]
    if absent:
        plans, result["applied"] = plan_absent(params, gateways, record)
    else:
        if not gateways and not params["gateways"]:
            return dict(result, warnings=left_out, skipped_because="no Hermes gateway on this host")
        keys = sorted({key for ask in wanted for key in ask.keys})
        installed, failed = [], []
        for gateway in chosen(params["gateways"], gateways):
            try:
                installed.append(Installed(gateway, keys))
            except GuardError as exc:
                # A user whose Hermes is broken does not keep those of others from being set.
                if params["gateways"] or gateway.scope == "system":
                    raise
                failed.append(exc)
        if failed and not installed:
            raise failed[0]
        left_out += ["left out: %s" % exc for exc in failed]
        plans, result["applied"], result["warnings"], options = plan_present(
            wanted, installed, params["scope"], record
        )
    result["warnings"] += left_out
    changed = [plan for plan in plans if plan.changed]
    if changed or record.changed():
        _check_writable(STATE_DIR)
    needs = {}
    for plan in plans:
        for one in plan.gateways:
            needs[one.gateway.name] = restart_required(plan, one) or needs.get(
                one.gateway.name, False
            )
    result["gateways"] = [{"name": name, "restart_required": needs[name]} for name in sorted(needs)]
    names = sorted(name for name in needs if needs[name])
    result["restart_required"] = bool(names)
    result["restarted"] = (
        waiting_for_restart(names, params["restart"]) if params["restart"] != "never" else []
    )
    if names and params["restart"] == "never":
        result["warnings"].append(
            "a restart is needed before it takes over what is set: %s" % ", ".join(names)
        )
    result["diff"] = [diff(plan) for plan in changed]
    result["changed"] = bool(changed or result["restarted"])
    if not check_mode:
        _carry_out(plans, record, options, result["restarted"], params["restart"])
    elif not changed:
        verify(plans)
    return result


def _carry_out(plans, record, options, restarts, mode):
    """What is set is noted before it is written, what is taken back is forgotten after: a fault in between loses nothing."""
    changed = [plan for plan in plans if plan.changed]
    for plan in changed:
        record.note(plan, options)
    record.save()
    for plan in changed:
        write(plan, record.files[plan.path])
    for plan in plans:
        record.forget(plan)
    record.save()
    for plan in changed:
        for one in plan.gateways:
            if one.keys:
                one.ask()
    verify(plans)
    for name in restarts:
        restart(name, mode)
