# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of hermes-guard."""

from __future__ import annotations

import io
import json
import signal
import sys

from .._host.errors import GuardError, HistoryError

VERSION = "0.1.0"
REFUSED = 3


def main(arguments=None):
    """Run hermes-guard with ``arguments`` (list of str) and return the exit code: 0 done, 1 a fault, 2 wrong usage, 3 refused."""
    words = sys.argv[1:] if arguments is None else arguments
    # What the timer says needs no parser.
    options = _Check if words == ["check"] else _parser().parse_args(words)
    if options.run is _run_trend and options.samples is not None:
        return _run_samples(options)
    # Each command imports what it needs: a check that runs every minute does not pay for the others.
    from . import config

    try:
        return options.run(options, _chosen(options, config))
    except (GuardError, OSError) as exc:
        sys.stderr.write("hermes-guard: %s\n" % exc)
        return 1


class _Check:
    """``hermes-guard check``, as _parser would have it."""

    gateway = None

    @staticmethod
    def run(options, every):
        return _run_check(options, every)


def _parser():
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
    one = commands.add_parser(
        "restart", help="restart one gateway, without cutting a conversation short"
    )
    one.add_argument("--gateway", metavar="NAME", required=True)
    one.add_argument(
        "--reason", metavar="TEXT", required=True, help="why; it is kept in the ledger"
    )
    one.add_argument("--now", action="store_true", help="do not wait for a quiet moment")
    one.add_argument("--json", action="store_true", help="print the ledger's entry")
    one.add_argument("--scheduled", action="store_true", help=argparse.SUPPRESS)
    one.add_argument("--clean", action="store_true", help=argparse.SUPPRESS)
    one.set_defaults(run=_run_restart)
    one = commands.add_parser(
        "trend", help="is it a leak? the verdict on a history, and the numbers to act on"
    )
    which = one.add_mutually_exclusive_group()
    which.add_argument("--gateway", metavar="NAME", help="this one only")
    which.add_argument(
        "--samples",
        metavar="FILE",
        help="a CSV file with at least the columns timestamp, invocation_id and rss_bytes, in any order",
    )
    one.add_argument(
        "--since",
        metavar="TIME",
        help='what a change at that time, or at the last change of the "version", did to the leak',
    )
    one.add_argument("--json", action="store_true")
    one.set_defaults(run=_run_trend)
    one = commands.add_parser(
        "suspend",
        help="suspend the calendar restarts for a while; the watchdog goes on, and it ends by itself",
    )
    one.add_argument("--hours", metavar="N", type=int, default=48, help="24 to 72, default 48")
    one.add_argument("--gateway", metavar="NAME", help="this one only")
    one.add_argument(
        "--again", action="store_true", help="count from now, also where they are suspended already"
    )
    one.add_argument("--json", action="store_true")
    one.add_argument("--dry-run", action="store_true", help="say what would be done")
    one.set_defaults(run=_run_suspend)
    one = commands.add_parser("resume", help="end that before its time")
    one.add_argument("--gateway", metavar="NAME", help="this one only")
    one.set_defaults(run=_run_resume)
    one = commands.add_parser(
        "status", help="every gateway: memory, state, next timers, last restart and why"
    )
    one.add_argument("--json", action="store_true")
    one.set_defaults(run=_run_status, gateway=None)
    one = commands.add_parser("doctor", help="what is wrong with this host's set-up, one line each")
    one.set_defaults(run=_run_doctor, gateway=None)
    return parser


def _chosen(options, config):
    every = config.load()
    if options.gateway is None:
        return [every[name] for name in sorted(every)]
    from .._host import choice

    return choice.select("--gateway", [options.gateway], every.values(), "is not configured")


def _run_check(_options, every):
    from . import watchdog

    lines, good = watchdog.check(every)
    for line in lines:
        _print(line)
    return 0 if good else 1


def _run_restart(options, every):
    from . import arbiter

    settings = every[0]
    if options.clean:
        gateway = arbiter.find(settings)
        if arbiter.clean(settings, gateway):
            _print("removed a drain marker that an interrupted restart had left")
        return 0

    def say(text):
        if not options.json:
            _print(text)

    # So that what must be undone is undone when a unit or a session ends in the middle of it.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _frame: _leave(128 + received))
    outcome = arbiter.restart(
        settings, options.reason, "timer" if options.scheduled else "operator", options.now, say
    )
    if options.json:
        _print(json.dumps(outcome.entry, sort_keys=True))
    else:
        _print("%s: %s: %s" % (settings.name, outcome.event, outcome.reason))
        if "unwritten" in outcome.entry:
            _print("the ledger cannot be written: %s" % outcome.entry["unwritten"])
    return {"restart": 0, "refused": REFUSED}.get(outcome.event, 1)


def _run_status(options, every):
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
    return 0


def _next(one):
    return (
        "suspended until " + _when(one["suspended_until"])
        if one["suspended_until"]
        else _when(one["next_restart"])
    )


def _when(epoch):
    from .._host import display

    return display.utc(epoch) if epoch else "never"


def _run_samples(options):
    from .._hermes import known_leaks
    from .._host import proc
    from .._trend import analysis, comparison, explain, samples

    try:
        series = samples.of_file(options.samples)
    except HistoryError as exc:
        sys.stderr.write("hermes-guard: --samples: %s\n" % exc)
        return 1
    if options.since is not None:
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


def _run_trend(options, every):
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


def _say_change(options, compare, only):
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


def _run_suspend(options, every):
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


def _run_resume(_options, every):
    from . import suspension

    for name in suspension.resume(every):
        _print("%s: calendar restarts are resumed" % name)
    return 0


def _run_doctor(_options, every):
    from . import doctor

    found = doctor.problems(every)
    for line in found + doctor.notes(every):
        _print(line)
    return 1 if found else 0


def _print(text):
    """A line to standard output, at once: it may be a journal that somebody follows."""
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except OSError:
        # journald has stopped, or a session is closed: no reason to leave a restart half-way.
        sys.stdout = io.StringIO()


def _leave(code):
    raise SystemExit(code)
