"""Grade the stored generations of a run again: no model, no network."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass

from evalkit.registry import build_scorers
from evalkit.scoring.errata import Corrections, correcting
from evalkit.store import RunStore
from evalkit.types import Json, RunSpec, Sample, SandboxChoice, Score


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
            item_at = functools.lru_cache(maxsize=4096)(functools.partial(store.item, task.name))
            corrections = Corrections(task.errata)
            for sample in store.samples(task.name):
                item = item_at(sample.position)
                score = scorers[task.name].score(item, sample.generation)
                yield sample, score, corrections.targets(item)
    finally:
        for scorer in scorers.values():
            scorer.close()


def _differs(before: Score | None, after: Score) -> bool:
    return before is None or (before.status, before.value) != (after.status, after.value)
