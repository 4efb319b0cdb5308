"""The HTML report: what it carries, and that names of others cannot break or run anything."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from conftest import Cli
from support.endpoint import Endpoint, Reply


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
