"""Known wrong golds: `leaderboards/errata/<task>.yaml` -> `Errata`.

Policy: a correction never touches the stored item, it is applied while grading, and every score that it decides is
marked. Numbers made with corrected golds differ from published ones by a known amount; `--errata off` grades against
the golds as they were published.

    task: svamp             the task whose items these are; also the name of the file
    source: ...             who says so, and where
    items:
      - item: chal-680      the item's id, or `text:` with pieces of its question in their order
        published: "1.0"    the wrong gold; an item with another one is left alone, and the audit says so
        target: "5"         the right one, or `any_of:` several that are all right
        reason: ...
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from evalkit import resources
from evalkit.codec import digest
from evalkit.types import Errata, Erratum, TaskSpec
from evalkit.yamlfile import Document, load

_KEYS = {"task", "source", "items"}
_ITEM_KEYS = {"item", "text", "published", "target", "any_of", "reason"}


def corrected(task: TaskSpec) -> TaskSpec:
    """The task with the corrections that are known for it; raises `TaskError` for a file that is wrong."""
    return dataclasses.replace(task, errata=find(task.base))


def find(task: str, folder: Path | None = None) -> Errata | None:
    """The errata of a task; None if there are none."""
    file = (folder or resources.folder("leaderboards") / "errata") / f"{task}.yaml"
    return load_errata(file) if file.is_file() else None


def load_errata(file: Path) -> Errata:
    """Read one file; raises `TaskError` with file, line and field."""
    doc = load(file)
    doc.check_keys(doc.data, _KEYS)
    task = _text(doc, doc.data, "task")
    if task != file.stem:
        raise doc.error("task", f"the file of the errata of {task} must be called {task}.yaml")
    rows = doc.data.get("items")
    if not isinstance(rows, list) or not rows:
        raise doc.error("items", "must be a list of items")
    items = tuple(_erratum(doc, row, f"items.{i}.") for i, row in enumerate(rows))
    known: set[object] = set()
    for i, erratum in enumerate(items):
        if (erratum.item, erratum.text) in known:
            raise doc.error(f"items.{i}", f"{erratum.name} is corrected twice")
        known.add((erratum.item, erratum.text))
    decides = [[e.item, e.text, e.published, e.targets] for e in items]
    return Errata(task=task, source=_text(doc, doc.data, "source"), digest=digest(decides), items=items)


def _erratum(doc: Document, row: Any, prefix: str) -> Erratum:
    if not isinstance(row, dict):
        raise doc.error(prefix.removesuffix("."), "must be a mapping")
    doc.check_keys(row, _ITEM_KEYS, prefix)
    for one, other in (("item", "text"), ("target", "any_of")):
        if (one in row) == (other in row):
            raise doc.error(prefix.removesuffix("."), f"needs either {one} or {other}")
    erratum = Erratum(
        item=_text(doc, row, "item", prefix) if "item" in row else None,
        text=_texts(doc, row, "text", prefix) if "text" in row else (),
        published=_text(doc, row, "published", prefix),
        targets=_texts(doc, row, "any_of", prefix) if "any_of" in row else (_text(doc, row, "target", prefix),),
        reason=_text(doc, row, "reason", prefix),
    )
    if erratum.targets == (erratum.published,):
        raise doc.error(f"{prefix}target", "is what was published: nothing is corrected")
    return erratum


def _text(doc: Document, row: dict[str, Any], key: str, prefix: str = "") -> str:
    """Golds are compared as they are written, so a number needs its quotes: 1.0 and "1.0" are not the same."""
    value = row.get(key)
    if not isinstance(value, str) or not value.strip():
        raise doc.error(prefix + key, "missing" if value is None else "must be text; put it in quotes")
    return value


def _texts(doc: Document, row: dict[str, Any], key: str, prefix: str) -> tuple[str, ...]:
    values = row[key] if isinstance(row[key], list) else [row[key]]
    if not values:
        raise doc.error(prefix + key, "is empty")
    return tuple(_text(doc, {f"{key}.{i}": value}, f"{key}.{i}", prefix) for i, value in enumerate(values))
