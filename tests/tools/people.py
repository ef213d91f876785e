# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on a lab host during the demo: several people write to its gateway, and every message is accounted for.

A message that the gateway refuses with a request to send it again is sent again, as its author
would do. STATE says how many messages were sent and answered. When STOP exists, nothing new is sent;
the stubs stay, so that the gateway keeps its model. Started by breach.py with the files of
tests/lab/load beside it.
"""

from __future__ import annotations

import asyncio
import json
import os
import time

import accounting
import drive
import stubs

STATE = "/run/lab-people.json"
STOP = "/run/lab-people.stop"
# Pauses between turns are necessary: the arbiter waits for a moment without a running turn.
EVERY_SECONDS = 3
DELAY_SECONDS = 1
SENDERS = 20
OPEN = 4
AGAIN_SECONDS = 10
PATIENCE_SECONDS = 120


class People:
    """Numbered messages, each from another sender than the one before."""

    def __init__(self) -> None:
        self.book = accounting.Book()
        self.signal = stubs.Signal(self.said)
        self.number = 0
        # Numbers of messages that had to be sent again.
        self.again: set[int] = set()
        self.phase = "starting"

    def said(self, recipient: str, content: str) -> None:
        """Record a message from the gateway."""
        self.book.reply(recipient, content, time.monotonic(), self.signal.went_deaf())

    def send(self, number: int, sender: str) -> None:
        """Send message ``number``."""
        self.book.send(number, sender, time.monotonic())
        self.signal.receive(number, sender, accounting.text(number))

    def send_next(self) -> None:
        """Send the next message."""
        self.number += 1
        self.send(self.number, "+1555%07d" % (self.number % SENDERS + 1))

    def send_again(self) -> None:
        """Send again what was refused some seconds ago."""
        now = time.monotonic()
        for number, when in list(self.book.refused.items()):
            if number not in self.book.answers and now > when + AGAIN_SECONDS:
                del self.book.refused[number]
                self.again.add(number)
                self.send(number, self.book.sent[number][0])

    def unanswered(self) -> list[int]:
        """Return the numbers of the messages without an answer, refused ones included."""
        return [number for number in self.book.sent if number not in self.book.answers]

    def state(self) -> dict[str, object]:
        """Return the figures; ``waited`` messages were sent before the new process was up, which took them."""
        returned = [again for _deaf, again in self.signal.deaf]
        waited = [
            number
            for number, (_sender, sent) in self.book.sent.items()
            if any(sent < again <= self.signal.handed.get(number, 0) for again in returned)
        ]
        times = [when for whens in self.book.answers.values() for when in whens[:1]]
        return {
            "phase": self.phase,
            "sent": len(self.book.sent),
            "answered": len(self.book.answers),
            "twice": sum(len(whens) > 1 for whens in self.book.answers.values()),
            "again": len(self.again),
            "waited": len(set(waited) - self.again),
            "starts": len(self.signal.deaf),
            "unanswered": self.unanswered(),
            "last_answer_seconds_ago": round(time.monotonic() - max(times)) if times else None,
        }

    def write_state(self) -> None:
        """Write STATE atomically."""
        with open(STATE + ".new", "w", encoding="utf-8") as handle:
            json.dump(self.state(), handle)
        os.replace(STATE + ".new", STATE)

    async def report(self) -> None:
        """Keep STATE up to date."""
        while True:
            self.send_again()
            self.write_state()
            await asyncio.sleep(0.5)

    async def settle(self) -> None:
        """Wait until every message has its answer, or waiting longer is of no use."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.unanswered() and time.monotonic() < deadline:
            await asyncio.sleep(0.5)
            if set(self.book.kept()) <= self.book.held:
                continue
            for number, sender in self.book.hold(self.number + 1).items():
                self.number = number
                self.signal.receive(number, sender, accounting.text(number))

    async def run(self) -> None:
        """Talk until STOP exists, then only serve."""
        async with stubs.serving(drive.PORT, stubs.Model(DELAY_SECONDS, 500), self.signal):
            await drive.run("systemctl", "restart", drive.UNIT)
            await asyncio.wait_for(self.signal.listening.wait(), drive.UP_SECONDS)
            self.signal.deaf.clear()
            reporting = asyncio.ensure_future(self.report())
            # The first turn of a home takes half a minute.
            self.send_next()
            await self.settle()
            self.phase = "talking"
            while not os.path.exists(STOP):
                if len(self.unanswered()) < OPEN:
                    self.send_next()
                await asyncio.sleep(EVERY_SECONDS)
            self.phase = "finishing"
            await self.settle()
            # An answer that comes twice comes late.
            await asyncio.sleep(DELAY_SECONDS + 2)
            self.phase = "finished"
            await reporting


if __name__ == "__main__":
    drive.configure()
    asyncio.run(People().run())
