"""Boards: what they hold, how rows rank, what is marked, and what is refused."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Cli
from support.endpoint import Endpoint, Reply

from evalkit import boards
from evalkit.registry import EXPORTERS


@pytest.mark.parametrize("form", ["md", "csv", "json"])
def test_every_format_marks_what_is_published(cli: Cli, form: str) -> None:
    text = cli("leaderboard", "--board", "reasoning", "--format", form).out
    assert "published" in text and "DeepSeek-R1 paper" in text


def test_ranks_of_the_shipped_board(cli: Cli) -> None:
    """Ranks are among the rows of a column, hold what is observed, and are certain only where the numbers are."""
    data = cli("leaderboard", "--board", "reasoning", "--json").json
    ranks: dict[str, dict[str, list[int]]] = {}
    for column in (c for c in data["columns"] if c["measures"] == "mean_accuracy"):
        task = column["key"]
        cells = {row["model"]: row["cells"][task] for row in data["rows"] if task in row["cells"]}
        for cell in cells.values():
            best, worst = cell["rank"]
            above = sum(other["value"] > cell["value"] for other in cells.values())
            assert 1 <= best <= 1 + above <= worst <= len(cells)
        ranks[task] = {model: cell["rank"] for model, cell in cells.items()}
    assert ranks["aime24"]["o1"][0] == ranks["aime24"]["deepseek-r1"][0] == 1, "79.2 and 79.8 show no order"
    assert ranks["aime25"]["deepseek-r1-distill-qwen-1.5b"] == [6, 6], "64 samples an item, 17 points behind"
    assert set(map(tuple, ranks["gsm8k"].values())) == {(1, 3)}


CELLS = [
    json.loads(line)
    for line in (Path(__file__).parent / "cases/boards/published_cells.jsonl").read_text(encoding="utf-8").splitlines()
]


def test_published_tables_come_out_unchanged(cli: Cli) -> None:
    """Every cell of the R1 paper's Tables 4 and 5 and of simple-evals' table, as copied from these sources."""
    rows = {row["model"]: row["cells"] for row in cli("leaderboard", "--board", "reasoning", "--json").json["rows"]}
    assert len(CELLS) == 229
    lost = []
    for case in CELLS:
        cell = rows[case["model"]].get(case["column"])
        found = [(cell["value"], cell["source"])] if cell else []
        found += [(other["value"], other["source"]) for other in cell["others"]] if cell else []
        if not any(value == case["value"] and case["table"] in source for value, source in found):
            lost.append(case)
    assert not lost


def test_every_shipped_cell_names_a_source(cli: Cli) -> None:
    for name in boards.names():
        for row in cli("leaderboard", "--board", name, "--json").json["rows"]:
            for cell in row["cells"].values():
                assert cell["record"] and cell["source"], (name, row["model"])
                assert all(other["source"] and other["record"] for other in cell["others"])


def test_what_a_cell_is_worth_is_said(cli: Cli) -> None:
    """A vendor's number without a protocol is a claim; a re-measurement is not; a vote is in a column of its own."""
    rows = {row["model"]: row["cells"] for row in cli("leaderboard", "--board", "reasoning", "--json").json["rows"]}
    o1, r1 = rows["o1"]["aime24"], rows["deepseek-r1"]["aime24"]
    assert o1["claim"] and not r1["claim"] and not rows["qwq-32b"]["aime24"]["claim"]
    assert {"prompt (not stated)", "temperature (not stated)"} <= set(o1["informal"])
    assert "temperature (not stated)" not in r1["informal"] and "prompt (not stated)" in r1["informal"]
    assert rows["o1"]["aime24:majority"]["value"] == 83.3 and rows["o1"]["aime24:majority"]["se"] is None
    assert o1["error_bar"] == "assumed" and rows["o1"]["codeforces:other:Elo"]["error_bar"] == "unknown"
    assert rows["o1"]["codeforces:other:Elo"]["rank"] is None, "ratings are not ranked by noise of accuracies"
    assert 74.4 in [other["value"] for other in o1["others"]] and all(other["reason"] for other in o1["others"][1:])


@pytest.mark.parametrize("form", sorted(set(EXPORTERS.names()) - {"hf-eval-results", "hf-model-index"}))
def test_an_exported_board_comes_back_the_same(cli: Cli, form: str) -> None:
    text = cli("leaderboard", "--board", "o1-r1-parity", "--json").out
    Path("board.json").write_text(text, encoding="utf-8")
    assert cli("leaderboard", "--board", "board.json", "--json").out == text
    again, first = (cli("leaderboard", "--board", b, "--format", form).out for b in ("board.json", "o1-r1-parity"))
    assert again == first


PARITY = """\
title: Parity
protocol: deepseek-r1
tasks: [{task: gsm8k, margin: 0.05, samples: 2}]
references: [o1-mini]
against: [o1-mini]
statements: [{model: x1, statement: as good as o1, reported_by: a vendor, source: a page, date: '2025-01-15'}]
"""


@pytest.fixture
def parity(data_dir: Path) -> Iterator[list[object]]:
    """Arguments of a run of the suite above, on an endpoint that has every second question right."""

    def script(body: dict[str, Any]) -> Reply:
        number = next(int(n) for n in re.findall(r"What is (\d+)", str(body["messages"])))
        return Reply(content=f"\\boxed{{{2 * number + number % 2}}}")

    with Endpoint(script, model="test-model") as endpoint:
        yield ["-m", "openai:test-model", "--base-url", endpoint.url, "--data-dir", data_dir, "--quiet"]


def test_a_suite_runs_under_its_protocol_and_gets_its_verdicts(cli: Cli, parity: list[object]) -> None:
    Path("parity.yaml").write_text(PARITY)
    assert cli("run", "--suite", "parity.yaml", *parity).code == 0
    (run,) = (p for p in Path("runs").iterdir() if (p / "run.json").exists())
    spec = json.loads((run / "run.json").read_text())["spec"]
    assert spec["references"] == ["o1-mini"] and spec["protocol"].startswith("deepseek-r1@")
    assert (spec["tasks"][0]["samples"], spec["tasks"][0]["margin"]) == (2, 0.05)
    board = cli("leaderboard", run, "--board", "parity.yaml", "--json").json
    measured = next(row for row in board["rows"] if row["kind"] == "measured")["cells"]["gsm8k"]
    assert measured["value"] == 50 and measured["error_bar"] == "measured" and measured["run"] == run.name
    assert measured["informal"] == [] or "temperature" not in measured["informal"]
    (verdict,) = board["verdicts"]
    (compared,) = cli("compare", run, "--json").json["comparisons"]
    assert (verdict["outcome"], verdict["sentence"]) == (
        compared["verdict"]["outcome"],
        compared["verdict"]["sentence"],
    )
    text = cli("leaderboard", run, "--board", "parity.yaml").out
    assert "as good as o1" in text and "a page" in text and "o1-mini" in text


def test_a_part_of_the_suite_shows_nothing_for_the_whole(cli: Cli, parity: list[object]) -> None:
    """One task of two has a lead; the claim over the board is open, and the missing task is named."""
    Path("parity.yaml").write_text(PARITY.replace("samples: 2}]", "samples: 2}, {task: math500}]"))
    assert cli("run", "gsm8k", "--suite", "parity.yaml", *parity).code == 0
    run = next(Path("runs").glob("2*"))
    filled = cli("leaderboard", run, "--board", "parity.yaml", "--json").json
    assert [v["column"] for v in filled["verdicts"]] == ["gsm8k"]
    (claim,) = filled["claims"]
    assert not claim["on_all"] and "math500 not run" in claim["sentence"]


def test_a_run_that_departs_from_the_protocol_is_marked(cli: Cli, parity: list[object]) -> None:
    Path("parity.yaml").write_text(PARITY)
    assert cli("run", "--suite", "parity.yaml", "--temperature", 1, *parity).code == 0
    run = next(Path("runs").glob("2*"))
    board = cli("leaderboard", run, "--board", "parity.yaml", "--json").json
    measured = next(row for row in board["rows"] if row["kind"] == "measured")["cells"]["gsm8k"]
    assert "temperature" in measured["informal"]
    assert "†" in cli("leaderboard", run, "--board", "parity.yaml").out


def test_a_partly_finished_run_shows_how_much_is_missing(cli: Cli, parity: list[object]) -> None:
    Path("parity.yaml").write_text(PARITY)
    stopped = cli("run", "--suite", "parity.yaml", "--max-tokens-total", 300, "--concurrency", 1, *parity)
    assert stopped.code == 4, stopped.err
    run = next(Path("runs").glob("2*"))
    cell = next(
        row
        for row in cli("leaderboard", run, "--board", "parity.yaml", "--json").json["rows"]
        if row["kind"] == "measured"
    )["cells"]["gsm8k"]
    assert 0 < cell["samples_owed"] < cell["samples_planned"] == 40
    share = 100 * (40 - cell["samples_owed"]) // 40
    assert f"{share} % of samples" in cli("leaderboard", run, "--board", "parity.yaml").out


BROKEN = {
    "unknown task": ("tasks: [gsm9k]", "own.yaml:2: tasks.0.task: unknown task 'gsm9k'; did you mean gsm8k"),
    "no task": ("tasks: [{task: livecodebench_x}]", "a benchmark without a task stands under `columns`"),
    "unknown model": ("tasks: [gsm8k]\nreferences: [o7]", "own.yaml:3: references.0: unknown reference model 'o7'"),
    "unknown rival": ("tasks: [gsm8k]\nagainst: [o7]", "own.yaml:3: against.0: unknown reference model"),
    "unknown benchmark": ("columns: [{benchmark: codeforce}]", "columns.0.benchmark: no published numbers"),
    "which unit": ("columns: [{benchmark: codeforces, measures: other}]", "unit: missing: which of Elo, percentile"),
    "unknown protocol": ("protocol: r1\ntasks: [gsm8k]", "own.yaml:2: protocol: unknown protocol 'r1'"),
    "margin": ("tasks: [{task: gsm8k, margin: 5}]", "own.yaml:2: tasks.0.margin: must be a fraction"),
    "alpha": ("tasks: [{task: gsm8k, alpha: 0.7}]", "own.yaml:2: tasks.0.alpha: must be a fraction between 0 and 0.5"),
    "margin in words": ("tasks: [{task: gsm8k, margin: small}]", "own.yaml:2: tasks.0"),
    "k": ("tasks: [{task: gsm8k, samples: 0}]", "own.yaml:2: tasks.0.samples: must be at least 1"),
    "twice": ("tasks: [gsm8k, gsm8k]", "'gsm8k' is given twice"),
    "order": ("tasks: [gsm8k]\norder: size", "own.yaml:3: order: 'size' is no column"),
    "key": ("tasks: [gsm8k]\nreference: [o1]", "own.yaml:3: reference: unknown key; did you mean 'references'?"),
    "empty": ("note: nothing", "tasks: missing"),
    "unsourced statement": ("tasks: [gsm8k]\nstatements: [{model: x1, statement: good, reported_by: me}]", "source"),
}


@pytest.mark.parametrize(("text", "complaint"), BROKEN.values(), ids=BROKEN)
def test_a_broken_board_is_refused_by_line_and_field(cli: Cli, text: str, complaint: str) -> None:
    Path("own.yaml").write_text(f"title: Own\n{text}\n", encoding="utf-8")
    result = cli("leaderboard", "--board", "own.yaml")
    assert result.code == 2 and complaint in result.err, result.err


@pytest.mark.parametrize(("text", "complaint"), [("{", "not a board in JSON"), ('{"board": 1}', "not a board in JSON")])
def test_a_broken_export_is_refused(cli: Cli, text: str, complaint: str) -> None:
    Path("board.json").write_text(text)
    result = cli("leaderboard", "--board", "board.json")
    assert result.code == 2 and complaint in result.err and "board.json" in result.err
    assert cli("leaderboard", "--board", "none.json").code == 2


def test_rows_stand_in_the_order_that_the_board_names(cli: Cli) -> None:
    Path("own.yaml").write_text("title: Own\ntasks: [math500]\nreferences: [gpt-4o, o1, o1-mini]\norder: math500\n")
    rows = cli("leaderboard", "--board", "own.yaml", "--json").json["rows"]
    assert [row["model"] for row in rows] == ["o1", "o1-mini", "gpt-4o"]


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
    assert "| MATH-500 | rank | average | rank |" in re.sub(" +", " ", text) and "there is no average" not in text
    table = list(csv.DictReader(io.StringIO(cli("leaderboard", "--board", "two.yaml", "--format", "csv").out)))
    assert [(r["model"], r["rank_best"]) for r in table if r["column"] == "average"] == [
        ("o1-mini", "1"),
        ("gpt-4o", "2"),
    ]
    assert "No row has a score on every task" in cli("leaderboard", "--board", "reasoning").out


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
def test_unscored_samples_leave_a_rank_open(cli: Cli, answer: str, ranks: list[list[int]]) -> None:
    """One run has all right, the other half: its rank is certain only if the other half is known to be wrong."""
    pytest.importorskip("reasoning_gym", reason="the extra `local` is not installed")
    items = cli("tasks", "show", "quickstart_sums", "--items", 20, "--json").json["items"]
    answers = {item["messages"][-1][1]: (place, item["target"]) for place, item in enumerate(items)}

    def sums(body: dict[str, Any], upto: int) -> Reply:
        place, target = answers[body["messages"][-1]["content"]]
        return Reply(content=f"The answer is {target}." if place < upto else answer)

    for name, upto in (("full", 20), ("half", 10)):
        with Endpoint(lambda body, upto=upto: sums(body, upto), model=name) as endpoint:
            where = ["--base-url", endpoint.url, "--out", name]
            result = cli("run", "quickstart_sums", "-m", f"openai:{name}", *where, "--samples", 4, "--quiet")
        assert result.code == 0, result.err
    Path("one.yaml").write_text("title: One\ntasks: [quickstart_sums]\n")
    runs = [next(Path(name).glob("2*")) for name in ("full", "half")]
    rows = cli("leaderboard", *runs, "--board", "one.yaml", "--json").json["rows"]
    assert [row["cells"]["quickstart_sums"]["rank"] for row in rows] == ranks
    assert all(row["average"] is None for row in rows), "an average over one task would be that task again"
    alone = cli("leaderboard", runs[0], "--board", "one.yaml", "--json").json["rows"]
    assert alone[0]["cells"]["quickstart_sums"]["rank"] is None, "there is nothing to rank it with"


def test_what_is_not_comparable_has_no_place(cli: Cli, parity: list[object]) -> None:
    """Twenty questions under the name of GSM8K are not GSM8K: no rank, no part in an average, and said so."""
    Path("parity.yaml").write_text(PARITY)
    assert cli("run", "--suite", "parity.yaml", *parity).code == 0
    run = next(Path("runs").glob("2*"))
    (row,) = [
        row
        for row in cli("leaderboard", run, "--board", "parity.yaml", "--json").json["rows"]
        if row["kind"] == "measured"
    ]
    cell = row["cells"]["gsm8k"]
    assert cell["not_comparable"] == ["the run has 20 of the benchmark's 1319 items"]
    assert cell["rank"] is None and row["average"] is None


def test_the_documented_board_is_the_one_that_is_printed(cli: Cli) -> None:
    page = (Path(__file__).parents[1] / "docs" / "boards.md").read_text(encoding="utf-8")
    transcript = page.partition("$ evalkit leaderboard --board o1-r1-parity\n")[2].partition("```")[0]
    lines = [line for line in transcript.splitlines() if line.startswith("|")]
    assert lines == [line for line in cli("leaderboard", "--board", "o1-r1-parity").out.splitlines() if line[:1] == "|"]
