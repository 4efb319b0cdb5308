"""The protocol of a run and of a reference, compared field by field before any number is.

`fatal`: another metric, item set or benchmark, hence `not_comparable`. `major`: another (or an unstated) prompt,
temperature, token limit, hence the verdict is marked informal. `minor`: goes into the uncertainty and is only reported.
Between two runs all is known and every field is compared; which items they share: `evalkit.comparison.matching`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from evalkit.codec import builtins
from evalkit.tasks.protocol import prompt_digest, protocol
from evalkit.types import Json, Mismatch, Reference, Severity, TaskSpec

_COMPARED = ("task", "dataset", "dataset_config", "split", "dataset_kwargs", "prompt_digest", "target", "scorer_args")
_SETTINGS = ("temperature", "top_p", "top_k", "max_tokens", "stop", "extra", "max_repetition")


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """Which items a run has, and how many of them have a sample yet."""

    digest: str
    n_stored: int
    n_asked: int
    n_corrected: int
    """Those that were graded against a corrected gold."""


def protocol_mismatches(task: TaskSpec, items: Items, reference: Reference) -> Iterable[Mismatch]:
    """Fields in which the run and the reference differ, or in which the reference says nothing."""
    if reference.measures != "mean_accuracy":
        yield _fatal("metric", f"avg@{task.samples}", reference.metric, "the reference is another metric")
    if reference.unit != "%":
        yield _fatal("unit", "%", reference.unit, "the reference has another unit")
    theirs = reference.n_items or reference.benchmark_items
    if theirs is not None and theirs != items.n_asked:
        yield _fatal("items", items.n_asked, theirs, f"the run has {items.n_asked} items, the reference {theirs}")
    elif items.n_asked < items.n_stored:
        note = f"the run has samples of {items.n_asked} of its {items.n_stored} items"
        yield _fatal("items", items.n_asked, items.n_stored, note)
    elif task.items_digest is None:
        yield _major("items", items.digest, None, "the task file does not pin which items the benchmark has")
    elif task.items_digest != items.digest:
        yield _fatal("items", items.digest, task.items_digest, "these are not the benchmark's items")
    if reference.exact:
        return
    yield from _sampling_mismatches(task, reference)
    if items.n_corrected:
        yield _errata_mismatch(task, items)
    if task.sampling.extra:
        yield _major("extra", builtins(task.sampling.extra), None, "the run sends further fields")
    if (window := task.sampling.max_repetition) is not None:
        yield _major("max_repetition", window, None, "the run ends answers that repeat themselves")
    ours = prompt_digest(task)
    if reference.prompt_digest is None:
        yield _major(
            "prompt", task.prompt.name, reference.protocol or None, "the source does not give its exact prompt"
        )
    elif reference.prompt_digest != ours:
        yield _major("prompt", ours, reference.prompt_digest, "another prompt")
    if reference.samples != task.samples:
        note = "k not stated: counted as 1" if reference.samples is None else "another k: enters the uncertainty"
        yield Mismatch(
            field="k",
            severity=Severity.MINOR,
            ours=task.samples,
            theirs=reference.samples_note or reference.samples,
            note=note,
        )


def run_mismatches(task: TaskSpec, other: TaskSpec, corrected: tuple[int, int]) -> Iterable[Mismatch]:
    """Fields in which the protocols of two runs of a task differ; `corrected`: golds corrected in each of them."""
    ours, theirs = _known(task), _known(other)
    for name in ours:
        if ours[name] != theirs[name]:
            yield _major(name, ours[name], theirs[name], f"another {name}")
    if task.samples != other.samples:
        note = "another k: enters the uncertainty"
        yield Mismatch(field="k", severity=Severity.MINOR, ours=task.samples, theirs=other.samples, note=note)
    if any(corrected) and task.errata != other.errata:
        note = "graded against other golds; evalkit score --errata grades both alike"
        yield _major("errata", f"{corrected[0]} corrected", f"{corrected[1]} corrected", note)


def _known(task: TaskSpec) -> dict[str, Json]:
    """What defines a run's number, field by field; the metric and k apart."""
    whole = protocol(task, data_digest=None, n_items=0)
    sampling = builtins(task.sampling)
    settings = {name: "the endpoint's default" if sampling[name] is None else sampling[name] for name in _SETTINGS}
    settings["max_repetition"] = sampling["max_repetition"]
    fields: dict[str, Json] = {name: whole[name] for name in _COMPARED}
    fields["prompt"] = f"{task.prompt.name} ({str(fields.pop('prompt_digest'))[7:15]})"
    return fields | {"scorer": task.scorer} | settings


def _sampling_mismatches(task: TaskSpec, reference: Reference) -> Iterable[Mismatch]:
    for name, ours, theirs in (
        ("temperature", task.sampling.temperature, reference.temperature),
        ("top_p", task.sampling.top_p, reference.top_p),
    ):
        if theirs is None and ours is not None:
            yield _major(name, ours, None, f"the source does not state {name}")
        elif theirs is not None and ours != theirs:
            yield _major(name, ours, theirs, f"another {name}")
    ours, theirs = task.sampling.max_tokens, reference.max_tokens
    if theirs is None:
        yield _major("max_tokens", ours, None, "the source does not state its token limit")
    elif ours is None:
        yield _major("max_tokens", ours, theirs, "the run leaves the token limit to the endpoint")
    elif ours < theirs:
        yield _major("max_tokens", ours, theirs, "the run's token limit is below the reference's")
    elif ours != theirs:
        yield Mismatch(
            field="max_tokens", severity=Severity.MINOR, ours=ours, theirs=theirs, note="a higher token limit"
        )


def _errata_mismatch(task: TaskSpec, items: Items) -> Mismatch:
    """Published numbers are of published golds; how far that can move a score is known: it counts beside the margin."""
    share = items.n_corrected / items.n_asked
    note = f"{items.n_corrected} golds are corrected, which moves the score by at most {100 * share:.2g} points"
    severity = Severity.MAJOR if share > task.margin / 2 else Severity.MINOR
    return Mismatch(field="errata", severity=severity, ours="corrected golds", theirs="golds as published", note=note)


def _fatal(field: str, ours: object, theirs: object, note: str) -> Mismatch:
    return Mismatch(field=field, severity=Severity.FATAL, ours=ours, theirs=theirs, note=note)


def _major(field: str, ours: object, theirs: object, note: str) -> Mismatch:
    return Mismatch(field=field, severity=Severity.MAJOR, ours=ours, theirs=theirs, note=note)
