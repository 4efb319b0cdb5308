"""`evalkit plan`: what can be shown and what it costs, before anything is asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import Cli
from support.endpoint import Endpoint, Reply

PRICES = "prices: {input: 1.0, output: 2.0, currency: EUR}\n"


def plan(cli: Cli, *args: object) -> dict[str, Any]:
    result = cli("plan", *args, "--json")
    assert result.code == 0, result.err
    return {task["task"]: task for task in result.json["tasks"]}


def test_the_reasoning_board(cli: Cli) -> None:
    """Three answers to one claim: within reach, out of reach by the reference's own noise, nothing to compare."""
    tasks = plan(cli, "reasoning", "-m", "fake:x", "--against", "deepseek-r1,o1")
    assert list(tasks) == ["aime24", "aime25", "math500", "gsm8k"]
    _, o1 = tasks["aime24"]["references"]
    assert o1["reach"]["samples_needed"] is None
    assert 0.12 < o1["reference_arm"] < o1["reach"]["margin_at_any_k"] < o1["bound"]["margin_at_any_k"] < 0.25
    assert "shown by no run, whatever its score: o1's own number (30 items, k not stated)" in o1["sentence"]
    within, missing = tasks["aime25"]["references"]
    needed, bound = within["reach"]["samples_needed"], within["bound"]["samples_needed"]
    assert 4 < needed < bound <= 64
    assert within["commands"] == [
        f"evalkit run aime25 -m fake:x --against deepseek-r1 --margin 0.05 --samples {needed}"
    ]
    assert within["reach"]["rounds_needed"] > 2 * needed and "a fixed k is cheaper unless" in within["sentence"]
    assert "prompt" in within["informal"] and within["margin_new_items"] > 0.2
    assert missing["reach"] is None and missing["sentence"] == "aime25 against o1: it has no published score"
    assert [c["samples"] for c in tasks["aime25"]["costs"]] == [needed, bound, 64]


def test_the_printed_plan_has_everything_within_120_columns(cli: Cli) -> None:
    text = cli("plan", "reasoning", "-m", "fake:x", "--against", "deepseek-r1,o1", "-k", 8).out
    for words in (
        "79.2 ± 7.4",
        "parity within 5 points is shown by no run",
        "Not comparable:\n  aime25 against o1: it has no published score\n",
        "upper bound: the token limit",
        "tokens/s unknown: give --tokens-per-s",
        "prior: difficulty Beta(a, b)",
        "run it: evalkit run aime25 -m fake:x --against deepseek-r1 --margin 0.05 --samples",
        "To stop once decided would take up to",
    ):
        assert words in text, words
    tables = text.split("aime24, aime25, math500, gsm8k: prior")[0]
    assert max(len(line) for line in tables.splitlines()) <= 120


def test_a_wider_margin_and_less_power_take_fewer_samples(cli: Cli) -> None:
    def needed(*options: object) -> int:
        reference = plan(cli, "aime25", "-m", "fake:x", "--against", "R1", *options)["aime25"]["references"][0]
        return int(reference["reach"]["samples_needed"])

    usual = needed()
    assert needed("--margin", 0.1) < needed("--power", 0.6) < usual < needed("--alpha", 0.025)


def test_cost_is_items_times_k_times_tokens(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "profile.yaml").write_text(PRICES)
    options = [
        "--tokens-per-answer",
        1000,
        "--tokens-per-prompt",
        200,
        "--tokens-per-s",
        500,
        "--profile",
        "profile.yaml",
    ]
    costs = plan(cli, "math500", "-m", "fake:x", "--against", "o1", "-k", 2, *options)["math500"]["costs"]
    assert costs[0] == {
        "samples": 2,
        "n_answers": 1000,
        "prompt_tokens": 200_000,
        "answer_tokens": 1_000_000,
        "price": pytest.approx(0.2 + 2.0),
        "hours": pytest.approx(1_000_000 / 500 / 3600),
    }
    text = cli("plan", "math500", "-m", "fake:x", "--against", "o1", "-k", 2, *options).out
    assert "cost (EUR)" in text and "2.20" in text


def test_what_is_unknown_is_said_to_be(cli: Cli) -> None:
    (task,) = plan(cli, "math500", "-m", "fake:x", "--against", "o1").values()
    assert task["tokens_source"] == "upper bound: the token limit"
    assert task["costs"][0]["answer_tokens"] == 500 * 4 * 32768
    assert task["costs"][0]["price"] is None and task["costs"][0]["hours"] is None
    text = cli("plan", "math500", "-m", "fake:x", "--against", "o1").out
    assert "≤ 65,536,000" in text and "prompts not counted" in text


@pytest.fixture
def pilot(cli: Cli, tmp_path: Path) -> Path:
    """Ten AIME problems, three samples each: four always right, four never, two by turns; 50 tokens an answer."""
    folder = tmp_path / "data" / "aime24"
    folder.mkdir(parents=True)
    rows = [{"id": i, "problem": f"Problem number {i}.", "answer": str(i)} for i in range(10)]
    (folder / "test.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    asked: dict[int, int] = {}

    def script(body: dict[str, Any]) -> Reply:
        i = int(body["messages"][-1]["content"].split("number ")[1].split(".")[0])
        asked[i] = asked.get(i, 0) + 1
        right = i < 4 or (i < 6 and asked[i] % 2 == 1)
        usage = {"prompt_tokens": 20, "completion_tokens": 50}
        return Reply(content=rf"Try {asked[i]}. \boxed{{{i if right else 999}}}", usage=usage)

    with Endpoint(script) as endpoint:
        model = ["-m", "openai:test-model", "--base-url", endpoint.url]
        result = cli("run", "aime24", *model, "-k", 3, "--data-dir", tmp_path / "data", "--quiet")
    assert result.code == 0, result.err
    return next(p for p in Path("runs").iterdir() if not p.name.startswith("."))


def test_a_pilot_brings_difficulty_lengths_and_pace(cli: Cli, pilot: Path) -> None:
    (task,) = plan(cli, "aime24", "--pilot", pilot, "--against", "deepseek-r1").values()
    assert "10 items, k 3" in task["difficulty"]
    reference = task["references"][0]
    assert 0.1 < reference["reach"]["share"] < 0.4, "most of these problems are always right or never"
    assert reference["reach"]["margin_at_any_k"] < reference["bound"]["margin_at_any_k"]
    assert (task["tokens_per_answer"], task["tokens_per_prompt"]) == (50, 20)
    assert task["tokens_source"].startswith("mean of pilot")
    assert task["tokens_per_s"] > 0 and task["costs"][0]["hours"] > 0
    assert reference["commands"][0].startswith("evalkit run aime24 -m openai:test-model ")
    (given,) = plan(cli, "aime24", "--pilot", pilot, "--against", "R1", "--tokens-per-answer", 70).values()
    assert given["tokens_per_answer"] == 70 and given["tokens_source"] == "given"


def test_a_pilot_that_does_not_fit(cli: Cli, pilot: Path) -> None:
    other = cli("plan", "gsm8k", "--pilot", pilot, "--against", "o1")
    assert other.code == 2 and "has no task gsm8k, only: aime24" in other.err
    model = cli("plan", "aime24", "-m", "openai:other", "--pilot", pilot, "--against", "o1")
    assert model.code == 2 and "is a run of openai:test-model, not of openai:other" in model.err


def own_task(tmp_path: Path, n_items: str = "") -> Path:
    file = tmp_path / "aime24.yaml"
    file.write_text(
        "task: aime24\ndataset_path: x/y\ntest_split: test\ndoc_to_text: '{{problem}}'\ndoc_to_target: '{{answer}}'\n"
        "output_type: generate_until\ngeneration_kwargs: {until: [], do_sample: true, temperature: 0.6}\n"
        f"metadata: {{version: 1.0, evalkit: {{prompt: math/boxed, scorer: math{n_items}}}}}\n"
    )
    return file


def test_a_task_that_does_not_say_how_many_items_it_has(cli: Cli, tmp_path: Path) -> None:
    file = own_task(tmp_path)
    (unknown,) = plan(cli, file, "-m", "fake:x", "--against", "o1").values()
    assert unknown["costs"] == [] and "give --items N" in unknown["references"][0]["sentence"]
    assert cli("plan", file, "-m", "fake:x", "--against", "o1").code == 0
    (given,) = plan(cli, file, "-m", "fake:x", "--against", "o1", "--items", 30).values()
    assert given["references"][0]["reach"] is not None
    (fewer,) = plan(cli, file, "-m", "fake:x", "--against", "o1", "--items", 20).values()
    assert fewer["references"][0]["sentence"] == "aime24 against o1: the run has 20 items, the reference 30"


def test_another_metric_is_named(cli: Cli) -> None:
    models = "deepseek-r1-distill-qwen-32b,deepseek-r1"
    first, second = plan(cli, "mmlu_pro", "-m", "fake:x", "--against", models)["mmlu_pro"]["references"]
    assert first["sentence"].endswith("it has no published mean accuracy, only: accuracy avg over runs")
    assert second["reach"]["samples_needed"] > 1


def test_a_chance_level_has_no_noise_of_its_own(cli: Cli) -> None:
    (task,) = plan(cli, "quickstart_sums", "-m", "fake:x", "--against", "constant-answer").values()
    (reference,) = task["references"]
    assert reference["reference_arm"] == 0 and reference["reach"]["margin_at_any_k"] < 0.001


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ([], "plan what?"),
        (["aime24", "-m", "fake:x"], "compare with whom?"),
        (["aime24", "--against", "o1"], "which model?"),
        (["aime42", "-m", "fake:x", "--against", "o1"], "unknown suite or task 'aime42'; did you mean aime2"),
        (["reasonin", "-m", "fake:x", "--against", "o1"], "did you mean reasoning"),
        (["aime24", "aime24", "-m", "fake:x", "--against", "o1"], "named twice: aime24"),
        (["aime24", "-m", "fake:x", "--against", "o7"], "unknown reference model 'o7'"),
        (["aime24", "-m", "nobody:x", "--against", "o1"], "unknown client 'nobody'"),
        (["aime24", "-m", "x", "--against", "o1"], "must be KIND:NAME"),
        (["aime24", "-m", "fake:x", "--against", "o1", "--margin", 1], "--margin"),
        (["aime24", "-m", "fake:x", "--against", "o1", "--margin", "nan"], "--margin"),
        (["aime24", "-m", "fake:x", "--against", "o1", "--alpha", 0.5], "--alpha"),
        (["aime24", "-m", "fake:x", "--against", "o1", "--power", 0.5], "--power"),
        (["aime24", "-m", "fake:x", "--against", "o1", "-k", 0], "--samples"),
        (["aime24", "-m", "fake:x", "--against", "o1", "--items", 29], "--items 29: aime24 has 30"),
        (["aime24", "-m", "fake:x", "--against", "o1", "--tokens-per-s", 0], "--tokens-per-s"),
        (["aime24", "-m", "fake:x", "--against", "o1", "--pilot", "nowhere"], "nowhere"),
        (["aime24", "-m", "fake:x", "--against", "o1", "--profile", "nowhere.yaml"], "nowhere.yaml"),
    ],
)
def test_bad_input_is_refused_by_name(cli: Cli, args: list[object], words: str) -> None:
    result = cli("plan", *args)
    assert result.code == 2
    assert words in result.err
    assert result.out == ""


def test_stopping_once_decided_is_proposed_where_it_pays(cli: Cli) -> None:
    """The constant answer is an exact number: nothing of alpha is spent on it."""
    (found,) = plan(cli, "quickstart_sums", "-m", "fake:x", "--against", "constant-answer").values()
    (against,) = found["references"]
    needed, most = against["reach"]["samples_needed"], against["reach"]["rounds_needed"]
    assert needed < most and ("--until-decided" in against["commands"][-1]) is (most <= 2 * needed)
    tight = plan(cli, "quickstart_sums", "-m", "fake:x", "--against", "constant-answer", "--margin", "0.03")
    (against,) = tight["quickstart_sums"]["references"]
    assert against["commands"][-1].endswith(f"--until-decided --max-samples {against['reach']['rounds_needed']}")
