"""The documentation is true: its commands exist with their options, its example task runs, its links lead somewhere."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import click
import pytest
from conftest import Cli

from evalkit.cli.main import cli as group
from evalkit.registry import SCORERS
from evalkit.types import Generation, Item

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "ARCHITECTURE.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")])
README = (ROOT / "README.md").read_text(encoding="utf-8")


def commands(page: Path) -> list[str]:
    """Indented or fenced lines that call evalkit, with their continuation lines."""
    text = re.sub(r"\\\n\s*", " ", page.read_text(encoding="utf-8"))
    lines = [line.strip().removeprefix("$ ") for line in text.splitlines() if line.startswith(("    ", "$ "))]
    calls = [part.strip() for line in lines for part in line.split("&&")]
    return [call.partition("   ")[0].partition(" #")[0] for call in calls if call.startswith("evalkit ")]


def every_command() -> list[tuple[str, str]]:
    return [(page.name, call) for page in PAGES for call in commands(page)]


@pytest.mark.parametrize(("page", "call"), every_command())
def test_documented_commands_parse(page: str, call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = [w.removesuffix("...") for w in shlex.split(re.sub(r"\[[^]]*\]", "", call))[1:]]
    command: click.Command = group
    context = click.Context(group)
    while isinstance(command, click.Group):
        found = command.get_command(context, words.pop(0))
        assert found is not None, call
        command = found
    if command.name == "validate" and words:
        Path(words[0]).touch()
    command.make_context(command.name, words)


def test_the_ten_line_task_of_the_readme_runs(cli: Cli, tmp_path: Path) -> None:
    task = re.search(r"```yaml\n(.*?)```", README, re.DOTALL)
    rows = re.search(r"```json\n(.*?)```", README, re.DOTALL)
    assert task is not None and rows is not None
    assert len(task[1].splitlines()) == 10
    name = re.search(r"task: (\w+)", task[1])
    assert name is not None
    Path("mytasks", name[1]).mkdir(parents=True)
    Path("mytasks", f"{name[1]}.yaml").write_text(task[1])
    Path("mytasks", name[1], "test.jsonl").write_text(rows[1])
    assert [json.loads(line) for line in rows[1].splitlines()]
    assert cli("tasks", "validate", "mytasks").code == 0
    places = ["--tasks-dir", "mytasks", "--data-dir", "mytasks"]
    result = cli("run", name[1], "-m", "fake:x", *places, "--quiet", "--json")
    assert result.code == 0, result.err
    assert result.json["tasks"][0]["statuses"] == {"scored": 4 * len(rows[1].splitlines())}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


def test_exit_codes_are_documented_alike() -> None:
    for code in ("0 ok", "2 wrong usage or input", "3 the run finished"):
        assert code in README and code in (ROOT / "docs" / "runs.md").read_text(encoding="utf-8")


def test_tables_of_keys_are_complete() -> None:
    from evalkit.tasks.loader import EVALKIT_KEYS, USED_KEYS

    page = (ROOT / "docs" / "tasks.md").read_text(encoding="utf-8")
    optional = {"output_type", "metadata", "generation_kwargs", "licence"}
    missing = [k for k in USED_KEYS | EVALKIT_KEYS if f"`{k}`" not in page and k not in optional]
    assert not missing


def rows_of(page: str, heading: str) -> list[list[str]]:
    """The rows of the first table after a heading, their code spans without the marks."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("|")][2:]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]


def test_grading_page_shows_what_is_extracted() -> None:
    rows = rows_of("grading.md", "Which text is the answer")
    assert len(rows) > 8
    for step, _, text, answer in rows:
        target = "1, 2" if step == "boxes" else "18"
        scorer = SCORERS.get("math")({})
        score = scorer.score(Item(id="x", messages=(), target=target), Generation(answer=text, finish_reason="stop"))
        assert (score.answer, score.step.split("/")[0]) == (answer, step), text


def test_grading_page_shows_what_is_equal() -> None:
    rows = rows_of("grading.md", "Is it the target")
    assert len(rows) > 30
    scorer = SCORERS.get("math")({})
    for rule, target, answer, equal, step in rows:
        score = scorer.grade_answer(Item(id="x", messages=(), target=target), answer)
        assert (score.value, score.step) == (float(equal == "yes"), f"bare/{step}"), rule
    scorer.close()


def test_the_table_of_protocol_fields_is_the_one_that_decides() -> None:
    from evalkit.protocols import FIELDS

    page = (ROOT / "docs" / "protocols.md").read_text(encoding="utf-8")
    rows = [f"| {f.name} | {f.differs} | {f.unstated or 'not reported'} |" for f in FIELDS]
    table = page.partition("| field | if it differs | if a side does not state it |\n|---|---|---|\n")[2]
    assert table.splitlines()[: len(rows) + 1] == [*rows, ""]


@pytest.mark.parametrize("page", ["protocols.md"])
def test_transcripts_are_what_the_commands_print(cli: Cli, page: str) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    shown = re.findall(r"```\n\$ evalkit (.*)\n((?:.*\n)*?)```", text)
    assert shown
    for call, printed in shown:
        lines = [line.rstrip() for line in cli(*shlex.split(call)).out.splitlines()]
        assert lines == printed.splitlines(), call
