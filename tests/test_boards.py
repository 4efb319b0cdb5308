"""Boards: what they hold, how rows rank, what is marked, and what is refused."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any

import pytest
from conftest import Cli
from support.endpoint import Endpoint, Reply


@pytest.mark.parametrize("form", ["md", "csv", "json"])
def test_every_format_marks_what_is_published(cli: Cli, form: str) -> None:
    text = cli("leaderboard", "--board", "reasoning", "--format", form).out
    assert "published" in text and "DeepSeek-R1 paper" in text


def test_ranks_of_the_shipped_board(cli: Cli) -> None:
    """Ranks are among the rows of a column, hold what is observed, and are certain only where the numbers are."""
    data = cli("leaderboard", "--board", "reasoning", "--json").json
    ranks: dict[str, dict[str, list[int]]] = {}
    for task in data["tasks"]:
        cells = {row["model"]: row["cells"][task] for row in data["rows"] if task in row["cells"]}
        for cell in cells.values():
            best, worst = cell["rank"]
            above = sum(other["value"] > cell["value"] for other in cells.values())
            assert 1 <= best <= 1 + above <= worst <= len(cells)
        ranks[task] = {model: cell["rank"] for model, cell in cells.items()}
    assert ranks["aime24"]["o1"][0] == ranks["aime24"]["deepseek-r1"][0] == 1, "79.2 and 79.8 show no order"
    assert ranks["aime25"]["deepseek-r1-distill-qwen-1.5b"] == [5, 5], "64 samples an item, 17 points behind"
    assert set(map(tuple, ranks["gsm8k"].values())) == {(1, 3)}


BOARD = """
title: Two tasks
tasks: [gsm8k, math500]
references: [o1-mini, gpt-4o, deepseek-v3]
"""


def test_averages_are_of_complete_rows(cli: Cli) -> None:
    Path("two.yaml").write_text(BOARD)
    rows = {row["model"]: row for row in cli("leaderboard", "--board", "two.yaml", "--json").json["rows"]}
    assert rows["deepseek-v3"]["average"] is None, "no score on GSM8K"
    for model, rank in (("o1-mini", [1, 1]), ("gpt-4o", [2, 2])):
        average, cells = rows[model]["average"], rows[model]["cells"].values()
        assert average["value"] == pytest.approx(sum(c["value"] for c in cells) / 2)
        assert average["se"] == pytest.approx(sum(c["se"] ** 2 for c in cells) ** 0.5 / 2)
        assert average["rank"] == rank
    text = cli("leaderboard", "--board", "two.yaml").out
    assert "| average of 2 | rank |" in re.sub(" +", " ", text) and "there is no average" not in text
    table = list(csv.DictReader(io.StringIO(cli("leaderboard", "--board", "two.yaml", "--format", "csv").out)))
    assert [(r["model"], r["rank_best"]) for r in table if r["task"] == "average"] == [
        ("o1-mini", "1"),
        ("gpt-4o", "2"),
    ]
    assert "No row has a score on all 4 tasks" in cli("leaderboard", "--board", "reasoning").out


def test_the_average_of_low_scores_is_known_better_than_each(cli: Cli) -> None:
    """A few per cent with an interval from zero on is a score that is known, not the whole range."""
    tasks = ("quickstart_sums", "quickstart_products")
    with Endpoint(lambda body: Reply(content="I cannot tell.")) as endpoint:
        where = ["--base-url", endpoint.url, "--samples", 4, "--quiet"]
        assert cli("run", *tasks, "-m", "openai:test-model", *where).code == 0
    Path("two.yaml").write_text(f"title: Two\ntasks: [{', '.join(tasks)}]\n")
    (row,) = cli("leaderboard", next(Path("runs").glob("2*")), "--board", "two.yaml", "--json").json["rows"]
    low, high = row["average"]["interval"]
    assert low == 0 and high < 0.8 * max(cell["interval"][1] for cell in row["cells"].values())


@pytest.mark.parametrize(
    ("answer", "ranks"),
    [("The answer is \\boxed{-1}.", [[1, 1], [2, 2]]), ("I cannot tell.", [[1, 2], [1, 2]])],
    ids=["wrong", "unparsed"],
)
def test_unscored_samples_leave_a_rank_open(cli: Cli, data_dir: Path, answer: str, ranks: list[list[int]]) -> None:
    """One run has all right, the other half: its rank is certain only if the other half is known to be wrong."""

    def sums(body: dict[str, Any], upto: int) -> Reply:
        number = next(int(n) for n in re.findall(r"What is (\d+)", str(body["messages"])))
        return Reply(content=f"\\boxed{{{2 * number}}}" if number < upto else answer)

    for name, upto in (("full", 20), ("half", 10)):
        with Endpoint(lambda body, upto=upto: sums(body, upto), model=name) as endpoint:
            where = ["--base-url", endpoint.url, "--data-dir", data_dir, "--out", name]
            result = cli("run", "gsm8k", "-m", f"openai:{name}", *where, "--samples", 4, "--quiet")
        assert result.code == 0, result.err
    Path("one.yaml").write_text("title: One\ntasks: [gsm8k]\n")
    runs = [next(Path(name).glob("2*")) for name in ("full", "half")]
    rows = cli("leaderboard", *runs, "--board", "one.yaml", "--json").json["rows"]
    assert [row["cells"]["gsm8k"]["rank"] for row in rows] == ranks
    assert all(row["average"] is None for row in rows), "an average over one task would be that task again"
    alone = cli("leaderboard", runs[0], "--board", "one.yaml", "--json").json["rows"]
    assert alone[0]["cells"]["gsm8k"]["rank"] is None, "there is nothing to rank it with"


def test_the_documented_board_is_the_one_that_is_printed(cli: Cli) -> None:
    page = (Path(__file__).parents[1] / "docs" / "boards.md").read_text(encoding="utf-8")
    transcript = page.partition("$ evalkit leaderboard --board reasoning\n")[2].partition("```")[0]
    lines = [line for line in transcript.splitlines() if line.startswith("|")]
    assert lines == [line for line in cli("leaderboard", "--board", "reasoning").out.splitlines() if line[:1] == "|"]
