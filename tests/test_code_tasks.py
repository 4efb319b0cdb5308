"""The shipped code tasks on real data: which items they have, what is asked, and what judges the answer."""

from __future__ import annotations

import ast
import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest
from conftest import Cli

from evalkit.tasks import catalog
from evalkit.tasks.items import ItemLoader, ItemsDigest
from evalkit.types import Item, TaskSpec

pytestmark = pytest.mark.filterwarnings("ignore:invalid escape sequence")  # in the references of the data sets

MIRRORED = {
    "humaneval": "humaneval/test.jsonl",
    "humaneval_plus": "humaneval_plus/test.jsonl.gz",
    "mbpp": "mbpp/test.jsonl",
    "mbpp_plus": "mbpp_plus/test.jsonl.gz",
    "bigcodebench_hard": "bigcodebench_hard/test.jsonl",
    "cruxeval_output": "cruxeval/test.jsonl",
    "cruxeval_input": "cruxeval/test.jsonl",
}


@pytest.fixture(scope="module")
def tasks() -> dict[str, TaskSpec]:
    return {e.task.name: e.task for e in catalog.scan() if e.task and "code" in e.task.tags}


@pytest.fixture(params=MIRRORED)
def loaded(request: pytest.FixtureRequest, tasks: dict[str, TaskSpec], real_data: Path) -> tuple[TaskSpec, list[Any]]:
    """A task, and its items with the rows that they come from."""
    task, file = tasks[request.param], real_data / MIRRORED[request.param]
    opener = gzip.open if file.suffix == ".gz" else open
    with opener(file, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return task, list(zip(ItemLoader(real_data).items(task), rows, strict=True))


def asked(item: Item) -> str:
    return item.messages[-1][1]


def test_every_code_task_says_what_its_scorer_needs(tasks: dict[str, TaskSpec]) -> None:
    assert {*MIRRORED, "quickcode"} <= set(tasks)
    for task in tasks.values():
        assert (task.scorer, bool(task.licence or task.dataset.path.startswith("livecodebench"))) == ("code", True)
        assert task.n_items and task.title != task.name and task.samples >= 2


def test_the_items_are_the_pinned_ones(loaded: tuple[TaskSpec, list[Any]]) -> None:
    task, pairs = loaded
    digest = ItemsDigest()
    assert len(list(digest.watch(item for item, _ in pairs))) == task.n_items
    assert str(digest) == task.items_digest
    assert [item.id for item, _ in pairs] == [str(row.get("task_id", row.get("id"))) for _, row in pairs]


def test_tests_and_given_code_are_python(loaded: tuple[TaskSpec, list[Any]]) -> None:
    task, pairs = loaded
    for item, _ in pairs:
        assert "\r" not in item.target + asked(item)
        assert any(isinstance(n, ast.Assert | ast.ClassDef | ast.Call) for n in ast.walk(ast.parse(item.target)))
        assert item.metadata.keys() == task.scorer_fields.keys()
        if "prompt" in item.metadata:
            ast.parse(f"{item.metadata['prompt']}    pass\n")


def test_what_is_asked_holds_the_question_and_not_the_answer(loaded: tuple[TaskSpec, list[Any]]) -> None:
    task, pairs = loaded
    for item, row in pairs:
        text = asked(item)
        if task.name.startswith("humaneval"):
            assert row["prompt"].rstrip() in text and "```python" in text
        elif task.name.startswith("mbpp"):
            assert all(test.replace("\r", "") in text for test in row["test_list"])
        elif task.name.startswith("bigcodebench"):
            assert text.startswith(row["instruct_prompt"].strip()) and row["entry_point"] in text
        else:
            assert row["code"] in text and "[ANSWER]" in text and "[/ANSWER]" in text
            call = f"`f({row['input']})`"
            assert (call in text) == (task.name == "cruxeval_output")
        solution = row.get("canonical_solution", "").strip()
        assert not (len(solution) > 40 and solution in text), item.id


@pytest.mark.parametrize("loaded", [n for n in MIRRORED if not n.startswith("cruxeval")], indirect=True)
def test_the_entry_point_is_the_one_that_the_reference_defines(loaded: tuple[TaskSpec, list[Any]]) -> None:
    for item, row in loaded[1]:
        name = item.metadata["entry_point"]
        reference = row.get("code") or row.get("complete_prompt", row.get("prompt")) + "    pass\n"
        assert name in {n.name for n in ast.walk(ast.parse(reference)) if isinstance(n, ast.FunctionDef)}
        assert name in {n.id for n in ast.walk(ast.parse(item.target)) if isinstance(n, ast.Name)}


def test_mbpp_keeps_all_its_tests(tasks: dict[str, TaskSpec], real_data: Path) -> None:
    for item in ItemLoader(real_data).items(tasks["mbpp"]):
        assert sum(isinstance(n, ast.Assert) for n in ast.parse(item.target).body) == 3, item.id


def test_quickcode_shows_two_solved_examples_and_then_the_problem(tasks: dict[str, TaskSpec]) -> None:
    digest = ItemsDigest()
    items = list(digest.watch(ItemLoader().items(tasks["quickcode"])))
    assert str(digest) == tasks["quickcode"].items_digest
    for item in items:
        assert [role for role, _ in item.messages] == ["user", "assistant"] * 2 + ["user"]
        assert str(item.metadata["prompt"]).rstrip() in asked(item)
        for shown in (0, 2):
            turns = item.messages[shown : shown + 2]
            asks, solves = (text.split("```python\n")[1].split("\n```")[0] for _, text in turns)
            assert solves.startswith(asks) and len(solves) > len(asks)
            ast.parse(solves)


def test_the_ten_line_task_of_the_documentation_grades(cli: Cli) -> None:
    page = (Path(__file__).parents[1] / "docs" / "code-tasks.md").read_text(encoding="utf-8")
    task, rows = (re.findall(rf"```{kind}\n(.*?)```", page, re.DOTALL)[0] for kind in ("yaml", "json"))
    assert len(task.splitlines()) == 10
    Path("my_functions.yaml").write_text(task)
    Path("my_functions.jsonl").write_text(rows)
    answers = {"right": "    return n / 2\n", "wrong": "    return n // 2\n"}
    lines = [json.dumps({"id": name, "task_id": "1", "completion": code}) for name, code in answers.items()]
    Path("solutions.jsonl").write_text("\n".join(lines))
    done = cli("grade", "--task", "my_functions", "--tasks-dir", ".", "--input", "solutions.jsonl")
    assert done.code == 0, done.err
    graded = {row["id"]: row for row in map(json.loads, done.out.splitlines())}
    assert {name: row["value"] for name, row in graded.items()} == {"right": 1, "wrong": 0}, graded
