"""`evalkit compare`: protocol first, then the difference, then the verdict; printed tables and JSON say the same."""

from __future__ import annotations

import itertools
import json
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import Cli
from support.endpoint import Endpoint, Reply

ROOT = Path(__file__).parent.parent


@pytest.fixture
def aime(tmp_path: Path) -> Path:
    """Thirty problems, as many as AIME 2024 has; problem i has the answer i."""
    folder = tmp_path / "data" / "aime24"
    folder.mkdir(parents=True)
    rows = [{"id": i, "problem": f"Problem number {i}.", "answer": str(i)} for i in range(30)]
    (folder / "test.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    shipped = (ROOT / "tasks" / "math" / "aime24.yaml").read_text()
    unpinned = "".join(line for line in shipped.splitlines(keepends=True) if "items_digest" not in line)
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "aime24.yaml").write_text(unpinned)
    return tmp_path / "data"


def run_aime(cli: Cli, data: Path, n_right: int, *more: object, silent: int = 0, copies: bool = False) -> Path:
    """A run with `n_right` problems right in every sample; the last `silent` ones get no parsable answer."""

    counter = itertools.count()

    def script(body: dict[str, Any]) -> Reply:
        text = body["messages"][-1]["content"]
        i = next(n for n in reversed(range(30)) if f"number {n}." in text)
        if i >= 30 - silent:
            return Reply(content="No idea.")
        remark = "" if copies else f"Try {next(counter)}. "
        return Reply(content=rf"{remark}\boxed{{{i if i < n_right else 999}}}")

    with Endpoint(script) as endpoint:
        model = ["--model", "openai:test-model", "--base-url", endpoint.url]
        result = cli("run", data.parent / "tasks" / "aime24.yaml", *model, "--data-dir", data, "--quiet", *more)
    assert result.code == 0, result.err
    return max(p for p in Path("runs").iterdir() if not p.name.startswith("."))


@pytest.mark.parametrize(
    ("n_right", "samples", "margin", "outcome", "words"),
    [
        (0, 4, None, "inferior", "behind"),
        (30, 4, None, "superior", "ahead"),
        (24, 4, None, "inconclusive", "neither parity within 5 points nor a difference is shown"),
        (24, 64, 0.3, "equivalent", "parity"),
        (29, 4, 0.2, "superior", "ahead"),
    ],
)
def test_outcomes(
    cli: Cli, aime: Path, n_right: int, samples: int, margin: float | None, outcome: str, words: str
) -> None:
    run = run_aime(cli, aime, n_right, "--samples", samples)
    more = [] if margin is None else ["--margin", margin]
    (comparison,) = cli("compare", run, "--against", "R1", *more, "--json").json["comparisons"]
    verdict = comparison["verdict"]
    assert comparison["model"] == "deepseek-r1"
    assert comparison["reference"]["value"] == 79.8
    assert verdict["outcome"] == outcome
    assert words in verdict["sentence"]
    assert verdict["informal"], "the paper does not give its exact prompt"
    low, high = verdict["difference"]["interval"]["low"], verdict["difference"]["interval"]["high"]
    assert low < n_right / 30 - 0.798 < high
    if margin is not None:
        assert f"margin {margin:g} chosen after the run" in verdict["notes"][0]


def test_the_printed_comparison_has_everything(cli: Cli, aime: Path) -> None:
    run = run_aime(cli, aime, 24)
    text = cli("compare", run, "--against", "o1,deepseek-r1").out
    for words in ("80.0", "same items", "new items", "79.2 ± 7.4", "inconclusive", "source: ", "major", "not stated"):
        assert words in text, words


def test_samples_without_a_score_can_decide(cli: Cli, aime: Path) -> None:
    """Right wherever it answers, silent on half: behind if silence is wrong, ahead if it is left out."""
    run = run_aime(cli, aime, 30, "--samples", 4, silent=15)
    (comparison,) = cli("compare", run, "--against", "o1", "--json").json["comparisons"]
    assert comparison["verdict"]["outcome"] == "inconclusive"
    assert "samples without a score decide" in comparison["verdict"]["notes"][-1]
    statuses = {name: n for name, n in comparison["estimate"]["statuses"].items() if n}
    assert statuses == {"scored": 60, "unparsed": 60}


def fields(comparison: dict[str, Any]) -> dict[str, str]:
    return {m["field"]: m["severity"] for m in comparison["mismatches"]}


@pytest.mark.parametrize(
    ("options", "field", "severity"),
    [
        (["--limit", "10"], "items", "fatal"),
        (["--temperature", "0"], "temperature", "major"),
        (["--max-tokens", "4096"], "max_tokens", "major"),
        (["--omit", "top_p"], "top_p", "major"),
        (["--samples", "3"], "k", "minor"),
    ],
)
def test_protocols_are_compared_field_by_field(
    cli: Cli, aime: Path, options: list[str], field: str, severity: str
) -> None:
    run = run_aime(cli, aime, 24, *options)
    (comparison,) = cli("compare", run, "--against", "deepseek-r1", "--json").json["comparisons"]
    assert fields(comparison)[field] == severity
    assert (comparison["verdict"]["outcome"] == "not_comparable") == (severity == "fatal")


UNSTATED = dict.fromkeys(["top_k", "stop", "extra", "max_repetition", "scorer"], "minor")
"""What next to no source states."""


def test_the_papers_own_protocol_leaves_only_the_prompt_open(cli: Cli, aime: Path) -> None:
    run = run_aime(cli, aime, 24, "--samples", "64", "--temperature", 0.6, "--top-p", 0.95, "--max-tokens", 32768)
    (comparison,) = cli("compare", run, "--against", "deepseek-r1", "--json").json["comparisons"]
    prompt = dict.fromkeys(["prompt", "system_prompt", "shots"], "major")
    assert fields(comparison) == {"items": "major", **prompt, "k": "minor", **UNSTATED}, (
        "these items are not pinned, and the paper gives k as a range"
    )
    assert "reference k unknown: counted as 1" in comparison["verdict"]["difference"]["assumptions"]


def test_a_majority_vote_is_no_reference(cli: Cli, aime: Path) -> None:
    run = run_aime(cli, aime, 24)
    (comparison,) = cli("compare", run, "--against", "o1", "--json").json["comparisons"]
    assert comparison["reference"]["value"] == 79.2, "not cons@64, 83.3"


def test_models_without_a_record_are_named_once(cli: Cli, aime: Path) -> None:
    run = run_aime(cli, aime, 24)
    result = cli("compare", run, "--against", "constant-answer")
    assert "no published score of constant-answer on any of these tasks" in result.out
    assert result.out.count("constant-answer") == 1


def ladder(cli: Cli, task: str, *options: object) -> dict[str, dict[str, Any]]:
    pytest.importorskip("reasoning_gym", reason="the extra `local` is not installed")
    with Endpoint(lambda body: Reply(content="The answer is 0.")) as endpoint:
        model = ["--model", "openai:test-model", "--base-url", endpoint.url]
        result = cli("run", task, *model, "--quiet", *options)
    assert result.code == 0, result.err
    run = max(p for p in Path("runs").iterdir() if not p.name.startswith("."))
    found = cli("compare", run, "--against", "smollm2-135m,constant-answer", "--json").json["comparisons"]
    return {c["model"]: c for c in found}


def test_the_same_protocol_gives_a_formal_verdict(cli: Cli) -> None:
    found = ladder(cli, "quickstart_products")
    recorded = found["smollm2-135m"]
    assert fields(recorded) == {"k": "minor", **UNSTATED}
    assert not recorded["verdict"]["informal"]
    assert recorded["verdict"]["outcome"] == "inferior"
    changed = ladder(cli, "quickstart_products", "--temperature", 0)["smollm2-135m"]
    assert changed["verdict"]["informal"] and fields(changed)["temperature"] == "major"


def test_a_property_of_the_items_needs_no_protocol(cli: Cli) -> None:
    constant = ladder(cli, "quickstart_products")["constant-answer"]
    assert constant["mismatches"] == []
    assert constant["verdict"]["difference"]["assumptions"] == ["reference taken as exact"]


@pytest.mark.parametrize("task", ["sums", "products", "comparisons", "stories", "syllogisms"])
def test_constant_answer_is_the_best_fixed_answer(cli: Cli, task: str) -> None:
    pytest.importorskip("reasoning_gym", reason="the extra `local` is not installed")
    items = cli("tasks", "show", f"quickstart_{task}", "--items", 20, "--json").json["items"]
    targets = [item["target"] for item in items]
    best = max(targets.count(t) for t in targets) / len(targets)
    listed = cli("references", "list", "--task", f"quickstart_{task}", "--model", "constant-answer", "--json").json
    assert [r["value"] for r in listed] == [pytest.approx(100 * best)]


def test_other_items_under_the_benchmarks_name_are_not_the_benchmark(cli: Cli, aime: Path) -> None:
    result = cli("run", "aime24", "--model", "fake:x", "--data-dir", aime, "--samples", 2, "--quiet")
    assert result.code == 0, result.err
    (comparison,) = cli("compare", next(Path("runs").iterdir()), "--against", "o1", "--json").json["comparisons"]
    assert comparison["verdict"]["outcome"] == "not_comparable"
    assert "not the benchmark's items" in comparison["verdict"]["sentence"]


def test_the_pinned_items_are_the_real_ones(cli: Cli, real_data: Path) -> None:
    args = ["--model", "fake:x", "--data-dir", real_data, "--samples", 1, "--quiet"]
    assert cli("run", "aime24", "aime25", "math500", "gsm8k", *args).code == 0
    (run,) = Path("runs").iterdir()
    found = cli("compare", run, "--against", "gpt-4o,deepseek-r1", "--json").json["comparisons"]
    fatal = [m for c in found for m in c["mismatches"] if m["severity"] == "fatal"]
    assert fatal == [] and any(c["verdict"]["outcome"] == "inferior" for c in found)


def test_a_part_of_the_items_is_not_the_benchmark(cli: Cli, aime: Path, evalkit_process: Any) -> None:
    """An interrupted first round: the samples stored are of some items only."""
    with Endpoint(lambda body: Reply(delay_s=0.1)) as endpoint:
        model = ["--model", "openai:test-model", "--base-url", endpoint.url, "--concurrency", 1]
        process = evalkit_process("run", aime.parent / "tasks" / "aime24.yaml", *model, "--data-dir", aime)
        try:
            while len(endpoint.bodies) < 5:
                time.sleep(0.02)
        finally:
            process.kill()
            process.communicate()
    (comparison,) = cli("compare", next(Path("runs").iterdir()), "--against", "gpt-4o", "--json").json["comparisons"]
    assert comparison["verdict"]["outcome"] == "not_comparable"
    assert "the reference 30" in comparison["verdict"]["sentence"]


def test_copies_of_one_answer_buy_no_certainty(cli: Cli, aime: Path) -> None:
    """An endpoint that repeats itself: sixty-four samples say no more than one."""
    once, often = (run_aime(cli, aime, 22, "--samples", k, copies=True) for k in (1, 64))
    found = [cli("compare", run, "--against", "o1-mini", "--json").json["comparisons"] for run in (once, often)]
    (one,), (many,) = found
    assert many["estimate"]["headline"]["benchmark"]["interval"] == one["estimate"]["headline"]["benchmark"]["interval"]
    assert many["verdict"]["outcome"] == one["verdict"]["outcome"] == "inconclusive"


def test_an_unset_token_limit_and_further_fields_are_named(cli: Cli, aime: Path) -> None:
    run = run_aime(cli, aime, 24, "--samples", 1, "--omit", "max_tokens", "--extra", "reasoning_effort=high")
    (comparison,) = cli("compare", run, "--against", "deepseek-r1", "--json").json["comparisons"]
    notes = {m["field"]: m for m in comparison["mismatches"]}
    assert notes["max_tokens"]["severity"] == "major" and "leaves the token limit" in notes["max_tokens"]["note"]
    assert notes["extra"]["ours"] == {"reasoning_effort": "high"}
