"""The protocols of two sides, compared field by field before any number is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from evalkit import references
from evalkit.protocols.fields import DEFAULT, FATAL, FIELDS, MAJOR, MINOR, SENT, Field
from evalkit.protocols.sides import NAMED, REFERENCE, RUN, Items, Side, of_reference, of_task
from evalkit.types import Json, Mismatch, ModelSpec, Reference, RunRecord, Severity, TaskSpec

_WITHIN_PROMPT = ("system_prompt", "shots")
"""Part of what a digest of the prompt is made of."""


def diff(ours: Side, theirs: Side) -> tuple[Mismatch, ...]:
    """Every field of the table in which the two differ or that one of them does not state, in the table's order."""
    found = [m for field in FIELDS if _applies(field, ours, theirs) and (m := _compare(field, ours, theirs))]
    same_template = "template" in ours.values and ours.values.get("template") == theirs.values.get("template")
    if same_template and any(m.field in _WITHIN_PROMPT for m in found):
        found = [m for m in found if m.field != "prompt"]  # it differs only in what is named beside it
    return tuple(found)


def _applies(field: Field, ours: Side, theirs: Side) -> bool:
    if field.same_model and (ours.model is None or ours.model != theirs.model):
        return False
    if (ours.exact or theirs.exact) and FATAL not in (field.differs, field.unstated):
        return False
    sides = (ours, theirs)
    if field.name in _WITHIN_PROMPT and all(side.prompt_is_whole for side in sides):
        return all(field.name in side.values for side in sides)
    return ours.kind != NAMED or theirs.kind != NAMED or any(field.name in side.values for side in sides)


def _compare(field: Field, ours: Side, theirs: Side) -> Mismatch | None:
    a, b = ours.values.get(field.name), theirs.values.get(field.name)
    if isinstance(a, Mapping) and isinstance(b, Mapping) and ours.kind == theirs.kind == NAMED:
        a, b = ({key: side[key] for key in a.keys() & b.keys()} for side in (a, b))  # the others are left to the task
    if field.name == "extra" and ours.model is not None and ours.model == theirs.model:
        a, b = _without_effort(a), _without_effort(b)
    if field.name in ("top_p", "top_k") and ours.values.get("temperature") == theirs.values.get("temperature") == 0:
        return None  # greedy: they cut nothing off
    if a is None or b is None:
        return _unstated(field, ours, theirs)
    if a == DEFAULT and b == DEFAULT and field.name in SENT:
        return _both_left(field, ours, theirs)
    if field.name == "snapshot" and _same_day(str(a), str(b)):
        return None
    if field.name == "scorer" and REFERENCE in (ours.kind, theirs.kind):
        return _mismatch(field, ours, theirs, MINOR, "stated in other words than a scorer's name")
    if a == b:
        return None
    if field.name == "max_tokens":
        return _token_limit(field, ours, theirs)
    note = f"another {field.words}"
    if field.name == "items":
        note = f"the {ours.kind} has {a} items, the {theirs.kind} {b}"
    elif field.name == "metric" and theirs.kind == REFERENCE:
        note = "the reference is another metric"
    elif field.name == "unit" and theirs.kind == REFERENCE:
        note = "the reference has another unit"
    elif field.name == "variant":
        note = f"another {field.words}: {a or 'the whole'} against {b or 'the whole'}"
    elif field.name == "extra":
        note = "other further fields"
    elif field.name == "k":
        note = "another k: enters the uncertainty"
    elif DEFAULT in (a, b) and field.name in SENT:
        note = f"another {field.words}, unless the endpoint's default happens to be it"
    return _mismatch(field, ours, theirs, field.differs, note)


def _without_effort(extra: Json) -> Json:
    """Further fields but for the reasoning effort, which is a field of its own between numbers of one model."""
    if not isinstance(extra, Mapping):
        return extra
    return {key: value for key, value in extra.items() if key not in ("reasoning_effort", "reasoning")}


def _unstated(field: Field, ours: Side, theirs: Side) -> Mismatch | None:
    severity = field.unstated
    silent = [side.kind for side in (ours, theirs) if field.name not in side.values]
    if severity is None or (field.name == "snapshot" and len(silent) == 2):
        return None
    known = ours.values.get(field.name, theirs.values.get(field.name))
    known = _without_effort(known) if ours.model is not None and ours.model == theirs.model else known
    if field.name in ("extra", "max_repetition") and known not in ({}, "never", None):
        severity, note = MAJOR, "only one side is known to do so"
    elif field.name == "effort" and len(silent) == 2:
        severity, note = MINOR, "neither source states one; many models have none"
    elif field.name == "k" and REFERENCE in silent:
        note = "k not stated: counted as 1"
    elif NAMED in silent:
        note = f"the protocol leaves the {field.words} to the task"
    else:
        who = "neither source states" if len(silent) == 2 else "the source does not state"
        note = f"{who} its {field.words}"
    return _mismatch(field, ours, theirs, severity, note, unstated=True)


def _both_left(field: Field, ours: Side, theirs: Side) -> Mismatch | None:
    same = ours.endpoint == theirs.endpoint and REFERENCE not in (ours.kind, theirs.kind)
    if same or ours.kind == theirs.kind == NAMED:
        return None
    severity = MINOR if field.name == "top_k" else MAJOR
    return _mismatch(field, ours, theirs, severity, "both leave it to their endpoint: the defaults may differ")


def _token_limit(field: Field, ours: Side, theirs: Side) -> Mismatch:
    a, b = ours.values[field.name], theirs.values[field.name]
    if a == DEFAULT:
        return _mismatch(field, ours, theirs, MAJOR, f"the {ours.kind} leaves the token limit to the endpoint")
    if b == DEFAULT:
        return _mismatch(field, ours, theirs, MAJOR, f"the {theirs.kind} leaves the token limit to the endpoint")
    if not isinstance(a, int) or not isinstance(b, int) or ours.kind != RUN or theirs.kind == RUN:
        return _mismatch(field, ours, theirs, MAJOR, "another token limit")
    if a < b:
        return _mismatch(field, ours, theirs, MAJOR, f"the {ours.kind}'s token limit is below the {theirs.kind}'s")
    return _mismatch(field, ours, theirs, MINOR, "a higher token limit")


def _same_day(a: str, b: str) -> bool:
    """`2024-12-17` and `12-17` are one snapshot as far as anybody can tell."""
    return a.endswith(b) or b.endswith(a)


def _mismatch(
    field: Field, ours: Side, theirs: Side, severity: Severity, note: str, *, unstated: bool = False
) -> Mismatch:
    a, b = ours.shown(field.name), theirs.shown(field.name)
    return Mismatch(field=field.name, severity=severity, ours=a, theirs=b, note=note, unstated=unstated)


def run_and_reference(
    task: TaskSpec,
    items: Items,
    reference: Reference,
    *,
    model: ModelSpec | None = None,
    known_as: str | None = None,
) -> tuple[Mismatch, ...]:
    """Everything between a run's task and a published number; `known_as`: the model's name among the references."""
    theirs = of_reference(reference)
    found = diff(of_task(task, items=items, model=model, known_as=known_as), theirs)
    if any(m.field == "items" and m.severity is FATAL for m in found):
        return found
    own = [m for m in item_mismatches(task, items) if m.field == "items" or not reference.exact]
    return (*(m for m in found if m.field != "items" or not own or own[0].field != "items"), *own)


def run_and_run(
    ours: tuple[TaskSpec, ModelSpec], theirs: tuple[TaskSpec, ModelSpec], corrected: tuple[int, int]
) -> tuple[Mismatch, ...]:
    """Between one task of two runs, but for which items they share; `corrected`: golds corrected in each of them.

    All is known of both sides; that they are of different models is what a comparison of runs is for.
    """
    sides = [of_task(task, model=model) for task, model in (ours, theirs)]
    found = [m for m in diff(*sides) if m.field != "items"]
    return (*found, *_errata_mismatch(ours[0], theirs[0], corrected))


def of_run(record: RunRecord, refs: Sequence[Reference]) -> dict[str, Side]:
    """Task -> what a run asks; `refs` tell whether its model is one of the published ones."""
    model = record.spec.model
    known_as = references.known_model(refs, model.name)
    found: dict[str, Side] = {}
    for task in record.spec.tasks:
        items = Items.of_record(record, task.name)
        side = of_task(task, items=items, model=model, known_as=known_as)
        own = {"item_set": items.digest, "errata": task.errata.digest if task.errata else "golds as published"}
        found[task.name] = replace(side, values={**side.values, **own})
    return found


def item_mismatches(task: TaskSpec, items: Items) -> Iterator[Mismatch]:
    """Whether a run's items are those of the benchmark, all of them, and graded against the published golds."""
    if items.n_asked < items.n_stored:
        note = f"the run has samples of {items.n_asked} of its {items.n_stored} items"
        yield _of_items(FATAL, items.n_asked, items.n_stored, note)
    elif task.items_digest is None:
        yield _of_items(MAJOR, items.digest, None, "the task file does not pin which items the benchmark has")
    elif task.n_items is not None and items.n_stored < task.n_items:
        note = f"the run has {items.n_stored} of the benchmark's {task.n_items} items"
        yield _of_items(FATAL, items.n_stored, task.n_items, note)
    elif task.items_digest != items.digest:
        yield _of_items(FATAL, items.digest, task.items_digest, "these are not the benchmark's items")
    if items.n_corrected:
        # Published numbers are of published golds; how far that can move a score is known: it counts beside the margin.
        share = items.n_corrected / items.n_asked
        note = f"{items.n_corrected} golds are corrected, which moves the score by at most {100 * share:.2g} points"
        yield Mismatch(
            field="errata",
            severity=MAJOR if share > task.margin / 2 else MINOR,
            ours="corrected golds",
            theirs="golds as published",
            note=note,
        )


def _errata_mismatch(task: TaskSpec, other: TaskSpec, corrected: tuple[int, int]) -> Iterator[Mismatch]:
    if any(corrected) and task.errata != other.errata:
        note = "graded against other golds; evalkit score --errata grades both alike"
        ours, theirs = (f"{n} corrected" for n in corrected)
        yield Mismatch(field="errata", severity=MAJOR, ours=ours, theirs=theirs, note=note)


def _of_items(severity: Severity, ours: Json, theirs: Json, note: str) -> Mismatch:
    return Mismatch(field="items", severity=severity, ours=ours, theirs=theirs, note=note, unstated=theirs is None)
