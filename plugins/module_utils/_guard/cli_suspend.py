# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands hermes-guard suspend and resume."""

from __future__ import annotations

import json

from .._host import moments
from .._host.errors import GuardError
from . import cli, cli_commands, suspension

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .config import Settings


def suspend(options: Any, every: list[Settings]) -> int:
    """Suspend the restarts of ``every`` gateway."""
    try:
        wanted = suspension.Wanted(
            options.hours,
            None if options.begin is None else moments.ahead(options.begin),
            options.watchdog,
        )
        changed, ends = suspension.suspend(every, wanted, options.again, options.dry_run)
    except ValueError as exc:
        cli.complain("--from: %s" % exc)
        return cli.USAGE
    except GuardError as exc:
        cli.complain(exc)
        return cli.FAULT
    said = ["%s: %s" % (name, end.sentence()) for name, end in ends.items()]
    said = said or [cli_commands.NO_GATEWAY]
    answer = {
        "changed": changed,
        "suspended_from": {name: end.since for name, end in ends.items()},
        "suspended_until": {name: end.until for name, end in ends.items()},
        "watchdog": {name: end.watchdog for name, end in ends.items()},
        "said": said,
    }
    cli.say(json.dumps(answer, sort_keys=True) if options.json else "\n".join(said))
    return cli.DONE


def resume(options: Any, every: list[Settings]) -> int:
    """End the suspensions of ``every`` gateway."""
    names = suspension.resume(every, options.watchdog, options.dry_run)
    what = "restarts by the watchdog are" if options.watchdog else "restarts are"
    said = ["%s: %s resumed" % (name, what) for name in names]
    said = said or ["nothing is suspended"]
    if not every:
        said = [cli_commands.NO_GATEWAY]
    left = {one.name: suspension.until(one.folder) for one in every}
    answer = {"changed": bool(names), "resumed": names, "suspended_until": left, "said": said}
    cli.say(json.dumps(answer, sort_keys=True) if options.json else "\n".join(said))
    return cli.DONE
