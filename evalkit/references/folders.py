"""The folders of reference files: the shipped one, then those of `EVALKIT_REFERENCES_DIR` in their order.

Policy: a file of a further folder with the stem of an earlier one extends that benchmark. It must agree on which
benchmark it is; it may not take an id again; its defaults take the place of earlier ones of the same cell. Nothing
else of an earlier folder can be changed.
"""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from evalkit import resources
from evalkit.errors import TaskError
from evalkit.references.item_results import read_results
from evalkit.references.reading import cell_of, read_document
from evalkit.types import Reference
from evalkit.yamlfile import Document, load

FOLDERS_VARIABLE = "EVALKIT_REFERENCES_DIR"


def shipped() -> Path:
    """The folder that comes with evalkit."""
    return resources.folder("leaderboards") / "references"


def further() -> list[Path]:
    """Folders of the user: those named in `EVALKIT_REFERENCES_DIR`."""
    return [Path(name) for name in os.environ.get(FOLDERS_VARIABLE, "").split(os.pathsep) if name]


def folders_with(folder: Path) -> list[Path]:
    """The folders of the user and `folder`, which is written to and need not exist yet."""
    others = [path for path in further() if path.is_dir() or path.resolve() != folder.resolve()]
    taken = {path.resolve() for path in (shipped(), *others)}
    return others if folder.resolve() in taken or not folder.is_dir() else [*others, folder]


def load_references(folders: Sequence[Path] | None = None) -> list[Reference]:
    """Every record of the shipped folder and of `folders`, by default those of `EVALKIT_REFERENCES_DIR`.

    Raises `TaskError` with file, line and field. Results item by item are not read (`per_item`).
    """
    return read_folders([shipped(), *(further() if folders is None else folders)])


def read_folders(folders: Iterable[Path]) -> list[Reference]:
    """Every record of these folders and no others, in file order."""
    files = [path.resolve() for folder in folders for path in reference_files(folder)]
    return list(_read(tuple((path, (stat := path.stat()).st_mtime_ns, stat.st_size) for path in files)))


@functools.lru_cache(maxsize=4)
def _read(files: tuple[tuple[Path, int, int], ...]) -> tuple[Reference, ...]:
    """The records of files as they are now (path, time of change, size): a command asks for them more than once."""
    registry = Registry()
    for path, _, _ in files:
        for problem in registry.add(load(path)):
            raise problem
    return tuple(registry.refs)


def reference_files(folder: Path) -> list[Path]:
    """The files of a folder; raises `TaskError` if there is none."""
    if not folder.is_dir():
        raise TaskError("no such folder of reference files", file=str(folder))
    return sorted(folder.glob("*.yaml"))


class Registry:
    """Records as they are read, file by file."""

    def __init__(self) -> None:
        self.refs: list[Reference] = []
        self._owners: dict[str, Document] = {}

    def add(self, doc: Document) -> list[TaskError]:
        """Take in one file; says what is wrong with it. Its sound records count even so."""
        stem = Path(doc.file).stem
        before = [ref for ref in self.refs if ref.id.startswith(f"{stem}/")]
        refs, problems = read_document(doc, stem, before)
        problems = self._disagreements(doc, stem) + problems
        replaced = {cell_of(ref) for ref in refs if ref.default}
        for place, ref in enumerate(self.refs):
            if ref.default and ref.id.startswith(f"{stem}/") and cell_of(ref) in replaced:
                self.refs[place] = dataclasses.replace(ref, default=False)
        own = Path(doc.file).parent
        if own.resolve() != shipped().resolve():
            refs = [_with_own_results(ref, own.absolute()) for ref in refs]
        self.refs += refs
        return problems

    def _disagreements(self, doc: Document, stem: str) -> list[TaskError]:
        task = doc.data.get("task")
        if isinstance(task, str):
            owner = self._owners.setdefault(f"task {task}", doc)
            if Path(owner.file).stem != stem:
                return [doc.error("task", f"{task!r} already belongs to {owner.file}: one file per benchmark")]
        first = self._owners.setdefault(stem, doc)
        return [
            doc.error(key, f"must be {first.data.get(key)!r} as in {first.file}, not {doc.data.get(key)!r}")
            for key in ("benchmark", "task", "items")
            if doc.data.get(key) != first.data.get(key)
        ]


def _with_own_results(ref: Reference, folder: Path) -> Reference:
    return ref if ref.per_item is None else dataclasses.replace(ref, per_item=str(folder / ref.per_item))


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One file and all that is wrong with it."""

    file: Path
    n_records: int
    problems: tuple[TaskError, ...]


def check_files(paths: Sequence[Path] = ()) -> list[Checked]:
    """Check files or folders with all they hold, results item by item included; without `paths`, all known folders.

    Files outside the shipped folder are checked as extensions of it.
    """
    files: list[Path] = []
    for path in paths or (shipped(), *further()):
        files += [path] if path.is_file() else reference_files(path)
    registry = Registry()
    named = {file.resolve() for file in files}
    if all(file.parent.resolve() != shipped().resolve() for file in files):
        for file in reference_files(shipped()):
            if file.resolve() not in named:
                registry.add(load(file))
    return [_checked(registry, file) for file in files]


def _checked(registry: Registry, file: Path) -> Checked:
    try:
        doc = load(file)
    except TaskError as problem:
        return Checked(file=file, n_records=0, problems=(problem,))
    before = len(registry.refs)
    problems = registry.add(doc)
    rows = doc.data.get("records")
    places = {row.get("id"): i for i, row in enumerate(rows) if isinstance(row, dict)} if isinstance(rows, list) else {}
    for ref in registry.refs[before:]:
        try:
            results = read_results(file.parent / ref.per_item) if ref.per_item else None
        except TaskError as problem:
            problems.append(problem)
            continue
        most = ref.size
        if results is not None and most is not None and len(results.ids) > most:
            path = f"records.{places[ref.id.partition('/')[2]]}.per_item"
            problems.append(doc.error(path, f"holds {len(results.ids)} items, the record has {most}"))
    n_records = len(rows) if isinstance(rows, list) else 0
    in_order = sorted(problems, key=lambda problem: problem.line or 0)
    return Checked(file=file, n_records=n_records, problems=tuple(in_order))
