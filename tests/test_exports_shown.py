"""Exports that are typeset or opened: LaTeX by pdflatex and the web page by Chromium, where these are installed."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from support.boards import HOSTILE, board_of, full_board, measured, shown

from evalkit.registry import EXPORTERS
from evalkit.types import Column, Leaderboard, LeaderboardRow


def export(form: str, table: Leaderboard) -> str:
    text = EXPORTERS.get(form)().render(table)
    assert isinstance(text, str)
    return text


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
    assert shown(name) in page.text
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
