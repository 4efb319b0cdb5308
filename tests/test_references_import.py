"""`evalkit references import`: results item by item of a run, of lm-eval, of a table; ids are the task's or nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import Cli
from support.endpoint import Endpoint, Reply

from evalkit import references
from evalkit.tasks.items import ItemLoader
from evalkit.tasks.loader import load_task
from evalkit.types import Reference

TASK = """\
task: sums
dataset_path: someone/sums
test_split: test
doc_to_text: "{{question}}"
doc_to_target: "{{answer.split('####')[-1].strip()}}"
generation_kwargs: {until: [], temperature: 0.6}
metadata:
  version: 1.0
  evalkit: {title: Sums, prompt: math/boxed, scorer: math, n_items: 6}
"""
WHOSE = ["--model", "o1-mini", "--source", "a log", "--reported-by", "a reviewer"]


@pytest.fixture
def sums(cli: Cli, tmp_path: Path) -> list[str]:
    """A task with six items, question i asks for i + i; the options that lead an import to it and into `refs`."""
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "sums.yaml").write_text(TASK)
    (tmp_path / "data" / "sums").mkdir(parents=True)
    rows = [{"question": f"What is {i} + {i}?", "answer": f"It is {i}+{i}.\n#### {i + i}"} for i in range(6)]
    (tmp_path / "data" / "sums" / "test.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    there = ["--task", "sums", "--tasks-dir", tmp_path / "tasks", "--data-dir", tmp_path / "data"]
    return [str(part) for part in [*there, "--into", tmp_path / "refs"]]


def item_ids(tmp_path: Path) -> list[str]:
    task = load_task(tmp_path / "tasks" / "sums.yaml")
    return [item.id for item in ItemLoader(tmp_path / "data").items(task)]


def imported(tmp_path: Path, name: str = "mine") -> tuple[Reference, dict[str, tuple[int, int]]]:
    """The record and its results: item -> (k, successes)."""
    (ref,) = [r for r in references.load_references([tmp_path / "refs"]) if r.id.endswith(f"/{name}")]
    results = references.per_item(ref)
    assert results is not None
    pairs = zip(results.samples.tolist(), results.successes.tolist(), strict=True)
    return ref, dict(zip(results.ids, pairs, strict=True))


def table(path: Path, rows: list[tuple[Any, Any, Any]]) -> Path:
    lines = [json.dumps({"id": item, "k": k, "successes": right}) for item, k, right in rows]
    path.write_text("\n".join(lines) + "\n")
    return path


# --- a run ---------------------------------------------------------------------------------------


def run_sums(cli: Cli, tmp_path: Path) -> Path:
    """Odd questions are right in two of three samples, even ones never; question 4 gets no answer at all."""
    asked: dict[str, int] = {}

    def script(body: dict[str, Any]) -> Reply:
        text = body["messages"][-1]["content"]
        i = int(text.partition("What is ")[2].partition(" ")[0])
        asked[text] = asked.get(text, 0) + 1
        if i == 4:
            return Reply(status=400, error={"message": "no"})
        right = i % 2 == 1 and asked[text] < 3
        return Reply(content=rf"Try {asked[text]}. \boxed{{{2 * i if right else 99}}}")

    with Endpoint(script) as endpoint:
        model = ["--model", "openai:test-model", "--base-url", endpoint.url]
        data = ["--data-dir", tmp_path / "data", "--tasks-dir", tmp_path / "tasks"]
        result = cli("run", "sums", *model, *data, "--samples", 3, "--quiet")
    assert result.code in (0, 3), result.err
    return next(p for p in (tmp_path / "runs").iterdir() if not p.name.startswith("."))


def test_a_run_becomes_a_reference(cli: Cli, tmp_path: Path, sums: list[str]) -> None:
    run = run_sums(cli, tmp_path)
    done = cli("references", "import", run, *sums, "--id", "mine", *WHOSE, "--note", "our run")
    assert done.code == 0, done.err
    assert "sums/mine: results of 5 items, mean 40.00 %" in done.out
    ref, results = imported(tmp_path)
    ids = item_ids(tmp_path)
    assert results == {ids[i]: (3, 2 if i % 2 else 0) for i in (0, 1, 2, 3, 5)}, "errored samples do not count"
    assert (ref.value, ref.samples, ref.n_items, ref.metric) == (40.0, 3, 5, "avg@3")
    assert (ref.source, ref.reported_by, ref.per_item_note, ref.default) == ("a log", "a reviewer", "our run", True)
    assert (ref.benchmark, ref.task, ref.benchmark_items) == ("Sums", "sums", 6)
    assert cli("references", "validate", tmp_path / "refs").code == 0


def test_another_task_than_the_runs_is_refused(cli: Cli, tmp_path: Path, sums: list[str]) -> None:
    run = run_sums(cli, tmp_path)
    refused = cli("references", "import", run, *sums, "--task", "gsm8k", "--id", "mine", *WHOSE)
    assert refused.code == 2 and "unknown task of this run 'gsm8k'" in refused.err
    empty = tmp_path / "empty"
    empty.mkdir()
    refused = cli("references", "import", empty, *sums, "--id", "mine", *WHOSE)
    assert refused.code == 2 and "is not a run directory" in refused.err


# --- lm-eval -------------------------------------------------------------------------------------


@pytest.fixture
def lm_eval_log(tmp_path: Path, sums: list[str]) -> Path:
    """The log that lm-eval itself writes of the same six questions, with two filters; odd ones are right."""
    from lm_eval.api.model import LM
    from lm_eval.api.task import ConfigurableTask
    from lm_eval.evaluator import evaluate
    from lm_eval.loggers import EvaluationTracker

    class Half(LM):
        def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
            asked = [int(r.args[0].rpartition("What is ")[2].partition(" ")[0]) for r in requests]
            return [f"#### {2 * i if i % 2 else 99}" for i in asked]

        def loglikelihood(self, requests: Any) -> Any: ...
        def loglikelihood_rolling(self, requests: Any) -> Any: ...

    take = {"function": "take_first"}
    config = {
        "task": "sums", "dataset_path": "json", "test_split": "test", "output_type": "generate_until",
        "dataset_kwargs": {"data_files": {"test": str(tmp_path / "data" / "sums" / "test.jsonl")}},
        "doc_to_text": "Question: {{question}}\nAnswer:", "doc_to_target": "{{answer}}",
        "generation_kwargs": {"until": ["Question:"]},
        "metric_list": [{"metric": "exact_match", "regexes_to_ignore": ["(?s).*#### "]}],
        "filter_list": [
            {"name": "strict", "filter": [{"function": "regex", "regex_pattern": "#### ([0-9]+)"}, take]},
            {"name": "loose", "filter": [{"function": "regex", "regex_pattern": "(nothing)"}, take]},
        ],
    }  # fmt: skip
    done = evaluate(lm=Half(), task_dict={"sums": ConfigurableTask(config=config)}, log_samples=True, bootstrap_iters=0)
    tracker = EvaluationTracker(output_path=str(tmp_path / "log"))
    tracker.general_config_tracker.model_name_sanitized = "half"
    tracker.date_id = "2025-02-03"
    tracker.save_results_samples("sums", done["samples"]["sums"])
    return tmp_path / "log" / "half" / "samples_sums_2025-02-03.jsonl"


def test_lm_evals_own_log_becomes_a_reference(cli: Cli, tmp_path: Path, sums: list[str], lm_eval_log: Path) -> None:
    command = ("references", "import", lm_eval_log, *sums, "--id", "mine", *WHOSE)
    unclear = cli(*command)
    assert unclear.code == 2 and "several filters: loose, strict; name one with --filter" in unclear.err
    done = cli(*command, "--filter", "strict")
    assert done.code == 0, done.err
    ref, results = imported(tmp_path)
    assert results == {item: (1, i % 2) for i, item in enumerate(item_ids(tmp_path))}, "ids are those of evalkit's task"
    assert (ref.value, ref.samples, ref.metric) == (50.0, 1, "accuracy")
    loose = cli("references", "import", lm_eval_log, *sums, "--id", "loose", *WHOSE, "--filter", "loose")
    assert loose.code == 0 and imported(tmp_path, "loose")[0].value == 0.0


def lines_of(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines()]


@pytest.mark.parametrize(
    ("change", "options", "part"),
    [
        ({"exact_match": 0.5}, [], "2: exact_match: must be 0 or 1, not 0.5"),
        ({"doc": "text"}, [], "2: is no line of lm-eval's sample log"),
        ({"doc_id": 0}, [], "2: doc_id: document 0 is on line 1 already"),
        ({"doc": {"problem": "x"}}, [], "2: doc: no item of sums"),
        ({"doc": {"question": "Who?", "answer": "#### 1"}}, [], "1 of 6 results are of no item of sums"),
        ({}, ["--filter", "stricd"], "unknown filter of this log 'stricd'; did you mean strict"),
        ({}, ["--score", "exact"], "unknown metric of this log 'exact'; did you mean exact_match"),
        ({"metrics": ["exact_match", "f1"], "f1": 1.0}, [], "several metrics: exact_match, f1; name one with --score"),
    ],
)
def test_broken_logs_are_refused(
    cli: Cli, tmp_path: Path, sums: list[str], change: dict[str, Any], options: list[str], part: str
) -> None:
    rows = [
        {"doc_id": i, "doc": doc, "filter": "strict", "metrics": ["exact_match"], "exact_match": 1.0}
        for i, doc in enumerate(lines_of(tmp_path / "data" / "sums" / "test.jsonl"))
    ]
    rows[1] |= change
    log = tmp_path / "samples_sums.jsonl"
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))
    refused = cli("references", "import", log, *sums, "--id", "mine", *WHOSE, *options)
    assert refused.code == 2 and part in refused.err, refused.err
    assert not (tmp_path / "refs").exists()


# --- a table -------------------------------------------------------------------------------------


def test_a_table_with_differing_k(cli: Cli, tmp_path: Path, sums: list[str]) -> None:
    first, second, *_ = item_ids(tmp_path)
    file = table(tmp_path / "t.jsonl", [(first, 4, 3), (second, 2, 2)])
    done = cli("references", "import", file, *sums, "--id", "mine", *WHOSE, "--temperature", "0.6", "--json")
    assert done.code == 0, done.err
    assert done.json["mean"] == 87.5 and done.json["n_items"] == 2
    ref, results = imported(tmp_path)
    assert results == {first: (4, 3), second: (2, 2)}
    assert (ref.samples, ref.samples_note, ref.temperature) == (None, "2 to 4 samples an item", 0.6)


@pytest.mark.parametrize(
    ("rows", "part"),
    [
        ([("a", 1, 1), ("b", 1, 1)], "no result is of an item of sums: its ids are 'a', 'b' ...; those of the task"),
        ([("KNOWN", 1, 1), ("b", 1, 1)], "1 of 2 results are of no item of sums: 'b'"),
        ([("KNOWN", 1, 1), ("KNOWN", 1, 0)], "2: id: item"),
        ([("KNOWN", 1, 2)], "1: successes: 2 successes in 1 samples"),
        ([("KNOWN", 0, 0)], "1: k: must be a whole number of at least 1, not 0"),
    ],
)
def test_results_of_other_items_are_refused(
    cli: Cli, tmp_path: Path, sums: list[str], rows: list[tuple[str, int, int]], part: str
) -> None:
    known = item_ids(tmp_path)[0]
    file = table(tmp_path / "t.jsonl", [(known if item == "KNOWN" else item, k, n) for item, k, n in rows])
    refused = cli("references", "import", file, *sums, "--id", "mine", *WHOSE)
    assert refused.code == 2 and part in refused.err, refused.err
    assert not (tmp_path / "refs").exists()


def test_data_that_are_not_the_pinned_items_are_refused(cli: Cli, tmp_path: Path, sums: list[str]) -> None:
    pinned = TASK.replace("n_items: 6", f"n_items: 6, items_digest: '{'0' * 32}'")
    (tmp_path / "tasks" / "sums.yaml").write_text(pinned)
    file = table(tmp_path / "t.jsonl", [(item_ids(tmp_path)[0], 1, 1)])
    refused = cli("references", "import", file, *sums, "--id", "mine", *WHOSE)
    assert refused.code == 2 and "not the items that its task file pins" in refused.err


def test_a_benchmark_without_a_task_takes_a_table(cli: Cli, tmp_path: Path) -> None:
    file = table(tmp_path / "t.jsonl", [("sample_0", 1, 1), ("sample_1", 1, 0)])
    there = ["--task", "zebralogic", "--into", tmp_path / "refs", "--id", "mine"]
    assert cli("references", "import", file, *there, *WHOSE).code == 0
    assert imported(tmp_path)[1] == {"sample_0": (1, 1), "sample_1": (1, 0)}


# --- a record that exists ------------------------------------------------------------------------


def test_a_published_value_stays(cli: Cli, tmp_path: Path, sums: list[str]) -> None:
    given = ["--id", "mine", *WHOSE, "--metric", "accuracy", "--tier", "primary", "--value", "91.5", "--default"]
    assert (
        cli("references", "add", *[p for p in sums if p != str(tmp_path / "data") and p != "--data-dir"], *given).code
        == 0
    )
    known = item_ids(tmp_path)
    file = table(tmp_path / "t.jsonl", [(item, 1, 1) for item in known])
    done = cli("references", "import", file, *sums, "--id", "mine", "--note", "regraded")
    assert done.code == 0, done.err
    assert "mean 100.00 %" in done.out and "its published value stays: 91.5 %" in done.out
    ref, results = imported(tmp_path)
    assert (ref.value, ref.per_item_note, len(results)) == (91.5, "regraded", 6)
    again = cli("references", "import", file, *sums, "--id", "mine")
    assert again.code == 2 and "has results in per_item/sums/mine.jsonl already; --replace" in again.err
    table(file, [(item, 1, 0) for item in known])
    assert cli("references", "import", file, *sums, "--id", "mine", "--replace").code == 0
    lines = (tmp_path / "refs" / "per_item" / "sums" / "mine.jsonl").read_text().splitlines()
    assert [json.loads(line)["successes"] for line in lines] == [0] * 6
    changed = cli("references", "import", file, *sums, "--id", "mine", "--replace", "--source", "other")
    assert changed.code == 2 and "exists and stays as it is: leave out --source" in changed.err


def test_a_record_of_another_folder_stays_there(cli: Cli, tmp_path: Path) -> None:
    file = table(tmp_path / "t.jsonl", [("sample_0", 1, 1)])
    there = ["--task", "zebralogic", "--into", tmp_path / "refs", "--id", "o1-zeroeval"]
    refused = cli("references", "import", file, *there)
    assert refused.code == 2 and "is a record of another folder" in refused.err


@pytest.mark.parametrize(
    ("leave_out", "part"),
    [("--source", "missing: --source;"), ("--reported-by", "missing: --reported-by;"), ("--model", "--model")],
)
def test_a_new_record_needs_its_source(cli: Cli, tmp_path: Path, sums: list[str], leave_out: str, part: str) -> None:
    file = table(tmp_path / "t.jsonl", [(item_ids(tmp_path)[0], 1, 1)])
    place = WHOSE.index(leave_out)
    refused = cli("references", "import", file, *sums, "--id", "mine", *WHOSE[:place], *WHOSE[place + 2 :])
    assert refused.code == 2 and part in refused.err
    assert not (tmp_path / "refs").exists()


def test_shipped_results_go_round(cli: Cli, tmp_path: Path, real_data: Path) -> None:
    shipped = references.shipped() / "per_item" / "gsm8k" / "o1-mini-zeroeval.jsonl"
    there = ["--task", "gsm8k", "--data-dir", real_data, "--into", tmp_path / "refs", "--id", "mine"]
    assert cli("references", "import", shipped, *there, *WHOSE).code == 0
    assert (tmp_path / "refs" / "per_item" / "gsm8k" / "mine.jsonl").read_bytes() == shipped.read_bytes()
    ref, _ = imported(tmp_path)
    assert round(ref.value, 2) == 96.06 and ref.n_items == 1319 and not ref.default
