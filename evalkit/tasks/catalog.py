"""Which tasks exist: the shipped folder plus folders named by the user. A broken file is listed as broken.

A task with a window of dates has its default one here; `NAME:FIRST..LAST` finds it on another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evalkit import resources
from evalkit.errors import TaskError, UnknownName, UsageError
from evalkit.tasks import windows
from evalkit.tasks.loader import load_task
from evalkit.types import TaskSpec


@dataclass(frozen=True, slots=True)
class Entry:
    """One task file: its specification, or what is wrong with it."""

    file: Path
    task: TaskSpec | None
    problem: TaskError | None


def scan(folders: Sequence[Path] = ()) -> list[Entry]:
    """Every task file below the shipped folder and `folders`. Files named `_*` are bases for `include`."""
    entries: list[Entry] = []
    for root in (resources.folder("tasks"), *folders):
        if not root.is_dir():
            raise UsageError(f"no such folder of tasks: {root}")
        for file in sorted(root.rglob("*.yaml")):
            if not file.name.startswith("_"):
                entries.append(_entry(file))
    return _refuse_duplicates(entries)


def find(name: str, folders: Sequence[Path] = ()) -> TaskSpec:
    """The task called `name` (`NAME`, `NAME:WINDOW`), or the file at that path.

    Raises `UnknownName`, `UsageError` for a wrong window, or the file's `TaskError`.
    """
    return pick(() if _is_path(name) or _is_path(_split(name)[0]) else scan(folders), name)


def pick(entries: Sequence[Entry], name: str) -> TaskSpec:
    """`find` among entries that have been scanned."""
    base, window = (name, None) if _is_path(name) else _split(name)
    task = load_task(Path(base)) if _is_path(base) else _named(entries, base)
    return task if window is None else windows.within(task, window)


def by_base(entries: Sequence[Entry]) -> dict[str, TaskSpec]:
    """The tasks that are not broken, by the names that their files give them."""
    return {entry.task.base: entry.task for entry in entries if entry.task}


def _named(entries: Sequence[Entry], name: str) -> TaskSpec:
    known = by_base(entries)
    if name in known:
        return known[name]
    for entry in entries:
        if entry.problem and entry.file.stem == name.rpartition("/")[2]:
            raise entry.problem
    broken = sum(e.task is None for e in entries)
    validate, every = "evalkit tasks validate", "evalkit tasks list"
    hint = f"{broken} task files are broken, see: {validate}" if broken else f"all of them: {every}"
    raise UnknownName("task", name, list(known), hint)


def _split(name: str) -> tuple[str, str | None]:
    """Name and window; a colon inside the path of a file is none of ours."""
    base, colon, window = name.rpartition(":")
    return (base, window) if colon else (name, None)


def _is_path(name: str) -> bool:
    return name.endswith((".yaml", ".yml"))


def _entry(file: Path) -> Entry:
    try:
        return Entry(file, load_task(file), None)
    except TaskError as problem:
        return Entry(file, None, problem)


def _refuse_duplicates(entries: list[Entry]) -> list[Entry]:
    seen: dict[str, Path] = {}
    result: list[Entry] = []
    for entry in entries:
        if entry.task and entry.task.base in seen:
            first = seen[entry.task.base]
            problem = TaskError(
                f"task name {entry.task.base!r} is taken by {first}", file=str(entry.file), field="task"
            )
            entry = Entry(entry.file, None, problem)
        elif entry.task:
            seen[entry.task.base] = entry.file
        result.append(entry)
    return result
