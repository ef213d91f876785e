# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One gateway of the contract, a release in one way of installing it, seen over SSH as an operator sees it."""

from __future__ import annotations

import json
import subprocess
import threading
import time

PLACE = "/opt/lab/hermes/"
PROGRAM = "/usr/local/bin/hermes-guard"
WATCHDOG = "hermes-mem-watchdog.service"
LOCAL = "/etc/hermes-guard/guard.conf.d/zz-local.conf"
PYTHON = "/opt/hermes/venv/bin/python"
# The default settings would make the tests wait.
IMPATIENT = {
    "min_uptime": "1s",
    "startup_grace": "1s",
    "cooldown": "1s",
    "daily_cap": "100",
    "wait_idle": "1s",
}
PATIENCE_SECONDS = 150
# Longer than the first turn of a process takes on a loaded machine.
WORD_SECONDS = 90


class Host:
    """A lab host, reached over SSH by one connection that its commands share."""

    def __init__(self, fleet, host):
        self.fleet = fleet
        self.name = host.name
        self.release = host.hermes
        self.gateways = [Gateway(self, one) for one in fleet.gateways(host)]
        self.lock = threading.Lock()
        self.chat = None

    def ssh(self, script, stdin="", check=True, timeout=600):
        """Run a shell script as root; subprocess.CompletedProcess, and an error if it fails and ``check``."""
        argv = self.fleet.ssh(self.name, script)
        argv[1:1] = ["-o", "BatchMode=yes", "-o", "ControlMaster=auto", "-o", "ControlPersist=60"]
        argv[1:1] = ["-o", "ControlPath=" + self.fleet.file("cm-%n")]
        done = subprocess.run(
            argv,
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            check=False,
            timeout=timeout,
        )
        said = "%s: %s\n%s%s" % (self.name, script[:300], done.stdout[-2000:], done.stderr[-2000:])
        assert done.returncode == 0 or not check, said
        return done

    def put(self, path, content, mode="644"):
        """A file."""
        self.ssh("install -D -m %s /dev/stdin %s" % (mode, path), stdin=content)

    def configure(self, **changed):
        """The local settings of the guard: IMPATIENT and ``changed``."""
        lines = ["%s = %s\n" % item for item in dict(IMPATIENT, **changed).items()]
        self.put(LOCAL, "[DEFAULT]\n" + "".join(lines))

    def order(self, **words):
        """Tell chat.py something; its answer (dict)."""
        with self.lock:
            self.chat.stdin.write(json.dumps(words) + "\n")
            self.chat.stdin.flush()
            return json.loads(self.chat.stdout.readline())

    def __str__(self):
        return self.name


class Gateway:
    """One gateway."""

    def __init__(self, host, made):
        self.host = host
        self.made = made
        self.way = made.way
        self.release = host.release
        self.unit = "" if self.way == "manual" else made.unit
        self.home = made.home
        # The home of the profile that its messages go to, and the port of what it talks to.
        self.port = made.stub + (100 if self.way == "multi" else 0)
        # Filled by the steps.
        self.info = self.evidence = None
        self.seen = {}
        self.senders = self.sent = 0
        self.sender = ""

    def __str__(self):
        return "%s-%s" % (self.release, self.way)

    @property
    def name(self):
        """Its name for the guard."""
        if self.way == "manual":
            return (self.info or {}).get("name") or "hermes-gateway@" + self.made.user
        name = self.unit[: -len(".service")]
        return name + "@" + self.made.user if self.made.scope == "user" else name

    def sh(self, script, **more):
        """What a script says as root."""
        return self.host.ssh(script, **more).stdout.strip()

    def ctl(self, words):
        """systemctl in the unit's scope."""
        if self.made.scope == "system":
            return self.sh("systemctl " + words)
        return self.sh(
            "runuser -u %s -- env XDG_RUNTIME_DIR=/run/user/$(id -u %s) systemctl --user %s"
            % (self.made.user, self.made.user, words)
        )

    def state(self):
        """Hermes's own state file (dict)."""
        done = self.host.ssh("cat %s/gateway_state.json" % self.home, check=False)
        try:
            return json.loads(done.stdout)
        except ValueError:
            return {}

    @property
    def pid(self):
        """The gateway's own process, as Hermes reports it."""
        return self.state().get("pid")

    def up(self):
        """Whether the gateway runs and reports it."""
        state = self.state()
        alive = self.host.ssh("test -e /proc/%s" % state.get("pid", "x"), check=False)
        return alive.returncode == 0 and state.get("gateway_state") == "running"

    def wait(self, what, true, seconds=PATIENCE_SECONDS, every=0.5):
        """Wait until ``true()`` returns a true value, and return it; else an error with the last output."""
        deadline = time.monotonic() + seconds
        while True:
            value = true()
            if value:
                return value
            if time.monotonic() > deadline:
                told = [(round(when - time.time()), *rest) for when, *rest in self.talk()["told"]]
                raise AssertionError("waited %d s in vain for %s; told: %s" % (seconds, what, told))
            time.sleep(every)

    def ready(self):
        """Wait until it runs and listens for messages."""
        self.wait("the gateway to run", self.up)
        self.wait("it to listen", lambda: self.talk()["listening"])

    def ledger(self, *events):
        """The entries of its ledger since ``forget`` was called."""
        done = self.host.ssh("cat /var/lib/hermes-guard/%s/ledger.jsonl" % self.name, check=False)
        entries = [json.loads(line) for line in done.stdout.splitlines()]
        return [one for one in entries if one["event"] in events or not events]

    def forget(self):
        """Remove the records of earlier restarts by the guard and Hermes: each check starts from scratch."""
        self.sh(
            "cd /var/lib/hermes-guard/%s && rm -f ledger.jsonl request.json; rm -f %s/gateway-starts.log"
            % (self.name, self.home)
        )

    def restart(self, *options):
        """An operator's restart by the arbiter; (its ledger entry, the time of the request)."""
        script = "date +%%s.%%N; hermes-guard restart --gateway %s --reason contract --json %s"
        done = self.host.ssh(script % (self.name, " ".join(options)), check=False)
        when, _newline, entry = done.stdout.partition("\n")
        assert entry.strip(), done.stderr
        return json.loads(entry), float(when)

    def began(self, pid):
        """When a process began (epoch seconds)."""
        ticks, boot = self.sh(
            "awk '{print $22}' /proc/%s/stat; awk '/^btime/ {print $2}' /proc/stat" % pid
        ).split()
        return int(boot) + int(ticks) / 100

    # -- its chats --------------------------------------------------------------------------------

    def talk(self):
        """The state of its chats."""
        return self.host.order(do="state", port=self.port)

    def send(self, delay=1.0, sender=None):
        """Send a message, from a new sender by default; returns its number."""
        if sender is None:
            self.senders += 1
            sender = "+1555%07d" % self.senders
        self.sender = sender
        self.sent += 1
        order = {"do": "send", "port": self.port, "delay": delay, "sender": sender}
        return self.host.order(**order)["number"]

    def answered(self, number, seconds=PATIENCE_SECONDS):
        """Wait for the one answer to a message."""
        self.wait(
            "the answer to msg-%d" % number, lambda: str(number) in self.talk()["answered"], seconds
        )
        assert self.talk()["answered"][str(number)] == 1, "it was answered twice"

    def chats(self):
        """A message is answered; one that a gateway refuses while it starts is sent again, as it asks for.

        Hermes can also keep one that comes while it starts until its sender writes again: see
        docs/restart.md.
        """
        number = self.send()
        try:
            self.wait("a word on msg-%d" % number, lambda: self.word(number), WORD_SECONDS)
        except AssertionError:
            if number in self.talk()["kept"]:
                self.seen["kept"] = self.seen.get("kept", 0) + 1
                self.send(sender=self.sender)
        if number in self.talk()["refused"]:
            number = self.send()
        self.answered(number)

    def taken_up(self, number):
        """A turn that was interrupted is answered by the next process.

        From 0.22 on Hermes can also tell the sender to send it again.
        """
        self.wait("a word on msg-%d" % number, lambda: self.word(number))
        if str(number) in self.talk()["answered"]:
            self.answered(number)
        else:
            self.seen["again"] = self.seen.get("again", 0) + 1

    def word(self, number):
        """Whether a message has an answer or a refusal."""
        now = self.talk()
        return str(number) in now["answered"] or number in now["refused"]

    def requests(self):
        """How many requests to its own interface have no answer yet."""
        order = {"do": "open", "port": self.made.stub, "api": self.made.port}
        return self.host.order(**order)["open"]

    def in_flight(self, delay):
        """A turn that takes ``delay`` seconds; its number, once the model has been asked.

        Hermes also asks the model for the title of an earlier chat: that is no turn.
        """
        turns = len(self.talk()["lengths"])
        number = self.send(delay)
        self.wait("the turn to begin", lambda: len(self.talk()["lengths"]) > turns)
        return number
