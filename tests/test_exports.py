"""Exporters of a filled board: what each format carries, and that names of others cannot break or run anything.

`tests/golden` holds every format of the board in `support/boards.py`, byte for byte. After a change that is meant:
`python -m pytest tests/test_exports.py --write-golden`, then look at the difference.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import parse_eval_result_entries
from huggingface_hub.repocard_data import model_index_to_eval_results
from rich.cells import cell_len
from support.boards import board_of, full_board, measured, published

from evalkit.errors import UsageError
from evalkit.registry import EXPORTERS
from evalkit.report.json import from_json
from evalkit.types import Column, Leaderboard, LeaderboardRow

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
HOSTILE = [
    "=HYPERLINK('http://x')",
    "+1",
    "@SUM(1)",
    "-2",
    " \t=1+1",
    "\u200b\uff1d1+1",
    "\r\n=1",
    "a;=1+1",
    "a|b",
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    "{{ 7 * 7 }}{% raw %}",
    "[red]x[/red]",
    "[link](http://x)",
    "two\nlines",
    "**bold** `code` ~~x~~ $y$ &lt;",
    "\\input{/etc/passwd} \\\\ 100% a&b #1 ^^41 ~ {",
    "讯飞 Łódź naïve ﬁ 🙂 ‮reversed",
    "# comment: {a: [1, 'x\"",
]


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
    shown = " ".join(re.sub(r"[\x00-\x1f\u202e]", " ", name).split())
    assert [r["model"].replace("'", "") for r in rows] == ["o1", shown.replace("'", "")]
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


# --- LaTeX -----------------------------------------------------------------------------------


def latex_faults(text: str) -> list[str]:
    """What would not compile or not be shown, as far as that can be told without LaTeX."""
    body = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    faults = ["more than letters outside ASCII"] if not re.sub(r"\{[^\x00-\x7f]\}", "", body).isascii() else []
    bare = re.sub(r"\\\\|\\[{}_&%$#]", lambda m: "@" if m[0] == r"\\" else "x", body)
    depth = 0
    for char in bare:
        depth += {"{": 1, "}": -1}.get(char, 0)
        if depth < 0:
            faults.append("a brace closes nothing")
    if depth:
        faults.append("a brace is open")
    outside_math = re.sub(r"\$[^$\n]*\$", "", bare)
    found = re.findall(r"[%$]|(?<!\\)[\^~](?![^\s]*\})|#(?!\d)", outside_math.replace(r"\providecommand", ""))
    faults += [f"{char} is bare" for char in found]
    for table in re.findall(r"\\begin\{tabular\}\{@\{\}([lr]+)@\{\}\}(.*?)\n\\end\{tabular\}", bare, re.S):
        rows = [row for row in table[1].splitlines() if "&" in row]
        faults += [f"{row}: not {len(table[0])} cells" for row in rows if row.count("&") != len(table[0]) - 1]
    return faults


BOARDS = {"full": full_board(), **{f"hostile-{i}": board_of(name, name) for i, name in enumerate(HOSTILE)}}


@pytest.mark.parametrize("name", BOARDS)
def test_latex_is_well_formed(name: str) -> None:
    text = export("latex", BOARDS[name])
    assert latex_faults(text) == []
    assert r"\input" not in text and text.count(r"\toprule") == text.count(r"\bottomrule") >= 1


def wide_board() -> Leaderboard:
    """Twelve columns of a run, long names, and more verdicts than anybody wants to read."""
    keys = [f"benchmark-{i}" for i in range(12)]
    cells = {key: measured(61.25, 58.0, 64.0, rank=(1, 2), informal=("temperature",)) for key in keys}
    names = ("deepseek-r1-distill-qwen-1.5b", "an-organisation/a-model-with-a-long-name-32b-instruct")
    return replace(
        full_board(),
        columns=tuple(Column(key=key, title=f"A benchmark called {key}", task=key, benchmark=key) for key in keys),
        rows=tuple(LeaderboardRow(model=name, kind="measured", cells=cells) for name in names),
        verdicts=tuple(replace(v, reference=names[0], column=keys[0]) for v in full_board().verdicts),
    )


def test_latex_compiles_and_fits_on_the_page(tmp_path: Path) -> None:
    engine = shutil.which("pdflatex")
    if engine is None:
        pytest.skip("no pdflatex here")
    boards = [full_board(), wide_board(), *(board_of(name, name) for name in HOSTILE)]
    inputs = []
    for i, table in enumerate(boards):
        (tmp_path / f"board{i}.tex").write_text(export("latex", table), encoding="utf-8")
        inputs.append(f"\\input{{board{i}}}\\clearpage")
    page = ["\\documentclass{article}", "\\usepackage{booktabs}", "\\begin{document}", *inputs, "\\end{document}"]
    (tmp_path / "page.tex").write_text("\n".join(page))
    command = [engine, "-halt-on-error", "-interaction=nonstopmode", "-no-shell-escape", "page.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=120)
    log = (tmp_path / "page.log").read_text(encoding="utf-8", errors="replace")
    assert done.returncode == 0, "\n".join(line for line in log.splitlines() if line.startswith(("!", "l.")))
    assert not re.findall(r"Overfull .hbox.*", log)
    assert "Missing character" not in log and "LaTeX Error" not in log


# --- web page --------------------------------------------------------------------------------


class Tags(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += [(key, value or "") for key, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("name", HOSTILE)
def test_the_page_runs_its_own_script_and_loads_nothing(name: str) -> None:
    page = Tags(export("html", board_of(name, source=name)))
    assert page.names.count("script") == page.names.count("style") == 1 and "img" not in page.names
    assert not [key for key, _ in page.attributes if key.startswith("on") or key in {"src", "style", "srcset", "data"}]
    assert all(value.startswith("#") for key, value in page.attributes if key == "href")
    shown = " ".join(re.sub(r"[\x00-\x1f\u202e]", " ", name).split())
    assert shown in page.text
    policy = next(value for key, value in page.attributes if "default-src" in value)
    assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy


def test_links_of_the_page_lead_somewhere() -> None:
    page = Tags(export("html", full_board()))
    ids = {value for key, value in page.attributes if key == "id"}
    links = {value.removeprefix("#") for key, value in page.attributes if key == "href"}
    assert links and links <= ids


SEEN = """
const table = [...document.querySelectorAll("table.sortable")].find((t) => t.tHead.textContent.includes("MATH-500"));
const seen = [];
const look = (index) => {
  const head = table.tHead.rows[0].cells[index];
  if (index) head.querySelector("button").click();
  seen.push([head.getAttribute("aria-sort"), [...table.tBodies[0].rows].map((row) => row.cells[0].dataset.value)]);
};
for (const index of [0, 3, 3, 3, 2, 4]) look(index);
const loaded = performance.getEntriesByType("resource").length;
const styled = getComputedStyle(document.querySelector("tr.measured .value")).fontWeight;
const out = document.createElement("pre");
out.id = "seen";
out.textContent = JSON.stringify({seen, loaded, styled});
document.body.append(out);
"""


def in_chromium(page: str, folder: Path) -> str:
    """The page as Chromium has it after its scripts ran."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium here")
    path = folder / "page.html"
    path.write_text(page, encoding="utf-8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}"]
    command = [browser, *flags, "--virtual-time-budget=2000", "--dump-dom", path.as_uri()]
    done = subprocess.run(command, capture_output=True, timeout=90)
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-2000:]
    return done.stdout.decode()


def test_heads_sort_in_a_real_browser(tmp_path: Path) -> None:
    page = export("html", full_board()).replace("</body>", f"<script>{SEEN}</script></body>")
    digest = base64.b64encode(hashlib.sha256(SEEN.encode()).digest()).decode()
    dom = in_chromium(page.replace("script-src ", f"script-src 'sha256-{digest}' "), tmp_path)
    found = re.search(r'<pre id="seen">(.*?)</pre>', dom)
    assert found
    result = json.loads(found[1])
    given = ["o1", "deepseek-r1", "讯飞-x1_claimed", "constant-answer", "qwen/qwen3_14b"]
    o1, r1, spark, constant, qwen = given
    assert result["seen"] == [
        ["none", given],
        ["descending", [spark, r1, o1, qwen, constant]],
        ["ascending", [qwen, o1, r1, spark, constant]],
        ["none", given],
        ["descending", [r1, o1, qwen, spark, constant]],
        ["descending", [o1, r1, qwen, constant, spark]],
    ]
    assert result["loaded"] == 0 and result["styled"] == "700"


def test_a_smuggled_script_does_not_run(tmp_path: Path) -> None:
    page = export("html", full_board()).replace("</body>", f"<script>{SEEN}</script></body>")
    assert '<pre id="seen">' not in in_chromium(page, tmp_path)


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
