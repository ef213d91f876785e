# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The arbiter: the only place from which anything restarts a gateway.

In order: refuse what must not be restarted; take the gateway's lock; note its memory; wait for a quiet moment; drain; one SIGUSR1;
wait until the new process is up; write the ledger. What Hermes does with each stimulus stands in docs/restart.md.
"""
from __future__ import annotations

import fcntl
import json
import os
import time

from . import _discover, _drain, _files, _idle, _ledger, _notify, _proc, _quantity, _runtime, _sample, _systemd

REQUEST = "request.json"
REQUEST_SECONDS = 3600
# Hermes suspends a session that was active in three restarts in a row, and counts starts within 120 s: keep well away from both.
FLOOR_SECONDS = 600
DRAIN_SECONDS = 120
DELIVERY_SECONDS = 5
EXIT_SECONDS = 120
UP_SECONDS = 240


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
        return "stopped", "it is %s: what an operator stopped is never started" % gateway.active_state
    if gateway.active_state != "active" or gateway.pid is None:
        return "starting", "it is starting (%s, %s)" % (gateway.active_state, gateway.sub_state)
    young = {"timer": settings.min_uptime, "watchdog": settings.startup_grace}.get(trigger, 0)
    if gateway.uptime_seconds is not None and gateway.uptime_seconds < young:
        return "young", "it has run for %s only, less than %s" % (_quantity.span(gateway.uptime_seconds), _quantity.span(young))
    rest = max(settings.cooldown, FLOOR_SECONDS) if trigger == "watchdog" else FLOOR_SECONDS
    # A clock that was set back leaves entries in the future: they count as just now.
    recent = _ledger.restarts_since(settings.folder, now - 86400)
    if recent and now - recent[-1]["time"] < rest:
        return "cooldown", "the last restart was %s ago, less than %s" % (_quantity.span(max(0, now - recent[-1]["time"])), _quantity.span(rest))
    if trigger == "watchdog" and len([entry for entry in recent if entry.get("trigger") == "watchdog"]) >= settings.daily_cap:
        return "daily-cap", "the watchdog has restarted it %d times in 24 h already: somebody must look at it" % settings.daily_cap
    return None


def request(settings, reason, emergency=False):
    """Leave word for the arbiter why the watchdog wants a restart; it is taken up by the unit NAME-restart.service."""
    text = json.dumps({"time": time.time(), "reason": reason, "emergency": emergency})
    _files.write_atomic(os.path.join(settings.folder, REQUEST), text)


def restart(settings, reason, trigger="operator", emergency=False, say=None):
    """Restart one gateway, or refuse to, and return an Outcome. ``say`` is called with each step (str)."""
    say = say or (lambda text: None)
    os.makedirs(settings.folder, mode=0o755, exist_ok=True)
    asked = _take_request(settings)
    if asked is not None and trigger != "operator":
        trigger, reason, emergency = "watchdog", asked["reason"], bool(asked.get("emergency"))
    fd = os.open(os.path.join(settings.folder, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return Outcome(_ledger.write(settings.folder, "refused", "busy", "another restart of it is under way", trigger=trigger, asked=reason))
        gateway = find(settings)
        refused = refusal(settings, gateway, trigger)
        if refused is not None:
            return Outcome(_ledger.write(
                settings.folder, "refused", refused[0], refused[1], trigger=trigger, asked=reason,
                invocation_id=gateway.invocation_id if gateway else None,
            ))
        return _Restart(settings, gateway, reason, trigger, emergency, say).run()
    finally:
        os.close(fd)


def find(settings):
    """The gateway of ``settings`` as it is now, or None where its unit is gone."""
    return _discover.reload([settings]).get(settings.name)


def busy(settings):
    """Whether a restart of the gateway is under way in some process."""
    try:
        fd = os.open(os.path.join(settings.folder, "lock"), os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(fd)
    return False


def clean(settings, gateway):
    """Remove the drain marker that a killed arbiter left behind; True where there was one."""
    return gateway is not None and gateway.problem is None and not busy(settings) and _drain.remove(gateway)


def _take_request(settings):
    path = os.path.join(settings.folder, REQUEST)
    try:
        content = _files.read_json(path)
        if content is not None:
            os.unlink(path)
    except (_files.FileError, OSError):
        return None
    if content is None or not isinstance(content.get("reason"), str):
        return None
    return content if abs(time.time() - float(content.get("time") or 0)) < REQUEST_SECONDS else None


class _Restart:
    """One restart under way, with the lock held."""

    def __init__(self, settings, gateway, reason, trigger, emergency, say):
        self.settings = settings
        self.gateway = gateway
        self.manager = _discover.manager_of(gateway)
        self.reason = reason
        self.trigger = trigger
        self.emergency = emergency
        self.say = say
        self.before = _sample.take(gateway, settings)
        self.waited = 0.0
        self.mode = "emergency" if emergency else "resume"
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
            if changed is not None:
                return self._outcome("refused", "changed", changed)
            self._drain()
        try:
            self._stimulus()
        finally:
            _drain.remove(self.gateway)
        if self._wait_up():
            return self._outcome("restart", "restarted", self.reason)
        return self._second_try()

    def _wait_idle(self):
        """Until no turn runs and no message has come for a minute, ``wait_idle`` seconds at most."""
        deadline = time.monotonic() + self.settings.wait_idle
        self.say("waiting for a quiet moment, %s at most" % _quantity.span(self.settings.wait_idle))
        while True:
            agents = _runtime.runtime(self.gateway)["active_agents"]
            if not agents:
                silence = _idle.seconds_since_message(self.gateway)
                if silence is None or silence >= _idle.QUIET_SECONDS:
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
        if self.gateway.python is None or not _drain.supported((self.before or {}).get("version")):
            return
        self.say("draining")
        try:
            if _drain.write(self.gateway) and self._drained():
                self.drained = True
                self.mode = "drain"
                time.sleep(DELIVERY_SECONDS)
        except BaseException:
            _drain.remove(self.gateway)
            raise

    def _drained(self):
        deadline = time.monotonic() + DRAIN_SECONDS
        while time.monotonic() < deadline:
            now = _runtime.runtime(self.gateway)
            if now["state"] == "draining" and now["active_agents"] == 0:
                return True
            time.sleep(0.5)
        return False

    def _stimulus(self):
        """One SIGUSR1 to the main process: Hermes marks what is under way, ends with code 75, and systemd starts it again."""
        self.say("sending SIGUSR1")
        # Marker first: a gateway that boots beside it would refuse every turn.
        _drain.remove(self.gateway)
        if self.gateway.restart_policy == "no":
            self.manager.call("try-restart", "--no-block", self.gateway.unit)
        else:
            self.manager.call("kill", "--kill-who=main", "--signal=SIGUSR1", self.gateway.unit)

    def _wait_up(self):
        """Whether a new process runs and says so; notes when the old one went down and the new one was up."""
        old = (self.gateway.pid, _proc.start_ticks(self.gateway.pid))
        deadline = time.monotonic() + EXIT_SECONDS
        while _proc.start_ticks(old[0]) == old[1] and old[1] is not None:
            if time.monotonic() >= deadline:
                self.say("the old process has not ended after %s" % _quantity.span(EXIT_SECONDS))
                return False
            time.sleep(0.1)
        if self.went_down is None:
            self.went_down = time.monotonic()
        self.say("down, waiting for the new process")
        deadline = time.monotonic() + UP_SECONDS
        while time.monotonic() < deadline:
            now = find(self.settings)
            if now is not None and now.active_state in ("inactive", "failed"):
                return False
            if now is not None and now.pid and now.invocation_id != self.gateway.invocation_id and self._says_up(now):
                self.after = now
                self.downtime = time.monotonic() - self.went_down
                return True
            time.sleep(0.5)
        return False

    def _says_up(self, now):
        state = _runtime.runtime(now)["state"]
        if state is None:
            # A Hermes that writes no such file is up when it has lived for a while.
            return (now.uptime_seconds or 0) >= 15
        return state in ("running", "degraded")

    def _second_try(self):
        """One plain restart by systemd, then an alarm, never a loop. An operator's stop in between is left alone."""
        now = find(self.settings)
        if now is None or now.active_state == "inactive":
            return self._outcome("failed", "stopped", "it was stopped by somebody else in the middle of the restart; it is left stopped")
        self.say("it did not come up: restarting the unit")
        self.mode = "second-try"
        try:
            self.manager.call("restart", self.gateway.unit, timeout=UP_SECONDS)
        except _systemd.SystemdError as exc:
            self.say(str(exc))
        if self._wait_up():
            return self._outcome("restart", "restarted", self.reason)
        return self._outcome("failed", "not-up", "it did not come up again; asked for because: %s" % self.reason)

    def _outcome(self, event, code, reason):
        figures = {
            "trigger": self.trigger, "mode": self.mode, "asked": self.reason, "waited_seconds": round(self.waited, 1),
            "invocation_id": self.gateway.invocation_id, "pid": self.gateway.pid, "before": self.before,
        }
        if event == "restart":
            figures.update(
                downtime_seconds=round(self.downtime, 1), new_pid=self.after.pid, new_invocation_id=self.after.invocation_id,
            )
        if event == "failed":
            _notify.send(self.settings, "failed", reason, self.before)
        return Outcome(_ledger.write(self.settings.folder, event, code, reason, **figures))

