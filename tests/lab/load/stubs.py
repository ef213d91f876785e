# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The services that a gateway uses, without a network: an OpenAI-compatible model and signal-cli's HTTP interface, both on 127.0.0.1."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time

import accounting
from aiohttp import web

CHUNKS = 8


class Model:
    """A model that answers after ``delay`` seconds with ``size`` bytes; the second half of the delay passes while it streams."""

    def __init__(self, delay, size):
        self.delay = delay
        self.size = size
        self.turns = 0

    def routes(self):
        """Its part of the application."""
        return [web.post("/v1/chat/completions", self._chat), web.get("/v1/models", self._models)]

    async def _models(self, _request):
        return web.json_response(
            {
                "object": "list",
                "data": [{"id": "stub-model", "object": "model", "context_length": 200000}],
            }
        )

    async def _chat(self, request):
        asked = await request.json()
        self.turns += 1
        # Hermes asks for titles and summaries beside the turns, without tools.
        turn = bool(asked.get("tools"))
        content = (
            accounting.answer(accounting.unanswered(asked.get("messages") or []), self.size)
            if turn
            else "A title"
        )
        base = {
            "id": "chatcmpl-%d" % self.turns,
            "created": int(time.time()),
            "model": asked.get("model", "stub-model"),
        }
        usage = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
        await asyncio.sleep(self.delay / 2 if turn else 0)
        if not asked.get("stream"):
            await asyncio.sleep(self.delay / 2 if turn else 0)
            message = {
                "index": 0,
                "message": {"role": "assistant", "content": content},
                "finish_reason": "stop",
            }
            return web.json_response(
                {**base, "object": "chat.completion", "usage": usage, "choices": [message]}
            )
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)

        async def say(choices, **more):
            await response.write(
                _event({**base, "object": "chat.completion.chunk", "choices": choices, **more})
            )

        step = -(-len(content) // CHUNKS)
        for start in range(0, len(content), step):
            await say(
                [
                    {
                        "index": 0,
                        "delta": {"role": "assistant", "content": content[start : start + step]},
                        "finish_reason": None,
                    }
                ]
            )
            await asyncio.sleep(self.delay / 2 / CHUNKS if turn else 0)
        await say([{"index": 0, "delta": {}, "finish_reason": "stop"}])
        await say([], usage=usage)
        await response.write(b"data: [DONE]\n\n")
        return response


class Signal:
    """signal-cli's HTTP daemon as with --receive-mode=on-connection: what comes while nobody listens waits for the next listener.

    ``said(recipient, text)`` is called with each message that the gateway sends.
    """

    def __init__(self, said):
        self.said = said
        self.waiting = asyncio.Queue()
        self.handed = {}
        self.listener = 0
        self.listening = asyncio.Event()
        self.deaf_since = None
        self.deaf = []

    def routes(self):
        """Its part of the application."""
        return [
            web.get("/api/v1/check", self._check),
            web.get("/api/v1/events", self._events),
            web.post("/api/v1/rpc", self._rpc),
        ]

    def went_deaf(self):
        """When the process before this one stopped to listen; infinity where there was none."""
        return self.deaf[-1][0] if self.deaf else float("inf")

    def receive(self, number, sender, content):
        """A message to the gateway's account."""
        self.waiting.put_nowait((number, sender, content, int(time.time() * 1000)))

    async def _check(self, _request):
        return web.Response(text="ok")

    async def _events(self, request):
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        self.listener += 1
        mine = self.listener
        self._hears()
        try:
            while self.listener == mine:
                try:
                    number, sender, content, stamp = await asyncio.wait_for(self.waiting.get(), 5)
                except asyncio.TimeoutError:
                    await response.write(b": keepalive\n\n")
                    continue
                envelope = {
                    "source": sender,
                    "sourceNumber": sender,
                    "sourceName": "user " + sender[-4:],
                    "timestamp": stamp,
                    "dataMessage": {"timestamp": stamp, "message": content},
                }
                try:
                    await response.write(_event({"envelope": envelope}))
                except ConnectionResetError:
                    # The listener has gone in this moment: the message waits for the next one.
                    self.waiting.put_nowait((number, sender, content, stamp))
                    raise
                self.handed[number] = time.monotonic()
        except ConnectionResetError:
            pass
        finally:
            if self.listener == mine:
                self.listening.clear()
                self.deaf_since = time.monotonic()
        return response

    def _hears(self):
        if self.deaf_since is not None:
            self.deaf.append((self.deaf_since, time.monotonic()))
            self.deaf_since = None
        self.listening.set()

    async def _rpc(self, request):
        asked = await request.json()
        method, params = asked.get("method"), asked.get("params") or {}
        result = [] if method == "listContacts" else {}
        if method == "send":
            result = {"timestamp": int(time.time() * 1000), "results": [{"type": "SUCCESS"}]}
            self.said(
                (params.get("recipient") or [params.get("groupId")])[0], params.get("message") or ""
            )
        return web.json_response({"jsonrpc": "2.0", "id": asked.get("id"), "result": result})


@contextlib.asynccontextmanager
async def serving(port, *stubs):
    """The stubs, answering on 127.0.0.1:``port`` for as long as the context lasts."""
    application = web.Application(client_max_size=1 << 26)
    for stub in stubs:
        application.add_routes(stub.routes())
    # Cancelled when its client leaves, so that a listener that has gone takes no message with it.
    runner = web.AppRunner(
        application, handler_cancellation=True, shutdown_timeout=2, access_log=None
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield
    finally:
        await runner.cleanup()


def _event(content):
    return b"data: " + json.dumps(content).encode() + b"\n\n"
