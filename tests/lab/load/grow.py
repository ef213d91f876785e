# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on a lab host: measures how much its real gateway grows under load, and the CPU time. One JSON line on standard output.

evicted: each of many chats sends a few large messages, then nobody says anything until Hermes has evicted every cached agent.
steady: a fixed number of chats at a fixed rate, so that what still grows after the warm-up grows for ever.
Started by allocator.py.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import os
import pathlib
import pwd
import random
import re
import string
import time

import accounting
import drive
import growth
import stubs

# Hermes keeps an idle agent for an hour and looks every five minutes: nobody waits for that. The
# files are of its package `gateway`, the second names those of 0.19 and of later releases.
SOONER = (
    (r"(?m)^(_AGENT_CACHE_IDLE_TTL_SECS = )(?:3600|60)\.0", r"\g<1>60.0"),
    (
        r"(def _session_(?:expiry|housekeeping)_watcher\(self, interval: int = )(?:300|15)\)",
        r"\g<1>15)",
    ),
)
# With that, every agent that has nothing to do is gone after 75 s; then the allocator has its time.
EVICTION_SECONDS = 120
DECAY_SECONDS = 30
ANSWER_SECONDS = 300
WARM_UP = 0.25


def hasten():
    """Have the Hermes of this host evict idle agents after a minute."""
    folder = pathlib.Path(importlib.util.find_spec("gateway").submodule_search_locations[0])
    files = [folder / name for name in ("run.py", "run_watchers.py") if (folder / name).exists()]
    for pattern, sooner in SOONER:
        made = 0
        for path in files:
            content, count = re.subn(pattern, sooner, path.read_text(encoding="utf-8"))
            if count:
                path.write_text(content, encoding="utf-8")
            made += count
        if made != 1:
            raise SystemExit("grow: %s of this version has %d of %r" % (folder, made, pattern))


def evicted():
    """How many cached agents Hermes says that it has evicted."""
    log = os.path.join(pwd.getpwnam(drive.USER).pw_dir, ".hermes/logs/gateway.log")
    with open(log, encoding="utf-8", errors="replace") as handle:
        return sum(
            int(number) for number in re.findall(r"idle sweep: evicted (\d+) agent", handle.read())
        )


class Load:
    """One run."""

    def __init__(self, options):
        self.options = options
        self.book = accounting.Book()
        self.signal = stubs.Signal(
            lambda recipient, content: self.book.reply(recipient, content, time.monotonic())
        )
        self.model = stubs.Model(options.delay, options.size)
        self.random = random.Random(1)
        self.samples = []
        self.pid = None

    async def run(self):
        """The whole of it; the figures (dict)."""
        async with stubs.serving(drive.PORT, self.model, self.signal):
            await drive.run("systemctl", "restart", drive.UNIT)
            await asyncio.wait_for(self.signal.listening.wait(), drive.UP_SECONDS)
            self.pid = int(
                (await drive.run("systemctl", "show", "--property=MainPID", "--value", drive.UNIT))[
                    1
                ]
            )
            # The very first turn of a home takes half a minute: it is no part of the run.
            self.say(0, 0)
            await self.answered(0)
            self.book = accounting.Book()
            start, before = growth.memory_mb(self.pid)[0], growth.cpu_seconds(self.pid)
            drive.note("the gateway listens; %s load" % self.options.load)
            sampling = asyncio.ensure_future(self.sample())
            await (self.rounds() if self.options.load == "evicted" else self.steady())
            await self.answered(0)
            sampling.cancel()
            worked = growth.cpu_seconds(self.pid) - before
            end, peak = growth.memory_mb(self.pid)
            gone = await self.idle()
        answers = self.book.summary()
        turns = len(self.book.answers)
        slope = growth.per_thousand(self.samples, turns * WARM_UP)
        return {
            "load": self.options.load,
            "chats": self.options.chats,
            "turns": turns,
            "unanswered": answers["refused"] + answers["lost"],
            "start_mb": round(start),
            "peak_mb": round(peak),
            "end_mb": round(end),
            "idle_mb": round(growth.memory_mb(self.pid)[0]),
            "evicted": gone,
            "growth_mb_per_1000_turns": None
            if slope is None or self.options.load == "evicted"
            else round(slope, 1),
            "cpu_ms_per_turn": round(worked / max(turns, 1) * 1000),
            "answer_median_s": answers["answer_median_s"],
            "answer_max_s": answers["answer_max_s"],
            "jemalloc": growth.maps(self.pid, "libjemalloc"),
            "seconds": round(time.monotonic() - drive.START),
            "load_average": round(os.getloadavg()[0], 1),
        }

    def say(self, number, chat):
        """Message ``number``, of ``chat``."""
        sender = "+1555%07d" % (chat + 1)
        words = "".join(self.random.choices(string.ascii_letters + "     ", k=self.options.bytes))
        self.book.send(number, sender, time.monotonic())
        self.signal.receive(number, sender, accounting.text(number, words))

    async def answered(self, most):
        """Until at most so many messages wait for an answer; those that wait for too long count as unanswered in the end."""
        deadline = time.monotonic() + ANSWER_SECONDS
        while len(self.book.open()) > most and time.monotonic() < deadline:
            await asyncio.sleep(0.1)

    async def rounds(self):
        """The first message of every chat, then the second, as fast as the gateway goes."""
        for number in range(self.options.chats * self.options.turns):
            await self.answered(self.options.open - 1)
            self.say(number + 1, number % self.options.chats)

    async def steady(self):
        """Messages at a fixed rate for so many seconds, each chat in its turn."""
        began = time.monotonic()
        number = 0
        while time.monotonic() < began + self.options.seconds:
            await self.answered(self.options.open - 1)
            self.say(number + 1, number % self.options.chats)
            number += 1
            await asyncio.sleep(max(0.0, began + number / self.options.rate - time.monotonic()))

    async def sample(self):
        """Note the memory at every second, by how many turns are over."""
        while True:
            self.samples.append((len(self.book.answers), growth.memory_mb(self.pid)[0]))
            await asyncio.sleep(1)

    async def idle(self):
        """Until all agents are evicted, and the allocator has had its time; how many were, more than once too where a chat was silent for long."""
        if self.options.load == "evicted":
            await asyncio.sleep(EVICTION_SECONDS)
        await asyncio.sleep(DECAY_SECONDS)
        gone = evicted()
        if self.options.load == "evicted" and gone < self.options.chats:
            raise SystemExit(
                "grow: only %d agents of %d chats were evicted" % (gone, self.options.chats)
            )
        return gone


def main():
    """Exit code 0 where the run came to its end, whatever it showed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--load", choices=("evicted", "steady"), required=True)
    parser.add_argument("--chats", type=int, default=120)
    parser.add_argument("--turns", type=int, default=2, help="evicted: messages of a chat")
    parser.add_argument("--seconds", type=int, default=3600, help="steady: how long")
    parser.add_argument("--rate", type=float, default=1.0, help="steady: messages a second")
    parser.add_argument("--bytes", type=int, default=40000, help="of a message")
    parser.add_argument(
        "--open", type=int, default=4, help="so many messages wait for an answer at most"
    )
    parser.add_argument(
        "--delay", type=float, default=0.5, help="seconds that the model takes for an answer"
    )
    parser.add_argument("--size", type=int, default=1000, help="bytes of an answer")
    options = parser.parse_args()
    drive.configure()
    if options.load == "evicted":
        hasten()
    print(json.dumps(asyncio.run(Load(options).run())))


if __name__ == "__main__":
    main()
