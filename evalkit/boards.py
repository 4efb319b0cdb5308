"""Boards: `leaderboards/boards/<name>.yaml`. A board is also the suite that fills it.

title: Parity with o1 and DeepSeek R1
protocol: deepseek-r1       named protocol of the suite; every row is held against it
tasks:                      what `evalkit run --suite` runs, each with a column
  - {task: aime24, margin: 0.05, alpha: 0.05, samples: 64, group: Mathematics}
columns:                    further columns: published numbers, and runs of their tasks; no part of the suite
  - {benchmark: aime24, measures: majority, title: AIME 2024 cons@64, group: Mathematics}
  - {benchmark: livecodebench, variant: 2024-08..2025-01, group: Code}
references:                 rows of published models
  - o1
  - {model: o3-mini, variant: high}
against: [o1, deepseek-r1]  those that a run gets verdicts against; default all
order: aime24               rows by this column, best first; default as given
statements:                 what was said of a model without a number for a column
  - {model: spark-x1, statement: ..., reported_by: ..., source: ..., date: ...}
note: ...
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from evalkit import references, resources
from evalkit.codec import convert
from evalkit.errors import UnknownName, UsageError, nearest
from evalkit.protocols import named
from evalkit.tasks import catalog, windows
from evalkit.types import (
    Board,
    BoardColumn,
    BoardReference,
    BoardTask,
    Column,
    NamedProtocol,
    Reference,
    Statement,
    TaskSpec,
)
from evalkit.yamlfile import Document, load

GIVEN = "given"
MEAN = "mean_accuracy"
_KEYS = {"title", "protocol", "tasks", "columns", "references", "against", "order", "statements", "note"}
T = TypeVar("T", BoardTask, BoardColumn, BoardReference, Statement)


def names() -> list[str]:
    """Names of all boards."""
    return sorted(p.stem for p in (resources.folder("leaderboards") / "boards").glob("*.yaml"))


def find(name: str) -> Board:
    """A board by name or path; raises `UnknownName` or `TaskError`."""
    path = (
        Path(name) if name.endswith((".yaml", ".yml")) else resources.folder("leaderboards") / "boards" / f"{name}.yaml"
    )
    if not path.is_file():
        if Path(name).is_file():
            raise UsageError(f"--board {name}: a board file ends in .yaml, an exported board in .json")
        raise UnknownName("board", name, names(), "boards: " + ", ".join(names()))
    return _parse(load(path), path.stem)


def column_key(column: BoardColumn) -> str:
    """`aime24:majority`, `codeforces:other:Elo`, `livecodebench[2024-08..2025-01]`."""
    measures = "" if column.measures == MEAN else f":{column.measures}"
    unit = f":{column.unit}" if column.unit else ""
    return f"{column.benchmark}{measures}{unit}" + (f"[{column.variant}]" if column.variant else "")


def protocol_of(board: Board) -> NamedProtocol | None:
    """The protocol that a board names, if it does."""
    return named.find(board.protocol) if board.protocol else None


def suite(board: Board, folders: Sequence[Path] = (), protocol: NamedProtocol | None = None) -> list[TaskSpec]:
    """The tasks of a board under its protocol (or the one given), with the margins, alphas and k that it declares.

    Raises `TaskError` if the protocol cannot be applied to one of them.
    """
    protocol = protocol or protocol_of(board)
    known = catalog.scan(folders)
    found = []
    for entry in board.tasks:
        task = named.apply(protocol, catalog.pick(known, entry.task))
        given = {key: getattr(entry, key) for key in ("margin", "alpha", "samples") if getattr(entry, key) is not None}
        found.append(dataclasses.replace(task, **given))
    return found


def further_tasks(board: Board, refs: Sequence[Reference], folders: Sequence[Path] = ()) -> list[TaskSpec]:
    """Tasks that measure what a further column shows, under the board's protocol: a run may have them all the same."""
    chosen, known = protocol_of(board), catalog.scan(folders)
    homes = {references.stem(ref): ref.task for ref in refs if ref.task}
    tasks = catalog.by_base(known)
    found: dict[str, TaskSpec] = {}
    for column in board.columns:
        name = _measuring(column, homes)
        task = tasks.get(name.partition(":")[0]) if name else None
        if name is not None and task is not None and (task.window is None) == (":" not in name):
            found[name] = catalog.pick(known, name)
    own = {entry.task for entry in board.tasks}
    return [named.apply(chosen, task) for name, task in found.items() if name not in own]


def _measuring(column: BoardColumn, homes: Mapping[str, str]) -> str | None:
    """The name of a task that measures what a further column shows; `homes`: benchmark -> its task, if it has one.

    A variant that is no window of dates is nothing that a task can be asked for.
    """
    home = homes.get(column.benchmark)
    if home is None or column.measures != MEAN:
        return None
    return home if column.variant is None else windows.name_of(home, column.variant)


def columns(board: Board, tasks: Mapping[str, TaskSpec], refs: Sequence[Reference]) -> list[Column]:
    """The columns of a board: its tasks, then those of published numbers, which `tasks` may measure too."""
    homes = {references.stem(ref): ref.task for ref in refs if ref.task}
    stems = {task: stem for stem, task in homes.items()}
    titles = {references.stem(ref): ref.benchmark for ref in refs}
    found = []
    for entry in board.tasks:
        task = tasks[entry.task]
        found.append(
            Column(
                key=entry.task,
                title=task.title,
                task=entry.task,
                benchmark=stems.get(task.base, task.base),
                variant=str(task.window or ""),
                group=entry.group,
                dataset=task.dataset.path,
                dataset_config=task.dataset.name,
                split=task.dataset.split,
                margin=task.margin,
                alpha=task.alpha,
            )
        )
    for extra in board.columns:
        name = _measuring(extra, homes)
        found.append(
            Column(
                key=column_key(extra),
                title=extra.title or titles[extra.benchmark],
                task=name if name in tasks else None,
                benchmark=extra.benchmark,
                measures=extra.measures,
                unit=extra.unit or "%",
                variant=extra.variant or "",
                group=extra.group,
            )
        )
    return found


def _parse(doc: Document, name: str) -> Board:
    doc.check_keys(doc.data, _KEYS)
    tasks = _with_whole_names(doc, _rows(doc, "tasks", BoardTask, "task"))
    columns = _rows(doc, "columns", BoardColumn, "benchmark")
    if not tasks and not columns:
        raise doc.error("tasks", "missing: a list of tasks (or of columns, for a board that nothing can be run for)")
    board = Board(
        name=name,
        title=doc.text("title") or name,
        tasks=tasks,
        columns=columns,
        references=_rows(doc, "references", BoardReference, "model"),
        against=_names(doc, "against"),
        protocol=doc.text("protocol"),
        order=doc.text("order") or GIVEN,
        statements=_rows(doc, "statements", Statement, None),
        note=doc.text("note") or "",
    )
    _check(doc, board)
    return board


def _with_whole_names(doc: Document, tasks: Sequence[BoardTask]) -> tuple[BoardTask, ...]:
    """Every task by the name that runs have: a window of dates that is left out is the task's own."""
    known, found = catalog.scan(), []
    for i, entry in enumerate(tasks):
        try:
            found.append(dataclasses.replace(entry, task=catalog.pick(known, entry.task).name))
        except UnknownName as fault:
            hint = "; a benchmark without a task stands under `columns`"
            raise doc.error(f"tasks.{i}.task", f"{fault}{hint}") from None
        except UsageError as fault:
            raise doc.error(f"tasks.{i}.task", str(fault)) from None
    return tuple(found)


def _check(doc: Document, board: Board) -> None:
    """Everything a board names exists, and nothing stands in it twice."""
    for i, task in enumerate(board.tasks):
        for key in ("margin", "alpha"):
            value, most = getattr(task, key), 1 if key == "margin" else 0.5
            if value is not None and not 0 < value < most:
                raise doc.error(f"tasks.{i}.{key}", f"must be a fraction between 0 and {most}")
        if task.samples is not None and task.samples < 1:
            raise doc.error(f"tasks.{i}.samples", "must be at least 1")
    refs = references.load_references()
    for i, column in enumerate(board.columns):
        _check_column(doc, f"columns.{i}", column, refs)
    keys = [t.task for t in board.tasks] + [column_key(c) for c in board.columns]
    for i, key in enumerate(keys):
        if key in keys[:i]:
            raise doc.error("columns", f"{key!r} is given twice")
    for i, entry in enumerate(board.references):
        _check_model(doc, f"references.{i}", entry.model, refs)
    for i, model in enumerate(board.against):
        _check_model(doc, f"against.{i}", model, refs)
    try:
        protocol_of(board)
    except UnknownName as fault:
        raise doc.error("protocol", str(fault)) from None
    if board.order not in (GIVEN, *keys):
        raise doc.error("order", f"{board.order!r} is no column; given, {', '.join(keys)}")


def _check_model(doc: Document, field: str, name: str, refs: list[Reference]) -> None:
    try:
        references.resolve_model(refs, name)
    except UnknownName as fault:
        raise doc.error(field, str(fault)) from None


def _check_column(doc: Document, field: str, column: BoardColumn, refs: list[Reference]) -> None:
    stems = sorted({references.stem(ref) for ref in refs})
    if column.benchmark not in stems:
        close = nearest(column.benchmark, stems)
        hint = f"; did you mean {', '.join(close)}?" if close else "; see: evalkit references list --all"
        raise doc.error(f"{field}.benchmark", f"no published numbers of {column.benchmark!r}{hint}")
    if column.measures not in references.MEASURES:
        raise doc.error(f"{field}.measures", f"must be one of {', '.join(references.MEASURES)}")
    if column.measures == "other" and column.unit is None:
        units = sorted({r.unit for r in refs if references.stem(r) == column.benchmark and r.measures == "other"})
        raise doc.error(f"{field}.unit", f"missing: which of {', '.join(units) or 'no such records'}")


def _rows(doc: Document, key: str, kind: type[T], short: str | None) -> tuple[T, ...]:
    """The list under a key; an entry that is only a name stands for `{short: name}`."""
    rows = doc.data.get(key) or []
    if not isinstance(rows, list):
        raise doc.error(key, "must be a list")
    found = []
    for i, row in enumerate(rows):
        row = {short: row} if short and isinstance(row, str) else row
        if not isinstance(row, dict):
            raise doc.error(f"{key}.{i}", "must be a mapping" + (f", or the name of a {short}" if short else ""))
        doc.check_keys(row, set(kind.__dataclass_fields__), f"{key}.{i}.")
        try:
            found.append(convert(row, kind))
        except msgspec.ValidationError as fault:
            raise doc.error(f"{key}.{i}", str(fault)) from None
    return tuple(found)


def _names(doc: Document, key: str) -> tuple[str, ...]:
    value = doc.data.get(key) or []
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise doc.error(key, "must be a list of model names")
    return tuple(value)
