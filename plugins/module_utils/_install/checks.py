# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is checked before anything is changed: variables, files, and the libraries they need."""

from __future__ import annotations

import glob
import importlib.util
import os
import re
from typing import Any

from .._guard import config
from .._host import display, proc, timers
from .._host.errors import GuardError, SettingError
from . import manifest, memory_limit, metrics_link, packages
from .desired_state import DesiredState
from .plan import Change

PSUTIL_PACKAGE = packages.PSUTIL
JEMALLOC, JEMALLOC_PACKAGE = "libjemalloc.so.2", packages.JEMALLOC
# Where the dynamic loader finds a library by its name alone, on Debian and on Red Hat systems.
LIBRARIES = ("/usr/lib/*-linux-*", "/usr/lib64", "/usr/lib", "/usr/local/lib")
# Where the distributions' package has it, on Debian and on Red Hat systems.
SYSTEM_PSUTIL = ("/usr/lib/python3/dist-packages/psutil", "/usr/lib*/python3*/site-packages/psutil")
CALENDARS = "hermes_restart_timer_at"
# Checked where the gateways are chosen: see gateway_settings.
GATEWAYS = "hermes_gateways"


def check_options(options: dict[str, Any]) -> None:
    """SettingError for a wrong value, whichever role the variable belongs to."""
    for option, value in sorted(options.items()):
        if option == GATEWAYS:
            continue
        if option == CALENDARS:
            _check_calendars(value)
        elif option in memory_limit.OPTIONS:
            memory_limit.amount(option, value, proc.host_memory()["total_bytes"])
        elif option == metrics_link.OPTION:
            metrics_link.check_directory(value)
        else:
            config.check_option(option, value)


def _check_calendars(events: object) -> None:
    """Ask systemd about each event, but not about those that an installed timer has already."""
    installed = manifest.load("restart_timer").files
    timer_units = [path for path in installed if path.endswith(".timer")]
    known = [line for path in timer_units for line in (proc.read(path) or "").splitlines()]
    for expression in map(str, events if isinstance(events, list) else [events] if events else []):
        if "OnCalendar=" + expression in known:
            continue
        problem = _number(expression) or timers.calendar_problem(expression)
        if problem:
            raise SettingError(
                '%s: %r is no calendar event: %s; allowed: what "systemd-analyze calendar" takes,'
                ' such as "04:00" (in quotes) or "Mon *-*-* 03:30"'
                % (CALENDARS, expression, problem)
            )


def _number(expression: str) -> str | None:
    """Why a number is no calendar event, as YAML makes one of 16:00; None for all else."""
    if not expression.isdigit():
        return None
    number = int(expression)
    # Of a time of the day YAML 1.1 makes minutes, or seconds of one with seconds.
    if number < 24 * 60:
        written = "%d:%02d" % divmod(number, 60)
    elif number < display.DAY:
        written = "%d:%02d:%02d" % (number // 3600, number // 60 % 60, number % 60)
    else:
        return "it is a number"
    return 'it is a number, which YAML makes of %s without quotes; write "%s"' % (written, written)


def check_files(changes: dict[str, Change]) -> None:
    """SettingError for a configuration file of the guard with a wrong value in it."""
    for path, change in changes.items():
        configuration = path.startswith(config.FOLDER + "/") and path.endswith(".conf")
        if change.after is not None and configuration:
            config.check_text(change.after.decode("utf-8"), path)


def missing_packages(desired: DesiredState) -> list[str]:
    """The packages that the component needs and this host does not have."""
    missing = []
    if config.PROGRAM in desired.files and not has_psutil():
        missing.append(PSUTIL_PACKAGE)
    if needs_jemalloc(desired) and not has_jemalloc():
        missing.append(JEMALLOC_PACKAGE)
    return missing


def missing_by_name() -> list[str]:
    """The packages that this host does not have and the roles may install."""
    found = [] if has_psutil() else [PSUTIL_PACKAGE]
    return found if has_jemalloc() else [*found, JEMALLOC_PACKAGE]


def check_library(desired: DesiredState) -> None:
    """GuardError for a drop-in that names a library which is not on this host."""
    if needs_jemalloc(desired) and not has_jemalloc():
        # Every program that the gateway starts would complain of it.
        raise GuardError(
            "%s is not on this host, and a drop-in that names it would be in the way: install the"
            " package %s" % (JEMALLOC, JEMALLOC_PACKAGE)
        )


def needs_jemalloc(desired: DesiredState) -> bool:
    """Whether a drop-in has the gateway load jemalloc."""
    preload = re.compile(rb"^Environment=LD_PRELOAD=" + re.escape(JEMALLOC.encode()) + rb"$", re.M)
    return any(preload.search(file.content) for file in desired.files.values())


def has_psutil() -> bool:
    """Whether this Python or the system's own has psutil: the package is for the latter."""
    if importlib.util.find_spec("psutil") is not None:
        return True
    return any(glob.glob(pattern) for pattern in SYSTEM_PSUTIL)


def has_jemalloc() -> bool:
    """Whether the dynamic loader finds jemalloc."""
    return any(glob.glob(os.path.join(folder, JEMALLOC)) for folder in LIBRARIES)
