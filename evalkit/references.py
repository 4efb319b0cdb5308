"""The registry of published scores: `leaderboards/references/<benchmark>.yaml` -> `Reference`.

Policy: nothing is averaged and nothing is thrown away. Where sources disagree on a cell (model, measures,
variant), all records stay and exactly one mean accuracy is the default, with the reason beside it. A majority
vote, a re-ranking or a rating can never stand in for a mean accuracy: the metric's name is checked
against what the record says it measures.

    benchmark: AIME 2024    title
    task: aime24            evalkit task that measures the same thing, or null
    items: 30               size of the benchmark, used where a record states none; null if unknown
    records:
      - id: ...             unique in the file; `Reference.id` is `<file stem>/<id>`
        model: o1           short name; `title` and `version` say which one exactly
        variant: ...        part of what is measured: a window of contests, a reasoning effort, a subset
        metric, measures, value, unit, reported_by, source, tier
        date: ...           as far as the source is dated, or null
        n_items, samples, samples_note, temperature, top_p, top_k, max_tokens, shots, scoring, protocol: left out
                            where not stated
        system_prompt: ''   its text; empty if the source says that there was none
        not_sent: [temperature]     settings that the source says were left to the endpoint
        follows: deepseek-r1        named protocol that comes nearest
        per_item: per_item/gsm8k/o1-mini.jsonl      results item by item, below this folder
        per_item_note: ...  where those come from and how they were graded
        prompt_digest: ...  if the number was made with one of evalkit's prompts (`evalkit tasks show` prints it)
        exact: true         for a number that no protocol changes, such as a chance level
        default: true       one per cell
        reason: ...         why it is the default, or why it is kept beside the default
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from datetime import date as Date
from pathlib import Path
from typing import Any

from evalkit import resources
from evalkit.errors import TaskError, UnknownName
from evalkit.types import Reference
from evalkit.yamlfile import Document, load

MEASURES = ("mean_accuracy", "majority", "pass_at_k", "other")
SETTINGS = ("temperature", "top_p", "top_k", "max_tokens")
"""What a source can say that it left to the endpoint."""
TIERS = ("primary", "copy_of_primary", "page_excerpt", "secondary")
IMPLIED_VARIANTS = (None, "medium", "high", "2024-08..2025-01")
"""The variant meant when nobody names one, best first: none at all; a vendor's default reasoning effort, else
the high one; the LiveCodeBench window of the R1 paper. Any other variant has to be asked for."""

_SPELLINGS = {
    "r1": "deepseek-r1",
    "r1-zero": "deepseek-r1-zero",
    "v3": "deepseek-v3",
    "gpt4o": "gpt-4o",
    "claude-3-5-sonnet": "claude-3.5-sonnet",
    "claude-sonnet-3.5": "claude-3.5-sonnet",
    "sonnet-3.5": "claude-3.5-sonnet",
    "qwq": "qwq-32b",
    "qwq-preview": "qwq-32b-preview",
    "x1": "spark-x1",
    "xunfei-spark-x1": "spark-x1",
}
_VENDORS = ("openai", "deepseek-ai", "anthropic", "qwen", "iflytek")
_SNAPSHOT = re.compile(r"-(20\d\d-?\d\d-?\d\d|1217)$")
_SLUG = re.compile(r"[a-z0-9]+([.-][a-z0-9]+)*")
_DATE = re.compile(r"\d{4}(-\d\d(-\d\d)?)?")
_NOT_A_MEAN = re.compile(
    r"\b(cons|maj|majority|best)@|\bpass@(?!1\b)|re-?rank|rating|percentile|win-rate|\belo\b|\bF1\b",
    re.IGNORECASE,
)
_MEAN = re.compile(r"^(pass@1\b|accuracy|EM$)", re.IGNORECASE)


def load_references(folder: Path | None = None) -> list[Reference]:
    """Every record of every file, in file order; raises `TaskError` with file, line and field."""
    folder = folder or resources.folder("leaderboards") / "references"
    if not folder.is_dir():
        raise TaskError("no such folder of reference files", file=str(folder))
    refs: list[Reference] = []
    owner: dict[str, str] = {}
    for path in sorted(folder.glob("*.yaml")):
        doc = load(path)
        task = doc.data.get("task")
        if isinstance(task, str) and owner.setdefault(task, path.name) != path.name:
            raise doc.error("task", f"{task!r} already belongs to {owner[task]}: one file per benchmark")
        refs += _read(doc, path.stem)
    return refs


def models(refs: Iterable[Reference]) -> list[str]:
    """Short names of all models that have a record, sorted."""
    return sorted({ref.model for ref in refs})


def find(refs: Iterable[Reference], *, model: str, task: str, variant: str | None = None) -> list[Reference]:
    """All records of one model on one benchmark, defaults first, mean accuracies before other metrics.

    `task` is an evalkit task, or the stem of a reference file (for a benchmark that has no task yet).
    `variant=None` means every variant, those of `IMPLIED_VARIANTS` first.
    """
    cell = [
        ref
        for ref in refs
        if ref.model == model and task in (ref.task, stem(ref)) and (variant is None or ref.variant == variant)
    ]
    return sorted(cell, key=lambda ref: (_variant_rank(ref), MEASURES.index(ref.measures), not ref.default))


def default(
    refs: Iterable[Reference],
    model: str,
    task: str,
    variant: str | None = None,
    measures: str = "mean_accuracy",
) -> Reference | None:
    """The record to compare with, or None. Without `variant`, only one of `IMPLIED_VARIANTS` can be meant."""
    for ref in find(refs, model=model, task=task, variant=variant):
        implied = variant is not None or ref.variant in IMPLIED_VARIANTS
        if ref.default and ref.measures == measures and implied:
            return ref
    return None


def resolve_model(refs: Iterable[Reference], name: str) -> str:
    """Short name of a model from a usual spelling (`R1`, `openai-o1`, `deepseek_r1`, `o1-2024-12-17`)."""
    known = models(refs)
    slug = re.sub(r"[\s_/]+", "-", name.strip().casefold())
    for vendor in _VENDORS:
        slug = slug.removeprefix(f"{vendor}-")
    slug = _SNAPSHOT.sub("", slug)
    if slug.startswith("r1-distill-"):
        slug = f"deepseek-{slug}"
    slug = _SPELLINGS.get(slug, slug)
    if slug not in known:
        raise UnknownName("reference model", name, [*known, *(s for s, m in _SPELLINGS.items() if m in known)])
    return slug


def known_model(refs: Iterable[Reference], name: str) -> str | None:
    """`resolve_model` of a name that need not be one of them; None if it is not."""
    try:
        return resolve_model(refs, name)
    except UnknownName:
        return None


def stem(ref: Reference) -> str:
    return ref.id.partition("/")[0]


def _variant_rank(ref: Reference) -> int:
    return IMPLIED_VARIANTS.index(ref.variant) if ref.variant in IMPLIED_VARIANTS else len(IMPLIED_VARIANTS)


# --- reading ---------------------------------------------------------------------------------


def _text(value: Any) -> str | None:
    return None if isinstance(value, str) and value.strip() else "must be text"


def _slug(value: Any) -> str | None:
    ok = isinstance(value, str) and _SLUG.fullmatch(value)
    return None if ok else "must be lower-case letters, digits, dots and dashes"


def _number(low: float, high: float = math.inf) -> Callable[[Any], str | None]:
    span = f"of at least {low:g}" if high == math.inf else f"between {low:g} and {high:g}"

    def check(value: Any) -> str | None:
        ok = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        return None if ok and low <= value <= high else f"must be a number {span}"

    return check


def _count(value: Any) -> str | None:
    ok = isinstance(value, int) and not isinstance(value, bool) and value >= 1
    return None if ok else "must be a whole number of at least 1, or null with the words in a note"


def _one_of(*names: str) -> Callable[[Any], str | None]:
    return lambda value: None if value in names else f"must be one of {', '.join(names)}"


def _date(value: Any) -> str | None:
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            Date.fromisoformat(value + "-01-01"[len(value) - 4 :] if len(value) < 10 else value)
        except ValueError:
            return "is not a day of the calendar"
        return None
    return "must be quoted text such as '2025', '2025-01' or '2025-01-23', or null"


def _any_text(value: Any) -> str | None:
    return None if isinstance(value, str) else "must be text, or empty text for none"


def _settings(value: Any) -> str | None:
    ok = isinstance(value, list) and all(name in SETTINGS for name in value)
    return None if ok else f"must be a list of {', '.join(SETTINGS)}"


def _flag(value: Any) -> str | None:
    return None if isinstance(value, bool) else "must be true or false"


_REQUIRED: dict[str, Callable[[Any], str | None]] = {
    "id": _slug,
    "model": _slug,
    "title": _text,
    "metric": _text,
    "measures": _one_of(*MEASURES),
    "value": _number(-math.inf),
    "unit": _text,
    "reported_by": _text,
    "source": _text,
    "tier": _one_of(*TIERS),
}
_OPTIONAL: dict[str, Callable[[Any], str | None]] = {
    "version": _text,
    "variant": _text,
    "n_items": _count,
    "samples": _count,
    "samples_note": _text,
    "temperature": _number(0),
    "top_p": _number(0, 1),
    "max_tokens": _count,
    "protocol": _text,
    "top_k": _count,
    "shots": _number(0, 100),
    "system_prompt": _any_text,
    "scoring": _text,
    "not_sent": _settings,
    "follows": _slug,
    "per_item": _text,
    "per_item_note": _text,
    "prompt_digest": _text,
    "exact": _flag,
    "date": _date,
    "default": _flag,
    "reason": _text,
}


def _read(doc: Document, stem: str) -> list[Reference]:
    doc.check_keys(doc.data, {"benchmark", "task", "items", "records"})
    for key in ("benchmark", "task", "items", "records"):
        if key not in doc.data:
            hint = "; write null if there is none" if key in ("task", "items") else ""
            raise doc.error(key, "missing" + hint)
    checks = {"benchmark": _text, "task": _nullable(_text), "items": _nullable(_count)}
    for key, check in checks.items():
        if complaint := check(doc.data[key]):
            raise doc.error(key, complaint)
    rows = doc.data["records"]
    if not isinstance(rows, list) or not rows:
        raise doc.error("records", "must be a list of records")
    refs = [_record(doc, row, f"records.{i}", stem) for i, row in enumerate(rows)]
    _check_unique(doc, refs)
    _check_defaults(doc, refs)
    return refs


def _nullable(check: Callable[[Any], str | None]) -> Callable[[Any], str | None]:
    return lambda value: None if value is None else check(value)


def _record(doc: Document, row: Any, path: str, stem: str) -> Reference:
    if not isinstance(row, dict):
        raise doc.error(path, "must be a mapping of keys")
    doc.check_keys(row, _REQUIRED.keys() | _OPTIONAL.keys(), f"{path}.")
    for key in (*_REQUIRED, "date"):
        if key not in row:
            hint = "; write null if the source has none" if key == "date" else ""
            raise doc.error(f"{path}.{key}", "missing" + hint)
    for key, value in row.items():
        check = _REQUIRED.get(key) or _nullable(_OPTIONAL[key])
        if complaint := check(value):
            raise doc.error(f"{path}.{key}", f"{complaint}, not {value!r}")
    _check_measure(doc, row, path)
    values: dict[str, Any] = {key: row.get(key) for key in _OPTIONAL if key not in ("default", "exact")}
    values |= {key: row[key] for key in _REQUIRED if key not in ("id", "title")}
    values["value"] = float(row["value"])
    values["not_sent"] = tuple(row.get("not_sent") or ())
    return Reference(
        **values,
        id=f"{stem}/{row['id']}",
        model_title=row["title"],
        benchmark=doc.data["benchmark"],
        task=doc.data["task"],
        benchmark_items=doc.data["items"],
        default=bool(row.get("default")),
        exact=bool(row.get("exact")),
    )


def _check_measure(doc: Document, row: dict[str, Any], path: str) -> None:
    """A value in percent is one, and the metric's name agrees with what the record says it measures."""
    if row["unit"] == "%" and not 0 <= row["value"] <= 100:
        raise doc.error(f"{path}.value", f"must be between 0 and 100 for '%', not {row['value']}")
    if row["measures"] != "other" and row["unit"] != "%":
        raise doc.error(f"{path}.unit", f"must be '%' for {row['measures']}; ratings and counts measure 'other'")
    metric = row["metric"]
    if row["measures"] == "mean_accuracy" and _NOT_A_MEAN.search(metric):
        raise doc.error(f"{path}.measures", f"{metric!r} is not a mean accuracy")
    if row["measures"] in ("majority", "pass_at_k") and _MEAN.search(metric):
        raise doc.error(f"{path}.measures", f"{metric!r} is a mean accuracy, not {row['measures']}")


def _check_unique(doc: Document, refs: list[Reference]) -> None:
    seen: set[str] = set()
    for i, ref in enumerate(refs):
        if ref.id in seen:
            raise doc.error(f"records.{i}.id", f"{ref.id.partition('/')[2]!r} is given twice")
        seen.add(ref.id)


def _check_defaults(doc: Document, refs: list[Reference]) -> None:
    """At most one default per cell, and exactly one where the cell is a mean accuracy."""
    first: dict[tuple[str, str, str | None], int] = {}
    chosen: dict[tuple[str, str, str | None], str] = {}
    for i, ref in enumerate(refs):
        cell = (ref.model, ref.measures, ref.variant)
        first.setdefault(cell, i)
        if ref.default and chosen.setdefault(cell, ref.id) != ref.id:
            rival = chosen[cell].partition("/")[2]
            raise doc.error(f"records.{i}.default", f"{rival!r} is already the default of {_name(cell)}")
    for cell, i in first.items():
        if cell[1] == "mean_accuracy" and cell not in chosen:
            raise doc.error(f"records.{i}.default", f"missing: mark one record as the default of {_name(cell)}")


def _name(cell: tuple[str, str, str | None]) -> str:
    return ", ".join(part for part in cell if part)


def per_item(ref: Reference) -> Any:
    return None
