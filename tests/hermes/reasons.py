# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks that fail or do not apply, with the reason; docs/hermes.md has the reasons in full sentences."""

from __future__ import annotations

# "-": there is nothing to check. These are not run.
NOT_THERE = {
    "manual": dict.fromkeys(
        ("activity", "idle", "drain", "turn", "emergency", "busy", "frozen", "stopped", "evidence"),
        "started manually: it is listed and measured, and no more; it has no unit that could be restarted",
    )
}


def reason(way, release, key):
    """Why a check does not apply to a gateway, or None."""
    numbers = [int(part) for part in release.split(".")]
    if key in NOT_THERE.get(way, {}):
        return NOT_THERE[way][key]
    if key == "drain" and numbers < [0, 18, 2]:
        return "Hermes has a drain marker from 0.18.2 on"
    if key in ("frozen", "busy") and numbers < [0, 19, 0]:
        return "Hermes writes a heartbeat from 0.19.0 on"
    return None


# Their units are Hermes's own, with a time limit above those 180 s; systemd's own limit is 90 s.
PATIENT = ("system", "user", "profile", "root")


def red(way, release, key):
    """Why a check is known to fail, or None."""
    numbers = [int(part) for part in release.split(".")]
    if key == "activity" and numbers < [0, 19, 0]:
        return "before 0.19.0 Hermes deletes from its database what a compression has summarised"
    if key == "turn" and numbers < [0, 17, 0]:
        return "0.16.0 does not report a running turn, so the ledger has the mode idle"
    patient = release == "0.17.0" and way in PATIENT
    if key == "emergency" and numbers < [0, 18, 2] or key == "turn" and patient:
        return "before 0.18.2 Hermes itself waits 180 s for turns, on SIGUSR1 and on SIGTERM"
    return None
