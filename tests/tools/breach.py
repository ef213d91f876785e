# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""People who talk to the gateway of a lab host while the watchdog restarts it.

Usage:
  breach.py talk HOST                  start them (people.py on the host)
  breach.py wait HOST GATEWAY SINCE    wait until the watchdog has restarted the gateway (SINCE: epoch seconds)
  breach.py stop HOST                  stop them, once every message has its answer or 2 minutes are over
  breach.py tell HOST GATEWAY SINCE    print the result; exit code 1 if a message was lost, or unless the gateway was restarted once
"""

from __future__ import annotations

import json
import sys
import time

import lab_host

PLACE = "/opt/lab/people"
FILES = [
    lab_host.TOP / "tests/lab/load" / name for name in ("accounting.py", "stubs.py", "drive.py")
]
PROGRAM = lab_host.TOP / "tests/tools/people.py"
STATE = "/run/lab-people.json"
STOP = "/run/lab-people.stop"
# A busy machine takes minutes for a first turn; an idle one takes half a minute.
PATIENCE_SECONDS = 360
LOOK_SECONDS = 2
SAY_SECONDS = 8
# How long the people must still talk after the restart.
AFTERWARDS_SECONDS = 20


def state(host: str) -> dict:
    """Return the people's own figures; empty before they have any."""
    done = lab_host.run(host, "cat", STATE)
    return json.loads(done.stdout) if done.returncode == 0 else {}


def ledger(host: str, gateway: str, since: float) -> list[dict]:
    """Return the ledger's entries from ``since`` on."""
    done = lab_host.run(host, "cat", "/var/lib/hermes-guard/%s/ledger.jsonl" % gateway)
    entries = [json.loads(line) for line in done.stdout.splitlines()]
    return [entry for entry in entries if entry["time"] >= since]


def counts(figures: dict) -> str:
    """Return the number of messages, as words."""
    return "%d messages sent, %d answered" % (figures.get("sent", 0), figures.get("answered", 0))


def wait_for(host: str, what: str, is_over, patience: float) -> dict:
    """Wait until ``is_over`` of the people's figures, with a line every few seconds; return the figures."""
    begun = said = time.monotonic()
    while True:
        figures = state(host)
        if is_over(figures):
            return figures
        now = time.monotonic()
        if now > begun + patience:
            sys.exit("breach: %s: not within %d s (%s)" % (what, patience, counts(figures)))
        if now > said + SAY_SECONDS - LOOK_SECONDS:
            said = now
            print("     %s; %s" % (counts(figures), what), flush=True)
        time.sleep(LOOK_SECONDS)


def talk(host: str) -> None:
    """Start the people."""
    for path in (*FILES, PROGRAM):
        target = "%s/%s" % (PLACE, path.name)
        content = path.read_bytes()
        lab_host.output(host, "install", "-D", "/dev/stdin", target, content=content)
    lab_host.run(host, "systemctl", "stop", "lab-people.service")
    lab_host.run(host, "rm", "-f", STATE, STOP)
    python = ["/opt/hermes/venv/bin/python", "-B", "%s/%s" % (PLACE, PROGRAM.name)]
    lab_host.output(host, "systemd-run", "-q", "--collect", "--unit=lab-people", *python)
    wait_for(
        host,
        "the first turn takes longest",
        lambda figures: figures.get("phase") == "talking",
        PATIENCE_SECONDS,
    )
    print("They talk: a message every 3 seconds, of 20 people. The first one is answered.")


def wait(host: str, gateway: str, since: float) -> None:
    """Wait until the watchdog has restarted the gateway."""

    def is_restarted(_figures: dict) -> bool:
        return any(entry["event"] == "restart" for entry in ledger(host, gateway, since))

    def is_answered(figures: dict) -> bool:
        return bool(figures.get("starts")) and figures["last_answer_seconds_ago"] < SAY_SECONDS

    what = "waiting for the watchdog, and for a quiet moment"
    wait_for(host, what, is_restarted, PATIENCE_SECONDS)
    wait_for(
        host,
        "restarted; waiting for the first answer of the new process",
        is_answered,
        PATIENCE_SECONDS,
    )
    print("The watchdog has restarted the gateway, and the new process answers.", flush=True)
    end = time.monotonic() + AFTERWARDS_SECONDS
    wait_for(host, "restarted; the people still talk", lambda _figures: time.monotonic() > end, 60)


def stop(host: str) -> None:
    """Stop the people."""
    lab_host.output(host, "touch", STOP)
    figures = wait_for(
        host,
        "waiting for the last answers",
        lambda found: found.get("phase") == "finished",
        PATIENCE_SECONDS,
    )
    print("They have stopped: %s." % counts(figures))


def tell(host: str, gateway: str, since: float) -> int:
    """Print the result; return the exit code."""
    figures, entries = state(host), ledger(host, gateway, since)
    if not figures:
        sys.exit("breach: no conversation with the gateway of %s is running" % host)
    restarts = [entry for entry in entries if entry["event"] == "restart"]
    lost = figures["sent"] - figures["answered"]
    print(
        "Messages: %d were sent to %s on %s, %s."
        % (figures["sent"], gateway, host, "all answered" if not lost else "%d NOT answered" % lost)
    )
    if lost:
        print("          Without an answer: %s" % " ".join(map(str, figures["unanswered"])))
    if figures["again"]:
        print(
            "          %d of them arrived while it drained. It asked their senders to send them again, and they did."
            % figures["again"]
        )
    if figures["waited"]:
        print("          %d of them waited until the new process was up." % figures["waited"])
    if figures["twice"]:
        print("          %d of them were answered twice." % figures["twice"])
    times = {0: "not at all", 1: "once"}.get(len(restarts), "%d times" % len(restarts))
    print("Restarts: the gateway was restarted %s while they talked." % times)
    for entry in restarts:
        print("          Why: %s" % entry["reason"])
        print(
            "          How: the arbiter waited %d s for a quiet moment, then the gateway was down for %.1f s (mode %s)."
            % (
                entry.get("waited_seconds") or 0,
                entry.get("downtime_seconds") or 0,
                entry.get("mode"),
            )
        )
    others = [entry for entry in entries if entry["event"] in ("failed", "ended")]
    for entry in others:
        print("          Also: %s: %s" % (entry["event"], entry["reason"]))
    good = not lost and len(restarts) == 1 and figures["starts"] == 1 and not others
    if not good:
        print(
            "demo: a message was lost, or the gateway was not restarted exactly once (it began to listen again %d times)"
            % figures["starts"],
            file=sys.stderr,
        )
    return 0 if good else 1


def main() -> int:
    """Run one command; return the exit code."""
    words = sys.argv[1:]
    known = {("talk", 2): talk, ("wait", 4): wait, ("stop", 2): stop, ("tell", 4): tell}
    action = known.get((words[0] if words else "", len(words)))
    if action is None:
        sys.exit(__doc__)
    return action(*words[1:3], *map(float, words[3:])) or 0


if __name__ == "__main__":
    sys.exit(main())
