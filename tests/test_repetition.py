"""Answers that only repeat themselves: the search itself, and what becomes of a run that looks for them."""

from __future__ import annotations

import asyncio
import json
import random
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from conftest import Cli
from support.endpoint import Endpoint, Reply, ask
from support.faulty import FAULTS, Exchange, FaultyEndpoint, event

from evalkit.clients.repetition import RepetitionDetector, period
from evalkit.types import Sampling


def by_definition(text: str, longest: int) -> int | None:
    for p in range(1, longest + 1):
        if all(text[i] == text[i + p] for i in range(len(text) - p)):
            return p
    return None


def test_the_period_is_that_of_the_definition() -> None:
    dice = random.Random(5)
    n_found = 0
    for _ in range(5000):
        piece = "".join(dice.choice("ab") for _ in range(dice.randint(1, 9)))
        text = (piece * 20)[: dice.randint(4, 40)]
        if dice.random() < 0.4:  # one character that does not fit
            at = dice.randrange(len(text))
            text = text[:at] + dice.choice("abc") + text[at + 1 :]
        longest = dice.randint(1, len(text) // 2)
        assert period(text, longest) == by_definition(text, longest), (text, longest)
        n_found += period(text, longest) is not None
    assert 500 < n_found < 4500


@pytest.mark.parametrize(("text", "longest"), [("", 1), ("a", 1), ("aa", 0), ("abcd", 3)])
def test_no_period_where_none_can_be(text: str, longest: int) -> None:
    assert period(text, longest) is None


LOOP = "Wait, let me check this once more. "
HONEST = [
    "".join(f"Step {i}: add {i} and {i + 1} to get {2 * i + 1}. " for i in range(2000)),
    "-" * 300 + "".join(f"| {i} | {i * i} |\n" for i in range(2000)),
    "1/7 = 0." + "142857" * 60 + "... and so on, up to rounding. " + "".join(str(i) for i in range(4000)),
]


def ends_at(text: str, window: int, pieces: list[int]) -> int | None:
    detector, at, turn = RepetitionDetector(window), 0, 0
    while at < len(text):
        piece = text[at : at + pieces[turn % len(pieces)]]
        found = detector.feed(piece)
        if found is not None:
            return at + found
        at, turn = at + len(piece), turn + 1
    return None


@pytest.mark.parametrize("pieces", [[1], [3, 7], [1000], [100_000]])
def test_the_place_does_not_depend_on_the_pieces(pieces: list[int]) -> None:
    text = HONEST[0][:3456] + LOOP * 400
    found = ends_at(text, 800, pieces)
    assert found == ends_at(text, 800, [1])
    assert found is not None and 3456 + 800 <= found <= 3456 + 800 + 200 + len(LOOP)


@pytest.mark.parametrize("text", HONEST, ids=["steps", "table", "digits"])
def test_honest_texts_go_on(text: str) -> None:
    assert ends_at(text, 2000, [50]) is None


def test_a_loop_that_is_left_is_no_runaway_unless_it_fills_the_window() -> None:
    assert ends_at(HONEST[0][:500] + LOOP * 20 + HONEST[0][500:3000], 2000, [9]) is None


@pytest.mark.parametrize("reasoning", [None, LOOP * 300])
def test_streamed_or_not_the_generation_is_the_same(reasoning: str | None) -> None:
    content = "First some words. " + LOOP * 300
    with Endpoint(lambda body: Reply(content=content, reasoning=reasoning)) as endpoint:
        streamed, whole = (ask(endpoint, Sampling(max_repetition=800), stream=s) for s in (True, False))
        free = ask(endpoint)
    assert (streamed.answer, streamed.reasoning) == (whole.answer, whole.reasoning)
    assert streamed.finish_reason == whole.finish_reason == "repetition"
    assert 800 <= len(streamed.answer) + len(streamed.reasoning) < 1100
    assert free.finish_reason == "stop" and free.answer == content


def endless(left: threading.Event) -> Callable[[Exchange], Awaitable[None]]:
    """A fault that streams for ever, until the client goes."""

    async def fault(x: Exchange) -> None:
        await x.head()
        try:
            while True:
                await x.send(event({"content": LOOP}))
                await asyncio.sleep(0)
        finally:
            left.set()

    return fault


def test_an_endless_answer_is_ended_and_truncated(cli: Cli, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = threading.Event()
    monkeypatch.setitem(FAULTS, "endless", endless(left))
    with FaultyEndpoint(lambda number, before: "endless" if number == 3 else None) as endpoint:
        args = ["run", "gsm8k", "-m", "openai:test-model", "--base-url", endpoint.url, "--data-dir", data_dir, "--json"]
        result = cli(*args, "--quiet", "--max-repetition", 1000)
        assert left.wait(10), "the connection is closed, so the server can stop"
    assert result.code == 0, result.err
    (task,) = result.json["tasks"]
    assert task["statuses"] == {"scored": 19, "truncated": 1}
    assert task["totals"]["reasons"]["truncated"] == {"the text only repeats itself before an answer": 1}
    assert "only repeats itself" in " ".join(task["audit"])
    run = next(Path("runs").iterdir())
    assert json.loads((run / "run.json").read_text())["spec"]["tasks"][0]["sampling"]["max_repetition"] == 1000
    refused = cli("run", "--resume", run, "--max-repetition", 2000)
    assert refused.code == 2 and "--max-repetition" in refused.err
    compared = cli("compare", run, "--against", "gpt-4o", "--json").json["comparisons"]
    assert "max_repetition" in {m["field"] for m in compared[0]["mismatches"]}


def test_a_task_may_ask_for_it(cli: Cli, tmp_path: Path) -> None:
    task = tmp_path / "looping.yaml"
    text = (
        "task: looping\ndataset_path: me/looping\ntest_split: test\ndoc_to_text: '{{q}}'\ndoc_to_target: '{{a}}'\n"
        "generation_kwargs: {until: []}\nmetadata: {version: 1.0, evalkit: {scorer: math, max_repetition: %s}}\n"
    )
    task.write_text(text % 2000)
    assert cli("tasks", "validate", task).code == 0
    task.write_text(text % 10)
    refused = cli("tasks", "validate", task)
    assert refused.code == 1 and "max_repetition: must be a whole number of at least 64" in refused.out
