"""The `code` scorer beyond its table of cases (`cases/scoring/code.jsonl`): contests, CRUXEval, suites, bad input."""

from __future__ import annotations

import base64
import json
import os
import pickle
import signal
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evalkit.clients import reasoning
from evalkit.errors import SandboxUnavailable, UsageError
from evalkit.scoring.code import CodeScorer
from evalkit.types import Generation, Item, SandboxChoice, Score

CASES = Path(__file__).parent / "cases" / "scoring"
PROMPT = 'def double(n):\n    """Twice n."""\n'
TESTS = (
    "def check(candidate):\n    assert candidate(2) == 4\n    assert candidate(0) == 0\n"
    "    assert candidate(-3) == -6\ncheck(double)"
)
QUICK = {"cpu_s": 1, "wall_s": 2, "memory_mb": 512}


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (CASES / name).read_text(encoding="utf-8").splitlines()]


def generation(text: str, finish_reason: str | None = "stop") -> Generation:
    trace, answer, closed = reasoning.split(text, "")
    return Generation(answer=answer, reasoning=trace, reasoning_closed=closed, finish_reason=finish_reason)


@pytest.fixture(scope="module")
def scorer() -> Iterator[CodeScorer]:
    made = CodeScorer(QUICK)
    yield made
    made.close()


@pytest.fixture(scope="module")
def contest() -> Iterator[CodeScorer]:
    made = CodeScorer({"tests": "cases", **QUICK})
    yield made
    made.close()


def check(score: Score, row: dict[str, Any]) -> None:
    assert (score.status, score.value) == (row["status"], row.get("value")), score
    assert score.detail.get("kind") == row.get("kind"), score
    assert row.get("reason", "") in (score.reason or ""), score
    if "tests" in row:
        assert score.detail["tests"] == row["tests"]
    assert ("sandbox" in score.detail) == (score.step is not None), "where it was run is said with every score"


def test_what_stands_in_the_reasoning_is_not_run(scorer: CodeScorer) -> None:
    item = Item(id="1", messages=(), target=TESTS, metadata={"prompt": PROMPT, "entry_point": "double"})
    text = "<think>```python\ndef double(n): return 3\n```</think>\n```python\ndef double(n): return n + n\n```"
    assert scorer.score(item, generation(text)).value == 1.0
    trace_only = text.partition("</think>")[0]
    assert scorer.score(item, generation(trace_only)).status == "truncated"


def test_ten_megabytes_of_code(scorer: CodeScorer) -> None:
    item = Item(id="1", messages=(), target=TESTS, metadata={"prompt": PROMPT, "entry_point": "double"})
    text = f"```python\n{PROMPT}    return 2 * n\n" + "x = 1\n" * 1_700_000 + "```"
    score = scorer.score(item, generation(text))
    assert (score.value, score.detail["kind"]) == (0.0, "compile")
    assert score.answer is not None and len(score.answer) < 100_000


def packed(tests: object) -> str:
    """As the hub stores private tests."""
    return base64.b64encode(zlib.compress(pickle.dumps(json.dumps(tests)))).decode()


@pytest.mark.parametrize("pack", [packed, json.dumps], ids=["packed", "plain"])
@pytest.mark.parametrize("row", rows("contest.jsonl"), ids=lambda r: r["name"])
def test_contests(contest: CodeScorer, row: dict[str, Any], pack: Any) -> None:
    metadata = {"public": "[]", "info": json.dumps({"func_name": row["func"]} if "func" in row else {})}
    item = Item(id="1", messages=(), target=pack(row["private"]), metadata=metadata)
    check(contest.score(item, generation(f"```python\n{row['code']}\n```")), {"status": "scored", **row})


def test_public_tests_come_first(contest: CodeScorer) -> None:
    public = [{"input": "", "output": "1", "testtype": "stdin"}]
    private = [{"input": "", "output": "2", "testtype": "stdin"}]
    item = Item(id="1", messages=(), target=packed(private), metadata={"public": json.dumps(public), "info": "{}"})
    assert contest.score(item, generation("```python\nprint(2)\n```")).detail["tests"] == "F"
    assert contest.score(item, generation("```python\nprint(1)\n```")).detail["tests"] == ".F"


class Runs:
    """A pickle that would run a program of its author's when it is read."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self._file}",)


@pytest.mark.parametrize("kind", ["hostile", "not base64", "not zlib", "no list", "no tests", "no fields", "no name"])
def test_private_tests_that_cannot_be_used(contest: CodeScorer, tmp_path: Path, kind: str) -> None:
    text = {
        "hostile": base64.b64encode(zlib.compress(pickle.dumps(Runs(tmp_path / "ran")))).decode(),
        "not base64": "%%%",
        "not zlib": base64.b64encode(b"no zlib").decode(),
        "no list": packed({"a": 1}),
        "no tests": "[]",
        "no fields": packed([{"input": ""}]),
        "no name": packed([{"input": "1", "output": "1", "testtype": "functional"}]),
    }[kind]
    item = Item(id="1", messages=(), target=text, metadata={"public": "[]", "info": "{}"})
    score = contest.score(item, generation("```python\nprint(1)\n```"))
    assert score.status == "errored" and score.reason and "the item" in score.reason
    assert not (tmp_path / "ran").exists(), "nothing of the data set's author is run here"


def cruxeval_item(what: str) -> Item:
    target = {
        "output": "assert answer() == [1, 2]",
        "input": "args, named = answer()\nassert f(*args, **named) == [1, 2]",
    }[what]
    given = "def f(xs):\n    return sorted(xs)"
    return Item(id="1", messages=(), target=target, metadata={"given": given})


@pytest.mark.parametrize(
    ("what", "text", "value"),
    [
        ("output", "[ANSWER][1, 2][/ANSWER]", 1.0),
        ("output", "[ANSWER]assert f([2, 1]) == [1, 2][/ANSWER]", 1.0),
        ("output", "[ANSWER]sorted([2, 1])[/ANSWER]", 1.0),
        ("output", "[ANSWER][2, 1][/ANSWER]", 0.0),
        ("output", "[ANSWER]type('All', (), {'__eq__': lambda self, other: True})()[/ANSWER]", 0.0),
        ("output", "[ANSWER][1, 2[/ANSWER]", 0.0),
        ("input", "[ANSWER]assert f([2, 1]) == [1, 2][/ANSWER]", 1.0),
        ("input", "[ANSWER]assert f(xs=[1, 2]) == [1, 2][/ANSWER]", 1.0),
        ("input", "[ANSWER]f([1, 3])[/ANSWER]", 0.0),
        ("input", "[ANSWER]assert f(globals().update(f=lambda *a: [1, 2]) or [5]) == [1, 2][/ANSWER]", 0.0),
    ],
)
def test_cruxeval(what: str, text: str, value: float) -> None:
    """The question's own function runs where the answer cannot reach it."""
    scorer = CodeScorer({"answer": what, **QUICK})
    try:
        score = scorer.score(cruxeval_item(what), generation(text))
    finally:
        scorer.close()
    assert (score.status, score.value) == ("scored", value), score


@pytest.mark.parametrize(
    ("what", "answer", "value"),
    [
        ("output", "[1, 2]", 1.0),
        ("output", "assert f([2, 1]) == [1, 2]", 1.0),
        ("output", "[ANSWER][1, 2][/ANSWER]", 1.0),
        ("output", "[2, 1]", 0.0),
        ("output", "f([2, 1])", 0.0),
        ("input", "[2, 1]", 1.0),
        ("input", "xs=[2, 1]", 1.0),
        ("input", "[2, 3]", 0.0),
        ("output", " ", None),
    ],
)
def test_a_bare_answer_is_the_expression(what: str, answer: str, value: float | None) -> None:
    scorer = CodeScorer({"answer": what, **QUICK})
    try:
        score = scorer.grade_answer(cruxeval_item(what), answer)
    finally:
        scorer.close()
    assert score.value == value, score


SUITE = (
    "import unittest\nfrom unittest.mock import patch\nclass TestCases(unittest.TestCase):\n"
    "    def test_one(self):\n        self.assertEqual(task_func(2), 4)\n"
    "    @patch('os.getcwd', return_value='here')\n    def test_two(self, _):\n"
    "        self.assertEqual(task_func('cwd'), 'here')\n"
)
RIGHT = "import os\ndef task_func(n):\n    return os.getcwd() if n == 'cwd' else 2 * n\n"


@pytest.mark.parametrize(
    ("code", "kind", "tests"),
    [
        (RIGHT, None, ".."),
        (RIGHT.replace("2 * n", "3 * n"), "wrong answer", "F"),
        (RIGHT.replace("os.getcwd()", "1 / 0"), "exception", ".F"),
        ("import sys\nsys.exit(0)", "exit", "F"),
        ("import os\nos._exit(0)", "exit", "F"),
        ("def task_func(:", "compile", "F"),
        ("import unittest\nunittest.TestCase.assertEqual = lambda *a: None\ndef task_func(n): pass", "tampered", "F"),
        (
            "import unittest\nunittest.TestCase.run = lambda self, result: result\ndef task_func(n): pass",
            "tampered",
            "F",
        ),
        ("import builtins\nbuiltins.AssertionError = Exception\ndef task_func(n): return 0", "tampered", "F"),
        (
            "import os, json\ndef task_func(n):\n    d = json.dumps({'kind': None, 'held': 2, 'word': ''}).encode()\n"
            "    os.write(4, len(d).to_bytes(4, 'big') + d)\n    os._exit(0)",
            "tampered",
            "F",
        ),
    ],
)
def test_suites_of_unittest(code: str, kind: str | None, tests: str) -> None:
    item = Item(id="1", messages=(), target=SUITE, metadata={"entry_point": "task_func"})
    scorer = CodeScorer({"tests": "unittest", **QUICK})
    try:
        score = scorer.score(item, generation(f"```python\n{code}\n```"))
    finally:
        scorer.close()
    assert (score.detail.get("kind"), score.detail["tests"]) == (kind, tests), score
    assert score.value == float(kind is None)


def test_a_worker_that_is_killed_costs_nothing(scorer: CodeScorer) -> None:
    item = Item(id="1", messages=(), target=TESTS, metadata={"prompt": PROMPT, "entry_point": "double"})
    answer = generation(f"```python\n{PROMPT}    return 2 * n\n```")
    assert scorer.score(item, answer).value == 1.0
    for pid in scorer._sandbox().pids():
        os.kill(pid, signal.SIGKILL)
    assert scorer.score(item, answer).value == 1.0


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"test": "code"}, "unknown argument 'test'"),
        ({"tests": "asserts"}, "tests must be one of code, cases, unittest"),
        ({"answer": "both"}, "answer must be one of output, input"),
        ({"libraries": "numpy"}, "libraries must be a list"),
        ({"libraries": ["os; import x"]}, "libraries must be a list"),
        ({"cpu_s": 0}, "cpu_s must be a positive number"),
        ({"memory_mb": "1G"}, "memory_mb must be a positive number"),
    ],
)
def test_wrong_arguments(args: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        CodeScorer(args)


def test_nothing_runs_without_a_sandbox_unless_it_is_said() -> None:
    with pytest.raises(SandboxUnavailable, match="--allow-unsafe-code"):
        CodeScorer({}, SandboxChoice(backend="none")).require()
    scorer = CodeScorer({}, SandboxChoice(backend="none", allow_unsafe=True))
    item = Item(id="1", messages=(), target=TESTS, metadata={"prompt": PROMPT, "entry_point": "double"})
    try:
        score = scorer.score(item, generation(f"```python\n{PROMPT}    return 2 * n\n```"))
    finally:
        scorer.close()
    assert score.value == 1.0 and str(score.detail["sandbox"]).startswith("none")
