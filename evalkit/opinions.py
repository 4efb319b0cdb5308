"""Further opinions on stored answers: another scorer grades them, and no score changes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from evalkit.contracts import Scorer
from evalkit.registry import SCORERS
from evalkit.scoring.errata import correcting
from evalkit.store import RunStore
from evalkit.types import Score, TaskSpec

_AT_ONCE = 4
_BATCH = 64


def second_grader(name: str) -> Scorer:
    """The scorer of that name; raises `UnknownName`."""
    scorer: Scorer = SCORERS.get(name)({})
    return scorer


def add_opinions(store: RunStore, name: str) -> dict[str, int]:
    """Grade every answer that this scorer has no opinion on yet; returns how many there were per task.

    Against the golds of the run, corrected ones included. What is done is stored: an interrupted call can be repeated.
    """
    scorer = second_grader(name)
    tasks = store.record.spec.tasks
    scorers = correcting(dict.fromkeys((task.name for task in tasks), scorer), tasks)
    try:
        return {task.name: _add(store, task, scorers[task.name]) for task in tasks}
    finally:
        scorer.close()
        store.flush()


def _add(store: RunStore, task: TaskSpec, scorer: Scorer) -> int:
    def grade(at: tuple[int, int]) -> Score:
        return scorer.score(*answers[at])

    grader = f"{scorer.name}@{scorer.version}"
    n = 0
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        for batch in _batches(store.opinions.missing(task.name, grader)):
            answers = {
                (position, sample): (store.item(task.name, position), store.generation((task.name, position, sample)))
                for position, sample in batch
            }
            for (position, sample), score in zip(batch, threads.map(grade, batch), strict=True):
                store.opinions.put((task.name, position, sample), grader, score)
            n += len(batch)
    return n


def _batches(keys: Iterator[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    while batch := list(itertools.islice(keys, _BATCH)):
        yield batch
