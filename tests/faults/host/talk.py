# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on a lab host during a fault: writes to the gateway continuously, and accounts for every message.

"go" on standard input begins a conversation, "stop" ends it and prints what became of its messages, a JSON line. The end of standard input
ends it all. The stubs and the book are those of tests/lab/load.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import sys
import time

import accounting
import drive
import stubs

EVERY_SECONDS = 2
DELAY_SECONDS = 1
SENDERS = 20
# On an overloaded machine, no second message is sent before the first is answered: that is another fault (docs/restart.md).
OPEN = 4
PATIENCE_SECONDS = 120


class Talk:
    """Numbered messages, each from another sender than the one before."""

    def __init__(self):
        self.book = accounting.Book()
        self.numbers = itertools.count(1)
        self.signal = stubs.Signal(self.said)
        self.task = None

    def said(self, recipient, content):
        """The gateway's messages, as they arrive."""
        self.book.reply(recipient, content, time.monotonic(), self.signal.went_deaf())

    def send(self):
        """The next message."""
        number = next(self.numbers)
        sender = "+1555%07d" % (number % SENDERS + 1)
        self.book.send(number, sender, time.monotonic())
        self.signal.receive(number, sender, accounting.text(number))

    async def chat(self):
        """One message after the other, until it is cancelled."""
        while True:
            while len(self.book.open()) >= OPEN:
                await asyncio.sleep(0.2)
            self.send()
            await asyncio.sleep(EVERY_SECONDS)

    async def settled(self):
        """Until every message has had a word, or it is no use to wait any longer."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.book.open() and time.monotonic() < deadline:
            await asyncio.sleep(0.2)

    async def obey(self, word):
        """Do what a line of standard input says; what is to be printed, or None."""
        if word == "go":
            self.book = accounting.Book()
            self.task = asyncio.ensure_future(self.chat())
            return None
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.task
        await self.settled()
        # An answer that comes twice comes late.
        await asyncio.sleep(DELAY_SECONDS)
        deaf = [(None, since, again) for since, again in self.signal.deaf]
        summary = self.book.summary(deaf)
        summary["stories"] = {one: self.book.story(one, deaf) for one in self.book.open()}
        return summary

    async def run(self):
        """From the first turn, which takes long, to the end of standard input."""
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
        )
        async with stubs.serving(drive.PORT, stubs.Model(DELAY_SECONDS, 500), self.signal):
            await drive.run("systemctl", "restart", drive.UNIT)
            await asyncio.wait_for(self.signal.listening.wait(), drive.UP_SECONDS)
            self.send()
            await self.settled()
            print(json.dumps(self.book.summary()), flush=True)
            async for line in reader:
                answer = await self.obey(line.decode().strip())
                if answer is not None:
                    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    drive.configure()
    asyncio.run(Talk().run())
