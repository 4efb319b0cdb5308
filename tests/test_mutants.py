"""Solutions with one mistake fail: those that give another result on what the benchmark's own tests ask."""

from __future__ import annotations

import gzip
import json
import random
import warnings
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from support.behaviour import changes, passes
from support.mutants import mutants

from evalkit.scoring.sandbox import Sandbox
from evalkit.tasks import catalog
from evalkit.tasks.items import ItemLoader

pytestmark = pytest.mark.filterwarnings("ignore:invalid escape sequence")  # in the references of the data sets

AT_LEAST = 0.95
N_ITEMS, N_EACH, SEED = 20, 5, 7
FILES = {
    "humaneval": "humaneval/test.jsonl",
    "mbpp": "mbpp/test.jsonl",
    "humaneval_plus": "humaneval_plus/test.jsonl.gz",
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(workers=2) as box:
        yield box


def problems(task: str, folder: Path) -> list[dict[str, Any]]:
    """Each item's solution, tests as the task has them, and the function they call."""
    spec = next(e.task for e in catalog.scan() if e.task and e.task.name == task)
    file = folder / FILES[task]
    opener = gzip.open if file.suffix == ".gz" else open
    with opener(file, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    found = []
    for item, row in zip(ItemLoader(folder).items(spec), rows, strict=True):
        prompt = str(item.metadata.get("prompt") or "")
        code = row["prompt"] + row["canonical_solution"] if "canonical_solution" in row else row["code"]
        name = str(item.metadata["entry_point"])
        found.append({"id": item.id, "code": code, "tests": str(item.target), "given": prompt, "name": name})
    return found


def changed_ones(problem: dict[str, Any], n: int | None) -> list[str]:
    """Mutants of a problem's solution, or so many of them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the references' own syntax
        found = [code for _, code in mutants(problem["code"], problem["name"])]
    return found if n is None or len(found) <= n else random.Random(SEED).sample(found, n)


def tried(
    sandbox: Sandbox, some: list[dict[str, Any]], n: int | None, judge: dict[str, str] | None = None
) -> dict[str, Any]:
    """Counts of mutants; `judge` has tests whose inputs say what changes a result, in place of the items' own."""
    jobs = [(problem, code) for problem in some for code in changed_ones(problem, n)]

    def one(job: tuple[dict[str, Any], str]) -> tuple[bool, bool]:
        problem, code = job
        asked = judge[problem["id"]] if judge else problem["tests"]
        changing = changes(sandbox, problem["code"], code, asked, problem["name"])
        return changing, passes(sandbox, code, problem["tests"], problem["given"], problem["name"])

    with ThreadPoolExecutor(2) as threads:
        counts = Counter(ends := list(threads.map(one, jobs)))
    survivors = [f"{job[0]['id']}: {job[1]}" for job, end in zip(jobs, ends, strict=True) if end == (True, True)]
    return {
        "mutants": len(jobs),
        "changing": counts[True, False] + counts[True, True],
        "failed": counts[True, False],
        "failed_but_same": counts[False, False],
        "survivors": survivors,
    }


def sample(all_of_them: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return random.Random(SEED).sample(all_of_them, N_ITEMS)


@pytest.mark.parametrize("task", ["humaneval", "mbpp"])
def test_mutants_that_change_a_result_fail(task: str, sandbox: Sandbox, real_data: Path) -> None:
    found = tried(sandbox, sample(problems(task, real_data)), N_EACH)
    assert found["changing"] >= N_ITEMS
    assert found["failed"] >= AT_LEAST * found["changing"], found["survivors"]


@pytest.mark.slow
@pytest.mark.parametrize("task", ["humaneval", "mbpp"])
def test_all_mutants_that_change_a_result_fail(
    task: str, sandbox: Sandbox, real_data: Path, record_property: Any
) -> None:
    found = tried(sandbox, problems(task, real_data), None)
    record_property("mutants", {k: v for k, v in found.items() if k != "survivors"})
    assert found["changing"] >= 1000
    assert found["failed"] >= AT_LEAST * found["changing"], found["survivors"]
