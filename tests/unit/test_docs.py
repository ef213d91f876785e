# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands in the docs are valid, and docs/troubleshooting.md has each code and each message of doctor."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import (
    cli_parser,
    doctor,
    ended,
    metrics,
)

TOP = Path(__file__).resolve().parents[2]
PAGES = [TOP / "README.md", *sorted(TOP.glob("docs/*.md")), *sorted(TOP.glob("roles/*/README.md"))]
# In a sentence in backticks, or a line of its own, as root's prompt shows it or not.
COMMAND = re.compile(r"`hermes-guard ([^`|]+)[`|]|^(?:# )?hermes-guard ([a-z].*)$", re.M)


def commands():
    for page in PAGES:
        for found in COMMAND.finditer(page.read_text(encoding="utf-8")):
            yield page.relative_to(TOP), found.group(1) or found.group(2)


@pytest.mark.parametrize("page, command", sorted(set(commands())), ids=str)
def test_command_in_the_docs_is_accepted(page, command):
    words = shlex.split(command, comments=True)
    if words == ["as-asked"]:
        # Of site.yml, which sends a question on standard input; no operator types it.
        return
    # A page may name a command without the options that it needs.
    needed = {"restart": ("--gateway", "--reason"), "notify": ("--test",)}.get(words[0], ())
    for option in needed:
        if option not in words:
            words += [option] if option == "--test" else [option, "x"]
    try:
        cli_parser.make().parse_args(words)
    except SystemExit as exc:
        pytest.fail("%s: hermes-guard %s: exit code %s" % (page, command, exc.code))


def test_commands_are_found():
    found = {command.split()[0] for _page, command in commands()}
    assert {"status", "log", "doctor", "restart", "trend", "notify", "metrics"} <= found


def anchors(page):
    """The anchors of the headings of ``page``, as GitHub makes them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    names = [re.sub(r"[`*]", "", one).lower() for one in re.findall(r"^#+ (.+)$", text, flags=re.M)]
    return {re.sub(r"[^\w\- ]", "", one).replace(" ", "-") for one in names}


@pytest.mark.parametrize("page", [*TOP.glob("*.md"), *PAGES[1:]], ids=lambda one: one.name)
def test_link_has_a_target(page):
    wrong = []
    for link in re.findall(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        path, _hash, anchor = link.partition("#")
        target = page.parent / path if path else page
        if not re.match("https?:", link) and (
            not target.exists() or anchor and anchor not in anchors(target)
        ):
            wrong.append(link)
    assert wrong == []


def section(heading):
    """The part of docs/troubleshooting.md after ``heading``."""
    text = (TOP / "docs/troubleshooting.md").read_text(encoding="utf-8")
    return re.split(r"^##+ %s$" % re.escape(heading), text, flags=re.M)[1]


@pytest.mark.parametrize(
    "heading, codes",
    [
        ("Refusals", metrics.REFUSALS),
        ("HermesGatewayRestartFailed", metrics.FAILURES),
        ("Alerts of the notify command", (*metrics.ALERTS, *ended.FAULTS)),
    ],
)
def test_every_code_is_explained(heading, codes):
    found = re.split(r"^## ", section(heading), flags=re.M)[0]
    rows = [row.split("|")[1] for row in found.splitlines() if row.startswith("| `")]
    assert sorted(set(codes) - set(re.findall(r"`([a-z-]+)`", " ".join(rows)))) == []


def texts(path):
    """The texts in the code of the file ``path``, without docstrings, with "..." for figures and names."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    bodies = [one.body for one in ast.walk(tree) if hasattr(one, "body")]
    docs = [
        id(one[0].value)
        for one in bodies
        if isinstance(one, list) and one and isinstance(one[0], ast.Expr)
    ]
    return [
        re.sub(r"%[sdr]", "...", one.value).replace("%%", "%")
        for one in ast.walk(tree)
        if isinstance(one, ast.Constant) and isinstance(one.value, str) and id(one) not in docs
    ]


def quoted_messages():
    """What the first column of the tables under "Messages of doctor" quotes, as patterns."""
    rows = [row for row in section("Messages of doctor").splitlines() if row.startswith("| `")]
    quoted = [text for row in rows for text in re.findall(r"`([^`]+)`", row.split("|")[1])]
    # Either side may have a name or figure there.
    return {text: re.compile(".*".join(map(re.escape, text.split("...")))) for text in quoted}


def test_every_message_of_doctor_is_explained():
    sentences = [one for one in texts(Path(doctor.__file__)) if len(one.split()) > 3]
    forms = quoted_messages().values()
    missing = [one for one in sentences if not any(form.search(one) for form in forms)]
    # Parts of sentences that have a row.
    parts = (
        "the watchdog's threshold is",
        "the kernel's limit is",
        "its command is not known",
        "the notify command",
    )
    assert "\n".join(one for one in missing if not one.startswith(parts)) == ""
    assert len(sentences) > 25


def test_every_explained_message_exists():
    packages = Path(doctor.__file__).parents[1]
    known = "\n".join(
        text
        for name in ("_guard", "_hermes", "_host")
        for path in sorted((packages / name).glob("*.py"))
        for text in texts(path)
    )
    # A path, and the name of a command with its fault.
    made = {"/etc/hermes-guard/notify.secret ...", "the notify command cannot be run"}
    unknown = [text for text, form in quoted_messages().items() if not form.search(known)]
    assert sorted(set(unknown) - made) == []
