"""What endpoints really send: odd bodies, faults in the middle, keys echoed back. Over real HTTP."""

from __future__ import annotations

import asyncio
import inspect
import json
import ssl
from typing import Any

import aiohttp
import pytest
from support.endpoint import Endpoint, Reply, ask

from evalkit.clients.http import HttpTransport, RequestFailed
from evalkit.clients.openai_chat import OpenAIChatClient
from evalkit.clients.sse import SSEDecoder
from evalkit.errors import UsageError
from evalkit.types import EndpointSpec, ModelSpec


def chunk(delta: dict[str, Any], /, finish: str | None = None, **more: Any) -> bytes:
    return b"data: " + json.dumps({"choices": [{"delta": delta, "finish_reason": finish}], **more}).encode() + b"\n\n"


def whole(message: dict[str, Any], /, **more: Any) -> bytes:
    return json.dumps({"choices": [{"message": message, "finish_reason": "stop"}], **more}).encode()


ANSWERS = {
    "usage-null": (whole({"content": "5"}, usage=None), "5", None),
    "usage-a-word": (whole({"content": "5"}, usage="none"), "5", None),
    "usage-floats": (whole({"content": "5"}, usage={"completion_tokens": 12.0}), "5", 12),
    "usage-negative": (whole({"content": "5"}, usage={"completion_tokens": -1}), "5", None),
    "content-null": (whole({"content": None}), "", None),
    "content-parts": (whole({"content": [{"type": "text", "text": "5"}, {"type": "image"}]}), "5", None),
    "content-a-number": (whole({"content": 5}), "", None),
    "fields-of-other-types": (whole({"content": "5", "reasoning": {"a": 1}, "refusal": False}, model=3), "5", None),
    "code-0-is-success": (whole({"content": "5"}, code=0, message="Success", sid="x"), "5", None),
    "stream-crlf": (chunk({"content": "5"}, "stop").replace(b"\n", b"\r\n"), "5", None),
    "stream-without-done": (chunk({"content": "5"}) + chunk({}, "stop"), "5", None),
    "stream-null-choices": (chunk({"content": "5"}, "stop") + b'data: {"choices": null, "usage": null}\n\n', "5", None),
    "stream-with-comments": (
        b": life\n\n" + chunk({"content": "5"}) + b":\n\nevent: x\n" + chunk({}, "stop"),
        "5",
        None,
    ),
    "usage-words": (whole({"content": "5"}, usage={"completion_tokens": "5", "prompt_tokens": 10**19}), "5", None),
    "finish-reason-a-number": (b'{"choices": [{"message": {"content": "5"}, "finish_reason": 0}]}', "5", None),
    "nan": (b'{"choices": [{"message": {"content": "5"}, "logprobs": NaN}], "x": NaN}', "5", None),
    "half-a-surrogate": (b'{"choices": [{"message": {"content": "5 \\ud83d"}}]}', "5 ?", None),
    "stream-as-plain-text": (b"\xef\xbb\xbf" + chunk({"content": "5"}, "stop") + b"data: [DONE]\n\n", "5", None),
    "stream-comment-first": (b":\n" + chunk({"content": "5"}, "stop"), "5", None),
    "stream-cr": (chunk({"content": "5"}, "stop").replace(b"\n", b"\r"), "5", None),
    "reasoning-parts": (
        whole({"content": [{"type": "thinking", "thinking": "no, 4"}, {"type": "text", "text": "5"}]}),
        "5",
        None,
    ),
    "stream-usage-late": (
        chunk({"content": "5"}, "stop") + b'data: {"usage": {"completion_tokens": 3}}\n\ndata: [DONE]\n\n',
        "5",
        3,
    ),
}


@pytest.mark.parametrize(("raw", "answer", "n_tokens"), ANSWERS.values(), ids=ANSWERS)
def test_odd_answers_are_read(raw: bytes, answer: str, n_tokens: int | None) -> None:
    with Endpoint(lambda body: Reply(raw=raw)) as endpoint:
        got = ask(endpoint, stream=raw.startswith((b"data", b":")))
    assert got.failure is None
    assert (got.answer, got.usage.completion_tokens) == (answer, n_tokens)


FAULTS = {
    "error-in-200": (b'{"error": {"message": "no capacity", "code": 500}}', "endpoint", "no capacity"),
    "code-in-200": (b'{"code": 11200, "message": "AppIdNoAuthError"}', "endpoint", "AppIdNoAuthError"),
    "no-choices": (b'{"choices": []}', "protocol", "no choices"),
    "not-json": (b"<html>gateway</html>", "protocol", "<html>"),
    "a-list": (b"[]", "protocol", "not a chat completion"),
    "deep": (b"[" * 100_000, "protocol", "not a chat completion"),
    "not-unicode": (b'{"choices": [{"message": {"content": "\xff"}}]}', "protocol", "not a chat completion"),
    "error-in-stream": (
        chunk({"content": "5"}) + b'data: {"error": {"message": "worker died"}}\n\n',
        "endpoint",
        "died",
    ),
    "code-in-stream": (b'data: {"code": 10013, "message": "input refused"}\n\n', "endpoint", "input refused"),
    "stream-without-end": (chunk({"content": "5"}), "reset", "ended before the answer"),
    "stream-nothing": (b"data: [DONE]\n\n", "protocol", "no choices"),
    "stream-no-choices": (b'data: {"choices": []}\n\ndata: [DONE]\n\n', "protocol", "no choices"),
    "given-up": (chunk({"content": "5"}, "insufficient_system_resource"), "endpoint", "insufficient_system_resource"),
    "aborted": (chunk({"content": "5"}, "ABORT"), "endpoint", "ABORT"),
    "stream-garbage": (b"data: {broken\n\n", "protocol", "not a chat completion"),
    "endless-line": (b"data: " + b"x" * (17 * 2**20), "protocol", "exceeds"),
    "endless-answer": (whole({"content": "x" * (17 * 2**20)}), "protocol", "longer than"),
}


@pytest.mark.parametrize(("raw", "kind", "words"), FAULTS.values(), ids=FAULTS)
def test_what_is_no_answer_is_a_failure_with_its_reason(raw: bytes, kind: str, words: str) -> None:
    with Endpoint(lambda body: Reply(raw=raw)) as endpoint:
        got = ask(endpoint, stream=raw.startswith(b"data"))
    assert got.failure is not None and got.answer == ""
    assert got.failure.kind == kind and words in got.failure.message


def test_redirects_are_named_and_not_followed() -> None:
    with (
        Endpoint(lambda body: Reply(content="5")) as elsewhere,
        Endpoint(lambda body: Reply(status=307, headers={"Location": elsewhere.url})) as endpoint,
    ):
        got = ask(endpoint)
    assert got.failure is not None and elsewhere.url in got.failure.message and "--base-url" in got.failure.message
    assert elsewhere.bodies == []


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_sse_lines_are_put_together_from_any_pieces(size: int) -> None:
    text = 'data: {"a": "数学 ½"}\r\n\r\n: comment\n\ndata:x\n\n'.encode()
    decoder = SSEDecoder()
    got = [line for i in range(0, len(text), size) for line in decoder.feed(text[i : i + size])]
    assert got == ['{"a": "数学 ½"}'.encode(), b"x"]


@pytest.mark.parametrize("status", [200, 400, 500])
def test_deep_json_is_a_failure_like_any_other(status: int) -> None:
    with Endpoint(lambda body: Reply(status=status, raw=b'{"error":' * 100_000)) as endpoint:
        got = ask(endpoint, stream=False)
    assert got.failure is not None and got.failure.kind in {"protocol", f"http_{status}"}


def test_what_an_endpoint_says_cannot_steer_the_terminal() -> None:
    raw = whole({"content": "5"}, model="evil\x1b[2J\x1b]0;pwn\x07")
    with Endpoint(lambda body: Reply(raw=raw)) as endpoint:
        assert ask(endpoint, stream=False).served_model == "evil [2J ]0;pwn "
    with Endpoint(lambda body: Reply(status=400, error={"message": "\x1b[2Jgone"})) as endpoint:
        failure = ask(endpoint).failure
    assert failure is not None and "\x1b" not in failure.message and "gone" in failure.message


KEY = "sk-live-0123456789"
ECHOES = {
    "status": Reply(status=400, error={"message": f"bad request by {KEY}"}),
    "error-in-200": Reply(raw=json.dumps({"error": {"message": f"key {KEY} is over quota"}}).encode()),
    "not-json": Reply(raw=f"<p>{KEY}</p>".encode()),
    "answer": Reply(content=f"Your key is {KEY}", reasoning=f"the key, {KEY}"),
    "model": Reply(raw=whole({"content": "5"}, model=KEY, system_fingerprint=KEY)),
}


@pytest.mark.parametrize("reply", ECHOES.values(), ids=ECHOES)
def test_an_echoed_key_is_not_kept(reply: Reply, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with Endpoint(lambda body: reply) as endpoint:
        got = ask(endpoint, stream=False, api_key_env="OPENAI_API_KEY")
    assert endpoint.headers[0]["Authorization"] == f"Bearer {KEY}"
    assert KEY not in repr(got) and "***" in repr(got)


@pytest.mark.parametrize("kind", ["status", "not-json", "sse", "redirect", "error-in-200"])
@pytest.mark.parametrize("before", [*range(150, 320, 10), *range(3975, 4002)])
def test_no_part_of_an_echoed_key_is_kept(kind: str, before: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever it stands: a long text is made short after the key is taken out of it."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    text = "x" * before + KEY
    replies = {
        "status": Reply(status=400, error={"message": text}),
        "not-json": Reply(raw=text.encode()),
        "sse": Reply(raw=f"data: {text}\n\n".encode()),
        "redirect": Reply(status=307, headers={"Location": f"http://127.0.0.1/{text}"}),
        "error-in-200": Reply(raw=json.dumps({"error": {"message": text}}).encode()),
    }
    with Endpoint(lambda body: replies[kind]) as endpoint:
        got = ask(endpoint, stream=kind == "sse", api_key_env="OPENAI_API_KEY", attempts=1)
    assert got.failure is not None
    assert KEY[:6] not in repr(got), got.failure.message


def test_a_placeholder_key_may_be_a_word_of_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "EMPTY")
    with Endpoint(lambda body: Reply(content="The set is EMPTY")) as endpoint:
        assert ask(endpoint, api_key_env="OPENAI_API_KEY").answer == "The set is EMPTY"


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"base_urls": ()}, "--base-url"),
        ({"base_urls": ("http://me:secret@127.0.0.1/v1",)}, "without user, password or query"),
        ({"base_urls": ("http://127.0.0.1/v1?key=secret",)}, "without user, password or query"),
        ({"base_urls": ("127.0.0.1:8000/v1",)}, "http(s)://"),
        ({"base_urls": ("http://127.0.0.1:1/v1", "http://127.0.0.1:1/v1")}, "given twice"),
        ({"api_key_env": "sk-secret"}, "name of an environment variable"),
        ({"api_key_env": "NOT_SET_ANYWHERE"}, "NOT_SET_ANYWHERE is not set"),
    ],
)
def test_addresses_and_keys_are_checked_before_anything_is_written(spec: dict[str, Any], words: str) -> None:
    given = {"base_urls": ("http://127.0.0.1:1/v1",), **spec}
    with pytest.raises(UsageError) as caught:
        OpenAIChatClient(ModelSpec(kind="openai", name="m", endpoint=EndpointSpec(**given)))
    assert words in str(caught.value) and "secret" not in str(caught.value)


def _client_errors() -> list[type[BaseException]]:
    named = [value for _, value in inspect.getmembers(aiohttp, inspect.isclass)]
    found = [e for e in named if issubclass(e, aiohttp.ClientError | OSError | TimeoutError | ssl.SSLError)]
    assert len(found) > 20
    return found


@pytest.mark.parametrize("error", _client_errors(), ids=lambda e: e.__name__)
def test_every_error_of_the_http_library_becomes_a_failure(
    error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails when the library brings an error that is not mapped."""
    # Their constructors differ, and the mapping needs none of their fields.
    fields = {"__init__": lambda self: None, "__str__": lambda self: "as given", "errno": None, "strerror": "as given"}
    fault = type(error.__name__, (error,), fields)()

    class Raising:
        async def __aenter__(self) -> None:
            raise fault

        async def __aexit__(self, *exc: object) -> None:
            raise AssertionError("not reached")

    async def once() -> Any:
        transport = HttpTransport("http://127.0.0.1:1/v1", None, EndpointSpec())
        monkeypatch.setattr(transport, "_send", lambda path, body: Raising())
        return await transport.attempt("/x", b"{}", None, lambda n: None)  # type: ignore[arg-type]

    with pytest.raises(RequestFailed) as caught:
        asyncio.run(once())
    failure = caught.value.failure
    assert failure.kind in {"connect", "timeout", "reset"} and failure.retryable
    assert failure.message
