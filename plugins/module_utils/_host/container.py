# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Detects the container that a process runs in, from files in /proc that every user can read."""

from __future__ import annotations

import collections
import json
import os
import re

from . import files, proc
from .errors import FileError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple

    class Container(NamedTuple):
        """A container as named by its cgroup; both fields are "" if unknown."""

        engine: str
        name: str
else:
    Container = collections.namedtuple("Container", "engine name")

# Cgroup names of the container engines: the systemd and the cgroupfs driver of Docker and Podman,
# the runtimes of Kubernetes, LXC and its derivatives, systemd-nspawn.
_CGROUPS = (
    ("docker", r"docker-([0-9a-f]{12,64})\.scope"),
    ("docker", r"docker/([0-9a-f]{12,64})"),
    ("podman", r"libpod-(?:payload-)?([0-9a-f]{12,64})(?:\.scope)?"),
    ("podman", r"podman-([0-9]+)\.scope"),
    ("kubernetes", r"(?:cri-containerd|crio)-([0-9a-f]{12,64})\.scope"),
    ("kubernetes", r"kubepods[^/]*/(?:[^/]*/)*([0-9a-f]{12,64})"),
    ("lxc", r"lxc(?:/|\.payload[./])([A-Za-z0-9_.-]+)"),
    ("nspawn", r"machine-([^/]+)\.scope"),
    ("nspawn", r"systemd-nspawn@([^/]+)\.service"),
)

# The container databases of Docker and Podman, readable by root only.
DOCKER = "/var/lib/docker/containers/%s/config.v2.json"
PODMAN = "/var/lib/containers/storage/overlay-containers/containers.json"
ROOT = 0
# Podman's file lists all containers of the host, with a few hundred bytes each.
_MAX_BYTES = 8 << 20
# Container names that both engines allow.
_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,200}\Z"


def of(pid: int) -> Container | None:
    """The container of process ``pid``, seen from this process; None if it runs on the host."""
    # If we run in a container ourselves, its cgroup is a parent of every process that we see.
    outer = _named(proc.cgroup(1)) + _named(proc.cgroup(os.getpid()))
    for one in _named(proc.cgroup(pid)):
        if one not in outer:
            return one
    own, levels = proc.pid_levels(os.getpid()), proc.pid_levels(pid)
    if own and levels and levels > own:
        return Container("", "")
    return Container("", "") if _other_root(pid) else None


def given_name(found: Container) -> str:
    """The container's name according to its engine, else its name in ``found``.

    Reads the files of Docker and Podman and does not contact the engine.
    """
    name = None
    if found.engine == "docker" and found.name:
        content = _read(DOCKER % found.name)
        if isinstance(content, dict) and isinstance(content.get("Name"), str):
            name = content["Name"].lstrip("/")
    elif found.engine == "podman" and found.name:
        content = _read(PODMAN)
        for one in content if isinstance(content, list) else []:
            if isinstance(one, dict) and one.get("id") == found.name:
                names = one.get("names")
                name = names[0] if isinstance(names, list) and names else None
    return name if isinstance(name, str) and re.match(_NAME, name) else found.name


def _read(path: str) -> object:
    try:
        return json.loads(files.read_bytes(path, {ROOT, os.geteuid()}, _MAX_BYTES) or b"")
    except (FileError, OSError, ValueError, RecursionError):
        return None


def _named(cgroup: str | None) -> list[Container]:
    return [
        Container(engine, found)
        for engine, pattern in _CGROUPS
        for found in re.findall(r"(?:^|/)%s(?=/|\Z)" % pattern, cgroup or "")
    ]


def _other_root(pid: int) -> bool:
    """Whether the process has another root directory than this one; False if unknown."""
    try:
        there, here = os.stat("/proc/%d/root/" % pid), os.stat("/")
    except OSError:
        return False
    return (there.st_dev, there.st_ino) != (here.st_dev, here.st_ino)
