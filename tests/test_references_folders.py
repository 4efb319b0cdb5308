"""Further folders of reference files, and results item by item: what extends what, and what is read when."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest
from conftest import Cli

from evalkit import references
from evalkit.errors import TaskError
from evalkit.tasks import catalog
from evalkit.tasks.items import ItemLoader
from evalkit.types import Reference

HEAD = "benchmark: GSM8K\ntask: gsm8k\nitems: 1319\nrecords:\n"
RECORD = {
    "id": "mine", "model": "o1-mini", "title": "o1-mini", "metric": "accuracy", "measures": "mean_accuracy",
    "value": "95.5", "unit": "'%'", "reported_by": "somebody", "source": "a report", "tier": "primary", "date": "null",
}  # fmt: skip
SHIPPED = references.load_references([])
WITH_RESULTS = [ref for ref in SHIPPED if ref.per_item]


def record(**changes: str) -> str:
    fields = RECORD | changes
    return "".join(f"{'  - ' if i == 0 else '    '}{k}: {v}\n" for i, (k, v) in enumerate(fields.items()))


def extend(folder: Path, text: str, name: str = "gsm8k.yaml") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_a_further_folder_extends_a_benchmark(tmp_path: Path) -> None:
    refs = references.load_references([extend(tmp_path / "mine", HEAD + record())])
    assert len(refs) == len(SHIPPED) + 1
    found = references.find(refs, model="o1-mini", task="gsm8k")
    assert {r.id for r in found} >= {"gsm8k/mine", "gsm8k/o1-mini-zeroeval"}
    chosen = references.default(refs, "o1-mini", "gsm8k")
    assert chosen is not None and chosen.id == "gsm8k/o1-mini-zeroeval", "the shipped default stays"


def test_its_default_takes_the_place_of_the_shipped_one(tmp_path: Path) -> None:
    refs = references.load_references([extend(tmp_path / "mine", HEAD + record(default="true"))])
    found = references.find(refs, model="o1-mini", task="gsm8k")
    assert [r.id for r in found if r.default] == ["gsm8k/mine"]
    others = {(r.id, r.default) for r in refs if r.model != "o1-mini"}
    assert others == {(r.id, r.default) for r in SHIPPED if r.model != "o1-mini"}


def test_the_environment_names_folders_for_every_command(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = extend(tmp_path / "one", HEAD + record(default="true"))
    two = extend(tmp_path / "two", HEAD + record(id="later", value="94", default="true"))
    monkeypatch.setenv("EVALKIT_REFERENCES_DIR", f"{one}:{two}")
    listed = cli("references", "list", "--model", "o1-mini", "--task", "gsm8k", "--json").json
    assert [(r["id"], r["value"]) for r in listed] == [("gsm8k/later", 94.0)], "the last folder wins"
    compared = cli("references", "compare", "o1-mini", "gpt-4o", "--task", "gsm8k", "--json").json
    assert compared["comparisons"][0]["first"]["value"] == 94.0
    monkeypatch.setenv("EVALKIT_REFERENCES_DIR", str(tmp_path / "nowhere"))
    refused = cli("references", "list")
    assert refused.code == 2 and "nowhere: no such folder" in refused.err


@pytest.mark.parametrize(
    ("text", "name", "line", "part"),
    [
        (HEAD + record(id="o1-mini-zeroeval"), "gsm8k.yaml", 5, "is a record of an earlier folder already"),
        (HEAD.replace("1319", "1000") + record(), "gsm8k.yaml", 3, "must be 1319 as in"),
        (HEAD.replace("GSM8K", "GSM9K") + record(), "gsm8k.yaml", 1, "must be 'GSM8K' as in"),
        (HEAD.replace("gsm8k", "null") + record(), "gsm8k.yaml", 2, "must be 'gsm8k' as in"),
        (HEAD + record(), "grade_school.yaml", 2, "'gsm8k' already belongs to"),
        (HEAD + record(model="new"), "gsm8k.yaml", 5, "mark one record as the default of new"),
    ],
)
def test_what_does_not_extend_is_refused(tmp_path: Path, text: str, name: str, line: int, part: str) -> None:
    folder = extend(tmp_path / "mine", text, name)
    with pytest.raises(TaskError) as caught:
        references.load_references([folder])
    assert caught.value.file == str(folder / name) and caught.value.line == line
    assert part in str(caught.value)


# --- results item by item ------------------------------------------------------------------------


def with_results(folder: Path, lines: str) -> Reference:
    extend(folder, HEAD + record(per_item="per_item/gsm8k/mine.jsonl", per_item_note="mine"))
    (folder / "per_item" / "gsm8k").mkdir(parents=True, exist_ok=True)
    (folder / "per_item" / "gsm8k" / "mine.jsonl").write_text(lines, encoding="utf-8")
    return next(ref for ref in references.load_references([folder]) if ref.id == "gsm8k/mine")


def test_results_are_found_from_a_relative_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_results(tmp_path / "mine", row("a", 1, 1))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EVALKIT_REFERENCES_DIR", "mine")
    (ref,) = [r for r in references.load_references() if r.id == "gsm8k/mine"]
    monkeypatch.chdir("/")
    results = references.per_item(ref)
    assert results is not None and results.ids == ("a",)


def row(item: object, k: object, successes: object) -> str:
    return json.dumps({"id": item, "k": k, "successes": successes}) + "\n"


def test_results_are_read_when_asked_for(tmp_path: Path) -> None:
    ref = with_results(tmp_path / "mine", row("a", 4, 3) + "\n" + row("b", 2, 0))
    results = references.per_item(ref)
    assert results is not None
    assert (results.ids, results.samples.tolist(), results.successes.tolist()) == (("a", "b"), [4, 2], [3, 0])
    assert (results.mean, results.k) == (0.375, None)
    assert references.per_item(dataclasses.replace(ref, per_item=None)) is None
    with pytest.raises(ValueError, match="read-only"):
        results.samples[0] = 9
    assert references.per_item(ref) is results, "read once"


@pytest.mark.parametrize(
    ("lines", "line", "part"),
    [
        (row("a", 1, 1) + row("a", 1, 0), 2, "item 'a' is on line 1 already"),
        (row("a", 0, 0), 1, "k: must be a whole number of at least 1, not 0"),
        (row("a", 1, 2), 1, "2 successes in 1 samples of item 'a'"),
        (row("a", 1, -1), 1, "successes: must be a whole number of at least 0, not -1"),
        (row("a", 1, True), 1, "successes: must be a whole number"),
        (row("a", 1.0, 1), 1, "k: must be a whole number"),
        (row(7, 1, 1), 1, "id: must be text, not 7"),
        (row("a", 1, 1) + '{"id": "b"}\n', 2, "must be {"),
        ("[1]\n", 1, "must be {"),
        (row("a", 1, 1) + "{", 2, "not valid JSON"),
        ("\n", None, "holds no results"),
    ],
)
def test_broken_results_are_found_by_whoever_reads_them(
    cli: Cli, tmp_path: Path, lines: str, line: int | None, part: str
) -> None:
    ref = with_results(tmp_path / "mine", lines)  # loading the registry does not read them
    with pytest.raises(TaskError) as caught:
        references.per_item(ref)
    assert caught.value.line == line and part in str(caught.value)
    checked = cli("references", "validate", tmp_path / "mine")
    assert checked.code == 2 and part in checked.out


def test_more_results_than_items_are_no_results_of_the_benchmark(cli: Cli, tmp_path: Path) -> None:
    with_results(tmp_path / "mine", "".join(row(str(i), 1, 1) for i in range(1320)))
    checked = cli("references", "validate", tmp_path / "mine")
    assert checked.code == 2 and "records.0.per_item: holds 1320 items, the record has 1319" in checked.out


@pytest.mark.parametrize("ref", WITH_RESULTS, ids=lambda r: r.id)
def test_shipped_results_amount_to_what_is_said_of_them(ref: Reference) -> None:
    results = references.per_item(ref)
    assert results is not None and results.k == ref.samples == 1
    mean = round(100 * results.mean, 2)
    said = re.search(r"mean ([\d.]+) %", ref.per_item_note or "")
    assert said is not None and float(said[1]) == mean
    undecided = re.search(r"(\d+) of (\d+) undecidable", ref.per_item_note or "")
    assert int(results.undecided.sum()) == (int(undecided[1]) if undecided else 0)
    assert undecided is None or int(undecided[2]) == len(results.ids)
    if ref.source.endswith("item by item") or "livecodebench" in ref.id:
        assert ref.value == mean, "the value is their mean"
    else:
        best = mean + 100 * int(results.undecided.sum()) / len(results.ids)
        assert mean - 2.3 < ref.value < best + 2.3, "graded again, by other rules"
    assert len(results.ids) <= (ref.n_items or ref.benchmark_items or 0)


def test_the_models_with_results_item_by_item() -> None:
    models: dict[str, set[str]] = {}
    for ref in WITH_RESULTS:
        models.setdefault(references.stem(ref), set()).add(ref.model)
    assert {"o1-mini", "gpt-4o", "claude-3.5-sonnet", "deepseek-v2.5"} <= models["gsm8k"] and len(models["gsm8k"]) == 8
    assert {"o1-mini", "o1-preview", "qwen2.5-72b"} <= models["math_level5"]
    assert {"o1-mini", "o1-preview", "llama-3.1-405b"} <= models["cruxeval_output"]
    assert models["livecodebench"] == {"o1-mini", "o1-preview"}


@pytest.mark.parametrize("task", sorted({r.task for r in WITH_RESULTS if r.task}))
def test_shipped_results_are_of_the_pinned_items(task: str, real_data: Path) -> None:
    if task == "livecodebench" and not (real_data / task).is_dir():
        pytest.skip("no mirror of LiveCodeBench")
    known = {item.id for item in ItemLoader(real_data).items(catalog.find(task))}
    for ref in (r for r in WITH_RESULTS if r.task == task):
        results = references.per_item(ref)
        assert results is not None and set(results.ids) <= known, ref.id
        assert len(results.ids) == len(known), ref.id
