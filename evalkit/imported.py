"""Results item by item out of what has been measured already: a run directory, lm-eval's sample log, a plain table.

Policy: an item is known by the id that evalkit's own task gives it, and every id must be one of the task's pinned
items. A result is right or wrong; what is neither is refused, never rounded. Of a run, the samples count that its
headline counts: unparsed, truncated and refused ones are wrong, errored ones are left out.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evalkit.codec import json_lines
from evalkit.errors import DatasetError, TaskError, UnknownName, UsageError
from evalkit.references import PerItem, item_results, read_results
from evalkit.scores import task_scores
from evalkit.stats import readings
from evalkit.store import RunStore
from evalkit.tasks.items import ItemLoader, ItemsDigest
from evalkit.types import TaskSpec

_SHOWN = 3
"""Offending ids that are named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What to take from lm-eval's log where it has several: a filter, a metric."""

    filter: str | None = None
    score: str | None = None


def import_results(path: Path, benchmark: str, task: TaskSpec | None, loader: ItemLoader, choice: Choice) -> PerItem:
    """Read `path`, whichever of the three it is, and check its ids against the items of `task`, if there is one.

    benchmark: name of the task, or of a benchmark without one. Raises `TaskError` with file and line, `StoreError`,
    `DatasetError` if the items of the task cannot be had, or `UsageError` for ids that are not the task's.
    """
    if path.is_dir():
        with RunStore.open(path) as store:
            results = results_of_run(store, benchmark)
            pinned = task is not None and store.record.items_digests.get(benchmark) == task.items_digest
        if task is not None and not pinned:
            require_known(results, task, loader, path)
        return results
    if _is_lm_eval(path):
        if task is None:
            raise UsageError(f"{path}: lm-eval's lines are told apart by a task, and {benchmark} has none yet")
        results = results_of_lm_eval(path, task, loader, choice)
    else:
        results = read_results(path)
    if task is not None:
        require_known(results, task, loader, path)
    return results


def results_of_run(store: RunStore, task_name: str) -> PerItem:
    """How often a run solved each item of a task; items without a sample that counts are left out."""
    task = next((t for t in store.record.spec.tasks if t.name == task_name), None)
    if task is None:
        raise UnknownName("task of this run", task_name, [t.name for t in store.record.spec.tasks])
    scores = task_scores(store, task)
    counted = readings(scores.values, scores.statuses, task_name).headline
    partial = np.argwhere(~np.isnan(counted) & (counted != 0) & (counted != 1))
    if len(partial):
        row, sample = partial[0]
        raise UsageError(
            f"{store.folder}: sample {sample} of item {scores.item_ids[row]} has the value {counted[row, sample]:g}: "
            "results item by item are right or wrong"
        )
    samples = (~np.isnan(counted)).sum(axis=1)
    successes = np.nansum(counted, axis=1)
    rows = zip(scores.item_ids, samples.tolist(), successes.astype(int).tolist(), strict=True)
    kept = [row for row in rows if row[1]]
    if not kept:
        raise UsageError(f"{store.folder}: {task_name} has no sample that counts")
    return item_results(kept)


def results_of_lm_eval(path: Path, task: TaskSpec, loader: ItemLoader, choice: Choice) -> PerItem:
    """Results from `samples_<task>_<date>.jsonl`: each line has `doc`, `doc_id`, `filter` and a number per metric.

    A line becomes an item by rendering the task's question and target from its `doc`.
    """
    lines = _one_filter(path, list(_sample_lines(path)), choice.filter)
    rows: list[tuple[str, int, int]] = []
    current = lines[0]

    def docs() -> Iterator[dict[str, Any]]:
        nonlocal current
        for current in lines:
            yield current.fields["doc"]

    try:
        for item in loader.items_of(task, docs()):
            values = current.values(choice.score)
            rows.append((item.id, len(values), sum(values)))
    except TaskError as fault:
        if fault.file == str(path):
            raise
        raise current.error(f"no item of {task.name}: {fault}", "doc") from None
    if not rows:
        raise UsageError(f"{path}: none of its {len(lines)} lines is an item of {task.name}")
    return item_results(rows)


def require_known(results: PerItem, task: TaskSpec, loader: ItemLoader, path: Path) -> None:
    """Refuse results of items that the task does not have; raises `UsageError` naming the first of them."""
    digest = ItemsDigest()
    known = {item.id for item in digest.watch(loader.items(task))}
    if task.items_digest is not None and str(digest) != task.items_digest:
        raise DatasetError(f"{task.name}: the data at hand are not the items that its task file pins (items_digest)")
    strange = [item for item in results.ids if item not in known]
    if not strange:
        return
    some = ", ".join(repr(item) for item in strange[:_SHOWN])
    if len(strange) == len(results.ids):
        raise UsageError(
            f"{path}: no result is of an item of {task.name}: its ids are {some} ...; those of the task look like "
            f"{next(iter(known))!r} (evalkit tasks show {task.name} --items 3)"
        )
    raise UsageError(f"{path}: {len(strange)} of {len(results.ids)} results are of no item of {task.name}: {some}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """One line of lm-eval's log."""

    path: Path
    number: int
    fields: dict[str, Any]

    def error(self, message: str, field: str | None = None) -> TaskError:
        return TaskError(message, file=str(self.path), line=self.number, field=field)

    def values(self, score: str | None) -> list[int]:
        """The samples of the line, 1 right, 0 wrong: one, or a list of them."""
        names = [name for name in self.fields.get("metrics", ()) if isinstance(name, str)]
        if score is None:
            if len(names) != 1:
                raise UsageError(f"{self.path}: several metrics: {', '.join(names)}; name one with --score")
            score = names[0]
        if score not in self.fields:
            raise UnknownName("metric of this log", score, names)
        found = self.fields[score]
        values = found if isinstance(found, list) and found else [found]
        if not all(isinstance(value, int | float) and value in (0, 1) for value in values):
            raise self.error(f"must be 0 or 1, not {found!r}", score)
        return [int(value) for value in values]


def _sample_lines(path: Path) -> Iterator[_Line]:
    for number, fields in json_lines(path):
        sound = isinstance(fields, dict) and isinstance(fields.get("doc"), dict)
        if not sound or not isinstance(fields.get("doc_id"), int) or not isinstance(fields.get("filter"), str):
            message = "is no line of lm-eval's sample log, which has doc, doc_id, filter and metrics"
            raise TaskError(message, file=str(path), line=number)
        kept = ("doc", "doc_id", "filter", "metrics", *fields.get("metrics", ()))
        yield _Line(path=path, number=number, fields={key: fields[key] for key in kept if key in fields})


def _one_filter(path: Path, lines: list[_Line], name: str | None) -> list[_Line]:
    """The lines of one filter in the order of the dataset; raises `UsageError` if it is not clear which."""
    filters = sorted({line.fields["filter"] for line in lines})
    if name is None and len(filters) > 1:
        raise UsageError(f"{path}: several filters: {', '.join(filters)}; name one with --filter")
    if name is not None and name not in filters:
        raise UnknownName("filter of this log", name, filters)
    chosen = sorted(
        (line for line in lines if name in (None, line.fields["filter"])), key=lambda line: line.fields["doc_id"]
    )
    for before, line in itertools.pairwise(chosen):
        if before.fields["doc_id"] == line.fields["doc_id"]:
            doc = line.fields["doc_id"]
            raise line.error(f"document {doc} is on line {before.number} already", "doc_id")
    return chosen


def _is_lm_eval(path: Path) -> bool:
    _, first = next(json_lines(path), (0, None))
    return isinstance(first, dict) and "doc" in first
