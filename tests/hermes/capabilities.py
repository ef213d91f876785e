# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The capabilities in the order of the table: the action, and what must hold for each gateway."""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from gateway import WATCHDOG

SIDE_BY_SIDE = 6
# Messages of one chat after which its history is compressed: small, so that few turns show it.
LIMIT = 6
# Until a gateway in the middle of a turn has a new process: the aim for an emergency, on a machine
# that has nothing else to do.
EMERGENCY_SECONDS = 10
# The upper bound on a busy machine: the old method took two minutes.
MOST_SLOWER = 3
# More requests than a gateway has threads on a machine with two processors.
BUSY_REQUESTS = 8
# A heartbeat is written every 30 s at most.
BEAT_SECONDS = 33
# The ways whose command does not mention Hermes: only their processes identify them.
UNKNOWN = ("script", "runner")
# How long requests last after the limit, so that those of the first gateway are still open.
OPEN_SECONDS = 30


class Capability(NamedTuple):
    """A column of the table. ``prepare(contract)`` is done once, then ``check(gateway)`` for each."""

    key: str
    text: str
    check: object
    prepare: object = None
    long: bool = False
    # Of its checks at the same time: more if they wait, on a machine with two processors.
    workers: int = SIDE_BY_SIDE


CAPABILITIES = []


def capability(text, prepare=None, **more):
    """Add a check to the table."""

    def add(function):
        CAPABILITIES.append(Capability(function.__name__, text, function, prepare, **more))
        return function

    return add


def _asked(contract):
    contract.info()


@capability("found while running: name, scope, user, home, profile, process", _asked)
def found(gateway):
    """gateway_info lists the gateway, and every value is correct."""
    info = gateway.info
    assert info, "gateway_info does not list it"
    made = gateway.made
    expected = {
        "unit": gateway.unit or None,
        "scope": "manual" if gateway.way == "manual" else made.scope,
        "user": made.user,
        "home": made.home,
        "profile": "" if made.profile == "default" else made.profile,
        "pid": gateway.pid,
        "state": "running",
        "problem": None,
        "conflict": None,
        "container": None,
        "managed": gateway.way != "manual",
    }
    different = {key: (info[key], value) for key, value in expected.items() if info[key] != value}
    assert not different, "not as expected (found, expected): %s" % different


@capability("version, provider, model, channels")
def identity(gateway):
    """gateway_info knows the version of Hermes, its provider, model and channels."""
    info = gateway.info
    assert (info["version"] or "").startswith(gateway.release), info["version"]
    assert (info["provider"], info["model"]) == ("custom", "stub-model"), info
    assert info["channels"] == ["api_server", "signal"], info["channels"]


def _sampled(contract):
    contract.each_host(lambda host: host.ssh("systemctl start " + WATCHDOG))
    contract.info()


@capability("memory of the gateway's own process", _sampled)
def memory(gateway):
    """The gateway's own process is measured, never a shim above it."""
    pid = gateway.pid
    real = int(gateway.sh("awk '/^VmRSS/ {print $2 * 1024}' /proc/%d/status" % pid))
    assert 0.7 * real < gateway.info["memory"]["rss_bytes"] < 1.3 * real, gateway.info["memory"]
    if gateway.way == "manual":
        return
    head, last = gateway.sh(
        "sed -n '1p;$p' /var/lib/hermes-guard/%s/memory.csv" % gateway.name
    ).splitlines()
    sample = dict(zip(head.split(","), last.split(",")))
    assert sample["pid"] == str(pid), sample
    assert 0.7 * real < int(sample["rss_bytes"]) < 1.3 * real, sample
    assert sample["version"].startswith(gateway.release), sample


@capability("session limit takes effect without a restart")
def session(gateway):
    """A long chat is compressed before its next turn."""
    pid = gateway.pid
    before = len(gateway.talk()["lengths"])
    for dummy in range(3 * LIMIT):
        gateway.answered(gateway.send(sender="+15557777777"))
        lengths = gateway.talk()["lengths"][before:]
        if any(after <= one for one, after in zip(lengths, lengths[1:])):
            break
    else:
        raise AssertionError("messages that each turn came with: %s" % lengths)
    assert gateway.pid == pid, "it was restarted"


def _evidence(contract):
    contract.evidence()


@capability("messages per hour, each counted once", _evidence)
def activity(gateway):
    """The number of sent messages, even if compressions have copied them."""
    counted = (gateway.evidence or {}).get("activity")
    assert counted, "not known: %s" % gateway.evidence
    assert counted["messages"] == gateway.sent, (counted, "sent", gateway.sent)


@capability("complete, without message texts")
def evidence(gateway):
    """The bundle has all files, and no text of a chat."""
    known = gateway.evidence
    assert known, "the bundle does not have it"
    assert known["version"].startswith(gateway.release), known["version"]
    assert known["channels"] == ["api_server", "signal"], known["channels"]
    assert known["verdict"], known
    mine = [name for name in gateway.host.bundle if gateway.name in name.split("/")]
    kinds = {name.rpartition("/")[2] for name in mine}
    assert {"gateway.log", "memory.csv"} <= kinds, sorted(kinds)
    for name in mine:
        assert not re.search(rb"how are you|done: msg", gateway.host.bundle[name]), name


def _patient(contract):
    # The second half of it waits for few turns only.
    contract.each_host(lambda host: host.configure(wait_idle="160s"))


@capability("time of the last message is known; restart while idle", _patient, workers=16)
def idle(gateway):
    """The restart waits for a minute without a message, and loses nothing."""
    gateway.forget()
    pid = gateway.pid
    gateway.answered(gateway.send())
    entry, _asked = gateway.restart()
    assert entry["event"] == "restart", entry
    assert entry["mode"] in ("idle", "drain"), entry
    assert 25 < entry["waited_seconds"] < 75, entry
    _renewed(gateway, pid, entry)
    gateway.seen["idle"] = entry["downtime_seconds"]


def _impatient(contract):
    contract.each_host(lambda host: host.configure())


@capability("a running turn ends, and its answer is delivered, before the restart", _impatient)
def drain(gateway):
    """The old process finishes its turns."""
    gateway.forget()
    pid = gateway.pid
    number = gateway.in_flight(10)
    entry, _asked = gateway.restart()
    assert (entry["event"], entry["mode"]) == ("restart", "drain"), entry
    assert str(number) in gateway.talk()["answered"], "the turn was not delivered"
    gateway.answered(number)
    _renewed(gateway, pid, entry)


@capability(
    "a turn that does not end is resumed after the restart", _impatient, long=True, workers=16
)
def turn(gateway):
    """If the drain times out, the turn is interrupted, and the next process answers."""
    gateway.forget()
    pid = gateway.pid
    number = gateway.in_flight(900)
    gateway.host.order(do="delay", port=gateway.port, delay=1)
    entry, asked = gateway.restart()
    assert (entry["event"], entry["mode"]) == ("restart", "resume"), entry
    gateway.seen["turn"] = gateway.began(entry["new_pid"]) - asked
    gateway.taken_up(number)
    _renewed(gateway, pid, entry)


def _interrupted(contract):
    """Emergency restarts of three gateways at a time: on an overloaded machine the duration means nothing."""
    _impatient(contract)
    contract.each(interrupt, workers=3)


def interrupt(gateway):
    """An emergency restart with a turn in flight; the check judges its result."""
    gateway.urgent = None
    gateway.forget()
    pid = gateway.pid
    number = gateway.in_flight(900)
    gateway.host.order(do="delay", port=gateway.port, delay=1)
    before = os.getloadavg()[0]
    entry, asked = gateway.restart("--now")
    busy = max(before, os.getloadavg()[0]) / (os.cpu_count() or 1)
    gateway.slower = min(max(1.0, busy), MOST_SLOWER)
    if entry.get("new_pid"):
        gateway.seen["emergency"] = gateway.began(entry["new_pid"]) - asked
    gateway.urgent = pid, number, entry


@capability("emergency restart with a new process within %d s" % EMERGENCY_SECONDS, _interrupted)
def emergency(gateway):
    """With a turn in flight, which the next process takes up."""
    assert gateway.urgent, "the turn did not begin"
    pid, number, entry = gateway.urgent
    assert (entry["event"], entry["mode"]) == ("restart", "emergency"), entry
    gateway.taken_up(number)
    _renewed(gateway, pid, entry)
    seconds, most = gateway.seen["emergency"], EMERGENCY_SECONDS * gateway.slower
    assert seconds <= most, "a new process after %.1f s, more than %.1f s" % (seconds, most)


def _renewed(gateway, pid, entry):
    """It has another process, which listens and answers, and was restarted once."""
    gateway.ready()
    assert gateway.pid == entry["new_pid"] != pid, (gateway.pid, pid, entry)
    gateway.chats()
    assert len(gateway.ledger("restart", "failed")) == 1, gateway.ledger()
    marker = gateway.host.ssh("find %s -name .drain_request.json" % gateway.home).stdout
    assert not marker, "a drain marker is left behind"


def _all_threads_busy(contract):
    """All gateways have more requests than threads, for longer than the limit."""

    def begin(gateway):
        gateway.forget()
        gateway.busy = gateway.pid
        order = {"do": "api", "port": gateway.made.stub, "api": gateway.made.port}
        seconds = contract.patience + BEAT_SECONDS + OPEN_SECONDS
        gateway.host.order(**order, count=BUSY_REQUESTS, delay=seconds)

    def look(gateway):
        gateway.open = gateway.requests()

    contract.each(begin)
    contract.sleep(contract.patience + BEAT_SECONDS)
    contract.each(look)
    contract.each_host(lambda host: host.ssh("systemctl start " + WATCHDOG))


@capability("a busy gateway does not count as frozen", _all_threads_busy)
def busy(gateway):
    """No restart is requested, and the gateway has not changed."""
    assert gateway.open == BUSY_REQUESTS, "%d requests were open" % gateway.open
    gateway.host.ssh("systemctl is-failed %s && exit 1 || :" % WATCHDOG)
    # The check before this one restarted it, and its ledger was forgotten: that somebody did is told, and right.
    entries = [entry for entry in gateway.ledger() if entry["event"] != "ended"]
    assert not entries, entries
    assert gateway.pid == gateway.busy


def _frozen(contract):
    """All gateways with a heartbeat are frozen, for longer than the limit."""

    def freeze(gateway):
        # The requests of the check before this one are over then: beside them Hermes 0.22 took a minute to end.
        gateway.wait("its requests to end", lambda: gateway.requests() == 0)
        gateway.forget()
        gateway.froze = gateway.pid
        gateway.sh("kill -STOP %d" % gateway.froze)

    contract.each(freeze)
    contract.sleep(contract.patience + BEAT_SECONDS)
    contract.each_host(lambda host: host.ssh("systemctl start " + WATCHDOG, check=False))


@capability("a frozen gateway is detected and restarted", _frozen)
def frozen(gateway):
    """The watchdog restarts it in mode emergency."""
    try:
        entry = gateway.wait("the restart", lambda: gateway.ledger("restart"))[0]
    except AssertionError:
        # So that the rest can be checked.
        gateway.sh("kill -CONT %d" % gateway.froze, check=False)
        raise
    assert (entry["trigger"], entry["mode"]) == ("watchdog", "emergency"), entry
    assert "its event loop has been frozen" in entry["reason"], entry
    _renewed(gateway, gateway.froze, entry)


def _stopped(contract):
    contract.each(lambda gateway: gateway.unit and gateway.ctl("stop " + gateway.unit))
    contract.info()


@capability("found while stopped, and not started", _stopped)
def stopped(gateway):
    """It is described in the same way, and no restart starts it."""
    info = gateway.info
    try:
        assert info, "gateway_info does not list it"
        known = info["state"], info["pid"], info["home"], info["user"], info["managed"]
        expected = "stopped", None, gateway.home, gateway.made.user, True
        assert known == expected, (known, expected)
        if gateway.way in UNKNOWN:
            assert "is not known to start a gateway" in info["problem"], info["problem"]
        else:
            assert info["problem"] is None, info["problem"]
        gateway.forget()
        entry, _asked = gateway.restart("--now")
        assert (entry["event"], entry["code"]) == ("refused", "stopped"), entry
        active = gateway.ctl("show -p ActiveState --value " + gateway.unit)
        assert active in ("inactive", "failed"), active
    finally:
        gateway.ctl("start " + gateway.unit)
        gateway.ready()


def _removed(contract):
    contract.each(lambda gateway: setattr(gateway, "stays", gateway.pid))
    contract.remove()


@capability("removal leaves nothing behind", _removed)
def removal(gateway):
    """Every file is as before, and no gateway was restarted."""
    assert gateway.host.left == [], gateway.host.left
    assert gateway.pid == gateway.stays
    assert gateway.up()
