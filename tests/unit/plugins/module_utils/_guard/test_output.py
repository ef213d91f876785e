# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program continues if the journal stops reading."""

from __future__ import annotations

import os
import sys

from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import cli


def test_nobody_reads_any_more(monkeypatch):
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w", closefd=False) as broken:
        monkeypatch.setattr(sys, "stdout", broken)
        cli.say("waiting for a quiet moment")
        assert sys.stdout is not broken
        cli.say("draining")
        # The rest of its buffer cannot be written.
        os.dup2(os.open(os.devnull, os.O_WRONLY), writer)
    os.close(writer)


def test_control_characters_are_not_printed(capsys):
    """A user of the host may have chosen a part of the text."""
    cli.say("a\x1b[2J\tb\nc")
    cli.complain("d\x1b[2J\ne")
    assert capsys.readouterr() == ("a[2J\tb\nc\n", "hermes-guard: d[2J\ne\n")
