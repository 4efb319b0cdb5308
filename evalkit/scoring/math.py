"""The `math` scorer: numbers and expressions, compared by value.

Cheapest comparison first: equal text, exact rational arithmetic when both sides are plain numbers, and otherwise
math-verify in a worker process under a hard time limit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from evalkit.scoring import extract
from evalkit.scoring.grade import Judged, NeedsWorker, grade, needs_worker
from evalkit.scoring.numbers import NotOneNumber, in_base, number_with_unit, plain_number
from evalkit.scoring.pool import JobFailed, WorkerPool
from evalkit.types import Generation, Item, Json, Score

_MAX_EXPRESSION = 2_000
_LIMIT_S = 5.0


class MathScorer:
    """`scorer: math`, with `scorer_args: {fallback: last_number | last_line}` for tasks that allow a guess."""

    name = "math"
    version = "1"

    def __init__(self, args: Mapping[str, Json]) -> None:
        self._fallback = extract.allowed_fallback(self.name, args)
        self._pool = WorkerPool(_LIMIT_S)

    def score(self, item: Item, generation: Generation) -> Score:
        """Grade one generation against `item.target`."""
        return self._grade(item, generation, self._compare)

    def score_at_once(self, item: Item, generation: Generation) -> Score | None:
        """The same, unless it takes symbolic algebra."""
        try:
            return self._grade(item, generation, needs_worker)
        except NeedsWorker:
            return None

    def _grade(self, item: Item, generation: Generation, compare: Callable[[str, str], Judged]) -> Score:
        return grade(
            generation,
            lambda text: extract.final_answer(text, self._fallback),
            lambda answer: _judge(str(item.target), answer, compare),
            f"{self.name}@{self.version}",
        )

    def _compare(self, target: str, answer: str) -> Judged:
        try:
            equal = self._pool.run(symbolically_equal, target, answer)
        except JobFailed as fault:
            return Judged(0.0, "math-verify", f"could not be compared: {fault}")
        return Judged(float(equal), "math-verify")

    def close(self) -> None:
        """Stop the workers."""
        self._pool.close()


def _judge(target: str, answer: str, compare: Callable[[str, str], Judged]) -> Judged:
    if _squeeze(target) == _squeeze(answer):
        return Judged(1.0, "text")
    theirs, ours = in_base(target), in_base(answer)
    if theirs and ours and (theirs.base or ours.base):
        return Judged(float(theirs.agrees(ours)), "base")
    wanted = plain_number(target)
    try:
        given = number_with_unit(answer)
    except NotOneNumber:
        given = None
        if wanted is not None:
            return Judged(0.0, "number", "words or digits after the number make it another one")
    if wanted is not None and given is not None:
        return Judged(float(wanted == given), "number")
    if len(answer) > _MAX_EXPRESSION:
        return Judged(0.0, "too_long", f"the answer has {len(answer)} characters")
    return compare(target, answer)


def symbolically_equal(target: str, answer: str) -> bool:
    """math-verify's opinion. Runs in a worker: its own time-outs need the main thread and are switched off."""
    import math_verify

    def parse(text: str) -> list[Any]:
        wrapped = text if "$" in text else f"${text}$"
        parsed: list[Any] = math_verify.parse(wrapped, parsing_timeout=None)
        return parsed

    gold, given = parse(target), parse(answer)
    return bool(gold) and bool(given) and bool(math_verify.verify(gold, given, timeout_seconds=None))


def _squeeze(text: str) -> str:
    """Without spaces that mean nothing; between two digits a space means something."""
    text = re.sub(r"(?<=\d)(?:\s|\\[,;: ])+(?=\d)", "\N{SYMBOL FOR SPACE}", text)
    return re.sub(r"\s+|\\[,;:! ]|^\$+|\$+$", "", text).rstrip(".")
