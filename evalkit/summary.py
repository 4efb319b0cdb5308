"""A run directory -> estimates per task. `summary.json` holds the result."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from evalkit.errors import UsageError
from evalkit.stats import task_estimate
from evalkit.store import RunStore
from evalkit.types import Status, TaskEstimate, TaskSpec

IDENTICAL = "all samples of each item are identical: the endpoint seems to ignore temperature or seed"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskScores:
    """Per-item scores of one task as arrays; rows are items in dataset order."""

    item_ids: tuple[str, ...]
    clusters: tuple[str, ...] | None
    values: np.ndarray
    """(n_items, k) float; NaN where a sample has no value."""
    statuses: np.ndarray
    """(n_items, k) status names; empty where a sample is not stored."""
    answers: np.ndarray
    """(n_items, k) extracted answers; None where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Token and time totals of a task, over samples whose endpoint reported them."""

    prompt: int
    completion: int
    reasoning: int
    reasoning_estimated: bool
    mean_latency_s: float | None
    mean_ttft_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSummary:
    """One task of a run."""

    task: str
    title: str
    estimate: TaskEstimate | None
    """None if no sample has a status that can be counted."""
    statuses: Mapping[str, int]
    n_items: int
    samples_owed: int
    tokens: Tokens
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """`summary.json`."""

    run: str
    model: str
    tasks: tuple[TaskSummary, ...]

    @property
    def n_samples(self) -> int:
        return sum(sum(task.statuses.values()) for task in self.tasks)

    @property
    def n_errored(self) -> int:
        return sum(task.statuses.get(Status.ERRORED, 0) for task in self.tasks)

    @property
    def samples_owed(self) -> int:
        return sum(task.samples_owed for task in self.tasks)


def summarize(store: RunStore) -> RunSummary:
    """Estimates and totals of every task."""
    spec = store.record.spec
    found = [_task_summary(store, task) for task in spec.tasks]
    tasks = [summary for summary, _ in found]
    if (repeats := [same for _, same in found if same is not None]) and all(repeats):
        # Judged over the whole run: short answers are often identical in one task without any fault.
        tasks = [dataclasses.replace(t, warnings=(*t.warnings, IDENTICAL)) for t in tasks]
    return RunSummary(run=store.record.id, model=spec.model.name, tasks=tuple(tasks))


def task_scores(store: RunStore, task: TaskSpec) -> TaskScores:
    """Read the scores of a task into arrays."""
    items = [(item.id, item.cluster) for item in store.items(task.name)]
    row = {item_id: i for i, (item_id, _) in enumerate(items)}
    shape = (len(items), task.samples)
    values = np.full(shape, np.nan)
    statuses = np.full(shape, "", dtype=object)
    answers = np.full(shape, None, dtype=object)
    for item_id, sample, score in store.scores(task.name):
        if sample >= task.samples:
            continue
        at = row[item_id], sample
        statuses[at] = str(score.status)
        answers[at] = score.answer
        if score.value is not None:
            values[at] = score.value
    clusters = tuple(str(c) for _, c in items) if task.cluster else None
    return TaskScores(
        item_ids=tuple(item_id for item_id, _ in items),
        clusters=clusters,
        values=values,
        statuses=statuses,
        answers=answers,
    )


def _task_summary(store: RunStore, task: TaskSpec) -> tuple[TaskSummary, bool | None]:
    """The summary, and whether the samples of each item are identical (None where they may be)."""
    scores = task_scores(store, task)
    counts = {str(s): int((scores.statuses == str(s)).sum()) for s in Status}
    counts = {name: n for name, n in counts.items() if n}
    owed = scores.values.size - sum(counts.values())
    try:
        estimate = task_estimate(
            task.name,
            scores.values,
            scores.statuses,
            clusters=scores.clusters,
            answers=scores.answers.tolist(),
            samples_owed=owed,
        )
    except UsageError:
        estimate = None
    tokens, served, identical = _walk_generations(store, task)
    summary = TaskSummary(
        task=task.name,
        title=task.title,
        estimate=estimate,
        statuses=counts,
        n_items=len(scores.item_ids),
        samples_owed=owed,
        tokens=tokens,
        warnings=tuple(_warnings(store, task, served)),
    )
    return summary, identical


def _walk_generations(store: RunStore, task: TaskSpec) -> tuple[Tokens, set[str], bool | None]:
    """Totals, the model ids that were served, and whether all samples of each item are the same text."""
    prompt = completion = reasoning = 0
    estimated = False
    latencies: list[float] = []
    ttfts: list[float] = []
    served: set[str] = set()
    texts: dict[str, list[int]] = {}
    for sample in store.samples(task.name):
        generation = sample.generation
        if generation.failure is not None:
            continue
        usage = generation.usage
        prompt += usage.prompt_tokens or 0
        completion += usage.completion_tokens or 0
        reasoning += usage.reasoning_tokens or 0
        estimated = estimated or usage.reasoning_estimated
        latencies += [generation.latency_s] if generation.latency_s is not None else []
        ttfts += [generation.ttft_s] if generation.ttft_s is not None else []
        served |= {generation.served_model} if generation.served_model else set()
        texts.setdefault(sample.item_id, []).append(hash((generation.reasoning, generation.answer)))
    tokens = Tokens(
        prompt=prompt,
        completion=completion,
        reasoning=reasoning,
        reasoning_estimated=estimated,
        mean_latency_s=float(np.mean(latencies)) if latencies else None,
        mean_ttft_s=float(np.mean(ttfts)) if ttfts else None,
    )
    several = [hashes for hashes in texts.values() if len(hashes) > 1]
    identical = all(len(set(hashes)) == 1 for hashes in several) if several and task.sampling.temperature != 0 else None
    return tokens, served, identical


def _warnings(store: RunStore, task: TaskSpec, served: set[str]) -> list[str]:
    found = []
    if len(served) > 1:
        found.append(f"several model ids were served: {', '.join(sorted(served))}")
    elif served and served != {store.record.spec.model.name}:
        found.append(f"asked for {store.record.spec.model.name}, served by {served.pop()}")
    if task.n_items is not None and store.n_items(task.name) != task.n_items:
        found.append(f"{store.n_items(task.name)} of the benchmark's {task.n_items} items were run")
    return found
