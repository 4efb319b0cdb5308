"""OpenAI-compatible chat completions: vLLM, vllm-ascend, MindIE, SGLang, llama.cpp, DeepSeek, Spark X1, OpenAI.

Streaming is the default: a chain of thought takes minutes, and gateways cut silent connections.
"""

from __future__ import annotations

import codecs
import contextlib
import json
import os
import re
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec

from evalkit.clients import DEFAULT_KEY_ENV, reasoning
from evalkit.clients.http import HttpPolicy, HttpTransport, RequestFailed, error_message
from evalkit.clients.sse import SSEDecoder
from evalkit.errors import EndpointError, UnknownName, UsageError
from evalkit.types import Failure, Generation, Json, ModelSpec, Request, Usage

_TEXT_PARTS = frozenset({"text", "output_text"})
_THOUGHT_PARTS = frozenset({"thinking", "reasoning", "reasoning_text"})
_GIVEN_UP = frozenset({"insufficient_system_resource", "abort", "aborted", "error", "cancelled", "canceled", "timeout"})
"""Finish reasons of a request that the server gave up: says nothing about the model, and is asked again."""
_MAX_BODY = 64 * 2**20
_MAX_TEXT = 16 * 2**20
"""Characters of one answer with its reasoning; 128k tokens are about half a million."""


class _Message(msgspec.Struct):
    """`message` of a full answer or `delta` of a chunk. Endpoints differ in types: `Any` is looked at on use."""

    content: Any = None
    refusal: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    thinking: Any = None
    reasoning_details: Any = None


class _Choice(msgspec.Struct):
    message: _Message | None = None
    delta: _Message | None = None
    finish_reason: Any = None


class _Body(msgspec.Struct):
    """A full answer or one chunk of a stream."""

    choices: list[_Choice] | None = None
    usage: Any = None
    model: Any = None
    system_fingerprint: Any = None
    error: Any = None
    code: Any = None
    message: Any = None


_ADDRESS = re.compile(r"https?://[^\s/?#@]+(/[^\s?#@]*)?$")
_decoder = msgspec.json.Decoder(_Body)
_encoder = msgspec.json.Encoder()


class _Collected:
    """What has arrived of one answer."""

    __slots__ = (
        "content",
        "fingerprint",
        "finish",
        "model",
        "n_chars",
        "n_choices",
        "reasoning",
        "refusal",
        "started_s",
        "ttft_s",
        "usage",
    )

    def __init__(self, started_s: float) -> None:
        self.content: list[str] = []
        self.reasoning: list[str] = []
        self.refusal = ""
        self.finish: str | None = None
        self.usage: dict[str, Any] = {}
        self.model: str | None = None
        self.fingerprint: str | None = None
        self.n_chars = 0
        self.n_choices = 0
        self.started_s = started_s
        self.ttft_s: float | None = None

    def add(self, body: _Body) -> None:
        if body.error:
            raise RequestFailed(_endpoint_failure(body.error))
        if body.code and not body.choices:
            raise RequestFailed(_endpoint_failure({"code": body.code, "message": body.message}))
        if isinstance(body.usage, dict):
            self.usage = body.usage
        self.model = _text(body.model) or self.model
        self.fingerprint = _text(body.system_fingerprint) or self.fingerprint
        for choice in (body.choices or ())[:1]:
            self.n_choices += 1
            part = choice.delta or choice.message
            if part is not None:
                self._add_part(part)
            self.finish = _text(choice.finish_reason) or self.finish

    def _add_part(self, part: _Message) -> None:
        thought = _text(part.reasoning_content) or _text(part.reasoning) or _text(part.thinking)
        thought = thought or _details_text(part.reasoning_details) or _parts_text(part.content, _THOUGHT_PARTS)
        text = _text(part.content) or _parts_text(part.content, _TEXT_PARTS)
        if self.ttft_s is None and (thought or text):
            self.ttft_s = time.perf_counter() - self.started_s
        if thought:
            self.reasoning.append(thought)
        if text:
            self.content.append(text)
        self.refusal += _text(part.refusal)
        self.n_chars += len(thought) + len(text)
        if self.n_chars > _MAX_TEXT:
            raise RequestFailed(Failure(kind="protocol", message=f"the answer is longer than {_MAX_TEXT} characters"))


class OpenAIChatClient:
    """`--model openai:NAME --base-url URL`."""

    def __init__(self, spec: ModelSpec, policy: HttpPolicy | None = None) -> None:
        if not spec.base_url:
            raise UsageError("an openai: model needs --base-url, for example http://127.0.0.1:8000/v1")
        if not _ADDRESS.match(spec.base_url):
            # The address is written into the run directory, so a password in it would be, too.
            raise UsageError("--base-url must be http(s)://HOST/PATH, without user, password or query")
        self.name = spec.name
        self._spec = spec
        key = _key(spec.api_key_env) if spec.api_key_env else None
        self._transport = HttpTransport(spec.base_url, key, policy or HttpPolicy(), connections=spec.concurrency)

    async def open(self) -> None:
        """Connect, check the key, and check the model name where the endpoint lists its models."""
        await self._transport.open()
        try:
            listed = _model_ids(await self._transport.get_json("/models"))
        except BaseException:
            await self._transport.close()
            raise
        if listed and self.name not in listed:
            await self._transport.close()
            listed = [self._transport.label(name) for name in listed]
            raise UnknownName(
                f"model at {self._transport.base_url}:", self.name, listed, "served: " + ", ".join(listed[:5])
            )

    async def close(self) -> None:
        """Close all connections."""
        await self._transport.close()

    def describe(self) -> Mapping[str, Json]:
        """Endpoint facts for run.json: never the key."""
        return {"base_url": self._spec.base_url, "stream": self._spec.stream, "api_key_env": self._spec.api_key_env}

    async def generate(self, request: Request) -> Generation:
        """Generate one sample; failures come back as data."""
        sent = self._body(request)
        messages = [{"role": role, "content": text} for role, text in request.messages]
        body = _encoder.encode({"model": self.name, "messages": messages, **sent})
        started_s = time.perf_counter()
        got, attempts, failure = await self._transport.post("/chat/completions", body, _read)
        latency_s = time.perf_counter() - started_s
        if failure is not None and failure.kind == "connect":
            raise EndpointError(f"{self._transport.base_url} went away: {failure.message}")
        if got is None:
            return Generation(sent=sent, attempts=attempts, failure=failure, latency_s=latency_s)
        return self._generation(got, sent, attempts)

    def _generation(self, got: _Collected, sent: Mapping[str, Json], attempts: int) -> Generation:
        redact, label = self._transport.redact, self._transport.label
        content = redact("".join(got.content))
        thought, answer, closed = reasoning.split(content, redact("".join(got.reasoning)))
        finish = "content_filter" if got.refusal and not answer else got.finish
        return Generation(
            answer=answer or redact(got.refusal),
            reasoning=thought,
            reasoning_closed=closed,
            finish_reason=label(finish or "") or None,
            usage=_usage(got.usage, thought, answer),
            ttft_s=got.ttft_s,
            latency_s=time.perf_counter() - got.started_s,
            served_model=label(got.model or "") or None,
            fingerprint=label(got.fingerprint or "") or None,
            sent=sent,
            attempts=attempts,
        )

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
        if self._spec.stream:
            body["stream"] = True
            body["stream_options"] = {"include_usage": True}
        return body


def _key(variable: str) -> str | None:
    """The key in this environment variable; the default one may be unset, for endpoints that want no key."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", variable):
        # Not repeated: it may be the key itself, and whatever is named here is written into the run directory.
        raise UsageError("--api-key-env takes the name of an environment variable, not a key")
    key = os.environ.get(variable, "").strip()
    if not key and variable != DEFAULT_KEY_ENV:
        raise UsageError(f"the environment variable {variable} is not set; it should hold the API key")
    return key or None


async def _read(pieces: AsyncIterator[bytes], content_type: str, started_s: float) -> _Collected:
    got = _Collected(started_s)
    if "event-stream" in content_type:
        await _read_stream(pieces, got)
    else:
        await _read_whole(pieces, got)
    return got


async def _read_stream(pieces: AsyncIterator[bytes], got: _Collected) -> None:
    """Up to `[DONE]`, or to the end if a finish reason came."""
    decoder = SSEDecoder()
    async for piece in pieces:
        for payload in decoder.feed(piece):
            if payload == b"[DONE]":
                return _check(got)
            got.add(_decode(payload))
        if decoder.n_pending > _MAX_TEXT:
            raise RequestFailed(Failure(kind="protocol", message=f"a line of the stream exceeds {_MAX_TEXT} bytes"))
    if got.finish is None:
        raise RequestFailed(Failure(kind="reset", message="the stream ended before the answer did", retryable=True))
    _check(got)


def _check(got: _Collected) -> None:
    """Raises for what is no answer although the endpoint says 200: nothing at all, or one that it gave up."""
    if not got.n_choices:
        raise RequestFailed(Failure(kind="protocol", message="the answer has no choices", retryable=True))
    if (got.finish or "").lower() in _GIVEN_UP:
        raise RequestFailed(Failure(kind="endpoint", message=f"finish reason {got.finish}", retryable=True))


async def _read_whole(pieces: AsyncIterator[bytes], got: _Collected) -> None:
    parts: list[bytes] = []
    size = 0
    async for piece in pieces:
        parts.append(piece)
        size += len(piece)
        if size > _MAX_BODY:
            raise RequestFailed(Failure(kind="protocol", message=f"the answer is larger than {_MAX_BODY} bytes"))
    whole = b"".join(parts)
    payloads = [whole]
    if whole.lstrip(codecs.BOM_UTF8).startswith((b"data:", b"event:", b":")):  # a stream under another content type
        payloads = [p for p in SSEDecoder().feed(whole + b"\n") if p != b"[DONE]"]
    for payload in payloads:
        got.add(_decode(payload))
    _check(got)
    got.ttft_s = None


def _decode(payload: bytes) -> _Body:
    try:
        return _decoder.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        with contextlib.suppress(ValueError, RecursionError):  # NaN and half surrogates, which some servers write
            return msgspec.convert(json.loads(payload), _Body)
        text = payload[:200].decode("utf-8", "replace")
        message = f"not a chat completion ({fault}): {text!r}"
        raise RequestFailed(Failure(kind="protocol", message=message, retryable=True)) from fault


def _usage(usage: Mapping[str, Any], thought: str, answer: str) -> Usage:
    completion = _count(usage.get("completion_tokens"))
    details = usage.get("completion_tokens_details")
    counted = _count((details if isinstance(details, dict) else usage).get("reasoning_tokens"))
    estimated = False
    if not counted and thought and completion is not None:
        # vLLM reports 0 where the chat template opened the tag, so 0 beside a trace is no count either.
        counted = round(completion * len(thought) / (len(thought) + len(answer)))
        estimated = True
    return Usage(
        prompt_tokens=_count(usage.get("prompt_tokens")),
        completion_tokens=completion,
        reasoning_tokens=counted,
        reasoning_estimated=estimated,
    )


def _count(value: Any) -> int | None:
    """A token count; some gateways send it as 12.0, and what is no count at all is not reported."""
    return int(value) if isinstance(value, (int, float)) and 0 <= value < 2**53 else None


def _text(value: Any) -> str:
    """`value` if it is text; half a surrogate pair becomes a question mark, since it cannot be stored."""
    if not isinstance(value, str):
        return ""
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


def _endpoint_failure(error: Any) -> Failure:
    """An error object inside a 200: some gateways only know failure after the headers are out."""
    text = error_message(msgspec.json.encode({"error": error}).decode())
    code = error.get("code") if isinstance(error, dict) else None
    retryable = str(code) in {"429", "500", "502", "503", "504"} or "overload" in text.lower()
    return Failure(kind="endpoint", message=text, retryable=retryable)


def _details_text(details: Any) -> str:
    """`reasoning_details`: a list of typed parts, in full or as a summary."""
    if not isinstance(details, list):
        return ""
    return "".join(_text(d.get("text")) or _text(d.get("summary")) for d in details if isinstance(d, dict))


def _parts_text(content: Any, kinds: frozenset[str]) -> str:
    """The text of the parts of these types, where content is a list of typed parts."""
    if not isinstance(content, list):
        return ""
    parts = [p for p in content if isinstance(p, dict) and p.get("type", "text") in kinds]
    return "".join(_text(p.get("text")) or _text(p.get("thinking")) or _text(p.get("reasoning")) for p in parts)


def _model_ids(listing: object) -> list[str]:
    data = listing.get("data") if isinstance(listing, dict) else None
    if not isinstance(data, list):
        return []
    return [str(m["id"]) for m in data if isinstance(m, dict) and "id" in m]
