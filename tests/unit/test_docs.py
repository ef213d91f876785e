# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the docs have an operator type: each command of hermes-guard is one that it accepts."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import cli_parser

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
