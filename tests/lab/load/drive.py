# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on a lab host: sends numbered messages from many senders through its real gateway, with restarts in between. One JSON line on standard output.

The stubs live in this process, so nothing of the load outlives it. Started by soak.py.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import json
import os
import pwd
import random
import sys
import time

import accounting
import stubs

PORT = 18080
UNIT = "hermes-gateway.service"
NAME = "hermes-gateway"
USER = "hermes"
LEDGER = "/var/lib/hermes-guard/%s/ledger.jsonl" % NAME
SIGNAL = {
    "SIGNAL_HTTP_URL": "http://127.0.0.1:%d" % PORT,
    "SIGNAL_ACCOUNT": "+15550000000",
    "SIGNAL_ALLOWED_USERS": "*",
    "GATEWAY_ALLOW_ALL_USERS": "true",
    # Else each first answer comes with a hint at it.
    "SIGNAL_HOME_CHANNEL": "+15559999999",
}
# Without a network each first turn of a life would wait 20 s for pip to give up.
SEALED = "\nsecurity:\n  allow_lazy_installs: false\n"
HOW = {
    "arbiter": ["hermes-guard", "restart", "--gateway", NAME, "--reason", "soak", "--json"],
    "restart": ["systemctl", "restart", UNIT],
    "reload": ["systemctl", "reload", UNIT],
}
UP_SECONDS = 240
REST_SECONDS = 5
# After this time without a message, no more are expected.
SILENCE_SECONDS = 90


def note(content):
    """A line for a person."""
    sys.stderr.write("soak: [%4d s] %s\n" % (time.monotonic() - START, content))
    sys.stderr.flush()


async def run(*argv):
    """Run a program; (exit code, standard output)."""
    process = await asyncio.create_subprocess_exec(
        *argv, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
    )
    out, _err = await process.communicate()
    return process.returncode, out.decode()


def configure():
    """The gateway's .env gets the Signal platform; config.yaml of a lab host asks the model here already. Both files keep their owner."""
    home = os.path.join(pwd.getpwnam(USER).pw_dir, ".hermes")
    path = os.path.join(home, "config.yaml")
    with open(path, "r+", encoding="utf-8") as handle:
        if SEALED not in handle.read():
            handle.write(SEALED)
    path = os.path.join(home, ".env")
    with open(path, encoding="utf-8") as handle:
        lines = [
            line for line in handle.read().splitlines() if line.partition("=")[0] not in SIGNAL
        ]
    with open(path, "w", encoding="utf-8") as handle:
        handle.write("\n".join(lines + ["%s=%s" % item for item in SIGNAL.items()]) + "\n")


class Soak:
    """One run."""

    def __init__(self, options):
        self.options = options
        self.book = accounting.Book()
        self.signal = stubs.Signal(self.said)
        self.model = stubs.Model(options.delay, options.size)
        self.random = random.Random(options.seed)
        self.entries = []
        self.restarts = []
        self.said_at = time.monotonic()
        self.others = collections.Counter()
        self.talked = None

    def said(self, recipient, content):
        """The gateway's messages, as they arrive."""
        self.said_at = time.monotonic()
        self.book.reply(recipient, content, self.said_at, self.signal.went_deaf())
        if not content.startswith(accounting.BEGINNING):
            self.others[content[:70]] += 1

    async def run(self):
        """The whole of it; the figures (dict)."""
        async with stubs.serving(PORT, self.model, self.signal):
            await run("systemctl", "restart", UNIT)
            await asyncio.wait_for(self.signal.listening.wait(), UP_SECONDS)
            await self.warm_up()
            note("the gateway listens; %d messages" % self.options.messages)
            marks = (
                accounting.marks(self.options.messages, self.options.restarts)
                if self.options.how != "none"
                else []
            )
            await asyncio.gather(self.talk(), *([self.restart_at(marks)] if marks else []))
            await self.settle()
        return self.figures()

    async def warm_up(self):
        """The very first turn of a home takes half a minute: it is no part of the run."""
        self.book.send(0, "+15550000001", time.monotonic())
        self.signal.receive(0, "+15550000001", accounting.text(0))
        while self.book.open():
            await asyncio.sleep(0.5)
        self.book = accounting.Book()
        self.signal.deaf.clear()
        self.others.clear()

    async def talk(self):
        """Send every message, at a rate that the gateway sustains on a machine with other things to do as well."""
        began = time.monotonic()
        for number in range(1, self.options.messages + 1):
            while len(self.book.open()) >= self.options.open:
                await asyncio.sleep(0.1)
            sender = "+1555%07d" % self.random.randrange(1, self.options.senders + 1)
            self.book.send(number, sender, time.monotonic())
            self.signal.receive(number, sender, accounting.text(number))
            await asyncio.sleep(self.random.uniform(0.5, 1.5) / self.options.rate)
        self.talked = time.monotonic() - began
        note("all are sent in %d s; %d are open" % (self.talked, len(self.book.open())))

    async def restart_at(self, marks):
        """The restarts, one behind each of these messages."""
        for mark in marks:
            while len(self.book.sent) < mark:
                await asyncio.sleep(0.2)
            await self.restart(mark)
            # Not immediately after another one: Hermes and the arbiter both react to that, which another test covers.
            await asyncio.sleep(REST_SECONDS)

    async def restart(self, number):
        """One restart, in the way that is asked for, until the gateway listens again."""
        if os.path.exists(LEDGER):
            # The arbiter keeps ten minutes between restarts: the test takes away its memory instead of its rule.
            os.unlink(LEDGER)
        began = time.monotonic()
        count = len(self.signal.deaf)
        code, out = await run(*HOW[self.options.how])
        while len(self.signal.deaf) == count:
            if time.monotonic() > began + UP_SECONDS:
                raise SystemExit(
                    "soak: the gateway does not listen again, %d s after restart at message %d"
                    % (UP_SECONDS, number)
                )
            await asyncio.sleep(0.1)
        deaf, again = self.signal.deaf[-1]
        self.restarts.append((began, deaf, again))
        if self.options.how == "arbiter":
            self.entries.append(json.loads(out) if code == 0 else {"mode": "exit code %d" % code})
        note(
            "restart at message %d: %s; deaf for %.1f s"
            % (number, self.entries[-1:] and self.entries[-1]["mode"], again - deaf)
        )

    async def settle(self):
        """Until every message is accounted for, or the gateway has been silent for long."""
        await self.silence()
        for number, sender in self.book.hold(self.options.messages + 1).items():
            note("%s writes once more" % sender)
            self.signal.receive(number, sender, accounting.text(number))
        await self.silence()
        # An answer that comes twice comes late.
        await asyncio.sleep(self.options.delay + 5)

    async def silence(self):
        """Until every message is accounted for, or the gateway has said nothing for long."""
        self.said_at = time.monotonic()
        while self.book.open() and time.monotonic() < self.said_at + SILENCE_SECONDS:
            await asyncio.sleep(0.5)

    def figures(self):
        """What the run showed."""
        for number, outcome in self.book.missing(self.restarts).items():
            self.tell(number, outcome)
        for content, count in self.others.most_common():
            note("%4d x %r" % (count, content))
        downtimes = [again - deaf for deaf, again in self.signal.deaf]
        arbiters = [
            entry["downtime_seconds"] for entry in self.entries if "downtime_seconds" in entry
        ]
        words = [
            when - self.signal.handed[number]
            for number, when in self.book.refused.items()
            if number in self.signal.handed
        ]
        note(
            "a refusal came %s s after its message, at the median; the longest %s s"
            % (accounting.median(words), max(words, default=None))
        )
        return {
            "how": self.options.how,
            **self.book.summary(self.restarts),
            "restarts": len(self.restarts),
            "downtime_median_s": accounting.rounded(accounting.median(downtimes)),
            "downtime_max_s": accounting.rounded(max(downtimes, default=None)),
            "kinds": self.book.kinds(self.restarts),
            "modes": dict(collections.Counter(entry["mode"] for entry in self.entries)),
            "arbiter_downtime_median_s": accounting.rounded(accounting.median(arbiters)),
            "rate": round(len(self.book.sent) / self.talked, 2),
            "load_average": round(os.getloadavg()[2], 1),
            "seconds": round(time.monotonic() - START),
        }

    def tell(self, number, outcome):
        """The events around a message without a reply."""
        sender, sent = self.book.sent[number]
        handed = self.signal.handed.get(number)
        note(
            "%s: message %d of %s, handed over %s"
            % (
                outcome,
                number,
                sender,
                "never" if handed is None else "after %.1f s" % (handed - sent),
            )
        )
        for line in self.book.story(number, self.restarts):
            note("  " + line)


def parse():
    """The command line, which soak.py passes on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1000)
    parser.add_argument("--restarts", type=int, default=10)
    parser.add_argument("--how", choices=sorted(HOW) + ["none"], default="arbiter")
    parser.add_argument("--rate", type=float, default=1.0, help="messages a second")
    parser.add_argument(
        "--open",
        type=int,
        default=12,
        help="so many messages wait for an answer at most; then the next one waits to be sent",
    )
    parser.add_argument("--senders", type=int, default=30)
    parser.add_argument(
        "--delay", type=float, default=2.0, help="seconds that the model takes for an answer"
    )
    parser.add_argument("--size", type=int, default=1000, help="bytes of an answer")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if (
        not 0 < options.messages <= 20000
        or not 0.05 <= options.rate <= 20
        or not 0 <= options.restarts <= options.messages // 10
    ):
        parser.error("1 to 20000 messages, 0.05 to 20 a second, ten messages a restart at least")
    return options


def main():
    """Exit code 0 where the run came to its end, whatever it showed."""
    options = parse()
    configure()
    limit = options.messages / options.rate * 6 + (options.restarts + 2) * UP_SECONDS
    print(json.dumps(asyncio.run(asyncio.wait_for(Soak(options).run(), limit))))


START = time.monotonic()
if __name__ == "__main__":
    main()
