# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A check that a gateway or user blocks: only that one is affected, and the others are checked."""

from __future__ import annotations

import json
import os
import threading
import time

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import (
    alarms,
    history,
    progress,
    supervised,
    watchdog,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import home as home_module
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import discovery

NAMES = ("hermes-gateway-a", "hermes-gateway-b", "hermes-gateway-c")


@pytest.fixture
def three(systemd, settings, tmp_path):
    """Three gateways, all of one user."""
    for name in NAMES:
        systemd.add_gateway(tmp_path / name, unit=name + ".service")
    return [
        settings(unit=name + ".service", home=tmp_path / name, threshold="100%") for name in NAMES
    ]


def hang(*names):
    """As a home on a server that does not answer, of the gateways of ``names``."""
    real = home_module.look

    def look(gateway):
        while gateway.name in names:
            time.sleep(60)
        return real(gateway)

    return look


def agents(one):
    return [row["active_agents"] for row in history.tail(one.folder, 9)]


def test_same_as_in_one_process(three):
    assert supervised.check(three) == ([], True)
    assert [agents(one) for one in three] == [[0], [0], [0]]
    assert not os.path.exists(os.path.join(three[0].folder, supervised.NAME))


def test_home_that_hangs_costs_what_it_says_and_no_sample(three, monkeypatch):
    """Also if its server has gone since the look at all homes."""
    monkeypatch.setattr(home_module, "look", hang(NAMES[2]))
    lines, _good = supervised.check(three)
    assert lines == [
        "%s: its home %s does not answer: only its memory is watched" % (NAMES[2], three[2].home)
    ]
    assert [agents(one) for one in three] == [[0], [0], [None]]
    assert history.tail(three[2].folder, 1)[0]["rss_bytes"] > 1 << 20
    assert supervised.given_up(three[2])["stage"] == progress.HOME


def test_home_that_does_not_answer_is_never_looked_at(three, monkeypatch, dead):
    """By a process that must end: a thread that waits for it would keep the check from ending."""
    looked = []
    real = home_module.look
    monkeypatch.setattr(home_module, "look", lambda one: looked.append(one.name) or real(one))
    dead(three[1].home)
    lines, good = supervised.check(three)
    # The first has answered; after one that does not, the user's others are not queried.
    assert looked == [NAMES[0]] and good
    assert lines == [
        "%s: its home %s does not answer: only its memory is watched" % (one.name, one.home)
        for one in three[1:]
    ]
    assert [agents(one) for one in three] == [[0], [None], [None]]
    record = supervised.given_up(three[1])
    assert record["stage"] == progress.HOME and record["pid"] != os.getpid()


def test_home_that_hangs_at_a_breach_is_an_alarm(systemd, settings, tmp_path, monkeypatch):
    """A restart would not be drained, and might not come up."""
    systemd.add_gateway(tmp_path / "home")
    one = settings(threshold="1M", breaches="1 of 1")
    monkeypatch.setattr(home_module, "look", hang(one.name))
    lines, _good = supervised.check([one])
    assert "ALERT: " in lines[1] and "it is not restarted: its home" in lines[1]
    assert alarms.open_codes(one) == {"unsafe"}


def test_systemd_that_hangs_is_not_asked_twice(three, monkeypatch):
    asked = os.path.join(os.path.dirname(three[0].home), "asked")

    def look(wanted, *_more):
        with open(asked, "a", encoding="utf-8") as out:
            out.write("%d\n" % len(wanted))
        time.sleep(60)
        raise SystemExit

    monkeypatch.setattr(discovery, "look", look)
    monkeypatch.setitem(supervised.SECONDS, progress.SYSTEMD, 3)
    lines, good = supervised.check(three)
    assert not good and len(lines) == 3
    assert "its systemd manager does not answer: it did not answer in time" in lines[0]
    with open(asked, encoding="utf-8") as told:
        assert told.read() == "3\n"


def test_step_that_does_not_end_costs_one_gateway(three, monkeypatch):
    real = watchdog.sampling.measured

    def measured(gateway):
        while gateway.name == NAMES[0]:
            time.sleep(60)
        return real(gateway)

    monkeypatch.setattr(supervised, "OTHER_SECONDS", 5)
    monkeypatch.setattr(watchdog.sampling, "measured", measured)
    lines, good = supervised.check(three)
    assert (good, lines) == (
        False,
        [NAMES[0] + ": cannot be checked: the step 'sample' did not finish"],
    )
    assert [len(agents(one)) for one in three] == [0, 1, 1]


def test_error_that_nobody_thought_of_is_gone_on_from(three, monkeypatch):
    def strange(gateway):
        raise SystemExit("strange")

    monkeypatch.setattr(home_module, "look", strange)
    lines, _good = supervised.check(three)
    assert len(lines) == 3 and [agents(one) for one in three] == [[None]] * 3


def test_thread_that_goes_on_after_all_does_nothing(three, monkeypatch):
    """Its gateway has been checked by another one meanwhile."""
    real = home_module.look
    going_on, gone = threading.Event(), threading.Event()

    def look(gateway):
        if gateway.name == NAMES[0]:
            going_on.wait(60)
            threading.Timer(0.5, gone.set).start()
        return real(gateway)

    monkeypatch.setattr(home_module, "look", look)
    supervised.check(three)
    before = [agents(one) for one in three]
    going_on.set()
    assert gone.wait(60)
    assert [agents(one) for one in three] == before == [[None], [0], [0]]


def test_budget_of_a_user(three, monkeypatch):
    """The first uses the rest of it: the others of the same user are skipped."""
    monkeypatch.setattr(supervised, "USER_SECONDS", 0.7)
    monkeypatch.setattr(home_module, "look", hang(NAMES[0]))
    lines, good = supervised.check(three)
    assert not good
    text = "not checked: the gateways of %s took longer than 0 s" % three[0].user
    assert [line.partition(": ")[2] for line in lines] == [text] * 3


def test_whole_check_ends(three, monkeypatch):
    monkeypatch.setattr(supervised, "CHECK_SECONDS", 1)
    monkeypatch.setitem(supervised.SECONDS, progress.HOME, 100)
    monkeypatch.setattr(home_module, "look", hang(*NAMES))
    lines, good = supervised.check(three)
    assert (good, lines) == (False, ["the check was aborted; not checked: " + ", ".join(NAMES)])


def test_longest_unsampled_first_also_if_it_is_given_up_each_time(three):
    first, second, third = three
    for one, ago in ((first, 300), (third, 900)):
        os.makedirs(one.folder, exist_ok=True)
        path = os.path.join(one.folder, history.NAME)
        with open(path, "w", encoding="utf-8"):
            pass
        os.utime(path, (time.time() - ago, time.time() - ago))
    ordered = sorted(three, key=supervised._last_turn)
    assert ordered == [second, third, first]
    supervised._note(second, progress.SAMPLE, os.getpid())
    assert sorted(three, key=supervised._last_turn) == [third, first, second]


def test_check_that_still_waits_for_a_home_is_not_joined_by_another(three):
    """A process that waits for a broken disk cannot be ended; a check must not add another one."""
    supervised._note(three[0], progress.HOME, os.getpid())
    assert supervised._hung(three) == {NAMES[0]}
    record = dict(supervised.given_up(three[0]), start_ticks=1)
    with open(os.path.join(three[0].folder, supervised.NAME), "w", encoding="utf-8") as out:
        out.write(json.dumps(record))
    assert supervised._Check(three).hung == set()


def test_alarms_are_told_also_if_the_check_was_held_up(three, monkeypatch, tmp_path):
    told = tmp_path / "told"
    three[2].notify_command = "/usr/bin/touch %s" % told
    alarms.put(three[2], "failed", "not-up", "it did not come up")
    monkeypatch.setattr(home_module, "look", hang(*NAMES))
    supervised.check(three)
    assert told.exists()
