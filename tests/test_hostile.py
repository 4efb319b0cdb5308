"""Hostile answers: each is graded in bounded time and memory, nothing of it is executed, and the scorer lives on.

A row's `output` is a text, `{"repeat": text, "times": n}`, or a list of them; `target` is 18 unless it says otherwise.
`tox -e fuzz` looks for further rows.
"""

from __future__ import annotations

import json
import multiprocessing
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evalkit.clients.reasoning import split
from evalkit.contracts import GradesAnswers, Scorer
from evalkit.registry import SCORERS
from evalkit.types import Generation, Item, Score, Status

FILE = Path(__file__).parent / "cases" / "scoring" / "hostile.jsonl"
ROWS = [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]
LIMIT_S = 10.0  # a worker has one second of CPU, and the next may have to start first
MEMORY_MB = 600


def expand(spec: Any) -> str:
    if isinstance(spec, str):
        return spec
    if isinstance(spec, dict):
        return str(spec["repeat"]) * int(spec["times"])
    return "".join(expand(part) for part in spec)


def memory_mb() -> float:
    """The most that this process has had so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@pytest.fixture(scope="module", params=["math", "exact"])
def scorer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scorer]:
    """Its workers have begun, in an empty folder in which whatever is executed leaves a file."""
    folder = tmp_path_factory.mktemp("hostile")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        made: Scorer = SCORERS.get(request.param)({})
        made.score(item(r"\sin(x)"), Generation(answer=r"\boxed{\int_0^1 \sin(x) dx}"))
        before_mb = memory_mb()
        yield made
        assert list(folder.iterdir()) == [], "a text was executed"
        assert memory_mb() - before_mb < MEMORY_MB
        assert made.score(item("0.5"), Generation(answer=r"\boxed{1/2}")).status is Status.SCORED
        made.close()


def item(target: str) -> Item:
    return Item(id="x", messages=(), target=target)


@pytest.mark.parametrize("row", ROWS, ids=[row["id"] for row in ROWS])
def test_hostile_text_gets_a_status_in_time(scorer: Scorer, row: dict[str, Any]) -> None:
    text, asked = expand(row["output"]), item(row.get("target", "18"))
    for grade in graders(scorer):
        started = time.perf_counter()
        score = grade(asked, text)
        took_s = time.perf_counter() - started
        assert score.status in (Status.SCORED, Status.UNPARSED, Status.TRUNCATED, Status.REFUSED, Status.ERRORED)
        assert (score.status is Status.SCORED) == (score.value is not None)
        assert took_s < LIMIT_S, f"{took_s:.1f} s"
    if scorer.name == "math":
        assert scorer.score(item("0.5"), Generation(answer=rf"\boxed{{1/2}} {row['id']}")).value == 1.0


def graders(scorer: Scorer) -> list[Any]:
    """A whole output, reasoning included; and, where the scorer can, a bare answer."""

    def output(asked: Item, text: str) -> Score:
        reasoning, answer, closed = split(text)
        return scorer.score(asked, Generation(answer=answer, reasoning=reasoning, reasoning_closed=closed))

    return [output, scorer.grade_answer] if isinstance(scorer, GradesAnswers) else [output]


def test_a_cut_off_hostile_text_is_truncated(scorer: Scorer) -> None:
    for text in ("\\boxed{" * 1_000, "9" * 100_000, "answer: " * 1_000):
        score = scorer.score(item("18"), Generation(answer=text, finish_reason="length"))
        assert score.status is Status.TRUNCATED and score.value is None


def test_no_worker_is_left_behind() -> None:
    made: Scorer = SCORERS.get("math")({})
    before = {process.pid for process in multiprocessing.active_children()}
    made.score(item("x+1"), Generation(answer=expand(["\\boxed{", {"repeat": "9^{", "times": 50}, "x"])))
    made.close()
    assert {process.pid for process in multiprocessing.active_children()} <= before
