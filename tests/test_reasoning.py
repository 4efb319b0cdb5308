"""Reasoning traces: inline tags, and through every field in which endpoints deliver them."""

from __future__ import annotations

import pytest
from support.endpoint import Endpoint, Reply, ask

from evalkit.clients.reasoning import split

INLINE = [
    ("no-tags", "The answer is 5.", "", "The answer is 5.", True),
    ("closed", "<think>hm</think>5", "hm", "5", True),
    ("closed-newlines", "<think>\nhm\n</think>\n\n5", "hm", "5", True),
    ("orphan-close", "hm, let me see\n</think>\n5", "hm, let me see", "5", True),
    ("never-closed", "<think>hm, 5", "hm, 5", "", False),
    ("never-closed-after-space", "\n <think>hm", "hm", "", False),
    ("thinking-tag", "<thinking>hm</thinking>5", "hm", "5", True),
    ("two-traces", "<think>a</think>x<think>b</think>5", "a</think>x<think>b", "5", True),
    ("reopened-and-cut", "<think>a</think>5\n<think>or is it 6", "a5\n<think>or is it 6", "", False),
    ("prose-about-tags", "Write <think> in the middle. 5", "", "Write <think> in the middle. 5", True),
    ("other-tags", "if a<b then <b>5</b>", "", "if a<b then <b>5</b>", True),
    ("empty-trace", "<think></think>5", "", "5", True),
    ("closed-twice", "<think>hm</think>5\n</think>", "hm", "5\n", True),
    ("closed-twice-reopened", "<think>a</think>x<think>b</think>", "a</think>x<think>b", "", True),
    ("capitals-and-space", "<THINK >hm</Think >5", "hm", "5", True),
    ("trace-only", "<think>hm</think>", "hm", "", True),
]


@pytest.mark.parametrize(("text", "reasoning", "answer", "closed"), [c[1:] for c in INLINE], ids=[c[0] for c in INLINE])
def test_split(text: str, reasoning: str, answer: str, closed: bool) -> None:
    assert split(text) == (reasoning, answer, closed)


def test_separate_and_inline_are_both_kept() -> None:
    assert split("<think>b</think>5", "a") == ("a\nb", "5", True)


def test_profile_tags() -> None:
    assert split("<inner>hm</inner>5", tags=("inner",)) == ("hm", "5", True)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("field", ["reasoning_content", "reasoning", "thinking"])
def test_fields(field: str, stream: bool) -> None:
    with Endpoint(lambda body: Reply(content="It is 5.", reasoning="one, two", reasoning_field=field)) as endpoint:
        got = ask(endpoint, stream=stream)
    assert (got.reasoning, got.answer, got.reasoning_closed) == ("one, two", "It is 5.", True)
    assert got.usage.reasoning_tokens == 5 and got.usage.reasoning_estimated
    assert (got.ttft_s is not None) == stream


def test_reported_reasoning_tokens_are_not_estimated() -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 9, "completion_tokens_details": {"reasoning_tokens": 4}}
    with Endpoint(lambda body: Reply(content="5", reasoning="hm", usage=usage)) as endpoint:
        got = ask(endpoint)
    assert got.usage.reasoning_tokens == 4 and not got.usage.reasoning_estimated


def test_details_and_typed_parts() -> None:
    raw = (
        b'{"model":"m","choices":[{"finish_reason":"stop","message":{"content":[{"type":"text","text":"5"}],'
        b'"reasoning_details":[{"type":"reasoning.text","text":"hm"}]}}]}'
    )
    with Endpoint(lambda body: Reply(raw=raw)) as endpoint:
        got = ask(endpoint, stream=False)
    assert (got.reasoning, got.answer, got.usage.completion_tokens) == ("hm", "5", None)


def test_inline_tags_over_a_stream() -> None:
    with Endpoint(lambda body: Reply(content="<think>a long thought</think>\n5")) as endpoint:
        got = ask(endpoint)
    assert (got.reasoning, got.answer) == ("a long thought", "5")
