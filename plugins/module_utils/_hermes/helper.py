# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs on the gateway's side: under Hermes's own Python, as the owner of the home (see _hermes.ask).

The text of this file is handed to that Python with ``-c``, so it stands alone. It reads one JSON object from stdin and
writes one JSON object to stdout. ``probe`` tells what the installed Hermes reads and what is in effect; it never calls
``load_config()``, which creates files in the home. ``edit`` changes keys of a YAML text and leaves every other byte as it
was: PyYAML gives the places, the text is spliced there, and the result is parsed again and compared with what it must be.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import sys

MAX_BYTES = 1 << 20
SOURCES = ("gateway", "agent", "hermes_cli", "tools", "run_agent.py", "cli.py")
# The gateway reads this one anew for every message; which others are read live its own source says, see _live().
READ_PER_MESSAGE = ("compression.hygiene_hard_message_limit",)
PLAIN_KEY = re.compile(
    r"^(?!(?:true|false|yes|no|on|off|null|y|n)$)[A-Za-z_][\w-]*$", re.IGNORECASE | re.ASCII
)


class SideError(Exception):
    """The text names the file and the reason; it never holds a value from the file."""


# ------------------------------------------------------------------------------------------------------ values


def get(data, dotted):
    """{"present": True, "value": ...} of key ``dotted`` in the nested dict ``data``, or {"present": False}."""
    for part in dotted.split("."):
        if not isinstance(data, dict) or part not in data:
            return {"present": False}
        data = data[part]
    return {"present": True, "value": data}


def same(one, other):
    """Whether two values are the same to YAML: true is not 1, "50" is not 50."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(same(left, right) for left, right in zip(one, other))
    # .nan is not equal to itself.
    return one == other or repr(one) == repr(other) == "nan"


def inline(value):
    """``value`` as YAML on one line: JSON, which is YAML too but for the exponent of a float and some characters."""
    if isinstance(value, float):
        return re.sub(r"^(-?\d+)e", r"\1.0e", json.dumps(value, allow_nan=False))
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return re.sub(
        "[\x7f-\xa0\u2028\u2029\ufeff]", lambda found: "\\u%04x" % ord(found.group()), text
    )


def _copy(value):
    # Not copy.deepcopy(): what an anchor shares must not stay shared. An empty section and null are the same to Hermes.
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()} or None
    return [_copy(item) for item in value] if isinstance(value, list) else value


def _name(part):
    return part if PLAIN_KEY.match(part) else json.dumps(part, ensure_ascii=False)


def block(parts, value, indent, newline):
    """The lines that give the key ``parts`` (list of str) its ``value`` in block style."""
    lines = [
        "%s%s:" % (" " * (indent + 2 * depth), _name(part)) for depth, part in enumerate(parts)
    ]
    return newline.join(lines) + " " + inline(value) + newline


def _flow(parts, value):
    return "%s: %s" % (
        _name(parts[0]),
        "{%s}" % _flow(parts[1:], value) if parts[1:] else inline(value),
    )


# --------------------------------------------------------------------------------------- a YAML text, byte by byte


def parse(text, path):
    """(what ``text`` holds as dict, its root node or None where it is empty). SideError unless it is a mapping."""
    import yaml

    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None or (
            isinstance(node, yaml.ScalarNode) and node.start_mark.index == node.end_mark.index
        ):
            return {}, None
        data = loader.construct_document(node)
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        where = ", line %d" % (mark.line + 1) if mark else ""
        raise SideError(
            "%s%s: this is not YAML (%s)"
            % (path, where, getattr(exc, "problem", None) or "unreadable characters")
        ) from None
    except (ValueError, RecursionError):
        raise SideError("%s: this is not YAML that can be read" % path) from None
    if not isinstance(data, dict):
        kind = "null" if data is None else "a list" if isinstance(data, list) else "a single value"
        raise SideError(
            "%s, line %d: the file must hold a mapping (key: value), it holds %s"
            % (path, node.start_mark.line + 1, kind)
        )
    return data, node


def edit(text, changes, path):
    """Apply ``changes`` to the YAML ``text``: (new text, {key: how to undo it}); a key that needs no change is not in it.

    A change is {"key": dotted, "value": ...} to set it, or {"key", "was"} with what an earlier edit told, to undo it: the
    key's old text ("raw") comes back, or the key goes, and with it the sections that it brought (those below "depth"
    parts). A key that is no longer what it was set to ("was") is somebody else's now and stays.
    """
    undo = {}
    data, node = parse(text, path)
    for change in changes:
        before = get(data, change["key"])
        if "value" in change:
            if before["present"] and same(before["value"], change["value"]):
                continue
            new, told = _set(text, node, change["key"].split("."), change["value"], path)
        else:
            if not before["present"] or not same(before["value"], change["was"]):
                continue
            new, told = _undo(text, node, data, change)
        try:
            after = parse(new, path)
        except SideError:
            after = ({}, None)
        if not _only_this(data, after[0], change):
            # Anchors, merge keys, a key twice, ...: rare, and a person does it better.
            raise SideError(
                "%s: %s cannot be changed there without changing something else too; please edit it by hand"
                % (path, change["key"])
            )
        undo[change["key"]] = dict(told, before=before, after=get(after[0], change["key"]))
        text, (data, node) = new, after
    return text, undo


def _only_this(before, after, change):
    """Whether ``after`` is ``before`` but for the one key, which is as it must be."""
    found = get(after, change["key"])
    if "value" in change:
        as_asked = found["present"] and same(_copy(found["value"]), _copy(change["value"]))
    else:
        as_asked = found["present"] == ("raw" in change)
    return as_asked and same(_without(before, change["key"]), _without(after, change["key"]))


def _without(data, dotted):
    """A copy of ``data`` without the key, and without the sections around it that are empty then."""
    copy = _copy(data) or {}
    trail = []
    place = copy
    for part in dotted.split("."):
        if not isinstance(place, dict) or part not in place:
            break
        trail.append((place, part))
        place = place[part]
    else:
        place, part = trail.pop()
        del place[part]
    while trail and not trail[-1][0][trail[-1][1]]:
        place, part = trail.pop()
        del place[part]
    return copy


def _set(text, node, parts, value, path):
    """(the text with the key set, {"raw": the old text} or {"depth": how many of its parts were there})."""
    place = node
    for index, part in enumerate(parts):
        found = _find(place, part)
        if found is None:
            return _insert(text, place, parts[index:], value, place is node), {"depth": index}
        if index == len(parts) - 1:
            return _replace(text, found, inline(value))
        if found[1].tag == "tag:yaml.org,2002:null":
            return _replace(text, found, "{%s}" % _flow(parts[index + 1 :], value))[0], {
                "depth": index + 1
            }
        if found[1].tag != "tag:yaml.org,2002:map":
            raise SideError(
                "%s, line %d: %s must be a section (a mapping) to set %s"
                % (
                    path,
                    found[0].start_mark.line + 1,
                    ".".join(parts[: index + 1]),
                    ".".join(parts),
                )
            )
        place = found[1]
    raise AssertionError("a key has at least one part")


def _undo(text, node, data, change):
    parts = change["key"].split(".")
    if "raw" not in change:
        # The highest section that the edit made and that holds nothing else goes with the key.
        while (
            len(parts) - 1 > change.get("depth", len(parts))
            and len(get(data, ".".join(parts[:-1]))["value"]) == 1
        ):
            parts.pop()
    parent = node
    for part in parts[:-1]:
        parent = _find(parent, part)[1]
    found = _find(parent, parts[-1])
    if "raw" in change:
        start, end = _span(text, *found)
        return text[:start] + change["raw"] + text[end:], {}
    return _remove(text, parent, found), {}


def _find(node, part):
    """The (key, value) nodes of ``part`` in a mapping node: the last one, which is the one that counts."""
    for key, value in reversed(node.value if node is not None else []):
        if key.tag == "tag:yaml.org,2002:str" and key.value == part:
            return key, value
    return None


def _end(node):
    """Where the text of ``node`` ends: a block's own end mark lies behind the comments that follow it."""
    if isinstance(node.value, list) and not node.flow_style and node.value:
        last = node.value[-1]
        return max(_end(last[0]), _end(last[1])) if isinstance(last, tuple) else _end(last)
    return node.end_mark.index


def _span(text, key, value):
    """(start, end) of what follows the colon of a key, without a comment."""
    start = text.index(":", key.end_mark.index) + 1
    if value.start_mark.index < key.start_mark.index:
        return start, start + len(re.match(r"\s*\*[^\s,\]}]*|", text[start:]).group())
    return start, max(start, len(text[: _end(value)].rstrip()))


def _replace(text, found, new):
    start, end = _span(text, *found)
    raw = text[start:end]
    space = (
        re.match(r"[ \t]*", raw).group()
        if raw.strip() and not raw.lstrip(" \t").startswith(("\r", "\n"))
        else " "
    )
    quoted = text[start - 2 : start - 1] in "'\""
    return text[:start] + (space or ("" if quoted else " ")) + new + text[end:], {"raw": raw}


def _insert(text, place, parts, value, top):
    newline = "\r\n" if "\r\n" in text else "\n"
    if place is not None and place.flow_style:
        if not place.value:
            at = place.end_mark.index - 1
            return text[:at] + _flow(parts, value) + text[at:]
        at = _span(text, *place.value[-1])[1]
        return text[:at] + ", " + _flow(parts, value) + text[at:]
    indent = place.value[-1][0].start_mark.column if place is not None else 0
    # At the top: at the end of the file; in a section: in the line after its last entry.
    at = len(text) if top else _line_end(text, _span(text, *place.value[-1])[1])
    gap = newline if text[:at] and not text[:at].endswith("\n") else ""
    return text[:at] + gap + block(parts, value, indent, newline) + text[at:]


def _remove(text, parent, found):
    key = found[0]
    start, end = key.start_mark.index, _span(text, *found)[1]
    if parent.flow_style:
        index = [pair[0] for pair in parent.value].index(key)
        if index > 0:
            start = _span(text, *parent.value[index - 1])[1]
        elif len(parent.value) > 1:
            end = parent.value[1][0].start_mark.index
        return text[:start] + text[end:]
    return text[: text.rfind("\n", 0, start) + 1] + text[_line_end(text, end) :]


def _line_end(text, index):
    return text.find("\n", index) + 1 or len(text)


# ------------------------------------------------------------------------------------------------- a home's file


def read_config(path):
    """(text of the file or None where there is none, its os.stat_result)."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None, None
    except OSError as exc:
        raise SideError(
            "%s: %s"
            % (
                path,
                "this is a symbolic link, which is not followed"
                if os.path.islink(path)
                else exc.strerror,
            )
        ) from None
    with os.fdopen(fd, "rb") as stream:
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode):
            raise SideError("%s: this is not a regular file" % path)
        if info.st_uid != os.geteuid():
            raise SideError(
                "%s: this belongs to uid %d, not to the gateway's user (uid %d)"
                % (path, info.st_uid, os.geteuid())
            )
        data = stream.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise SideError("%s: this is larger than %d bytes" % (path, MAX_BYTES))
    try:
        return data.decode("utf-8"), info
    except UnicodeDecodeError as exc:
        raise SideError(
            "%s, line %d: this is not UTF-8" % (path, data[: exc.start].count(b"\n") + 1)
        ) from None


def edit_home(request):
    """Plan the changes to HOME/config.yaml, or make them: where "write" holds the digest of the text they were planned on."""
    path = os.path.join(os.environ["HERMES_HOME"], "config.yaml")
    text, info = read_config(path)
    if not os.access(os.path.dirname(path), os.W_OK | os.X_OK):
        raise SideError(
            "%s: the folder cannot be written by the gateway's user" % os.path.dirname(path)
        )
    after, undo = edit(text or "", request["changes"], path)
    digest = hashlib.sha256((text or "").encode("utf-8")).hexdigest()
    if request.get("write"):
        if request["write"] != digest:
            raise SideError(
                "%s: this was changed by somebody else in the meantime; nothing was written" % path
            )
        if request.get("created") and not after.strip():
            os.unlink(path)
        elif after != (text or ""):
            write_config(path, after, stat.S_IMODE(info.st_mode) if info else 0o600)
    return {
        "path": path,
        "existed": text is not None,
        "before": text or "",
        "after": after,
        "undo": undo,
        "digest": digest,
    }


def write_config(path, text, mode):
    """Replace ``path``, so that a fault leaves the old file or the new one."""
    temporary = "%s.%d.tmp" % (path, os.getpid())
    fd = os.open(
        temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
    )
    try:
        with os.fdopen(fd, "wb") as stream:
            stream.write(text.encode("utf-8"))
            stream.flush()
            os.fchmod(fd, mode)
            os.fsync(fd)
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    folder = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


# ------------------------------------------------------------------------------------------- the installed Hermes


def probe(request):
    """What the installed Hermes is, reads, and has in effect for each of the keys asked."""
    home = os.environ["HERMES_HOME"]
    path = os.path.join(home, "config.yaml")
    text = read_config(path)[0]
    config = parse(text, path)[0] if text else {}

    import hermes_cli
    from hermes_cli.config import DEFAULT_CONFIG

    managed_dir = None
    try:
        from hermes_cli import managed_scope
    except ImportError:
        managed_scope = None
    if managed_scope is not None:
        config = managed_scope.apply_managed_overlay(config)
        managed_dir = managed_scope.get_managed_dir()
    root = os.path.dirname(os.path.dirname(os.path.abspath(hermes_cli.__file__)))
    answer = {
        "version": getattr(hermes_cli, "__version__", None),
        "managed_support": managed_scope is not None,
        "managed_dir": str(managed_dir) if managed_dir else None,
        "channels": _channels(home),
        "config": {},
        "reads": {},
        "live": {},
    }
    answer["provider"], answer["model"] = _model(config)
    for key in request["keys"]:
        default = get(DEFAULT_CONFIG, key)
        found = get(config, key)
        answer["config"][key] = found["value"] if found["present"] else default.get("value")
        answer["reads"][key] = default["present"] or _in_sources(root, key)
        answer["live"][key] = answer["reads"][key] and _live(root, key)
    return answer


def _model(config):
    """(provider, model): the places where Hermes looks, in its order."""
    model = config.get("model")
    if isinstance(model, dict):
        return model.get("provider") or config.get("provider"), model.get("default") or model.get(
            "model"
        ) or model.get("name")
    return config.get("provider"), model


def _channels(home):
    """The platforms that the gateway last reported as connected or being connected."""
    try:
        with open(
            os.open(
                os.path.join(home, "gateway_state.json"),
                os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC,
            ),
            "rb",
        ) as stream:
            platforms = json.loads(stream.read(MAX_BYTES)).get("platforms") or {}
        return sorted(
            name
            for name, one in platforms.items()
            if one.get("state") in ("connected", "connecting", "retrying")
        )
    except (OSError, ValueError, AttributeError):
        return []


def _in_sources(root, key):
    """Whether a source file names the key's last part, and its section, in quotes.

    DEFAULT_CONFIG is not complete: a key that is missing there may be read all the same.
    """
    words = [
        [quote % word.encode("utf-8") for quote in (b'"%s"', b"'%s'")]
        for word in key.split(".")[-2:]
    ]
    for source in SOURCES:
        for folder, dummy, names in (
            os.walk(os.path.join(root, source))
            if not source.endswith(".py")
            else [(root, [], [source])]
        ):
            for name in names:
                if name.endswith(".py"):
                    try:
                        with open(os.path.join(folder, name), "rb") as stream:
                            text = stream.read()
                    except OSError:
                        continue
                    if all(any(form in text for form in forms) for forms in words):
                        return True
    return False


def _live(root, key):
    """Whether a running gateway takes a new value of the key without a restart.

    Its run.py lists the keys whose change makes it build a chat's agent anew at the next message: ("section", "key").
    """
    if key in READ_PER_MESSAGE:
        return True
    try:
        with open(os.path.join(root, "gateway", "run.py"), encoding="utf-8") as stream:
            listed = re.search(
                r"_CACHE_BUSTING_CONFIG_KEYS[^=]*=\s*\((.*?)\n    \)", stream.read(), re.DOTALL
            )
    except OSError:
        return False
    pair = r"\(\s*%s\s*\)" % r",\s*".join('"%s"' % re.escape(part) for part in key.split("."))
    return bool(listed and re.search(pair, listed.group(1)))


def main():
    out = os.dup(1)
    # What Hermes prints when it is imported must not end up in the answer.
    os.dup2(2, 1)
    try:
        request = json.loads(sys.stdin.buffer.read().decode("utf-8"))
        answer = {"probe": probe, "edit": edit_home}[request["do"]](request)
    except SideError as exc:
        answer = {"error": str(exc)}
    except ImportError as exc:
        answer = {"error": "%s cannot import %s" % (sys.executable, exc.name), "broken": True}
    except OSError as exc:
        answer = {"error": "%s: %s" % (exc.filename or os.environ["HERMES_HOME"], exc.strerror)}
    except Exception as exc:  # pylint: disable=broad-exception-caught
        # Its text may hold what is in the file.
        answer = {
            "error": "%s in Hermes's Python %s" % (type(exc).__name__, sys.executable),
            "broken": True,
        }
    with os.fdopen(out, "wb") as stream:
        stream.write(json.dumps(answer, default=str).encode("utf-8"))


if __name__ == "__main__":
    main()
