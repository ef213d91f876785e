# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks a Prometheus every query of the Grafana dashboard, as Grafana would, and prints what it returned.

dashboard.py --url http://127.0.0.1:9090 [--end EPOCH] [--days 7]

A query of one gateway is asked for each gateway that the Prometheus has, because no gateway has everything: the one without a slope has no
growth. It has to return data for one of them. The exit code is 1 if a query fails or returns nothing.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

DASHBOARD = Path(__file__).resolve().parents[2] / "monitoring/grafana/dashboard.json"
METRIC = re.compile(r"\bhermes_[a-z0-9_]+")
VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)\})")
# Prometheus refuses more than 11,000 points for each series; a panel of Grafana has about 1,000.
MOST_POINTS = 1000
# The finest step of a panel, because the guard checks every five minutes.
LEAST_STEP = 300


class Query(NamedTuple):
    """One query of the dashboard: ``of`` is its panel, annotation or variable."""

    of: str
    expr: str
    # "range", "instant", or the label whose values a variable lists.
    kind: str
    # Seconds between two points, at least.
    interval: int

    @property
    def is_of_one_gateway(self) -> bool:
        return any(name in ("host", "gateway") for name in variables(self.expr))


class Answer(NamedTuple):
    """The result of a query: the number of series returned for ``whom``, or the ``error``."""

    query: Query
    series: int
    sample: str
    whom: str
    error: str


def load(path: Path = DASHBOARD) -> dict[str, Any]:
    """The dashboard."""
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def panels(dashboard: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every panel except rows, including those in a folded row."""
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            yield from panels(panel)
        else:
            yield panel


def queries(dashboard: dict[str, Any]) -> list[Query]:
    """Every query: of panels, annotations and variables."""
    found = []
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            match = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["definition"])
            assert match, "%s is no list of label values" % variable["definition"]
            found.append(Query("variable " + variable["name"], match[1], match[2], LEAST_STEP))
    for annotation in dashboard["annotations"]["list"]:
        if "expr" in annotation:
            seconds = _seconds(annotation["step"])
            of = "annotation " + annotation["name"]
            found.append(Query(of, annotation["expr"], "range", seconds))
    for panel in panels(dashboard):
        for target in panel["targets"]:
            kind = "instant" if target["instant"] else "range"
            seconds = _seconds(panel.get("interval", "%ds" % LEAST_STEP))
            found.append(Query(panel["title"], target["expr"], kind, seconds))
    return found


def names(query: str) -> set[str]:
    """The metrics of this collection in a query."""
    return set(METRIC.findall(query))


def variables(text: str) -> list[str]:
    """The names of the dashboard's variables in ``text``."""
    return [plain or braced for plain, braced in VARIABLE.findall(text)]


def resolve(text: str, values: dict[str, str]) -> str:
    """``text`` with its variables replaced; KeyError if one is unknown."""
    return VARIABLE.sub(lambda match: values[match[1] or match[2]], text)


def _seconds(text: str) -> int:
    return int(text[:-1]) * {"s": 1, "m": 60, "h": 3600}[text[-1]]


class Prometheus:
    """The HTTP interface of a server."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def ask(self, path: str, **parameters: str | float) -> Any:
        """The data of an answer; ValueError with the server's message if it is an error."""
        url = "%s/api/v1/%s?%s" % (self.url, path, urllib.parse.urlencode(parameters))
        try:
            with urllib.request.urlopen(url, timeout=60) as answer:
                content = json.load(answer)
        except urllib.error.HTTPError as exc:
            content = json.load(exc)
        if content.get("status") != "success":
            raise ValueError(content.get("error", "no success"))
        return content["data"]

    def gateways(self, end: float, days: float) -> list[tuple[str, str]]:
        """Every pair of instance and gateway."""
        wanted = {"match[]": "hermes_gateway_info", "start": end - days * 86400, "end": end}
        found = self.ask("series", **wanted)
        return sorted({(one["instance"], one["gateway"]) for one in found})


def ask(server: Prometheus, query: Query, whom: tuple[str, str], end: float, days: float) -> Answer:
    """Ask one query for the gateway ``whom``, over the ``days`` before ``end``."""
    step = max(query.interval, days * 86400 / MOST_POINTS)
    span = "%ds" % step
    values = {"host": whom[0], "gateway": whom[1], "__interval": span, "__rate_interval": span}
    label = "%s on %s" % (whom[1], whom[0]) if query.is_of_one_gateway else "fleet"
    try:
        expr = resolve(query.expr, values)
        start = end - days * 86400
        if query.kind == "range":
            found = server.ask("query_range", query=expr, start=start, end=end, step=step)["result"]
        elif query.kind == "instant":
            found = server.ask("query", query=expr, time=end)["result"]
        else:
            wanted = {"match[]": expr, "start": start, "end": end}
            found = server.ask("label/%s/values" % query.kind, **wanted)
    except (KeyError, OSError, ValueError) as exc:
        return Answer(query, 0, "", label, "%s: %s" % (type(exc).__name__, exc))
    return Answer(query, len(found), _sample(found), label, "")


def _sample(found: list[Any]) -> str:
    """The last value of the first series in a result."""
    if not found or isinstance(found[0], str):
        return ", ".join(found[:3])
    one = found[0]
    value = one["value"] if "value" in one else one["values"][-1]
    return "%s at %s" % (value[1], time.strftime("%m-%d %H:%M", time.gmtime(value[0])))


def walk(server: Prometheus, dashboard: dict[str, Any], end: float, days: float) -> list[Answer]:
    """The answer to each query: of a gateway with data, if there is one."""
    everyone = server.gateways(end, days)
    if not everyone:
        raise ValueError("the server has no hermes_gateway_info")
    answers = []
    for query in queries(dashboard):
        answer = None
        for whom in everyone if query.is_of_one_gateway else everyone[:1]:
            answer = ask(server, query, whom, end, days)
            if answer.series or answer.error:
                break
        assert answer is not None
        answers.append(answer)
    return answers


def table(answers: Iterable[Answer]) -> str:
    """One line for each query: panel, what it returned, for whom, the query."""
    rows = [("PANEL", "SERIES", "ONE VALUE", "OF", "QUERY")]
    for one in answers:
        query = " ".join(one.query.expr.split())
        count = "ERROR" if one.error else str(one.series)
        rows.append((one.query.of, count, one.error or one.sample or "-", one.whom, query))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths)]
        lines.append("  ".join([*cells, row[4]]))
    return "\n".join(lines)


def main() -> int:
    """Print the table; 1 if a query failed or returned nothing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True, help="of the Prometheus")
    parser.add_argument("--end", type=float, default=time.time(), help="epoch seconds")
    parser.add_argument("--days", type=float, default=7)
    args = parser.parse_args()
    began = time.monotonic()
    answers = walk(Prometheus(args.url), load(), args.end, args.days)
    print(table(answers))
    empty = [one.query.of for one in answers if not one.series]
    took = time.monotonic() - began
    print("dashboard: %d queries in %.1f s, %d without data" % (len(answers), took, len(empty)))
    if empty:
        print("dashboard: FAILED: %s" % ", ".join(empty))
    return 1 if empty else 0


if __name__ == "__main__":
    sys.exit(main())
