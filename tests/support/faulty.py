"""An endpoint that misbehaves on request: raw HTTP on loopback, so that every byte and every silence can be chosen.

Answers `What is i + i?` with twice i, in words that depend on the seed. Which fault a request meets is decided by a
plan: a function from the question's number and how often that sample was asked for before to the name of a fault.
"""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

Plan = Callable[[int, int], str | None]
"""(number of the question, earlier requests for the same sample) -> fault."""


def event(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
    """One chunk of a stream."""
    chunk = {"model": "test-model", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


USAGE = {"prompt_tokens": 5, "completion_tokens": 10, "total_tokens": 15}
USAGE_EVENT = b'data: {"model": "test-model", "choices": [], "usage": ' + json.dumps(USAGE).encode() + b"}\n\n"
DONE = b"data: [DONE]\n\n"
SSE = "text/event-stream"
JSON = "application/json"


@dataclass
class Exchange:
    """One request and the means to answer it."""

    writer: asyncio.StreamWriter
    answer: str
    stream: bool

    async def head(self, status: int = 200, kind: str | None = None, **headers: str) -> None:
        """Status line and headers of a chunked response."""
        kind = kind or (SSE if self.stream else JSON)
        lines = [f"HTTP/1.1 {status} X", f"Content-Type: {kind}", "Transfer-Encoding: chunked"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        await self.writer.drain()

    async def send(self, data: bytes) -> None:
        """One chunk of the body."""
        self.writer.write(b"%x\r\n" % len(data) + data + b"\r\n")
        await self.writer.drain()

    async def end(self) -> None:
        """The end of the body."""
        self.writer.write(b"0\r\n\r\n")
        await self.writer.drain()

    async def reply(self, body: bytes, status: int = 200, kind: str | None = None, **headers: str) -> None:
        """A whole response."""
        await self.head(status, kind or (JSON if status != 200 else None), **headers)
        if body:
            await self.send(body)
        await self.end()

    def reset(self) -> None:
        """Drop the connection."""
        self.writer.transport.abort()

    def events(self) -> list[bytes]:
        """A good stream, piece by piece."""
        half = len(self.answer) // 2
        parts = [self.answer[:half], self.answer[half:]]
        return [event({"role": "assistant", "content": ""}), *(event({"content": part}) for part in parts)]

    def whole(self, **message: Any) -> bytes:
        """A good body, not streamed."""
        choice = {"index": 0, "message": {"role": "assistant", "content": self.answer, **message}}
        return json.dumps(
            {"model": "test-model", "choices": [{**choice, "finish_reason": "stop"}], "usage": USAGE}
        ).encode()

    async def good(self) -> None:
        """As it should be."""
        if not self.stream:
            return await self.reply(self.whole())
        await self.head()
        await self.send(b"".join([*self.events(), event({}, "stop"), USAGE_EVENT, DONE]))
        await self.end()


def _status(status: int, **headers: str) -> Callable[[Exchange], Awaitable[None]]:
    async def fault(x: Exchange) -> None:
        await x.reply(json.dumps({"error": {"message": f"status {status}"}}).encode(), status, **headers)

    return fault


def _body(make: Callable[[Exchange], bytes]) -> Callable[[Exchange], Awaitable[None]]:
    async def fault(x: Exchange) -> None:
        await x.reply(make(x))

    return fault


async def _reset_at_once(x: Exchange) -> None:
    x.reset()


async def _reset_in_the_middle(x: Exchange) -> None:
    await x.head()
    await x.send(x.events()[1] if x.stream else x.whole()[:40])
    await asyncio.sleep(0.02)
    x.reset()


async def _hang(x: Exchange) -> None:
    await asyncio.sleep(3600)


async def _hang_in_the_middle(x: Exchange) -> None:
    await x.head()
    await x.send(x.events()[1] if x.stream else x.whole()[:40])
    await asyncio.sleep(3600)


async def _slow_loris(x: Exchange) -> None:
    """A byte at a time, for ever, never a whole line: no silence is as long as a time-out."""
    await x.head()
    while True:
        await x.send(b"d")
        await asyncio.sleep(0.1)


async def _slow_loris_headers(x: Exchange) -> None:
    x.writer.write(b"HTTP/1.1 200 OK\r\nX-Filler: ")
    while True:
        x.writer.write(b"x")
        await x.writer.drain()
        await asyncio.sleep(0.1)


async def _never_closed(x: Exchange) -> None:
    """Everything but the end: no [DONE], no usage, and the connection stays open."""
    await x.head()
    await x.send(b"".join([*x.events(), event({}, "stop")]))
    await asyncio.sleep(3600)


async def _reset_after_the_end(x: Exchange) -> None:
    await x.head()
    await x.send(b"".join([*x.events(), event({}, "stop"), USAGE_EVENT]))
    await asyncio.sleep(0.05)
    x.reset()


async def slow_stream(x: Exchange) -> None:
    """A good answer whose tokens take a second and a half."""
    await x.head()
    for part in x.events():
        await x.send(part)
        await asyncio.sleep(0.5)
    await x.send(b"".join([event({}, "stop"), USAGE_EVENT, DONE]))
    await x.end()


async def _no_done(x: Exchange) -> None:
    await x.head()
    await x.send(b"".join([*x.events(), event({}, "stop"), USAGE_EVENT]))
    await x.end()


async def _kept_alive(x: Exchange) -> None:
    """Signs of life, each within the time-outs, for longer than they allow silence; then the answer."""
    await x.head()
    for _ in range(12):
        await x.send(b": keep-alive\n\n" if x.stream else b"\n")
        await asyncio.sleep(0.08)
    await x.send(b"".join([*x.events(), event({}, "stop"), USAGE_EVENT, DONE]) if x.stream else x.whole())
    await x.end()


async def _html(x: Exchange) -> None:
    await x.reply(b"<html>gateway</html>", kind="text/html")


async def _huge(x: Exchange) -> None:
    await x.head()
    if not x.stream:
        await x.send(b'{"choices": [{"message": {"content": "')
    for _ in range(50):
        await x.send(event({"content": "x" * 2**20}) if x.stream else b"x" * 2**20)
    await x.send(DONE if x.stream else b'"}, "finish_reason": "stop"}]}')
    await x.end()


FAULTS: dict[str, Callable[[Exchange], Awaitable[None]]] = {
    "429-retry-after": _status(429, Retry_After="0.2"),
    "429": _status(429),
    "429-reset-header": _status(429, x_ratelimit_remaining_requests="0", x_ratelimit_reset_requests="200ms"),
    "500": _status(500),
    "502": _status(502),
    "503": _status(503),
    "503-retry-after": _status(503, Retry_After="0.2"),
    "400": _status(400),
    "403": _status(403),
    "404": _status(404),
    "reset-before-headers": _reset_at_once,
    "reset-in-the-middle": _reset_in_the_middle,
    "hang-before-headers": _hang,
    "hang-in-the-middle": _hang_in_the_middle,
    "invalid-json": _html,
    "invalid-sse": _body(lambda x: b"data: {broken\n\n"),
    "missing-done": _no_done,
    "never-closed": _never_closed,
    "reset-after-the-end": _reset_after_the_end,
    "empty-choices": _body(lambda x: b'data: {"choices": []}\n\n' + DONE if x.stream else b'{"choices": []}'),
    "null-content": _body(lambda x: event({"content": None}, "stop") + DONE if x.stream else x.whole(content=None)),
    "no-finish-reason": _body(
        lambda x: (
            b"".join([*x.events(), USAGE_EVENT, DONE])
            if x.stream
            else x.whole().replace(b'"finish_reason": "stop"', b'"finish_reason": null')
        )
    ),
    "error-in-200": _body(
        lambda x: (b"data: %s\n\n" if x.stream else b"%s") % b'{"error": {"message": "no worker", "code": 503}}'
    ),
    "50-mb": _huge,
    "slow-loris": _slow_loris,
    "slow-loris-headers": _slow_loris_headers,
    "keep-alive": _kept_alive,
}


class FaultyEndpoint:
    """`with FaultyEndpoint(plan) as endpoint: endpoint.url`. Runs in a thread of the test process."""

    def __init__(
        self, plan: Plan, *, latency_s: float = 0.0, key: str | None = None, tls: ssl.SSLContext | None = None
    ):
        self.plan = plan
        self.latency_s = latency_s
        self.key = key
        self.n_requests = 0
        self.asked: Counter[tuple[int, int | None]] = Counter()
        """(question, seed) -> how often."""
        self.answered: Counter[tuple[int, int | None]] = Counter()
        """The same for whole good answers."""
        self.met: Counter[str] = Counter()
        self.in_flight = self.most_in_flight = 0
        self.listing: Callable[[], int] = lambda: 200
        """Status of the list of models."""
        self.asked_at: list[float] = []
        """`time.monotonic()` of every request."""
        self.url = ""
        self._tls = tls
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._port = 0

    def __enter__(self) -> FaultyEndpoint:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *exc: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def up(self) -> None:
        """Listen again, at the same address."""
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)

    def down(self) -> None:
        """Close the address and every connection, as a server that is killed does."""

        async def close() -> None:
            self._server.close()
            for writer in list(self._writers):
                writer.transport.abort()

        asyncio.run_coroutine_threadsafe(close(), self._loop).result(10)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop.run_until_complete(self._listen())
        self._ready.set()
        self._loop.run_forever()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._connection, "127.0.0.1", self._port, ssl=self._tls)
        self._port = self._server.sockets[0].getsockname()[1]
        scheme, host = ("https", "localhost") if self._tls else ("http", "127.0.0.1")
        self.url = f"{scheme}://{host}:{self._port}/v1"

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().split("\r\n")
                headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:] if line)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                await self._answer(lines[0], headers, body, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, line: str, headers: dict[str, str], body: bytes, writer: asyncio.StreamWriter) -> None:
        refused = self.key is not None and headers.get("authorization") != f"Bearer {self.key}"
        if refused or line.startswith("GET"):
            listing = b'{"error": {"message": "key expired"}}' if refused else b'{"data": [{"id": "test-model"}]}'
            return await Exchange(writer, "", False).reply(listing, 401 if refused else self.listing())
        request = json.loads(body)
        number = int(re.search(r"What is (\d+)", request["messages"][-1]["content"])[1])  # type: ignore[index]
        sample = number, request.get("seed")
        self.n_requests += 1
        self.asked_at.append(time.monotonic())
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            fault = self.plan(number, self.asked[sample])
            self.asked[sample] += 1
            await asyncio.sleep(self.latency_s)
            answer = rf"By way {sample[1]} the sum is \boxed{{{2 * number}}}."
            exchange = Exchange(writer, answer, bool(request.get("stream")))
            if fault is not None:
                self.met[fault] += 1
                await FAULTS[fault](exchange)
            else:
                await exchange.good()
                self.answered[sample] += 1
        finally:
            self.in_flight -= 1
