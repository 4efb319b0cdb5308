"""The `math` scorer: numbers and expressions, compared by value.

`extract` says which text is the answer, `equivalence` whether it is the target. What only a computer algebra system can
read goes to math-verify in a worker process under a hard time limit.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from typing import Any

from evalkit.errors import UsageError
from evalkit.scoring import extract
from evalkit.scoring.equivalence import Symbolic, Tolerance, compare
from evalkit.scoring.grade import Extracted, Judged, NeedsWorker, grade, needs_worker
from evalkit.scoring.last_sentence import Wanted
from evalkit.scoring.pool import JobFailed, WorkerPool
from evalkit.types import Generation, Item, Json, Score

_LIMIT_S = 1.0
_CACHED = 20_000
_BRACKETS = re.compile(r"[(\[{][^()\[\]{}]*[)\]}]")
_WORDS = re.compile(r"(?:\\text\{)?[A-Za-z]{3,}(?:[ '-][A-Za-z]+)*\}?")
_LIST = re.compile(r",(?!\d{3}(?!\d))|;|\\pm|±|\bor\b|\band\b")


class MathScorer:
    """`scorer: math`.

    `scorer_args`: `fallback` (`final_sentence`, `last_number`, `last_line`, `none`) says what is read where no answer
    is announced; `relative`, `absolute` allow that far from the target.
    """

    name = "math"
    version = "2"

    def __init__(self, args: Mapping[str, Json]) -> None:
        self._fallback = extract.allowed_fallback(self.name, args, "relative", "absolute", default="final_sentence")
        self._tolerance = _tolerance(args)
        self._pool = WorkerPool(_LIMIT_S, libraries=("math_verify",))
        # An answer that many samples give is compared once; what needs a worker is not kept by the first of these.
        self._judge_at_once = functools.lru_cache(maxsize=_CACHED)(
            functools.partial(self._compare, symbolic=needs_worker)
        )
        self._judge = functools.lru_cache(maxsize=_CACHED)(functools.partial(self._compare, symbolic=self._algebra))

    def score(self, item: Item, generation: Generation) -> Score:
        """Grade one generation against `item.target`."""
        return self._grade(item, generation, self._judge)

    def score_at_once(self, item: Item, generation: Generation) -> Score | None:
        """The same, unless it takes symbolic algebra."""
        try:
            return self._grade(item, generation, self._judge_at_once)
        except NeedsWorker:
            return None

    def grade_answer(self, item: Item, answer: str) -> Score:
        """Grade what already is the answer: only a box or an announcement around it is looked for."""
        return self._grade(item, Generation(answer=answer), self._judge, self._finder(item, bare=True))

    def explain(self, item: Item, generation: Generation, bare: bool = False) -> list[tuple[str, str]]:
        """Each extraction and comparison step that was tried, and what came of it."""
        trail = list[tuple[str, str]]()
        judge = functools.partial(self._compare, symbolic=self._algebra, trail=trail)
        self._grade(item, generation, judge, self._finder(item, trail, bare))
        return trail

    def close(self) -> None:
        """Stop the workers."""
        self._pool.close()

    def _grade(
        self,
        item: Item,
        generation: Generation,
        judge: Callable[[str, str], Judged],
        find: Callable[[str], Extracted | None] | None = None,
    ) -> Score:
        target = str(item.target)
        return grade(
            generation, find or self._finder(item), lambda answer: judge(target, answer), f"{self.name}@{self.version}"
        )

    def _finder(
        self, item: Item, trail: list[tuple[str, str]] | None = None, bare: bool = False
    ) -> Callable[[str], Extracted | None]:
        """How the answer to `item` is found; `bare` in a text that is nothing else."""
        several = _is_list(str(item.target))
        if bare:
            return functools.partial(bare_answer, several=several, trail=trail)
        question = next((content for role, content in reversed(item.messages) if role == "user"), "")
        return functools.partial(
            extract.final_answer,
            fallback=self._fallback,
            wanted=Wanted(question=question, several=several, words=_is_words(str(item.target))),
            trail=trail,
        )

    def _compare(
        self, target: str, answer: str, symbolic: Symbolic, trail: list[tuple[str, str]] | None = None
    ) -> Judged:
        return compare(target, answer, tolerance=self._tolerance, symbolic=symbolic, trail=trail)

    def _algebra(self, target: str, answer: str) -> Judged:
        try:
            equal = self._pool.run(symbolically_equal, target, answer)
        except JobFailed as fault:
            return Judged(0.0, "math-verify", f"could not be compared: {fault}")
        return Judged(float(equal), "math-verify")


def bare_answer(text: str, several: bool = False, trail: list[tuple[str, str]] | None = None) -> Extracted | None:
    """The answer of a text that is nothing else."""
    found = extract.explicit_answer(text, several, trail)
    if found is not None:
        return found
    return Extracted(text.strip(), "bare") if text.strip() else None


def symbolically_equal(target: str, answer: str) -> bool:
    """math-verify's opinion. Runs in a worker: its own time-outs need the main thread and are switched off."""
    import math_verify

    def parse(text: str) -> list[Any]:
        wrapped = text if "$" in text else f"${text}$"
        parsed: list[Any] = math_verify.parse(wrapped, parsing_timeout=None)
        return parsed

    gold, given = parse(target), parse(answer)
    return bool(gold) and bool(given) and bool(math_verify.verify(gold, given, timeout_seconds=None))


@functools.lru_cache(maxsize=4096)
def _is_list(target: str) -> bool:
    if len(target) > 2_000:
        return False
    outside = target.replace("{,}", "").replace(r"\,", "").replace(r"\!", "")
    while (inner := _BRACKETS.sub(" ", outside)) != outside:  # `(0, 0)` is one answer
        outside = inner
    return _LIST.search(outside) is not None


@functools.lru_cache(maxsize=4096)
def _is_words(target: str) -> bool:
    """`\\text{Evelyn}`, `odd`: nothing that a number or a formula could be."""
    return len(target) < 100 and _WORDS.fullmatch(target.strip()) is not None


def _tolerance(args: Mapping[str, Json]) -> Tolerance | None:
    given = {name: args[name] for name in ("relative", "absolute") if args.get(name) is not None}
    for name, size in given.items():
        if isinstance(size, bool) or not isinstance(size, int | float) or not 0 <= size < float("inf"):
            raise UsageError(f"scorer math: {name} must be a number of at least 0, not {size!r}")
    return Tolerance(**given) if given else None
