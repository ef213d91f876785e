# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""remove.yml with tags: the modules that the host's Python, which answers all of them, receives."""

from __future__ import annotations

import json
import re

import pytest

pytest.importorskip("ansible")

ANSWER = {"jemalloc": True, "package_manager": "apt", "obsolete_packages": ["python3-psutil"]}
# A parameter of this module only.
GUARD, SESSION, PACKAGE = "keep_history:", "article_keys:", "python3-psutil"
# The code that Python runs contains the module with its parameters.
NOTE = (
    """grep -aoE '"(component|state|keep_history|article_keys)": ?"?[a-z_]+|"python3-psutil"' """
    '"$1"'
)


@pytest.fixture
def remove(tmp_path, ansible_playbook, answering_hosts):
    """remove(WORDS): (exit code, output, the components and the modules that the host received)."""
    inventory, asked = answering_hosts(["web1"], NOTE, ANSWER)

    def run(*words):
        asked.write_text("")
        done = ansible_playbook(
            ["hermes_ops.gateway.remove", "-i", str(inventory), *words],
            tmp_path,
            ANSIBLE_PIPELINING="0",
        )
        text = re.sub('[ "]', "", asked.read_text())
        return done.returncode, done.stdout, re.findall("component:([a-z_]+)", text), text

    return run


@pytest.mark.parametrize(
    "tag", ["watchdog", "hermes_restart_timer", "memory_limit", "allocator", "metrics"]
)
def test_tag_removes_that_role_and_nothing_else(remove, tag):
    """It once exited with 0 without doing anything."""
    code, output, components, asked = remove("--tags", tag)
    assert code == 0, output
    assert components == [tag.replace("hermes_", "")]
    assert "state:absent" in asked and "state:present" not in asked


@pytest.mark.parametrize("tag", ["watchdog", "restart_timer"])
def test_tag_removes_the_role_although_a_gateway_requests_it(remove, tag):
    """It once installed the role, and the guard, and reported success."""
    gateways = {"hermes-gateway": {tag + "_state": "present"}}
    code, output, components, asked = remove(
        "--tags", tag, "-e", json.dumps({"hermes_gateways": gateways})
    )
    assert code == 0, output
    assert components == [tag]
    assert "state:absent" in asked and "state:present" not in asked and GUARD not in asked


def test_without_tags_all_goes_with_the_guard(remove):
    code, output, components, asked = remove()
    assert code == 0, output
    # Removing the guard removes the components: no component is requested separately.
    assert components == [] and GUARD in asked and SESSION in asked
    assert "keep_history:false" in asked
    # The package that the guard reports as no longer needed.
    assert PACKAGE in asked


def test_history_is_kept_if_that_is_asked(remove):
    code, output, _components, asked = remove("-e", "hermes_keep_history=true")
    assert code == 0, output
    assert "keep_history:true" in asked


def test_check_mode_removes_no_package(remove):
    code, output, _components, asked = remove("--check")
    assert code == 0, output
    assert GUARD in asked and PACKAGE not in asked


def test_role_cannot_be_kept_if_its_guard_goes(remove):
    code, output, _components, asked = remove("--skip-tags", "watchdog")
    assert (code != 0, asked) == (True, ""), output
    assert "--skip-tags watchdog: not possible, because removing the guard removes every role" in (
        " ".join(output.split())
    )
    code, output, components, asked = remove("--skip-tags", "watchdog", "--tags", "allocator")
    assert (code, components) == (0, ["allocator"]), output


def test_session_can_be_kept(remove):
    code, output, _components, asked = remove("--skip-tags", "session")
    assert code == 0, output
    assert GUARD in asked and SESSION not in asked
