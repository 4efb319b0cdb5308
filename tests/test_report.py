"""Exporters and the HTML report: what they carry, and that names of others cannot break or run anything."""

from __future__ import annotations

import csv
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from conftest import Cli
from rich.cells import cell_len
from support.endpoint import Endpoint, Reply

from evalkit.registry import EXPORTERS
from evalkit.types import Cell, Leaderboard, LeaderboardRow

HOSTILE = [
    "=HYPERLINK('http://x')",
    "+1",
    "@SUM(1)",
    "-2",
    "a|b",
    "<script>alert(1)</script>",
    "[red]x[/red]",
    "[link](http://x)",
    "two\nlines",
    "**bold** `code`",
]


def table(model: str, source: str = "somewhere") -> Leaderboard:
    cell = Cell(
        value=61.25, se=1.5, interval=(58.0, 64.0), population_interval=(40.0, 80.0), n_items=30, samples=4,
        date="2025-01-22", source=source, notes=("a note",), rank=(2, 2),
    )  # fmt: skip
    row = LeaderboardRow(model=model, kind="measured", cells={"aime24": cell})
    published = Cell(
        value=79.2, se=7.4, interval=None, population_interval=None, n_items=30, samples=None,
        date=None, source="a page", notes=("k not stated",), rank=(1, 2),
    )  # fmt: skip
    other = LeaderboardRow(model="o1", kind="published", cells={"aime24": published})
    titles = {"aime24": "AIME 2024", "math500": "MATH-500"}
    return Leaderboard(board="b", title="A board", tasks=("aime24", "math500"), titles=titles, rows=(other, row))


@pytest.mark.parametrize("name", HOSTILE)
def test_csv_carries_the_values_and_no_formula(name: str) -> None:
    rows = list(csv.DictReader(io.StringIO(EXPORTERS.get("csv")().render(table(name, source=name)))))
    assert [r["model"].lstrip("'") for r in rows] == ["o1", name]
    assert float(rows[1]["score_percent"]) == 61.25 and rows[1]["k"] == "4" and rows[0]["k"] == ""
    assert rows[1]["notes"] == "a note" and rows[0]["kind"] == "published"
    assert [(r["rank_best"], r["rank_worst"]) for r in rows] == [("1", "2"), ("2", "2")]
    for row in rows:
        assert not [v for v in row.values() if v[:1] in set("=+-@")]


@pytest.mark.parametrize("name", HOSTILE)
def test_markdown_rows_stay_rows(name: str) -> None:
    text = EXPORTERS.get("md")().render(table(name, source=name))
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == 4
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {6}, "ranks stand where there are any"
    assert "<script" not in text and not re.search(r"(?<!\\)\]\(", text)
    assert len({cell_len(line) for line in lines}) == 1, "columns are aligned"
    assert "79.2 ± 7.4 [1] |  1–2 |" in lines[2] and "**61.2** (58.0 to 64.0) [2] |    2 |" in lines[3]
    assert "[1] a page; k not stated" in text


def test_json_is_the_whole_table() -> None:
    data = json.loads(EXPORTERS.get("json")().render(table("m")))
    assert [r["model"] for r in data["rows"]] == ["o1", "m"]
    cell = data["rows"][1]["cells"]["aime24"]
    assert cell["value"] == 61.25 and cell["population_interval"] == [40.0, 80.0] and cell["samples"] == 4
    assert cell["rank"] == [2, 2]


class Tags(HTMLParser):
    """Names of all tags, and every address that the page would load."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.loads: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.loads += [v or "" for k, v in attrs if k in {"src", "href", "data", "srcset"}]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def hostile_run(cli: Cli, data_dir: Path) -> Path:
    def script(body: dict[str, Any]) -> Reply:
        return Reply(content=r"<script>alert(2)</script>\boxed{0}")

    name = "<script>alert(1)</script>[red]x"
    with Endpoint(script, model=name) as endpoint:
        result = cli(
            "run", "gsm8k", "--model", f"openai:{name}", "--base-url", endpoint.url, "--data-dir", data_dir,
            "--against", "o1-mini,deepseek-r1", "--quiet", "--samples", 2,
        )  # fmt: skip
    assert result.code == 0, result.err
    assert name in result.out, "terminal markup is shown, not obeyed"
    return next(p for p in Path("runs").iterdir() if not p.name.startswith("."))


def test_the_report_is_one_file_without_script(cli: Cli, hostile_run: Path) -> None:
    path = Path(cli("report", hostile_run).out.strip())
    page = Tags()
    page.feed(path.read_text(encoding="utf-8"))
    assert "script" not in page.names and page.loads == []
    assert "svg" in page.names
    for words in (
        "<script>alert(1)</script>[red]x",
        "GSM8K",
        "same items",
        "Protocol",
        "0.6",
        "32768",
        "not comparable",
    ):
        assert words in page.text, words
    assert cli("report", hostile_run, "-o", "elsewhere.html", "--json").json == {"report": "elsewhere.html"}
    assert Path("elsewhere.html").is_file()


def test_board_markdown_of_a_hostile_run_is_safe(cli: Cli, hostile_run: Path) -> None:
    text = cli("leaderboard", hostile_run, "--board", "reasoning").out
    assert "<script" not in text


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
