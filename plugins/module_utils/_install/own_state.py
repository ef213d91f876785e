# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists the guard's state directory and removes it with the guard, with or without histories."""

from __future__ import annotations

import csv
import os
import shutil

from .._guard import config, history, ledger
from .._host import display, files
from . import collisions

# The files of a gateway worth keeping: its memory history and its ledger.
KEPT = (history.NAME, ledger.NAME)
KEEP = "hermes_keep_history"


def own() -> list[str]:
    """The guard's own files and directories (paths), or the state directory if it is empty.

    The record of settings made in Hermes is not included: the role hermes_session needs it to
    revert them.
    """
    try:
        names = os.listdir(config.STATE)
    except FileNotFoundError:
        return []
    found = [os.path.join(config.STATE, name) for name in names if name != config.SESSION_RECORD]
    return found if names else [config.STATE]


def gateways() -> list[str]:
    """The state directories of gateways; each has a lock."""
    return [
        path
        for path in own()
        if path != config.STATE
        and os.path.isdir(path)
        and not os.path.islink(path)
        and os.path.basename(path) not in collisions.TAKEN
    ]


def leaving(keep: bool) -> list[str]:
    """The paths to remove; without histories and ledgers if ``keep``."""
    if not keep or not histories():
        return own()
    found = []
    for path in own():
        if path in gateways():
            names = [name for name in os.listdir(path) if name not in KEPT]
            found += [os.path.join(path, name) for name in names]
        else:
            found.append(path)
    return found


def clear(paths: list[str]) -> None:
    """Remove ``paths``; the caller holds the locks of all gateways."""
    for path in paths:
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            files.remove(path)
    for folder in gateways():
        files.remove_if_empty(folder)
    files.remove_if_empty(config.STATE)


def histories() -> list[str]:
    """The state directories of the gateways that have a history or a ledger, by name."""
    return sorted(
        path
        for path in gateways()
        if any(os.path.exists(os.path.join(path, name)) for name in KEPT)
    )


def outcome(keep: bool) -> list[str]:
    """A sentence that says if the histories are kept or deleted; empty if there are none."""
    found = histories()
    if not found:
        return []
    names = ", ".join(os.path.basename(path) for path in found[:5])
    if len(found) > 5:
        names += " and %d more" % (len(found) - 5)
    oldest = min(filter(None, map(_oldest, found)), default=None)
    since = " since %s" % display.utc(oldest) if oldest else ""
    what = "the memory history and the ledger of %s%s" % (names, since)
    if keep:
        return ["%s are kept in %s" % (what, config.STATE)]
    return ["%s are deleted; -e %s=true keeps them" % (what, KEEP)]


def _oldest(folder: str) -> float | None:
    """When the first sample of a history was taken, in epoch seconds; None if unknown."""
    try:
        with open(os.path.join(folder, history.NAME), encoding="utf-8", newline="") as handle:
            row = next(csv.DictReader(handle), {})
        return float(row["timestamp"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
