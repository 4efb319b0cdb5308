"""The claim about Spark X1: what is published, on a board and in the documentation, is what the commands print."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from conftest import Cli

PAGE = (Path(__file__).parents[1] / "docs" / "case-spark-x1.md").read_text(encoding="utf-8")


def test_nothing_stands_in_the_row_and_every_statement_has_a_source(cli: Cli) -> None:
    board = cli("leaderboard", "--board", "spark-x1", "--json").json
    (row,) = [row for row in board["rows"] if row["model"] == "spark-x1"]
    assert row["cells"] == {} and row["average"] is None
    assert len(board["statements"]) == 5
    text = cli("leaderboard", "--board", "spark-x1").out
    for said in board["statements"]:
        assert said["source"] and said["statement"] in text and said["source"] in text


def test_the_transcripts_are_what_is_printed(cli: Cli) -> None:
    Path("example-prices.yaml").write_text(
        "prices: {input: 1.0, output: 4.0, currency: USD, date: 2026-01-01, source: made up for this example}\n"
    )
    shown = re.findall(r"```\n\$ evalkit (.*)\n((?:.*\n)*?)```", PAGE)
    assert len(shown) == 3
    for call, printed in shown:
        lines = [line.rstrip() for line in cli(*shlex.split(call)).out.strip("\n").splitlines()]
        kept = printed.removesuffix("[...]\n").splitlines()
        assert lines[: len(kept)] == kept, call


def test_the_table_of_repetitions_is_what_comparing_gives(cli: Cli) -> None:
    rows = re.findall(
        r"^\| ((?:qwen|llama)-\S+) \| (\S+) \| (\S+) \| (\S+) \| (\S+) \| (\S+) .*\| ([a-z ]+) \|$", PAGE, re.M
    )
    assert len(rows) == 22
    words = {"non_inferior": "not behind", "inconclusive": "inconclusive"}
    for model, benchmark, who, again, first, difference, verdict in rows:
        by = f"{who},vendor self-report (DeepSeek)"
        args = ["references", "compare", f"deepseek-r1-distill-{model}", "--by", by, "--task", benchmark, "--json"]
        (found,) = cli(*args).json["comparisons"]
        assert (found["first"]["value"], found["second"]["value"]) == (float(again), float(first))
        assert f"{100 * found['verdict']['difference']['value']:+.1f}" == difference
        assert words[found["verdict"]["outcome"]] == verdict and found["verdict"]["informal"]
