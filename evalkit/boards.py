"""Boards: `leaderboards/boards/<name>.yaml`. A board is also the suite that fills it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from evalkit import resources
from evalkit.codec import convert
from evalkit.errors import UnknownName, UsageError
from evalkit.types import Board, BoardTask
from evalkit.yamlfile import Document, load

_KEYS = {"title", "tasks", "references", "note"}
_TASK_KEYS = {"task", "margin", "alpha", "samples"}


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
            raise UsageError(f"--board {name}: a board file ends in .yaml")
        raise UnknownName("board", name, names(), "boards: " + ", ".join(names()))
    return _parse(load(path), path.stem)


def _parse(doc: Document, name: str) -> Board:
    doc.check_keys(doc.data, _KEYS)
    rows = doc.data.get("tasks")
    if not isinstance(rows, list) or not rows:
        raise doc.error("tasks", "must be a list of tasks")
    tasks = tuple(_task(doc, row, f"tasks.{i}") for i, row in enumerate(rows))
    references = doc.data.get("references") or []
    if not isinstance(references, list) or not all(isinstance(r, str) for r in references):
        raise doc.error("references", "must be a list of model names")
    title, remark = doc.data.get("title", name), doc.data.get("note", "")
    return Board(name=name, title=str(title), tasks=tasks, references=tuple(references), note=str(remark))


def _task(doc: Document, row: object, field: str) -> BoardTask:
    if isinstance(row, str):
        return BoardTask(task=row)
    if not isinstance(row, dict):
        raise doc.error(field, "must be a task name or a mapping")
    doc.check_keys(row, _TASK_KEYS, f"{field}.")
    for key in ("margin", "alpha"):
        if key in row and not (isinstance(row[key], float) and 0 < row[key] < 1):
            raise doc.error(f"{field}.{key}", "must be a fraction between 0 and 1")
    try:
        return convert(row, BoardTask)
    except msgspec.ValidationError as fault:
        raise doc.error(field, str(fault)) from None
