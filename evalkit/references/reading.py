"""One reference file -> its records and everything that is wrong with it.

Problems are collected, not raised: who loads the registry stops at the first, who validates a file sees all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evalkit import resources
from evalkit.errors import TaskError, nearest
from evalkit.references.fields import FIELDS, count, text
from evalkit.types import Reference
from evalkit.yamlfile import Document

HEAD = ("benchmark", "task", "items", "note", "records")
Cell = tuple[str, str, str | None]
"""(model, measures, variant): records of one cell contradict each other where their values differ."""

_NOT_A_MEAN = re.compile(
    r"\b(cons|maj|majority|best)@|\bpass@(?!1\b)|re-?rank|rating|percentile|win-rate|\belo\b|\bF1\b",
    re.IGNORECASE,
)
_MEAN = re.compile(r"^(pass@1\b|accuracy|EM$)", re.IGNORECASE)


def read_document(
    doc: Document, stem: str, before: Sequence[Reference] = ()
) -> tuple[list[Reference], list[TaskError]]:
    """The sound records of a file, and its problems in the order of the file.

    `before`: records of the same benchmark in earlier folders; their ids are taken, their defaults count.
    """
    problems = list(_head_problems(doc))
    rows = doc.data.get("records")
    if not isinstance(rows, list):
        return [], problems
    sound_head = not problems
    refs: dict[int, Reference] = {}
    for number, row in enumerate(rows):
        found = list(row_problems(doc, row, f"records.{number}."))
        if sound_head and not found:
            refs[number] = _reference(doc, row, stem)
        problems += found
    problems += _repeated_ids(doc, refs, before)
    problems += _default_problems(doc, refs, before if len(refs) == len(rows) else None)
    return list(refs.values()), problems


def cell_of(ref: Reference) -> Cell:
    """Model, what is measured, variant."""
    return ref.model, ref.measures, ref.variant


def _head_problems(doc: Document) -> Iterator[TaskError]:
    yield from _unknown_keys(doc, doc.data, HEAD, "")
    for key in HEAD:
        if key not in doc.data:
            if key != "note":
                hint = "; write null if there is none" if key in ("task", "items") else ""
                yield doc.error(key, "missing" + hint)
            continue
        value = doc.data[key]
        if key == "records":
            if not isinstance(value, list) or not value:
                yield doc.error(key, "must be a list of records")
        elif not (value is None and key != "benchmark"):
            complaint = count(value) if key == "items" else text(value)
            if complaint:
                yield doc.error(key, f"{complaint}, not {value!r}")


def _unknown_keys(
    doc: Document, mapping: Mapping[str, Any], allowed: Iterable[str], prefix: str
) -> Iterator[TaskError]:
    for key in mapping:
        try:
            doc.check_keys({key: None}, set(allowed), prefix)
        except TaskError as problem:
            yield problem


def row_problems(doc: Document, row: Any, prefix: str) -> Iterator[TaskError]:
    """What is wrong with one record in itself; `prefix` is put before the names of its fields."""
    if not isinstance(row, dict):
        yield doc.error(prefix.rstrip("."), "must be a mapping of keys")
        return
    yield from _unknown_keys(doc, row, FIELDS, prefix)
    sound = set()
    for name, field in FIELDS.items():
        if name not in row:
            if field.required:
                hint = "; write null if the source has none" if field.nullable else ""
                yield doc.error(f"{prefix}{name}", "missing" + hint)
        elif complaint := field.complaint(row[name]):
            yield doc.error(f"{prefix}{name}", complaint)
        else:
            sound.add(name)
    if {"measures", "metric", "unit", "value"} <= sound:
        yield from _measure_problems(doc, row, prefix)
    if row.get("follows") and "follows" in sound:
        yield from _protocol_problems(doc, row["follows"], f"{prefix}follows")
    if row.get("per_item") and "per_item" in sound:
        yield from _per_item_problems(doc, row["per_item"], f"{prefix}per_item")


def _measure_problems(doc: Document, row: Mapping[str, Any], prefix: str) -> Iterator[TaskError]:
    """A value in percent is one, and the metric's name agrees with what the record says it measures."""
    measures, metric = row["measures"], row["metric"]
    if row["unit"] == "%" and not 0 <= row["value"] <= 100:
        yield doc.error(f"{prefix}value", f"must be between 0 and 100 for '%', not {row['value']}")
    if measures != "other" and row["unit"] != "%":
        yield doc.error(f"{prefix}unit", f"must be '%' for {measures}; ratings and counts measure 'other'")
    if measures == "mean_accuracy" and _NOT_A_MEAN.search(metric):
        yield doc.error(f"{prefix}measures", f"{metric!r} is not a mean accuracy")
    if measures in ("majority", "pass_at_k") and _MEAN.search(metric):
        yield doc.error(f"{prefix}measures", f"{metric!r} is a mean accuracy, not {measures}")


def _protocol_problems(doc: Document, name: str, path: str) -> Iterator[TaskError]:
    folder = resources.folder("leaderboards") / "protocols"
    known = [file.stem for file in folder.glob("*.yaml")]
    if known and name not in known:
        close = nearest(name, known)
        hint = f"did you mean {', '.join(close)}?" if close else f"known: {', '.join(sorted(known))}"
        yield doc.error(path, f"unknown protocol {name!r}; {hint}")


def _per_item_problems(doc: Document, name: str, path: str) -> Iterator[TaskError]:
    """The file is only looked for: reading it waits until somebody needs it."""
    if Path(name).is_absolute() or ".." in Path(name).parts:
        yield doc.error(path, f"must be a path below {Path(doc.file).parent}, not {name!r}")
    elif not (Path(doc.file).parent / name).is_file():
        yield doc.error(path, f"no such file: {Path(doc.file).parent / name}")


def _reference(doc: Document, row: Mapping[str, Any], stem: str) -> Reference:
    values: dict[str, Any] = {
        name: row.get(name) for name in FIELDS if name not in ("id", "title", "default", "exact", "not_sent")
    }
    values["value"] = float(row["value"])
    return Reference(
        **values,
        id=f"{stem}/{row['id']}",
        model_title=row["title"],
        benchmark=doc.data["benchmark"],
        task=doc.data["task"],
        benchmark_items=doc.data["items"],
        benchmark_note=doc.data.get("note"),
        not_sent=tuple(row.get("not_sent") or ()),
        default=bool(row.get("default")),
        exact=bool(row.get("exact")),
    )


def _repeated_ids(doc: Document, refs: Mapping[int, Reference], before: Sequence[Reference]) -> Iterator[TaskError]:
    earlier = {ref.id for ref in before}
    seen: set[str] = set()
    for number, ref in refs.items():
        name = ref.id.partition("/")[2]
        if ref.id in earlier:
            yield doc.error(f"records.{number}.id", f"{name!r} is a record of an earlier folder already")
        elif ref.id in seen:
            yield doc.error(f"records.{number}.id", f"{name!r} is given twice")
        seen.add(ref.id)


def _default_problems(
    doc: Document, refs: Mapping[int, Reference], before: Sequence[Reference] | None
) -> Iterator[TaskError]:
    """At most one default per cell, and exactly one where the cell is a mean accuracy.

    `before=None`: some records could not be read, so nothing is known to be missing.
    """
    first: dict[Cell, int] = {}
    chosen: dict[Cell, str] = {}
    for number, ref in refs.items():
        cell = cell_of(ref)
        first.setdefault(cell, number)
        if ref.default and chosen.setdefault(cell, ref.id) != ref.id:
            rival = chosen[cell].partition("/")[2]
            yield doc.error(f"records.{number}.default", f"{rival!r} is already the default of {_name(cell)}")
    if before is None:
        return
    settled = chosen.keys() | {cell_of(ref) for ref in before if ref.default}
    for cell, number in first.items():
        if cell[1] == "mean_accuracy" and cell not in settled:
            yield doc.error(f"records.{number}.default", f"missing: mark one record as the default of {_name(cell)}")


def _name(cell: Cell) -> str:
    return ", ".join(part for part in cell if part)
