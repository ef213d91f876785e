# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A notify command that cannot be run is refused when the role runs, not noticed at the first alert."""

from __future__ import annotations

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import SettingError
from ansible_collections.hermes_ops.gateway.plugins.module_utils._install import notify_command

TOKEN = "tok-1"


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "notify"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("value", [None, "", "  ", "sh -c 'echo $HERMES_GUARD_EVENT'", "sh"])
def test_command_that_can_be_run_or_none(value):
    assert notify_command.check(value, False) == []


def test_path_of_a_script(script):
    assert notify_command.check("%s --quiet 'two words'" % script, False) == []
    script.chmod(0o644)
    with pytest.raises(SettingError, match="its program is not executable: expected an absolute"):
        notify_command.check(str(script), False)
    with pytest.raises(SettingError, match="its program is a directory"):
        notify_command.check(str(script.parent), False)


@pytest.mark.parametrize("program", ["/nonexistent/cmd", "no-such-program", "TOKEN=%s" % TOKEN])
def test_program_that_does_not_exist(program):
    text = "hermes_watchdog_notify_command: its program does not exist on this host: expected an"
    with pytest.raises(SettingError, match=text) as caught:
        notify_command.check("%s -H %s" % (program, TOKEN), False)
    assert TOKEN not in str(caught.value) and program not in str(caught.value)
    # On a bare host a task before the role may be about to install it.
    (note,) = notify_command.check("%s -H %s" % (program, TOKEN), True)
    assert note.startswith(text) and TOKEN not in note


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("curl -H '%s" % TOKEN, "invalid quoting: no closing quotation: expected a command line"),
        ("curl %s\\" % TOKEN, "invalid quoting: no escaped character"),
        ({"cmd": TOKEN}, "invalid type dict: expected a command line such as"),
        (["curl", TOKEN], "invalid type list"),
        (7, "invalid type int"),
    ],
)
def test_what_is_no_command_line(value, why):
    for check_mode in (True, False):
        with pytest.raises(SettingError, match=why) as caught:
            notify_command.check(value, check_mode)
        assert TOKEN not in str(caught.value)


def test_variables_that_no_shell_replaces(script):
    (note,) = notify_command.check("%s -d text=$HERMES_GUARD_GATEWAY" % script, False)
    assert (
        "$HERMES_GUARD_... is not expanded, because no shell is used: wrap the command in" in note
    )
