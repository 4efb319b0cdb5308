"""The `math-verify` scorer: that package alone decides which text is the answer and whether it is right.

As its authors use it: the gold is parsed as LaTeX, the whole answer text by all of its rules. Meant as a second opinion
beside `math`, which shares no line of the extraction with it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from evalkit.scoring import extract
from evalkit.scoring.grade import Extracted, Judged, grade
from evalkit.scoring.pool import JobFailed, WorkerPool
from evalkit.types import Generation, Item, Json, Score

_LIMIT_S = 2.0
_MAX_SHOWN = 500
_DOLLAR = re.compile(r"(?<!\\)\$")


class MathVerifyScorer:
    """`scorer: math-verify`. A `fallback` changes nothing: the package has its own guesses."""

    name = "math-verify"
    version = "1"

    def __init__(self, args: Mapping[str, Json]) -> None:
        extract.allowed_fallback(self.name, args)
        self._pool = WorkerPool(_LIMIT_S, libraries=("math_verify",))

    def score(self, item: Item, generation: Generation) -> Score:
        """Grade one generation against `item.target`."""
        judged = Judged(None, "verify")

        def find(text: str) -> Extracted | None:
            """Parsing and comparing are one job: what a worker has parsed is expensive to hand about."""
            nonlocal judged
            try:
                answer, right = self._pool.run(opinion, str(item.target), text)
            except JobFailed as fault:
                judged = Judged(None, "verify", str(fault))
                return Extracted("", "parse")
            if answer is None:
                return None
            judged = Judged(right, "verify", None if right is not None else "the gold is not LaTeX that can be parsed")
            return Extracted(answer, "parse", conclusive=r"\boxed" in text)

        return grade(generation, find, lambda answer: judged, f"{self.name}@{self.version}")

    def score_at_once(self, item: Item, generation: Generation) -> Score | None:
        """Always a worker's job, but for what has no answer to parse."""
        return None

    def close(self) -> None:
        """Stop the workers."""
        self._pool.close()


def opinion(target: str, text: str) -> tuple[str | None, float | None]:
    """(what was taken for the answer, whether it is right). Runs in a worker, under the pool's time limit.

    The package's own time-outs need the main thread and are switched off. None for what cannot be parsed.
    """
    import math_verify

    given = math_verify.parse(text, parsing_timeout=None)
    if not given:
        return None, None
    gold = math_verify.parse(
        target if _DOLLAR.search(target) else f"${target}$",
        extraction_config=[math_verify.LatexExtractionConfig()],
        parsing_timeout=None,
    )
    right = float(math_verify.verify(gold, given, timeout_seconds=None)) if gold else None
    return str(given[-1])[:_MAX_SHOWN], right
