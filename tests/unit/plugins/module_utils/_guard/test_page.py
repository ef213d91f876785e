# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page that a full check writes: it has every gateway, in any state."""

from __future__ import annotations

import ast
import errno
import json
import os
import stat
import time

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import (
    alarms,
    check_alerts,
    cli,
    cli_commands,
    counters,
    down,
    history,
    ledger,
    metrics,
    page,
    page_link,
    page_questions,
    restart_calendar,
    sampling,
    supervised,
    verdict_cache,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import (
    discovery,
    heartbeat,
    unit_journal,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import (
    cgroup,
    files,
    journal,
    proc,
)

UNIT = "hermes-gateway.service"
G = 'gateway="hermes-gateway"'


@pytest.fixture(autouse=True)
def asked(monkeypatch):
    """Records the queries of the journal instead of making them."""
    found = []
    answer = []

    def read(gateways, since):
        found.append(([one.name for one in gateways], since))
        return journal.Answer(list(answer), [])

    monkeypatch.setattr(unit_journal, "read", read)
    found.append(answer)
    return found


def series(text=None):
    """The values on the page by series, or on ``text``."""
    if text is None:
        with open(page_link.page(), encoding="utf-8") as handle:
            text = handle.read()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


def short(name, more="", gateway="hermes-gateway"):
    return 'hermes_gateway_%s{gateway="%s"%s}' % (name, gateway, "," + more if more else "")


def check(*every, **named):
    assert supervised.check(list(every), **named)[1]
    return series()


def test_page_of_a_running_gateway(systemd, settings, home):
    systemd.add_gateway(home)
    one = settings(threshold="100%")
    (home / "state").mkdir()
    beat = {"pid": systemd.pid(), "monotonic": time.monotonic()}
    (home / "state/gateway.heartbeat").write_text(json.dumps(beat))
    found = check(one)
    row = history.tail(one.folder, 1)[0]
    info = 'unit="%s",scope="system",version=""' % UNIT
    for name, value in {
        "up": 1,
        "sample_timestamp_seconds": row["timestamp"],
        "memory_footprint_bytes": sampling.footprint(row),
        "memory_resident_bytes": row["rss_bytes"],
        "memory_anonymous_bytes": row["anon_bytes"],
        "memory_swap_bytes": row["swap_bytes"],
        "memory_limit_bytes": proc.host_memory()["total_bytes"],
        "memory_threshold_bytes": one.threshold,
        "oom_kills_total": 0,
        "watchdog_restart_enabled": 1,
        "watchdog_restarts_last_day": 0,
        "watchdog_restarts_last_day_max": 6,
        "frozen": 0,
        "active_agents": 0,
    }.items():
        assert found[short(name)] == value, name
    assert found[short("info", info)] == 1
    assert found[short("unit_state", 'state="active"')] == 1
    assert found[short("memory_verdict", 'verdict="insufficient"')] == 1
    assert abs(found[short("start_time_seconds")] - time.time()) < 60
    assert abs(found[short("heartbeat_timestamp_seconds")] - time.time()) < 60
    assert found['hermes_guard_info{version="%s"}' % cli.VERSION] == 1
    assert found["hermes_guard_gateways"] == 1
    assert found["hermes_guard_check_interval_seconds"] == 300
    assert found["hermes_guard_check_failed_gateways"] == 0
    assert abs(found["hermes_guard_check_timestamp_seconds"] - time.time()) < 60
    assert 0 <= found["hermes_guard_check_duration_seconds"] < 60
    mode = os.stat(page_link.page()).st_mode
    assert stat.S_IMODE(mode) == 0o644
    for unknown in ("next_restart_timestamp_seconds", "memory_growth_bytes_per_second"):
        assert short(unknown) not in found


def test_a_quiet_check_asks_nothing_and_writes_one_file(systemd, settings, home, monkeypatch):
    systemd.add_gateway(home)
    one = settings(threshold="100%")
    check(one)
    systemd.asked.clear()
    written = []
    real = files.write_atomic
    monkeypatch.setattr(
        files,
        "write_atomic",
        lambda path, *more, **named: written.append(path) or real(path, *more, **named),
    )
    monkeypatch.setattr(page_questions, "ask", None)
    found = check(one)
    # The check itself queries the unit, which it avoids on a real host.
    assert (written, systemd.asked) == ([page_link.page()], ["show"])
    assert found[short("up")] == 1


def test_two_checks_at_the_same_time_write_one_page(systemd, settings, home):
    """The counters of the last check would lack the counts of the other."""
    systemd.add_gateway(home)
    one = settings()
    check(one)
    os.unlink(page_link.page())
    with page.lock() as ours:
        assert ours
        assert supervised.check([one]) == ([], True)
        assert not os.path.exists(page_link.page())
    assert len(history.tail(one.folder, 9)) == 2, "the other check samples all the same"
    assert check(one)[short("up")] == 1


def test_check_of_one_gateway_writes_no_page(systemd, settings, home):
    systemd.add_gateway(home)
    one = settings()
    supervised.check([one], full=False)
    assert not os.path.exists(page_link.page())
    assert not os.path.exists(os.path.join(one.folder, counters.NAME))


@pytest.mark.parametrize("state", ["inactive", "failed"])
def test_dead_gateway_stays_with_up_0(systemd, settings, home, state):
    systemd.add_gateway(home)
    one = settings(threshold="100%")
    before = check(one)
    systemd.stop(UNIT, state)
    found = check(one)
    assert found[short("up")] == 0
    assert found[short("unit_state", 'state="%s"' % state)] == 1
    assert found[short("sample_timestamp_seconds")] == before[short("sample_timestamp_seconds")]
    for name in ("memory_footprint_bytes", "start_time_seconds", "frozen", "active_agents"):
        assert short(name) not in found


def test_gateway_whose_unit_is_gone(systemd, settings, home):
    systemd.add_gateway(home)
    one = settings(threshold="100%")
    check(one)
    systemd.stop(UNIT)
    del systemd.units[UNIT]
    supervised.check([one])
    found = series()
    assert (found[short("up")], found[short("unit_state", 'state="gone"')]) == (0, 1)
    assert found["hermes_guard_check_failed_gateways"] == 1
    assert found[short("alerts_total", 'code="gone"')] == 1


def test_gateway_that_was_never_there(systemd, settings):
    supervised.check([settings()])
    assert series()[short("up")] == 0


def test_gateway_that_has_never_run(systemd, settings, home):
    """Nothing is stored about it yet, not even a directory."""
    systemd.add_gateway(home, start=False)
    one = settings(threshold="100%")
    os.rmdir(one.folder)
    assert check(one)[short("up")] == 0
    asked = verdict_cache.read(one.folder)["tried"]
    assert check(one)[short("memory_verdict", 'verdict="insufficient"')] == 1
    # It gets no new verdict until it runs.
    assert verdict_cache.read(one.folder)["tried"] == asked


def test_counters_that_cannot_be_kept_cost_no_page(systemd, settings, tmp_path):
    every = []
    for name in ("hermes-gateway-a", "hermes-gateway-b"):
        systemd.add_gateway(tmp_path / name, unit=name + ".service")
        every.append(settings(unit=name + ".service", home=tmp_path / name))
    os.mkdir(os.path.join(every[0].folder, counters.NAME))
    lines, good = supervised.check(every)
    assert good and [line.partition(": [")[0] for line in lines] == [
        "hermes-gateway-a: its counters cannot be written"
    ]
    assert series()[short("up", gateway="hermes-gateway-a")] == 1


def test_history_on_which_the_verdict_fails_costs_the_verdict(systemd, settings, home, monkeypatch):
    from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import memory_trend

    systemd.add_gateway(home)
    one = settings(threshold="100%")

    def fail(*_given):
        raise ZeroDivisionError("nobody thought of this")

    monkeypatch.setattr(memory_trend, "growth", fail)
    found = check(one)
    assert found[short("up")] == 1
    assert not [name for name in found if "verdict" in name]
    assert supervised.check([one]) == ([], True)


def test_removed_gateway_vanishes(systemd, settings, tmp_path):
    every = []
    for name in ("hermes-gateway-a", "hermes-gateway-b"):
        systemd.add_gateway(tmp_path / name, unit=name + ".service")
        every.append(settings(unit=name + ".service", home=tmp_path / name))
    assert {one for one in check(*every) if "gateway-b" in one}
    assert not {one for one in check(every[0]) if "gateway-b" in one}
    # Also for the last gateway: a page about a removed one would be repeated forever.
    supervised.check([])
    assert not {one for one in series() if "hermes_gateway_" in one}


def test_host_without_gateways_gets_no_page(systemd):
    assert supervised.check([]) == ([], True)
    assert not os.path.exists(page_link.page())


def test_gateway_that_cannot_be_sampled_is_on_the_page(systemd, settings, home, monkeypatch):
    systemd.add_gateway(home)
    one = settings(threshold="100%")
    check(one)

    def fail(_gateway):
        raise ValueError("what nobody thought of")

    monkeypatch.setattr(sampling, "measured", fail)
    supervised.check([one])
    found = series()
    assert found[short("up")] == 1
    assert short("memory_footprint_bytes") not in found
    assert found["hermes_guard_check_failed_gateways"] == 1


def test_gateway_whose_facts_cannot_be_told_costs_itself(systemd, settings, tmp_path, monkeypatch):
    every = []
    for name in ("hermes-gateway-a", "hermes-gateway-b"):
        systemd.add_gateway(tmp_path / name, unit=name + ".service")
        every.append(settings(unit=name + ".service", home=tmp_path / name))
    real = page.page_facts.of_gateway

    def facts(one, *more):
        if one is every[0]:
            raise ValueError("what nobody thought of")
        return real(one, *more)

    monkeypatch.setattr(page.page_facts, "of_gateway", facts)
    lines, _good = supervised.check(every)
    assert lines == ["hermes-gateway-a: its metrics are not available: what nobody thought of"]
    found = series()
    assert found[short("up", gateway="hermes-gateway-a")] == 0
    assert found[short("up", gateway="hermes-gateway-b")] == 1


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_full_disk_leaves_the_old_page_and_the_check_goes_on(
    systemd, settings, home, monkeypatch, number
):
    systemd.add_gateway(home)
    one = settings(threshold="100%")
    check(one)
    with open(page_link.page(), encoding="utf-8") as handle:
        before = handle.read()

    def fail(path, *_more, **_named):
        raise OSError(number, os.strerror(number), path)

    monkeypatch.setattr(files, "write_atomic", fail)
    lines, good = supervised.check([one])
    assert good and len(lines) == 1
    assert lines[0].startswith("the metrics page cannot be written: ")
    with open(page_link.page(), encoding="utf-8") as handle:
        assert handle.read() == before
    assert len(history.tail(one.folder, 9)) == 2


def test_events_of_the_ledger(systemd, settings, home):
    systemd.add_gateway(home)
    one = settings(threshold="100%")
    first = check(one)
    assert first[short("restarts_total", 'trigger="watchdog",mode="drain"')] == 0
    ledger.write(
        one.folder, "restart", "restarted", "x", trigger="watchdog", mode="drain", invocation_id="a"
    )
    ledger.write(one.folder, "failed", "not-up", "x", trigger="timer", mode="second-try")
    ledger.write(one.folder, "refused", "cooldown", "x", trigger="watchdog")
    ledger.write(one.folder, "alert", "near-limit", "x", trigger="watchdog")
    found = check(one)
    assert found[short("restarts_total", 'trigger="watchdog",mode="drain"')] == 1
    assert found[short("restart_failures_total", 'code="not-up"')] == 1
    assert found[short("restart_refusals_total", 'code="cooldown"')] == 1
    assert found[short("alerts_total", 'code="near-limit"')] == 1
    assert found[short("watchdog_restarts_last_day")] == 1


def words(name):
    """The ledger calls in a module of the guard: (function or "", constant arguments)."""
    path = os.path.join(os.path.dirname(page.__file__), name + ".py")
    with open(path, encoding="utf-8") as handle:
        tree = ast.parse(handle.read())
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else node.func
            called = called.id if isinstance(called, ast.Name) else called
            yield called, [one.value for one in node.args if isinstance(one, ast.Constant)]
        elif isinstance(node, ast.Tuple) and isinstance(node.elts[0], ast.Constant):
            yield "", [node.elts[0].value] if len(node.elts) == 2 else []


def test_codes_of_refusals_and_failures_are_on_the_page():
    """An unlisted code would not be counted."""
    refused = {
        given[0]
        for name in ("policy", "arbiter")
        for call, given in words(name)
        if not call and given
    }
    refused |= {given[1] for call, given in words("arbiter") if call == "entry"}
    ended = [given for call, given in words("restart") if call == "finish"]
    refused |= {given[1] for given in ended if given[0] == "refused"}
    assert refused == set(metrics.REFUSALS)
    assert {given[1] for given in ended if given[0] == "failed"} == set(metrics.FAILURES)


def test_codes_of_alarms_are_on_the_page():
    raised = {given[0] for call, given in words("reaction") if call == "alert" and given}
    calls = [
        given
        for name in ("watchdog", "check_alerts")
        for call, given in words(name)
        if call in ("", "alert", "alert_of") and given
    ]
    # A code of the policy that is an alert, the second alert, and the code of another module.
    raised |= {given[0] for given in calls} | {"daily-cap", alarms.NEAR, down.CODE}
    # The event before an alert is not an alert in the ledger.
    assert raised - set(alarms.EARLY) == set(metrics.ALERTS)


def version(found):
    return [one for one in found if "gateway_info{" in one][0].partition('version="')[2][:-2]


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("0.20.6", "0.20.6"),
        ("v0.18.2.post1", "v0.18.2.post1"),
        ("0.21.0-rc1", "0.21.0-rc1"),
        ('1.0",evil="1', ""),
        ("1.0\n2", "1.02"),
        ("1.0\x1b[31m", ""),
        ("1.2.3 build of tuesday", ""),
        ("0.20.6" + "9" * 30, ""),
        ("1." * 15 + "1", ""),
    ],
)
def test_version_is_a_label_only_if_it_is_one(systemd, settings, home, said, shown):
    home.mkdir()
    (home / "version").write_text(said)
    systemd.add_gateway(home)
    assert version(check(settings())) == shown


def test_user_who_changes_the_version_at_each_check_makes_no_new_series(systemd, settings, home):
    home.mkdir()
    (home / "version").write_text("0.20.6")
    systemd.add_gateway(home)
    one = settings()
    seen = []
    for number in range(3):
        seen.append(version(check(one)))
        state = json.loads((home / "gateway_state.json").read_text())
        state["code_version"] = "0.20.%d" % (7 + number)
        (home / "gateway_state.json").write_text(json.dumps(state))
    assert seen == ["0.20.6"] * 3
    # The next run may be another version.
    (home / "version").write_text("0.21.0")
    systemd._restart([UNIT])
    assert version(check(one)) == "0.21.0"


@pytest.mark.parametrize(
    ("monotonic", "known"), [(1e300, False), (-1e9, False), ("now", False), (10**400, False)]
)
def test_heartbeat_that_no_clock_shows_is_unknown(systemd, settings, home, monotonic, known):
    systemd.add_gateway(home)
    (home / "state").mkdir()
    beat = {"pid": systemd.pid(), "monotonic": monotonic}
    (home / "state/gateway.heartbeat").write_text(json.dumps(beat))
    assert (short("heartbeat_timestamp_seconds") in check(settings())) is known


@pytest.mark.parametrize("agents", [-1, 10**7, 10**400, "two", True, 1.5])
def test_turns_that_no_gateway_has_are_unknown(systemd, settings, home, agents):
    systemd.add_gateway(home)
    state = json.loads((home / "gateway_state.json").read_text())
    (home / "gateway_state.json").write_text(json.dumps(dict(state, active_agents=agents)))
    assert short("active_agents") not in check(settings())


def test_frozen_gateway(systemd, settings, home, monkeypatch):
    systemd.add_gateway(home)
    one = settings(threshold="100%", action="alert")
    monkeypatch.setattr(heartbeat, "LOOK_AGAIN_SECONDS", 0)
    monkeypatch.setattr(heartbeat, "silence", lambda gateway: 400.0)
    monkeypatch.setattr(heartbeat, "is_too_long", lambda silent, folder: True)
    monkeypatch.setattr(heartbeat, "confirmed", lambda gateway, timeout=0: None)
    assert check(one)[short("frozen")] == 0
    monkeypatch.setattr(heartbeat, "confirmed", lambda gateway, timeout=0: 400.0)
    found = check(one)
    assert found[short("frozen")] == 1
    assert abs(time.time() - 400 - found[short("heartbeat_timestamp_seconds")]) < 60


def test_limit_of_the_unit_and_of_one_that_has_stopped(systemd, settings, home, monkeypatch):
    systemd.add_gateway(home)
    one = settings(threshold="1G")
    monkeypatch.setattr(cgroup, "limit", lambda group: cgroup.Limit(3 << 30, "MemoryMax"))
    monkeypatch.setattr(
        proc,
        "host_memory",
        lambda: {"total_bytes": 8 << 30, "available_bytes": 4 << 30, "swap_total_bytes": 0},
    )
    assert check(one)[short("memory_limit_bytes")] == 3 << 30
    systemd.stop(UNIT)
    # The cgroup went with the run, the unit's limit did not.
    assert check(one)[short("memory_limit_bytes")] == 3 << 30


def test_growth_and_when_the_limit_is_reached(systemd, settings, home):
    systemd.add_gateway(home)
    one = settings()
    check(one)
    record = verdict_cache.read(one.folder)
    record.update(verdict="leak", slope=2048.0, low=1024.5, high=None, grows=True)
    verdict_cache._write(one.folder, record)
    found = check(one)
    assert found[short("memory_growth_bytes_per_second")] == 2048
    assert found[short("memory_growth_lower_bytes_per_second")] == 1024.5
    assert short("memory_growth_upper_bytes_per_second") not in found
    left = found[short("memory_limit_bytes")] - found[short("memory_footprint_bytes")]
    reached = found[short("memory_limit_reached_timestamp_seconds")]
    assert reached == pytest.approx(time.time() + left / 2048, abs=60)
    assert found[short("memory_limit_reached_latest_timestamp_seconds")] > reached
    # At a threshold the watchdog acts, which is not a danger.
    assert check(settings(threshold="1G"))[
        short("memory_limit_reached_timestamp_seconds")
    ] == pytest.approx(reached, rel=0.01)
    systemd.stop(UNIT)
    assert short("memory_limit_reached_timestamp_seconds") not in check(one)


@pytest.fixture
def timer(systemd, tmp_path, monkeypatch):
    """A calendar timer of the gateway that is installed and runs; the path of its file."""
    monkeypatch.setattr(restart_calendar, "FOLDER", str(tmp_path))
    systemd._enable(["hermes-gateway-restart.timer"])
    path = tmp_path / "hermes-gateway-restart.timer"
    path.write_text("[Timer]\nOnCalendar=04:00\n")
    return path


def test_next_restart_is_asked_once_an_hour(systemd, settings, home, timer, monkeypatch):
    systemd.add_gateway(home)
    one = settings()
    name = short("next_restart_timestamp_seconds")
    assert check(one)[name] == 4102444800 - 20 * 3600
    asked = systemd.asked.count("list-timers")
    assert check(one)[name] and systemd.asked.count("list-timers") == asked == 1
    # Another calendar.
    os.utime(timer, (1, 1))
    check(one)
    assert systemd.asked.count("list-timers") == 2
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 3601)
    check(one)
    assert systemd.asked.count("list-timers") == 3
    timer.unlink()
    assert name not in check(one)
    assert systemd.asked.count("list-timers") == 3


def test_timer_that_has_fired_or_never_fires_is_asked_again(systemd, settings, home, timer):
    systemd.add_gateway(home)
    one = settings()
    systemd.elapsed.add(timer.name)
    for count in (1, 2):
        assert short("next_restart_timestamp_seconds") not in check(one)
        assert systemd.asked.count("list-timers") == count
    systemd.elapsed.clear()
    assert short("next_restart_timestamp_seconds") in check(one)


def test_suspended_restarts(systemd, settings, home):
    systemd.add_gateway(home)
    one = settings()
    name = short("restarts_suspended_until_timestamp_seconds")
    assert name not in check(one)
    from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import suspension

    now = time.time()
    suspension._write(one.folder, suspension.Suspension(now, now + 48 * 3600, False), now)
    assert check(one)[name] == pytest.approx(time.time() + 48 * 3600, abs=60)


def entry(gateway, invocation, message, ago=0.0):
    """The entries of the system's systemd about the gateway's unit."""
    fields = {"_PID": "1", "UNIT": gateway, "INVOCATION_ID": invocation, "MESSAGE_ID": message}
    return journal.Entry(time.time() - ago, fields)


def test_kill_of_the_main_process_is_asked_of_the_journal_once(systemd, settings, home, asked):
    answer = asked.pop(0)
    systemd.add_gateway(home)
    one = settings()
    started = check(one)[short("start_time_seconds")]
    first = systemd.units[UNIT]["InvocationID"]
    sampled = history.tail(one.folder, 1)[0]["timestamp"]
    systemd._restart([UNIT])
    second = systemd.units[UNIT]["InvocationID"]
    answer += [
        # Before the last sample: the cgroup's own counter has shown that one.
        entry(UNIT, first, unit_journal.OOM_KILLS[0], 3600),
        entry(UNIT, first, unit_journal.OOM_KILLS[0]),
        entry(UNIT, first, unit_journal.OOM_KILLS[1]),
        entry(UNIT, "c" * 32, unit_journal.OOM_KILLS[1]),
        # This run's cgroup counts it, and the next is another unit's.
        entry(UNIT, second, unit_journal.OOM_KILLS[0]),
        entry("other.service", first, unit_journal.OOM_KILLS[0]),
        entry(UNIT, "d" * 32, "another message"),
    ]
    assert check(one)[short("oom_kills_total")] == 2
    # The later of the two: the start is "now" less the uptime, and the second may change between the sample and "now".
    assert asked == [(["hermes-gateway"], max(sampled, started))]
    assert check(one)[short("oom_kills_total")] == 2
    assert len(asked) == 1


def test_gateway_that_stays_down_is_asked_about_once(systemd, settings, home, asked):
    answer = asked.pop(0)
    systemd.add_gateway(home)
    one = settings()
    check(one)
    first = systemd.units[UNIT]["InvocationID"]
    systemd.stop(UNIT, "failed")
    answer.append(entry(UNIT, first, unit_journal.OOM_KILLS[0]))
    assert check(one)[short("oom_kills_total")] == 1
    assert check(one)[short("oom_kills_total")] == 1
    assert len(asked) == 1
    systemd.start(UNIT)
    # Since the first query.
    assert check(one)[short("oom_kills_total")] == 1
    assert len(asked) == 2 and asked[1][1] > asked[0][1]


def test_forged_kills_are_bounded(systemd, settings, home, asked):
    answer = asked.pop(0)
    systemd.add_gateway(home)
    one = settings()
    check(one)
    systemd._restart([UNIT])
    answer += [entry(UNIT, "%032d" % number, unit_journal.OOM_KILLS[0]) for number in range(1000)]
    assert check(one)[short("oom_kills_total")] == page_questions.MOST_RUNS


def test_one_gateway_is_judged_in_a_check_the_oldest_verdict_first(
    systemd, settings, tmp_path, monkeypatch
):
    every = []
    for letter in "abc":
        name = "hermes-gateway-" + letter
        systemd.add_gateway(tmp_path / name, unit=name + ".service")
        every.append(settings(unit=name + ".service", home=tmp_path / name))
    judged = []
    real = verdict_cache.judge

    def judge(one, *more):
        judged.append(one.name[-1])
        return real(one, *more)

    monkeypatch.setattr(verdict_cache, "judge", judge)
    clock = [time.time()]
    monkeypatch.setattr(time, "time", lambda: clock[0])
    for _number in range(5):
        clock[0] += 300
        supervised.check(every)
    assert sorted(judged) == ["a", "b", "c"]
    order = list(judged)
    # Each again, an hour after its verdict.
    for _number in range(12):
        clock[0] += 300
        supervised.check(every)
    assert judged == order * 2
    systemd._restart([every[1].unit])
    clock[0] += 300
    supervised.check(every)
    assert judged == order * 2 + ["b"]


def test_verdict_that_takes_too_long_costs_no_page_and_no_alarm(
    systemd, settings, home, monkeypatch
):
    systemd.add_gateway(home)
    one = settings(threshold="100%")
    monkeypatch.setattr(page_questions, "ask", lambda wanted, now: time.sleep(60))
    monkeypatch.setitem(supervised.SECONDS, supervised.progress.METRICS, 0.3)
    delivered = []
    monkeypatch.setattr(check_alerts, "deliver", lambda every, follow: delivered.append(len(every)))
    lines, good = supervised.check([one])
    assert good and delivered == [1]
    assert lines == ["the verdict for the metrics took longer than 0 s"]
    assert series()[short("up")] == 1


def test_command_prints_the_page_of_this_moment(systemd, settings, home, monkeypatch, capsys):
    systemd.add_gateway(home)
    one = settings(threshold="100%")
    monkeypatch.setattr(cli_commands, "_chosen", lambda options, every: [one])
    check(one)
    before = os.stat(os.path.join(one.folder, counters.NAME)).st_mtime_ns
    ledger.write(one.folder, "alert", "threshold", "x", trigger="watchdog")
    assert cli.main(["metrics"]) == 0
    text = capsys.readouterr().out
    found, written = series(text), series()
    assert set(found) == set(written)
    assert found[short("alerts_total", 'code="threshold"')] == 1
    # The page has the time of the last check, not of this one.
    name = "hermes_guard_check_timestamp_seconds"
    assert found[name] == written[name]
    assert os.stat(os.path.join(one.folder, counters.NAME)).st_mtime_ns == before
    systemd.stop(UNIT)
    assert cli.main(["metrics"]) == 0
    assert series(capsys.readouterr().out)[short("up")] == 0


def test_command_before_the_first_check(systemd, settings, home, monkeypatch, capsys):
    systemd.add_gateway(home)
    monkeypatch.setattr(cli_commands, "_chosen", lambda options, every: [settings()])
    assert cli.main(["metrics"]) == 0
    found = series(capsys.readouterr().out)
    assert found[short("up")] == 1
    assert "hermes_guard_check_timestamp_seconds" not in found
    assert not os.path.exists(page_link.page())


def test_command_without_the_right_to_read_says_so_in_one_line(
    systemd, settings, monkeypatch, capsys
):
    monkeypatch.setattr(cli_commands, "_chosen", lambda options, every: [settings()])

    def refuse(*_given):
        raise PermissionError(errno.EACCES, "Permission denied", "/var/lib/hermes-guard")

    monkeypatch.setattr(discovery, "look", refuse)
    assert cli.main(["metrics"]) == 1
    said = capsys.readouterr()
    assert said.out == "" and len(said.err.splitlines()) == 1 and "Permission denied" in said.err
