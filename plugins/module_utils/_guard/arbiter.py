# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The arbiter: the only place from which anything restarts a gateway.

In order: refuse what must not be restarted; take the gateway's lock; note its memory; wait for a quiet moment; drain; one stimulus;
wait until the new process is up; write the ledger. What Hermes does with each stimulus stands in docs/restart.md.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time

from .._hermes import database, discovery, drain, heartbeat, state_file
from .._host import display, files, proc
from .._host.errors import FileError, RunError, SystemdError
from . import ledger, notify, sampling, suspension

REQUEST = "request.json"
REQUEST_SECONDS = 3600
# A check that removes a marker holds the lock for a moment: no reason to leave out a scheduled restart.
LOCK_SECONDS = 3
# Hermes suspends a session that was active in three restarts in a row, and counts starts within 120 s: keep well away from both.
FLOOR_SECONDS = 600
DRAIN_SECONDS = 120
DELIVERY_SECONDS = 5
# On a machine with too much to do, answers and the queue of what came in take longer: until there is no more of it, so long at most.
SETTLE_SECONDS = 60
# The share of one CPU that a gateway may want which only refuses.
SETTLED_SHARE = 0.3
LOOK_SECONDS = 1
EXIT_SECONDS = 120
# How long the marker outlives a restart that is on its way. A new process needs longer than that to look for one.
MARKER_SECONDS = 1
UP_SECONDS = 240
# What Restart= must say so that systemd starts a process again that has ended with code 75.
RESTARTING = ("always", "on-failure")


class Outcome:
    """What came of asking: ``event`` restart, refused or failed, and the ``entry`` (dict) that the ledger got."""

    def __init__(self, entry):
        self.entry = entry
        self.event = entry["event"]
        self.reason = entry["reason"]


def refusal(settings, gateway, trigger, now=None):
    """Why the gateway must not be restarted: (code, sentence), or None.

    ``trigger`` is watchdog, timer or operator; an emergency is an operator's or the watchdog's restart that will not wait.
    """
    now = time.time() if now is None else now
    if gateway is None:
        return "gone", "its unit is no longer there"
    if gateway.problem:
        return "unsafe", gateway.problem
    if gateway.active_state in ("inactive", "failed", "deactivating"):
        return (
            "stopped",
            "it is %s: what an operator stopped is never started" % gateway.active_state,
        )
    if gateway.active_state != "active" or gateway.pid is None:
        return "starting", "it is starting (%s, %s)" % (gateway.active_state, gateway.sub_state)
    if trigger == "timer" and drain.foreign(gateway):
        return "draining", "somebody else drains it: a restart would open it again"
    end = suspension.until(settings.folder, now) if trigger == "timer" else None
    if end is not None and not _above_threshold(settings, gateway):
        return "suspended", suspension.sentence(end, now)
    young = {"timer": settings.min_uptime, "watchdog": settings.startup_grace}.get(trigger, 0)
    if gateway.uptime_seconds is not None and gateway.uptime_seconds < young:
        return "young", "it has run for %s only, less than %s" % (
            display.span(gateway.uptime_seconds),
            display.span(young),
        )
    rest = max(settings.cooldown, FLOOR_SECONDS) if trigger == "watchdog" else FLOOR_SECONDS
    # A clock that was set back leaves entries in the future. They count as just now, but not for ever: not where the process has run for
    # longer than the rest by the clock of the boot, and not where they lie more than a day ahead.
    recent = [
        entry
        for entry in ledger.restarts_since(settings.folder, now - 86400)
        if entry["time"] < now + 86400
    ]
    ago = now - recent[-1]["time"] if recent else rest
    if ago < rest and not (ago < 0 and (gateway.uptime_seconds or 0) >= rest):
        return "cooldown", "the last restart was %s ago, less than %s" % (
            display.span(max(0, ago)),
            display.span(rest),
        )
    if (
        trigger == "watchdog"
        and len([entry for entry in recent if entry.get("trigger") == "watchdog"])
        >= settings.daily_cap
    ):
        return (
            "daily-cap",
            "the watchdog has restarted it %d times in 24 h already: somebody must look at it"
            % settings.daily_cap,
        )
    return None


def _above_threshold(settings, gateway):
    """Whether the watchdog would want a restart: where a disk is full, its request could not be left, and this looks like the timer's."""
    row = sampling.take(gateway, settings) if settings.threshold is not None else None
    return row is not None and sampling.footprint(row) > settings.threshold


def request(settings, gateway, reason, emergency=False):
    """Leave word for the arbiter why the watchdog wants a restart of this life of the gateway.

    The unit NAME-restart.service takes it up; a restart that waits for a quiet moment already waits no longer in an emergency.
    """
    text = json.dumps(
        {
            "time": time.time(),
            "reason": reason,
            "emergency": emergency,
            "invocation_id": gateway.invocation_id,
        }
    )
    files.write_atomic(os.path.join(settings.folder, REQUEST), text)


def restart(settings, reason, trigger="operator", emergency=False, say=None):
    """Restart one gateway, or refuse to, and return an Outcome. ``say`` is called with each step (str)."""
    say = say or (lambda text: None)
    os.makedirs(settings.folder, mode=0o755, exist_ok=True)
    with _locked(settings, LOCK_SECONDS) as ours:
        if not ours:
            return _note(
                settings,
                "refused",
                "busy",
                "another restart of it is under way",
                trigger=trigger,
                asked=reason,
            )
        gateway = find(settings)
        asked = _take_request(settings, gateway) if trigger == "timer" else None
        if asked is not None:
            trigger, reason, emergency = "watchdog", asked["reason"], bool(asked.get("emergency"))
        refused = refusal(settings, gateway, trigger)
        if refused is not None:
            return _note(
                settings,
                "refused",
                refused[0],
                refused[1],
                trigger=trigger,
                asked=reason,
                invocation_id=gateway.invocation_id if gateway else None,
            )
        return _Restart(settings, gateway, reason, trigger, emergency, say).run()


def _note(settings, event, code, reason, **figures):
    """The Outcome, which is also written to the ledger. A disk that is full undoes nothing: the entry then says "unwritten"."""
    try:
        return Outcome(ledger.write(settings.folder, event, code, reason, **figures))
    except OSError as exc:
        return Outcome(dict(ledger.entry(event, code, reason, **figures), unwritten=str(exc)))


@contextlib.contextmanager
def _locked(settings, patience=0.0):
    """The gateway's lock, held by one process at a time: whether we got it, within ``patience`` seconds. The kernel frees it when we die."""
    fd = os.open(
        os.path.join(settings.folder, "lock"),
        os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW,
        0o600,
    )
    deadline = time.monotonic() + patience
    try:
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                ours = True
            except OSError:
                ours = False
            if ours or time.monotonic() >= deadline:
                break
            time.sleep(0.05)
        yield ours
    finally:
        os.close(fd)


def find(settings):
    """The gateway of ``settings`` as it is now, or None where its unit is gone."""
    return discovery.refresh([settings]).get(settings.name)


def busy(settings):
    """Whether a restart of the gateway is under way in some process."""
    if not os.path.lexists(os.path.join(settings.folder, "lock")):
        return False
    with _locked(settings) as ours:
        return not ours


def clean(settings, gateway):
    """Remove the drain marker that a killed arbiter left behind; True where there was one."""
    if gateway is None or gateway.problem is not None or not drain.ours(gateway):
        return False
    os.makedirs(settings.folder, mode=0o755, exist_ok=True)
    with _locked(settings) as ours:
        return ours and drain.remove(gateway)


def _take_request(settings, gateway):
    path = os.path.join(settings.folder, REQUEST)
    try:
        content = files.read_json(path)
        if content is not None:
            os.unlink(path)
    except (FileError, OSError):
        return None
    if (
        content is None
        or not isinstance(content.get("reason"), str)
        or not isinstance(content.get("time"), (int, float))
    ):
        return None
    if gateway is None or content.get("invocation_id") != gateway.invocation_id:
        # It was for a process that is no more.
        return None
    return content if abs(time.time() - content["time"]) < REQUEST_SECONDS else None


class _Restart:
    """One restart under way, with the lock held."""

    def __init__(self, settings, gateway, reason, trigger, emergency, say):
        self.settings = settings
        self.gateway = gateway
        self.manager = discovery.manager_of(gateway)
        self.reason = reason
        self.trigger = trigger
        # A loop that stands still ends no turn and sees no marker: there is nothing to wait for.
        self.emergency = emergency or heartbeat.frozen(gateway) is not None
        self.say = say
        self.process = (gateway.pid, proc.start_ticks(gateway.pid))
        self.before = sampling.take(gateway, settings)
        self.waited = 0.0
        self.mode = "emergency" if self.emergency else "resume"
        self.drained = False
        self.went_down = None
        self.after = None
        self.downtime = None

    def run(self):
        start = time.monotonic()
        if not self.emergency:
            self._wait_idle()
            self.waited = time.monotonic() - start
        changed = self._changed()
        try:
            if changed is None and not self.emergency:
                self._drain()
                # It took up to two minutes, in which an operator may have come.
                changed = self._changed()
            if changed is None:
                self._begin()
                self._stimulus()
        except (RunError, SystemdError) as exc:
            return self._outcome("failed", "error", str(exc))
        finally:
            drain.remove(self.gateway)
        if changed is not None:
            return self._outcome("refused", "changed", changed)
        if self._wait_up():
            return self._outcome("restart", "restarted", self.reason)
        return self._second_try()

    def _wait_idle(self):
        """Until no turn runs and no message has come for a minute, ``wait_idle`` seconds at most."""
        deadline = time.monotonic() + self.settings.wait_idle
        self.say("waiting for a quiet moment, %s at most" % display.span(self.settings.wait_idle))
        while True:
            asked = _take_request(self.settings, self.gateway)
            if asked is not None and asked.get("emergency"):
                self.emergency = True
                self.mode = "emergency"
                return
            agents = state_file.runtime(self.gateway)["active_agents"]
            if not agents:
                silence = database.seconds_since_message(self.gateway)
                if silence is None or silence >= database.QUIET_SECONDS:
                    self.mode = "idle"
                    return
            if time.monotonic() >= deadline or self._changed() is not None:
                return
            time.sleep(2)

    def _changed(self):
        """Why the restart is not needed any more after a wait: somebody else has stopped or restarted the gateway."""
        now = find(self.settings)
        if now is None or now.active_state != "active":
            return "it was stopped while the restart waited for a quiet moment"
        if now.invocation_id != self.gateway.invocation_id:
            return "it was restarted by somebody else while the restart waited for a quiet moment"
        return None

    def _drain(self):
        """New turns are refused with a word, running ones finish. Needs a Hermes that knows the marker."""
        if self.gateway.python is None or not drain.supported((self.before or {}).get("version")):
            return
        self.say("draining")
        if drain.write(self.gateway) and self._drained():
            self.drained = True
            self.mode = "drain"
            self._settle()

    def _drained(self):
        deadline = time.monotonic() + DRAIN_SECONDS
        while time.monotonic() < deadline and proc.start_ticks(self.process[0]) == self.process[1]:
            now = state_file.runtime(self.gateway)
            if now["state"] == "draining" and now["active_agents"] == 0:
                return True
            time.sleep(0.5)
        return False

    def _settle(self):
        """Until the answers are delivered: the count of turns falls before that, and what has come in and not begun is not in it."""
        pid, started = self.process
        deadline = time.monotonic() + DELIVERY_SECONDS + SETTLE_SECONDS
        time.sleep(max(0.0, DELIVERY_SECONDS - LOOK_SECONDS))
        while time.monotonic() < deadline and proc.start_ticks(pid) == started:
            before = proc.work_seconds(pid)
            time.sleep(LOOK_SECONDS)
            after = proc.work_seconds(pid)
            wanted = 0 if before is None or after is None else after - before
            if wanted < SETTLED_SHARE * LOOK_SECONDS and not database.owed(self.gateway):
                return
        self.say(
            "it is still busy, %s after its last turn"
            % display.span(DELIVERY_SECONDS + SETTLE_SECONDS)
        )

    def _begin(self):
        """Into the ledger before it happens: should this process be killed, the cooldown and the daily cap know of the restart all the same."""
        _note(
            self.settings,
            "begun",
            "begun",
            self.reason,
            trigger=self.trigger,
            invocation_id=self.gateway.invocation_id,
        )

    def _stimulus(self):
        """One stimulus, by what is under way.

        Drained, nothing is: a restart by systemd, which does not wait for RestartSec, and the marker stays until the old process is about
        to end, because Hermes takes new turns within a second of its removal. Otherwise one SIGUSR1 to the main process: Hermes marks what
        is under way, ends with code 75, and systemd starts it again. A frozen one does not hear that: systemd ends it, with SIGKILL if need be.
        """
        if self.drained or heartbeat.frozen(self.gateway) is not None:
            self.say("restarting the unit")
            self.manager.call("try-restart", "--no-block", self.gateway.unit)
            self._gone(MARKER_SECONDS)
            return
        # Marker first: a gateway that boots beside it would refuse every turn.
        drain.remove(self.gateway)
        if self.gateway.restart_policy in RESTARTING:
            self.say("sending SIGUSR1")
            self.manager.call("kill", "--kill-who=main", "--signal=SIGUSR1", self.gateway.unit)
        else:
            # It would end and stay down.
            self.manager.call("try-restart", "--no-block", self.gateway.unit)

    def _gone(self, seconds):
        """Whether the old process has ended within ``seconds``; notes when it was first seen to be gone."""
        pid, started = self.process
        deadline = time.monotonic() + seconds
        while started is not None and proc.start_ticks(pid) == started:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.05)
        if self.went_down is None:
            self.went_down = time.monotonic()
        return True

    def _wait_up(self):
        """Whether a new process runs and says so; notes when the old one went down and the new one was up."""
        if not self._gone(EXIT_SECONDS):
            self.say("the old process has not ended after %s" % display.span(EXIT_SECONDS))
            return False
        self.say("down, waiting for the new process")
        deadline = time.monotonic() + UP_SECONDS
        stopped = False
        while time.monotonic() < deadline:
            now = find(self.settings)
            if now is not None and now.active_state in ("inactive", "failed"):
                # Between two jobs of systemd a unit is inactive for a moment as well.
                if stopped:
                    return False
                stopped = True
                time.sleep(LOOK_SECONDS)
                continue
            stopped = False
            if (
                now is not None
                and now.pid
                and now.invocation_id != self.gateway.invocation_id
                and self._says_up(now)
            ):
                self.after = now
                self.downtime = time.monotonic() - self.went_down
                return True
            time.sleep(0.5)
        return False

    def _says_up(self, now):
        state = state_file.runtime(now)["state"]
        if state is None:
            # A Hermes that writes no such file is up when it has lived for a while.
            return (now.uptime_seconds or 0) >= 15
        return state in ("running", "degraded") or state == "draining" and drain.foreign(now)

    def _second_try(self):
        """One plain restart by systemd, then an alarm, never a loop. An operator's stop in between is left alone."""
        now = find(self.settings)
        if now is None or now.active_state == "inactive":
            return self._outcome(
                "failed",
                "stopped",
                "it was stopped by somebody else in the middle of the restart; it is left stopped",
            )
        if now.active_state == "failed":
            # What an operator's stop leaves where a turn was under way, because Hermes then ends with code 1. By itself systemd would go on trying.
            return self._outcome(
                "failed",
                "stopped",
                "it failed or was stopped by somebody else in the middle of the restart; it is left as it is",
            )
        self.say("it did not come up: restarting the unit")
        self.mode = "second-try"
        try:
            # "try-": an operator may stop it between the question and the answer.
            self.manager.call("try-restart", self.gateway.unit, timeout=UP_SECONDS)
        except SystemdError as exc:
            self.say(str(exc))
        if self._wait_up():
            return self._outcome("restart", "restarted", self.reason)
        return self._outcome(
            "failed", "not-up", "it did not come up again; asked for because: %s" % self.reason
        )

    def _outcome(self, event, code, reason):
        figures = {
            "trigger": self.trigger,
            "mode": self.mode,
            "asked": self.reason,
            "waited_seconds": round(self.waited, 1),
            "invocation_id": self.gateway.invocation_id,
            "pid": self.gateway.pid,
            "before": self.before,
        }
        if event == "restart":
            figures.update(
                downtime_seconds=round(self.downtime, 1),
                new_pid=self.after.pid,
                new_invocation_id=self.after.invocation_id,
            )
        if event == "failed":
            notify.send(self.settings, "failed", reason, self.before)
        return _note(self.settings, event, code, reason, **figures)
