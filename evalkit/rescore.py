"""Grade the stored generations of a run again: no model, no network."""

from __future__ import annotations

import functools

from evalkit.protocols import Scorer
from evalkit.registry import build_scorers
from evalkit.store import RunStore
from evalkit.types import TaskSpec


def rescore(store: RunStore) -> dict[str, int]:
    """Grade every stored generation again; returns how many scores changed per task."""
    scorers = build_scorers(store.record.spec)
    changed: dict[str, int] = {}
    try:
        for task in store.record.spec.tasks:
            changed[task.name] = _rescore_task(store, task, scorers[task.name])
    finally:
        for scorer in scorers.values():
            scorer.close()
        store.flush()
    return changed


def _rescore_task(store: RunStore, task: TaskSpec, scorer: Scorer) -> int:
    item_at = functools.lru_cache(maxsize=4096)(functools.partial(store.item, task.name))
    flips = 0
    for sample in store.samples(task.name):
        score = scorer.score(item_at(sample.position), sample.generation)
        before = sample.score
        flips += before is None or (before.status, before.value) != (score.status, score.value)
        store.put_score((task.name, sample.position, sample.sample), score)
    return flips
