"""The `reasoning_gym` scorer: the package's own verifier judges the extracted answer.

The verifier runs in a worker process with a time limit: families differ, and some evaluate expressions.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from evalkit.codec import decode, encode
from evalkit.scoring import extract
from evalkit.scoring.grade import Judged, NeedsWorker, grade, needs_worker
from evalkit.scoring.pool import JobFailed, WorkerPool
from evalkit.tasks.sources import reasoning_gym_dataset
from evalkit.types import DatasetSpec, Generation, Item, Json, Score

_LIMIT_S = 10.0


class ReasoningGymScorer:
    """`scorer: reasoning_gym`. An answer with the verifier's full mark (1.0) is right, any other is wrong."""

    name = "reasoning_gym"
    version = "2"

    def __init__(self, args: Mapping[str, Json]) -> None:
        self._fallback = extract.allowed_fallback(self.name, args)
        self._pool = WorkerPool(_LIMIT_S, workers=1)

    def score(self, item: Item, generation: Generation) -> Score:
        """Grade one generation with the verifier of the item's family."""
        return self._grade(item, generation, self._verify)

    def score_at_once(self, item: Item, generation: Generation) -> Score | None:
        """The same, unless it takes the verifier."""
        try:
            return self._grade(item, generation, needs_worker)
        except NeedsWorker:
            return None

    def _grade(self, item: Item, generation: Generation, verify: Callable[[Item, str], Judged]) -> Score:
        def judge(answer: str) -> Judged:
            same = answer.strip() == str(item.target).strip()
            return Judged(1.0, "text") if same else verify(item, answer)

        return grade(
            generation,
            lambda text: extract.final_answer(text, self._fallback),
            judge,
            f"{self.name}@{self.version}",
        )

    def close(self) -> None:
        """Stop the worker."""
        self._pool.close()

    def _verify(self, item: Item, answer: str) -> Judged:
        try:
            mark = self._pool.run(verifier_mark, encode(item.metadata["generator"]), item.metadata["entry"], answer)
        except JobFailed as fault:
            return Judged(None, "verifier", str(fault))
        return Judged(float(mark >= 1.0), "verifier", None if mark in (0.0, 1.0) else f"partial mark {mark:g}")


def verifier_mark(generator: bytes, entry: Mapping[str, Json], answer: str) -> float:
    """The family's mark in [0, 1] for `answer`. Runs in a worker; `generator` is the JSON of its arguments."""
    return float(_family(generator).score_answer(answer, dict(entry)))


@functools.lru_cache(maxsize=64)
def _family(generator: bytes) -> Any:
    return reasoning_gym_dataset(DatasetSpec(path="reasoning_gym", kwargs=decode(generator)))
