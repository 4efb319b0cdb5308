"""Protocols: named ones applied to tasks; every difference between two protocols is found, and no other."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Cli

from evalkit import references
from evalkit.protocols import FIELDS, Items, of_run, run_and_reference
from evalkit.tasks import catalog
from evalkit.tasks.protocol import prompt_digest
from evalkit.types import ModelSpec, Reference, Sampling, TaskSpec

TASK = """\
task: sums
dataset_path: sums
dataset_name: main
test_split: test
dataset_kwargs: {revision: abc}
doc_to_text: "{{question}}"
doc_to_target: "{{answer}}"
output_type: generate_until
generation_kwargs: {until: [], do_sample: true, temperature: 0.6, top_p: 0.95, top_k: 20, max_gen_toks: 1000}
repeats: 2
fewshot_config: {samples: [{question: 1 + 1, answer: "2"}]}
num_fewshot: 0
metadata:
  version: 1.0
  evalkit: {prompt: math/boxed, scorer: math}
"""


def run_of(cli: Cli, name: str, edit: Callable[[str], str] = str, *options: object, model: str = "fake:x") -> Path:
    """A run of the task under one name; `edit` changes its file."""
    Path("data/sums").mkdir(parents=True, exist_ok=True)
    rows = [{"question": f"{i} + 1", "answer": str(i + 1)} for i in range(4)]
    Path("data/sums/test.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    Path(name).mkdir()
    (Path(name) / "sums.yaml").write_text(edit(TASK), encoding="utf-8")
    out = Path(f"runs-{name}")
    result = cli(
        "run", Path(name) / "sums.yaml", "-m", model, "--data-dir", "data", "--out", out, "--quiet", *options
    )  # fmt: skip
    assert result.code == 0, result.err
    return next(p for p in out.iterdir() if (p / "run.json").exists())


def swap(old: str, new: str) -> Callable[[str], str]:
    def edit(text: str) -> str:
        assert old in text
        return text.replace(old, new)

    return edit


PLANTED: list[tuple[str, Callable[[str], str], list[object], str, str]] = [
    ("temperature", swap("temperature: 0.6", "temperature: 1.0"), [], "temperature", "major"),
    ("greedy", str, ["--temperature", 0], "temperature", "major"),
    ("top_p", swap("top_p: 0.95", "top_p: 1.0"), [], "top_p", "major"),
    ("top_k", swap("top_k: 20", "top_k: 50"), [], "top_k", "major"),
    ("token limit", str, ["--max-tokens", 500], "max_tokens", "major"),
    ("no token limit", str, ["--omit", "max_tokens"], "max_tokens", "major"),
    ("temperature left to the server", str, ["--omit", "temperature"], "temperature", "major"),
    ("shots", swap("num_fewshot: 0", "num_fewshot: 1"), [], "shots", "major"),
    ("system prompt", swap("scorer: math", "scorer: math, system_prompt: Be brief."), [], "system_prompt", "major"),
    ("prompt", swap("math/boxed", "math/answer_line"), [], "prompt", "major"),
    ("wording", swap('"{{question}}"', '"Compute {{question}}"'), [], "prompt", "major"),
    ("k", swap("repeats: 2", "repeats: 3"), [], "k", "minor"),
    ("scorer", swap("scorer: math", "scorer: numeric"), [], "scorer", "major"),
    ("tolerance", swap("scorer: math", "scorer: numeric, scorer_args: {absolute: 1}"), [], "scorer_args", "major"),
    ("fields", swap("scorer: math", "scorer: math, scorer_fields: {q: question}"), [], "scorer_fields", "major"),
    ("gold", swap('"{{answer}}"', '"{{answer}} "'), [], "target", "major"),
    ("stop", swap("until: []", 'until: ["\\n\\n"]'), [], "stop", "major"),
    ("web search", str, ["--extra", 'tools=["web_search"]'], "extra", "major"),
    ("endless answers", str, ["--max-repetition", 400], "max_repetition", "major"),
    ("part of the data", swap("dataset_name: main", "dataset_name: hard"), [], "dataset", "major"),
    ("revision", swap("revision: abc", "revision: def"), [], "revision", "minor"),
]


@pytest.mark.parametrize(
    ("edit", "options", "field", "severity"), [p[1:] for p in PLANTED], ids=[p[0] for p in PLANTED]
)
def test_a_difference_between_two_runs_is_found(
    cli: Cli, edit: Callable[[str], str], options: list[object], field: str, severity: str
) -> None:
    first, second = run_of(cli, "a"), run_of(cli, "b", edit, *options)
    found = {m["field"]: m["severity"] for m in cli("protocol", "diff", first, second, "--json").json["sums"]}
    assert found[field] == severity
    assert set(found) <= {field, "scorer", "item_set"}, "and nothing else is, but for what follows from it"
    text = cli("protocol", "diff", first, second).out
    assert field in text and severity in text


def test_a_hidden_default_is_no_agreement(cli: Cli) -> None:
    """Both leave the temperature out: on two servers it may be two temperatures, on one it is the same."""
    first = run_of(cli, "a", str, "--omit", "temperature")
    again = run_of(cli, "b", str, "--omit", "temperature")
    other = run_of(cli, "c", str, "--omit", "temperature", model="fake:y")
    assert cli("protocol", "diff", first, again, "--json").json == {"sums": []}
    (hidden,) = cli("protocol", "diff", first, other, "--json").json["sums"]
    assert (hidden["field"], hidden["severity"]) == ("temperature", "major")
    assert "defaults may differ" in hidden["note"]


def test_a_run_agrees_with_itself_resumed(cli: Cli) -> None:
    run = run_of(cli, "a")
    before = json.loads((run / "run.json").read_text())
    assert cli("run", "--resume", run, "--quiet").code == 0
    assert json.loads((run / "run.json").read_text())["protocol_digests"] == before["protocol_digests"]
    assert cli("protocol", "diff", run, run, "--json").json == {"sums": []}
    assert "no difference" in cli("protocol", "diff", run, run).out


# --- against published numbers ---------------------------------------------------------------

AIME: TaskSpec = next(entry.task for entry in catalog.scan() if entry.task and entry.task.name == "aime24")
WHOLE = Items(digest=str(AIME.items_digest), n_stored=30, n_asked=30, n_corrected=0)
MODEL = ModelSpec(kind="openai", name="o1-2024-12-17")


def stated(**changes: Any) -> Reference:
    """A number of o1 on AIME 2024 that states all of AIME's own protocol."""
    base = references.default(references.load_references(), "o1", "aime24")
    assert base is not None
    sampling = AIME.sampling
    full: dict[str, Any] = {
        "temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": 20, "max_tokens": sampling.max_tokens,
        "samples": AIME.samples, "prompt_digest": prompt_digest(AIME), "shots": 0, "system_prompt": "",
        "variant": "high", "not_sent": (), "scoring": "exact match",
    }  # fmt: skip
    return dataclasses.replace(base, **{**full, **changes})


def task(**changes: Any) -> TaskSpec:
    sampling = dataclasses.replace(AIME.sampling, top_k=20, extra={"reasoning_effort": "high"})
    return dataclasses.replace(AIME, **{"sampling": sampling, **changes})


def found_in(spec: TaskSpec, reference: Reference, items: Items = WHOLE, model: ModelSpec = MODEL) -> dict[str, str]:
    mismatches = run_and_reference(spec, items, reference, model=model, known_as="o1")
    return {m.field: str(m.severity) for m in mismatches}


SILENT = dict.fromkeys(["stop", "extra", "max_repetition", "scorer"], "minor")
"""What no reference can state in evalkit's words."""

AGAINST: list[tuple[str, dict[str, Any], str, str]] = [
    ("majority vote", {"measures": "majority", "metric": "cons@64"}, "metric", "fatal"),
    ("unit", {"unit": "points"}, "unit", "fatal"),
    ("another benchmark", {"task": "aime25"}, "benchmark", "fatal"),
    ("window", {"variant": "high, 2024-08..2025-01"}, "variant", "fatal"),
    ("item count", {"n_items": 15}, "items", "fatal"),
    ("unknown item count", {"n_items": None, "benchmark_items": None}, "items", "major"),
    ("longer limit there", {"max_tokens": 100_000}, "max_tokens", "major"),
    ("shorter limit there", {"max_tokens": 16_000}, "max_tokens", "minor"),
    ("unknown limit", {"max_tokens": None}, "max_tokens", "major"),
    ("temperature", {"temperature": 1.0}, "temperature", "major"),
    ("unknown temperature", {"temperature": None}, "temperature", "major"),
    ("temperature left to the server", {"temperature": None, "not_sent": ("temperature",)}, "temperature", "major"),
    ("top_p", {"top_p": 1.0}, "top_p", "major"),
    ("unknown prompt", {"prompt_digest": None}, "prompt", "major"),
    ("another prompt", {"prompt_digest": "sha256:" + "0" * 64}, "prompt", "major"),
    ("shots", {"shots": 3}, "shots", "major"),
    ("system prompt", {"system_prompt": "You are a helpful assistant."}, "system_prompt", "major"),
    ("k", {"samples": 1}, "k", "minor"),
    ("unknown k", {"samples": None}, "k", "minor"),
    ("snapshot", {"version": "o1-0912"}, "snapshot", "major"),
    ("effort", {"variant": "low"}, "effort", "major"),
    ("unknown effort", {"variant": None}, "effort", "major"),
]


@pytest.mark.parametrize(("changes", "field", "severity"), [a[1:] for a in AGAINST], ids=[a[0] for a in AGAINST])
def test_a_difference_from_a_reference_is_found(changes: dict[str, Any], field: str, severity: str) -> None:
    assert found_in(task(), stated()) == SILENT, "with everything stated there is none"
    found = found_in(task(), stated(**changes))
    assert found.pop(field) == severity
    assert found == SILENT, "and nothing else is"


@pytest.mark.parametrize(
    ("items", "severity"),
    [
        (dataclasses.replace(WHOLE, n_asked=12), "fatal"),
        (dataclasses.replace(WHOLE, digest="0" * 32), "fatal"),
    ],
)
def test_other_items_are_another_benchmark(items: Items, severity: str) -> None:
    assert found_in(task(), stated(), items)["items"] == severity


def test_another_model_has_its_own_snapshot_and_effort() -> None:
    """What tells two models apart is no difference of protocols."""
    mismatches = run_and_reference(task(), WHOLE, stated(version="o1-0912", variant=None), model=MODEL)
    assert {"snapshot", "effort"}.isdisjoint({m.field for m in mismatches})


def test_greedy_answers_depend_on_no_top_p() -> None:
    greedy = task(sampling=Sampling(temperature=0.0, max_tokens=32768, extra={"reasoning_effort": "high"}))
    assert {"top_p", "top_k"}.isdisjoint(found_in(greedy, stated(temperature=0.0, top_p=None, top_k=None)))


def test_every_field_of_the_table_is_planted_somewhere() -> None:
    planted = {p[3] for p in PLANTED} | {a[2] for a in AGAINST}
    assert {f.name for f in FIELDS} - planted <= {"choices", "shuffle", "dataset_kwargs", "item_set", "errata"}


def test_other_golds_and_corrections_are_differences(cli: Cli, real_data: Path) -> None:
    args = ["-m", "fake:x", "--data-dir", real_data, "--quiet", "--limit", 5]
    assert cli("run", "svamp", *args, "--out", "on").code == 0
    assert cli("run", "svamp", *args, "--out", "off", "--errata", "off").code == 0
    assert cli("run", "svamp", *args[:-1], 6, "--out", "six").code == 0
    on, off, six = (next(Path(name).glob("2*")) for name in ("on", "off", "six"))
    assert [m["field"] for m in cli("protocol", "diff", on, off, "--json").json["svamp"]] == ["errata"]
    assert [m["field"] for m in cli("protocol", "diff", on, six, "--json").json["svamp"]] == ["items", "item_set"]


# --- by name ---------------------------------------------------------------------------------


def test_the_shipped_protocols(cli: Cli) -> None:
    rows = {p["name"]: p for p in cli("protocol", "list", "--json").json}
    assert rows.keys() == {
        "deepseek-r1", "openai-simple-evals", "nemo-avg64", "matharena", "zeroeval", "vllm-ascend-nightly",
    }  # fmt: skip
    r1 = rows["deepseek-r1"]
    assert (r1["temperature"], r1["top_p"], r1["max_tokens"], r1["system_prompt"]) == (0.6, 0.95, 32768, "")
    assert r1["samples"] == {"aime24": 64, "aime25": 64, "math500": 4, "gpqa_diamond": 8, "livecodebench": 16, "*": 4}
    assert "guess" in r1["guessed"]["samples"] and all(p["source"] for p in rows.values())
    listed = cli("protocol", "list").out
    assert "a guess" in listed and "not sent" in listed


@pytest.mark.parametrize("name", ["deepseek-r1", "openai-simple-evals", "nemo-avg64", "matharena", "zeroeval"])
def test_a_run_follows_the_protocol_it_names(cli: Cli, name: str, data_dir: Path) -> None:
    args = ["run", "gsm8k", "-m", "fake:x", "--data-dir", data_dir, "--quiet", "--limit", 2]
    assert cli(*args, "--protocol", name).code == 0
    (run,) = Path("runs").iterdir()
    record = json.loads((run / "run.json").read_text())
    assert record["spec"]["protocol"].startswith(f"{name}@")
    found = cli("protocol", "diff", run, name, "--json").json["gsm8k"]
    assert [(m["field"], m["ours"], m["theirs"]) for m in found] == [("items", 2, 1319)], "only two items were asked"
    shown = cli("protocol", "show", name, "--task", "gsm8k", "--json").json
    spec = record["spec"]["tasks"][0]
    settings = {**spec["sampling"], "omitted": {}}
    assert (shown["k"], shown["prompt"]) == (spec["samples"], spec["prompt"]["name"])
    assert {**shown["sampling"], "omitted": {}} == settings


def test_an_option_beside_the_protocol_is_a_difference_from_it(cli: Cli, data_dir: Path) -> None:
    args = ["run", "gsm8k", "-m", "fake:x", "--data-dir", data_dir, "--quiet", "--limit", 2]
    assert cli(*args, "--protocol", "deepseek-r1", "--temperature", 1, "-k", 1).code == 0
    (run,) = Path("runs").iterdir()
    found = cli("protocol", "diff", run, "deepseek-r1", "--json").json["gsm8k"]
    assert {m["field"]: m["severity"] for m in found} == {"items": "fatal", "temperature": "major", "k": "minor"}


def test_a_json_answer_is_read_under_zeroeval(cli: Cli, data_dir: Path) -> None:
    from support.endpoint import Endpoint, Reply

    seen: list[dict[str, Any]] = []

    def script(body: dict[str, Any]) -> Reply:
        seen.append(body)
        return Reply(content='{"reasoning": "It is 18, not 20.", "answer": "18"}')

    with Endpoint(script) as endpoint:
        result = cli(
            "run", "gsm8k", "-m", "openai:test-model", "--base-url", endpoint.url, "--data-dir", data_dir,
            "--protocol", "zeroeval", "--limit", 1, "--quiet", "--json",
        )  # fmt: skip
    assert result.code == 0, result.err
    body = seen[0]
    assert (body["temperature"], body["max_tokens"], len(body["messages"])) == (0.0, 4096, 1)
    assert '"answer"' in body["messages"][0]["content"]
    assert result.json["tasks"][0]["estimate"]["statuses"]["scored"] == 1


BROKEN = {
    "no source": ("title: x\n", "source: missing"),
    "unknown key": ("title: x\nsource: y\nsampling: {temprature: 1}\n", ":3: sampling.temprature: unknown key"),
    "range": ("title: x\nsource: y\nsampling: {top_p: 2}\n", ":3: sampling.top_p: must be a number between 0 and 1"),
    "k": ("title: x\nsource: y\nsamples: {aime24: 0}\n", ":3: samples.aime24: must be a whole number of at least 1"),
    "prompt": ("title: x\nsource: y\nprompts: {math: math/boxd}\n", "did you mean math/boxed"),
    "twice": ("title: x\nsource: y\nsampling: {top_p: 1}\nnot_sent: [top_p]\n", "given under sampling and not sent"),
    "shots": ("title: x\nsource: y\nshots: 5\n", ":3: shots: 5 solved examples are wanted, and gsm8k has 0"),
}


@pytest.mark.parametrize(("text", "complaint"), BROKEN.values(), ids=BROKEN)
def test_a_broken_protocol_is_refused_by_line_and_field(cli: Cli, data_dir: Path, text: str, complaint: str) -> None:
    Path("own.yaml").write_text(text, encoding="utf-8")
    result = cli("run", "gsm8k", "-m", "fake:x", "--data-dir", data_dir, "--protocol", "own.yaml")
    assert result.code == 2 and complaint in result.err and "own.yaml" in result.err
    assert not Path("runs").exists()


@pytest.mark.parametrize("where", ["profile", "openai"])
def test_a_protocol_that_the_model_refuses_is_refused(cli: Cli, data_dir: Path, where: str) -> None:
    Path("p.yaml").write_text("refuses: [temperature, top_p]\n", encoding="utf-8")
    url = "https://api.openai.com/v1" if where == "openai" else "http://127.0.0.1:9/v1"
    args = ["run", "gsm8k", "-m", "openai:o1", "--base-url", url, "--data-dir", data_dir, "--protocol", "deepseek-r1"]
    args += ["--profile", "p.yaml"] if where == "profile" else []
    result = cli(*args)
    assert result.code == 2 and not Path("runs").exists()
    assert "deepseek-r1.yaml:" in result.err and "sampling.temperature" in result.err
    assert "--omit temperature --omit top_p" in result.err and "openai-simple-evals" in result.err


def test_unknown_names_have_the_nearest(cli: Cli) -> None:
    assert "did you mean deepseek-r1" in cli("protocol", "show", "deepseek-r2").err
    result = cli("protocol", "diff", "deepseek-r1", "aime24/o1-openai-2024-13")
    assert result.code == 2 and "aime24/o1-openai-2024-12" in result.err


def test_tasks_in_common_are_needed(cli: Cli) -> None:
    result = cli("protocol", "diff", "aime24/o1-openai-2024-12", "gsm8k/o1-mini-zeroeval")
    assert result.code == 2 and "no task in common" in result.err


def test_of_run_knows_a_published_model(cli: Cli) -> None:
    from evalkit.store import RunStore

    run = run_of(cli, "a", model="fake:o1-2024-12-17")
    with RunStore.open(run) as store:
        side = of_run(store.record, references.load_references())["sums"]
    assert (side.model, side.values["snapshot"]) == ("o1", "2024-12-17")
