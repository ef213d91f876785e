# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo: its made-up history, what it says of a breach, and that it is never silent."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from pathlib import Path

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import history
from ansible_collections.hermes_ops.gateway.plugins.module_utils._trend import analysis

TOOLS = Path(__file__).resolve().parents[2] / "tools"
ROW = dict.fromkeys(history.COLUMNS, "")
OWN = dict(ROW, timestamp="1790000000", invocation_id="ab", pid="7", version="0.22.2")
GOOD = {
    "sent": 9,
    "answered": 9,
    "again": 1,
    "waited": 2,
    "twice": 0,
    "starts": 1,
    "unanswered": [7],
}
RESTART = {"time": 5, "event": "restart", "reason": "94 MB is above 40 MB", "mode": "drain"}


@pytest.fixture(autouse=True)
def tools(monkeypatch):
    """The scripts of the demo import each other."""
    monkeypatch.syspath_prepend(str(TOOLS))


def load(name):
    spec = importlib.util.spec_from_file_location("demo_" + name, TOOLS / (name + ".py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def leaking(monkeypatch):
    """The module, with a host of one file each."""
    module = load("leaking_history")
    files = {}

    def run_on(_host, *command, content=""):
        path = command[-1]
        if command[0] == "sh" and content:
            files[path] = content
        elif command[0] == "sh":
            files.setdefault(path + ".own", files[path])
        elif command[0] == "rm":
            del files[path]
        return files.get(path, "")

    monkeypatch.setattr(module, "run_on", run_on)
    module.files = files
    return module


def test_the_made_up_history_is_called_a_leak_at_its_rate(leaking):
    path = leaking.HISTORY % "g"
    leaking.files[path] = leaking.text(list(history.COLUMNS), [OWN])
    leaking.put("h", "g")
    columns, rows = leaking.samples(leaking.files[path])
    assert columns == list(history.COLUMNS)
    assert rows[-1]["timestamp"] == OWN["timestamp"] and rows[-1]["version"] == "0.22.2"
    numbers = ("timestamp", "rss_bytes", "anon_bytes", "swap_bytes")
    for row in rows:
        row.update({name: int(row[name]) if row[name] else None for name in numbers})
    answer = analysis.trend(rows, 2 << 30)
    assert answer["verdict"] == "leak"
    low, high = answer["slope_ci"]
    assert low < leaking.LEAK_MB_PER_HOUR < high
    assert 24 < answer["hours_to_limit"] < 168


def test_the_own_history_comes_back_with_the_samples_since(leaking):
    path = leaking.HISTORY % "g"
    leaking.files[path] = own = leaking.text(list(history.COLUMNS), [OWN])
    leaking.put("h", "g")
    since = leaking.text(list(history.COLUMNS), [dict(OWN, timestamp="1790000300")])
    leaking.files[path] += since.splitlines()[1] + "\n"
    leaking.put("h", "g")
    leaking.files[path] += since.splitlines()[1] + "\n"
    leaking.back("h", "g")
    assert leaking.files == {path: own + since.splitlines()[1] + "\n"}


@pytest.mark.parametrize(
    ("figures", "entries", "code"),
    [
        ({}, [RESTART], 0),
        ({"answered": 8}, [RESTART], 1),
        ({}, [], 1),
        ({}, [RESTART, RESTART], 1),
        ({"starts": 2}, [RESTART], 1),
        ({}, [RESTART, dict(RESTART, event="ended")], 1),
        ({}, [dict(RESTART, event="refused"), RESTART], 0),
    ],
    ids=("good", "lost", "none", "two", "started twice", "crashed", "refused before"),
)
def test_the_demo_fails_unless_all_are_answered_and_one_restart_was_done(
    monkeypatch, capsys, figures, entries, code
):
    breach = load("breach")
    monkeypatch.setattr(breach, "state", lambda host: dict(GOOD, **figures))
    monkeypatch.setattr(breach, "ledger", lambda host, gateway, since: entries)
    assert breach.tell("alpha", "g", 0) == code
    said = capsys.readouterr().out
    assert ("all answered" in said) == ("answered" not in figures)


def test_the_demo_fails_if_the_report_names_no_leak(leaking, tmp_path, capsys):
    row = {"host": "h", "gateway": "g", "verdict": "leak", "why": "It climbs.", "advice": ["a"]}
    path = tmp_path / "report.json"
    path.write_text(json.dumps({"rows": [row]}))
    assert leaking.tell("h", "g", str(path)) == 0
    assert "It climbs." in capsys.readouterr().out
    path.write_text(json.dumps({"rows": [dict(row, verdict="flat")]}))
    assert leaking.tell("h", "g", str(path)) == 1


def test_a_silent_step_says_that_it_goes_on():
    script = """
set -euo pipefail
. %s
read() { IFS= builtin read -r -t 0.2 more; }
quiet() { printf begun; sleep 0.5; echo ' done'; printf 'no end'; return 3; }
never_silent 'the step runs' quiet && exit 9 || exit $?
""" % (TOOLS / "never_silent.sh")
    done = subprocess.run(
        ["bash", "-c", script], stdout=subprocess.PIPE, encoding="utf-8", check=False
    )
    assert done.returncode == 3
    lines = done.stdout.splitlines()
    assert "the step runs ..." in lines[0]
    assert lines[-2:] == ["begun done", "no end"]
