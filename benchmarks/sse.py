"""How fast a stream is read: chunks a second of one core, through the client that a run uses. Prints JSON.

    python benchmarks/sse.py [--streams 128] [--chunks 2000] [--concurrency 64] [--interval-s 0.01] [--repeats 3]

endpoint.py sends answers of 10,000 characters in so many chunks over loopback, each chunk one event in the shape of
`chat.completion.chunk`. A rate is chunks over CPU seconds (user + system) of this process, which does nothing but
`OpenAIChatClient.generate`; it is the median of the repeats. Four ways of delivery; in all but the first each event is
an HTTP chunk:

- `buffered`: an answer is one write, with 16 KiB of events in an HTTP chunk, as behind a proxy that buffers;
- `whole`: an answer is one write, so that one read brings many chunks;
- `small_writes`: one write a chunk, as fast as the connections take them: what has come meanwhile is read together;
- `paced`: one write a chunk, every `interval-s` on each connection, so that a read brings one chunk.

Each also with the detector of runaways on (`max_repetition` 2000). `in_memory` is the lower bound of the cost: only
`SSEDecoder` and msgspec, on the bytes of the answer in pieces of 64 KiB, without a socket, HTTP or a text put together.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
from dataclasses import dataclass

import endpoint as served
import msgspec
from support import Endpoint, about, yardstick_s

from evalkit.clients.limits import Concurrency
from evalkit.clients.openai_chat import OpenAIChatClient
from evalkit.clients.sse import SSEDecoder
from evalkit.types import EndpointSpec, ModelSpec, Request, Sampling

PIECE = 65_536
WINDOW = 2000


class _Delta(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    delta: _Delta


class _Chunk(msgspec.Struct):
    choices: list[_Choice]


@dataclass(frozen=True)
class Load:
    """How much is streamed."""

    streams: int
    chunks: int
    concurrency: int


class _Reads:
    """Counts what the client reads."""

    def __init__(self) -> None:
        self.n = 0

    def __enter__(self) -> _Reads:
        self._received = received = Concurrency.received

        def count(concurrency: Concurrency, n_bytes: int) -> None:
            self.n += 1
            received(concurrency, n_bytes)

        Concurrency.received = count  # type: ignore[method-assign]
        return self

    def __exit__(self, *exc: object) -> None:
        Concurrency.received = self._received  # type: ignore[method-assign]


async def stream(url: str, load: Load, sampling: Sampling) -> dict[str, float]:
    """Read so many streams, so many at once."""
    model = ModelSpec(
        kind="openai", name="mock", endpoint=EndpointSpec(base_urls=(f"{url}/v1",), concurrency=load.concurrency)
    )
    request = Request(messages=(("user", "hi"),), sampling=sampling)
    expected = served.text_of("long")
    client = OpenAIChatClient(model)
    await client.open(lambda event: None)

    async def ask(n: int) -> None:
        for _ in range(n):
            got = await client.generate(request)
            if got.answer != expected or got.finish_reason != "stop":
                raise SystemExit(f"not the answer that was sent: {got.finish_reason}, {got.failure}")

    try:
        await ask(1)
        n_each = load.streams // load.concurrency
        with _Reads() as reads:
            wall_s, cpu_s = time.perf_counter(), time.process_time()
            await asyncio.gather(*(ask(n_each) for _ in range(load.concurrency)))
            wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
    finally:
        await client.close()
    n = n_each * load.concurrency * load.chunks
    return {
        "chunks_a_cpu_s": n / cpu_s,
        "chunks_a_wall_s": n / wall_s,
        "cores": cpu_s / wall_s,
        "chunks_a_read": n / reads.n,
        "yardstick_s": yardstick_s(),
    }


def through_client(options: list[str], load: Load, repeats: int) -> dict[str, dict[str, float]]:
    """Without and with the detector of runaways, in turn; medians."""
    settings = {"plain": Sampling(), "detecting_repetition": Sampling(max_repetition=WINDOW)}
    found: dict[str, list[dict[str, float]]] = {name: [] for name in settings}
    with Endpoint("--text", "long", "--chunks", str(load.chunks), *options) as endpoint:
        for _ in range(repeats):
            for name, sampling in settings.items():
                found[name].append(asyncio.run(stream(endpoint.url, load, sampling)))
    return {
        name: {figure: statistics.median(one[figure] for one in several) for figure in several[0]}
        for name, several in found.items()
    }


def in_memory(load: Load, repeats: int) -> float:
    """Chunks a CPU second of `SSEDecoder` and msgspec alone."""
    body = b"".join(served.events(served.text_of("long"), load.chunks, {"completion_tokens": load.chunks}))
    pieces = [body[i : i + PIECE] for i in range(0, len(body), PIECE)]
    decode = msgspec.json.Decoder(_Chunk).decode
    rates = []
    for _ in range(repeats):
        cpu_s = time.process_time()
        for _ in range(load.streams):
            decoder = SSEDecoder()
            for piece in pieces:
                for payload in decoder.feed(piece):
                    if payload != b"[DONE]":
                        decode(payload)
        rates.append(load.streams * load.chunks / (time.process_time() - cpu_s))
    return statistics.median(rates)


def main() -> None:
    """All ways of delivery, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--streams", type=int, default=128)
    parser.add_argument("--chunks", type=int, default=2000)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--interval-s", type=float, default=0.01)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    load = Load(args.streams, args.chunks, args.concurrency)
    ways = {
        "buffered": ["--http-chunk-bytes", "16384"],
        "whole": [],
        "small_writes": ["--chunk-interval-s", "0"],
        "paced": ["--chunk-interval-s", str(args.interval_s)],
    }
    event = served.events(served.text_of("long"), load.chunks, {})[0]
    setting = {**vars(args), "bytes_a_chunk": len(event)}
    short = Load(load.concurrency, load.chunks, load.concurrency)  # one stream a connection takes long enough
    found = {
        way: through_client(options, short if way == "paced" else load, args.repeats) for way, options in ways.items()
    }
    bound = {"chunks_a_cpu_s": in_memory(load, args.repeats), "yardstick_s": yardstick_s()}
    print(json.dumps({**about("sse"), **setting, "in_memory": bound, "through_client": found}, indent=2))


if __name__ == "__main__":
    main()
