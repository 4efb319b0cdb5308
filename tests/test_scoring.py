"""Scorers: one row of `cases/scoring/<scorer>.jsonl` is one case; a contract holds for all of them."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evalkit.clients.reasoning import split
from evalkit.codec import convert
from evalkit.contracts import GradesAnswers, Scorer
from evalkit.errors import UsageError
from evalkit.registry import SCORERS
from evalkit.scoring import math as scoring_math
from evalkit.scoring.math import MathScorer
from evalkit.scoring.pool import JobFailed, WorkerPool
from evalkit.tasks.items import ItemLoader
from evalkit.tasks.loader import load_task
from evalkit.types import Failure, Generation, Item, Score, Status

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
from pairs import golds, perturbed, rewrites, wrapped

CASES = Path(__file__).parent / "cases" / "scoring"


def load_cases() -> list[Any]:
    return [
        pytest.param(file.stem, json.loads(line), id=f"{file.stem}-{json.loads(line)['id']}")
        for file in sorted(CASES.glob("*.jsonl"))
        if file.stem in SCORERS.names()  # hostile.jsonl is for all of them: test_hostile
        for line in file.read_text(encoding="utf-8").splitlines()
    ]


class Scorers:
    """One scorer per name and arguments, kept for the whole module."""

    def __init__(self) -> None:
        self._made: dict[str, Scorer] = {}

    def get(self, name: str, args: dict[str, Any]) -> Scorer:
        key = name + json.dumps(args, sort_keys=True)
        if key not in self._made:
            self._made[key] = SCORERS.get(name)(args)
        return self._made[key]

    def close(self) -> None:
        for scorer in self._made.values():
            scorer.close()


@pytest.fixture(scope="module")
def scorers() -> Iterator[Scorers]:
    made = Scorers()
    yield made
    made.close()


def generation_of(case: dict[str, Any]) -> Generation:
    return Generation(
        answer=case.get("output", ""),
        finish_reason=case.get("finish_reason", "stop"),
        reasoning_closed=case.get("reasoning_closed", True),
        failure=convert(case["failure"], Failure) if "failure" in case else None,
    )


@pytest.mark.parametrize(("name", "case"), load_cases())
def test_case(scorers: Scorers, name: str, case: dict[str, Any]) -> None:
    if name == "reasoning_gym":
        pytest.importorskip("reasoning_gym", reason="the extra `local` is not installed")
    scorer = scorers.get(name, case.get("args", {}))
    item = Item(id="x", messages=(), target=case["target"], metadata=case.get("metadata", {}))
    if "prediction" in case:
        assert isinstance(scorer, GradesAnswers)
        score = scorer.grade_answer(item, case["prediction"])
    else:
        score = scorer.score(item, generation_of(case))
        assert scorer.score_at_once(item, generation_of(case)) in (None, score), "it never says anything else"
    assert (score.status, score.value) == (case["status"], case.get("value")), score
    if "step" in case:
        assert score.step == case["step"]
    assert case.get("reason", "") in (score.reason or ""), score
    assert score.detail.get("kind") == case.get("kind"), score
    assert "tests" not in case or score.detail["tests"] == case["tests"], score


ODD_TEXTS = [
    "",
    " ",
    "\0",
    "\\",
    "\\boxed",
    "\\boxed{",
    "}",
    "\u202e12",
    "١٢",
    "\ud7ff",
    "answer:",
    "#### ",
    "a" * 200_000,
]


ARGS: dict[str, dict[str, Any]] = {"regex": {"pattern": r"(\d+)"}}
"""What a scorer cannot do without."""
GUESSING = ["math", "exact", "numeric", "list", "reasoning_gym"]


@pytest.mark.parametrize("name", sorted(set(SCORERS.names()) - {"reasoning_gym"}))
@pytest.mark.parametrize("text", ODD_TEXTS, ids=range(len(ODD_TEXTS)))
def test_contract_any_text_gets_a_status(scorers: Scorers, name: str, text: str) -> None:
    scorer = scorers.get(name, ARGS.get(name, {}))
    score = scorer.score(Item(id="x", messages=(), target="12"), Generation(answer=text))
    assert isinstance(score, Score)
    assert (score.status is Status.SCORED) == (score.value is not None)
    assert score.scorer.startswith(f"{name}@")


@pytest.mark.parametrize("name", SCORERS.names())
def test_contract_unknown_arguments_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="fallbak"):
        SCORERS.get(name)({"fallbak": "last_number"})


@pytest.mark.parametrize("name", GUESSING)
def test_contract_unknown_guesses_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="last_line"):
        SCORERS.get(name)({"fallback": "guess"})


BAD_ARGS = [
    ("choice", {"letters": "abc"}, "capital letters"),
    ("choice", {"target": "number"}, "letter, index, text"),
    ("exact", {"case": "no"}, "case must be true"),
    ("exact", {"unicode": "UTF-8"}, "NFC, NFD, NFKC, NFKD"),
    ("exact", {"choices": "yes"}, "list of words"),
    ("exact", {"separator": ""}, "not empty"),
    ("numeric", {"relative": -1}, "at least 0"),
    ("numeric", {"absolute": "small"}, "at least 0"),
    ("numeric", {"absolute": float("nan")}, "at least 0"),
    ("list", {"order": "any"}, "order must be"),
    ("json", {"keys": "a"}, "list of names"),
    ("regex", {}, "pattern is missing"),
    ("regex", {"pattern": "("}, "no regular expression"),
    ("regex", {"pattern": "a", "flags": "q"}, "letters of imsxa"),
    ("regex", {"pattern": "(a)", "group": 2}, "no group 2"),
    ("regex", {"pattern": "(a)", "group": "b"}, "no group 'b'"),
]


@pytest.mark.parametrize(("name", "args", "words"), BAD_ARGS)
def test_bad_arguments_are_named(name: str, args: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=f"^scorer {name}: .*{words}"):
        SCORERS.get(name)(args)


def test_choice_takes_no_longer_for_a_long_text(scorers: Scorers) -> None:
    """An answer at the end is found from there, and no text is searched more than once."""
    scorer = scorers.get("choice", {})
    item = Item(id="x", messages=(), target="B", metadata={"choices": ["40", "43", "42", "57"]})
    for text in [
        "answer is ",
        "\\boxed{",
        "(A) ",
        " ",
        "B is ",
        '"answer": "',
        "the correct answer, based on, ",
        "\u0448 ",
    ]:
        started = time.perf_counter()
        scorer.score(item, Generation(answer=text * (1_000_000 // len(text))))
        assert time.perf_counter() - started < 3
    thought = "Let us look at option A: it does not fit, since 40 is even. " * 500
    started = time.perf_counter()
    for _ in range(100):
        assert scorer.score(item, Generation(answer=thought + "\n\nThe answer is (B).")).value == 1.0
    assert (time.perf_counter() - started) / 100 < 0.005


@pytest.mark.parametrize("split", ["test", "validation"])
def test_real_rationales_never_name_another_option(real_data: Path, scorers: Scorers, split: str) -> None:
    """People's own solutions of AQuA, taken as outputs: all but a few conclude, and what they conclude on is right."""
    rows = [json.loads(line) for line in (real_data / "aqua_rat" / f"{split}.jsonl").open(encoding="utf-8")]
    scores = [
        scorers.get("choice", {}).score(
            Item(id="x", messages=(), target=row["correct"], metadata={"choices": row["options"]}),
            Generation(answer=row["rationale"], finish_reason="stop"),
        )
        for row in rows
    ]
    assert sum(s.value == 0.0 for s in scores) == 0
    assert sum(s.value == 1.0 for s in scores) / len(scores) > 0.96


HOSTILE = ["{", "[", '{"a": ', "answer: ", "answer:\n- a\n", " and ", "1 ", "a, ", '"']


@pytest.mark.parametrize("name", ["choice", "exact", "json", "list", "numeric"])
@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_texts_take_no_time(scorers: Scorers, name: str, piece: str) -> None:
    started = time.perf_counter()
    text = piece * (1_000_000 // len(piece))
    for answer in (text, f"\\boxed{{{text[:15_000]}}}", f"The answer is {text[:15_000]}"):
        scorers.get(name, {}).score(Item(id="x", messages=(), target="12"), Generation(answer=answer))
    assert time.perf_counter() - started < 5


def test_real_golds_and_solutions(real_data: Path, scorers: Scorers) -> None:
    """Every published solution of MATH-500 and GSM8K, taken as a model's output, grades 1."""
    loader = ItemLoader(real_data)
    for name, field in (("math500", "solution"), ("gsm8k", "answer")):
        task = load_task(Path(__file__).parents[1] / "tasks" / "math" / f"{name}.yaml")
        texts = [json.loads(line)[field] for line in (real_data / name / "test.jsonl").open(encoding="utf-8")]
        scores = [
            scorers.get("math", {}).score(item, Generation(answer=text, finish_reason="stop"))
            for item, text in zip(loader.items(task), texts, strict=True)
        ]
        assert [s for s in scores if s.value != 1.0] == []


@pytest.mark.parametrize("name", ["math500"])
def test_rewritten_and_perturbed_golds(real_data: Path, scorers: Scorers, name: str) -> None:
    """Real golds grade 1 in every other notation that the pairs know, and 0 where they are changed."""
    scorer = scorers.get("math", {})
    assert isinstance(scorer, GradesAnswers)
    wrong: list[tuple[str, str, str]] = []
    counts = [0, 0]
    for _, gold, question in golds(real_data, name):
        item = Item(id="x", messages=(), target=gold)
        texts = [(1, kind, text) for kind, text in [("itself", gold), *rewrites(gold, question), *wrapped(gold)]]
        for label, kind, text in texts + [(0, kind, text) for kind, text in perturbed(gold)]:
            counts[label] += 1
            if scorer.grade_answer(item, text).value != label:
                wrong.append((gold, kind, text))
    assert wrong == []
    assert min(counts) > 4_000


def test_many_samples_with_few_answers_cost_few_comparisons(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixty-four samples that give five answers are five comparisons, also where a worker does them."""
    scorer = MathScorer({})
    compared: list[str] = []
    compare = scoring_math.compare

    def counted(target: str, answer: str, **options: Any) -> Any:
        compared.append(answer)
        return compare(target, answer, **options)

    monkeypatch.setattr(scoring_math, "compare", counted)
    item = Item(id="x", messages=(), target=r"\frac{1}{2}")
    for i in range(64):
        scorer.score(item, Generation(answer=rf"\boxed{{\frac{{{i % 5}}}{{{i % 5 + 1}}}}}"))
    scorer.close()
    assert len(compared) == 5


def test_scorer_works_from_many_threads(scorers: Scorers) -> None:
    scorer = scorers.get("math", {})
    found: list[float | None] = []

    def grade(i: int) -> None:
        item = Item(id=str(i), messages=(), target=f"\\sum_{{k=1}}^{{{i}}} k")  # beyond what is read without a worker
        found.append(scorer.score(item, Generation(answer=f"\\boxed{{{i * (i + 1) // 2}}}")).value)

    threads = [threading.Thread(target=grade, args=(i,)) for i in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [1.0] * 8


def endless() -> None:
    while True:
        pass


def too_much_memory() -> int:
    return len(bytearray(8 * 2**30))


def environment() -> dict[str, str]:
    import os

    return dict(os.environ)


def test_pool_kills_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    pool = WorkerPool(limit_s=1.0, workers=1)
    try:
        with pytest.raises(JobFailed, match="within 1 s"):
            pool.run(endless)
        with pytest.raises(JobFailed, match="Memory"):
            pool.run(too_much_memory)
        assert pool.run(environment) == {}, "the workers hold no secrets"
    finally:
        pool.close()


def test_closed_scorer_leaves_no_process() -> None:
    import multiprocessing

    scorer = MathScorer({})
    scorer.score(Item(id="x", messages=(), target=r"\sum_{k=1}^{3} k"), Generation(answer=r"\boxed{6}"))
    before = {p.pid for p in multiprocessing.active_children()}
    scorer.close()
    assert len({p.pid for p in multiprocessing.active_children()} & before) < len(before)


LABELLED = sorted((Path(__file__).parent / "cases" / "labelled").glob("*.jsonl"))


@pytest.mark.parametrize("file", LABELLED, ids=lambda file: file.stem)
def test_labelled_pairs(scorers: Scorers, file: Path) -> None:
    """Thousands of answers and outputs with what a careful reader says of them: the flips that a changed grader has."""
    scorer = scorers.get("choice" if file.stem == "choice" else "math", {})
    flips: list[dict[str, Any]] = []
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    for row in rows:
        options = {"choices": row["choices"]} if "choices" in row else {}
        item = Item(id=row["id"], messages=(), target=row["target"], metadata=options)
        if "prediction" in row:
            assert isinstance(scorer, GradesAnswers)
            score = scorer.grade_answer(item, row["prediction"])
        else:
            _, answer, closed = split(row["output"])  # as every client does before an answer is graded
            finish = row.get("finish_reason", "stop")
            score = scorer.score(item, Generation(answer=answer, reasoning_closed=closed, finish_reason=finish))
        if (score.value == 1.0) != bool(row["label"]):
            flips.append({**row, "step": score.step, "answer": score.answer})
    assert flips == []
    assert len(rows) > 1_000
