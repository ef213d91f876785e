# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks that systemd, the installed program and the watchdog's unit work on this host."""

from __future__ import annotations

import os
import time

from .._guard import config
from .._host import command, files, guard_program, systemd, timers
from .._host.errors import GuardError, RunError
from .plan import PROPERTIES, Plan

CHECK = timers.WATCHDOG[: -len(".timer")] + ".service"
# The environment file for a check that takes no action: see guard_program.LOOK_UNTIL.
LOOK = "/run/hermes-guard-look.env"
# Seconds that the first check may take. It gives up after 240 s; the timer starts the next one.
CHECK_SECONDS = 60
# Exit codes with which systemd reports a process that it cannot start: systemd.exec(5).
_OWN_CODES = range(200, 250)
_STEPS = {
    203: "EXEC",
    218: "CAPABILITIES",
    226: "NAMESPACE",
    228: "SECCOMP",
    238: "STATE_DIRECTORY",
}


def check_systemd() -> None:
    """Raise GuardError if systemd is missing on this host or too old."""
    version = systemd.version()
    if version is None or version < systemd.OLDEST:
        raise GuardError(
            "this host has %s: expected systemd %d or newer"
            % ("no systemd" if version is None else "systemd %d" % version, systemd.OLDEST)
        )


def check_program() -> None:
    """Raise GuardError if the installed program does not run."""
    try:
        done = command.run([config.PROGRAM, "--version"])
    except RunError as exc:
        raise GuardError("%s: %s" % (exc, guard_program.NEEDS_PYTHON)) from exc
    if done.rc != 0:
        why = (done.err.strip().splitlines() or ["exit code %d" % done.rc])[-1][:300]
        raise GuardError(
            "%s is installed but does not run: %s: %s"
            % (config.PROGRAM, why, guard_program.NEEDS_PYTHON)
        )


def check_watchdog(plan: Plan, check_mode: bool) -> list[str]:
    """Notes on the last check. Raises GuardError if the unit cannot run the program at all.

    Runs a check if none has run since the last change. It samples each gateway and takes no action,
    because this module never restarts a gateway.
    """
    if not any(os.path.basename(path) == CHECK for path in plan.desired.files):
        return []
    block = _block() if plan.changes else plan.live.units.get(CHECK, {})
    if not check_mode and _is_outdated(block, plan):
        _run_check()
        block = _block()
    return _verdict(block)


def _block() -> dict[str, str]:
    blocks = systemd.Manager().show([CHECK], PROPERTIES)
    return blocks[0] if blocks else {}


def _is_outdated(block: dict[str, str], plan: Plan) -> bool:
    """Whether an installed file is newer than the last check, or no check has run."""
    word = block.get("InactiveExitTimestampMonotonic", "")
    started = int(word) / 1e6 if word.isdigit() else 0
    if not started:
        return True
    ago = time.clock_gettime(time.CLOCK_MONOTONIC) - started
    paths = [config.PROGRAM, os.path.join(config.FOLDER, "guard.conf"), *plan.desired.files]
    return max(os.stat(path).st_mtime for path in paths) > time.time() - ago


def _run_check() -> None:
    """Run one check through its unit."""
    until = time.time() + CHECK_SECONDS
    files.write_atomic(LOOK, "%s=%d\n" % (guard_program.LOOK_UNTIL, until), 0o600)
    try:
        systemd.Manager().systemctl("start", "--", CHECK, timeout=CHECK_SECONDS)
    except GuardError:
        # The check is still running; the next run of the playbook reports its result.
        pass
    finally:
        files.remove(LOOK)


def _verdict(block: dict[str, str]) -> list[str]:
    """A note on a check that failed. Raises GuardError if systemd could not start it."""
    result, word = block.get("Result") or "success", block.get("ExecMainStatus", "")
    if result == "success" or block.get("ActiveState") in ("active", "activating"):
        return []
    status = int(word) if word.isdigit() else 0
    if result == "resources" or (result == "exit-code" and status in _OWN_CODES):
        raise GuardError(
            "%s is installed but cannot run: systemd fails with %s before it starts the program%s;"
            " this host must support the unit's settings: see journalctl -u %s"
            % (CHECK, _STEPS.get(status, "%s %d" % (result, status)), _reason(), CHECK)
        )
    # A user can cause an error that the check reports, so it does not fail this run.
    check_program()
    outcome = "exit code %d" % status if result == "exit-code" else result
    return ["the last check of %s failed (%s): see journalctl -u %s" % (CHECK, outcome, CHECK)]


def _reason() -> str:
    """systemd's last error about the unit, as the end of a sentence."""
    argv = ["journalctl", "--unit", CHECK, "--priority=err", "--lines=1", "--output=cat"]
    try:
        done = command.run([*argv, "--no-pager", "--quiet"])
    except RunError:
        return ""
    return ": " + done.out.strip()[:300] if done.out.strip() else ""
