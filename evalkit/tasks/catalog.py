"""Which tasks exist: the shipped folder plus folders named by the user. A broken file is listed as broken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evalkit import resources
from evalkit.errors import TaskError, UnknownName, UsageError
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
    """The task called `name`, or the file at that path; raises `UnknownName` or the file's `TaskError`."""
    return load_task(Path(name)) if _is_path(name) else pick(scan(folders), name)


def pick(entries: Sequence[Entry], name: str) -> TaskSpec:
    """`find` among entries that have been scanned."""
    if _is_path(name):
        return load_task(Path(name))
    for entry in entries:
        if entry.task and entry.task.name == name:
            return entry.task
    for entry in entries:
        if entry.problem and entry.file.stem == name.rpartition("/")[2]:
            raise entry.problem
    broken = sum(e.task is None for e in entries)
    hint = f"{broken} task files are broken, see: evalkit tasks validate" if broken else ""
    raise UnknownName("task", name, [e.task.name for e in entries if e.task], hint)


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
        if entry.task and entry.task.name in seen:
            first = seen[entry.task.name]
            problem = TaskError(
                f"task name {entry.task.name!r} is taken by {first}", file=str(entry.file), field="task"
            )
            entry = Entry(entry.file, None, problem)
        elif entry.task:
            seen[entry.task.name] = entry.file
        result.append(entry)
    return result
