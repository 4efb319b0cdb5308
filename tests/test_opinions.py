"""Further opinions on a run: a second scorer, a judge, and the lists of what to read."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Cli
from support.endpoint import Endpoint, Reply

from evalkit.registry import SCORERS
from evalkit.review import contains
from evalkit.scoring.extract import boxed
from evalkit.scoring.grade import Judged, grade
from evalkit.types import Generation, Item, Score


class Boxes:
    """A scorer that reads boxes and nothing else, so that what is unparsed here stays so."""

    name = "boxes"
    version = "1"

    def __init__(self, args: dict[str, Any]) -> None:
        pass

    def score(self, item: Item, generation: Generation) -> Score:
        return grade(generation, boxed, lambda text: Judged(float(text == item.target), "text"), "boxes@1")

    score_at_once = score

    def close(self) -> None:
        pass


@pytest.fixture(autouse=True)
def boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SCORERS._builtin, "math", f"{__name__}:Boxes")


def number(body: dict[str, Any]) -> int:
    return int(re.search(r"What is (\d+)", body["messages"][-1]["content"])[1])  # type: ignore[index]


def answers(body: dict[str, Any]) -> Reply:
    """Right but for: 1 and 3 say it in a way that only math-verify reads, 2 is wrong, 4 says nothing, 5 never ends."""
    i = number(body)
    texts = {
        1: f"Adding them up, I get ${2 * i}$",
        2: r"\boxed{7}",
        3: "\x1b]0;title\x07\u202ethere were 6 of them, [bold]surely[/bold] :bomb:",
        4: "I cannot tell",
    }
    if i == 5:
        return Reply(content="<think>and then")
    return Reply(content=texts.get(i, rf"So \boxed{{{2 * i}}}"))


def run(cli: Cli, data: Path, *more: object, script: Callable[[dict[str, Any]], Reply] = answers) -> Any:
    with Endpoint(script) as endpoint:
        model = ["-m", "openai:test-model", "--base-url", endpoint.url, "--data-dir", data]
        result = cli("run", "gsm8k", *model, "--quiet", "--limit", 8, *more)
    assert result.code == 0, result.err
    return result


def only_run() -> Path:
    return next(p for p in Path("runs").iterdir() if not p.name.startswith("."))


def rows(sql: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(only_run() / "samples.sqlite") as db:
        return db.execute(sql).fetchall()


SCORES = "SELECT item, status, value, answer, step, reason, scorer FROM samples ORDER BY item"


def test_a_second_grader_of_a_run(cli: Cli, data_dir: Path) -> None:
    task = run(cli, data_dir, "--second-grader", "math-verify", "--json").json["tasks"][0]
    [opinion] = task["opinions"]
    assert opinion["grader"] == "math-verify@1" and not opinion["only_unparsed"]
    assert opinion["agreement"] == {"n": 8, "both_right": 3, "both_wrong": 3, "only_first": 0, "only_second": 2}
    assert opinion["mean"] == pytest.approx(5 / 8)
    assert task["estimate"]["headline"]["value"] == pytest.approx(3 / 8), "the score is that of the task's scorer"
    assert rows("SELECT status FROM opinions WHERE item=5") == [("truncated",)]
    assert json.loads((only_run() / "summary.json").read_text())["tasks"][0]["opinions"] == task["opinions"]


def test_opinions_of_a_stored_run_are_resumed_and_shown(cli: Cli, data_dir: Path) -> None:
    run(cli, data_dir)
    before = rows(SCORES)
    shown = cli("score", only_run(), "--second-grader", "math-verify")
    assert shown.code == 0 and "math-verify: 8 answers graded a second time" in shown.err
    assert "by math-verify@1 %" in shown.out and "right only by the score 0, only by this grader 2" in shown.out
    assert rows(SCORES) == before
    with sqlite3.connect(only_run() / "samples.sqlite") as db:
        db.execute("DELETE FROM opinions WHERE item < 3")
    again = cli("score", only_run(), "--second-grader", "math-verify")
    assert "math-verify: 3 answers graded a second time" in again.err
    assert cli("report", only_run()).code == 0
    assert "by math-verify@1 %" in (only_run() / "report.html").read_text()
    assert cli("score", only_run(), "--second-grader", "math-verfy").code == 2
    assert cli("score", only_run(), "--second-grader", "math-verify", "--diff").code == 2


def test_a_new_answer_has_no_old_opinion(cli: Cli, data_dir: Path) -> None:
    run(cli, data_dir, "--second-grader", "math-verify")
    with Endpoint(lambda body: Reply(content=rf"\boxed{{{2 * number(body)}}}")) as endpoint:
        again = ["--resume", only_run(), "--retry", "unparsed", "--base-url", endpoint.url]
        assert cli("run", *again, "--quiet").code == 0
        assert {item for (item,) in rows("SELECT item FROM opinions")} == {0, 2, 5, 6, 7}
        resumed = cli("run", *again[:2], "--second-grader", "math-verify", "--quiet", "--json")
    assert resumed.json["tasks"][0]["opinions"][0]["agreement"]["n"] == 8


def test_other_golds_other_opinions(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "data" / "svamp").mkdir(parents=True)
    row = {"ID": "chal-680", "question_concat": "How many apples?", "Answer": 1.0}
    (tmp_path / "data" / "svamp" / "all1000.jsonl").write_text(json.dumps(row) + "\n")
    with Endpoint(lambda body: Reply(content=r"\boxed{5}")) as endpoint:
        options = ["--base-url", endpoint.url, "--data-dir", tmp_path / "data", "--quiet"]
        assert cli("run", "svamp", "-m", "openai:test-model", *options, "--second-grader", "math-verify").code == 0
    assert rows("SELECT value FROM opinions") == [(1.0,)], "corrected golds hold for every grader"
    shown = cli("audit", only_run())
    assert "scored against a corrected gold: 1" in shown.out and "published gold '1.0'" in shown.out
    assert cli("score", only_run(), "--errata", "off").code == 0
    assert rows("SELECT value FROM opinions") == []
    assert "no score is against a corrected gold" in cli("audit", only_run()).out


def test_the_audit_lists_what_to_read(cli: Cli, data_dir: Path) -> None:
    run(cli, data_dir, "--second-grader", "math-verify")
    found = cli("audit", only_run(), "--json").json
    assert [t["task"] for t in found["tasks"]] == ["gsm8k"] and found["tasks"][0]["audit"]
    lists = found["review"]
    assert [c["targets"] for c in lists["disagreements"]["cases"]] == [["2"], ["6"]]
    case = lists["disagreements"]["cases"][0]
    assert case["score"]["status"] == "unparsed" and case["tail"].endswith("I get $2$")
    assert [(o["scorer"], o["value"]) for o in case["opinions"]] == [("math-verify@1", 1.0)]
    assert lists["missed"]["n"] == 2 and lists["corrected"] == {"n": 0, "cases": []}

    shown = cli("audit", only_run()).out
    assert "graders disagree: 2" in shown and "unparsed, but the text contains the target: 2" in shown
    assert "boxes@1  unparsed (no answer" in shown and "math-verify@1  scored 1: '2'" in shown
    assert not re.search(r"[\x00-\x09\x0b-\x1f\u202e]", shown), "a model's text does not steer the terminal"
    assert "[bold]surely[/bold] :bomb:" in shown, "nor the markup"
    few = cli("audit", only_run(), "--limit", 1).out
    assert few.count("and 1 more (--limit)") == 2
    assert len(cli("audit", only_run(), "--limit", 0, "--json").json["review"]["missed"]["cases"]) == 0


def judging(body: dict[str, Any]) -> Reply:
    """Says that the text of item 3 is right, and chats about the others."""
    text = body["messages"][-1]["content"]
    return Reply(content="Correct." if "there were 6 of them" in text else "I think it is CORRECT, well done")


def test_a_judge_is_asked_about_unparsed_answers_only(
    cli: Cli, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUDGE_KEY", "sk-a-very-secret-judge")
    run(cli, data_dir)
    before = rows(SCORES)
    with Endpoint(judging, model="wise", key="sk-a-very-secret-judge") as endpoint:
        judge = ["--judge", "openai:wise", "--base-url", endpoint.url, "--api-key-env", "JUDGE_KEY"]
        shown = cli("score", only_run(), *judge)
        assert shown.code == 0, shown.err
        assert "wise: 3 unparsed answers judged" in shown.err
        assert len(endpoint.bodies) == 3 and all(b["temperature"] == 0 for b in endpoint.bodies)
        assert cli("score", only_run(), *judge).code == 0
        assert len(endpoint.bodies) == 3, "nobody is asked twice"
    prompt = next(b["messages"][0]["content"] for b in endpoint.bodies if "there were 6" in b["messages"][0]["content"])
    [mark] = set(re.findall(r"^--- .* ([0-9a-f]{16})$", prompt, re.MULTILINE))
    assert prompt.count(mark) == 5 and f"--- right answer {mark}\n6\n" in prompt
    assert rows(SCORES) == before
    assert "judge:wise on 3 unparsed answers: 1 right, 0 wrong, 2 without a verdict (not in the score)" in shown.out
    assert "by judge:wise %" in shown.out
    [task] = json.loads((only_run() / "summary.json").read_text())["tasks"]
    assert task["opinions"][0]["mean"] == pytest.approx(4 / 8)
    assert task["estimate"]["headline"]["value"] == pytest.approx(3 / 8)
    assert "judge:wise  scored 1" in cli("audit", only_run()).out
    assert cli("report", only_run()).code == 0
    for file in only_run().iterdir():
        assert b"very-secret" not in file.read_bytes(), file


def test_a_judge_that_fails_is_said_and_asked_again(cli: Cli, data_dir: Path) -> None:
    run(cli, data_dir)
    with Endpoint(lambda body: Reply(status=400, error={"message": "no"}), model="wise") as endpoint:
        failed = cli("score", only_run(), "--judge", "openai:wise", "--base-url", endpoint.url)
        assert failed.code == 0 and "3 requests failed (http_400: 3)" in failed.err
        assert rows("SELECT count(*) FROM opinions") == [(0,)]
        endpoint.script = judging
        assert (
            "3 unparsed answers judged"
            in cli("score", only_run(), "--judge", "openai:wise", "--base-url", endpoint.url).err
        )
    gone = cli("score", only_run(), "--judge", "openai:other", "--base-url", endpoint.url)
    assert gone.code == 1 and "cannot reach" in gone.err and "Traceback" not in gone.err
    refused = cli("score", only_run(), "--base-url", endpoint.url)
    assert refused.code == 2 and "--base-url goes with --judge" in refused.err
    assert cli("score", only_run(), "--judge", "wise").code == 2


CONTAINS = [
    ("there were 6 of them", "6", True),
    ("there were 16 of them, 60 or 6.5 or 6,000", "6", False),
    ("so 6.", "6", True),
    ("6,000 in all", "6000", True),
    ("it is -6", "6", False),
    ("it is 6.00", "6", True),
    ("it is 6", "6.0", True),
    ("it is 0.5", "0.50", True),
    ("it is 0.51", "0.5", False),
    ("the Yes it is", "yes", True),
    ("yesterday", "yes", False),
    (r"we get $\frac{ 1 }{2}$ here", r"\frac{1}{2}", True),
    ("anything", "", False),
    ("anything", "$", False),
]


@pytest.mark.parametrize(("text", "target", "expected"), CONTAINS)
def test_contains(text: str, target: str, expected: bool) -> None:
    assert contains(text, target) == expected


DAMAGE = [
    ("UPDATE opinions SET status='weird'", ["audit", "report"], "is damaged"),
    ("UPDATE opinions SET item=99 WHERE item=1", ["score", "report"], "item 99 of gsm8k is damaged"),
]


@pytest.mark.parametrize(("edit", "command", "words"), [(e, c, w) for e, commands, w in DAMAGE for c in commands])
def test_damaged_opinions_are_named(cli: Cli, data_dir: Path, edit: str, command: str, words: str) -> None:
    run(cli, data_dir, "--second-grader", "math-verify")
    with sqlite3.connect(only_run() / "samples.sqlite") as db:
        db.execute(edit)
    result = cli(command, only_run())
    assert result.code == 2 and words in result.err and "Traceback" not in result.err
