# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Python of a hostile user. The file `lie` beside it says what it answers to whoever asks Hermes through it."""

import json
import os
import signal
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SAVED = HERE + "/saved.json"


def saved():
    """What was set so far."""
    try:
        with open(SAVED, encoding="utf-8") as handle:
            return json.load(handle)
    except FileNotFoundError:
        return {}


def probe(lie, request):
    """An old Hermes, without a managed scope, so that its home is edited."""
    keys = request["keys"]
    values = {key: 7 if lie == "seven" else saved().get(key) for key in keys}
    every = {key: True for key in keys}
    return {
        "version": "0.16.0",
        "managed_support": False,
        "config": values,
        "reads": every,
        "live": every,
    }


def edit(lie, request):
    """What undoes a change is kept by root, who asked."""
    if lie == "error":
        return {"error": "no thanks"}
    values = {one["key"]: one.get("value") for one in request["changes"]}
    with open(SAVED, "w", encoding="utf-8") as handle:
        json.dump(dict(saved(), **values), handle)
    more = {"raw": {"raw": "x" * 1000000}, "depth": {"depth": "x"}}.get(lie, {})
    undo = {
        key: dict(more, before={"present": False}, after={"present": True, "value": value})
        for key, value in values.items()
    }
    return {"before": "", "after": "x: 1\n", "existed": True, "digest": "0", "undo": undo}


def main():
    """A gateway that waits, or an answer."""
    if sys.argv[-2:] == ["gateway", "run"]:
        signal.pause()
    with open(HERE + "/lie", encoding="utf-8") as handle:
        lie = handle.read().strip()
    if lie == "silent":
        time.sleep(3600)
    if lie == "ends":
        sys.exit(1)
    request = json.load(sys.stdin)
    print(json.dumps({"probe": probe, "edit": edit}[request["do"]](lie, request)))


main()
