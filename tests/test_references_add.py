"""`evalkit references show`, `validate`, `add`: side by side, all problems, and nothing unsourced gets in."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Cli

from evalkit import references

OPTIONS = {
    "task": "gsm8k", "id": "mine", "model": "o1-mini", "metric": "accuracy", "value": "95.5",
    "reported-by": "a reviewer", "source": "a report, table 2", "tier": "primary",
}  # fmt: skip
FILE = """\
task: gsm8k
id: mine
model: o1-mini
title: o1-mini
metric: accuracy
measures: mean_accuracy
value: 95.5
unit: '%'
reported_by: a reviewer
source: 'a report: table 2'
tier: primary
date: '2025-02-03'
system_prompt: ''
not_sent: [temperature]
"""


def options(**changes: str | None) -> list[str]:
    given = {k: v for k, v in (OPTIONS | {k.replace("_", "-"): v for k, v in changes.items()}).items() if v is not None}
    return [part for k, v in given.items() for part in (f"--{k}", v)]


# --- show, list, validate ------------------------------------------------------------------------


def test_show_puts_every_record_of_a_cell_side_by_side(cli: Cli) -> None:
    shown = cli("references", "show", "o1", "--task", "aime24")
    assert shown.code == 0
    assert shown.out.startswith("o1 on AIME 2024 (aime24, 30 items)")
    for words in (
        "79.2 %", "74.4 %", "74.3 %", "83.3 %", "93 %", "re-ranking 1000...", "aime24/o1-openai-2024-12",
        "the unreleased o1 of September 2024, at maximal test-time compute", "[copy_of_primary, 2024-12-17]",
        "vendor self-report (OpenAI)", "may be compared only with another majority vote",
    ):  # fmt: skip
        assert words in " ".join(shown.out.split()), words


def test_show_by_id_marks_the_record_and_counts_its_results(cli: Cli) -> None:
    shown = cli("references", "show", "gsm8k/o1-mini-zeroeval")
    assert "gsm8k/o1-mini-zeroeval   (asked for)" in shown.out
    assert "not sent: temperature, max_tokens; JSON answer" in shown.out
    assert "1319 items, mean 96.06 %" in shown.out
    found = cli("references", "show", "gsm8k/o1-mini-zeroeval", "--json").json
    assert found["asked"] == "gsm8k/o1-mini-zeroeval" and "ZeroEval" in found["notes"][0]
    (ref,) = found["records"]
    assert ref["value"] == 96.06 and ref["results"]["n_items"] == 1319 and ref["shots"] == 0


@pytest.mark.parametrize(
    ("args", "part"),
    [
        (["gsm8k/o1-mini"], "unknown reference 'gsm8k/o1-mini'; did you mean gsm8k/o1-mini-zeroeval"),
        (["o1"], "on which benchmark? --task NAME; o1 has records on: aider_polyglot, aime24"),
        (["o1", "--task", "aime25"], "did you mean aime24"),
        (["o2", "--task", "aime24"], "unknown reference model 'o2'"),
    ],
)
def test_show_asks_for_what_it_needs(cli: Cli, args: list[str], part: str) -> None:
    shown = cli("references", "show", *args)
    assert shown.code == 2 and part in shown.err


def on_terminal(columns: int, *args: str) -> str:
    """What the command prints on a terminal that is so wide."""
    mine, theirs = pty.openpty()
    env = {k: v for k, v in os.environ.items() if not k.startswith("EVALKIT_")} | {"COLUMNS": str(columns)}
    command = [sys.executable, "-m", "evalkit", *args]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=env, close_fds=True)
    os.close(theirs)
    return read_all(mine, process)


def read_all(terminal: int, process: subprocess.Popen[bytes]) -> str:
    text = b""
    while select.select([terminal], [], [], 60)[0]:
        try:
            more = os.read(terminal, 65536)
        except OSError:  # the other end is closed
            break
        text += more
    process.wait(timeout=60)
    os.close(terminal)
    return text.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("columns", [80, 160])
def test_the_list_keeps_to_the_width_of_the_terminal(columns: int) -> None:
    _, *lines, last = on_terminal(columns, "references", "list", "--model", "o1-mini").splitlines()
    n_records = int(last.partition(" of ")[0])
    assert n_records > 25 and sum("o1-mini" in line for line in lines) == n_records
    assert max(map(len, lines)) <= columns
    assert len(lines) <= n_records * (1 if columns == 160 else 1.6), "few names are folded, and no source is"


def test_validate_counts_what_is_sound(cli: Cli) -> None:
    checked = cli("references", "validate")
    assert checked.code == 0
    n_files = len(list(references.shipped().glob("*.yaml")))
    assert (
        checked.out == f"{n_files} of {n_files} files are sound, with {len(references.load_references([]))} records\n"
    )


def test_validate_names_every_problem_of_every_file(cli: Cli) -> None:
    cases = Path(__file__).parent / "cases" / "references"
    checked = cli("references", "validate", cases / "six-faults.yaml", cases / "no-source.yaml")
    assert checked.code == 2 and checked.out.count("broken: ") == 7
    assert f"broken: {cases / 'no-source.yaml'}:5: records.0.source: missing" in checked.out
    assert "0 of 2 files are sound" in checked.out
    found = cli("references", "validate", cases, "--json")
    assert found.code == 2 and all(row["problems"] for row in found.json)


# --- add -----------------------------------------------------------------------------------------


def test_add_by_options(cli: Cli, tmp_path: Path) -> None:
    done = cli("references", "add", "--into", tmp_path / "refs", *options(date="2025-02", not_sent="temperature,top_p"))
    assert done.code == 0, done.err
    assert done.out == f"added gsm8k/mine to {tmp_path / 'refs' / 'gsm8k.yaml'}\n"
    (ref,) = [r for r in references.load_references([tmp_path / "refs"]) if r.id == "gsm8k/mine"]
    assert (ref.value, ref.unit, ref.model_title, ref.date) == (95.5, "%", "o1-mini", "2025-02")
    assert ref.not_sent == ("temperature", "top_p") and not ref.default, "the shipped default stays"
    assert (ref.benchmark, ref.task, ref.benchmark_items) == ("GSM8K", "gsm8k", 1319)


def test_the_first_record_of_a_cell_becomes_its_default(cli: Cli, tmp_path: Path) -> None:
    assert cli("references", "add", "--into", tmp_path, *options(model="new-model")).code == 0
    (ref,) = [r for r in references.load_references([tmp_path]) if r.model == "new-model"]
    assert ref.default


def test_add_from_a_file_goes_where_the_environment_says(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "one.yaml").write_text(FILE)
    monkeypatch.setenv("EVALKIT_REFERENCES_DIR", str(tmp_path / "refs"))
    done = cli("references", "add", "--from", "one.yaml", "--json")
    assert done.code == 0, done.err
    assert done.json == {"file": str(tmp_path / "refs" / "gsm8k.yaml"), "added": ["gsm8k/mine"]}
    shown = cli("references", "show", "gsm8k/mine", "--json").json
    (ref,) = [r for r in shown["records"] if r["id"] == "gsm8k/mine"]
    assert (ref["source"], ref["system_prompt"], ref["not_sent"]) == ("a report: table 2", "", ["temperature"])


def test_a_new_benchmark_makes_a_new_file(cli: Cli, tmp_path: Path) -> None:
    new = ["--benchmark", "Town Names", "--items", "50"]
    assert cli("references", "add", "--into", tmp_path, *options(task="towns"), *new).code == 0
    text = (tmp_path / "towns.yaml").read_text()
    assert text.startswith("benchmark: Town Names\ntask: null\nitems: 50\nrecords:\n  - id: mine\n")
    many = "benchmark: Town Names\ntask: null\nitems: 50\nrecords:\n" + "".join(
        f"{'  - ' if i == 0 else '    '}{line}\n" for i, line in enumerate(FILE.splitlines()[1:])
    )
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "many.yaml").write_text(many.replace("o1-mini", "o3").replace("id: mine", "id: other"))
    refused = cli("references", "add", "--from", "more/many.yaml", "--into", tmp_path)
    assert refused.code == 2 and "mark one record as the default of o3" in refused.err
    (tmp_path / "more" / "many.yaml").write_text(
        many.replace("o1-mini", "o3").replace("id: mine", "id: other") + "    default: true\n"
    )
    assert cli("references", "add", "--from", "more/many.yaml", "--into", tmp_path).code == 0
    assert "  - id: other\n" in (tmp_path / "towns.yaml").read_text(), "known by its title"


def test_comments_and_formatting_of_the_file_stay(cli: Cli, tmp_path: Path) -> None:
    old = "# Ours.\nbenchmark: GSM8K  # words\ntask: gsm8k\nitems: 1319\nrecords:\n" + "".join(
        f"{'  - ' if i == 0 else '    '}{line}  # why not\n" for i, line in enumerate(FILE.splitlines()[1:])
    )
    (tmp_path / "gsm8k.yaml").write_text(old)
    assert cli("references", "add", "--into", tmp_path, *options(id="second", protocol="say: 'so' # {x}")).code == 0
    new = (tmp_path / "gsm8k.yaml").read_text()
    assert new.startswith(old) and new.count("- id:") == 2
    (ref,) = [r for r in references.load_references([tmp_path]) if r.id == "gsm8k/second"]
    assert ref.protocol == "say: 'so' # {x}"


def test_a_layout_that_is_not_ours_stays(cli: Cli, tmp_path: Path) -> None:
    row = ", ".join(FILE.splitlines()[1:])
    flow = f"benchmark: GSM8K\ntask: gsm8k\nitems: 1319\nrecords: [{{{row}}}]\n"
    (tmp_path / "gsm8k.yaml").write_text(flow)
    assert cli("references", "validate", tmp_path).code == 0
    refused = cli("references", "add", "--into", tmp_path, *options(id="second"))
    assert refused.code == 2 and "gsm8k.yaml: its layout cannot be added to by a program" in refused.err
    assert (tmp_path / "gsm8k.yaml").read_text() == flow and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"source": None}, "missing: --source; a number without its source is no reference"),
        ({"source": None, "reported_by": None}, "missing: --reported-by, --source"),
        ({"source": " "}, "--source must be text, not ' '"),
        ({"value": "much"}, "--value must be a number, not 'much'"),
        ({"value": "195"}, "must be between 0 and 100 for '%', not 195"),
        ({"metric": "cons@64"}, "'cons@64' is not a mean accuracy"),
        ({"measures": "majority"}, "'accuracy' is a mean accuracy, not majority"),
        ({"date": "yesterday"}, "--date must be quoted text"),
        ({"tier": "hearsay"}, "--tier must be one of primary"),
        ({"id": "o1-mini-zeroeval"}, "'o1-mini-zeroeval' is a record of an earlier folder already"),
        ({"task": "gsm9k"}, "unknown benchmark 'gsm9k'; did you mean gsm8k"),
        ({"task": "../gsm8k", "benchmark": "x"}, "no name for a file of references"),
        ({"task": None}, "name the benchmark"),
        ({"not_sent": "temprature"}, "--not-sent must be a list of temperature"),
    ],
)
def test_what_is_no_reference_is_refused_and_nothing_written(
    cli: Cli, tmp_path: Path, changes: dict[str, str | None], part: str
) -> None:
    refused = cli("references", "add", "--into", tmp_path / "refs", *options(**changes))
    assert refused.code == 2 and part in refused.err
    assert not list(tmp_path.rglob("*.yaml")) and not list(tmp_path.rglob("*.part"))


def test_a_second_default_is_refused_and_the_file_stays(cli: Cli, tmp_path: Path) -> None:
    add = ("references", "add", "--into", tmp_path, "--default")
    assert cli(*add, *options()).code == 0
    before = (tmp_path / "gsm8k.yaml").read_bytes()
    refused = cli(*add, *options(id="second"))
    assert refused.code == 2 and "'mine' is already the default of o1-mini, mean_accuracy" in refused.err
    repeated = cli(*add, *options())
    assert repeated.code == 2 and "'mine' is given twice" in repeated.err
    assert (tmp_path / "gsm8k.yaml").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["gsm8k.yaml"]


@pytest.mark.parametrize(
    ("old", "new", "line", "part"),
    [
        ("source: 'a report: table 2'\n", "", None, "source: missing"),
        ("value: 95.5", "value: much", 7, "value: must be a number, not 'much'"),
        ("id: mine", "id: mine\nscor: x", 3, "did you mean 'scoring'"),
        ("task: gsm8k", "task: gsm8k\nitems: 100", 2, "items: must be 1319"),
        ("task: gsm8k", "task: nowhere", 1, "unknown benchmark 'nowhere'"),
        ("id: mine", "id: [mine", 3, "not valid YAML"),
    ],
)
def test_a_broken_file_is_refused_by_line(
    cli: Cli, tmp_path: Path, old: str, new: str, line: int | None, part: str
) -> None:
    assert old in FILE
    (tmp_path / "one.yaml").write_text(FILE.replace(old, new))
    refused = cli("references", "add", "--from", "one.yaml", "--into", tmp_path / "refs")
    assert refused.code == 2 and part in refused.err
    assert f"one.yaml:{line}: " in refused.err if line else "one.yaml: " in refused.err
    assert not (tmp_path / "refs").exists()


def test_add_needs_a_place_and_one_way(cli: Cli, tmp_path: Path) -> None:
    refused = cli("references", "add", *options())
    assert refused.code == 2 and "--into DIR, or set EVALKIT_REFERENCES_DIR" in refused.err
    (tmp_path / "one.yaml").write_text(FILE)
    both = cli("references", "add", "--from", "one.yaml", "--into", tmp_path / "refs", "--value", "3")
    assert both.code == 2 and "give no further fields beside it" in both.err
    file = cli("references", "add", "--into", tmp_path / "one.yaml", *options())
    assert file.code == 2 and "is no folder" in file.err


def test_on_a_terminal_every_field_is_asked_for(tmp_path: Path) -> None:
    answers = {
        "task": "gsm8k", "id": "mine", "model": "o1-mini", "metric": "accuracy", "value": "much\n95.5",
        "reported_by": "a reviewer", "source": "a report", "tier": "primary",
    }  # fmt: skip
    mine, theirs = pty.openpty()
    command = [sys.executable, "-m", "evalkit", "references", "add", "--into", str(tmp_path)]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True)
    os.close(theirs)
    asked = ["task", *references.FIELDS]
    lines = [answers.get(name, "") for name in asked if not name.startswith("per_item")]
    os.write(mine, ("\n".join(lines) + "\n").encode())
    said = read_all(mine, process)
    assert process.returncode == 0, said
    assert "must be a number, not 'much'" in said and "added gsm8k/mine" in said
    (ref,) = [r for r in references.load_references([tmp_path]) if r.id == "gsm8k/mine"]
    assert (ref.value, ref.source, ref.date, ref.model_title, ref.unit) == (95.5, "a report", None, "o1-mini", "%")
