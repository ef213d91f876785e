# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parses the command line of hermes-guard and runs the command."""

from __future__ import annotations

import json
import os

from .._host import choice
from .._host.errors import GuardError, SettingError
from . import cli, cli_parser, config, state_format

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .config import Settings

NO_GATEWAY = "no gateway is configured on this host"


def run(words: Sequence[str]) -> int:
    """Run the command line ``words`` and return its exit code."""
    options: Any = cli_parser.make().parse_args(words)
    if options.command == "trend" and options.samples is not None:
        from . import cli_trend

        return cli_trend.of_samples(options)
    code = _run(options)
    if options.command == "check" and options.gateway is None:
        cli.ping(code == cli.DONE)
    return code


def _run(options: Any) -> int:
    try:
        state_format.check()
        every, options.faults = config.load_tolerantly()
        if options.command not in ("check", "doctor"):
            for fault in options.faults:
                cli.complain(fault)
        try:
            chosen = _chosen(options, every)
        except SettingError as exc:
            cli.complain(exc)
            return cli.USAGE
        return _COMMANDS[options.command](options, chosen)
    except PermissionError as exc:
        cli.complain("%s%s" % ("" if os.geteuid() == 0 else "run this command as root: ", exc))
        return cli.FAULT
    except (GuardError, OSError) as exc:
        cli.complain(exc)
        return cli.FAULT


def _chosen(options: Any, every: dict[str, Settings]) -> list[Settings]:
    """The configured gateways, or the one that --gateway names. SettingError for wrong usage."""
    names = [] if options.gateway is None else [options.gateway]
    chosen = choice.select("--gateway", names, every.values(), "is not configured")
    if options.command == "restart" and len(chosen) > 1:
        raise SettingError(
            "--gateway is required on a host with several gateways: expected one of %s"
            % ", ".join(one.name for one in chosen)
        )
    return chosen


def _check(options: Any, every: list[Settings]) -> int:
    lines, code = cli.check(every, options.faults, options.gateway is None)
    _say(options, lines, {"lines": lines, "good": code == cli.DONE})
    return code


def _restart(options: Any, every: list[Settings]) -> int:
    from . import cli_restart

    if not every:
        raise GuardError(NO_GATEWAY)
    return cli_restart.run(options, every[0])


def _status(options: Any, every: list[Settings]) -> int:
    from . import cli_status

    return cli_status.run(options, every)


def _log(options: Any, every: list[Settings]) -> int:
    from . import cli_log

    return cli_log.run(options, every)


def _trend(options: Any, every: list[Settings]) -> int:
    from . import cli_trend

    return cli_trend.run(options, every)


def _suspend(options: Any, every: list[Settings]) -> int:
    from . import cli_suspend

    return cli_suspend.suspend(options, every)


def _resume(options: Any, every: list[Settings]) -> int:
    from . import cli_suspend

    return cli_suspend.resume(options, every)


def _doctor(options: Any, every: list[Settings]) -> int:
    from . import doctor

    found = doctor.hung(every)
    notes: list[str] = []
    if not found:
        found, notes = doctor.look(every)
    found = options.faults + found
    lines = found + notes
    if not found:
        lines = [*notes, "no problems found: %s" % _managed(every)]
    _say(options, lines, {"problems": found, "notes": [_bare(note) for note in notes]})
    return cli.FAULT if found else cli.DONE


def _managed(every: list[Settings]) -> str:
    if not every:
        return NO_GATEWAY
    return "%d gateway%s managed on this host" % (len(every), "" if len(every) == 1 else "s")


def _bare(note: str) -> str:
    return note[len("note: ") :] if note.startswith("note: ") else note


def _metrics(options: Any, every: list[Settings]) -> int:
    from . import page_now

    text, lines = page_now.text(every)
    for line in lines:
        cli.complain(line)
    _say(options, [text[:-1]], {"page": text, "problems": lines})
    return cli.FAULT if lines else cli.DONE


def _notify(options: Any, every: list[Settings]) -> int:
    from . import notify, ping

    if os.geteuid() != 0:
        raise GuardError("run this command as root: the notify settings are readable by root only")
    lines, good = notify.test(every)
    if options.gateway is None and ping.is_set():
        problem = ping.call(True)
        lines.append("the ping URL %s" % (problem or "was called and reported success"))
        # A host may have a ping URL and no notify command.
        good = problem is None and (good or not any(one.notify_command for one in every))
    _say(options, lines, {"lines": lines, "good": good})
    return cli.DONE if good else cli.FAULT


def _identify(options: Any, every: list[Settings]) -> int:
    from . import identity

    lines = identity.answer(every)
    _say(options, lines, {"lines": lines})
    # If a user's Hermes cannot be queried, that user is at fault: the unit must not fail.
    return cli.DONE


def _say(options: Any, lines: list[str], answer: dict[str, Any]) -> None:
    """Print ``lines``, or ``answer`` if JSON is asked for."""
    for line in [json.dumps(answer, sort_keys=True)] if options.json else lines:
        cli.say(line)


_COMMANDS = {
    "check": _check,
    "doctor": _doctor,
    "identify": _identify,
    "log": _log,
    "metrics": _metrics,
    "notify": _notify,
    "restart": _restart,
    "resume": _resume,
    "status": _status,
    "suspend": _suspend,
    "trend": _trend,
}
