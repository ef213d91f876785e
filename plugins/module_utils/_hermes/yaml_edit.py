# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes keys of a YAML text and leaves every other byte unchanged.

PyYAML or ruamel.yaml gives the positions. YAML has many notations, so each change is tried and
verified: ``_set`` and ``_undo`` propose one text after the other, and the first counts that has
exactly the expected data when it is parsed again. For example, a new key comes at the end of the
file; if that is inside a block scalar, parsing shows it, and the key comes before the last entry
instead. This file imports nothing from this collection, because client passes it to Hermes's own
Python together with helper.
"""

from __future__ import annotations

import contextlib
import gc
import json
import re
from typing import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    import yaml

    Pair = tuple[yaml.Node, yaml.Node]

# Keys that need no quotes. YAML 1.1 does not read the excluded words as strings.
PLAIN_KEY = re.compile(
    r"^(?!(?:true|false|yes|no|on|off|null|y|n)$)[A-Za-z_][\w-]*$", re.IGNORECASE | re.ASCII
)


class YamlError(Exception):
    """The text names the file and the reason; it never holds a value from the file."""


class Parsed(NamedTuple):
    """The data of a YAML text, and its root node (None if it is empty)."""

    data: dict[str, Any]
    node: yaml.MappingNode | None


class Edited(NamedTuple):
    """A changed text, and by changed key the data to undo the change: see edit."""

    text: str
    undo: dict[str, dict[str, Any]]


class Step(NamedTuple):
    """A text after one change, and the data to undo it: ``raw`` (the old text) or ``depth``."""

    text: str
    how: dict[str, Any]


class Span(NamedTuple):
    """A part of a text: the index of its first character, and the index after its last."""

    start: int
    end: int


def edit(text: str, changes: list[dict[str, Any]], path: str) -> Edited:
    """Apply ``changes`` to the YAML ``text`` of the file ``path``.

    A change is {"key": dotted, "value": ...} to set a key, or {"key", "was"} with the data that an
    earlier edit returned, to undo it: the key's old text ("raw") is restored, or the key is removed
    with the sections that it added (those below "depth" parts). A key whose value is no longer
    "was" has been changed by someone else and is kept. Unchanged keys are not in ``undo``.
    """
    with _uncollected():
        return _edit(text, changes, path)


def _edit(text: str, changes: list[dict[str, Any]], path: str) -> Edited:
    undo = {}
    parsed = parse(text, path)
    for change in changes:
        before = get(parsed.data, change["key"])
        if not _needed(before, change):
            continue
        for step in (_set if "value" in change else _undo)(text, parsed, change, path):
            after = _parse_again(step.text, path)
            if _only_this(parsed, after, change):
                break
        else:
            raise _only_manually(path, change)
        undo[change["key"]] = dict(step.how, before=before, after=get(after.data, change["key"]))
        text, parsed = step.text, after
    return Edited(text, undo)


def _needed(before: dict[str, Any], change: dict[str, Any]) -> bool:
    """Whether a key in the state ``before`` has to be changed."""
    if "value" in change:
        return not (before["present"] and same(before["value"], change["value"]))
    return before["present"] and same(before["value"], change["was"])


def _only_manually(path: str, change: dict[str, Any]) -> YamlError:
    # Rare cases, such as anchors or duplicate keys, are left to the operator.
    return YamlError(
        "%s: %s cannot be changed without changing other keys: edit the file manually"
        % (path, change["key"])
    )


# ------------------------------------------------------------------------------------------ values


def get(data: object, dotted: str) -> dict[str, Any]:
    """{"present": True, "value": ...} of key ``dotted`` in nested dicts, or {"present": False}."""
    for part in dotted.split("."):
        key = _key(data, part)
        if key is None:
            return {"present": False}
        data = data[key]  # type: ignore[index]  # _key found a mapping
    return {"present": True, "value": data}


def _key(data: object, part: str) -> Any:
    """The key of the mapping ``data`` that matches ``part`` of a dotted key, or None.

    YAML reads a chat's identity as a number, but it is text in a dotted key.
    """
    if not isinstance(data, dict):
        return None
    if part in data:
        return part
    numbers = (key for key in data if type(key) in (int, float) and str(key) == part)
    return next(numbers, None)


def same(one: object, other: object) -> bool:
    """Whether two values are equal in YAML: true is not 1, "50" is not 50."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(same(left, right) for left, right in zip(one, other))
    # .nan is not equal to itself.
    return one == other or repr(one) == repr(other) == "nan"


def inline(value: object) -> str:
    """``value`` as YAML on one line.

    This is JSON, except for the exponent of a float and some characters.
    """
    if isinstance(value, float):
        return re.sub(r"^(-?\d+)e", r"\1.0e", json.dumps(value, allow_nan=False))
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return re.sub(
        "[\x7f-\xa0\u2028\u2029\ufeff]", lambda found: "\\u%04x" % ord(found.group()), text
    )


def block(parts: list[str], value: object, indent: int, newline: str) -> str:
    """The lines in block style that set the key ``parts`` to ``value``."""
    lines = [
        "%s%s:" % (" " * (indent + 2 * depth), _name(part)) for depth, part in enumerate(parts)
    ]
    return newline.join(lines) + " " + inline(value) + newline


def _flow(parts: list[str], value: object) -> str:
    inner = "{%s}" % _flow(parts[1:], value) if parts[1:] else inline(value)
    return "%s: %s" % (_name(parts[0]), inner)


def _name(part: str) -> str:
    return part if PLAIN_KEY.match(part) else json.dumps(part, ensure_ascii=False)


def _copy(value: Any) -> Any:
    # Not copy.deepcopy(): values shared through an anchor must become separate. Hermes treats an
    # empty section like null.
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()} or None
    return [_copy(item) for item in value] if isinstance(value, list) else value


# ----------------------------------------------------------------------------------------- parsing


def parse(text: str, path: str) -> Parsed:
    """Parse the ``text`` of ``path``. Raises YamlError unless it is a mapping or empty."""
    library = _library()
    try:
        with _uncollected():
            node, data = _load(library, text)
    except library.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        line = ", line %d" % (mark.line + 1) if mark else ""
        raise YamlError("%s%s: invalid YAML (%s)" % (path, line, _problem(exc))) from None
    except (ValueError, RecursionError):
        raise YamlError("%s: invalid YAML" % path) from None
    if node is None:
        return Parsed({}, None)
    if not isinstance(data, dict) or node.id != "mapping":
        kind = "null" if data is None else "a list" if isinstance(data, list) else "a single value"
        raise YamlError(
            "%s, line %d: expected a mapping (key: value), found %s"
            % (path, node.start_mark.line + 1, kind)
        )
    return Parsed(data, node)


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Disable garbage collection: it takes half of the time, and the many nodes form no cycles."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _library() -> Any:
    """PyYAML, or ruamel.yaml for Hermes 0.22 and later, which lack PyYAML."""
    try:
        import yaml
    except ImportError:
        try:
            import ruamel.yaml
        except ImportError:
            raise ImportError("neither PyYAML nor ruamel.yaml", name="yaml") from None
        return ruamel.yaml
    return yaml


def _load(library: Any, text: str) -> tuple[Any, Any]:
    """The root node and the data of ``text``; None for both if it is empty."""
    if library.__name__ == "yaml":
        # libyaml's loader is ten times as fast, and most builds of PyYAML have it.
        loader = getattr(library, "CSafeLoader", library.SafeLoader)(text)
        node, construct = loader.get_single_node(), loader.construct_document
    else:
        # ruamel.yaml 0.19 no longer has PyYAML's interface. Hermes also reads its file as YAML 1.1,
        # and also rejects duplicate keys with this library.
        reader = library.YAML(typ="safe", pure=True)
        reader.version = (1, 1)
        node, construct = reader.compose(text), reader.constructor.construct_document
    if node is None or (node.id == "scalar" and node.start_mark.index == node.end_mark.index):
        return None, None
    return node, construct(node)


def _problem(exc: Exception) -> str:
    """The library's description of the problem, without any values."""
    if type(exc).__name__ == "DuplicateKeyError":
        return "duplicate key"
    return getattr(exc, "problem", None) or "unreadable characters"


def _parse_again(text: str, path: str) -> Parsed:
    try:
        return parse(text, path)
    except YamlError:
        return Parsed({}, None)


def _only_this(before: Parsed, after: Parsed, change: dict[str, Any]) -> bool:
    """Whether ``after`` differs from ``before`` only in the one key, which is as requested."""
    dotted = change["key"]
    if "value" in change:
        found = get(after.data, dotted)
        as_asked = found["present"] and same(_copy(found["value"]), _copy(change["value"]))
    else:
        as_asked = (_own(after.node, dotted) is not None) == ("raw" in change)
    return as_asked and same(_without(before.data, dotted), _without(after.data, dotted))


def _without(data: dict[str, Any], dotted: str) -> dict[str, Any]:
    """A copy of ``data`` without the key, and without sections that become empty."""
    copy = _copy(data) or {}
    trail = []
    place = copy
    for part in dotted.split("."):
        key = _key(place, part)
        if key is None:
            break
        trail.append((place, key))
        place = place[key]
    else:
        place, key = trail.pop()
        del place[key]
    while trail and not trail[-1][0][trail[-1][1]]:
        place, key = trail.pop()
        del place[key]
    return copy


# -------------------------------------------------------------------------- changing, byte by byte


def _set(text: str, parsed: Parsed, change: dict[str, Any], path: str) -> Iterator[Step]:
    """The ways to set the key of ``change``; ``depth`` is the number of parts that existed."""
    parts, value = change["key"].split("."), change["value"]
    place: Any = parsed.node
    for index, part in enumerate(parts):
        found = _find(place, part)
        if found is None:
            for new in _insert(text, place, parts[index:], value):
                yield Step(new, {"depth": index})
            return
        if index == len(parts) - 1:
            yield _replace(text, found, inline(value))
            return
        key, section = found
        if section.tag == "tag:yaml.org,2002:null":
            new = _replace(text, found, "{%s}" % _flow(parts[index + 1 :], value)).text
            yield Step(new, {"depth": index + 1})
            return
        if section.tag != "tag:yaml.org,2002:map":
            raise YamlError(
                "%s, line %d: cannot set %s: expected a section (a mapping) at %s"
                % (path, key.start_mark.line + 1, change["key"], ".".join(parts[: index + 1]))
            )
        place = section


def _undo(text: str, parsed: Parsed, change: dict[str, Any], path: str) -> Iterator[Step]:
    """Restore the old text of ``change``'s key, or remove it with the sections that it added."""
    parts = change["key"].split(".")
    if "raw" not in change:
        # Remove the highest section that the edit added and that contains only this key.
        while (
            len(parts) - 1 > change.get("depth", len(parts))
            and len(get(parsed.data, ".".join(parts[:-1]))["value"]) == 1
        ):
            parts.pop()
    found = _own(parsed.node, ".".join(parts))
    if found is None:
        raise _only_manually(path, change)
    if "raw" in change:
        start, end = _span(text, found.pair)
        yield Step(text[:start] + change["raw"] + text[end:], {})
    else:
        yield Step(_remove(text, found.parent, found.pair), {})


def _replace(text: str, found: Pair, new: str) -> Step:
    start, end = _span(text, found)
    raw = text[start:end]
    if raw.strip() and not raw.lstrip(" \t").startswith(("\r", "\n")):
        space = raw[: len(raw) - len(raw.lstrip(" \t"))]
    else:
        space = " "
    quoted = text[start - 2 : start - 1] in "'\""
    return Step(text[:start] + (space or ("" if quoted else " ")) + new + text[end:], {"raw": raw})


def _insert(text: str, place: Any, parts: list[str], value: object) -> Iterator[str]:
    """``text`` with a new key in the mapping node ``place`` (None: the text is empty).

    In block style, the key comes after the mapping's last entry, or at the end of the file for the
    top-level mapping. That position may be inside a block scalar or after the end of the document,
    so the second choice is before the last entry.
    """
    pairs = _own_pairs(place)
    if place is not None and place.flow_style:
        at = _span(text, pairs[-1]).end if pairs else place.end_mark.index - 1
        yield text[:at] + (", " if pairs else "") + _flow(parts, value) + text[at:]
        return
    newline = "\r\n" if "\r\n" in text else "\n"
    if place is None:
        yield _with_line(text, len(text), block(parts, value, 0, newline), newline)
        return
    # A mapping with only merge keys begins with one.
    last = pairs[-1][0].start_mark.index if pairs else text.index("<<", place.start_mark.index)
    front = text.rfind("\n", 0, last) + 1
    lines = block(parts, value, last - front, newline)
    if pairs:
        top = place.start_mark.column == 0
        at = len(text) if top else _line_end(text, _span(text, pairs[-1]).end)
        yield _with_line(text, at, lines, newline)
    if not text[front:last].strip():
        yield text[:front] + lines + text[front:]


def _with_line(text: str, at: int, lines: str, newline: str) -> str:
    """``text`` with ``lines`` inserted at index ``at``, on a new line if necessary."""
    gap = newline if text[:at] and not text[:at].endswith("\n") else ""
    return text[:at] + gap + lines + text[at:]


def _remove(text: str, parent: yaml.MappingNode, found: Pair) -> str:
    """``text`` without the entry ``found`` of ``parent``."""
    start, end = found[0].start_mark.index, _span(text, found).end
    if not parent.flow_style:
        return text[: text.rfind("\n", 0, start) + 1] + text[_line_end(text, end) :]
    pairs = _own_pairs(parent)
    index = [pair[0] for pair in pairs].index(found[0])
    if index > 0:
        start = _span(text, pairs[index - 1]).end
    elif len(pairs) > 1:
        end = pairs[1][0].start_mark.index
    return text[:start] + text[end:]


# ------------------------------------------------------------------------------- places in the text


class Found(NamedTuple):
    """An entry of a mapping, and the mapping itself."""

    pair: Pair
    parent: yaml.MappingNode


def _own(node: Any, dotted: str) -> Found | None:
    """The entry of key ``dotted`` below ``node``, unless it comes from a merge key."""
    found = None
    for part in dotted.split("."):
        pair = _find(node, part)
        if pair is None:
            return None
        found = Found(pair, node)
        node = pair[1]
    return found


def _find(node: Any, part: str) -> Pair | None:
    """The key and value nodes of ``part`` in a mapping: the last pair, which is in effect."""
    for tags in (("str",), ("int", "float")):
        for key, value in reversed(_own_pairs(node)):
            if key.value == part and key.tag.rpartition(":")[2] in tags:
                return key, value
    return None


def _own_pairs(node: Any) -> list[Pair]:
    """The entries of a mapping, without those that come from a merge key."""
    if node is None or node.id != "mapping":
        return []
    start, end = node.start_mark.index, node.end_mark.index
    return [pair for pair in node.value if start <= pair[0].start_mark.index < end]


def _span(text: str, pair: Pair) -> Span:
    """The text after the colon of a key, without a comment."""
    key, value = pair
    start = text.index(":", key.end_mark.index) + 1
    if value.start_mark.index < key.start_mark.index:
        # An alias: the node is its target.
        alias = re.compile(r"\s*\*[^\s,\]}]*").match(text, start)
        return Span(start, alias.end() if alias else start)
    if value.start_mark.index == value.end_mark.index:
        # No value. ruamel.yaml gives a position after the comment that follows.
        return Span(start, start)
    return Span(start, max(start, len(text[: _end(value)].rstrip())))


def _end(node: Any) -> int:
    """The end of the text of ``node``. A block's own end mark is after trailing comments."""
    if isinstance(node.value, list) and not node.flow_style and node.value:
        last = node.value[-1]
        return max(_end(last[0]), _end(last[1])) if isinstance(last, tuple) else _end(last)
    return node.end_mark.index


def _line_end(text: str, index: int) -> int:
    return text.find("\n", index) + 1 or len(text)
