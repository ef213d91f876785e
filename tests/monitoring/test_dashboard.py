# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every query of the dashboard returns data from a back-filled week, in a real Prometheus, and the totals are those of that week."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import dashboard
import history
import pytest
import servers

DAYS = 7
# The last check before now, so that no sample is in the future.
END = time.time() // 300 * 300
# The properties of the gateways in history.py.
TOTALS = {
    "Gateways": 3,
    "Down": 0,
    "Stopped": 0,
    "Leaking": 1,
    "OOM kills, 7 days": 1,
    "Guards stale": 0,
}


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dashboard.Prometheus]:
    """A server with the week as blocks, and no scrape targets."""
    folder: Path = tmp_path_factory.mktemp("week")
    with (folder / "week.om").open("w", encoding="utf-8") as week:
        week.writelines(line + "\n" for line in history.lines(END, DAYS, 300))
    # Blocks of two hours would take a minute: promtool reads the file once for each block.
    argv = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "--quiet"]
    argv += ["--max-block-duration=200h", "week.om", "data"]
    subprocess.run(argv, cwd=folder, check=True, timeout=120)
    (folder / "prometheus.yml").write_text("global: {}\n", encoding="utf-8")
    port = servers.free_port()
    argv = ["prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data"]
    argv.append("--web.listen-address=127.0.0.1:%d" % port)
    with servers.running("prometheus", argv, folder, port):
        yield dashboard.Prometheus("http://127.0.0.1:%d" % port)


def test_every_query_returns_data(
    prometheus: dashboard.Prometheus, tables: dict[str, list[str]]
) -> None:
    """For one gateway at least: the one without a slope has no growth."""
    answers = servers.wait(
        "the server to be ready", lambda: _walked(prometheus), servers.PATIENCE_SECONDS
    )
    assert isinstance(answers, list)
    tables["The dashboard on a back-filled week"] = [
        "| panel | series | one value | of | query |",
        "| --- | --- | --- | --- | --- |",
        *(
            "| %s | %d | %s | %s | `%s` |"
            % (
                one.query.of,
                one.series,
                one.sample or one.error,
                one.whom,
                " ".join(one.query.expr.split()).replace("|", "\\|"),
            )
            for one in answers
        ),
    ]
    assert not [one for one in answers if one.error or not one.series]
    values = {one.query.of: one.sample for one in answers}
    assert {name: float(values[name].split()[0]) for name in TOTALS} == TOTALS


def _walked(prometheus: dashboard.Prometheus) -> list[dashboard.Answer] | None:
    """The answers; None if the server does not answer yet."""
    try:
        return dashboard.walk(prometheus, dashboard.load(), END, DAYS)
    except (OSError, ValueError):
        return None


def test_table_by_urgency_names_every_gateway_once(prometheus: dashboard.Prometheus) -> None:
    """The leak ranks first; the flat gateway and the one killed days ago are healthy."""
    board = dashboard.load()
    (panel,) = [one for one in dashboard.panels(board) if one["type"] == "table"]
    urgency = panel["targets"][0]["expr"]
    found = prometheus.ask("query", query=urgency, time=END)["result"]
    ranks = {
        (one["metric"]["instance"], one["metric"]["gateway"]): float(one["value"][1])
        for one in found
    }
    assert ranks == {
        ("alpha", "hermes-gateway"): 2,
        ("beta", "hermes-gateway"): 5,
        ("beta", "hermes-gateway-coder@ada"): 5,
    }
    # Right after the kill, it comes first.
    found = prometheus.ask("query", query=urgency, time=END - 2.5 * 86400)["result"]
    ranks = {one["metric"]["gateway"]: float(one["value"][1]) for one in found}
    assert ranks["hermes-gateway-coder@ada"] == 1
