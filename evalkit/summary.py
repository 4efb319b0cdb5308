"""A run directory -> estimates per task. `summary.json` holds the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from evalkit import agreement, audit
from evalkit.errors import UsageError
from evalkit.protocols import Items
from evalkit.scores import TaskScores, first_rounds, one_sample_each, task_scores
from evalkit.stats import STATUSES, sequential_estimate, task_estimate
from evalkit.stopping import UntilDecided
from evalkit.store import RunStore, Totals
from evalkit.types import Prices, Rounds, Status, TaskEstimate, TaskSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSummary:
    """One task of a run."""

    task: str
    title: str
    estimate: TaskEstimate | None
    """None if no sample has a status that can be counted."""
    statuses: Mapping[str, int]
    n_items: int
    n_items_asked: int
    """Items with at least one stored sample."""
    samples_owed: int
    """Not stored, not graded, or to be asked for again."""
    n_in_vain: int
    """Those of them that were asked for again without success and keep their earlier answer."""
    totals: Totals
    audit: tuple[str, ...]
    """What deserves a second look, in sentences (`evalkit.audit`)."""
    opinions: tuple[agreement.GraderSummary, ...] = ()
    """What other graders make of the same answers: beside the estimate, never in it."""
    rounds: Rounds | None = None
    """Of a run that ends when it is decided. What is stored beyond the rounds that decided it counts only in `totals`
    and `opinions`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """`summary.json`."""

    run: str
    model: str
    tasks: tuple[TaskSummary, ...]
    cost: float | None = None
    """Of all answers that were paid for, replaced ones included, in the currency of `prices`; None without prices."""
    prices: Prices | None = None

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
    totals = {task.name: store.totals(task.name) for task in spec.tasks}
    copied = audit.copied(spec.tasks, totals)
    rule = UntilDecided(store) if spec.until_decided else None
    tasks = tuple(_task_summary(store, task, totals[task.name], copied.get(task.name), rule) for task in spec.tasks)
    prices = spec.model.endpoint.prices
    _, *tokens = store.spent()
    return RunSummary(
        run=store.record.id,
        model=spec.model.name,
        tasks=tasks,
        cost=None if prices is None else prices.cost(*tokens),
        prices=prices,
    )


def _looked_at(task: TaskSpec, scores: TaskScores, rounds: Rounds, owed: int) -> TaskEstimate:
    """Estimate of a task that was looked at after every round, from the rounds that decided it or those there are."""
    counted = first_rounds(scores, rounds.counted)
    return sequential_estimate(
        task.name,
        counted.values,
        counted.statuses,
        clusters=counted.clusters,
        max_rounds=rounds.most,
        samples_owed=owed,
    )


def _task_summary(
    store: RunStore, task: TaskSpec, totals: Totals, copied: str | None, rule: UntilDecided | None
) -> TaskSummary:
    """The summary; `copied` says why copies of one text are one observation, if they are."""
    scores = task_scores(store, task)
    opinions = agreement.summaries(store, task, scores.values, scores.statuses)
    rounds = rule.rounds(task, scores) if rule else None
    stored = {str(s): int((scores.statuses == number).sum()) for number, s in enumerate(STATUSES)}
    asked = np.ones(scores.values.shape, dtype=np.bool_)
    if rule and rounds:
        asked[:, : rounds.complete + 2] = rule.asked(task, scores)[:, : rounds.complete + 2]
        scores, asked = first_rounds(scores, rounds.wanted), asked[:, : rounds.wanted]
    counts = {str(s): int((scores.statuses == number).sum()) for number, s in enumerate(STATUSES)}
    counts = {name: n for name, n in counts.items() if n}
    n_in_vain = store.n_asked_in_vain(task.name, scores.values.shape[1])
    owed = int((asked & (scores.statuses < 0)).sum()) + n_in_vain
    n_asked = int((scores.statuses >= 0).any(axis=1).sum())
    if copied:
        scores = one_sample_each(scores)
    try:
        if rounds and rounds.complete and not copied:
            estimate = _looked_at(task, scores, rounds, owed)
        else:
            estimate = task_estimate(
                task.name,
                scores.values,
                scores.statuses,
                clusters=scores.clusters,
                labels=scores.labels,
                samples_owed=owed,
            )
    except UsageError:
        estimate = None
    model = store.record.spec.model.name
    found = audit.findings(
        task,
        totals,
        {name: n for name, n in stored.items() if n},
        model=model,
        items=store.items(task.name),
        n_items=store.n_items(task.name),
        copies=copied,
        left_out=store.record.left_out.get(task.name, {}),
    )
    return TaskSummary(
        task=task.name,
        title=task.title,
        estimate=estimate,
        statuses=counts,
        n_items=len(scores.item_ids),
        n_items_asked=n_asked,
        samples_owed=owed,
        n_in_vain=n_in_vain,
        totals=totals,
        audit=tuple(found),
        opinions=opinions,
        rounds=rounds,
    )


def items_of(store: RunStore, task: TaskSummary) -> Items:
    """Which items of a task a run has, as a comparison of protocols sees them."""
    return Items(
        digest=store.record.items_digests[task.task],
        n_stored=store.n_items(task.task),
        n_asked=task.n_items_asked,
        n_corrected=task.totals.n_corrected_items,
    )
