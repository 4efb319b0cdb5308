"""Grade the stored generations of a run again: no model, no network."""

from __future__ import annotations

import collections
import functools
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from evalkit.contracts import RunsCode, Scorer
from evalkit.registry import build_scorers
from evalkit.scoring.errata import Corrections, correcting
from evalkit.store import RunStore
from evalkit.types import Item, Json, RunSpec, Sample, SandboxChoice, Score

_ITEMS_KEPT = 4096
_LARGE_ITEMS_KEPT = 64
"""The tests of a piece of code may take megabytes."""
_AHEAD = 4
"""Samples a thread is ahead of the one whose score comes next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """A score that is another one when its generation is graded again."""

    task: str
    item: str
    sample: int
    targets: tuple[Json, ...]
    """What the answer is compared with now; several if the item has several right golds."""
    before: Score | None
    after: Score


def rescore(store: RunStore, sandbox: SandboxChoice) -> dict[str, int]:
    """Grade every stored generation again; returns how many scores changed per task."""
    changed = dict.fromkeys((task.name for task in store.record.spec.tasks), 0)
    for sample, score, _ in _regraded(store, store.record.spec, sandbox):
        changed[sample.task] += _differs(sample.score, score)
        store.put_score((sample.task, sample.position, sample.sample), score)
    store.flush()
    return changed


def flips(store: RunStore, spec: RunSpec, sandbox: SandboxChoice) -> Iterator[Flip]:
    """What `rescore` would change if the run had `spec`, one by one; nothing is stored."""
    for sample, score, targets in _regraded(store, spec, sandbox):
        if _differs(sample.score, score):
            yield Flip(
                task=sample.task,
                item=sample.item_id,
                sample=sample.sample,
                targets=targets,
                before=sample.score,
                after=score,
            )


def _regraded(
    store: RunStore, spec: RunSpec, sandbox: SandboxChoice
) -> Iterator[tuple[Sample, Score, tuple[Json, ...]]]:
    scorers = correcting(build_scorers(spec, sandbox), spec.tasks)
    try:
        for task in spec.tasks:
            kept = _LARGE_ITEMS_KEPT if isinstance(scorers[task.name], RunsCode) else _ITEMS_KEPT
            item_at = functools.lru_cache(maxsize=kept)(functools.partial(store.item, task.name))
            corrections = Corrections(task.errata)
            samples = ((sample, item_at(sample.position)) for sample in store.samples(task.name))
            for sample, item, score in _scored(scorers[task.name], samples):
                yield sample, score, corrections.targets(item)
    finally:
        for scorer in scorers.values():
            scorer.close()


def _scored(scorer: Scorer, samples: Iterable[tuple[Sample, Item]]) -> Iterator[tuple[Sample, Item, Score]]:
    """In order; several at once where each runs code in a process of its own."""
    n = (os.cpu_count() or 1) if isinstance(scorer, RunsCode) else 1
    if n == 1:
        yield from ((sample, item, scorer.score(item, sample.generation)) for sample, item in samples)
        return
    waiting: collections.deque[tuple[Sample, Item, Future[Score]]] = collections.deque()
    with ThreadPoolExecutor(n) as threads:
        for sample, item in samples:
            waiting.append((sample, item, threads.submit(scorer.score, item, sample.generation)))
            if len(waiting) > _AHEAD * n:
                first, its_item, future = waiting.popleft()
                yield first, its_item, future.result()
        for first, its_item, future in waiting:
            yield first, its_item, future.result()


def _differs(before: Score | None, after: Score) -> bool:
    return before is None or (before.status, before.value) != (after.status, after.value)
