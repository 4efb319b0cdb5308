"""Every fault of an endpoint, met once and met always, over real HTTP: what becomes of the sample.

`cases/faults.jsonl` says what is expected; the table in docs/reliability.md is made from it.
"""

from __future__ import annotations

import json
import random
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from conftest import Cli
from support.faulty import FAULTS, FaultyEndpoint

ROOT = Path(__file__).parents[1]
CASES = [json.loads(line) for line in (Path(__file__).parent / "cases" / "faults.jsonl").read_text().splitlines()]
ONCE, ALWAYS = 3, 4
"""The two questions that meet the fault; the others are answered."""
PROFILE = """
timeouts: {{connect: 2, first_token: {silence_s}, idle: {silence_s}, patience: 1}}
retries: {{attempts: {attempts}, backoff: 0.02}}
"""


def run(
    cli: Cli, endpoint: FaultyEndpoint, data_dir: Path, *more: object, silence_s: float = 30.0, attempts: int = 3
) -> Any:
    Path("profile.yaml").write_text(PROFILE.format(silence_s=silence_s, attempts=attempts))
    model = ["-m", "openai:test-model", "--base-url", endpoint.url, "--profile", "profile.yaml"]
    return cli("run", "gsm8k", *model, "--data-dir", data_dir, "--out", "runs", "--quiet", "--json", *more)


def only_run() -> Path:
    return next(p for p in Path("runs").iterdir() if not p.name.startswith("."))


def outcomes() -> dict[int, str]:
    """Question -> what became of its sample, in words."""
    with sqlite3.connect(only_run() / "samples.sqlite") as db:
        rows = db.execute("SELECT item, status, value, reason, attempts FROM samples").fetchall()
    assert len({item for item, *_ in rows}) == len(rows)
    return {item: in_words(*row) for item, *row in rows}


def in_words(status: str, value: float | None, reason: str | None, attempts: int) -> str:
    kind = f" ({(reason or '').split(':')[0]})" if status == "errored" else ""
    right = "" if status != "scored" or value == 1 else " wrong"
    tries = {1: "at once", 2: "at the second try", 3: "after all tries"}[attempts]
    return f"{status}{right}{kind} {tries}"


MODES = [(case, mode) for case in CASES for mode in case.get("modes", ["--stream", "--no-stream"])]


@pytest.mark.parametrize(("case", "mode"), MODES, ids=[f"{case['fault']}{mode}" for case, mode in MODES])
def test_fault(cli: Cli, data_dir: Path, case: dict[str, Any], mode: str) -> None:
    stops = case["always"] == "the run stops"

    def plan(number: int, before: int) -> str | None:
        met = (number == ONCE and not before) or (number == ALWAYS and not stops)
        return case["fault"] if met else None

    with FaultyEndpoint(plan) as endpoint:
        silence_s = case.get("silence_s", 30.0)
        result = run(cli, endpoint, data_dir, "--limit", 6, "--concurrency", 2, mode, silence_s=silence_s)
        found = outcomes()
        assert found.pop(ONCE) == case["once"]
        if not stops:
            assert found.pop(ALWAYS) == case["always"]
        assert set(found.values()) == {"scored at once"}, "the others are not touched"
        assert "Traceback" not in result.err
        assert all(n == 1 for n in endpoint.answered.values()), "no answer is asked for twice"
        if stops:
            endpoint.plan = lambda number, before: case["fault"]
            result = run(cli, endpoint, data_dir, "--limit", 6, "--out", "stopped", mode)
            assert result.code == 1 and "nothing but 429" in result.err and "--resume" in result.err


def test_every_fault_has_its_case() -> None:
    assert {case["fault"] for case in CASES} == set(FAULTS)


def table() -> str:
    """The cases as the table in the documentation."""
    rows = [f"| {c['what']} | {c['once']} | {c['always']} |" for c in CASES]
    return "\n".join(["| the endpoint | met once | met always |", "|---|---|---|", *rows])


def test_the_documented_table_is_that_of_the_cases() -> None:
    assert table() in (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")


MIX = [
    "429-retry-after", "429", "500", "502", "503", "reset-before-headers", "reset-in-the-middle", "hang-before-headers",
    "hang-in-the-middle", "invalid-json", "invalid-sse", "missing-done", "empty-choices", "error-in-200", "slow-loris",
    "no-finish-reason",
]  # fmt: skip


@pytest.mark.parametrize("mode", ["--stream", "--no-stream"])
def test_a_tenth_of_mixed_faults_costs_no_sample(cli: Cli, data_dir: Path, mode: str) -> None:
    """Every sample ends scored, by one whole answer; what the endpoint met is what the faults say."""
    dice = random.Random(7)
    usable = [f for f in MIX if mode == "--stream" or f != "missing-done"]

    def plan(number: int, before: int) -> str | None:
        return dice.choice(usable) if dice.random() < 0.1 else None

    with FaultyEndpoint(plan) as endpoint:
        options = ["--samples", 20, "--seed", 0, "--concurrency", 16, mode]
        result = run(cli, endpoint, data_dir, *options, silence_s=1.0, attempts=6)
    assert result.code == 0, result.err
    (task,) = result.json["tasks"]
    assert task["statuses"] == {"scored": 400} and task["samples_owed"] == 0
    assert task["estimate"]["headline"]["value"] == 1.0
    assert sum(endpoint.met.values()) >= 20 and len(endpoint.met) >= 10
    with sqlite3.connect(only_run() / "samples.sqlite") as db:
        assert db.execute("SELECT count(*) FROM samples").fetchone() == (400,)
        assert db.execute("SELECT count(*) FROM generations").fetchone() == (400,)
    usable_answers = sum(endpoint.met[f] for f in ("missing-done", "no-finish-reason"))
    assert sum(endpoint.answered.values()) + usable_answers == 400, "none is asked for twice"
