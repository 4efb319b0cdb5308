"""The benchmarks' own solutions pass, item by item, through the scorer; what is broken as shipped is named here."""

from __future__ import annotations

import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from evalkit.scoring.code import CodeScorer
from evalkit.tasks import catalog
from evalkit.tasks.items import ItemLoader
from evalkit.types import Item, Score

FILES = {
    "humaneval": ("humaneval/test.jsonl", 164),
    "mbpp": ("mbpp/test.jsonl", 500),
    "humaneval_plus": ("humaneval_plus/test.jsonl.gz", 164),
    "mbpp_plus": ("mbpp_plus/test.jsonl.gz", 378),
}
"""Task -> its file, and how many items that has."""
BROKEN = {
    ("humaneval_plus", "HumanEval/32"): "its test gives the polynomial's coefficients as arguments: TypeError",
    ("mbpp_plus", "255"): "one right result is 935 MB of JSON, more than may cross between the processes",
}
"""(task, item) -> why no solution can pass."""


def rows(file: Path) -> list[dict[str, Any]]:
    opener = gzip.open if file.suffix == ".gz" else open
    with opener(file, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def own_solutions(task: str, folder: Path) -> list[tuple[str, Score]]:
    """Each item's name with the score of its own solution."""
    spec = next(e.task for e in catalog.scan() if e.task and e.task.name == task)
    found = rows(folder / FILES[task][0])
    scorer = CodeScorer(spec.scorer_args)

    def graded(one: tuple[Item, dict[str, Any]]) -> tuple[str, Score]:
        item, row = one
        return str(row["task_id"]), scorer.grade_answer(item, row.get("canonical_solution") or row["code"])

    try:
        with ThreadPoolExecutor(2) as threads:
            return list(threads.map(graded, zip(ItemLoader(folder).items(spec), found, strict=True)))
    finally:
        scorer.close()


@pytest.mark.parametrize(
    "task", ["humaneval", "mbpp", *(pytest.param(n, marks=pytest.mark.slow) for n in ("humaneval_plus", "mbpp_plus"))]
)
def test_the_own_solutions_pass(task: str, real_data: Path) -> None:
    scores = own_solutions(task, real_data)
    assert len(scores) == FILES[task][1]
    failed = {(task, name): score.reason or score.status for name, score in scores if score.value != 1.0}
    assert failed.keys() == {key for key in BROKEN if key[0] == task}, failed
