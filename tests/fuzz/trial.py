"""One text given to the scorers: a status within the time, and never an exception. What fails is printed as a row."""

from __future__ import annotations

import json
import random
import time

from evalkit.clients.reasoning import split
from evalkit.contracts import GradesAnswers, Scorer
from evalkit.registry import SCORERS
from evalkit.types import Generation, Item, Status

LIMIT_S = 3.0  # a worker has one second of CPU; more than that with its waiting is a finding
SLOW = "slow"
TARGETS = (
    "18",
    r"\frac{1}{2}",
    r"\left( 3, \frac{\pi}{2} \right)",
    r"(-\infty, 2) \cup (3, \infty)",
    r"x^2 - 1",
    "1,-2",
    "52_8",
    r"90^\circ",
    r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}",
    r"\text{Evelyn}",
    "y = 2x + 3",
    r"\$32,\!348",
)


def started(name: str) -> Scorer:
    """A scorer whose workers have begun."""
    scorer: Scorer = SCORERS.get(name)({})
    scorer.score(Item(id="x", messages=(), target="x+1"), Generation(answer=r"\boxed{\int_0^1 \sin(x) dx}"))
    return scorer


def graded(scorer: Scorer, text: str, target: str) -> str | None:
    """What is wrong with the grading of a text by one scorer."""
    item = Item(id="x", messages=(), target=target)
    begun = time.perf_counter()
    try:
        reasoning, answer, closed = split(text)
        scores = [scorer.score(item, Generation(answer=answer, reasoning=reasoning, reasoning_closed=closed))]
        if isinstance(scorer, GradesAnswers):
            scores.append(scorer.grade_answer(item, text))
    except Exception as fault:  # exactly what is looked for
        return f"{type(fault).__name__}: {fault}"
    if time.perf_counter() - begun > LIMIT_S:
        return SLOW
    wrong = [s for s in scores if s.status not in Status or (s.status is Status.SCORED) != (s.value is not None)]
    return f"status {wrong[0].status} with value {wrong[0].value}" if wrong else None


class Trial:
    """Gives texts to the scorers and remembers what went wrong."""

    def __init__(self) -> None:
        self._scorers = {name: started(name) for name in ("math", "exact")}
        self.n_texts = 0
        self.findings = 0
        self._told: set[str] = set()

    def close(self) -> None:
        """Stop the workers."""
        for scorer in self._scorers.values():
            scorer.close()

    def fault(self, text: str, target: str) -> str | None:
        """What is wrong with the grading of a text, if anything."""
        self.n_texts += 1
        for name, scorer in self._scorers.items():
            fault = graded(scorer, text, target)
            if fault == SLOW:  # the machine may have been busy, and the scorer remembers: try another one
                again = started(name)
                fault = graded(again, text, target)
                again.close()
            if fault is not None:
                return f"{name}: {fault}"
        return None

    def tell(self, text: str, target: str, fault: str) -> None:
        """Print a finding as a row for cases/scoring/hostile.jsonl; an exception with the same message once."""
        if fault in self._told:
            return
        self.findings += 1
        if not fault.endswith(SLOW):
            self._told.add(fault)
        name = f"fuzz-{random.Random(text).getrandbits(32):08x}"
        print(json.dumps({"id": name, "target": target, "output": text, "found": fault}), flush=True)
