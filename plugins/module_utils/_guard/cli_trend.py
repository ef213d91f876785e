# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command hermes-guard trend."""

from __future__ import annotations

import json

from .._host.errors import HistoryError
from .._trend import explain
from . import cli, cli_commands

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .config import Settings


def of_samples(options: Any) -> int:
    """Analyse the file of --samples."""
    from .._hermes import known_leaks
    from .._host import proc
    from .._trend import analysis, samples

    try:
        series = samples.of_file(options.samples)
    except HistoryError as exc:
        cli.complain("--samples: %s" % exc)
        return cli.FAULT
    if options.since is not None:
        from .._trend import comparison

        return _change(
            options,
            lambda since: {options.samples: comparison.compare(series, since)},
            options.samples,
        )
    answer = analysis.trend(
        series,
        proc.host_memory()["available_bytes"],
        limit_from="available RAM on this host",
        known_leak=known_leaks.known,
    )
    cli.say(json.dumps(answer) if options.json else "\n".join(explain.text(answer)))
    return cli.DONE


def run(options: Any, every: list[Settings]) -> int:
    """Analyse the history of each gateway of ``every``."""
    from . import memory_trend

    if options.since is not None:
        return _change(options, lambda since: memory_trend.of_change(every, since), options.gateway)
    answers = memory_trend.of_gateways(every)
    if options.json:
        cli.say(json.dumps(answers if options.gateway is None else answers[options.gateway]))
        return cli.DONE
    for name, answer in answers.items():
        cli.say("\n  ".join([name] + explain.text(answer)))
    if not answers:
        cli.say(cli_commands.NO_GATEWAY)
    return cli.DONE


def _change(
    options: Any, compare: Callable[[float | None], dict[str, Any]], only: str | None
) -> int:
    """Print the comparison around the time of --since, for all gateways or ``only`` one."""
    from .._trend import comparison

    try:
        answers = compare(comparison.moment(options.since))
    except ValueError as exc:
        cli.complain("--since: %s" % exc)
        return cli.FAULT
    if options.json:
        cli.say(json.dumps(answers if only is None else answers[only]))
        return cli.DONE
    for name, answer in answers.items():
        cli.say("%s: %s: %s" % (name, answer["result"].replace("_", " "), answer["why"]))
    return cli.DONE
