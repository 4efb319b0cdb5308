"""Exporters of a filled board: what each format carries, and that names of others cannot break or run anything.

`tests/golden` holds every format of the board in `support/boards.py`, byte for byte. After a change that is meant:
`python -m pytest tests/test_exports.py --write-golden`, then look at the difference.
"""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import parse_eval_result_entries
from huggingface_hub.repocard_data import model_index_to_eval_results
from rich.cells import cell_len
from support.boards import HOSTILE, board_of, full_board, measured, published, shown

from evalkit.errors import UsageError
from evalkit.registry import EXPORTERS
from evalkit.report.json import from_json
from evalkit.types import Leaderboard, LeaderboardRow

GOLDEN = Path(__file__).parent / "golden"
FILES = {
    "md": "board.md",
    "csv": "board.csv",
    "csv-verdicts": "board-verdicts.csv",
    "json": "board.json",
    "latex": "board.tex",
    "html": "board.html",
    "hf-eval-results": "board-eval-results.yaml",
    "hf-model-index": "board-model-index.yaml",
}


def export(form: str, table: Leaderboard) -> str:
    text = EXPORTERS.get(form)().render(table)
    assert isinstance(text, str)
    return text


@pytest.mark.parametrize("form", FILES)
def test_the_whole_board_is_as_it_was(form: str, request: pytest.FixtureRequest) -> None:
    text, path = export(form, full_board()), GOLDEN / FILES[form]
    if request.config.getoption("--write-golden"):
        path.write_bytes(text.encode())
    assert text.encode() == path.read_bytes(), f"{path.name} differs; if that is meant: --write-golden"


def test_every_format_has_a_golden_file() -> None:
    assert set(EXPORTERS.names()) == set(FILES)


# --- Markdown --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HOSTILE)
def test_markdown_rows_stay_rows(name: str) -> None:
    text = export("md", board_of(name, source=name))
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == 4
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {5}, "ranks stand where there are any"
    assert not re.search(r"<[a-z]", text) and not re.search(r"(?<!\\)\]\(", text)
    assert len({cell_len(line) for line in lines}) == 1, "columns are aligned"
    assert "79.2 ± 7.4 [1] |  1–2 |" in lines[2] and "**61.2** (58.0 to 64.0) [2] |    2 |" in lines[3]
    assert "[1] a page; k not stated" in text and "Nobody has a score here: MATH-500." in text


def test_markdown_says_what_each_number_is() -> None:
    text = re.sub(" +", " ", export("md", full_board()))
    for words in (
        "| o1 | published | 79.2 ± 7.4 [1, †a, b] | 1–4 |",
        "| claim | – | – | *98.1* ± 0.6 [",
        "| constant-answer | baseline | – | – | – | – | 27.8 [",
        "**94.0** (92.8 to 95.2), 62 % of samples [",
        "| AIME 2024 (cons@64) |",
        "| Codeforces rating (Elo) | LiveCodeBench (2024-08..2025-01) |",
        "†a: held against deepseek-r1: not stated: prompt, token limit",
        "b: also 74.4 (o1-0912, source",
        "‡e: 100 of 198 items; other golds than published",
        "No published score on this board: spark-x1.",
        "| -18.6 (-25.1 to -12.0) | 5.0 | behind |",
        "*spark-x1*: on par with OpenAI o1 and DeepSeek R1 (iFlytek;",
    ):
        assert words in text, words
    tables = text.split("## ")
    assert "spark" not in tables[1] and "constant-answer" not in tables[2], "rows without a score in a group"
    assert text.count("not stated: prompt, token limit") == 2, "equal notes are given once"


def test_the_legend_explains_what_occurs_and_nothing_else() -> None:
    text = export("md", board_of("m"))
    assert "**measured**:" in text and "- rank:" in text
    assert not [term for term in ("baseline", "claim", "†", "‡", "± ?", "% of samples") if f"- {term}:" in text]


def test_an_unfinished_run_is_never_shown_as_complete() -> None:
    cell = measured(50.0, 40.0, 60.0, samples_owed=1, samples_planned=100_000)
    row = LeaderboardRow(model="m", kind="measured", cells={"aime24": cell})
    assert "99 % of samples" in export("md", replace(board_of("m"), rows=(row,)))


# --- CSV -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HOSTILE)
def test_csv_carries_the_values_and_no_formula(name: str) -> None:
    text = export("csv", board_of(name, source=name))
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(text.splitlines()) == 3, "one line per score"
    assert [r["model"].replace("'", "") for r in rows] == ["o1", shown(name).replace("'", "")]
    assert float(rows[1]["score"]) == 61.25 and rows[1]["k"] == "4" and rows[0]["k"] == ""
    assert rows[1]["notes"] == "a note" and rows[0]["kind"] == "published"
    assert [(r["rank_best"], r["rank_worst"]) for r in rows] == [("1", "2"), ("2", "2")]
    for separator in ",;\t":
        for fields in csv.reader(io.StringIO(text), delimiter=separator):
            starts = [field.lstrip(" \t\r\n\u200b")[:1] for field in fields]
            assert not set("=+-@\uff1d\uff0b\uff0d\uff20") & set(starts)


def test_negative_numbers_stay_numbers() -> None:
    cell = published(-2.5, se=1.0)
    row = LeaderboardRow(model="m", kind="published", cells={"aime24": cell})
    (read,) = csv.DictReader(io.StringIO(export("csv", replace(board_of("m"), rows=(row,)))))
    assert read["score"] == "-2.5"
    verdicts = list(csv.DictReader(io.StringIO(export("csv-verdicts", full_board()))))
    assert [v["difference_points"] for v in verdicts] == ["-18.55", "-2.35", ""]
    assert [(v["outcome"], v["informal"]) for v in verdicts[1:]] == [("inconclusive", "yes"), ("not_comparable", "no")]


# --- JSON ------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", [full_board(), *(board_of(name, source=name) for name in HOSTILE)])
def test_json_comes_back_as_the_same_board(table: Leaderboard) -> None:
    assert from_json(export("json", table)) == table


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: data.pop("rows"), "rows"),
        (lambda data: data["rows"][0]["cells"]["aime24"].update(value="high"), "$.rows[0].cells[...].value"),
        (lambda data: data["verdicts"][0].update(outcome="won"), "$.verdicts[0].outcome"),
        (lambda data: data["columns"][1].pop("benchmark"), "$.columns[1]"),
    ],
)
def test_what_is_no_board_is_refused_by_name(change: Any, words: str) -> None:
    data = json.loads(export("json", full_board()))
    change(data)
    with pytest.raises(UsageError, match=re.escape(words)):
        from_json(json.dumps(data))


@pytest.mark.parametrize("text", ["", "[]", "{", "model,kind\n", b"\xff\xfe"])
def test_other_files_are_no_board(text: str | bytes) -> None:
    with pytest.raises(UsageError, match="not a board in JSON"):
        from_json(text)


# --- Hugging Face ----------------------------------------------------------------------------


def test_eval_results_are_read_by_the_hub_s_own_parser() -> None:
    text = export("hf-eval-results", full_board())
    (entry,) = parse_eval_result_entries(yaml.safe_load(text))
    assert (entry.dataset_id, entry.task_id, entry.value) == ("HuggingFaceH4/aime_2024", "aime24", 61.25)
    assert entry.date == "2025-03-02"
    for words in ("avg@4, k = 4, 30 items", "standard error 3.19 points", "55.0 to 67.5", "2025-03-02-qwen-c0ffee"):
        assert entry.notes and words in entry.notes
    assert "# left out: MATH-500: not finished: 757 of 2000 samples are missing\n" in text
    assert "# left out: GPQA Diamond: not comparable: 100 of 198 items" in text


def test_the_model_index_is_read_by_the_hub_s_own_parser() -> None:
    text = export("hf-model-index", full_board())
    name, (score, error) = model_index_to_eval_results(yaml.safe_load(text)["model-index"])
    assert name == "qwen3_14b"
    assert (score.dataset_type, score.dataset_split, score.metric_value) == ("HuggingFaceH4/aime_2024", "train", 61.25)
    assert score.metric_args and score.metric_args["k"] == 4
    assert score.metric_args["interval_95_same_items"] == [55.0, 67.5]
    assert (error.metric_type, error.metric_value) == ("accuracy_stderr", 3.19)
    assert "# left out: MATH-500" in text


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("form", ["hf-eval-results", "hf-model-index"])
def test_yaml_stays_what_it_is(form: str, name: str) -> None:
    table = board_of(name, source=name)
    columns = tuple(replace(column, dataset="a/b", title=name) for column in table.columns)
    data = yaml.safe_load(export(form, replace(table, columns=columns)))
    value = (
        data[0]["value"] if form == "hf-eval-results" else data["model-index"][0]["results"][0]["metrics"][0]["value"]
    )
    assert value == 61.25


def test_informal_scores_say_so_on_the_hub() -> None:
    cell = measured(61.25, 58.0, 64.0, informal=("temperature",))
    row = LeaderboardRow(model="m", kind="measured", cells={"aime24": cell})
    table = replace(full_board(), rows=(row,))
    assert "informal against deepseek-r1: temperature" in " ".join(export("hf-eval-results", table).split())
    (score, _) = model_index_to_eval_results(yaml.safe_load(export("hf-model-index", table))["model-index"])[1]
    assert score.metric_args and score.metric_args["informal"] == ["temperature"]


@pytest.mark.parametrize("form", ["hf-eval-results", "hf-model-index"])
@pytest.mark.parametrize(("n_runs", "words"), [(0, "no run"), (2, "2 runs (m, m)")])
def test_only_one_s_own_results_go_to_the_hub(form: str, n_runs: int, words: str) -> None:
    first, run = board_of("m").rows
    table = replace(board_of("m"), rows=(first, *[run] * n_runs))
    with pytest.raises(UsageError, match=re.escape(words) + ".*give the directory of one run"):
        export(form, table)
