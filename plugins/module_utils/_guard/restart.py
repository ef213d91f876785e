# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restarts one gateway, in the steps that docs/restart.md describes.

That page also explains how Hermes reacts to each step.
"""

from __future__ import annotations

import time

from .._hermes import database, discovery, drain, heartbeat, state_file
from .._hermes import version as versions
from .._host import display, proc
from .._host.errors import RunError, SystemdError
from .._host.waiting import wait_until
from . import alarms, handover, identity, ledger, managed, policy, sampling, signalled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .managed import ManagedGateway

# Each poll starts two programs: one queries Hermes's database, one queries systemd.
IDLE_LOOK_SECONDS = 2
# In the second half of that wait, a poll reads one file: moments with few turns are short.
LULL_LOOK_SECONDS = 0.1
# A draining gateway refuses messages. A turn that takes longer is interrupted and resumed.
DRAIN_SECONDS = 120
DRAIN_LOOK_SECONDS = 0.2
# A host that is not overloaded delivers the answer of the last turn faster.
DELIVERY_SECONDS = 5
# The same if Hermes records its undelivered answers: for output that it does not record, such as a
# picture after an answer.
RECORDED_SECONDS = 1
# On an overloaded host, answers and queued messages take longer; the limit of that wait.
SETTLE_SECONDS = 60
# The share of one CPU that a gateway may use while it only refuses messages.
SETTLED_SHARE = 0.3
# CPU time is measured over this period. Between two systemd jobs, a unit is inactive for less.
LOOK_SECONDS = 1
# Longer than systemd waits before it kills Hermes, by default (TimeoutStopSec=60).
EXIT_SECONDS = 120
# Since this release, SIGUSR1 waits for running turns, for half an hour or more, and refuses new
# ones meanwhile. After SIGTERM, the next process resumes interrupted turns.
FIRST_THAT_WAITS = (0, 20, 0)
# Many times the longest downtime measured on a loaded host (16 s).
UP_SECONDS = 240
UP_LOOK_SECONDS = 0.5
# A Hermes that writes no state file counts as up after this time.
SILENT_UP_SECONDS = 15
# The same for a gateway that wrote one before: it writes one again unless it fails to start, and
# the processes of a crash loop last for less than this.
MUTE_UP_SECONDS = 120
# A restart that takes this many seconds longer than all its waits was stopped for a while
# (SIGSTOP), so earlier decisions no longer apply.
SUSPENDED_SECONDS = 600
# Values of Restart= with which systemd restarts a process that has exited with code 75.
RESTARTING = ("always", "on-failure")
DOWN = ("inactive", "failed")


class Restart:
    """One restart in progress; the caller holds the lock."""

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
        # A frozen event loop finishes no turn and sees no marker, so waiting is pointless.
        self.emergency = emergency or heartbeat.frozen(gateway) is not None
        self.say = say
        self.unit = gateway.settings.unit
        # The policy refuses a gateway without a process.
        self.pid = gateway.pid or 0
        self.before = self._sample()
        self.writes_state = state_file.runtime(gateway)["state"] is not None
        self.begun = time.monotonic()
        self.waited = 0.0
        self.mode = "emergency" if self.emergency else "resume"
        self.drained = False
        self.stays_down = False
        # By time.monotonic(); 0 until the old process has exited.
        self.went_down = 0.0
        self.after: ManagedGateway | None = None
        self.downtime: float | None = None

    def _sample(self) -> dict[str, Any] | None:
        """The current sample; if no check knows the version, Hermes is asked for it."""
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
                # An operator may have acted during the drain, which takes up to two minutes.
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
            # The unit tries again when it stops, and so does the next check.
            self.say(str(exc))

    def wait_idle(self) -> None:
        """Wait until no turn runs and no message has arrived for a minute.

        After half of ``wait_idle``, wait until few turns run.
        """
        self.say("waiting until idle, at most %s" % display.span(self.settings.wait_idle))
        half = self.settings.wait_idle / 2
        if not wait_until(
            lambda: self._is_urgent() or self._is_idle(),
            half,
            IDLE_LOOK_SECONDS,
            unless=lambda: self.changed() is not None,
        ):
            self._wait_lull(half)

    def _wait_lull(self, seconds: float) -> None:
        """Wait up to ``seconds`` until few turns run; the accepted number rises with time.

        A draining gateway refuses new messages until all these turns have finished.
        """
        begun = time.monotonic()
        most = self._turns() or 0

        def is_lull() -> bool:
            turns = self._turns()
            if turns == 0:
                # A user may be writing, but no turn would be interrupted.
                self.mode = "idle"
            return (turns or 0) * seconds <= most * (time.monotonic() - begun)

        wait_until(
            lambda: self._is_urgent() or is_lull(),
            seconds,
            LULL_LOOK_SECONDS,
            unless=self.gateway.has_ended,
        )

    def _turns(self) -> int | None:
        return state_file.runtime(self.gateway)["active_agents"]

    def _is_urgent(self) -> bool:
        """Whether the watchdog has requested an emergency restart in the meantime."""
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
        """Why the restart no longer applies after a wait, or None."""
        waits = self.settings.wait_idle + DRAIN_SECONDS + DELIVERY_SECONDS + SETTLE_SECONDS
        if time.monotonic() - self.begun > waits + SUSPENDED_SECONDS:
            return "the restart itself was stopped for a while, so its reason may no longer apply"
        try:
            now = managed.find(self.settings)
        except SystemdError:
            # The next request shows whether systemd answers again.
            return None
        if now is None or now.active_state != "active":
            return "it was stopped while the restart waited until idle"
        if now.invocation_id != self.gateway.invocation_id:
            return "someone else restarted it while the restart waited until idle"
        refused = policy.suspended(self.gateway, self.trigger)
        return None if refused is None else refused[1]

    def drain_gateway(self) -> None:
        """Let running turns finish while new ones are refused, if Hermes supports the marker."""
        if self.gateway.python is None or not drain.write(self.gateway):
            return
        self.say("draining")
        # The mode if a turn does not finish.
        self.mode = "resume"
        if self.wait_drained():
            self.drained = True
            self.mode = "drain"
            self.settle()

    def wait_drained(self) -> bool:
        """Whether the last turn finishes in time."""
        return wait_until(
            self._is_drained, DRAIN_SECONDS, DRAIN_LOOK_SECONDS, unless=self.gateway.has_ended
        )

    def _is_drained(self) -> bool:
        if self.gateway.has_ended():
            return False
        now = state_file.runtime(self.gateway)
        return now["state"] == "draining" and now["active_agents"] == 0

    def settle(self) -> None:
        """Wait until the answers are delivered.

        The count of turns drops before that, and does not include queued messages.
        """
        rest = RECORDED_SECONDS if database.records(self.gateway) else DELIVERY_SECONDS
        first = max(0.0, rest - LOOK_SECONDS)
        most = DELIVERY_SECONDS + SETTLE_SECONDS
        time.sleep(first)
        # Each poll takes LOOK_SECONDS itself.
        if not wait_until(self._is_settled, most - first, 0, unless=self.gateway.has_ended):
            self.say("it is still busy, %s after its last turn" % display.span(most))

    def _is_settled(self) -> bool:
        """Whether it uses little CPU time for LOOK_SECONDS, owes no answer and runs no turn."""
        if self.gateway.has_ended():
            return False
        before = proc.work_seconds(self.pid)
        time.sleep(LOOK_SECONDS)
        after = proc.work_seconds(self.pid)
        wanted = 0 if before is None or after is None else after - before
        if wanted >= SETTLED_SHARE * LOOK_SECONDS or database.owed(self.gateway):
            return False
        # A message that waited for an earlier one of the same sender may have started a turn.
        return self.gateway.has_ended() or not state_file.runtime(self.gateway)["active_agents"]

    def begin(self) -> None:
        """Write the restart to the ledger before it happens.

        The cooldown and the daily cap then count the restart even if this process is killed.
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
        """Apply one restart method, depending on the running turns.

        Drained: systemd restarts the unit, without waiting for RestartSec. The marker stays until
        the old process has been signalled, because Hermes accepts turns within a second of its
        removal. Not drained, up to Hermes 0.19: one SIGUSR1 to the main process. Hermes then marks
        its running turns and exits with code 75, and systemd starts it again. systemd restarts the
        unit in all other cases: a later Hermes would wait for its turns, a frozen one ignores the
        signal, and a unit without such a Restart= would stay down.
        """
        if self.drained:
            self._restart_unit()
            signalled.wait(self.manager, self.unit, lambda: self._is_gone(0))
            return
        # Marker first: a gateway that starts while it exists would refuse every turn.
        drain.remove(self.gateway)
        if heartbeat.frozen(self.gateway) is not None:
            self.mode = "emergency"
            self._restart_unit()
        elif (
            self._waits_for_turns()
            or self.gateway.restart_policy not in RESTARTING
            # The signal would kill a shell or runner above the gateway, and the gateway with it.
            or self.gateway.pid != self.gateway.main_pid
        ):
            self._restart_unit()
        else:
            self.say("sending SIGUSR1")
            self.manager.call("kill", "--kill-who=main", "--signal=SIGUSR1", self.unit)

    def _restart_unit(self) -> None:
        """Let systemd restart the unit unless an operator has stopped it; do not wait."""
        self.say("restarting the unit")
        self.manager.call("try-restart", "--no-block", self.unit)

    def _waits_for_turns(self) -> bool:
        """Whether SIGUSR1 would wait for running turns; an unknown Hermes counts as new."""
        numbers = versions.numbers((self.before or {}).get("version"))
        return numbers is None or numbers >= FIRST_THAT_WAITS

    def _look(self) -> ManagedGateway | None:
        """The current gateway; None also while systemd does not answer."""
        try:
            return managed.find(self.settings)
        except SystemdError:
            return None

    def _is_gone(self, seconds: float) -> bool:
        """Whether the old process exits within ``seconds``; records the time."""
        if not wait_until(self.gateway.has_ended, seconds, signalled.EXIT_LOOK_SECONDS):
            return False
        if not self.went_down:
            self.went_down = time.monotonic()
        return True

    def wait_up(self) -> bool:
        """Whether a new process comes up in time; records it and the downtime."""
        if not self._is_gone(EXIT_SECONDS):
            self.say("the old process has not exited after %s" % display.span(EXIT_SECONDS))
            return False
        self.say("down, waiting for the new process")
        self.stays_down = False
        return wait_until(self._is_up, UP_SECONDS, UP_LOOK_SECONDS, unless=lambda: self.stays_down)

    def _is_up(self) -> bool:
        now = self._look()
        if now is not None and now.active_state in DOWN:
            # A unit is also inactive for a moment between two systemd jobs.
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
            least = MUTE_UP_SECONDS if self.writes_state else SILENT_UP_SECONDS
            return (now.uptime_seconds or 0) >= least
        return state in ("running", "degraded") or state == "draining" and drain.foreign(now)

    def second_try(self) -> dict[str, Any]:
        """Restart the unit once more through systemd, then raise an alert; never loop.

        If an operator has stopped the gateway meanwhile, it stays stopped.
        """
        try:
            now = managed.find(self.settings)
        except SystemdError as exc:
            return self.finish("failed", "not-up", "systemd no longer answers: %s" % exc)
        if now is None or now.active_state == "inactive":
            return self.finish(
                "failed", "stopped", "someone else stopped it during the restart; it stays stopped"
            )
        if now.active_state == "failed":
            # The state after an operator's stop during a turn, because Hermes then exits with
            # code 1. Without a stop, systemd would keep trying.
            return self.finish(
                "failed",
                "stopped",
                "it failed or someone else stopped it during the restart; it stays as it is",
            )
        self.say("it did not come up: restarting the unit")
        self.mode = "second-try"
        try:
            # "try-": an operator may have stopped it since the last query.
            self.manager.call("try-restart", self.unit, timeout=UP_SECONDS)
        except SystemdError as exc:
            self.say(str(exc))
        if self.wait_up():
            return self.finish("restart", "restarted", self.reason)
        return self.finish(
            "failed", "not-up", "it did not come up; reason for the restart: %s" % self.reason
        )

    def finish(self, event: str, code: str, reason: str) -> dict[str, Any]:
        """Write the result to the ledger and return the entry; raise an alert if it failed."""
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
