"""What came back: generations and their scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from evalkit.types.json import Json
from evalkit.types.task import Sampling


class Status(StrEnum):
    """What became of one sample. Only `SCORED` carries a value; the others are not zeros."""

    SCORED = "scored"
    UNPARSED = "unparsed"
    """The model finished, but no answer could be extracted."""
    TRUNCATED = "truncated"
    """The token limit or an unclosed reasoning trace came before an answer."""
    REFUSED = "refused"
    """The model or its content filter declined."""
    ERRORED = "errored"
    """The request or the grading failed: says nothing about the model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One generation asked for."""

    messages: tuple[tuple[str, str], ...]
    sampling: Sampling
    task: str = ""
    item_id: str = ""
    sample: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Token counts as the endpoint reported them; `None` where it did not."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    reasoning_tokens: int | None = None
    reasoning_estimated: bool = False
    """True if `reasoning_tokens` is our estimate (share of characters), not the endpoint's count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a generation has no usable text."""

    kind: str
    """`http_<code>`, `connect`, `timeout`, `reset`, `protocol`, `endpoint`, ..."""
    message: str
    retryable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """What the endpoint returned for one request, with what was really sent."""

    answer: str = ""
    """Text after the reasoning: the only part that is graded."""
    reasoning: str = ""
    reasoning_closed: bool = True
    """False if a reasoning tag was opened and never closed: there is no answer then."""
    finish_reason: str | None = None
    usage: Usage = field(default_factory=Usage)
    ttft_s: float | None = None
    """Seconds from sending the request to the first token of any kind (streaming only)."""
    latency_s: float | None = None
    served_model: str | None = None
    fingerprint: str | None = None
    sent: Mapping[str, Json] = field(default_factory=dict)
    """Request body as sent, without the messages and without any secret."""
    dropped: tuple[str, ...] = ()
    """Settings that the protocol asks for and that were not sent."""
    attempts: int = 1
    cached: bool = False
    """True if the text comes from an earlier run's identical request."""
    failure: Failure | None = None

    @property
    def n_tokens(self) -> int:
        """Completion tokens as reported; a quarter of the bytes of the text where they are not."""
        if self.usage.completion_tokens is not None:
            return self.usage.completion_tokens
        return (len(self.answer.encode("utf-8", "replace")) + len(self.reasoning.encode("utf-8", "replace"))) // 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Grade of one generation."""

    status: Status
    value: float | None = None
    answer: str | None = None
    """The extracted answer, as graded."""
    step: str | None = None
    """Which extraction and comparison step decided, for example `boxed/math-verify`."""
    reason: str | None = None
    scorer: str = ""
    """`name@version` of the scorer."""
    erratum: str | None = None
    """Why the answer was compared with a corrected gold, if it was."""
    detail: Mapping[str, Json] = field(default_factory=dict)
    """What else the scorer has to say. For code: `kind` of failure, `tests` one by one, the `sandbox` it was run in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One row of the run directory."""

    task: str
    item_id: str
    position: int
    """Of the item in its dataset."""
    sample: int
    generation: Generation
    score: Score | None = None
