"""OpenAI-compatible chat completions: vLLM, vllm-ascend, MindIE, SGLang, llama.cpp, DeepSeek, Spark X1, OpenAI.

Streaming is the default: a chain of thought takes minutes, and gateways cut silent connections.
"""

from __future__ import annotations

import functools
import os
import re
import time
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import msgspec

from evalkit.clients import DEFAULT_KEY_ENV, completions
from evalkit.clients.http import Reader
from evalkit.clients.pool import Pool
from evalkit.errors import UnknownName, UsageError
from evalkit.types import Event, Generation, Json, ModelSpec, Request

_ADDRESS = re.compile(r"https?://[^\s/?#@]+(/[^\s?#@]*)?$")
_encoder = msgspec.json.Encoder()


class OpenAIChatClient:
    """`--model openai:NAME --base-url URL`, where several URLs are replicas of one model."""

    def __init__(self, spec: ModelSpec) -> None:
        urls = spec.endpoint.base_urls
        if not urls:
            raise UsageError("an openai: model needs --base-url, for example http://127.0.0.1:8000/v1")
        if not all(_ADDRESS.match(url) for url in urls):
            # The address is written into the run directory, so a password in it would be, too.
            raise UsageError("--base-url must be http(s)://HOST/PATH, without user, password or query")
        if not all(map(_is_address, urls)):
            raise UsageError("--base-url has no valid host and port")
        if len(set(urls)) < len(urls):
            raise UsageError("the same --base-url is given twice")
        self.name = spec.name
        self._spec = spec
        variable = spec.endpoint.api_key_env
        self._pool = Pool(spec.endpoint, _key(variable) if variable else None)

    @property
    def capacity(self) -> int:
        """How many requests are useful at once."""
        return self._pool.capacity

    @property
    def in_flight(self) -> int:
        """Requests under way."""
        return self._pool.in_flight

    async def open(self, report: Callable[[Event], None]) -> None:
        """Connect, check the key, and check the model name where the endpoints list their models."""
        await self._pool.open(report)
        try:
            for url, listing in await self._pool.listings():
                self._check_served(url, listing)
        except BaseException:
            await self._pool.close()
            raise

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.close()

    def describe(self) -> Mapping[str, Json]:
        """Endpoint facts for run.json: never the key."""
        endpoint = self._spec.endpoint
        return {
            "base_urls": list(endpoint.base_urls),
            "stream": endpoint.stream,
            "api_key_env": endpoint.api_key_env,
        }

    def identity(self) -> Mapping[str, Json]:
        """The first address stands for the model: replicas serve the same one."""
        return {"base_url": self._spec.endpoint.base_urls[0], "limit_parameter": self._spec.limit_parameter}

    async def generate(self, request: Request) -> Generation:
        """Generate one sample; failures come back as data."""
        sent = self._body(request)
        messages = [{"role": role, "content": text} for role, text in request.messages]
        body = _encoder.encode({"model": self.name, "messages": messages, **sent})
        started_s = time.perf_counter()
        read: Reader[completions.Answer] = functools.partial(
            completions.read, max_repetition=request.sampling.max_repetition
        )
        most = request.sampling.most_tokens
        got, attempts, failure = await self._pool.post("/chat/completions", body, read, most)
        if got is None:
            latency_s = time.perf_counter() - started_s
            return Generation(sent=sent, attempts=attempts, failure=failure, latency_s=latency_s)
        return got.generation(self._pool.redact, self._pool.label, sent, attempts)

    def _check_served(self, url: str, listing: object) -> None:
        served = [self._pool.label(name) for name in _model_ids(listing)]
        if served and self.name not in served:
            raise UnknownName(f"model at {url}:", self.name, served, "served: " + ", ".join(served[:5]))

    def _body(self, request: Request) -> dict[str, Json]:
        s = request.sampling
        body: dict[str, Json] = dict(s.extra)
        settings = {
            "temperature": s.temperature,
            "top_p": s.top_p,
            "top_k": s.top_k,
            self._spec.limit_parameter: s.max_tokens,
            "seed": s.seed,
        }
        body.update({k: v for k, v in settings.items() if v is not None})
        if s.stop:
            body["stop"] = list(s.stop)
        if self._spec.endpoint.stream:
            body["stream"] = True
            body["stream_options"] = {"include_usage": True}
        return body


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def _key(variable: str) -> str | None:
    """The key in this environment variable; the default one may be unset, for endpoints that want no key."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", variable):
        # Not repeated: it may be the key itself, and whatever is named here is written into the run directory.
        raise UsageError("--api-key-env takes the name of an environment variable, not a key")
    key = os.environ.get(variable, "").strip()
    if not key and variable != DEFAULT_KEY_ENV:
        raise UsageError(f"the environment variable {variable} is not set; it should hold the API key")
    if any(ord(c) < 32 or ord(c) == 127 for c in key):
        raise UsageError(f"the environment variable {variable} holds a line break or another control character")
    return key or None


def _model_ids(listing: object) -> list[str]:
    data = listing.get("data") if isinstance(listing, dict) else None
    if not isinstance(data, list):
        return []
    return [str(m["id"]) for m in data if isinstance(m, dict) and "id" in m]
