"""A chat completions endpoint that costs little and answers at once, for measuring clients. Loopback only.

    python benchmarks/endpoint.py [--port 0] [--text usual|tiny|long] [--chunks 32] [--latency-s 0] [--slots N]
        [--chunk-interval-s S] [--http-chunk-bytes 0] [--hold-first]

Prints its port. Every answer is a fixed text whose last words are a number in a box. `GET /stats` says when the first
request came and the last answer went out (`time.monotonic()`), and how many answers there were in each `bin_s` since
the first request.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
from collections import Counter, deque
from collections.abc import Iterator

ANSWER = r"So the answer is \boxed{18}."
THOUGHT = "First note what is asked, then add both parts, check the sum once more, and write the result down. " * 4
WORDS = THOUGHT.split()
LONG_CHARS = 10_000
BIN_S = 0.1
Lines = Iterator[bytes]


def text_of(kind: str) -> str:
    """The answer: a short chain of thought, nothing but the number, or 10,000 characters that never repeat for long."""
    if kind == "long":
        rng = random.Random(1)
        prose = " ".join(rng.choice(WORDS) for _ in range(LONG_CHARS // 4))
        return prose[: LONG_CHARS - len(ANSWER)] + ANSWER
    return {"usual": THOUGHT + ANSWER, "tiny": r"\boxed{18}"}[kind]


def http(body: bytes, kind: str = "application/json") -> bytes:
    """A whole response."""
    return f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def events(text: str, chunks: int, usage: dict[str, int]) -> list[bytes]:
    """The stream of `text` in so many chunks, as its server-sent events."""
    size = -(-len(text) // chunks)
    choices = [{"delta": {"content": text[i : i + size]}, "finish_reason": None} for i in range(0, len(text), size)]
    choices.append({"delta": {}, "finish_reason": "stop"})
    bodies = [{"choices": [{"index": 0, **choice}]} for choice in choices] + [{"choices": [], "usage": usage}]
    head = {"id": "chatcmpl-0", "object": "chat.completion.chunk", "created": 1700000000, "model": "mock"}
    return [f"data: {json.dumps({**head, **body})}\n\n".encode() for body in bodies] + [b"data: [DONE]\n\n"]


def http_chunks(bodies: list[bytes], least_bytes: int) -> list[bytes]:
    """A whole response of these events, in HTTP chunks of at least so many bytes; 0: each event is one.

    Servers that write events as they come make each an HTTP chunk; proxies that buffer put many into one.
    """
    chunks = [b""]
    for body in bodies:
        if len(chunks[-1]) > least_bytes:
            chunks.append(b"")
        chunks[-1] += body
    parts = [b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks]
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    return [head + parts[0], *parts[1:], b"0\r\n\r\n"]


class Service:
    """What all connections share: the answers, who waits for one, and what was counted."""

    def __init__(self, args: argparse.Namespace) -> None:
        text = text_of(args.text)
        usage = {"prompt_tokens": 50, "completion_tokens": 100, "total_tokens": 150}
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        head = {"id": "chatcmpl-0", "object": "chat.completion", "created": 1700000000, "model": "mock"}
        self.whole = http(json.dumps({**head, "choices": [choice], "usage": usage}).encode())
        self.parts = http_chunks(events(text, args.chunks, usage), args.http_chunk_bytes)
        self.stream = b"".join(self.parts)
        self.latency_s = args.latency_s
        self.slots = args.slots
        self.interval_s = args.chunk_interval_s
        self.holds = args.hold_first
        self.loop = asyncio.get_running_loop()
        self._held: list[tuple[asyncio.Transport, bool]] = []
        self._queue: deque[tuple[asyncio.Transport, bool]] = deque()
        self._n_busy = 0
        self._streams: list[tuple[asyncio.Transport, Lines]] = []
        self._first_s: float | None = None
        self._last_s: float | None = None
        self._answered = 0
        self._bins: Counter[int] = Counter()

    def ask(self, transport: asyncio.Transport, streams: bool) -> None:
        """A request came."""
        if self._first_s is None:
            self._first_s = self.loop.time()
            if self.holds:
                self.loop.add_reader(sys.stdin, self._release)
                print("first request", flush=True)
        if self.holds:
            self._held.append((transport, streams))
        elif not self.latency_s:
            self._answer(transport, streams)
        elif self.slots is None or self._n_busy < self.slots:
            self._n_busy += 1
            self._begin(self.loop.time(), transport, streams)
        else:
            self._queue.append((transport, streams))

    def _release(self) -> None:
        """A line on standard input: answer what was held."""
        self.loop.remove_reader(sys.stdin)
        self.holds = False
        for transport, streams in self._held:
            self.ask(transport, streams)

    def _begin(self, now: float, transport: asyncio.Transport, streams: bool) -> None:
        due = now + self.latency_s
        self.loop.call_at(due, self._finish, due, transport, streams)

    def _finish(self, due: float, transport: asyncio.Transport, streams: bool) -> None:
        """Answer; the slot's next request has been worked on since the answer was due, whatever the timer did."""
        self._answer(transport, streams)
        if self._queue:
            self._begin(due, *self._queue.popleft())
        else:
            self._n_busy -= 1

    def _answer(self, transport: asyncio.Transport, streams: bool) -> None:
        if streams and self.interval_s is not None:
            self._streams.append((transport, iter(self.parts)))
            if len(self._streams) == 1:
                self._deal(self.loop.time())
            return
        transport.write(self.stream if streams else self.whole)
        self._count()

    def _count(self) -> None:
        assert self._first_s is not None
        self._last_s = self.loop.time()
        self._answered += 1
        self._bins[int((self._last_s - self._first_s) / BIN_S)] += 1

    def _deal(self, due: float) -> None:
        """Write one event to each open stream whose connection takes it; then again."""
        going = []
        for transport, parts in self._streams:
            if transport.get_write_buffer_size() == 0:
                part = next(parts, None)
                if part is None or transport.is_closing():
                    self._count()
                    continue
                transport.write(part)
            going.append((transport, parts))
        self._streams = going
        if going and self.interval_s:
            due = max(due + self.interval_s, self.loop.time() - self.interval_s)
            self.loop.call_at(due, self._deal, due)
        elif going:
            self.loop.call_soon(self._deal, due)

    def stats(self) -> bytes:
        """The response to `GET /stats`."""
        bins = [self._bins[i] for i in range(max(self._bins, default=-1) + 1)]
        found = {"answered": self._answered, "first_s": self._first_s, "last_s": self._last_s}
        return http(json.dumps({**found, "bin_s": BIN_S, "bins": bins}).encode())


class Connection(asyncio.Protocol):
    """Requests with a Content-Length."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where to answer."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Take every whole request out of the buffer."""
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self.buffer) < end + 4 + length:
                return
            body, self.buffer = self.buffer[end + 4 : end + 4 + length], self.buffer[end + 4 + length :]
            if head.startswith(b"get /stats"):
                self.transport.write(self.service.stats())
            elif head.startswith(b"get"):
                self.transport.write(http(b'{"data": [{"id": "mock"}]}'))
            else:
                self.service.ask(self.transport, b'"stream":true' in body)


async def serve(args: argparse.Namespace) -> None:
    """Until killed."""
    service = Service(args)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(service), "127.0.0.1", args.port, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--text", choices=("usual", "tiny", "long"), default="usual")
    parser.add_argument("--chunks", type=int, default=32)
    parser.add_argument("--latency-s", type=float, default=0.0)
    parser.add_argument("--slots", type=int, help="answers worked on at once; further requests queue")
    parser.add_argument("--chunk-interval-s", type=float, help="write events one by one; 0: as fast as they are taken")
    parser.add_argument("--http-chunk-bytes", type=int, default=0, help="put events together into one HTTP chunk")
    parser.add_argument("--hold-first", action="store_true", help="report the first request, and wait for a line")
    asyncio.run(serve(parser.parse_args()))
