# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of hermes-guard."""

from __future__ import annotations

import io
import json
import os
import sys

from .._host.errors import GuardError, HistoryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence
    from typing import Any, NoReturn

    from .config import Settings

VERSION = "0.1.0"
REFUSED = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run hermes-guard with ``arguments`` and return its exit code.

    0 done, 1 a fault, 2 wrong usage, 3 refused.
    """
    words = sys.argv[1:] if arguments is None else arguments
    # What the timer says needs no parser.
    options: Any = _Check if words == ["check"] else _parser().parse_args(words)
    if options.run is _run_trend and options.samples is not None:
        return _run_samples(options)
    code = _run(options)
    if options.run in (_Check.run, _run_check) and options.gateway is None:
        _ping(code == 0)
    return code


def _run(options: Any) -> int:
    """Run the command of ``options`` and return its exit code."""
    # Each command imports what it needs: a check that runs every minute does not pay for the
    # others.
    from . import config, state_format

    try:
        state_format.check()
        every, options.faults = config.load_tolerantly()
        if options.run not in (_run_check, _run_doctor, _Check.run):
            for fault in options.faults:
                sys.stderr.write("hermes-guard: %s\n" % fault)
        return options.run(options, _chosen(options.gateway, every))
    except (GuardError, OSError) as exc:
        sys.stderr.write("hermes-guard: %s\n" % exc)
        return 1


class _Check:
    """``hermes-guard check``, as _parser would have it."""

    gateway = None

    @staticmethod
    def run(options: Any, every: list[Settings]) -> int:
        """Check the gateways of ``every``."""
        return _run_check(options, every)


def _parser() -> argparse.ArgumentParser:
    import argparse

    parser = argparse.ArgumentParser(
        prog="hermes-guard",
        description="Keeps the Hermes gateways of this host from running out of memory.",
    )
    parser.add_argument("--version", action="version", version="hermes-guard " + VERSION)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    one = commands.add_parser(
        "check", help="sample, append to the history, decide, and at most ask for a restart"
    )
    one.add_argument("--gateway", metavar="NAME", help="this one only")
    one.set_defaults(run=_run_check)
    _restart_options(
        commands.add_parser(
            "restart", help="restart one gateway, without cutting a conversation short"
        )
    )
    _trend_options(
        commands.add_parser(
            "trend", help="is it a leak? the verdict on a history, and the numbers to act on"
        )
    )
    _suspend_options(
        commands.add_parser(
            "suspend",
            help="suspend the calendar restarts for a while; the watchdog goes on, and it ends by"
            " itself",
        )
    )
    one = commands.add_parser("resume", help="end that before its time")
    one.add_argument("--gateway", metavar="NAME", help="this one only")
    one.set_defaults(run=_run_resume)
    one = commands.add_parser(
        "status", help="every gateway: memory, state, next timers, last restart and why"
    )
    one.add_argument("--json", action="store_true")
    one.set_defaults(run=_run_status, gateway=None)
    one = commands.add_parser(
        "log", help="the last restarts, refusals and alarms of each gateway, with their reasons"
    )
    one.add_argument("--gateway", metavar="NAME", help="this one only")
    one.add_argument(
        "--lines", metavar="N", type=int, default=20, help="of each gateway, default 20"
    )
    one.set_defaults(run=_run_log)
    one = commands.add_parser("doctor", help="what is wrong with this host's set-up, one line each")
    one.set_defaults(run=_run_doctor, gateway=None)
    one = commands.add_parser(
        "metrics", help="the metrics of this host, in Prometheus' text format"
    )
    one.set_defaults(run=_run_metrics, gateway=None)
    one = commands.add_parser("notify", help="try the notify command and the ping URL")
    one.add_argument("--test", action="store_true", required=True, help="send a test message")
    one.add_argument("--gateway", metavar="NAME", help="that of this one only")
    one.set_defaults(run=_run_notify)
    one = commands.add_parser(
        "identify",
        help="ask the Hermes of gateways that have changed for version, provider and model, as"
        " the unit hermes-guard-identity.service does",
    )
    one.set_defaults(run=_run_identify, gateway=None)
    return parser


def _restart_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--gateway", metavar="NAME", required=True)
    parser.add_argument(
        "--reason", metavar="TEXT", required=True, help="why; it is kept in the ledger"
    )
    parser.add_argument("--now", action="store_true", help="do not wait for a quiet moment")
    parser.add_argument("--json", action="store_true", help="print the ledger's entry")
    parser.add_argument(
        "--scheduled",
        action="store_true",
        help="as the unit NAME-restart.service asks: take over what the watchdog has asked for;"
        " else refuse if the gateway is too young or its calendar restarts are suspended",
    )
    parser.add_argument(
        "--clean",
        action="store_true",
        help="restart nothing: remove the drain marker if an interrupted restart has left one",
    )
    parser.set_defaults(run=_run_restart)


def _trend_options(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--gateway", metavar="NAME", help="this one only")
    which.add_argument(
        "--samples",
        metavar="FILE",
        help="a CSV file with at least the columns timestamp, invocation_id and rss_bytes,"
        " in any order",
    )
    parser.add_argument(
        "--since",
        metavar="TIME",
        help='what a change at that time, or at the last change of the "version", did to the leak',
    )
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=_run_trend)


def _suspend_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--hours", metavar="N", type=int, default=48, help="24 to 72, default 48")
    parser.add_argument("--gateway", metavar="NAME", help="this one only")
    parser.add_argument(
        "--again", action="store_true", help="count from now, also where they are suspended already"
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done")
    parser.set_defaults(run=_run_suspend)


def _chosen(name: str | None, every: dict[str, Settings]) -> list[Settings]:
    """The configured gateways, or the one that --gateway names."""
    if name is None:
        return [every[one] for one in sorted(every)]
    from .._host import choice

    return choice.select("--gateway", [name], every.values(), "is not configured")


def _run_check(options: Any, every: list[Settings]) -> int:
    from . import supervised

    lines, good = supervised.check(every, options.faults, options.gateway is None)
    for line in lines:
        _print(line)
    return 0 if good else 1


def _ping(good: bool) -> None:
    """Tell the monitoring service, if there is one, how the check of all gateways has ended."""
    from .._host import guard_program

    # Without such a file nothing is imported.
    if not os.path.lexists(guard_program.PING_URL):
        return
    from . import ping

    line = ping.after_check(good)
    if line is not None:
        _print(line)


def _run_restart(options: Any, every: list[Settings]) -> int:
    from . import arbiter, handover, managed

    settings = every[0]
    if options.clean:
        if handover.clean(managed.find(settings)):
            _print("removed a drain marker that an interrupted restart had left")
        return 0

    def say(text: str) -> None:
        if not options.json:
            _print(text)

    import signal

    # So that what must be undone is undone when a unit or a session ends in the middle of it.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _frame: _leave(128 + received))
    # Ctrl-Z: the gateway would refuse messages for as long as the restart is suspended.
    signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    trigger = "timer" if options.scheduled else "operator"
    entry = arbiter.restart(settings, options.reason, trigger, options.now, say)
    if options.json:
        _print(json.dumps(entry, sort_keys=True))
    else:
        _print("%s: %s: %s" % (settings.name, entry["event"], entry["reason"]))
        if "unwritten" in entry:
            _print("the ledger cannot be written: %s" % entry["unwritten"])
    return {"restart": 0, "refused": REFUSED}.get(entry["event"], 1)


def _run_status(options: Any, every: list[Settings]) -> int:
    from .._host import display
    from . import status

    answer = status.status(every)
    if options.json:
        _print(json.dumps(answer, sort_keys=True))
        return 0
    if not every:
        _print("no gateway is configured on this host")
    for one in answer["gateways"]:
        last = one["last_restart"]
        _print(
            "%s  %s  RSS %s  up %s  threshold %s  next restart %s  last restart %s"
            % (
                one["name"],
                one["state"],
                display.megabytes(one["sample"] and one["sample"]["rss_bytes"]),
                display.span(one["uptime_seconds"]),
                display.megabytes(one["threshold_bytes"]),
                _next(one),
                "%s, %s" % (_when(last["time"]), last.get("reason")) if last else "never",
            )
        )
        if one["workers"]:
            size = sum(worker["memory_bytes"] for worker in one["workers"])
            _print("  %d workers beside it  %s" % (len(one["workers"]), display.megabytes(size)))
        for reason in (one["problem"], one["conflict"]):
            if reason:
                _print("  " + reason)
    for one in answer["not_managed"]:
        _print("%s  not managed: %s" % (one["name"], _why_not(one)))
    return 0


def _run_log(options: Any, every: list[Settings]) -> int:
    from .._host import display
    from . import ledger

    if options.lines < 1:
        sys.stderr.write("hermes-guard: --lines: expected a number from 1 on\n")
        return 2
    for settings in every:
        for one in ledger.read(settings.folder, options.lines):
            # How a restart was done, or why something else was decided.
            how = one.get("mode" if one.get("event") == "restart" else "code")
            line = "  ".join(
                str(word)
                for word in (
                    display.utc(one["time"]),
                    settings.name,
                    one.get("event"),
                    how,
                    one.get("trigger"),
                )
                if word
            )
            # An entry may quote what a home says.
            _print(display.printable("%s: %s" % (line, one.get("reason")), 1000))
    return 0


def _why_not(one: dict[str, Any]) -> str:
    """Why a gateway that is on this host is not managed."""
    if one["problem"] or one["conflict"]:
        return one["problem"] or one["conflict"]
    if one["scope"] == "manual":
        return "it was started manually, so that nothing restarts it"
    return "guard.conf does not name it; run the playbook again"


def _next(one: dict[str, Any]) -> str:
    return (
        "suspended until " + _when(one["suspended_until"])
        if one["suspended_until"]
        else _when(one["next_restart"])
    )


def _when(epoch: float | None) -> str:
    from .._host import display

    return display.utc(epoch) if epoch else "never"


def _run_samples(options: Any) -> int:
    from .._hermes import known_leaks
    from .._host import proc
    from .._trend import analysis, explain, samples

    try:
        series = samples.of_file(options.samples)
    except HistoryError as exc:
        sys.stderr.write("hermes-guard: --samples: %s\n" % exc)
        return 1
    if options.since is not None:
        from .._trend import comparison

        return _say_change(
            options,
            lambda since: {options.samples: comparison.compare(series, since)},
            options.samples,
        )
    answer = analysis.trend(
        series,
        proc.host_memory()["available_bytes"],
        limit_from="the RAM that is available on this host",
        known_leak=known_leaks.known,
    )
    _print(json.dumps(answer) if options.json else "\n".join(explain.text(answer)))
    return 0


def _run_trend(options: Any, every: list[Settings]) -> int:
    from .._trend import explain
    from . import memory_trend

    if options.since is not None:
        return _say_change(
            options, lambda since: memory_trend.of_change(every, since), options.gateway
        )
    answers = memory_trend.of_gateways(every)
    if options.json:
        _print(json.dumps(answers if options.gateway is None else answers[options.gateway]))
        return 0
    for name, answer in answers.items():
        _print("\n  ".join([name] + explain.text(answer)))
    if not answers:
        _print("no gateway is configured on this host")
    return 0


def _say_change(
    options: Any, compare: Callable[[float | None], dict[str, Any]], only: str | None
) -> int:
    """Print what ``compare`` finds for the time of --since, of all or ``only`` one."""
    from .._trend import comparison

    try:
        answers = compare(comparison.moment(options.since))
    except ValueError as exc:
        sys.stderr.write("hermes-guard: --since: %s\n" % exc)
        return 1
    if options.json:
        _print(json.dumps(answers if only is None else answers[only]))
        return 0
    for name, answer in answers.items():
        _print("%s: %s: %s" % (name, answer["result"].replace("_", " "), answer["why"]))
    return 0


def _run_suspend(options: Any, every: list[Settings]) -> int:
    from . import suspension

    try:
        changed, ends = suspension.suspend(every, options.hours, options.again, options.dry_run)
    except GuardError as exc:
        sys.stderr.write("hermes-guard: %s\n" % exc)
        return 1
    said = ["%s: %s" % (name, suspension.sentence(end)) for name, end in ends.items()] or [
        "no gateway is configured on this host"
    ]
    _print(
        json.dumps({"changed": changed, "suspended_until": ends, "said": said}, sort_keys=True)
        if options.json
        else "\n".join(said)
    )
    return 0


def _run_resume(_options: Any, every: list[Settings]) -> int:
    from . import suspension

    for name in suspension.resume(every):
        _print("%s: calendar restarts are resumed" % name)
    return 0


def _run_doctor(options: Any, every: list[Settings]) -> int:
    from . import doctor

    found = doctor.hung(every)
    notes: list[str] = []
    if not found:
        found, notes = doctor.look(every)
    found = options.faults + found
    for line in found + notes:
        _print(line)
    return 1 if found else 0


def _run_metrics(_options: Any, every: list[Settings]) -> int:
    from . import page_now

    text, lines = page_now.text(every)
    for line in lines:
        sys.stderr.write("hermes-guard: %s\n" % line)
    _print(text[:-1])
    return 1 if lines else 0


def _run_notify(options: Any, every: list[Settings]) -> int:
    from . import notify, ping

    lines, good = notify.test(every)
    if options.gateway is None and ping.is_set():
        problem = ping.call(True)
        lines.append("the ping URL %s" % (problem or "was called, and answered with success"))
        # A host may have a ping URL only.
        good = problem is None and (good or not any(one.notify_command for one in every))
    for line in lines:
        _print(line)
    return 0 if good else 1


def _run_identify(_options: Any, every: list[Settings]) -> int:
    from . import identity

    lines = identity.answer(every)
    for line in lines:
        _print(line)
    # A Hermes that cannot be asked is its user's fault, and no reason for a unit that has failed.
    return 0


def _print(text: str) -> None:
    """A line to standard output, at once: someone may follow it in a journal."""
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except OSError:
        # journald has stopped, or a session is closed: no reason to leave a restart half-way.
        sys.stdout = io.StringIO()


def _leave(code: int) -> NoReturn:
    raise SystemExit(code)
