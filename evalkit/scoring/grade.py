"""The road every scorer takes: status first, then extraction, then comparison.

A scorer supplies the last two as functions; which samples are graded at all is decided here, once, for all tasks.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from evalkit.types import Generation, Score, Status

CUT_SHORT = {
    **dict.fromkeys(("length", "max_tokens", "model_length", "max_output_tokens"), "token limit reached"),
    "repetition": "the text only repeats itself",
}
"""Finish reasons of a text that its model did not end, and what to say of it."""
REFUSED_BY_FILTER = frozenset({"content_filter", "refusal"})
_REFUSAL = re.compile(
    r"^\W*(?:i(?:'m| am) sorry,? but|sorry,? but|i (?:can(?:no|')t|am unable to) (?:help|assist|comply|answer))",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Extracted:
    """An answer found in the text."""

    answer: str
    step: str
    """Name of the extraction step that found it."""
    conclusive: bool = True
    """False for a guess, and for what stands at the very end: not accepted from a text that was cut off."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Outcome of comparing an extracted answer with the target."""

    value: float | None
    """None if it could not be decided."""
    step: str
    reason: str | None = None


class NeedsWorker(Exception):
    """A comparison that may take long was met where there is no time for it."""


def needs_worker(*compared: object) -> Judged:
    """In place of a comparison that may take long."""
    raise NeedsWorker


def grade(
    generation: Generation,
    extract: Callable[[str], Extracted | None],
    judge: Callable[[str], Judged],
    scorer: str,
) -> Score:
    """Grade one generation; never raises for any text, except what `judge` raises."""
    early = _without_answer(generation)
    if early is not None:
        return Score(status=early[0], reason=early[1], scorer=scorer)
    cut = CUT_SHORT.get((generation.finish_reason or "").lower())
    found = extract(generation.answer)
    if found is None or (cut and not found.conclusive):
        if cut:
            return Score(status=Status.TRUNCATED, reason=f"{cut} before an answer", scorer=scorer)
        if _REFUSAL.match(generation.answer):
            return Score(status=Status.REFUSED, reason="the text declines to answer", scorer=scorer)
        reason = "no answer found in the text" if generation.answer.strip() else "the answer is empty"
        return Score(status=Status.UNPARSED, reason=reason, scorer=scorer)
    judged = judge(found.answer)
    step = f"{found.step}/{judged.step}"
    status = Status.ERRORED if judged.value is None else Status.SCORED
    return Score(status=status, value=judged.value, answer=found.answer, step=step, reason=judged.reason, scorer=scorer)


def _without_answer(generation: Generation) -> tuple[Status, str] | None:
    if generation.failure is not None:
        return Status.ERRORED, f"{generation.failure.kind}: {generation.failure.message}"
    if (generation.finish_reason or "").lower() in REFUSED_BY_FILTER:
        return Status.REFUSED, f"finish reason {generation.finish_reason}"
    if not generation.reasoning_closed:
        cut = CUT_SHORT.get((generation.finish_reason or "").lower())
        return Status.TRUNCATED, "the reasoning never ended" + (f": {cut}" if cut else "")
    return None
