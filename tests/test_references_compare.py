"""`evalkit references compare`: published numbers against each other."""

from __future__ import annotations

import pytest
from conftest import Cli


def test_79_8_against_79_2_with_unknown_k_shows_neither_parity_nor_a_lead(cli: Cli) -> None:
    found = cli("references", "compare", "deepseek-r1", "o1", "--json").json
    rows = {row["name"]: row for row in found["comparisons"]}
    aime = rows["aime24"]
    assert (aime["first"]["value"], aime["second"]["value"]) == (79.8, 79.2), "not cons@64"
    verdict = aime["verdict"]
    assert verdict["outcome"] == "inconclusive" and verdict["margin"] == 0.05, "the margin of the task aime24"
    assert "neither parity within 5 points nor a difference is shown" in verdict["sentence"]
    assert verdict["difference"]["value"] == pytest.approx(0.006)
    assert verdict["difference"]["assumptions"] == [
        "first k unknown: counted as 1",
        "second k unknown: counted as 1",
    ]
    (prompt,) = [m for m in aime["mismatches"] if m["field"] == "prompt"]
    assert verdict["informal"] and prompt["unstated"] and prompt["severity"] == "major"
    assert rows["mmlu"]["verdict"]["outcome"] == "equivalent" and rows["mmlu"]["verdict"]["margin"] == 0.02
    assert rows["simpleqa"]["verdict"]["outcome"] == "inferior"
    (claim,) = found["claims"]
    assert not claim["claim"]["on_all"] and claim["claim"]["informal"]
    assert claim["claim"]["behind"] == ["mmlu", "simpleqa"] and claim["claim"]["ahead"] == []
    assert {"ifeval"} == set(found["other_variants"])


def test_the_order_of_two_models_only_turns_the_sign(cli: Cli) -> None:
    there, back = (cli("references", "compare", *pair, "--json").json for pair in (("r1", "o1"), ("o1", "r1")))
    for row in there["comparisons"]:
        (other,) = [r for r in back["comparisons"] if r["name"] == row["name"]]
        ours, theirs = row["verdict"]["difference"]["interval"], other["verdict"]["difference"]["interval"]
        assert (ours["low"], ours["high"]) == pytest.approx((-theirs["high"], -theirs["low"])), row["name"]


def test_one_model_by_two_reporters(cli: Cli) -> None:
    """open-r1 gives two tables; the one that states its k is taken."""
    args = ["references", "compare", "deepseek-r1-distill-qwen-7b", "--by", "open-r1,deepseek"]
    found = cli(*args, "--json").json
    values = {r["name"]: (r["first"]["value"], r["second"]["value"]) for r in found["comparisons"]}
    assert values == {"aime24": (50.8, 55.5), "gpqa_diamond": (50.5, 49.1), "math500": (94.5, 92.8)}
    assert {r["verdict"]["outcome"] for r in found["comparisons"]} == {"inconclusive", "non_inferior"}
    text = cli(*args).out
    for words in (
        "by open-r1",
        "not stated: prompt, system_prompt",
        "share no variant: livecodebench",
        "Table 5",
    ):
        assert words in text, words
    reversed_ = cli(*args[:-1], "deepseek,open-r1", "--task", "aime24", "--json").json
    (row,) = reversed_["comparisons"]
    assert (row["first"]["value"], row["second"]["value"]) == (55.5, 50.8)
    assert reversed_["claims"] == [], "one benchmark is no suite"


@pytest.mark.parametrize(
    ("args", "part"),
    [
        (["deepseek-r1"], "two reporters"),
        (["deepseek-r1", "r1"], "compared with itself"),
        (["deepseek-r1", "--by", "nobody,deepseek"], "its numbers are by: third party (NVIDIA)"),
        (["deepseek-r1", "o1", "--by", "a,b,c"], "two reporters"),
        (["deepseek-r1", "o2"], "unknown reference model 'o2'"),
        (["deepseek-r1", "o1", "--task", "aime"], "unknown benchmark 'aime'"),
        (["deepseek-r1", "o1", "--task", "aime25"], "no mean accuracy of the same benchmark on aime25"),
        (["deepseek-r1", "o1", "--task", "ifeval"], "of other variants each: ifeval"),
        (["deepseek-r1", "o1", "--margin", "1"], "margin"),
    ],
)
def test_what_cannot_be_compared_is_refused(cli: Cli, args: list[str], part: str) -> None:
    result = cli("references", "compare", *args)
    assert result.code == 2 and part in result.err


def test_margin_and_alpha_can_be_given(cli: Cli) -> None:
    args = ["references", "compare", "deepseek-r1", "o1", "--task", "mmlu", "--margin", "0.01", "--alpha", "0.01"]
    (row,) = cli(*args, "--json").json["comparisons"]
    assert row["verdict"]["margin"] == 0.01 and row["verdict"]["outcome"] == "inferior"
    assert row["verdict"]["difference"]["interval"]["level"] == pytest.approx(0.98)
