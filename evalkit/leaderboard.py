"""Fill a board: one row per published reference model, one per run."""

from __future__ import annotations

from collections.abc import Sequence

from evalkit import references
from evalkit.comparison import reference_se
from evalkit.store import RunStore
from evalkit.summary import TaskSummary, summarize
from evalkit.tasks import catalog
from evalkit.types import Board, Cell, ErrorBar, Leaderboard, LeaderboardRow, Reference, RunRecord

PUBLISHED = "published"
BASELINE = "baseline"
MEASURED = "measured"


def fill(board: Board, runs: Sequence[RunStore], refs: Sequence[Reference]) -> Leaderboard:
    """The board with published rows first, then the runs in the order given.

    Raises `UnknownName` for a task or reference model that the board names and nobody knows.
    """
    titles = {entry.task: catalog.find(entry.task).title for entry in board.tasks}
    rows = [_published(references.resolve_model(refs, name), list(titles), refs) for name in board.references]
    rows += [_measured(store, set(titles)) for store in runs]
    return Leaderboard(
        board=board.name,
        title=board.title,
        tasks=tuple(titles),
        titles=titles,
        rows=tuple(rows),
        note=board.note,
    )


def _published(model: str, tasks: Sequence[str], refs: Sequence[Reference]) -> LeaderboardRow:
    found = {task: references.default(refs, model, task) for task in tasks}
    cells = {task: _published_cell(ref) for task, ref in found.items() if ref is not None}
    exact = all(ref.exact for ref in found.values() if ref is not None) and bool(cells)
    return LeaderboardRow(model=model, kind=BASELINE if exact else PUBLISHED, cells=cells)


def _published_cell(ref: Reference) -> Cell:
    se = reference_se(ref)
    return Cell(
        value=ref.value,
        se=None if se is None else 100 * se,
        interval=None,
        population_interval=None,
        n_items=ref.n_items or ref.benchmark_items,
        samples=ref.samples,
        date=ref.date,
        source=ref.source,
        exact=ref.exact,
        notes=(ref.reported_by,) if ref.exact or ref.samples is not None else (ref.reported_by, "k not stated"),
    )


def _measured(store: RunStore, tasks: set[str]) -> LeaderboardRow:
    cells = {
        task.task: cell
        for task in summarize(store).tasks
        if task.task in tasks and (cell := _measured_cell(task, store.record)) is not None
    }
    return LeaderboardRow(model=store.record.spec.model.name, kind=MEASURED, cells=cells)


def _measured_cell(task: TaskSummary, record: RunRecord) -> Cell | None:
    if task.estimate is None:
        return None
    head = task.estimate.headline
    notes = list(task.audit)
    if task.samples_owed:
        notes.append(f"{task.samples_owed} samples are still owed")
    not_scored = {name: n for name, n in task.statuses.items() if name != "scored"}
    notes += [f"{n} samples {name}" for name, n in not_scored.items()]
    spec = next(t for t in record.spec.tasks if t.name == task.task)
    return Cell(
        value=100 * head.value,
        se=100 * head.benchmark.se,
        interval=_percent(head.benchmark),
        population_interval=_percent(head.population),
        n_items=head.n_items,
        samples=spec.samples,
        date=record.created[:10],
        source=f"run {record.id}",
        notes=tuple(notes),
    )


def _percent(bar: ErrorBar) -> tuple[float, float]:
    return 100 * bar.interval.low, 100 * bar.interval.high
