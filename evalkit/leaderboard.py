"""Fill a board: one row per published reference model, one per run, and ranks within each column.

Policy on ranks: every row with a score is ranked, also where protocols differ: a rank speaks of sampling noise only,
and exporters say so. A published score whose number of questions is unknown could be anything: it may have any rank,
and no other row stands above or below it. A rank of a run holds with its samples without a score counted as wrong and
with them left out, as a verdict does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from evalkit import references
from evalkit.comparison import reference_se
from evalkit.stats import ranks
from evalkit.store import RunStore
from evalkit.summary import TaskSummary, summarize
from evalkit.tasks import catalog
from evalkit.types import Board, Cell, ErrorBar, Estimate, Leaderboard, LeaderboardRow, Reference, RunRecord

PUBLISHED = "published"
BASELINE = "baseline"
MEASURED = "measured"

_ALPHA = 0.05
_Readings = tuple[ranks.Contender, ranks.Contender, ranks.Contender]
"""A score under the three readings of the samples without a score: headline, counted as wrong, left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """A cell before it is ranked, with what its rank is computed from."""

    cell: Cell
    readings: _Readings


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    model: str
    kind: str
    entries: Mapping[str, _Entry]
    average: _Entry | None


def fill(board: Board, runs: Sequence[RunStore], refs: Sequence[Reference]) -> Leaderboard:
    """The board with published rows first, then the runs in the order given.

    Raises `UnknownName` for a task or reference model that the board names and nobody knows.
    """
    titles = {entry.task: catalog.find(entry.task).title for entry in board.tasks}
    rows = [_published(references.resolve_model(refs, name), list(titles), refs) for name in board.references]
    rows += [_measured(store, list(titles)) for store in runs]
    columns = {task: _ranked([row.entries.get(task) for row in rows]) for task in titles}
    averages = _ranked([row.average for row in rows])
    return Leaderboard(
        board=board.name,
        title=board.title,
        tasks=tuple(titles),
        titles=titles,
        rows=tuple(
            LeaderboardRow(
                model=row.model,
                kind=row.kind,
                cells={task: cell for task, column in columns.items() if (cell := column[i]) is not None},
                average=averages[i],
            )
            for i, row in enumerate(rows)
        ),
        note=board.note,
    )


def _ranked(column: Sequence[_Entry | None]) -> list[Cell | None]:
    """The cells of a column with their ranks: those that hold under each reading, if there are two to rank."""
    entries = [entry for entry in column if entry is not None]
    if len(entries) < 2:
        return [None if entry is None else entry.cell for entry in column]
    readings = zip(*(entry.readings for entry in entries), strict=True)
    found = [ranks.rank_intervals(contenders, _ALPHA) for contenders in readings]
    spans = iter([(min(best for best, _ in r), max(worst for _, worst in r)) for r in zip(*found, strict=True)])
    return [None if entry is None else replace(entry.cell, rank=next(spans)) for entry in column]


def _published(model: str, tasks: Sequence[str], refs: Sequence[Reference]) -> _Row:
    found = {task: references.default(refs, model, task) for task in tasks}
    entries = {task: _published_entry(ref) for task, ref in found.items() if ref is not None}
    exact = all(entry.cell.exact for entry in entries.values()) and bool(entries)
    average = _average(entries, tasks)
    return _Row(model=model, kind=BASELINE if exact else PUBLISHED, entries=entries, average=average)


def _published_entry(ref: Reference) -> _Entry:
    se, n_items = reference_se(ref), ref.n_items or ref.benchmark_items
    cell = Cell(
        value=ref.value,
        se=None if se is None else 100 * se,
        interval=None,
        population_interval=None,
        n_items=n_items,
        samples=ref.samples,
        date=ref.date,
        source=ref.source,
        exact=ref.exact,
        notes=(ref.reported_by,) if ref.exact or ref.samples is not None else (ref.reported_by, "k not stated"),
    )
    trials = None if n_items is None else n_items * (ref.samples or 1)
    contender = ranks.exact(ref.value / 100) if ref.exact else ranks.published(ref.value / 100, trials)
    return _Entry(cell=cell, readings=(contender, contender, contender))


def _measured(store: RunStore, tasks: Sequence[str]) -> _Row:
    entries = {
        task.task: entry
        for task in summarize(store).tasks
        if task.task in tasks and (entry := _measured_entry(task, store.record)) is not None
    }
    model = store.record.spec.model.name
    return _Row(model=model, kind=MEASURED, entries=entries, average=_average(entries, tasks))


def _measured_entry(task: TaskSummary, record: RunRecord) -> _Entry | None:
    if task.estimate is None:
        return None
    head = task.estimate.headline
    notes = [task.rounds.in_words, *task.audit] if task.rounds else list(task.audit)
    if task.samples_owed and not task.rounds:
        notes.append(f"{task.samples_owed} samples are still owed")
    not_scored = {name: n for name, n in task.statuses.items() if name != "scored"}
    notes += [f"{n} samples {name}" for name, n in not_scored.items()]
    spec = next(t for t in record.spec.tasks if t.name == task.task)
    cell = Cell(
        value=100 * head.value,
        se=100 * head.benchmark.se,
        interval=_percent(head.benchmark),
        population_interval=_percent(head.population),
        n_items=head.n_items,
        samples=task.rounds.counted if task.rounds else spec.samples,
        date=record.created[:10],
        source=f"run {record.id}",
        notes=tuple(notes),
    )
    return _Entry(cell=cell, readings=_readings(head, task.estimate.as_wrong, task.estimate.excluded))


def _readings(headline: Estimate, as_wrong: Estimate, excluded: Estimate | None) -> _Readings:
    """Without a single scored sample, leaving out those without a score leaves nothing: then anything is possible."""
    left_out = ranks.published(headline.value, None) if excluded is None else ranks.measured(excluded)
    return ranks.measured(headline), ranks.measured(as_wrong), left_out


def _average(entries: Mapping[str, _Entry], tasks: Sequence[str]) -> _Entry | None:
    """The mean over all tasks of the board, each with the same weight, if there are two or more and none is missing."""
    if len(tasks) < 2 or any(task not in entries for task in tasks):
        return None
    found = [entries[task] for task in tasks]
    cells = [entry.cell for entry in found]
    errors = [cell.se for cell in cells if cell.se is not None]
    first, second, third = (ranks.average(scores) for scores in zip(*(e.readings for e in found), strict=True))
    intervals = [cell.interval for cell in cells if cell.interval is not None]
    populations = [cell.population_interval for cell in cells if cell.population_interval is not None]
    values = [cell.value for cell in cells]
    cell = Cell(
        value=sum(values) / len(tasks),
        se=math.hypot(*errors) / len(tasks) if len(errors) == len(tasks) else None,
        interval=_average_interval(values, intervals) if len(intervals) == len(tasks) else None,
        population_interval=_average_interval(values, populations) if len(populations) == len(tasks) else None,
        n_items=None,
        samples=None,
        date=None,
        source=f"mean of the {len(tasks)} tasks of the board",
        exact=all(cell.exact for cell in cells),
    )
    return _Entry(cell=cell, readings=(first, second, third))


def _average_interval(values: Sequence[float], intervals: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """`ranks.average_interval` of percentages: it tells an unknown score by its range from 0 to 1."""
    low, high = ranks.average_interval([v / 100 for v in values], [(a / 100, b / 100) for a, b in intervals])
    return 100 * low, 100 * high


def _percent(bar: ErrorBar) -> tuple[float, float]:
    return 100 * bar.interval.low, 100 * bar.interval.high
