"""Writing reference files: records are added to the text of a file, whose comments and formatting stay.

Policy: the new file is checked as part of the whole registry before it takes the old one's place, so that nothing
that could not be read is ever written. A published value is never changed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.errors import TaskError, UnknownName, UsageError, WriteFailed
from evalkit.files import write_file
from evalkit.references.fields import FIELDS, count
from evalkit.references.folders import FOLDERS_VARIABLE, Registry, folders_with, further, reference_files, shipped
from evalkit.references.item_results import PerItem, results_text
from evalkit.references.lookup import stem
from evalkit.references.reading import row_problems
from evalkit.types import Reference, TaskSpec
from evalkit.yamlfile import Document, load

_STEM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """The benchmark that records belong to: a file's stem and its head."""

    stem: str
    benchmark: str
    task: str | None
    items: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Records to add, and where they belong."""

    home: Home
    rows: tuple[Mapping[str, Any], ...]


def rows_of_file(path: Path, refs: Sequence[Reference], tasks: Mapping[str, TaskSpec]) -> Rows:
    """One record with `benchmark`, `task` and `items` beside its fields, or `records:` with these above.

    `benchmark` and `items` may be left out where `task` names a known benchmark or one of `tasks`.
    Raises `TaskError` with file, line and field.
    """
    doc = load(path)
    head = {key: doc.data.get(key) for key in ("benchmark", "task", "items")}
    many = "records" in doc.data
    rows = doc.data["records"] if many else [{key: v for key, v in doc.data.items() if key not in head}]
    if not isinstance(rows, list) or not rows:
        raise doc.error("records", "must be a list of records")
    if many:
        doc.check_keys(doc.data, {*head, "note", "records"})
    for number, row in enumerate(rows):
        for problem in row_problems(doc, row, f"records.{number}." if many else ""):
            raise problem
    try:
        home = home_of(refs, head["task"], head["benchmark"], head["items"], tasks)
    except UsageError as fault:
        raise doc.error("task", str(fault)) from None
    for key, ours in (("benchmark", home.benchmark), ("items", home.items)):
        if head[key] is not None and head[key] != ours:
            raise doc.error(key, f"must be {ours!r} as in the known records of {home.stem}, not {head[key]!r}")
    return Rows(home=home, rows=tuple(rows))


def home_of(
    refs: Sequence[Reference], name: str | None, title: str | None, items: int | None, tasks: Mapping[str, TaskSpec]
) -> Home:
    """The benchmark called `name` (a task or file stem), or else `title`; a new one that is no task needs a title.

    Raises `UsageError` for a name that is neither known nor described.
    """
    known = [r for r in refs if name in (r.task, stem(r))] if name else [r for r in refs if title == r.benchmark]
    if known:
        ref = known[0]
        return Home(stem=stem(ref), benchmark=ref.benchmark, task=ref.task, items=ref.benchmark_items)
    task = tasks.get(name) if name else None
    if task is not None:
        return Home(stem=task.base, benchmark=title or task.title, task=task.base, items=items or task.n_items)
    if title is None or not title.strip():
        if name is None:
            raise UsageError("name the benchmark: a task, or the file of a benchmark without one")
        raise UnknownName(
            "benchmark", name, {r.task or stem(r) for r in refs} | tasks.keys(), "a new one needs its title"
        )
    own = name or re.sub(r"[^a-z0-9]+", "_", title.casefold()).strip("_")
    if not _STEM.fullmatch(own):
        raise UsageError(f"{own!r} is no name for a file of references: use letters, digits and . _ -")
    if items is not None and (complaint := count(items)):
        raise UsageError(f"items {complaint}, not {items!r}")
    return Home(stem=own, benchmark=title, task=None, items=items)


def own_folder(into: Path | None) -> Path:
    """Where new records go: `into`, else the first folder of `EVALKIT_REFERENCES_DIR`; raises `UsageError`."""
    for folder in [into] if into else further():
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"{folder} is no folder")
        return folder
    raise UsageError(f"say where the record goes: --into DIR, or set {FOLDERS_VARIABLE}")


def add_records(folder: Path, home: Home, rows: Sequence[Mapping[str, Any]]) -> Path:
    """Add records to the benchmark's file in `folder`, which is made if there is none; gives the file.

    Raises `TaskError` for what the registry refuses (a repeated id, a second default), `WriteFailed` if the file
    cannot be written.
    """
    path = folder / f"{home.stem}.yaml"
    if path.exists():
        load(path)
        text = path.read_text(encoding="utf-8").rstrip("\n") + "\n\n"
    else:
        head = {"benchmark": home.benchmark, "task": home.task, "items": home.items}
        text = "".join(f"{key}: {_scalar(value)}\n" for key, value in head.items()) + "records:\n"
    text += "\n".join(_record_text(row, "  - ") for row in rows)
    _replace(path, text, {str(row["id"]): row for row in rows})
    return path


def add_results(folder: Path, home: Home, row: Mapping[str, Any], results: PerItem) -> Path:
    """Add a record with its results item by item; gives the file of results."""
    name = results_name(home, str(row["id"]))
    with _NewFile(folder / name, results_text(results)):
        add_records(folder, home, [{**row, "per_item": name}])
    return folder / name


def attach_results(path: Path, name: str, results: PerItem, note: str | None, *, replace: bool = False) -> Path:
    """Give an existing record of a reference file its results item by item; its value stays as published.

    Raises `UsageError` if it has results already and `replace` is not set, or more results than items.
    """
    doc = load(path)
    row = next(r for r in doc.data["records"] if r["id"] == name)
    most = row.get("n_items") or doc.data["items"]
    if most is not None and len(results.ids) > most:
        raise UsageError(f"{path.stem}/{name} has {most} items, and these are results of {len(results.ids)}")
    if row.get("per_item") and not replace:
        raise UsageError(f"{path.stem}/{name} has results in {row['per_item']} already; --replace puts these there")
    if row.get("per_item"):
        if note:
            raise UsageError(f"{path.stem}/{name} has a per_item_note in {path}: edit it there, and leave out --note")
        target = path.parent / str(row["per_item"])
        write_whole(target, results_text(results))
        return target
    where = f"per_item/{path.stem}/{name}.jsonl"
    added = {"per_item": where} | ({"per_item_note": note} if note and not row.get("per_item_note") else {})
    with _NewFile(path.parent / where, results_text(results)):
        _replace(path, _with_fields(doc, name, added), {name: {**row, **added}})
    return path.parent / where


def results_name(home: Home, record: str) -> str:
    """File of a record's results, below the folder of the reference files."""
    return f"per_item/{home.stem}/{record}.jsonl"


class _NewFile:
    """A file written first and taken away again if what depends on it fails."""

    def __init__(self, path: Path, text: str) -> None:
        self._path, self._text = path, text

    def __enter__(self) -> None:
        if self._path.exists():
            raise UsageError(f"{self._path} exists, but no record names it; move it away first")
        write_whole(self._path, self._text)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._path.unlink(missing_ok=True)


def write_whole(path: Path, text: str) -> None:
    """Write a file whole or not at all, in a folder that is made if there is none; raises `WriteFailed`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise WriteFailed(f"cannot write {path}: {fault.strerror}") from None
    write_file(path, text)


def _replace(path: Path, text: str, wanted: Mapping[str, Mapping[str, Any]]) -> None:
    """Put the new text in place if the registry takes it and it says what is wanted, and nothing else is changed."""
    part = path.with_name(f".{path.name}.new")
    try:
        write_whole(part, text)
        try:
            data = load(part).data
        except TaskError:
            data = {}
        held = {row["id"]: row for row in data.get("records", ()) if isinstance(row, dict) and "id" in row}
        if any(held.get(name) != row for name, row in wanted.items()):
            raise TaskError("its layout cannot be added to by a program; write the record by hand", file=str(path))
        _check(Document(str(path), data, {}))
        try:
            part.replace(path)
        except OSError as fault:
            raise WriteFailed(f"cannot write {path}: {fault.strerror}") from None
    finally:
        part.unlink(missing_ok=True)


def _check(new: Document) -> None:
    """Read the registry with `new` in the place of the file that it is to replace; raises the first problem."""
    own = Path(new.file)
    registry = Registry()
    for folder in (shipped(), *folders_with(own.parent)):
        files = [file for file in reference_files(folder) if file.resolve() != own.resolve()]
        docs = [load(file) for file in files] + ([new] if folder.resolve() == own.parent.resolve() else [])
        for doc in docs:
            for problem in registry.add(doc):
                raise problem


def _with_fields(doc: Document, name: str, added: Mapping[str, Any]) -> str:
    """The text of a file with further fields at the end of one record."""
    lines = Path(doc.file).read_text(encoding="utf-8").splitlines()
    place = next(i for i, row in enumerate(doc.data["records"]) if row["id"] == name)
    first = doc.lines[f"records.{place}"] - 1
    later = [line - 1 for line in doc.lines.values() if line - 1 > first]
    inside = [doc.lines[f"records.{place}.{key}"] - 1 for key in doc.data["records"][place]]
    end = min((line for line in later if line > max(inside)), default=len(lines))
    while end > first + 1 and (not lines[end - 1].strip() or lines[end - 1].lstrip().startswith("#")):
        end -= 1
    mark = re.match(r"\s*- +", lines[first])
    indent = " " * len(mark.group()) if mark else ""
    return "\n".join([*lines[:end], *(f"{indent}{k}: {_scalar(v)}" for k, v in added.items()), *lines[end:]]) + "\n"


def _record_text(row: Mapping[str, Any], bullet: str) -> str:
    """One record, a field a line, in the order of `FIELDS`."""
    given = [f"{name}: {_scalar(row[name])}\n" for name in FIELDS if name in row]
    return bullet + (" " * len(bullet)).join(given)


def _scalar(value: Any) -> str:
    import yaml

    text: str = yaml.safe_dump(value, allow_unicode=True, default_flow_style=True, width=10**6)
    return text.removesuffix("\n").removesuffix("\n...")
