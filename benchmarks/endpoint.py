"""A chat completions endpoint that costs little and answers at once, for measuring clients. Loopback only.

    python benchmarks/endpoint.py [--port 0] [--chunks 32] [--latency-s 0]

Prints its port. Every answer is a fixed chain of thought whose last words are a number in a box.
"""

from __future__ import annotations

import argparse
import asyncio
import json

THOUGHT = "First note what is asked, then add both parts, check the sum once more, and write the result down. " * 4
ANSWER = r"So the answer is \boxed{18}."


class Endpoint(asyncio.Protocol):
    """One connection: requests with a Content-Length, answered in order."""

    whole: bytes
    stream: bytes
    models: bytes
    latency_s: float

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where to answer."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        """Answer every whole request in the buffer."""
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self.buffer) < end + 4 + length:
                return
            body, self.buffer = self.buffer[end + 4 : end + 4 + length], self.buffer[end + 4 + length :]
            answer = self.models if head.startswith(b"get") else self.stream if b'"stream":true' in body else self.whole
            if self.latency_s:
                asyncio.get_running_loop().call_later(self.latency_s, self.transport.write, answer)
            else:
                self.transport.write(answer)


def http(body: bytes, kind: str) -> bytes:
    """A whole response."""
    return f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def prepare(chunks: int, latency_s: float) -> None:
    """Render what every connection sends."""
    text = THOUGHT + ANSWER
    usage = {"prompt_tokens": 50, "completion_tokens": 100, "total_tokens": 150}
    message = {"role": "assistant", "content": text}
    whole = {"id": "x", "model": "mock", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    size = -(-len(text) // chunks)
    deltas = [{"content": text[i : i + size]} for i in range(0, len(text), size)]
    events = [{"choices": [{"index": 0, "delta": d, "finish_reason": None}]} for d in deltas]
    events += [{"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}, {"choices": [], "usage": usage}]
    lines = [json.dumps({"id": "x", "model": "mock", **event}) for event in events]
    stream = "".join(f"data: {line}\n\n" for line in [*lines, "[DONE]"])
    Endpoint.whole = http(json.dumps({**whole, "usage": usage}).encode(), "application/json")
    Endpoint.stream = http(stream.encode(), "text/event-stream")
    Endpoint.models = http(b'{"data": [{"id": "mock"}]}', "application/json")
    Endpoint.latency_s = latency_s


async def serve(port: int) -> None:
    """Until killed."""
    server = await asyncio.get_running_loop().create_server(Endpoint, "127.0.0.1", port, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--chunks", type=int, default=32)
    parser.add_argument("--latency-s", type=float, default=0.0)
    args = parser.parse_args()
    prepare(args.chunks, args.latency_s)
    asyncio.run(serve(args.port))
