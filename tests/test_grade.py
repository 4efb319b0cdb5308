"""`evalkit grade`: answers of any origin, one by one or a file of them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import Cli

from evalkit import registry
from evalkit.types import Generation, Item, Score, Status

CASES = Path(__file__).parent / "cases" / "scoring"
FIELDS = {"id", "status", "value", "answer", "step", "reason"}


def write_rows(*rows: Any, name: str = "rows.jsonl") -> Path:
    file = Path(name)
    file.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return file


def results(file: str | Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(file).read_text(encoding="utf-8").splitlines()]


class Parrot:
    """A scorer that can do all that one may: it tells what it was given."""

    name = "parrot"
    version = "1"

    def __init__(self, args: dict[str, Any]) -> None:
        self.args = args

    def score(self, item: Item, generation: Generation) -> Score:
        if generation.answer == "raise":
            raise ZeroDivisionError("no such thing")
        seen = {
            "answer": generation.answer,
            "reasoning": generation.reasoning,
            "closed": generation.reasoning_closed,
            "finish": generation.finish_reason,
            "messages": item.messages,
            "metadata": item.metadata,
            "args": self.args,
        }
        return Score(status=Status.SCORED, value=float(generation.answer == item.target), answer=json.dumps(seen))

    def score_at_once(self, item: Item, generation: Generation) -> Score | None:
        return None

    def grade_answer(self, item: Item, answer: str) -> Score:
        return Score(status=Status.SCORED, value=float(answer == item.target), answer=answer, step="bare")

    def explain(self, item: Item, generation: Generation, bare: bool = False) -> list[tuple[str, str]]:
        return [("boxed", "nothing"), ("text", f"{generation.answer} against {item.target}")][not bare :]

    def close(self) -> None:
        pass


@pytest.fixture
def parrot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry.SCORERS, "_installed", lambda: {"parrot": f"{__name__}:Parrot"})


def test_one_answer(cli: Cli) -> None:
    result = cli("grade", "--target", "0.5", "--output-text", r"So \boxed{\frac12}.", "--json")
    assert result.code == 0, result.err
    assert (result.json["status"], result.json["value"], result.json["answer"]) == ("scored", 1.0, r"\frac12")
    shown = cli("grade", "--target", "18", "--output-text", "The answer is 19.").out
    assert "status:  scored" in shown and "value:   0.0" in shown and "answer:  19" in shown
    assert "reason:  no answer found" in cli("grade", "--target", "18", "--output-text", "Well.").out


def test_explain_shows_the_path(cli: Cli, parrot: None) -> None:
    shown = cli("grade", "--scorer", "parrot", "--target", "18", "--answer", "19", "--explain").out
    assert "step:    bare" in shown and "  boxed  nothing\n  text   19 against 18\n" in shown
    searched = ("--scorer", "parrot", "--target", "18", "--output-text", "19", "--explain")
    assert "boxed" not in cli("grade", *searched).out
    asked = cli("grade", "--scorer", "parrot", "--target", "18", "--answer", "19", "--explain", "--json").json
    assert asked["path"] == [["boxed", "nothing"], ["text", "19 against 18"]]
    assert cli("grade", "--scorer", "exact", "--target", "18", "--output-text", "answer: 18", "--explain").code == 0


def test_file_of_answers_and_outputs(cli: Cli, parrot: None) -> None:
    rows = write_rows(
        {"id": "a", "target": "7", "prediction": "7", "label": 1},
        {"id": "b", "target": "7", "output": "<think>hm</think>\n7", "question": "How many?", "choices": ["7", "8"]},
        {"id": 3, "target": "7", "output": "8", "finish_reason": "length", "args": {"own": 1}, "label": 1},
        {"target": 7, "output": "<think>never ends"},
    )
    result = cli("grade", "--scorer", "parrot", "--scorer-args", "given=2", "--input", rows, "--output", "out.jsonl")
    assert (result.code, result.out) == (0, "")
    found = results("out.jsonl")
    assert [set(row) for row in found] == [FIELDS] * 4
    assert [(row["id"], row["value"]) for row in found] == [("a", 1.0), ("b", 1.0), (3, 0.0), (4, 0.0)]
    assert found[0]["step"] == "bare"
    second, third, fourth = (json.loads(row["answer"]) for row in found[1:])
    assert second["reasoning"] == "hm" and second["metadata"] == {"choices": ["7", "8"]}
    assert second["messages"] == [["user", "How many?"]] and second["args"] == {"given": 2}
    assert third["finish"] == "length" and third["args"] == {"given": 2, "own": 1}
    assert (fourth["closed"], fourth["reasoning"], fourth["answer"]) == (False, "never ends", "")
    assert "4 rows: scored 4; mean value of the scored 0.5000" in result.err
    assert "of 2 labelled rows 0 false positives, 1 false negatives" in result.err


def test_a_row_of_the_usual_scorers(cli: Cli) -> None:
    rows = write_rows(
        {"id": "right", "target": "1/2", "output": r"<think>\boxed{3}</think> \boxed{0.5}"},
        {"id": "wrong", "target": "1/2", "output": r"\boxed{0.25}"},
        {"id": "none", "target": "1/2", "output": "I do not know"},
        {"id": "cut", "target": "1/2", "output": "<think>it is \\boxed{0.5}", "finish_reason": "length"},
    )
    result = cli("grade", "--input", rows)
    found = [json.loads(line) for line in result.out.splitlines()]
    assert [r["status"] for r in found] == ["scored", "scored", "unparsed", "truncated"]
    assert [r["value"] for r in found] == [1.0, 0.0, None, None]
    assert result.code == 0


BROKEN = [
    ("{nope", "not JSON"),
    ("[1]", "not an object"),
    ('{"id": 1, "prediction": "2"}', "no field target"),
    ('{"id": 1, "target": "2"}', "neither prediction nor output"),
    ('{"id": 1, "target": "2", "output": "2", "prediction": "2"}', "both prediction and output"),
    ('{"id": 1, "target": "2", "prediction": ["2"]}', "prediction must be one answer, not a list"),
    ('{"id": 1, "target": "2", "output": 2}', "must be texts"),
    ('{"id": 1, "target": "2", "output": "2", "args": 7}', "must be objects"),
    ('{"id": 1, "target": "2", "output": "raise"}', "ZeroDivisionError: no such thing"),
    ("[" * 100_000, "not JSON"),
]


@pytest.mark.parametrize(("line", "why"), BROKEN, ids=[why.split(":")[0] for _, why in BROKEN[:-1]] + ["deep"])
@pytest.mark.parametrize("jobs", [1, 3])
def test_broken_line_loses_nothing(cli: Cli, parrot: None, line: str, why: str, jobs: int) -> None:
    good = {"id": "good", "target": "7", "output": "7"}
    rows = write_rows(good, "", line, good)
    result = cli("grade", "--scorer", "parrot", "--input", rows, "--output", "out.jsonl", "--jobs", jobs)
    assert result.code == 1
    assert re.search(rf"rows\.jsonl:3: .*{why}", result.err)
    assert [r["status"] for r in results("out.jsonl")] == ["scored", "errored", "scored"]
    bad = results("out.jsonl")[1]
    assert why in bad["reason"] and bad["id"] == (1 if line.startswith('{"id"') else 3)


def test_bytes_that_are_no_text(cli: Cli) -> None:
    good = b'{"id": "\\ud800", "target": "7", "output": "\\\\boxed{7} \\ud800"}\n'
    Path("rows.jsonl").write_bytes(b'{"id": 1, "target": "\xff", "output": ""}\n' + good)
    assert cli("grade", "--input", "rows.jsonl", "--output", "out.jsonl").code == 1
    first, second = results("out.jsonl")
    assert (first["status"], second["status"], second["id"]) == ("errored", "scored", "\ud800")


def test_order_is_kept_with_many_jobs(cli: Cli) -> None:
    rows = write_rows(*({"id": n, "target": str(n), "output": rf"\boxed{{{n}.0}}"} for n in range(300)))
    assert cli("grade", "--input", rows, "--output", "out.jsonl", "--jobs", 4).code == 0
    assert [(r["id"], r["value"]) for r in results("out.jsonl")] == [(n, 1.0) for n in range(300)]


def test_diff_is_the_gate_for_a_changed_grader(cli: Cli) -> None:
    rows = write_rows(
        {"id": "a", "target": "7", "output": r"\boxed{7}"},
        {"id": "b", "target": "7", "output": r"\boxed{8}"},
        {"id": "new", "target": "7", "output": r"\boxed{8}"},
    )
    same = write_rows(
        {"id": "a", "status": "scored", "value": 1}, {"id": "b", "status": "scored", "value": 0}, name="same.jsonl"
    )
    assert cli("grade", "--input", rows, "--output", "out.jsonl", "--diff", same).code == 0
    assert cli("grade", "--input", rows, "--diff", "out.jsonl").code == 0
    other = write_rows(
        {"id": "a", "status": "unparsed", "reason": "nothing there"},
        {"id": "b", "status": "scored", "value": 0},
        {"id": "lost", "status": "scored", "value": 1.0, "answer": "9", "step": "boxed/text"},
        name="other.jsonl",
    )
    result = cli("grade", "--input", rows, "--diff", other)
    assert result.code == 1
    assert "a: unparsed (nothing there) -> scored 1 '7' (boxed/text)" in result.err
    assert "lost: scored 1 '9' (boxed/text) -> not graded" in result.err
    assert "1 rows came out otherwise than in other.jsonl, 1 of its rows were not graded" in result.err
    assert "new:" not in result.err


@pytest.mark.parametrize("name", ["math", "exact"])
def test_cases_of_the_tests_pass_through_the_command(cli: Cli, name: str) -> None:
    """A file of cases is its own expectation."""
    file = CASES / f"{name}.jsonl"
    result = cli("grade", "--scorer", name, "--input", file, "--output", os.devnull, "--diff", file)
    assert result.code == 0, result.err


def test_standard_input_and_output() -> None:
    rows = "".join(json.dumps({"id": n, "target": "7", "output": "#### 7"}) + "\n" for n in range(3))
    command = [sys.executable, "-m", "evalkit", "grade", "--input", "-", "--output", "-"]
    done = subprocess.run(command, input=rows, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["value"] for line in done.stdout.splitlines()] == [1.0] * 3
    assert "3 rows: scored 3" in done.stderr


def test_results_stream(parrot: None) -> None:
    from evalkit.grading import Grader

    taken = []

    def lines() -> Any:
        for n in range(100):
            taken.append(n)
            yield json.dumps({"id": n, "target": "7", "output": "7"}).encode()

    graded = Grader("parrot", {}).grade_lines(lines(), jobs=2)
    assert next(graded).id == 0
    assert len(taken) < 50, "it does not read the whole file first"


WRONG_USE = [
    ((), "give either --input"),
    (("--input", "x", "--target", "1"), "give either --input"),
    (("--target", "1"), "needs either --answer or --output-text"),
    (("--target", "1", "--answer", "1", "--output-text", "1"), "needs either"),
    (("--target", "1", "--answer", "1", "--scorer", "maths"), "did you mean math"),
    (("--target", "1", "--answer", "1", "--scorer-args", "fallbak=1"), "unknown scorer_args fallbak"),
    (("--target", "1", "--answer", "1", "--scorer-args", "what"), "neither KEY=VALUE nor"),
    (("--target", "1", "--answer", "1", "--scorer-args", "{what"), "not a JSON object"),
    (("--input", "missing.jsonl"), "cannot read missing.jsonl"),
    (("--input", "here.jsonl", "--output", "no/such/folder"), "cannot write no/such/folder"),
    (("--input", "here.jsonl", "--diff", "here.jsonl"), "here.jsonl:1: no object with a status"),
]


@pytest.mark.parametrize(("args", "message"), WRONG_USE, ids=range(len(WRONG_USE)))
def test_wrong_use_is_told(cli: Cli, args: tuple[str, ...], message: str) -> None:
    write_rows({"id": 1, "target": "1", "output": "1"}, name="here.jsonl")
    result = cli("grade", *args)
    assert (result.code, message in result.err) == (2, True), result.err
