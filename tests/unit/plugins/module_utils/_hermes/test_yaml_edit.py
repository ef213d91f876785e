# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The editing of YAML, by either library: what is asked changes, and not one byte more."""

from __future__ import annotations

import sys
import time

import pytest

yaml = pytest.importorskip("yaml")

from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import yaml_edit

LIMIT = "compression.hygiene_hard_message_limit"

LONG = """\
# Ada's own file: do not tidy up
model:
    default:   "stub-model"     # aligned by hand
    provider: 'custom'

compression:
  # four hundred was too many
  enabled:   yes   # keep

  threshold: 0.50
  # the end of the section

list:
- a
-   b
folded: >-
  a long
  line
-1001234567890: a chat
empty:
# fallback_model: none
"""


@pytest.fixture(params=["PyYAML", "PyYAML without libyaml", "ruamel.yaml"], autouse=True)
def library(request, monkeypatch):
    """A Hermes has PyYAML, with or without libyaml, or, from 0.22 on, ruamel.yaml alone."""
    if request.param == "PyYAML without libyaml":
        monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    if request.param == "ruamel.yaml":
        pytest.importorskip("ruamel.yaml")
        monkeypatch.setitem(sys.modules, "yaml", None)
    return request.param


def put(text, **changes):
    return yaml_edit.edit(
        text,
        [{"key": key.replace("__", "."), "value": value} for key, value in changes.items()],
        "config.yaml",
    )


def undo(text, told, was):
    return yaml_edit.edit(
        text,
        [
            dict(
                {"key": key, "was": was[key]},
                **{name: how[name] for name in ("raw", "depth") if name in how},
            )
            for key, how in told.items()
        ],
        "config.yaml",
    )[0]


CASES = {
    "long": (
        LONG,
        LONG.replace(
            "  threshold: 0.50\n", "  threshold: 0.50\n  hygiene_hard_message_limit: 50\n"
        ),
    ),
    "present": (
        "compression:\n  hygiene_hard_message_limit: 0x190 # hm\n",
        "compression:\n  hygiene_hard_message_limit: 50 # hm\n",
    ),
    "aligned": (
        "compression:\n  hygiene_hard_message_limit:   400\n",
        "compression:\n  hygiene_hard_message_limit:   50\n",
    ),
    "quoted": (
        "compression:\n  hygiene_hard_message_limit: '50'\n",
        "compression:\n  hygiene_hard_message_limit: 50\n",
    ),
    "no value": (
        "compression:\n  hygiene_hard_message_limit: # none\nz: 1\n",
        "compression:\n  hygiene_hard_message_limit: 50 # none\nz: 1\n",
    ),
    "no section": (
        "a: 1\n# end\n",
        "a: 1\n# end\ncompression:\n  hygiene_hard_message_limit: 50\n",
    ),
    "no newline": ("a: 1", "a: 1\ncompression:\n  hygiene_hard_message_limit: 50\n"),
    "empty": ("", "compression:\n  hygiene_hard_message_limit: 50\n"),
    "comments only": ("# hi\n", "# hi\ncompression:\n  hygiene_hard_message_limit: 50\n"),
    "marker": ("---\n", "---\ncompression:\n  hygiene_hard_message_limit: 50\n"),
    "crlf": (
        "compression:\r\n  enabled: true\r\nz: 1\r\n",
        "compression:\r\n  enabled: true\r\n  hygiene_hard_message_limit: 50\r\nz: 1\r\n",
    ),
    "flow section": (
        "compression: { enabled: true }  # c\n",
        "compression: { enabled: true, hygiene_hard_message_limit: 50 }  # c\n",
    ),
    "flow over lines": (
        "compression: {\n  enabled: true, # c\n}\n",
        "compression: {\n  enabled: true, hygiene_hard_message_limit: 50, # c\n}\n",
    ),
    "empty flow": ("compression: {}\n", "compression: {hygiene_hard_message_limit: 50}\n"),
    "flow file": ("{a: 1}\n", "{a: 1, compression: {hygiene_hard_message_limit: 50}}\n"),
    "json file": (
        '{"compression":{"hygiene_hard_message_limit":400,"a":1}}',
        '{"compression":{"hygiene_hard_message_limit":50,"a":1}}',
    ),
    "null section": (
        "compression:\nz: 1\n",
        "compression: {hygiene_hard_message_limit: 50}\nz: 1\n",
    ),
    "tilde section": (
        "compression: ~ # c\n",
        "compression: {hygiene_hard_message_limit: 50} # c\n",
    ),
    "block scalar": (
        "compression:\n  hygiene_hard_message_limit: |\n    4\n    5\n\n  z: 1\n",
        "compression:\n  hygiene_hard_message_limit: 50\n\n  z: 1\n",
    ),
    "block list": (
        "compression:\n  hygiene_hard_message_limit:\n  - 1\n  - 2\n  # c\n  z: 1\n",
        "compression:\n  hygiene_hard_message_limit: 50\n  # c\n  z: 1\n",
    ),
    "alias": (
        "a: &n 400\ncompression:\n  hygiene_hard_message_limit: *n # c\n",
        "a: &n 400\ncompression:\n  hygiene_hard_message_limit: 50 # c\n",
    ),
    "last is deep": (
        "compression:\n  a:\n    b: [1,\n      2] # c\nz: 1\n",
        "compression:\n  a:\n    b: [1,\n      2] # c\n  hygiene_hard_message_limit: 50\nz: 1\n",
    ),
    "end marker": (
        "---\na: 1\n...\n",
        "---\ncompression:\n  hygiene_hard_message_limit: 50\na: 1\n...\n",
    ),
    "block scalar without a newline at the end": (
        "agent:\n  prompt: |\n    hello",
        "compression:\n  hygiene_hard_message_limit: 50\nagent:\n  prompt: |\n    hello",
    ),
    "block scalar that keeps its empty lines": (
        "compression:\n  a: 1\n  note: |+\n    hello\n\n\n",
        "compression:\n  a: 1\n  hygiene_hard_message_limit: 50\n  note: |+\n    hello\n\n\n",
    ),
    "merge key": (
        "base: &b\n  hygiene_hard_message_limit: 400\ncompression:\n  <<: *b\n  enabled: true\n",
        "base: &b\n  hygiene_hard_message_limit: 400\ncompression:\n  <<: *b\n  enabled: true\n"
        "  hygiene_hard_message_limit: 50\n",
    ),
    "merge key alone": (
        "base: &b {hygiene_hard_message_limit: 400}\ncompression:\n  <<: *b\n",
        "base: &b {hygiene_hard_message_limit: 400}\ncompression:\n"
        "  hygiene_hard_message_limit: 50\n  <<: *b\n",
    ),
    "four spaces": (
        "compression:\n    enabled: true\n",
        "compression:\n    enabled: true\n    hygiene_hard_message_limit: 50\n",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_set(case):
    before, after = CASES[case]
    assert put(before, compression__hygiene_hard_message_limit=50)[0] == after
    assert put(after, compression__hygiene_hard_message_limit=50) == (after, {})


@pytest.mark.parametrize("case", CASES)
def test_undo_brings_back_every_byte(case):
    before = CASES[case][0]
    after, told = put(before, compression__hygiene_hard_message_limit=50)
    back = undo(after, told, {LIMIT: 50})
    expected = {
        "no newline": before + "\n",
        "null section": "compression: {}\nz: 1\n",
        "tilde section": "compression: {} # c\n",
    }
    assert back == expected.get(case, before)


def test_undo_leaves_what_somebody_changed_since():
    told = put("", compression__hygiene_hard_message_limit=50)[1]
    mine = "compression:\n  hygiene_hard_message_limit: 70\n"
    assert undo(mine, told, {LIMIT: 50}) == mine


def test_undo_keeps_a_section_that_holds_more():
    told = put("", compression__hygiene_hard_message_limit=50)[1]
    assert (
        undo("compression:\n  hygiene_hard_message_limit: 50\n  a: 1\n", told, {LIMIT: 50})
        == "compression:\n  a: 1\n"
    )


def test_two_keys_and_back():
    after, told = put(
        LONG,
        compression__hygiene_hard_message_limit=50,
        compression__enabled=False,
        new__section__here="x: y",
    )
    data = yaml.safe_load(after)
    assert data["compression"] == {
        "enabled": False,
        "threshold": 0.5,
        "hygiene_hard_message_limit": 50,
    }
    assert data["new"] == {"section": {"here": "x: y"}}
    assert told["compression.enabled"]["before"] == {"present": True, "value": True}
    assert (
        undo(after, told, {LIMIT: 50, "compression.enabled": False, "new.section.here": "x: y"})
        == LONG
    )


@pytest.mark.parametrize(
    "value",
    [1e-7, 2.5, "", "yes", "ä \u2028 \t\n '\"#", [1, "a", {"b": None}], None, True, {"on": 1}],
)
def test_values(value):
    assert yaml.safe_load(put("a: {b: 1}\n", a__c=value, d__e=value)[0]) == {
        "a": {"b": 1, "c": value},
        "d": {"e": value},
    }


@pytest.mark.parametrize("key", ["123456", "-1001234567890"])
def test_key_that_yaml_reads_as_a_number(key):
    """Hermes has the chat once: a second key, as text, would be another chat."""
    text = "telegram:\n  chats:\n    %s: short # c\n" % key
    after, told = put(text, **{"telegram__chats__" + key: "long"})
    assert after == 'telegram:\n  chats:\n    %s: "long" # c\n' % key
    assert yaml.safe_load(after) == {"telegram": {"chats": {int(key): "long"}}}
    assert undo(after, told, {"telegram.chats." + key: "long"}) == text


def test_key_that_is_there_as_a_text_and_as_a_number():
    text = 'chats:\n  "1": a\n  1: b\n'
    assert put(text, chats__1="c")[0] == 'chats:\n  "1": "c"\n  1: b\n'


def test_a_large_file_takes_seconds_at_most(library):
    """Prompts and MCP servers make a config.yaml of 400 kB; Hermes is given 30 s on a small host."""
    if library != "PyYAML" or not hasattr(yaml, "CSafeLoader"):
        pytest.skip("without libyaml it takes ten times as long")
    servers = [
        "  server%d:\n    args: [a, 'b c', 1]\n    on: true\n" % place for place in range(9000)
    ]
    text = "mcp_servers:\n" + "".join(servers)
    start = time.process_time()
    after, told = put(text, compression__hygiene_hard_message_limit=50, compression__enabled=True)
    # A second on a machine that does nothing else.
    assert time.process_time() - start < 4
    assert after.startswith(text) and len(text) > 400000 and len(told) == 2


def test_undo_of_what_a_merge_key_brings_as_well():
    """The key is there afterwards: the merge key brings it, as before the change."""
    text = "base: &b\n  enabled: false\ncompression:\n  <<: *b\n  threshold: 0.5\n"
    after, told = put(text, compression__enabled=True)
    assert yaml.safe_load(after)["base"] == {"enabled": False}
    assert told["compression.enabled"]["before"] == {"present": True, "value": False}
    assert undo(after, told, {"compression.enabled": True}) == text


def test_true_is_not_one():
    assert put("a:\n  b: 1\n", a__b=True)[0] == "a:\n  b: true\n"


@pytest.mark.parametrize(
    "text, words",
    [
        ("a: 1\nb: [1\nc: 2\n", "line 3: invalid YAML"),
        ("- a\n", "found a list"),
        ("null\n", "found null"),
        ("hello\n", "found a single value"),
        ("a: 1\n---\nb: 2\n", "invalid YAML"),
        ("compression: off\n", "expected a section (a mapping) at compression"),
        ("a: \x00\n", "invalid YAML"),
        ("base: &b {enabled: true}\ncompression: *b\n", "edit the file manually"),
        ("base: &b {enabled: true}\ncompression: {<<: *b}\n", "edit the file manually"),
        ("a: 2020-99-99\n", "invalid YAML"),
        ("a: !!python/object:os.system x\n", "invalid YAML"),
    ],
)
def test_refused(text, words):
    with pytest.raises(yaml_edit.YamlError) as caught:
        put(text, compression__enabled=False)
    assert "config.yaml" in str(caught.value) and words in str(caught.value)


def test_either_library_reads_the_same(library):
    text = (
        LONG + "on: yes\nold: 0777\ntime: 1:30\nday: 2026-11-25\nbase: &b {a: 1}\nuse: {<<: *b}\n"
    )
    assert yaml_edit.parse(text, "config.yaml").data == yaml.safe_load(text)
    assert yaml_edit._library().__name__ == ("yaml" if "PyYAML" in library else library)


def test_key_that_is_there_twice(library):
    """Hermes 0.22 refuses such a file, and earlier ones take the last: so do their libraries."""
    text = "token: first-secret\ntoken: second-secret\n"
    if "PyYAML" in library:
        assert put(text, token="x")[0] == 'token: first-secret\ntoken: "x"\n'
        return
    with pytest.raises(yaml_edit.YamlError, match="line 2: .*duplicate key") as caught:
        put(text, token="x")
    assert "secret" not in str(caught.value)


def test_neither_library(monkeypatch):
    for name in ("yaml", "ruamel", "ruamel.yaml"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match="neither PyYAML nor ruamel") as caught:
        put("a: 1\n", a=2)
    assert caught.value.name == "yaml"
