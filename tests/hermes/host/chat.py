# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on a lab host: a model and a messenger for each of its gateways, told what to do by lines of JSON.

Usage: chat.py PORT... Each line of standard input is an order with a "do", each line of standard
output its answer. The stubs are those of tests/lab/load; the end of standard input ends it all.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time

import accounting
import aiohttp
import stubs

KEY = "0123456789abcdef0123456789abcdef0123456789abcdef"
# Bytes of an answer.
SIZE = 300


class Model(stubs.Model):
    """It also keeps how many messages each turn came with."""

    def __init__(self):
        super().__init__(1.0, SIZE)
        self.lengths = []

    async def _chat(self, request):
        asked = await request.json()
        if asked.get("tools"):
            self.lengths.append(len(asked.get("messages") or []))
        return await super()._chat(request)


class Place:
    """What one gateway talks to, and what became of each message to it."""

    def __init__(self):
        self.model = Model()
        self.signal = stubs.Signal(self.said)
        self.book = accounting.Book()
        self.told = []

    def said(self, recipient, content):
        """The gateway's messages, as they arrive."""
        self.told.append((time.time(), recipient, content))
        self.book.reply(recipient, content, time.monotonic(), self.signal.went_deaf())


class Chat:
    """All places of the host."""

    def __init__(self, ports):
        self.places = {port: Place() for port in ports}
        self.number = 0
        self.requests = {}

    async def obey(self, order):
        """Carry out an order; what is answered (dict)."""
        place = self.places[order["port"]]
        return await getattr(self, "do_" + order["do"])(place, order)

    async def do_send(self, place, order):
        """A message of ``sender``, to which the model answers after ``delay`` seconds."""
        self.number += 1
        place.model.delay = order["delay"]
        place.book.send(self.number, order["sender"], time.monotonic())
        place.signal.receive(self.number, order["sender"], accounting.text(self.number))
        return {"number": self.number}

    async def do_delay(self, place, order):
        """From now on the model answers after ``delay`` seconds."""
        place.model.delay = order["delay"]
        return {}

    async def do_state(self, place, _order):
        """How it is."""
        book = place.book
        return {
            "listening": place.signal.listening.is_set(),
            "lengths": place.model.lengths,
            "answered": {number: len(times) for number, times in book.answers.items()},
            "refused": [number for number in book.refused if number not in book.answers],
            "kept": book.kept(),
            "told": place.told[-6:],
        }

    async def do_api(self, place, order):
        """``count`` requests to the gateway's own interface at ``api``, which wait for the model."""
        place.model.delay = order["delay"]
        for dummy in range(order["count"]):
            task = asyncio.ensure_future(self.request(order["api"], order["delay"]))
            self.requests[task] = order["api"]
            task.add_done_callback(self.requests.pop)
        return {}

    async def do_open(self, place, order):
        """How many requests to the interface at ``api`` have no answer yet."""
        return {"open": list(self.requests.values()).count(order["api"])}

    async def request(self, port, seconds):
        """One of them."""
        body = {"model": "hermes-agent", "messages": [{"role": "user", "content": "hello"}]}
        timeout = aiohttp.ClientTimeout(total=seconds + 60)
        with contextlib.suppress(aiohttp.ClientError, asyncio.TimeoutError):
            async with aiohttp.ClientSession(timeout=timeout) as session:
                await session.post(
                    "http://127.0.0.1:%d/v1/chat/completions" % port,
                    headers={"Authorization": "Bearer " + KEY},
                    json=body,
                )

    async def run(self):
        """Until the end of standard input."""
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
        )
        async with contextlib.AsyncExitStack() as stack:
            for port, place in self.places.items():
                await stack.enter_async_context(stubs.serving(port, place.model, place.signal))
            print("{}", flush=True)
            async for line in reader:
                print(json.dumps(await self.obey(json.loads(line))), flush=True)


if __name__ == "__main__":
    asyncio.run(Chat([int(port) for port in sys.argv[1:]]).run())
