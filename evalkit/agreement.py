"""What other graders make of a run, counted: beside its scores and never in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from evalkit.errors import StoreError, UsageError
from evalkit.stats import STATUSES, task_estimate
from evalkit.store import RunStore, asked_of
from evalkit.types import Status, TaskSpec

_SCORED, _ERRORED = STATUSES.index(Status.SCORED), STATUSES.index(Status.ERRORED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How the scores and one grader's opinions of the same answers agree; what could not be graded is left out."""

    n: int
    both_right: int
    both_wrong: int
    only_first: int
    """Right by the score, and not by the other grader."""
    only_second: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GraderSummary:
    """One further grader on one task."""

    grader: str
    only_unparsed: bool
    """True for a judge, who is asked about the answers in which the scorer found nothing."""
    statuses: Mapping[str, int]
    """Of its opinions; a judge without a verdict is `unparsed`."""
    n_right: int
    agreement: Agreement
    mean: float | None
    """Headline of the task if this grader had the say: on every answer that it has an opinion on, or, for a judge, on
    those that were unparsed."""


def summaries(store: RunStore, task: TaskSpec, values: np.ndarray, statuses: np.ndarray) -> tuple[GraderSummary, ...]:
    """Every grader with an opinion on the task; `values` and `statuses` are those of the scores, (n_items, k)."""
    return tuple(_summary(store, task, grader, values, statuses) for grader in store.opinions.graders(task.name))


def _summary(store: RunStore, task: TaskSpec, grader: str, values: np.ndarray, statuses: np.ndarray) -> GraderSummary:
    theirs, kinds = _marks(store, task, grader, values.shape)
    only = asked_of(grader)
    if only is not None:  # an answer that was unparsed when it was judged may have been graded since
        kinds[statuses != STATUSES.index(only)] = -1
    n_right = int(((kinds == _SCORED) & (theirs >= 1)).sum())
    has_say = kinds == _SCORED if only is not None else np.ones_like(kinds, dtype=bool)
    try:
        mean = task_estimate(
            task.name, np.where(has_say, theirs, values), np.where(has_say, kinds, statuses)
        ).headline.value
    except UsageError:  # nothing that can be counted
        mean = None
    return GraderSummary(
        grader=grader,
        only_unparsed=only is not None,
        statuses={str(s): n for code, s in enumerate(STATUSES) if (n := int((kinds == code).sum()))},
        n_right=n_right,
        agreement=_agreement(values, statuses, theirs, kinds),
        mean=mean,
    )


def _marks(store: RunStore, task: TaskSpec, grader: str, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Values and status codes of a grader's opinions, NaN and -1 where it has none."""
    values, kinds = np.full(shape, np.nan), np.full(shape, -1, dtype=np.int8)
    code = {str(status): number for number, status in enumerate(STATUSES)}
    for sample, position, status, value in store.opinions.marks(task.name, grader):
        if status not in code or not (0 <= position < shape[0] and 0 <= sample < shape[1]):
            where = f"sample {sample} of item {position} of {task.name}"
            raise StoreError(f"{store.folder}: an opinion on {where} is damaged")
        values[position, sample] = np.nan if value is None else value
        kinds[position, sample] = code[status]
    return values, kinds


def _agreement(values: np.ndarray, statuses: np.ndarray, theirs: np.ndarray, kinds: np.ndarray) -> Agreement:
    both = (statuses >= 0) & (statuses != _ERRORED) & (kinds >= 0) & (kinds != _ERRORED)
    first, second = values[both] >= 1, theirs[both] >= 1
    return Agreement(
        n=int(both.sum()),
        both_right=int((first & second).sum()),
        both_wrong=int((~first & ~second).sum()),
        only_first=int((first & ~second).sum()),
        only_second=int((~first & second).sum()),
    )
