"""Which records are meant: by model, benchmark and variant, in the spellings that people use."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from evalkit.errors import UnknownName
from evalkit.references.fields import MEASURES
from evalkit.tasks import windows
from evalkit.types import Reference

EFFORTS = ("low", "medium", "high")
IMPLIED_EFFORTS = (None, "medium", "high")
"""The reasoning effort meant when nobody names one, best first: none at all; a vendor's default, else the high one."""
IMPLIED_VARIANTS = (*IMPLIED_EFFORTS, "2024-08..2025-01")
"""The variant meant when nobody names one, best first: an effort as above; the LiveCodeBench window of the R1 paper.
Any other variant has to be asked for."""

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


def models(refs: Iterable[Reference]) -> list[str]:
    """Short names of all models that have a record, sorted."""
    return sorted({ref.model for ref in refs})


def find(refs: Iterable[Reference], *, model: str, task: str, variant: str | None = None) -> list[Reference]:
    """All records of one model on one benchmark, defaults first, mean accuracies before other metrics.

    `task` is an evalkit task, or the stem of a reference file (for a benchmark that has no task yet). With a window, as
    `livecodebench:2024-08..2025-01`, it has the records of that window only.
    `variant=None` means every variant, those of `IMPLIED_VARIANTS` first.
    """
    cell = [
        ref
        for ref in refs
        if ref.model == model
        and task in (ref.task, stem(ref), task_name(ref))
        and (variant is None or ref.variant == variant)
    ]
    return sorted(cell, key=lambda ref: (_variant_rank(ref, task), MEASURES.index(ref.measures), not ref.default))


def default(
    refs: Iterable[Reference],
    model: str,
    task: str,
    variant: str | None = None,
    measures: str = "mean_accuracy",
) -> Reference | None:
    """The record to compare with, or None. Without `variant`, only one of `IMPLIED_VARIANTS` can be meant."""
    for ref in find(refs, model=model, task=task, variant=variant):
        implied = variant is not None or _open_part(ref, task) in IMPLIED_VARIANTS
        if ref.default and ref.measures == measures and implied:
            return ref
    return None


def split_variant(variant: str | None) -> tuple[str, str | None]:
    """(`2024-08..2025-01`, `high`): what part of a benchmark a number is of, and the reasoning effort."""
    parts = [part.strip() for part in (variant or "").split(",") if part.strip()]
    effort = next((part for part in parts if part in EFFORTS), None)
    return ", ".join(part for part in parts if part != effort), effort


def task_name(ref: Reference) -> str:
    """What a task that measures a record is called: `aime24`, `livecodebench:2024-08..2025-01`.

    A variant that is no window of dates (`release_v5`) is in no task's name.
    """
    base, (variant, _) = ref.task or stem(ref), split_variant(ref.variant)
    return windows.name_of(base, variant) or base


def declared(refs: Iterable[Reference], recorded: Iterable[Reference]) -> list[Reference]:
    """The registry with the records that a run kept in the place of today's defaults of their cells."""
    kept = {(ref.model, task_name(ref)): ref for ref in recorded}
    others = (
        replace(ref, default=False)
        if ref.default and ref.measures == "mean_accuracy" and (ref.model, task_name(ref)) in kept
        else ref
        for ref in refs
    )
    return [*kept.values(), *others]


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
    """The file that a record stands in, without its ending."""
    return ref.id.partition("/")[0]


def _open_part(ref: Reference, task: str) -> str | None:
    """What of a record's variant the name of the task leaves open."""
    return split_variant(ref.variant)[1] if ":" in task else ref.variant


def _variant_rank(ref: Reference, task: str) -> int:
    part = _open_part(ref, task)
    return IMPLIED_VARIANTS.index(part) if part in IMPLIED_VARIANTS else len(IMPLIED_VARIANTS)
