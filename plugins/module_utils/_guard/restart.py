# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One restart of one gateway, step by step as docs/restart.md has it.

How Hermes reacts to each step is explained there.
"""

from __future__ import annotations

import time

from .._hermes import database, discovery, drain, heartbeat, state_file
from .._hermes import version as versions
from .._host import display, proc
from .._host.errors import RunError, SystemdError
from .._host.waiting import wait_until
from . import alarms, handover, identity, ledger, managed, sampling

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .managed import ManagedGateway

# Each look starts two programs, one that asks Hermes's database and one that asks systemd.
IDLE_LOOK_SECONDS = 2
# For the second half of that wait, a look reads one file: a moment with few turns is short.
LULL_LOOK_SECONDS = 0.1
# While it drains it refuses messages: a turn that takes longer is interrupted and taken up again.
DRAIN_SECONDS = 120
DRAIN_LOOK_SECONDS = 0.2
# A machine that is not loaded delivers the answer of the last turn in less.
DELIVERY_SECONDS = 5
# The same where Hermes says which answers it owes: what is not among them, such as a picture behind
# an answer, has so long.
RECORDED_SECONDS = 1
# On a machine with too much to do, answers and the queue of what came in take longer. How long to
# wait for the end of it.
SETTLE_SECONDS = 60
# The share of one CPU that a gateway may want which only refuses.
SETTLED_SHARE = 0.3
# Over so long its CPU time is measured. A unit between two jobs of systemd is inactive for less.
LOOK_SECONDS = 1
# Longer than systemd waits before it kills a Hermes with its defaults (TimeoutStopSec=60).
EXIT_SECONDS = 120
# The time of its end is the start of the downtime.
EXIT_LOOK_SECONDS = 0.05
# How long the marker outlives the word to the old process to end. A new process needs longer than
# that to look for one.
MARKER_SECONDS = 1
# systemd sends that word when the unit's ExecStop= has ended, which Hermes has from 0.21.5 on. That
# took up to 2.3 s on a loaded machine with two cores; a smaller one may be slower.
TOLD_SECONDS = 10
TOLD_LOOK_SECONDS = 0.1
# From this release on SIGUSR1 lets running turns end first, for half an hour or more, and refuses
# all others meanwhile. A turn that SIGTERM interrupts is taken up again by the next process.
FIRST_THAT_WAITS = (0, 20, 0)
# Many times the longest downtime that was measured on a loaded machine (16 s).
UP_SECONDS = 240
UP_LOOK_SECONDS = 0.5
# A Hermes that writes no state file is up when it has run for so long.
SILENT_UP_SECONDS = 15
# A restart that takes longer than all its waits together was stopped for a while (SIGSTOP): what
# was decided before that is no reason any more. Seconds above those waits.
SUSPENDED_SECONDS = 600
# What Restart= must say so that systemd starts a process again that has ended with code 75.
RESTARTING = ("always", "on-failure")
DOWN = ("inactive", "failed")


class Restart:
    """One restart under way, with the lock held."""

    def __init__(
        self,
        gateway: ManagedGateway,
        reason: str,
        trigger: str,
        emergency: bool,
        say: Callable[[str], object],
    ) -> None:
        self.settings = gateway.settings
        self.gateway = gateway
        self.manager = discovery.manager_of(gateway)
        self.reason = reason
        self.trigger = trigger
        # A loop that is frozen ends no turn and sees no marker: there is nothing to wait for.
        self.emergency = emergency or heartbeat.frozen(gateway) is not None
        self.say = say
        self.unit = gateway.settings.unit
        # The policy has refused a gateway without a process.
        self.pid = gateway.pid or 0
        self.started = proc.start_ticks(self.pid)
        self.before = self._sample()
        self.begun = time.monotonic()
        self.waited = 0.0
        self.mode = "emergency" if self.emergency else "resume"
        self.drained = False
        self.stays_down = False
        # By time.monotonic(); 0 until the old process is seen to be gone.
        self.went_down = 0.0
        self.after: ManagedGateway | None = None
        self.downtime: float | None = None

    def _sample(self) -> dict[str, Any] | None:
        """What the gateway uses now; its version, if no check knows it, by its own word."""
        row = sampling.take(self.gateway)
        if row is not None and row["version"] is None and identity.ask(self.gateway) is None:
            row.update(identity.known(self.gateway))
        return row

    def run(self) -> dict[str, Any]:
        """Restart the gateway and return the ledger's entry."""
        start = time.monotonic()
        if not self.emergency:
            self.wait_idle()
            self.waited = time.monotonic() - start
        changed = self.changed()
        try:
            if changed is None and not self.emergency:
                self.drain_gateway()
                # It took up to two minutes, in which an operator may have come.
                changed = self.changed()
            if changed is None:
                self.begin()
                self.end_old_process()
        except (RunError, SystemdError) as exc:
            return self.finish("failed", "error", str(exc))
        finally:
            self._remove_marker()
        if changed is not None:
            return self.finish("refused", "changed", changed)
        if self.wait_up():
            return self.finish("restart", "restarted", self.reason)
        return self.second_try()

    def _remove_marker(self) -> None:
        try:
            drain.remove(self.gateway)
        except RunError as exc:
            # The unit tries it again when it ends, and so does the next check.
            self.say(str(exc))

    def wait_idle(self) -> None:
        """Until no turn runs and no message has come for a minute; if that does not come in half of
        ``wait_idle``, until few turns run.
        """
        self.say("waiting for a quiet moment, %s at most" % display.span(self.settings.wait_idle))
        half = self.settings.wait_idle / 2
        if not wait_until(
            lambda: self._is_urgent() or self._is_idle(),
            half,
            IDLE_LOOK_SECONDS,
            unless=lambda: self.changed() is not None,
        ):
            self._wait_lull(half)

    def _wait_lull(self, seconds: float) -> None:
        """Until few turns run: none at first, and the more the longer it takes, up to ``seconds``.

        A gateway that drains refuses new messages until all of these turns have ended.
        """
        begun = time.monotonic()
        most = self._turns() or 0

        def is_lull() -> bool:
            turns = self._turns()
            if turns == 0:
                # Someone may be writing, but nothing would be interrupted.
                self.mode = "idle"
            return (turns or 0) * seconds <= most * (time.monotonic() - begun)

        wait_until(
            lambda: self._is_urgent() or is_lull(),
            seconds,
            LULL_LOOK_SECONDS,
            unless=self._has_ended,
        )

    def _turns(self) -> int | None:
        return state_file.runtime(self.gateway)["active_agents"]

    def _is_urgent(self) -> bool:
        """Whether the watchdog wants that nothing is waited for any more."""
        asked = handover.take_request(self.settings, self.gateway)
        if asked is None or not asked.get("emergency"):
            return False
        self.emergency = True
        self.mode = "emergency"
        return True

    def _is_idle(self) -> bool:
        if state_file.runtime(self.gateway)["active_agents"]:
            return False
        silence = database.seconds_since_message(self.gateway)
        if silence is not None and silence < database.QUIET_SECONDS:
            return False
        self.mode = "idle"
        return True

    def changed(self) -> str | None:
        """Why the restart is not needed any more after a wait, or None."""
        waits = self.settings.wait_idle + DRAIN_SECONDS + DELIVERY_SECONDS + SETTLE_SECONDS
        if time.monotonic() - self.begun > waits + SUSPENDED_SECONDS:
            return "the restart itself was stopped for a while, so its reason may be gone"
        try:
            now = managed.find(self.settings)
        except SystemdError:
            # What systemd is told next shows whether it answers again.
            return None
        if now is None or now.active_state != "active":
            return "it was stopped while the restart waited for a quiet moment"
        if now.invocation_id != self.gateway.invocation_id:
            return "it was restarted by somebody else while the restart waited for a quiet moment"
        return None

    def drain_gateway(self) -> None:
        """Let running turns finish while new ones are refused, if Hermes knows the marker."""
        if self.gateway.python is None or not drain.write(self.gateway):
            return
        self.say("draining")
        # What is done if a turn does not end.
        self.mode = "resume"
        if self.wait_drained():
            self.drained = True
            self.mode = "drain"
            self.settle()

    def wait_drained(self) -> bool:
        """Whether the last turn ends in time."""
        return wait_until(
            self._is_drained, DRAIN_SECONDS, DRAIN_LOOK_SECONDS, unless=self._has_ended
        )

    def _is_drained(self) -> bool:
        if self._has_ended():
            return False
        now = state_file.runtime(self.gateway)
        return now["state"] == "draining" and now["active_agents"] == 0

    def settle(self) -> None:
        """Until the answers are delivered.

        The count of turns falls before that, and what has come in and not begun is not in it.
        """
        rest = RECORDED_SECONDS if database.records(self.gateway) else DELIVERY_SECONDS
        first = max(0.0, rest - LOOK_SECONDS)
        most = DELIVERY_SECONDS + SETTLE_SECONDS
        time.sleep(first)
        # Each look takes its own time.
        if not wait_until(self._is_settled, most - first, 0, unless=self._has_ended):
            self.say("it is still busy, %s after its last turn" % display.span(most))

    def _is_settled(self) -> bool:
        """Whether it wants little CPU time for LOOK_SECONDS, owes no answer and has no turn."""
        if self._has_ended():
            return False
        before = proc.work_seconds(self.pid)
        time.sleep(LOOK_SECONDS)
        after = proc.work_seconds(self.pid)
        wanted = 0 if before is None or after is None else after - before
        if wanted >= SETTLED_SHARE * LOOK_SECONDS or database.owed(self.gateway):
            return False
        # One that waited behind another of the same sender may have begun.
        return self._has_ended() or not state_file.runtime(self.gateway)["active_agents"]

    def begin(self) -> None:
        """Write the restart to the ledger before it happens.

        If this process is killed, the cooldown and the daily cap know of the restart all the same.
        """
        ledger.note(
            self.settings.folder,
            "begun",
            "begun",
            self.reason,
            trigger=self.trigger,
            invocation_id=self.gateway.invocation_id,
        )

    def end_old_process(self) -> None:
        """One restart method, by what is under way.

        Drained, nothing is: a restart by systemd, which does not wait for RestartSec, and the
        marker stays until the old process has been told to end, because Hermes takes new turns
        within a second of its removal. Not drained, up to Hermes 0.19: one SIGUSR1 to the main
        process, on which Hermes marks what is under way and ends with code 75, and systemd starts
        it again. A later Hermes would wait for what is under way, one that is frozen does not hear
        it, and a unit without such a Restart= would stay down: systemd restarts these.
        """
        if self.drained:
            self._restart_unit()
            wait_until(self._is_told, TOLD_SECONDS, TOLD_LOOK_SECONDS)
            self._is_gone(MARKER_SECONDS)
            return
        # Marker first: a gateway that boots beside it would refuse every turn.
        drain.remove(self.gateway)
        if heartbeat.frozen(self.gateway) is not None:
            self.mode = "emergency"
            self._restart_unit()
        elif (
            self._waits_for_turns()
            or self.gateway.restart_policy not in RESTARTING
            # A shell or a runner above the gateway would die of the signal, and take it along.
            or self.gateway.pid != self.gateway.main_pid
        ):
            self._restart_unit()
        else:
            self.say("sending SIGUSR1")
            self.manager.call("kill", "--kill-who=main", "--signal=SIGUSR1", self.unit)

    def _restart_unit(self) -> None:
        """Have systemd restart the unit, unless an operator has stopped it, without waiting."""
        self.say("restarting the unit")
        self.manager.call("try-restart", "--no-block", self.unit)

    def _waits_for_turns(self) -> bool:
        """Whether SIGUSR1 would wait for running turns; an unknown Hermes is taken to be new."""
        numbers = versions.numbers((self.before or {}).get("version"))
        return numbers is None or numbers >= FIRST_THAT_WAITS

    def _is_told(self) -> bool:
        """Whether systemd has sent the old process its signal, or it has ended."""
        if self._is_gone(0):
            return True
        now = self._look()
        return now is not None and now.sub_state not in ("", "running", "reload", "stop")

    def _look(self) -> ManagedGateway | None:
        """The gateway as it is now; None also while systemd does not answer."""
        try:
            return managed.find(self.settings)
        except SystemdError:
            return None

    def _has_ended(self) -> bool:
        return self.started is None or proc.start_ticks(self.pid) != self.started

    def _is_gone(self, seconds: float) -> bool:
        """Whether the old process ends within ``seconds``; notes when it was seen to be gone."""
        if not wait_until(self._has_ended, seconds, EXIT_LOOK_SECONDS):
            return False
        if not self.went_down:
            self.went_down = time.monotonic()
        return True

    def wait_up(self) -> bool:
        """Whether a new process comes up in time; notes which, and how long there was none."""
        if not self._is_gone(EXIT_SECONDS):
            self.say("the old process has not ended after %s" % display.span(EXIT_SECONDS))
            return False
        self.say("down, waiting for the new process")
        self.stays_down = False
        return wait_until(self._is_up, UP_SECONDS, UP_LOOK_SECONDS, unless=lambda: self.stays_down)

    def _is_up(self) -> bool:
        now = self._look()
        if now is not None and now.active_state in DOWN:
            # Between two jobs of systemd a unit is inactive for a moment as well.
            time.sleep(LOOK_SECONDS)
            now = self._look()
            self.stays_down = now is not None and now.active_state in DOWN
        if (
            now is None
            or not now.pid
            or now.invocation_id == self.gateway.invocation_id
            or self.stays_down
            or not self._says_up(now)
        ):
            return False
        self.after = now
        self.downtime = time.monotonic() - self.went_down
        return True

    def _says_up(self, now: ManagedGateway) -> bool:
        state = state_file.runtime(now)["state"]
        if state is None:
            return (now.uptime_seconds or 0) >= SILENT_UP_SECONDS
        return state in ("running", "degraded") or state == "draining" and drain.foreign(now)

    def second_try(self) -> dict[str, Any]:
        """One plain restart by systemd, then an alarm, never a loop.

        An operator's stop in between is left alone.
        """
        try:
            now = managed.find(self.settings)
        except SystemdError as exc:
            return self.finish("failed", "not-up", "systemd does not answer any more: %s" % exc)
        if now is None or now.active_state == "inactive":
            return self.finish(
                "failed",
                "stopped",
                "it was stopped by somebody else in the middle of the restart; it is left stopped",
            )
        if now.active_state == "failed":
            # What an operator's stop leaves if a turn was under way, because Hermes then ends with
            # code 1. By itself systemd would go on trying.
            return self.finish(
                "failed",
                "stopped",
                "it failed or was stopped by somebody else in the middle of the restart; "
                "it is left as it is",
            )
        self.say("it did not come up: restarting the unit")
        self.mode = "second-try"
        try:
            # "try-": an operator may stop it between the question and the answer.
            self.manager.call("try-restart", self.unit, timeout=UP_SECONDS)
        except SystemdError as exc:
            self.say(str(exc))
        if self.wait_up():
            return self.finish("restart", "restarted", self.reason)
        return self.finish(
            "failed", "not-up", "it did not come up again; asked for because: %s" % self.reason
        )

    def finish(self, event: str, code: str, reason: str) -> dict[str, Any]:
        """Write the result to the ledger and return the entry; raise the alarm if it failed."""
        figures = {
            "trigger": self.trigger,
            "mode": self.mode,
            "asked": self.reason,
            "waited_seconds": round(self.waited, 1),
            "invocation_id": self.gateway.invocation_id,
            "pid": self.gateway.pid,
            "before": self.before,
        }
        if self.after is not None and self.downtime is not None:
            figures.update(
                downtime_seconds=round(self.downtime, 1),
                new_pid=self.after.pid,
                new_invocation_id=self.after.invocation_id,
            )
        entry = ledger.note(self.settings.folder, event, code, reason, **figures)
        if event == "failed":
            alarms.put(self.settings, "failed", code, reason, self.before)
            problem = alarms.deliver(self.settings, time.monotonic() + alarms.PATIENCE)
            if problem is not None:
                self.say(problem)
        return entry
