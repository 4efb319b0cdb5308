"""Published scores: shipped files hold what the sources say, broken files are refused by line and field."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest

from evalkit import references
from evalkit.errors import TaskError, UnknownName
from evalkit.types import Reference

REFS = references.load_references()

# DeepSeek-R1 paper, PDF of 2025-01-23, Tables 4 and 5; o1 also OpenAI's page of 2024-12-17.
MEANS = {
    "aime24": {
        "deepseek-r1": 79.8, "o1": 79.2, "o1-mini": 63.6, "deepseek-v3": 39.2, "gpt-4o": 9.3,
        "claude-3.5-sonnet": 16.0,
        "deepseek-r1-distill-qwen-1.5b": 28.9, "deepseek-r1-distill-qwen-7b": 55.5,
        "deepseek-r1-distill-qwen-14b": 69.7, "deepseek-r1-distill-qwen-32b": 72.6,
        "deepseek-r1-distill-llama-8b": 50.4, "deepseek-r1-distill-llama-70b": 70.0, "qwq-32b-preview": 50.0,
        "deepseek-r1-zero": 71.0, "qwq-32b": 78.1,
    },
    "math500": {
        "deepseek-r1": 97.3, "o1": 96.4, "o1-mini": 90.0, "o1-preview": 85.5, "o3-mini": 97.3,
        "deepseek-v3": 90.2,
        "deepseek-r1-distill-qwen-1.5b": 83.9, "deepseek-r1-distill-qwen-32b": 94.3, "qwq-32b-preview": 90.6,
    },
    "gpqa_diamond": {
        "deepseek-r1": 71.5, "o1": 75.7, "o1-mini": 60.0, "o1-preview": 73.3, "o3-mini": 74.9, "gpt-4o": 49.9,
        "deepseek-r1-distill-llama-70b": 65.2,
    },
    "aime25": {"deepseek-r1": 64.3, "qwq-32b": 66.5, "deepseek-r1-distill-qwen-32b": 51.8},
    "livecodebench": {"deepseek-r1": 65.9, "o1": 63.4, "o1-mini": 53.8, "deepseek-r1-distill-qwen-32b": 57.2},
    "simpleqa": {"o1": 42.6, "o1-mini": 7.6, "deepseek-r1": 30.1},
    "mmlu": {"deepseek-r1": 90.8, "o1": 91.8, "o1-mini": 85.2},
    "ceval": {"deepseek-r1": 91.8, "o1-mini": 68.9},
    "swe_bench_verified": {"deepseek-r1": 49.2, "o1": 48.9},
    "zebralogic": {"o1": 81.0, "deepseek-r1": 78.7, "o3-mini": 88.9},
    "cruxeval_output": {"o1-preview": 95.88, "o1-mini": 93.75},
    "gsm8k": {"o1-mini": 96.06, "deepseek-v3-base": 89.3},
}  # fmt: skip


@pytest.mark.parametrize(("task", "model", "value"), [(t, m, v) for t, row in MEANS.items() for m, v in row.items()])
def test_headline_cells(task: str, model: str, value: float) -> None:
    ref = references.default(REFS, model, task)
    assert ref is not None
    assert (ref.value, ref.unit, ref.measures) == (value, "%", "mean_accuracy")


@pytest.mark.parametrize(
    ("model", "value"),
    [
        ("o1", 83.3),
        ("o1-mini", 80.0),
        ("o1-preview", 56.7),
        ("deepseek-r1", 86.7),
        ("deepseek-r1-distill-qwen-32b", 83.3),
    ],
)
def test_majority_is_a_cell_of_its_own(model: str, value: float) -> None:
    ref = references.default(REFS, model, "aime24", measures="majority")
    assert ref is not None
    assert ref.value == value
    mean = references.default(REFS, model, "aime24")
    assert mean is not None
    assert mean.value < value


def test_every_record_can_be_traced() -> None:
    assert len(REFS) >= 577
    assert not [r.id for r in REFS if not (r.source and r.reported_by and r.tier in references.TIERS)]
    assert not [r.id for r in REFS if r.date is not None and r.date[:2] != "20"]
    assert not [r.id for r in REFS if r.samples is not None and r.samples_note]
    repeated = [name for name, n in Counter(r.id for r in REFS).items() if n > 1]
    assert not repeated


def test_defaults_are_unique_and_means_have_one() -> None:
    chosen = Counter((r.id.split("/")[0], r.model, r.measures, r.variant) for r in REFS if r.default)
    assert not [cell for cell, n in chosen.items() if n > 1]
    means = {(r.id.split("/")[0], r.model, r.measures, r.variant) for r in REFS if r.measures == "mean_accuracy"}
    assert means <= chosen.keys()


def test_disagreements_carry_a_reason() -> None:
    cells: dict[tuple[str, str, str | None], list[Reference]] = {}
    for ref in REFS:
        if ref.measures == "mean_accuracy":
            cells.setdefault((ref.id.split("/")[0], ref.model, ref.variant), []).append(ref)
    for records in cells.values():
        chosen = next(r for r in records if r.default)
        rivals = [r for r in records if r.value != chosen.value]
        assert not [r.id for r in rivals if not r.reason]
        assert chosen.reason or not rivals, chosen.id


# Cells on which sources are known to disagree: benchmark, model, what they say.
CONFLICTS = [
    ("aime24", "o1", {79.2, 74.4, 74.3, 83.3, 93.0}),
    ("aime24", "o1-preview", {42.0, 44.6, 56.7, 40.0}),
    ("gpqa_diamond", "o1", {75.7, 77.3, 78.0}),
    ("gpqa_diamond", "o1-preview", {73.3, 75.2}),
    ("mmlu", "o1", {91.8, 90.8}),
    ("mmlu", "o1-preview", {90.8, 92.3}),
    ("math", "o1", {96.4, 94.8}),
    ("math500", "o1", {96.4, 94.8}),
    ("math500", "o1-preview", {85.5, 81.4}),
    ("simpleqa", "o1", {42.6, 47.0}),
    ("simpleqa", "o1-mini", {7.6, 7.0}),
    ("codeforces", "o1", {2061, 1843, 1673, 96.6, 89}),
    ("swe_bench_verified", "o1", {48.9, 41.0}),
    ("swe_bench_verified", "o3-mini", {39.0, 61.0, 49.3}),
    ("gpqa_diamond", "o3-mini", {77.2, 79.7}),
    ("humaneval", "o1-mini", {92.4, 96.2}),
    ("gpqa_diamond", "gpt-4o", {49.9, 50.6, 53.1, 53.6, 46.0}),
    ("math", "gpt-4o", {60.3, 76.6}),
    ("aime24", "qwq-32b-preview", {50.0, 44.0, 43.3}),
    ("livecodebench", "claude-3.5-sonnet", {38.9, 33.8, 36.3}),
    ("livecodebench", "gpt-4o", {32.9, 34.2, 33.4}),
    ("livecodebench", "deepseek-v3", {36.2, 40.5}),
    ("codeforces", "deepseek-v3", {58.7, 51.6}),
    ("c_simpleqa", "claude-3.5-sonnet", {55.4, 51.3}),
    ("c_simpleqa", "gpt-4o", {58.7, 59.3}),
    ("c_simpleqa", "deepseek-v3", {68.0, 64.8}),
    ("aime24", "deepseek-r1-zero", {71.0, 77.9}),
    ("gpqa_diamond", "deepseek-r1-zero", {73.3, 75.8}),
    ("aime24", "deepseek-r1-distill-llama-8b", {50.4, 43.9}),
    ("aime24", "deepseek-r1", {79.8, 79.1, 80.0}),
    ("aime24", "deepseek-r1-distill-qwen-32b", {72.6, 69.7, 66.9, 73.67}),
    ("aime24", "deepseek-r1-distill-qwen-7b", {55.5, 50.8, 51.3, 54.4, 60.0}),
    ("aime24", "deepseek-r1-distill-qwen-1.5b", {28.9, 30.7, 26.8, 20.0}),
    ("math500", "deepseek-r1-distill-qwen-1.5b", {83.9, 83.1, 78.32}),
    ("aime24", "qwq-32b", {78.1, 79.5, 80.0, 65.16}),
    ("aime25", "qwq-32b", {66.5, 48.8}),
    ("math500", "qwq-32b-preview", {90.6, 92.2, 83.6}),
    ("gpqa_diamond", "qwq-32b-preview", {54.5, 52.5}),
    ("livecodebench", "o1-mini", {53.8, 51.97, 68.41, 77.34, 72.8}),
    ("zebralogic", "o1-mini", {52.6, 56.8, 59.7}),
]


@pytest.mark.parametrize(("task", "model", "values"), CONFLICTS, ids=[f"{t}-{m}" for t, m, _ in CONFLICTS])
def test_known_disagreements_say_why(task: str, model: str, values: set[float]) -> None:
    records = references.find(REFS, model=model, task=task)
    assert values <= {r.value for r in records}
    chosen = references.default(REFS, model, task) or records[0]
    for ref in records:
        same = references.default(REFS, model, task, ref.variant, ref.measures)
        said = ref.reason or (same and same.value == ref.value and same.reason)
        assert said or ref.value == chosen.value or ref.value not in values, ref.id


def test_what_sources_say_of_the_protocol_stands_in_fields() -> None:
    by_id = {r.id: r for r in REFS}
    mini = by_id["gpqa_diamond/o1-mini-simple-evals"]
    assert (mini.shots, mini.system_prompt, mini.not_sent) == (0, "", ("temperature", "max_tokens"))
    assert mini.scoring == "GPQA answer regex was adjusted"
    assert by_id["math/gpt-4o-simple-evals-0513"].system_prompt == "You are a helpful assistant."
    assert by_id["drop/o1-r1-paper"].shots == 3
    assert {r.top_k for r in REFS if "top_k 40" in (r.protocol or "")} <= {None}, "a number in words only"
    assert by_id["aime24/qwq-32b-evalscope"].top_k == 40
    assert by_id["gsm8k/o1-mini-zeroeval"].not_sent == ("temperature", "max_tokens")


def test_a_record_follows_a_protocol_only_where_its_block_is_clear() -> None:
    follows = {r.id: r.follows for r in REFS if r.follows}
    assert follows["aime24/deepseek-r1-paper"] == "deepseek-r1"
    assert follows["aime24/deepseek-r1-distill-qwen-7b-open-r1"] == "deepseek-r1"
    assert follows["math500/o1-simple-evals"] == "openai-simple-evals"
    assert follows["aime25/qwq-32b-nemo-skills"] == "nemo-avg64"
    assert follows["zebralogic/o1-zeroeval"] == "zeroeval"
    assert not follows.keys() & {"aime24/o1-r1-paper", "aime24/gpt-4o-r1-paper", "codeforces/deepseek-r1-paper-rating"}


def test_loading_is_fast() -> None:
    """CPU seconds; the best of three, since other tests run beside this one."""
    spent = []
    for _ in range(3):
        started = time.process_time()
        references.load_references([])
        spent.append(time.process_time() - started)
    assert min(spent) < 0.35


def test_no_vote_or_rating_is_a_mean() -> None:
    odd = (
        "cons@",
        "maj@",
        "majority",
        "re-ranking",
        "pass@64",
        "rating",
        "Elo",
        "percentile",
        "win-rate",
        "F1",
    )
    assert not [r.id for r in REFS if r.measures == "mean_accuracy" and any(word in r.metric for word in odd)]
    votes = [r for r in REFS if r.metric.startswith(("cons@", "maj@", "majority@"))]
    assert votes
    assert {r.measures for r in votes} == {"majority"}


def test_only_tasks_of_the_harness_are_named() -> None:
    assert {r.task for r in REFS} >= {"aime24", "aime25", "math500", "gsm8k", None}
    stems = {r.task: r.id.split("/")[0] for r in REFS if r.task}
    assert all(task == stem for task, stem in stems.items())


def test_reasoning_effort_is_a_variant() -> None:
    for task, by_effort in {
        "math500": {"high": 97.9, "medium": 97.3, "low": 95.8},
        "gpqa_diamond": {"high": 77.2, "medium": 74.9, "low": 67.6},
        "aime24": {"high": 87.3},
    }.items():
        for effort, value in by_effort.items():
            ref = references.default(REFS, "o3-mini", task, effort)
            assert ref is not None
            assert ref.value == value
    medium_missing = references.default(REFS, "o3-mini", "aime24")
    assert medium_missing is not None
    assert medium_missing.variant == "high"


def test_unasked_variants_are_never_implied() -> None:
    assert references.default(REFS, "deepseek-r1-distill-qwen-32b", "mmlu_pro") is None  # a subset, known to be off
    assert references.default(REFS, "o1-preview", "math") is None  # which MATH is not stated
    window = references.default(REFS, "o1-preview", "livecodebench")
    assert window is not None
    assert window.variant == "2024-08..2025-01"
    other = references.default(REFS, "o1-mini", "livecodebench", "up to 2024-05")
    assert other is not None
    assert other.value == 77.34


def test_find_puts_the_default_first() -> None:
    records = references.find(REFS, model="o1", task="aime24")
    assert records[0].value == 79.2
    assert {79.2, 74.4, 74.3, 83.3, 93.0} == {r.value for r in records}
    assert not references.find(REFS, model="o1", task="aime25")
    assert references.default(REFS, "o1", "aime25") is None


@pytest.mark.parametrize(
    ("spelling", "model"),
    [
        ("o1", "o1"), ("O1", "o1"), ("openai-o1", "o1"), ("openai/o1-2024-12-17", "o1"),
        ("OpenAI-o1-1217", "o1"),
        ("r1", "deepseek-r1"), ("deepseek_r1", "deepseek-r1"), ("DeepSeek R1", "deepseek-r1"),
        ("deepseek-ai/DeepSeek-R1", "deepseek-r1"), ("R1-Distill-Qwen-32B", "deepseek-r1-distill-qwen-32b"),
        ("Qwen/QwQ-32B", "qwq-32b"), ("o3-mini-2025-01-31", "o3-mini"), ("gpt-4o-2024-11-20", "gpt-4o"),
        ("claude-3-5-sonnet-20241022", "claude-3.5-sonnet"), ("x1", "spark-x1"),
    ],
)  # fmt: skip
def test_resolve_model(spelling: str, model: str) -> None:
    assert references.resolve_model(REFS, spelling) == model


@pytest.mark.parametrize(
    ("spelling", "nearest"),
    [("o1-minni", "o1-mini"), ("deepsek-r1", "deepseek-r1"), ("deepseek-r1-0528", "deepseek-r1")],
)
def test_unknown_model_names_the_nearest(spelling: str, nearest: str) -> None:
    with pytest.raises(UnknownName) as caught:
        references.resolve_model(REFS, spelling)
    assert nearest in caught.value.nearest


# --- broken files ----------------------------------------------------------------------------

HEAD = "benchmark: B\ntask: null\nitems: 30\nrecords:\n"
LINES = {
    "id": "a", "model": "o1", "title": "o1", "metric": "pass@1", "measures": "mean_accuracy", "value": "79.2",
    "unit": "'%'", "reported_by": "vendor", "source": "a paper", "tier": "primary", "date": "'2024-12-17'",
    "default": "true",
}  # fmt: skip


def record(**changes: str | None) -> str:
    """One record as YAML, one field a line; `None` leaves the field out, a new field goes to the end."""
    fields = {k: v for k, v in (LINES | changes).items() if v is not None}
    return "".join(f"{'  - ' if i == 0 else '    '}{k}: {v}\n" for i, (k, v) in enumerate(fields.items()))


def expected(file: Path) -> list[tuple[int | None, str, str]]:
    """(line, field, part of the message) of every problem, as the file's last comments say."""
    found = [line.split("|") for line in file.read_text(encoding="utf-8").splitlines() if line.startswith("# expect ")]
    return [(int(n) if n else None, field, part) for n, field, part in ((h[9:], f, p) for h, f, p in found)]


CASES = {checked.file: checked for checked in references.check_files([Path(__file__).parent / "cases" / "references"])}


@pytest.mark.parametrize("file", CASES, ids=lambda f: f.stem)
def test_broken_file(file: Path) -> None:
    """Every problem of a file is named with line and field; loading stops at one of them."""
    problems = CASES[file].problems
    wanted = expected(file)
    assert [(p.line, p.field or "") for p in problems] == [w[:2] for w in wanted]
    assert all(part in str(p) for p, (_, _, part) in zip(problems, wanted, strict=True))
    assert all(str(p).startswith(f"{file}:") for p in problems)


def test_loading_stops_at_a_broken_file(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text(HEAD + record(source=None), encoding="utf-8")
    with pytest.raises(TaskError) as caught:
        references.read_folders([tmp_path])
    assert (caught.value.file, caught.value.line) == (str(tmp_path / "b.yaml"), 5)
    assert caught.value.field == "records.0.source"


@pytest.mark.skipif(not list((references.shipped().parent / "protocols").glob("*.yaml")), reason="no protocols yet")
def test_the_protocol_that_a_record_follows_exists(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text(HEAD + record(follows="deepseek-r2"), encoding="utf-8")
    with pytest.raises(TaskError, match="unknown protocol 'deepseek-r2'; did you mean deepseek-r1") as caught:
        references.read_folders([tmp_path])
    assert (caught.value.line, caught.value.field) == (17, "records.0.follows")


def test_sound_file(tmp_path: Path) -> None:
    text = HEAD + record(samples="null", samples_note="4-64", date="null") + record(id="b", variant="high")
    (tmp_path / "b.yaml").write_text(text, encoding="utf-8")
    first, second = references.read_folders([tmp_path])
    assert (first.id, first.benchmark, first.benchmark_items, first.n_items) == ("b/a", "B", 30, None)
    assert (first.samples, first.samples_note, first.date, first.variant) == (None, "4-64", None, None)
    assert second.variant == "high"
    assert references.default([first, second], "o1", "b") == first
    assert references.default([first, second], "o1", "b", "high") == second


def test_one_file_per_task(tmp_path: Path) -> None:
    text = HEAD.replace("task: null", "task: aime24") + record()
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(TaskError, match="one file per benchmark") as caught:
        references.read_folders([tmp_path])
    assert (caught.value.line, caught.value.field) == (2, "task")


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="no such folder"):
        references.load_references([tmp_path / "nowhere"])
