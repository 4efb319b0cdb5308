"""Fill a board: one row per published reference model, one per run, ranks within each column, and verdicts.

Policy: every cell is held against the protocol of the board (or, if it names none, of each task), and says in which
fields it differs or is silent. What else was published for a cell stays beside it. On ranks: every row with a mean
accuracy is ranked unless it cannot be compared, also where protocols differ: a rank speaks of sampling noise only, and
exporters say so. A published score whose number of questions is unknown could be anything: it may have any rank, and no
other row stands above or below it. A rank of a run holds with its samples without a score counted as wrong and with
them left out, as a verdict does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from evalkit import boards, references
from evalkit.boards import MEAN
from evalkit.comparison import compare_store, reference_se, suite_claims, without_record
from evalkit.protocols import Items, diff, item_mismatches, named, of_task, run_and_reference
from evalkit.stats import ranks
from evalkit.store import RunStore
from evalkit.summary import TaskSummary, items_of, summarize
from evalkit.types import (
    BASELINE,
    CLAIM,
    MEASURED,
    PUBLISHED,
    Board,
    BoardClaim,
    BoardReference,
    BoardVerdict,
    Cell,
    Column,
    ErrorBar,
    Estimate,
    Leaderboard,
    LeaderboardRow,
    Mismatch,
    OtherValue,
    Reference,
    Severity,
    TaskSpec,
)

_ALPHA = 0.05
_VENDOR = ("vendor self-report", "vendor figure", "copied by", "listed by")
_Readings = tuple[ranks.Contender, ranks.Contender, ranks.Contender]
"""A score under the three readings of the samples without a score: headline, counted as wrong, left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """A cell before it is ranked, with what its rank is computed from; None if it has none."""

    cell: Cell
    readings: _Readings | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    model: str
    kind: str
    entries: Mapping[str, _Entry]
    average: _Entry | None


def fill(board: Board, runs: Sequence[RunStore], refs: Sequence[Reference]) -> Leaderboard:
    """The board with published rows first, then the runs in the order given; or by the column that it names.

    Raises `UnknownName` for a task or reference model that the board names and nobody knows.
    """
    own = boards.suite(board)
    suite = [task.name for task in own]
    tasks = {task.name: task for task in (*own, *boards.further_tasks(board, refs))}
    columns = boards.columns(board, tasks, refs)
    rows = [_published(entry, columns, tasks, suite, refs) for entry in board.references]
    rows += [_measured(store, columns, tasks, suite) for store in runs]
    if board.order != boards.GIVEN:
        rows.sort(key=lambda row: _height(row, board.order), reverse=True)
    ranked = {column.key: _ranked([row.entries.get(column.key) for row in rows]) for column in columns}
    averages = _ranked([row.average for row in rows])
    verdicts, claims = _verdicts(board, runs, refs, tasks)
    return Leaderboard(
        board=board.name,
        title=board.title,
        columns=tuple(columns),
        rows=tuple(
            LeaderboardRow(
                model=row.model,
                kind=row.kind,
                cells={key: cell for key, column in ranked.items() if (cell := column[i]) is not None},
                average=averages[i],
            )
            for i, row in enumerate(rows)
        ),
        protocol=named.label(chosen) if (chosen := boards.protocol_of(board)) else None,
        verdicts=verdicts,
        claims=claims,
        statements=board.statements,
        note=board.note,
    )


def _height(row: _Row, key: str) -> float:
    entry = row.entries.get(key)
    return -math.inf if entry is None else entry.cell.value


def _ranked(column: Sequence[_Entry | None]) -> list[Cell | None]:
    """The cells of a column with their ranks: those that hold under each reading, if there are two to rank."""
    readings = [entry.readings for entry in column if entry is not None and entry.readings is not None]
    if len(readings) < 2:
        return [None if entry is None else entry.cell for entry in column]
    # Published scores are the same under each reading: a column of nothing else is ranked once.
    distinct = dict.fromkeys(zip(*readings, strict=True))
    found = [ranks.rank_intervals(contenders, _ALPHA) for contenders in distinct]
    spans = iter([(min(best for best, _ in r), max(worst for _, worst in r)) for r in zip(*found, strict=True)])
    cells: list[Cell | None] = []
    for entry in column:
        if entry is None or entry.readings is None:
            cells.append(None if entry is None else entry.cell)
        else:
            cells.append(replace(entry.cell, rank=next(spans)))
    return cells


# --- published rows --------------------------------------------------------------------------


def _published(
    entry: BoardReference,
    columns: Sequence[Column],
    tasks: Mapping[str, TaskSpec],
    suite: Sequence[str],
    refs: Sequence[Reference],
) -> _Row:
    model = references.resolve_model(refs, entry.model)
    own = [ref for ref in refs if ref.model == model]
    entries = {}
    for column in columns:
        records = _records(own, column, entry.variant)
        if records:
            entries[column.key] = _published_entry(records[0], records[1:], tasks.get(column.task or ""))
    cells = [found.cell for found in entries.values()]
    kind = PUBLISHED
    if cells and all(cell.error_bar == "exact" for cell in cells):
        kind = BASELINE
    elif cells and all(cell.claim for cell in cells):
        kind = CLAIM
    label = replace(entry, model=model).label
    return _Row(model=label, kind=kind, entries=entries, average=_average(entries, suite))


def _records(own: Sequence[Reference], column: Column, effort: str | None) -> list[Reference]:
    """What was published for a cell, the default first; of one reasoning effort."""
    wanted = []
    for ref in own:
        of_column = references.stem(ref) == column.benchmark or (column.task is not None and ref.task == column.task)
        variant, given = references.split_variant(ref.variant)
        alike = (variant, ref.measures, ref.unit) == (column.variant, column.measures, column.unit)
        if of_column and alike:
            wanted.append((ref, given))
    for choice in references.IMPLIED_EFFORTS if effort is None else (effort,):
        found = [ref for ref, given in wanted if given == choice]
        if found:
            return sorted(found, key=lambda ref: not ref.default)
    return []


def _published_entry(ref: Reference, others: Sequence[Reference], task: TaskSpec | None) -> _Entry:
    n_items = ref.size
    is_mean = ref.measures == MEAN
    se = reference_se(ref) if is_mean else None
    fields: tuple[str, ...] = ()
    fatal: tuple[str, ...] = ()
    if task is not None and not ref.exact:
        fields, fatal = _standing(run_and_reference(task, Items.of_benchmark(task), ref))
    k_open = () if ref.exact or ref.samples is not None else (f"k {ref.samples_note or 'not stated'}",)
    cell = Cell(
        value=ref.value,
        metric=ref.metric,
        error_bar="exact" if ref.exact else "unknown" if se is None else "assumed",
        se=None if se is None else 100 * se,
        interval=None,
        population_interval=None,
        n_items=n_items,
        samples=ref.samples,
        date=ref.date,
        source=ref.source,
        record=ref.id,
        version=ref.version,
        claim=_is_claim(ref),
        informal=fields,
        not_comparable=fatal,
        others=tuple(_other(other) for other in others),
        notes=(ref.reported_by, *k_open),
    )
    if not is_mean or fatal:
        return _Entry(cell=cell, readings=None)
    trials = None if n_items is None else n_items * (ref.samples or 1)
    contender = ranks.exact(ref.value / 100) if ref.exact else ranks.published(ref.value / 100, trials)
    return _Entry(cell=cell, readings=(contender, contender, contender))


def _standing(mismatches: Sequence[Mismatch]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(fields that make a comparison informal, why there can be none)."""
    major = tuple(m.field + (" (not stated)" if m.unstated else "") for m in mismatches if m.severity is Severity.MAJOR)
    return major, tuple(m.note for m in mismatches if m.severity is Severity.FATAL)


def _is_claim(ref: Reference) -> bool:
    """A vendor's own number of which nothing is stated that somebody else could repeat."""
    stated = (ref.temperature, ref.top_p, ref.max_tokens, ref.samples, ref.samples_note, ref.shots, ref.prompt_digest)
    silent = all(value is None for value in stated) and ref.system_prompt is None and not ref.not_sent
    return ref.reported_by.startswith(_VENDOR) and silent


def _other(ref: Reference) -> OtherValue:
    return OtherValue(
        record=ref.id,
        value=ref.value,
        metric=ref.metric,
        version=ref.version,
        reported_by=ref.reported_by,
        source=ref.source,
        date=ref.date,
        reason=ref.reason,
    )


# --- measured rows ---------------------------------------------------------------------------


def _measured(store: RunStore, columns: Sequence[Column], tasks: Mapping[str, TaskSpec], suite: Sequence[str]) -> _Row:
    specs = {task.name: task for task in store.record.spec.tasks}
    keys = {column.task: column.key for column in columns if column.task is not None}
    entries = {
        keys[found.task]: entry
        for found in summarize(store).tasks
        if found.task in keys
        and (entry := _measured_entry(store, found, specs[found.task], tasks[found.task])) is not None
    }
    model = store.record.spec.model.name
    return _Row(model=model, kind=MEASURED, entries=entries, average=_average(entries, suite))


def _measured_entry(store: RunStore, found: TaskSummary, spec: TaskSpec, yardstick: TaskSpec) -> _Entry | None:
    if found.estimate is None:
        return None
    record, head = store.record, found.estimate.headline
    notes = [found.rounds.in_words, *found.audit] if found.rounds else list(found.audit)
    not_scored = {name: n for name, n in found.statuses.items() if name != "scored"}
    notes += [f"{n} samples {name}" for name, n in not_scored.items()]
    samples = found.rounds.counted if found.rounds else spec.samples
    informal, fatal = _standing(_against_board(store, found, spec, yardstick))
    cell = Cell(
        value=100 * head.value,
        metric=head.metric,
        error_bar="measured",
        se=100 * head.benchmark.se,
        interval=_percent(head.benchmark),
        population_interval=_percent(head.population),
        n_items=head.n_items,
        samples=samples,
        date=record.created[:10],
        source=f"run {record.id}",
        run=record.id,
        version=record.spec.model.name,
        informal=informal,
        not_comparable=fatal,
        samples_owed=0 if found.rounds else found.samples_owed,
        samples_planned=None if found.rounds else spec.samples * record.n_items[spec.name],
        notes=tuple(notes),
    )
    if fatal:  # it is no place in this column
        return _Entry(cell=cell, readings=None)
    return _Entry(cell=cell, readings=_readings(head, found.estimate.as_wrong, found.estimate.excluded))


def _against_board(store: RunStore, found: TaskSummary, spec: TaskSpec, yardstick: TaskSpec) -> list[Mismatch]:
    """Where a run departs from what the board declares for a task."""
    own = list(item_mismatches(spec, items_of(store, found)))
    settings = diff(of_task(spec, model=store.record.spec.model), of_task(yardstick, model=store.record.spec.model))
    return [*(m for m in settings if m.field != "items"), *own]


def _readings(headline: Estimate, as_wrong: Estimate, excluded: Estimate | None) -> _Readings:
    """Without a single scored sample, leaving out those without a score leaves nothing: then anything is possible."""
    left_out = ranks.published(headline.value, None) if excluded is None else ranks.measured(excluded)
    return ranks.measured(headline), ranks.measured(as_wrong), left_out


def _average(entries: Mapping[str, _Entry], tasks: Sequence[str]) -> _Entry | None:
    """The mean over all tasks of the board, each with the same weight, if there are two or more and none is missing."""
    if len(tasks) < 2 or any(task not in entries or entries[task].readings is None for task in tasks):
        return None
    found = [entries[task] for task in tasks]
    cells = [entry.cell for entry in found]
    errors = [cell.se for cell in cells if cell.se is not None]
    parts = [e.readings for e in found if e.readings is not None]
    first, second, third = (ranks.average(scores) for scores in zip(*parts, strict=True))
    intervals = [cell.interval for cell in cells if cell.interval is not None]
    populations = [cell.population_interval for cell in cells if cell.population_interval is not None]
    values = [cell.value for cell in cells]
    kinds = {cell.error_bar for cell in cells}
    kind = "unknown" if "unknown" in kinds else "mixed" if len(kinds) > 1 else cells[0].error_bar
    cell = Cell(
        value=sum(values) / len(tasks),
        metric=f"mean of {len(tasks)} tasks",
        error_bar=kind,
        se=math.hypot(*errors) / len(tasks) if len(errors) == len(tasks) else None,
        interval=_average_interval(values, intervals) if len(intervals) == len(tasks) else None,
        population_interval=_average_interval(values, populations) if len(populations) == len(tasks) else None,
        n_items=None,
        samples=None,
        date=None,
        source=f"mean of the {len(tasks)} tasks of the board",
    )
    return _Entry(cell=cell, readings=(first, second, third))


def _average_interval(values: Sequence[float], intervals: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """`ranks.average_interval` of percentages: it tells an unknown score by its range from 0 to 1."""
    low, high = ranks.average_interval([v / 100 for v in values], [(a / 100, b / 100) for a, b in intervals])
    return 100 * low, 100 * high


def _percent(bar: ErrorBar) -> tuple[float, float]:
    return 100 * bar.interval.low, 100 * bar.interval.high


# --- verdicts --------------------------------------------------------------------------------


def _verdicts(
    board: Board, runs: Sequence[RunStore], refs: Sequence[Reference], tasks: Mapping[str, TaskSpec]
) -> tuple[tuple[BoardVerdict, ...], tuple[BoardClaim, ...]]:
    """Of every run against the models that the board asks verdicts for, with the margins that the run declared."""
    verdicts: list[BoardVerdict] = []
    claims: list[BoardClaim] = []
    for store in runs:
        compared = [c for c in compare_store(store, board.rivals, refs) if c.task in tasks]
        unknown = without_record(compared)
        found = [c for c in compared if c.model not in unknown]
        model, run = store.record.spec.model.name, store.record.id
        for c in found:
            gap = c.verdict.difference
            verdicts.append(
                BoardVerdict(
                    model=model,
                    run=run,
                    column=c.task,
                    reference=c.model,
                    outcome=c.verdict.outcome,
                    informal=c.verdict.informal,
                    difference=None if gap is None else 100 * gap.value,
                    interval=None if gap is None else (100 * gap.interval.low, 100 * gap.interval.high),
                    margin=100 * c.verdict.margin,
                    sentence=c.verdict.sentence,
                )
            )
        missing = [entry.task for entry in board.tasks if entry.task not in {c.task for c in found}]
        shown = {claim.model: claim.claim for claim in suite_claims(found)}
        for reference in dict.fromkeys(c.model for c in found):
            claim = shown.get(reference)
            parts = [claim.sentence] if claim else []
            if missing:
                parts.append(f"Nothing is shown for the whole board: {', '.join(missing)} not run.")
            on_all = claim is not None and claim.on_all and not missing
            if parts:
                claims.append(
                    BoardClaim(model=model, run=run, reference=reference, on_all=on_all, sentence=" ".join(parts))
                )
    return tuple(verdicts), tuple(claims)
