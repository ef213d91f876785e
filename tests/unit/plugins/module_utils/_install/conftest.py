# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with one gateway, and the parameters that the roles pass to the modules guard and guard_component."""

from __future__ import annotations

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import config
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import discovery
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import (
    cgroup,
    command,
    proc,
    unit_files,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import (
    systemd as systemd_module,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import GuardError
from ansible_collections.hermes_ops.gateway.plugins.module_utils._install import (
    lock,
    memory_limit,
    program,
    works,
)

MARK = "# hermes_ops.gateway\n"
GUARD = MARK + "[DEFAULT]\nhistory_days = 30\n"
NAME = "hermes-gateway"


def base(listed, **changed):
    """The parameters of the module guard; ``listed`` are (path, content, mode) of its files."""
    files = [
        {"path": str(path), "content": content, "mode": mode} for path, content, mode in listed
    ]
    return dict({"state": "present", "gateways": [], "files": files, "options": {}}, **changed)


def component(name, listed, **changed):
    """The parameters of the module guard_component."""
    return dict(base(listed, component=name, units=[], secrets={}), **changed)


@pytest.fixture
def host(tmp_path, systemd, monkeypatch, built):
    """A host with one gateway: the directory below which everything is."""
    root = tmp_path / "host"
    for name in ("units", "bin"):
        (root / name).mkdir(parents=True)
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "curl").write_text("#!/bin/sh\n")
    (tools / "curl").chmod(0o755)
    monkeypatch.setattr(command, "PATH", "%s:%s" % (tools, command.PATH))
    monkeypatch.setattr(config, "FOLDER", str(root / "etc"))
    monkeypatch.setattr(config, "STATE", str(root / "state"))
    monkeypatch.setattr(config, "PROGRAM", str(root / "bin/hermes-guard"))
    monkeypatch.setattr(unit_files, "FOLDER", str(root / "units") + "/")
    # Those of the machine that the tests run on are not of this host.
    monkeypatch.setattr(discovery, "started_manually", lambda found, candidates: [])
    monkeypatch.setattr(program, "installed", lambda present: built)
    monkeypatch.setattr(lock, "PATH", str(root / "bin/.lock"))
    monkeypatch.setattr(works, "LOOK", str(tmp_path / "look.env"))
    monkeypatch.setattr(systemd_module, "version", lambda: 252)
    systemd.add_gateway(tmp_path / "home")
    return root


@pytest.fixture
def guard(host):
    """The parameters of the module guard; call it with what differs."""

    def make(**changed):
        files = [
            (host / "etc/guard.conf", GUARD, "0644"),
            (host / "units/@NAME@-restart.service", MARK + "# @NAME@\n", "0644"),
        ]
        return base(files, **changed)

    return make


@pytest.fixture
def timer(host):
    """The parameters of the component restart_timer, with a timer for each gateway of ``names``."""

    def make(times="04:00", names=(NAME,), **changed):
        text = "%sOnCalendar=%s\n" % (MARK, times)
        files = [(host / ("units/%s-restart.timer" % name), text, "0644") for name in names]
        files.append((host / "etc/guard.conf.d/timer.conf", "[DEFAULT]\nsplay = 1h\n", "0644"))
        return component(
            "restart_timer",
            files,
            **dict(
                {
                    "units": [name + "-restart.timer" for name in names],
                    "options": {"hermes_restart_timer_at": [times]},
                },
                **changed,
            ),
        )

    return make


@pytest.fixture
def watchdog(host):
    """The parameters of the component watchdog, with a secret in its file."""

    def make(command="curl -H token:tok-1", threshold="50%", **changed):
        content = "[DEFAULT]\n%sthreshold = %s\nnotify_command =\n" % (MARK, threshold)
        files = [(host / "etc/guard.conf.d/watchdog.conf", content, "0600")]
        return component("watchdog", files, secrets={"notify_command": command}, **changed)

    return make


@pytest.fixture
def allocator(host):
    """The parameters of the component allocator; call it with the path and content of its file."""
    return lambda path, content: component("allocator", [(path, content, "0644")])


@pytest.fixture
def limit(host):
    """The parameters of the component memory_limit, its files as the role makes them."""

    def make(most="80%", swap="0", high="", watchdog=None, scope="system", **changed):
        options = {
            "hermes_memory_limit_max": most,
            "hermes_memory_limit_swap_max": swap,
            "hermes_memory_limit_high": high,
        }
        try:
            limits = memory_limit.directives(
                memory_limit.amounts(options, {}, proc.host_memory())[0]
            )
        except GuardError:
            # The role hands over nothing, and the module says why.
            limits = {}
        text = MARK + "".join("%s=%s\n" % line for line in limits.items())
        if watchdog:
            options["hermes_watchdog_threshold"] = watchdog
        folder = host / "units" / scope
        files = [
            (folder / "hermes-gateway.service.d/limit.conf", text, "0644"),
            (folder / "hermes.slice", text, "0644"),
        ]
        return component("memory_limit", files, **dict({"options": options}, **changed))

    return make


@pytest.fixture
def ram(monkeypatch):
    """A host with 1000 MB of RAM and cgroup v2, whose kernel does as systemd says: {control group: limit}."""
    most = {"": 800 << 20}
    monkeypatch.setattr(
        proc,
        "host_memory",
        lambda: {
            "total_bytes": 1000 << 20,
            "available_bytes": 0,
            "swap_total_bytes": most.get("swap", 0),
        },
    )
    monkeypatch.setattr(memory_limit, "IN_FORCE_SECONDS", 0)
    monkeypatch.setattr(cgroup, "memory", lambda group: {"cgroup_max_bytes": most[group]})
    controllers(monkeypatch, "cpu memory pids\n")
    return most


def controllers(monkeypatch, everywhere, of_user=None):
    """What cgroup.controllers says, None for no such file; ``of_user`` is said in the cgroup of a user's systemd."""

    def read(path, limit=1 << 20):
        if path.startswith(cgroup.ROOT):
            return of_user or everywhere if "user@" in path else everywhere
        return real(path, limit)

    real = proc.read
    monkeypatch.setattr(proc, "read", read)


@pytest.fixture
def say_controllers(monkeypatch):
    """controllers(), for a test that changes its mind."""
    return lambda everywhere, of_user=None: controllers(monkeypatch, everywhere, of_user)
