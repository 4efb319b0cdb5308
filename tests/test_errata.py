"""Errata: files that are checked, golds that are corrected while grading, marks that tell, and the way back."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from conftest import Cli
from support.endpoint import Endpoint, Reply

from evalkit import errata, resources
from evalkit.errors import TaskError
from evalkit.scoring.errata import Corrections, is_published
from evalkit.store import RunStore
from evalkit.tasks import catalog
from evalkit.tasks.items import ItemLoader
from evalkit.types import Item

SHIPPED = sorted((resources.folder("leaderboards") / "errata").glob("*.yaml"))
ROWS = [
    {"ID": f"chal-{i}", "question_concat": f"How much is {i} and 1?", "Answer": float(i + 1)} for i in range(678, 683)
]
ROWS[2]["Answer"] = 1.0
"""As published: chal-680 has the gold 1, where 5 is right."""


def answering(**answers: str) -> Any:
    """An endpoint that says `answers` of the item with that number, and else what is asked for."""

    def script(body: dict[str, Any]) -> Reply:
        number = re.search(r"How much is (\d+)", body["messages"][-1]["content"])[1]  # type: ignore[index]
        return Reply(content=f"So: \\boxed{{{answers.get('n' + number, int(number) + 1)}}}")

    return script


@pytest.fixture
def svamp(tmp_path: Path) -> Path:
    return written(tmp_path / "data", ROWS)


def written(folder: Path, rows: list[dict[str, Any]]) -> Path:
    (folder / "svamp").mkdir(parents=True, exist_ok=True)
    (folder / "svamp" / "all1000.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def run(cli: Cli, data: Path, *more: object, **answers: str) -> Any:
    with Endpoint(answering(**answers)) as endpoint:
        model = ["-m", "openai:test-model", "--base-url", endpoint.url]
        result = cli("run", "svamp", *model, "--data-dir", data, "--quiet", "--json", *more)
    assert result.code == 0, result.err
    return result.json["tasks"][0]


def only_run() -> Path:
    return next(p for p in Path("runs").iterdir() if not p.name.startswith("."))


def marks(folder: Path) -> dict[int, tuple[float, str | None]]:
    with sqlite3.connect(folder / "samples.sqlite") as db:
        return {i: (value, mark) for i, value, mark in db.execute("SELECT item, value, erratum FROM samples")}


def record(folder: Path) -> Any:
    return json.loads((folder / "run.json").read_text())


def test_a_corrected_gold_decides_and_is_marked(cli: Cli, svamp: Path) -> None:
    task = run(cli, svamp, n680="5")
    assert task["estimate"]["headline"]["value"] == 1.0
    assert task["totals"]["n_corrected"] == task["totals"]["n_corrected_items"] == 1
    assert any("1 score is against corrected golds" in finding for finding in task["audit"])
    found = marks(only_run())
    assert found[2][0] == 1.0 and "4 apples" in str(found[2][1])
    assert [mark for _, mark in found.values()].count(None) == 4
    kept = record(only_run())["spec"]["tasks"][0]["errata"]
    assert kept["digest"].startswith("sha256:") and kept["items"][0]["published"] == "1.0"
    with RunStore.open(only_run()) as store:
        assert store.item("svamp", 2).target == "1.0", "the stored item keeps what was published"
    assert "corrected golds" in cli("score", only_run()).out
    assert cli("report", only_run()).code == 0
    assert "corrected golds" in (only_run() / "report.html").read_text()


def test_off_and_on_again_after_the_run(cli: Cli, svamp: Path) -> None:
    run(cli, svamp, n680="5")
    before = record(only_run())
    off = cli("score", only_run(), "--errata", "off", "--json").json
    assert off["changed"] == {"svamp": 1}
    assert off["summary"]["tasks"][0]["estimate"]["headline"]["value"] == pytest.approx(0.8)
    assert off["summary"]["tasks"][0]["totals"]["n_corrected"] == 0
    assert marks(only_run())[2] == (0.0, None)
    assert record(only_run())["protocol_digests"] != before["protocol_digests"]
    assert record(only_run())["spec"]["tasks"][0]["errata"] is None
    assert cli("score", only_run(), "--json").json["changed"] == {"svamp": 0}, "it stays as it is"
    assert cli("score", only_run(), "--errata", "on", "--json").json["changed"] == {"svamp": 1}
    assert record(only_run()) == before


def test_a_run_as_published(cli: Cli, svamp: Path) -> None:
    task = run(cli, svamp, "--errata", "off", n680="5")
    assert task["estimate"]["headline"]["value"] == pytest.approx(0.8)
    assert not any("errat" in finding or "corrected" in finding for finding in task["audit"])
    with Endpoint(answering()) as endpoint:
        again = cli("run", only_run() / "run.json", "--base-url", endpoint.url, "--data-dir", svamp, "--out", "again")
    assert again.code == 0, again.err
    assert record(only_run())["protocol_digests"] == record(next(Path("again").iterdir()))["protocol_digests"]
    options = ["-m", "openai:test-model", "--base-url", "http://127.0.0.1:9/v1", "--data-dir", svamp]
    other = cli("run", "svamp", *options, "--resume", only_run(), "--errata", "on")
    assert other.code == 2 and "errata" in other.err, "a run does not change its golds on the way"


def test_another_gold_is_left_alone(cli: Cli, tmp_path: Path) -> None:
    rows = [dict(row, Answer=5.0) if row["ID"] == "chal-680" else row for row in ROWS]
    task = run(cli, written(tmp_path / "data", rows), n680="5")
    assert task["totals"]["n_corrected"] == 0 and task["estimate"]["headline"]["value"] == 1.0
    assert any("chal-680 is not applied: the gold is '5.0', not '1.0'" in finding for finding in task["audit"])


def test_the_diff_shows_both_reasons_and_stores_nothing(cli: Cli, svamp: Path) -> None:
    run(cli, svamp, n680="5")
    with sqlite3.connect(only_run() / "samples.sqlite") as db:
        db.execute("UPDATE samples SET reason=? WHERE item=2", ("as it was\x1b[2Jthen",))
    before = marks(only_run())
    shown = cli("score", only_run(), "--errata", "off", "--diff")
    assert shown.code == 0 and "1 scores would change; nothing is stored" in shown.err
    assert "svamp chal-680, sample 0; target '1.0'" in shown.out
    assert "as it was [2Jthen" in shown.out and "scored 1" in shown.out and "scored 0" in shown.out
    assert "corrected gold" in shown.out and "\x1b" not in shown.out
    assert marks(only_run()) == before
    found = cli("score", only_run(), "--errata", "off", "--diff", "--json", "--exit-code")
    assert found.code == 1
    [flip] = found.json
    assert (flip["before"]["value"], flip["after"]["value"]) == (1.0, 0.0)
    assert flip["targets"] == ["1.0"] and flip["before"]["reason"] == "as it was\x1b[2Jthen"
    assert cli("score", only_run(), "--diff", "--exit-code").code == 0
    assert cli("score", only_run(), "--exit-code").code == 2


def test_the_comparison_names_corrected_golds(cli: Cli, svamp: Path) -> None:
    from evalkit.protocols import Items, run_and_reference
    from evalkit.references import load_references

    task = catalog.find("gsm8k")
    reference = next(r for r in load_references() if r.task == "gsm8k" and not r.exact)
    for n, severity in ((0, None), (3, "minor"), (20, "major")):
        items = Items(digest="", n_stored=1319, n_asked=1319, n_corrected=n)
        found = [str(m.severity) for m in run_and_reference(task, items, reference) if m.field == "errata"]
        assert found == ([severity] if severity else [])


def test_either_of_several_golds_is_right(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "hendrycks_math"
    folder.mkdir(parents=True)
    problem = "Find the coordinates of one of the foci of the hyperbola \\[x^2 - 10x = 4y^2 - 5.\\](Enter only one.)"
    row = {"problem": problem, "type": "Algebra", "solution": r"$\boxed{(10, 0)}$ and $\boxed{(0,0)}.$"}
    (folder / "test.jsonl").write_text(json.dumps(row) + "\n")
    replies = iter([r"\boxed{(10,0)}", r"\boxed{(0, 0)}", r"\boxed{(5,0)}", "I do not know"])
    with Endpoint(lambda body: Reply(content=next(replies))) as endpoint:
        options = ["--base-url", endpoint.url, "--data-dir", tmp_path / "data", "--quiet", "-k", 4, "--concurrency", 1]
        assert cli("run", "hendrycks_math", "-m", "openai:test-model", *options).code == 0
    with sqlite3.connect(only_run() / "samples.sqlite") as db:
        found = db.execute("SELECT status, value, erratum NOT NULL FROM samples ORDER BY sample").fetchall()
    assert found == [("scored", 1.0, 1), ("scored", 1.0, 1), ("scored", 0.0, 1), ("unparsed", None, 0)]


@pytest.mark.parametrize("schema", [3, 4])
def test_a_run_of_an_older_schema_is_read_and_upgraded(cli: Cli, svamp: Path, schema: int) -> None:
    run(cli, svamp, "--errata", "off", n680="5")
    folder = only_run()
    with sqlite3.connect(folder / "samples.sqlite") as db:
        db.executescript("ALTER TABLE samples DROP COLUMN detail")
        if schema == 3:
            db.executescript("DROP TABLE opinions; ALTER TABLE samples DROP COLUMN erratum")
    old = record(folder) | {"schema": schema}
    if schema == 3:
        del old["spec"]["tasks"][0]["errata"]
    (folder / "run.json").write_text(json.dumps(old))
    assert cli("score", folder, "--errata", "on", "--diff", "--json").json[0]["item"] == "chal-680"
    assert cli("report", folder).code == 0
    assert record(folder)["schema"] == schema, "reading changes nothing"
    assert cli("score", folder, "--errata", "on", "--json").json["changed"] == {"svamp": 1}
    assert record(folder)["schema"] == 5 and marks(folder)[2][0] == 1.0


@pytest.mark.parametrize("file", SHIPPED, ids=lambda f: f.stem)
def test_shipped_files_are_valid(file: Path) -> None:
    found = errata.load_errata(file)
    assert found.items and found.source and found.digest.startswith("sha256:")


@pytest.mark.parametrize("name", ["svamp", "hendrycks_math"])
def test_shipped_errata_fit_the_data(real_data: Path, name: str) -> None:
    """Each of them speaks of exactly one item, which has the gold that is said to be published."""
    task = errata.corrected(catalog.find(name))
    assert task.errata is not None
    corrections = Corrections(task.errata)
    items = list(ItemLoader(real_data).items(task))
    assert len(items) == task.n_items
    found = [(erratum, item) for item in items if (erratum := corrections.about(item)) is not None]
    assert len(found) == len(task.errata.items)
    assert all(is_published(erratum, item) for erratum, item in found)


GOOD = "task: t\nsource: me\nitems:\n  - {item: a, published: '1', target: '2', reason: because}\n"
BAD = [
    (GOOD.replace("task: t", "task: other"), "t.yaml:1: task: the file of the errata of other"),
    (GOOD.replace("source: me\n", ""), "source: missing"),
    (GOOD.replace("source", "sauce"), "sauce: unknown key; did you mean 'source'?"),
    ("task: t\nsource: me\nitems: []\n", "items: must be a list"),
    ("task: t\nsource: me\nitems: [1]\n", "items.0: must be a mapping"),
    (GOOD.replace("item: a, ", ""), "t.yaml:4: items.0: needs either item or text"),
    (GOOD.replace("target: '2'", "target: '2', any_of: ['3']"), "items.0: needs either target or any_of"),
    (GOOD.replace("'2'", "2"), "t.yaml:4: items.0.target: must be text; put it in quotes"),
    (GOOD.replace("target: '2'", "any_of: []"), "items.0.any_of: is empty"),
    (GOOD.replace("'2'", "'1'"), "is what was published"),
    (GOOD.replace(", reason: because", ""), "items.0.reason: missing"),
    (GOOD + "  - {item: a, published: '1', target: '3', reason: again}\n", "items.1: a is corrected twice"),
]


@pytest.mark.parametrize(("text", "words"), BAD, ids=range(len(BAD)))
def test_a_wrong_file_is_named(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "t.yaml"
    file.write_text(GOOD)
    assert errata.load_errata(file).items[0].targets == ("2",)
    file.write_text(text)
    with pytest.raises(TaskError, match=re.escape(words)):
        errata.load_errata(file)


def test_an_interrupted_change_of_golds_is_said(cli: Cli, svamp: Path) -> None:
    run(cli, svamp, "--errata", "off", n680="5")
    with sqlite3.connect(only_run() / "samples.sqlite") as db:
        db.execute("UPDATE samples SET erratum='because' WHERE item=2")
    assert "1 scores are still against corrected golds: grade the run again" in cli("audit", only_run()).out
    assert "still against" not in cli("score", only_run()).out


def test_a_task_shows_its_errata(cli: Cli) -> None:
    assert "1 golds are corrected; source: the equation" in cli("tasks", "show", "svamp").out
    assert "errata" not in cli("tasks", "show", "gsm8k").out


def as_items(rows: list[dict[str, Any]], order: str) -> list[tuple[Item, str]]:
    """LogiQA's rows as questions whose options stand in this order, with the text of the right option."""
    found = []
    for number, row in enumerate(rows):
        options = [row["options"]["ABCD".index(letter)] for letter in order]
        listed = "\n".join(f"{letter}. {option}" for letter, option in zip("ABCD", options, strict=True))
        question = f"{row['context']}\n\n{row['question']}\n\n{listed}\n\nEnd with the letter."
        item = Item(id=str(number), messages=(("user", question),), target=row["label"])
        found.append((item, row["options"][row["correct_option"]]))
    return found


def test_options_out_of_order_are_corrected_and_only_those(real_data: Path) -> None:
    rows = [json.loads(line) for line in (real_data / "logiqa" / "test.jsonl").open(encoding="utf-8")]
    corrections = Corrections(errata.find("logiqa"))
    assert not any(corrections.of(item) for item, _ in as_items(rows, "ABCD")), "these options are in order already"
    mixed = [row for row in rows if row["source_option_order"] == "ACBD"]
    wrong = 0
    corrections = Corrections(errata.find("logiqa"))
    for (item, right), row in zip(as_items(mixed, "ACBD"), mixed, strict=True):
        [target] = corrections.targets(item)
        options = [row["options"]["ABCD".index(letter)] for letter in "ACBD"]
        assert options["ABCD".index(target.upper())] == right
        wrong += corrections.of(item) is not None
    assert wrong == 12


@pytest.mark.parametrize(("name", "n"), [("movie_recommendation", 1), ("ruin_names", 2)])
def test_option_texts_become_letters(real_data: Path, name: str, n: int) -> None:
    rows = [json.loads(line) for line in (real_data / "bbh" / f"{name}.jsonl").open(encoding="utf-8")]
    corrections = Corrections(errata.find(f"bbh_{name}"))
    items = [Item(id=str(i), messages=(("user", r["input"]),), target=r["target"]) for i, r in enumerate(rows)]
    assert sum(corrections.of(item) is not None for item in items) == n
    letters = [corrections.targets(item) for item in items]
    assert all(re.fullmatch(r"\([A-Z]\)", target) for targets in letters for target in targets)
