# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks that run before any change: variables, files, and the libraries they need."""

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
# Directories in which the dynamic loader finds a library by name, on Debian and Red Hat systems.
LIBRARIES = ("/usr/lib/*-linux-*", "/usr/lib64", "/usr/lib", "/usr/local/lib")
# Directories of the distribution's package, on Debian and Red Hat systems.
SYSTEM_PSUTIL = ("/usr/lib/python3/dist-packages/psutil", "/usr/lib*/python3*/site-packages/psutil")
CALENDARS = "hermes_restart_timer_at"
# Checked when the gateways are selected: see gateway_settings.
GATEWAYS = "hermes_gateways"


def check_options(options: dict[str, Any]) -> None:
    """Raise SettingError for an invalid value of a variable of any role."""
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
    """Have systemd validate each calendar event, except those that an installed timer uses."""
    installed = manifest.load("restart_timer").files
    timer_units = [path for path in installed if path.endswith(".timer")]
    known = [line for path in timer_units for line in (proc.read(path) or "").splitlines()]
    for expression in map(str, events if isinstance(events, list) else [events] if events else []):
        if "OnCalendar=" + expression in known:
            continue
        problem = _number(expression) or timers.calendar_problem(expression)
        if problem:
            raise SettingError(
                '%s: invalid calendar event %r: %s: expected an event that "systemd-analyze'
                ' calendar" accepts, such as "04:00" (in quotes) or "Mon *-*-* 03:30"'
                % (CALENDARS, expression, problem)
            )


def _number(expression: str) -> str | None:
    """Why a number is not a calendar event (YAML reads 16:00 as 960); None for any other text."""
    if not expression.isdigit():
        return None
    number = int(expression)
    # YAML 1.1 reads HH:MM as a number of minutes, and HH:MM:SS as a number of seconds.
    if number < 24 * 60:
        written = "%d:%02d" % divmod(number, 60)
    elif number < display.DAY:
        written = "%d:%02d:%02d" % (number // 3600, number // 60 % 60, number % 60)
    else:
        return "it is a number"
    return 'YAML reads %s without quotes as a number; write "%s"' % (written, written)


def check_files(changes: dict[str, Change]) -> None:
    """Raise SettingError if a configuration file of the guard has an invalid value."""
    for path, change in changes.items():
        configuration = path.startswith(config.FOLDER + "/") and path.endswith(".conf")
        if change.after is not None and configuration:
            config.check_text(change.after.decode("utf-8"), path)


def missing_packages(desired: DesiredState) -> list[str]:
    """The packages that the component needs and that are missing on this host."""
    missing = []
    if config.PROGRAM in desired.files and not has_psutil():
        missing.append(PSUTIL_PACKAGE)
    if needs_jemalloc(desired) and not has_jemalloc():
        missing.append(JEMALLOC_PACKAGE)
    return missing


def missing_by_name() -> list[str]:
    """The packages that are missing on this host and that the roles may install."""
    found = [] if has_psutil() else [PSUTIL_PACKAGE]
    return found if has_jemalloc() else [*found, JEMALLOC_PACKAGE]


def check_library(desired: DesiredState) -> None:
    """Raise GuardError for a drop-in that names a library which is not installed."""
    if needs_jemalloc(desired) and not has_jemalloc():
        # With the drop-in, every program that the gateway starts would print a warning.
        raise GuardError(
            "%s is not installed, but the allocator drop-in needs it: install the package %s"
            % (JEMALLOC, JEMALLOC_PACKAGE)
        )


def needs_jemalloc(desired: DesiredState) -> bool:
    """Whether a drop-in makes the gateway load jemalloc."""
    preload = re.compile(rb"^Environment=LD_PRELOAD=" + re.escape(JEMALLOC.encode()) + rb"$", re.M)
    return any(preload.search(file.content) for file in desired.files.values())


def has_psutil() -> bool:
    """Whether this Python or the system Python, for which the package is, has psutil."""
    if importlib.util.find_spec("psutil") is not None:
        return True
    return any(glob.glob(pattern) for pattern in SYSTEM_PSUTIL)


def has_jemalloc() -> bool:
    """Whether the dynamic loader finds jemalloc."""
    return any(glob.glob(os.path.join(folder, JEMALLOC)) for folder in LIBRARIES)
