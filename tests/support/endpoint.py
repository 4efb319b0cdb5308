"""A small OpenAI-compatible endpoint on loopback, in a thread of the test process. Speaks real HTTP.

What it answers is decided by a function from the parsed request body to a `Reply`, so each test scripts its own.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from evalkit.clients.openai_chat import OpenAIChatClient
from evalkit.types import EndpointSpec, Generation, ModelSpec, Request, Sampling


@dataclass
class Reply:
    """One answer of the endpoint."""

    content: str = r"\boxed{0}"
    reasoning: str | None = None
    reasoning_field: str = "reasoning_content"
    finish_reason: str | None = "stop"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    error: dict[str, Any] | None = None
    raw: bytes | None = None
    """Sent as the whole body."""
    cut: bool = False
    """Close the connection in the middle of the stream."""
    delay_s: float = 0.0
    usage: dict[str, Any] | None = field(
        default_factory=lambda: {"prompt_tokens": 5, "completion_tokens": 10, "total_tokens": 15}
    )


Script = Callable[[dict[str, Any]], Reply]


class Endpoint:
    """`with Endpoint(script) as endpoint: endpoint.url`."""

    def __init__(self, script: Script, model: str = "test-model", key: str | None = None) -> None:
        self.script = script
        self.model = model
        self.key = key
        self.models_status = 200
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.url = ""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._ready = threading.Event()

    def __enter__(self) -> Endpoint:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *exc: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        app = web.Application(client_max_size=2**26)
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/v1/chat/completions", self._chat)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        self._loop.run_until_complete(runner.setup())
        site = web.TCPSite(runner, "127.0.0.1", 0)
        self._loop.run_until_complete(site.start())
        port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        self.url = f"http://127.0.0.1:{port}/v1"
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    def _refuses(self, request: web.Request) -> bool:
        return self.key is not None and request.headers.get("Authorization") != f"Bearer {self.key}"

    async def _models(self, request: web.Request) -> web.Response:
        if self._refuses(request):
            return web.json_response({"error": {"message": "invalid key"}}, status=401)
        if self.models_status != 200:
            return web.json_response({"error": {"message": "not for you"}}, status=self.models_status)
        return web.json_response({"object": "list", "data": [{"id": self.model}]})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = json.loads(await request.read())
        self.bodies.append(body)
        self.headers.append(dict(request.headers))
        if self._refuses(request):
            return web.json_response({"error": {"message": "invalid key"}}, status=401)
        reply = self.script(body)
        await asyncio.sleep(reply.delay_s)
        if reply.raw is not None:
            kind = "text/event-stream" if body.get("stream") else "application/json"
            return web.Response(body=reply.raw, status=reply.status, content_type=kind, headers=reply.headers)
        if reply.status != 200:
            error = {"error": reply.error or {"message": f"status {reply.status}"}}
            return web.json_response(error, status=reply.status, headers=reply.headers)
        if body.get("stream"):
            return await self._stream(request, body, reply)
        return web.json_response(self._whole(reply))

    def _whole(self, reply: Reply) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": reply.content}
        if reply.reasoning is not None:
            message[reply.reasoning_field] = reply.reasoning
        choice = {"index": 0, "message": message, "finish_reason": reply.finish_reason}
        return {"id": "x", "model": self.model, "choices": [choice], "usage": reply.usage}

    async def _stream(self, request: web.Request, body: dict[str, Any], reply: Reply) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
        text = reply.reasoning or ""
        deltas += [{reply.reasoning_field: text[i : i + 7]} for i in range(0, len(text), 7)]
        deltas += [{"content": reply.content[i : i + 7]} for i in range(0, len(reply.content), 7)]
        await response.write(b": keep-alive\n\n")
        for number, delta in enumerate(deltas):
            if reply.cut and number == len(deltas) // 2:
                assert request.transport is not None
                request.transport.close()
                return response
            await self._event(response, {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
        await self._event(response, {"choices": [{"index": 0, "delta": {}, "finish_reason": reply.finish_reason}]})
        if reply.usage is not None and body.get("stream_options", {}).get("include_usage"):
            await self._event(response, {"choices": [], "usage": reply.usage})
        await response.write(b"data: [DONE]\n\n")
        return response

    async def _event(self, response: web.StreamResponse, event: dict[str, Any]) -> None:
        await response.write(b"data: " + json.dumps({"id": "x", "model": self.model, **event}).encode() + b"\n\n")


def ask(endpoint: Endpoint, sampling: Sampling | None = None, **spec: Any) -> Generation:
    """One question through the real client, retried once at most."""

    async def once() -> Generation:
        given = {"base_urls": (endpoint.url,), "attempts": 2, "backoff_s": 0.01, **spec}
        model = ModelSpec(kind="openai", name=endpoint.model, endpoint=EndpointSpec(**given))
        client = OpenAIChatClient(model)
        await client.open(lambda event: None)
        try:
            return await client.generate(Request(messages=(("user", "hi"),), sampling=sampling or Sampling()))
        finally:
            await client.close()

    return asyncio.run(once())
