"""Which rows a task has and what of them a scorer sees: fields, files beside the task file, windows of dates.

There is no LiveCodeBench here: its rows are made up, in the shape that the hub has.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import Cli
from support.tasks import GOOD, SHIPPED, data_files, mirror, write

from evalkit import boards, references
from evalkit.errors import DatasetError, TaskError, UsageError
from evalkit.protocols import Items, of_task, run_and_reference
from evalkit.tasks import catalog
from evalkit.tasks.items import ItemLoader
from evalkit.tasks.loader import load_task
from evalkit.tasks.protocol import protocol
from evalkit.tasks.sources import file_beside, portable_folder
from evalkit.types import DatasetSpec, TaskSpec


def test_the_scorer_is_given_fields_of_any_type(tmp_path: Path) -> None:
    own = "    scorer: math\n    scorer_fields: {many: list, name: 'f{{n}}', word: constant, n: !function own.twice}"
    task = load_task(write(tmp_path, GOOD.replace("    scorer: math", own)))
    (tmp_path / "own.py").write_text("def twice(row):\n    return {'n': 2 * row['n']}\n")
    rows: list[dict[str, object]] = [{"question": "?", "answer": "1", "list": [1, {"a": None}], "n": 3}]
    (item,) = ItemLoader(mirror(tmp_path / "data", rows), trusted=[tmp_path]).items(task)
    assert item.metadata == {"many": [1, {"a": None}], "name": "f3", "word": "constant", "n": {"n": 6}}
    shown = protocol(task, data_digest=None, n_items=1)
    assert shown["scorer_fields"]["n"] == "!function own.twice"
    with pytest.raises(TaskError, match="not trusted"):
        list(ItemLoader(tmp_path / "data").items(task))
    failing = load_task(write(tmp_path, GOOD.replace("    scorer: math", own.replace("{{n}}", "{{m}}"))))
    with pytest.raises(TaskError, match=r"sums.yaml: metadata.evalkit.scorer_fields.name: 'm' is undefined; a row has"):
        list(ItemLoader(tmp_path / "data", trusted=[tmp_path]).items(failing))


def test_what_a_task_does_not_use_is_not_in_its_protocol(tmp_path: Path) -> None:
    shown = protocol(load_task(write(tmp_path)), data_digest=None, n_items=1)
    assert {"scorer_fields", "window", "where", "choices"}.isdisjoint(shown), "digests are older than these"


@pytest.mark.parametrize("name", ["rows.jsonl", "below/rows.jsonl", "rows.jsonl.gz"])
@pytest.mark.parametrize("written", ["{test: %s}", "%s"])
def test_rows_stand_in_a_file_beside_the_task(tmp_path: Path, name: str, written: str) -> None:
    """Whatever the data folder holds, and without any of the two in what is compared."""
    folder = tmp_path / "mine"
    file = folder / name
    file.parent.mkdir(parents=True)
    plain = b'{"question": "1 + 1", "answer": "2"}\n\n{"question": "1 + 2", "answer": "3"}\n'
    file.write_bytes(gzip.compress(plain) if name.endswith(".gz") else plain)
    text = GOOD.replace("someone/sums", f"json\ndataset_kwargs: {{data_files: {written % name.removesuffix('.gz')}}}")
    task = load_task(write(folder, text.replace("test_split: test", "test_split: train") if written == "%s" else text))
    other = mirror(tmp_path / "data", [{"question": "0", "answer": "0"}])
    for loader in (ItemLoader(), ItemLoader(other)):
        assert [i.target for i in loader.items(task)] == ["2", "3"]
        assert [i.target for i in loader.items(task, 1)] == ["2"]
        assert loader.data_digest(task) == "sha256:" + hashlib.sha256(file.read_bytes()).hexdigest()
    assert str(tmp_path) not in json.dumps(protocol(task, data_digest=None, n_items=2))
    file.unlink()
    with pytest.raises(DatasetError, match=r"sums: no file .*rows.jsonl in .*mine, the folder of the task file"):
        list(ItemLoader().items(task))


def test_a_file_beside_the_task_stays_there(tmp_path: Path) -> None:
    (tmp_path / "secret.jsonl").write_text("{}")
    write(tmp_path / "mine")
    (tmp_path / "mine" / "rows.jsonl").symlink_to(tmp_path / "secret.jsonl")
    with pytest.raises(TaskError, match="relative path to a file in the folder of the task file"):
        load_task(write(tmp_path / "mine", GOOD.replace(*data_files("rows.jsonl"))))
    (tmp_path / "mine" / "rows.jsonl").unlink()
    (tmp_path / "mine" / "rows.jsonl").write_text('{"question": 1}\n[]\n')
    task = load_task(write(tmp_path / "mine", GOOD.replace(*data_files("rows.jsonl")).replace("{{answer}}", "1")))
    with pytest.raises(DatasetError, match=r"mine/rows.jsonl:2: a row must be a JSON object"):
        list(ItemLoader().items(task))


def test_the_folder_of_a_shipped_task_is_kept_without_its_place() -> None:
    assert portable_folder(SHIPPED / "code") == "code"
    spec = DatasetSpec(path="json", folder="code", kwargs={"data_files": {"test": "livecodebench.yaml"}})
    assert file_beside(spec, "test") == SHIPPED / "code" / "livecodebench.yaml"


# --- windows of dates ------------------------------------------------------------------------

HUB_ROW = {
    "question_title": "Twice", "question_content": "Print twice the number.\n", "platform": "atcoder",
    "question_id": "abc000_a", "contest_id": "abc000", "contest_date": "2024-08-03T00:00:00", "starter_code": "",
    "difficulty": "easy", "public_test_cases": '[{"input": "1", "output": "2", "testtype": "stdin"}]',
    "private_test_cases": '[{"input": "4", "output": "8", "testtype": "stdin"}]', "metadata": "{}",
}  # fmt: skip
DAYS = ["2024-07-31", "2024-08-01", "2024-08-15", "2024-12-31", "2025-01-31", "2025-02-01"]


def contest(folder: Path, days: list[Any]) -> ItemLoader:
    rows: list[dict[str, object]] = [{**HUB_ROW, "question_id": f"q{i}", "contest_date": d} for i, d in enumerate(days)]
    return ItemLoader(mirror(folder, rows, "livecodebench"))


@pytest.mark.parametrize(
    ("asked", "name", "inside"),
    [
        ("", "2024-08..2025-01", DAYS[1:5]),
        (":2024-08..2025-01", "2024-08..2025-01", DAYS[1:5]),
        (":2024-08-01..2025-01-31", "2024-08..2025-01", DAYS[1:5]),
        (":2024-08-01..2025-01", "2024-08..2025-01", DAYS[1:5]),
        (":2024-08-02..2025-01-30", "2024-08-02..2025-01-30", DAYS[2:4]),
        (":2025-01-31..2025-01-31", "2025-01-31..2025-01-31", DAYS[4:5]),
        (":2024-12..2024-12", "2024-12..2024-12", DAYS[3:4]),
        (":2024-02..2024-07", "2024-02..2024-07", DAYS[:1]),
        (":0001-01..9999-12", "0001-01..9999-12", DAYS),
    ],
)
@pytest.mark.parametrize("suffix", ["T00:00:00", "", " 23:59:59+00:00"])
def test_a_window_has_the_rows_of_its_days(
    tmp_path: Path, asked: str, name: str, inside: list[str], suffix: str
) -> None:
    """Both ends are included, and one window has one name."""
    task = catalog.find("livecodebench" + asked)
    items = list(contest(tmp_path, [day + suffix for day in DAYS]).items(task))
    assert task.name == f"livecodebench:{name}" and task.base == "livecodebench"
    assert [item.id for item in items] == [f"q{DAYS.index(day)}" for day in inside]
    assert list(contest(tmp_path, [day + suffix for day in DAYS]).items(task, 1)) == items[:1]
    default = name == "2024-08..2025-01"
    assert task.n_items == (279 if default else None), "what the file says of its items is of its own window"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("livecodebench:2025-01..2024-12", "ends before it starts"),
        ("livecodebench:2025-02-30..2025-03", "'2025-02-30' is no month"),
        ("livecodebench:2025-13..2026-01", "'2025-13' is no month"),
        ("livecodebench:2025..2026", "'2025' is no month"),
        ("livecodebench:2024-08..", "'' is no month"),
        ("livecodebench:2024-08", "write FIRST..LAST"),
        ("livecodebench:release_v5", "write FIRST..LAST"),
        ("livecodebench:", "write FIRST..LAST"),
        ("gsm8k:2024-08..2025-01", "gsm8k has no window of dates; leave out :2024-08..2025-01"),
        ("livecodebenc:2024-08..2025-01", "did you mean livecodebench"),
    ],
)
def test_a_wrong_window_is_refused(cli: Cli, name: str, words: str) -> None:
    for command in (["tasks", "show", name], ["run", name, "-m", "fake:x"], ["plan", name, "-m", "fake:x"]):
        refused = cli(*command, *(["--against", "o1"] if command[0] == "plan" else []))
        assert refused.code == 2 and words in refused.err


@pytest.mark.parametrize(
    ("day", "words"),
    [
        ("August 2024", "contest_date is 'August 2024' in a row, which is no date such as"),
        (1722643200, "1722643200 in a row"),
        (None, "None in a row"),
        ("2024-02-31", "no date"),
    ],
)
def test_a_row_without_a_date_is_refused(tmp_path: Path, day: Any, words: str) -> None:
    with pytest.raises(TaskError, match=f"livecodebench.yaml: metadata.evalkit.window.field: .*{words}"):
        list(contest(tmp_path, [day]).items(catalog.find("livecodebench")))


def test_an_empty_window_is_said(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no items between 2030-01-01 and 2030-02-28"):
        list(contest(tmp_path, DAYS).items(catalog.find("livecodebench:2030-01..2030-02")))


def test_the_scorer_of_a_contest_sees_all_tests(tmp_path: Path) -> None:
    (item,) = contest(tmp_path, DAYS[1:2]).items(catalog.find("livecodebench"))
    assert item.target == HUB_ROW["private_test_cases"]
    assert item.metadata == {"public": HUB_ROW["public_test_cases"], "info": "{}", "starter_code": ""}
    ((role, text),) = item.messages
    assert role == "user" and "Print twice the number." in text and "standard input" in text
    row: dict[str, object] = {**HUB_ROW, "starter_code": "class Solution:\n    def f(self, n: int) -> int:\n        "}
    (item,) = ItemLoader(mirror(tmp_path, [row], "livecodebench")).items(catalog.find("livecodebench"))
    text = item.messages[0][1]
    assert "```python\nclass Solution:\n    def f(self, n: int) -> int:\n```" in text and "standard input" not in text


# --- a window in comparisons -----------------------------------------------------------------

REFS = references.load_references()


@pytest.mark.parametrize(
    ("name", "model", "value"),
    [
        ("livecodebench", "o1", 63.4),
        ("livecodebench:2024-08..2025-01", "o1", 63.4),
        ("livecodebench:2024-08..2025-01", "deepseek-r1", 65.9),
        ("livecodebench:2024-08..2024-11", "o1-preview", 41.7),
        ("livecodebench:2024-08..2024-11", "o1", None),
        ("livecodebench:2024-08-02..2025-01-31", "o1", None),
        ("livecodebench:2023-05..2025-01", "o3-mini", None),
    ],
)
def test_published_numbers_are_found_by_their_window(name: str, model: str, value: float | None) -> None:
    found = references.default(REFS, model, catalog.find(name).name)
    assert (found and found.value) == value
    window = name.partition(":")[2] or "2024-08..2025-01"
    records = references.find(REFS, model=model, task=catalog.find(name).name)
    assert {references.split_variant(ref.variant)[0] for ref in records} <= {window}


def test_a_window_of_a_reasoning_effort() -> None:
    o1 = next(r for r in REFS if r.id == "livecodebench/o1-r1-paper")
    efforts = [replace(o1, variant=f"2024-08..2025-01, {effort}", value=v) for effort, v in (("low", 1), ("high", 2))]
    found = references.default(efforts, "o1", "livecodebench:2024-08..2025-01")
    assert found is not None and found.value == 2
    assert [references.task_name(ref) for ref in efforts] == ["livecodebench:2024-08..2025-01"] * 2


def test_what_a_run_kept_takes_the_place_of_its_own_window_only() -> None:
    o1 = next(r for r in REFS if r.id == "livecodebench/o1-preview-lcb-submissions-2024-08-to-2025-01")
    kept = replace(o1, value=1.0)
    now = references.declared(REFS, [kept])
    found = {
        w: references.default(now, "o1-preview", f"livecodebench:{w}") for w in ("2024-08..2025-01", "2024-08..2024-11")
    }
    assert [ref and ref.value for ref in found.values()] == [1.0, 41.7]


def fatal(task: TaskSpec, record: str) -> set[str]:
    ref = next(r for r in REFS if r.id == f"livecodebench/{record}")
    return {m.field for m in run_and_reference(task, Items.of_benchmark(task), ref) if str(m.severity) == "fatal"}


def test_two_windows_are_never_compared() -> None:
    task, other = (catalog.find(f"livecodebench:{w}") for w in ("2024-08..2025-01", "2024-08..2024-11"))
    assert fatal(task, "o1-r1-paper") == set()
    assert "variant" in fatal(other, "o1-r1-paper")
    release = next(r for r in REFS if (r.variant or "").startswith("release_v5"))
    assert "variant" in fatal(task, release.id.partition("/")[2])
    assert (
        of_task(task).values["variant"] == "2024-08..2025-01" and of_task(task).values["benchmark"] == "livecodebench"
    )
    first, second = (protocol(t, data_digest=None, n_items=1) for t in (task, other))
    assert first["window"] != second["window"] and first["task"] == "livecodebench:2024-08..2025-01@1.0"


def own_contest(folder: Path) -> Path:
    """A task of the shipped one's name that another scorer grades, with 279 items in the window of the R1 paper."""
    rows = [{"q": f"{i}?", "a": str(i), "day": "2024-09-01"} for i in range(279)]
    rows += [{"q": "late?", "a": "0", "day": "2025-02-01"}]
    file = write(
        folder,
        "task: livecodebench\ndataset_path: json\ndataset_kwargs: {data_files: {test: rows.jsonl}}\ntest_split: test\n"
        "doc_to_text: q\ndoc_to_target: a\ngeneration_kwargs: {until: [], max_gen_toks: 32768}\n"
        "metadata: {evalkit: {scorer: exact, window: {field: day, default: 2025-02..2025-02}}}\n",
        "livecodebench.yaml",
    )
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


@pytest.mark.parametrize("window", ["2024-08..2025-01", "2024-08..2024-11"])
def test_a_run_of_a_window_fills_the_column_of_that_window(cli: Cli, tmp_path: Path, window: str) -> None:
    """End to end: items, the run's name, verdicts against published numbers, and the boards' column."""
    name = f"livecodebench:{window}"
    file = own_contest(tmp_path / "mine")
    ran = cli("run", f"{file}:{window}", "-m", "fake:x", "--against", "o1", "--quiet")
    assert ran.code == 0, ran.err
    (run,) = (p for p in Path("runs").iterdir() if (p / "run.json").exists())
    record = json.loads((run / "run.json").read_text())
    assert record["n_items"] == {name: 279} and f"livecodebench-{window}" in run.name
    (compared,) = cli("compare", run, "--json").json["comparisons"]
    own = window == "2024-08..2025-01"
    assert (compared["reference"] is not None, compared["verdict"]["outcome"] != "not_comparable") == (own, own)
    if not own:
        assert f"no published score of o1 on {name}" in compared["verdict"]["sentence"]
    for board in ("o1-r1-parity", "reasoning"):
        rows = cli("leaderboard", run, "--board", board, "--json").json["rows"]
        (measured,) = (row["cells"] for row in rows if row["kind"] == "measured")
        assert list(measured) == (["livecodebench[2024-08..2025-01]"] if own else [])
        assert all(cell["not_comparable"] == [] for cell in measured.values())
    differs = cli("protocol", "diff", run, "livecodebench/o1-r1-paper", "--json")
    assert differs.code == (0 if own else 2)


def test_a_board_names_a_window(cli: Cli, tmp_path: Path) -> None:
    """In whatever spelling; left out, it is the task's own."""
    text = "title: Code\ntasks: [livecodebench:2024-08-01..2024-11-30, {task: livecodebench, margin: 0.04}]\n"
    Path("code.yaml").write_text(text + "references: [o1-preview]\n")
    board = boards.find("code.yaml")
    names = ["livecodebench:2024-08..2024-11", "livecodebench:2024-08..2025-01"]
    assert [entry.task for entry in board.tasks] == names
    assert [(t.name, t.margin) for t in boards.suite(board)] == [(names[0], 0.03), (names[1], 0.04)]
    filled = cli("leaderboard", "--board", "code.yaml", "--json").json
    assert [(c["key"], c["variant"]) for c in filled["columns"]] == [(n, n.partition(":")[2]) for n in names]
    assert [filled["rows"][0]["cells"][n]["value"] for n in names] == [41.7, 42.65]
    assert "2024-08..2024-11" in cli("leaderboard", "--board", "code.yaml").out
    for wrong, words in (("livecodebench:2024", "write FIRST..LAST"), ("gsm8k:2024-08..2024-09", "no window of dates")):
        Path("code.yaml").write_text(text.replace("livecodebench:2024-08-01..2024-11-30", wrong))
        with pytest.raises(TaskError, match=f"code.yaml:2: tasks.0.task: .*{words}"):
            boards.find("code.yaml")


def test_a_path_may_have_a_window_and_a_colon(tmp_path: Path) -> None:
    file = own_contest(tmp_path / "a:b")
    assert catalog.find(str(file)).name == "livecodebench:2025-02..2025-02"
    assert catalog.find(f"{file}:2024-08..2025-01").name == "livecodebench:2024-08..2025-01"
    assert load_task(file).base == "livecodebench"
    with pytest.raises(UsageError, match="ends before"):
        catalog.find(f"{file}:2024-08..2024-01")
