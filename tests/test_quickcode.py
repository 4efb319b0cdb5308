"""The code problems of the quickstart suite: each is solvable, and its tests notice small mistakes."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.mutants import mutants

from evalkit.scoring.sandbox import Examination, Kind, Limits, Outcome, Sandbox, Source

FILE = Path(__file__).parents[1] / "tasks" / "quickstart" / "quickcode.jsonl"
ROWS = [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]
FIXED_ANSWERS = ("None", "True", "False", "0", "1", "''", "[]", "args[0]")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(workers=1) as box:
        yield box


def outcome(sandbox: Sandbox, row: dict[str, str], code: str) -> Outcome:
    return sandbox.examine(
        Examination(
            source=Source(variants=(code,)),
            tests=f"{row['test']}\ncheck({row['entry_point']})",
            given=row["prompt"],
            entry_point=row["entry_point"],
            limits=Limits(cpu_s=1, wall_s=5),
        )
    )


def test_there_are_twenty_and_each_has_what_a_problem_needs() -> None:
    assert len(ROWS) == len({row["id"] for row in ROWS}) == 20
    for row in ROWS:
        assert set(row) == {"id", "prompt", "entry_point", "canonical_solution", "test"}
        asserts = [n for n in ast.walk(ast.parse(row["test"])) if isinstance(n, ast.Assert)]
        assert len(asserts) >= 6, row["id"]
        function = ast.parse(row["prompt"]).body[-1]
        assert isinstance(function, ast.FunctionDef) and function.name == row["entry_point"]
        assert ast.get_docstring(function), row["id"]


@pytest.mark.parametrize("row", ROWS, ids=[row["id"] for row in ROWS])
def test_solution_passes_and_mistakes_fail(sandbox: Sandbox, row: dict[str, str]) -> None:
    solution = row["prompt"] + row["canonical_solution"]
    right = outcome(sandbox, row, solution)
    assert (right.kind, right.tests.strip(".")) == (None, ""), right.reason
    wrong = list(mutants(solution, row["entry_point"]))
    assert wrong
    wrong += [(f"always {text}", f"def {row['entry_point']}(*args):\n    return {text}\n") for text in FIXED_ANSWERS]
    survivors = [what for what, code in wrong if outcome(sandbox, row, code).kind is None]
    assert survivors == []
    assert outcome(sandbox, row, row["prompt"].replace(row["entry_point"], "other")).kind is Kind.EXCEPTION
