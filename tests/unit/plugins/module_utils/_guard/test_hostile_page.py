# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One hostile gateway or damaged file affects only itself: the page has all others, and the check continues."""

from __future__ import annotations

import json
import os
import shutil
import time

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import (
    alarms,
    cli,
    cli_commands,
    counters,
    ledger,
    memory_trend,
    page_link,
    page_now,
    page_questions,
    supervised,
    verdict_cache,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import unit_journal
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import files, journal


@pytest.fixture(autouse=True)
def journal_is_empty(monkeypatch):
    monkeypatch.setattr(unit_journal, "read", lambda gateways, since: journal.Answer([], []))


@pytest.fixture
def two(systemd, settings, tmp_path):
    """The settings of the gateways a and b, which run."""
    made = []
    for name in ("a", "b"):
        systemd.add_gateway(tmp_path / name, "%s.service" % name)
        made.append(settings("%s.service" % name, tmp_path / name, threshold="100%"))
    return made


def text():
    with open(page_link.page(), encoding="utf-8") as handle:
        return handle.read()


def put(one, name, content):
    with open(os.path.join(one.folder, name), "w", encoding="utf-8") as handle:
        handle.write(content if isinstance(content, str) else json.dumps(content))


def test_gateway_without_a_state_directory(two, settings, tmp_path):
    # Newly configured; its unit was never started.
    new = settings("new.service", tmp_path / "new")
    shutil.rmtree(new.folder)
    lines, _good = supervised.check([*two, new])
    assert 'up{gateway="a"} 1' in text() and 'up{gateway="new"} 0' in text(), lines


@pytest.mark.parametrize(
    "kept",
    [{"version": "\ud800"}, {"version": ["1"]}, {"limit": 10**19}, {"start": 1e300}],
    ids=str,
)
def test_damaged_counters_cost_no_other_gateway(two, kept):
    supervised.check(two)
    with open(os.path.join(two[0].folder, counters.NAME), encoding="utf-8") as handle:
        record = json.load(handle)
    record["run"].update(kept)
    put(two[0], counters.NAME, record)
    os.unlink(page_link.page())
    supervised.check(two)
    assert 'up{gateway="b"} 1' in text() and 'up{gateway="a"}' in text()


@pytest.mark.parametrize("growth", [float("nan"), float("inf"), 5e-324, 1e308], ids=str)
def test_growth_that_is_no_number_costs_no_other_gateway(two, monkeypatch, growth):
    def judge(one, run, limit, now):
        record = {"verdict": "leak", "judged": now, "tried": now, "run": run, "limit": limit}
        return dict(record, slope=growth, low=growth, high=growth, grows=True)

    monkeypatch.setattr(verdict_cache, "judge", judge)
    supervised.check(two)
    assert 'up{gateway="a"} 1' in text() and 'up{gateway="b"} 1' in text()


def test_one_that_cannot_be_looked_at_costs_no_other_gateway(two, monkeypatch):
    real = counters.Counters

    def broken(folder):
        if folder == two[0].folder:
            raise ValueError("damaged")
        return real(folder)

    monkeypatch.setattr(counters, "Counters", broken)
    judged = []
    monkeypatch.setattr(
        verdict_cache, "judge", lambda one, *more: judged.append(one.name) or {"tried": 1.0}
    )
    lines, _good = supervised.check(two)
    assert 'up{gateway="b"} 1' in text() and 'up{gateway="a"} 0' in text()
    assert lines == ["a: its metrics are not available: damaged"]
    assert judged == ["b"]


def test_counters_that_cannot_be_written_cost_no_other_gateway(two, monkeypatch):
    real = files.write_atomic

    def fail(path, *more, **named):
        if path.startswith(two[0].folder):
            raise OSError(5, "Input/output error", path)
        real(path, *more, **named)

    monkeypatch.setattr(files, "write_atomic", fail)
    lines, _good = supervised.check(two)
    assert 'up{gateway="b"} 1' in text()
    assert os.path.exists(os.path.join(two[1].folder, counters.NAME))
    assert any("Input/output error" in line for line in lines)


def test_page_of_a_thousand_gateways_is_read(two, systemd, monkeypatch, capsys):
    monkeypatch.setattr(cli_commands, "_chosen", lambda options, every: two)
    supervised.check(two)
    # About 10 kB for each gateway.
    files.write_atomic(page_link.page(), "x" * (10 << 20) + "\n" + text())
    assert cli.main(["metrics"]) == 0
    assert "hermes_guard_check_timestamp_seconds 1" in capsys.readouterr().out


@pytest.mark.parametrize("damaged", ["one", "", "nan", "1 2", "1" * 5000])
def test_damaged_page_of_before(two, monkeypatch, capsys, damaged):
    monkeypatch.setattr(cli_commands, "_chosen", lambda options, every: two)
    files.write_atomic(page_link.page(), "hermes_guard_check_timestamp_seconds %s\n" % damaged)
    assert page_now.last_check() == {}
    assert cli.main(["metrics"]) == 0


LONG = json.dumps({"time": 5.0, "event": "alert", "code": "x" * 900000, "trigger": "watchdog"})


@pytest.mark.parametrize(
    "line",
    [
        LONG,
        json.dumps({"time": 5.0, "event": "alert", "code": "limit", "reason": "x" * 900000}),
        '{"time": true, "event": "restart", "trigger": "watchdog"}',
        '{"time": 5, "event": "restart", "trigger": {"a": 1}, "mode": [1], "code": null}',
        "[" * 5000,
        "\udcff",
    ],
    ids=lambda line: line[:60],
)
def test_no_line_of_a_ledger_makes_a_counter_fall(tmp_path, line):
    folder = str(tmp_path)
    counters.Counters(folder).save()
    ledger.write(folder, "alert", "threshold", "x", trigger="watchdog")
    with open(os.path.join(folder, ledger.NAME), "ab") as handle:
        handle.write(line.encode("utf-8", "surrogateescape") + b"\n")
    counters.Counters(folder).save()
    ledger.write(folder, "alert", "frozen", "x", trigger="watchdog")
    counters.Counters(folder).save()
    found = counters.Counters(folder)
    assert found.totals["alerts"]["threshold"] == 1 and found.totals["alerts"]["frozen"] == 1
    assert found.totals["alerts"].get("limit", 0) == ('"limit"' in line)
    assert os.path.getsize(os.path.join(folder, counters.NAME)) < 10000


@pytest.mark.parametrize(
    "content",
    [
        {"open": {"leak": {}}, "waiting": [{"event": "alert"}]},
        {"open": {"leak": {"notified": 0, "since": 10**19, "reason": ["x"]}}, "waiting": []},
        {
            "open": {"leak": {"notified": 1e300, "since": "now", "run": {}}},
            "waiting": [{}, 7, None],
        },
        {
            "open": {},
            "waiting": [
                {"event": "alert", "code": ["x"], "reason": 1, "time": 10**19, "sample": 1}
            ],
        },
        {
            "open": {},
            "waiting": [
                {"event": "alert", "code": "x", "reason": "y", "time": 1.0, "sample": {"rss": 1}}
            ],
        },
        "[" * 5000,
        '{"open": NaN}',
    ],
    ids=lambda content: str(content)[:70],
)
def test_damaged_alarms_stop_no_check(two, monkeypatch, tmp_path, content):
    told = tmp_path / "told"
    for one in two:
        one.notify_command = "sh -c 'echo $HERMES_GUARD_GATEWAY >> %s'" % told
    put(two[0], alarms.NAME, content)
    alarms.put(two[1], "recovered", "x", "y")
    lines, good = supervised.check(two)
    assert good, lines
    assert "b" in told.read_text().split()
    assert alarms.settle(two[0], ("leak",), "over") in (True, False)


def test_history_is_not_judged_again_at_once_because_its_user_kills_the_gateway(
    settings, monkeypatch
):
    one = settings()
    clock = [1000.0]

    def growth(_settings, _limit):
        clock[0] += 5
        return {"verdict": "flat", "grows": False, "slope": None, "low": None, "high": None}

    monkeypatch.setattr(memory_trend, "growth", growth)
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    now = 1e9
    record = verdict_cache.judge(one, ["a", 1], 100, now)
    for stored in (record, verdict_cache.read(one.folder)):
        assert not verdict_cache.is_due(stored, ["b", 2], 100, now + 60)
        assert not verdict_cache.is_due(stored, ["a", 1], 200, now + 60)
        # A hundredth of the time at most.
        assert verdict_cache.is_due(stored, ["b", 2], 100, now + 501)


def test_new_run_of_a_short_history_is_judged_at_once(settings):
    one = settings()
    now = 1e9
    record = verdict_cache.judge(one, ["a", 1], 100, now)
    assert verdict_cache.is_due(record, ["b", 2], 100, now + 60)


def test_history_whose_verdict_did_not_end_is_judged_once_an_hour(settings, monkeypatch):
    one = settings()

    def growth(*_given):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(memory_trend, "growth", growth)
    with pytest.raises(OSError):
        verdict_cache.judge(one, ["a", 1], 100, 1e9)
    record = verdict_cache.read(one.folder)
    assert not verdict_cache.is_due(record, ["b", 2], 100, 1e9 + 3000)
    assert verdict_cache.is_due(record, ["b", 2], 100, 1e9 + 3700)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_fault_of_the_journal_costs_no_verdict(two, systemd, monkeypatch):
    judged = []
    monkeypatch.setattr(
        verdict_cache, "judge", lambda one, *more: judged.append(one.name) or {"tried": 1.0}
    )

    def read(*_given):
        raise RuntimeError("a fault that nobody thought of")

    supervised.check(two)
    supervised.check(two)
    del judged[:]
    monkeypatch.setattr(unit_journal, "read", read)
    systemd._restart([two[0].unit])
    lines, _good = supervised.check(two)
    assert judged and lines == ["the verdict for the metrics failed unexpectedly"]
    assert 'up{gateway="b"} 1' in text()


def test_user_who_restarts_with_new_versions_makes_few_series(systemd, settings, home):
    home.mkdir()
    (home / "version").write_text("0.20.0")
    systemd.add_gateway(home)
    one = settings()
    seen = set()
    for number in range(12):
        supervised.check([one])
        seen.update(word for word in text().split("\n") if word.startswith("hermes_gateway_info"))
        (home / "version").write_text("0.20.%d" % number)
        systemd._restart([one.unit])
    # The versions of a day that an operator tries, and "" for all others.
    assert len(seen) <= 6
    assert any('version=""' in one for one in seen)


def test_gateway_whose_verdict_cannot_be_kept_is_not_the_first_one_for_ever(two, monkeypatch):
    judged = []
    real = files.write_atomic

    def write(path, *more, **named):
        if path.startswith(two[0].folder):
            raise OSError(28, "No space left on device", path)
        judged.append(os.path.basename(path))
        real(path, *more, **named)

    monkeypatch.setattr(files, "write_atomic", write)
    supervised.check(two)
    assert verdict_cache.NAME in judged and 'verdict="insufficient"} 1' in text()


def test_user_whose_journal_is_slow_hides_no_kill_of_another(two, systemd, monkeypatch):
    clock, answers, asked = [0.0], [], []

    def read(gateways, _since):
        asked.append([one.name for one in gateways])
        clock[0] += 20
        return journal.Answer([one for one in answers if one.fields["UNIT"] in asked_units()], [])

    def asked_units():
        return ["%s.service" % name for name in asked[-1]]

    monkeypatch.setattr(unit_journal, "read", read)
    monkeypatch.setattr(page_questions.progress, "manager", lambda one: one.name)
    supervised.check(two)
    entry = {
        "MESSAGE_ID": unit_journal.OOM_KILLS[0],
        "UNIT": "b.service",
        "_PID": "1",
        "INVOCATION_ID": systemd.units["b.service"]["InvocationID"],
    }
    answers.append(journal.Entry(time.time() + 1, entry))
    systemd._restart([one.unit for one in two])
    monkeypatch.setattr(page_questions, "time", Clock(clock))
    for _check in range(3):
        supervised.check(two)
    # One in each check, each gateway once.
    assert sorted(asked) == [["a"], ["b"]]
    assert 'oom_kills_total{gateway="b"} 1' in text()
    assert (
        'start_time_seconds{gateway="a"}' in text() and 'start_time_seconds{gateway="b"}' in text()
    )


class Clock:
    """A monotonic clock that only a test moves."""

    def __init__(self, now):
        self.now = now

    def monotonic(self):
        return self.now[0]


def test_damaged_place_in_the_ledger_loses_no_gateway(two):
    ledger.write(two[0].folder, "alert", "threshold", "x", trigger="watchdog")
    supervised.check(two)
    with open(os.path.join(two[0].folder, counters.NAME), encoding="utf-8") as handle:
        record = json.load(handle)
    record["ledger"].update(last="\ud800", seen=None)
    put(two[0], counters.NAME, record)
    lines, _good = supervised.check(two)
    assert lines == [] and 'up{gateway="a"} 1' in text()
    # The time shows which entries are new.
    assert 'alerts_total{gateway="a",code="threshold"} 0' in text()
