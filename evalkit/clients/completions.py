"""Reading a chat completion, streamed or whole, in all the shapes in which endpoints write it."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import json
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from evalkit.clients import reasoning, repetition
from evalkit.clients.http import Arrival, RequestFailed, error_message
from evalkit.clients.sse import SSEDecoder
from evalkit.types import Failure, Generation, Json, Usage

_TEXT_PARTS = frozenset({"text", "output_text"})
_THOUGHT_PARTS = frozenset({"thinking", "reasoning", "reasoning_text"})
_GIVEN_UP = frozenset({"insufficient_system_resource", "abort", "aborted", "error", "cancelled", "canceled", "timeout"})
"""Finish reasons of a request that the server gave up: says nothing about the model, and is asked again."""
_OVERLOADED = re.compile(r"overload|\bbusy\b|too many requests|rate limit", re.IGNORECASE)
_MAX_BODY = 64 * 2**20
_MAX_TEXT = 16 * 2**20
"""Characters of one answer with its reasoning; 128k tokens are about half a million."""
_QUOTED = 4_000
"""Bytes of a strange body that its failure quotes. The key is taken out before this is made short, not after."""
_LAST_WORDS_S = 10.0
"""How long to wait for the usage after the finish reason, where the stream is neither ended nor closed."""


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


_decoder = msgspec.json.Decoder(_Body)


class Answer:
    """What has arrived of one answer."""

    __slots__ = (
        "_detector",
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

    def __init__(self, started_s: float, max_repetition: int | None = None) -> None:
        self._detector = repetition.RepetitionDetector(max_repetition) if max_repetition else None
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

    @property
    def runs_away(self) -> bool:
        """Whether it was ended because it only repeats itself: nothing more is to be read."""
        return self._detector is not None and self.finish == repetition.FINISH_REASON

    @property
    def tokens_used(self) -> int:
        """Prompt and completion tokens as the endpoint counts them; 0 where it does not."""
        return (_count(self.usage.get("prompt_tokens")) or 0) + (_count(self.usage.get("completion_tokens")) or 0)

    def add(self, body: _Body) -> None:
        """Take in a whole answer or one chunk; raises `RequestFailed` for an error object."""
        if body.error:
            raise RequestFailed(_endpoint_failure(body.error))
        if body.code and not body.choices:
            raise RequestFailed(_endpoint_failure({"code": body.code, "message": body.message}))
        if isinstance(body.usage, dict):
            self.usage = body.usage
        if body.model is not None and body.model != self.model:  # nearly always the same: looked at, not worked on
            self.model = _text(body.model) or self.model
        if body.system_fingerprint is not None:
            self.fingerprint = _text(body.system_fingerprint) or self.fingerprint
        if not body.choices:
            return
        choice = body.choices[0]
        self.n_choices += 1
        part = choice.delta or choice.message
        if part is not None:
            self._add_part(part)
        if choice.finish_reason is not None and not self.runs_away:
            self.finish = _text(choice.finish_reason) or self.finish

    def _add_part(self, part: _Message) -> None:
        content = part.content
        thought = ""
        for field in (part.reasoning_content, part.reasoning, part.thinking):
            if field is not None and not thought:
                thought = _text(field)
        if type(content) is str:
            text = _text(content)
        else:
            text = _parts_text(content, _TEXT_PARTS)
            thought = thought or _parts_text(content, _THOUGHT_PARTS)
        if part.reasoning_details is not None:
            thought = thought or _details_text(part.reasoning_details)
        if self.ttft_s is None and (thought or text):
            self.ttft_s = time.perf_counter() - self.started_s
        if thought:
            self._append(self.reasoning, thought)
        if text:
            self._append(self.content, text)
        if part.refusal is not None:
            self.refusal += _text(part.refusal)
        self.n_chars += len(thought) + len(text)
        if self.n_chars > _MAX_TEXT:
            raise RequestFailed(Failure(kind="protocol", message=f"the answer is longer than {_MAX_TEXT} characters"))

    def _append(self, texts: list[str], text: str) -> None:
        if self._detector is not None:
            if self.runs_away:
                return
            if (n_kept := self._detector.feed(text)) is not None:
                text, self.finish = text[:n_kept], repetition.FINISH_REASON
        texts.append(text)

    def generation(
        self, redact: Callable[[str], str], label: Callable[[str], str], sent: Mapping[str, Json], attempts: int
    ) -> Generation:
        """What the endpoint returned to the body `sent`; `redact` and `label` take out what must not be kept."""
        content = redact("".join(self.content))
        thought, answer, closed = reasoning.split(content, redact("".join(self.reasoning)))
        finish = "content_filter" if self.refusal and not answer else self.finish
        return Generation(
            answer=answer or redact(self.refusal),
            reasoning=thought,
            reasoning_closed=closed,
            finish_reason=label(finish or "") or None,
            usage=_usage(self.usage, thought, answer),
            ttft_s=self.ttft_s,
            latency_s=time.perf_counter() - self.started_s,
            served_model=label(self.model or "") or None,
            fingerprint=label(self.fingerprint or "") or None,
            sent=sent,
            attempts=attempts,
        )


async def read(arrival: Arrival, max_repetition: int | None) -> Answer:
    """The answer in a response body; raises `RequestFailed` for what is none."""
    got = Answer(arrival.started_s, max_repetition)
    if "event-stream" in arrival.content_type:
        await _read_stream(arrival, got)
    else:
        await _read_whole(arrival, got)
    return got


async def _read_stream(arrival: Arrival, got: Answer) -> None:
    """Up to `[DONE]`, or to the end if a finish reason came."""
    decoder = SSEDecoder()
    while got.finish is None:
        if not (piece := await arrival.piece()):
            message = "the stream ended before the answer did"
            raise RequestFailed(Failure(kind="reset", message=message, retryable=True))
        n_lines = decoder.n_lines
        if _take(decoder, piece, got):
            break
        if got.ttft_s is not None and not arrival.has_token:
            arrival.began()
        elif decoder.n_lines > n_lines:
            arrival.alive()
    else:
        if not got.runs_away:
            await _read_last_words(arrival, decoder, got)
    _check(got)


async def _read_last_words(arrival: Arrival, decoder: SSEDecoder, got: Answer) -> None:
    """What may follow the finish reason: usage, `[DONE]`, for some servers more text. The answer is whole without."""
    with contextlib.suppress(TimeoutError, RequestFailed):
        while True:
            async with asyncio.timeout(min(_LAST_WORDS_S, arrival.limit_s / 2)):
                piece = await arrival.piece()
            if not piece or _take(decoder, piece, got):
                return
            arrival.alive()


def _take(decoder: SSEDecoder, piece: bytes, got: Answer) -> bool:
    """Read the events in a piece; whether the stream says that it is over."""
    for payload in decoder.feed(piece):
        if payload == b"[DONE]":
            return True
        got.add(_decode(payload))
        if got.runs_away:
            return True
    if decoder.n_pending > _MAX_TEXT:
        raise RequestFailed(Failure(kind="protocol", message=f"a line of the stream exceeds {_MAX_TEXT} bytes"))
    return False


def _check(got: Answer) -> None:
    """Raises for what is no answer although the endpoint says 200: nothing at all, or one that it gave up."""
    if not got.n_choices:
        raise RequestFailed(Failure(kind="protocol", message="the answer has no choices", retryable=True))
    if (got.finish or "").lower() in _GIVEN_UP:
        raise RequestFailed(Failure(kind="endpoint", message=f"finish reason {got.finish}", retryable=True))


async def _read_whole(arrival: Arrival, got: Answer) -> None:
    parts: list[bytes] = []
    size = 0
    while piece := await arrival.piece():
        if not parts and piece.isspace():  # what keeps the connection open while the answer is being written
            arrival.alive()
            continue
        if not parts:
            arrival.began(delivers=False)
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
        text = payload[:_QUOTED].decode("utf-8", "replace")
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
    if str(code) == "429":
        return Failure(kind="http_429", message=text, retryable=True)
    retryable = str(code) in {"500", "502", "503", "504"} or _OVERLOADED.search(text) is not None
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
