"""Two published models, or two reporters of one model, against each other.

Policy: only mean accuracies of the same variant of a benchmark are compared. A protocol that a source does not state
cannot be found to agree, so almost every such verdict is informal, and what is not stated is listed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from evalkit import references
from evalkit.comparison.results import Claim
from evalkit.errors import UsageError
from evalkit.protocols import diff, of_reference
from evalkit.stats import not_comparable, published_difference, suite_claim, verdict
from evalkit.stopping import published
from evalkit.types import Mismatch, Reference, Severity, TaskSpec, Verdict

DEFAULT_MARGIN, DEFAULT_ALPHA = 0.02, 0.05
"""For benchmarks that no evalkit task declares them for."""

Cell = tuple[str, str | None]
"""Stem of the reference file, variant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """Whose numbers: a model, and who reported them (a part of `Reference.reported_by`); None takes the defaults."""

    model: str
    by: str | None = None

    @property
    def label(self) -> str:
        return self.model if self.by is None else f"{self.model} by {self.by}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedComparison:
    """One benchmark: the first number minus the second."""

    name: str
    """Stem of the reference file, with the variant in brackets."""
    first: Reference
    second: Reference
    mismatches: tuple[Mismatch, ...]
    """Protocol fields in which the two differ or that a source does not state."""
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedComparisons:
    """All benchmarks that both sides have a number on."""

    first: str
    second: str
    comparisons: tuple[PublishedComparison, ...]
    claims: tuple[Claim, ...]
    other_variants: tuple[str, ...]
    """Benchmarks that both have numbers on, but of no common variant."""


def compare_published(
    refs: Sequence[Reference],
    first: Reported,
    second: Reported,
    tasks: Mapping[str, TaskSpec],
    *,
    task: str | None = None,
    margin: float | None = None,
    alpha: float | None = None,
) -> PublishedComparisons:
    """Every benchmark (or the one called `task`) on which both sides have a mean accuracy of the same variant.

    Margin and alpha default to those of the evalkit task, else 0.02 and 0.05. Raises `UsageError` if both sides are the
    same, a reporter has nothing on the model, or no benchmark is left.
    """
    if first == second:
        raise UsageError(f"{first.label} would be compared with itself: name two models, or two reporters with --by")
    if task is not None:
        refs = [r for r in refs if task in (r.task, references.stem(r))]
    ours, theirs = _records(refs, first), _records(refs, second)
    rows = []
    for cell in ours:
        if cell in theirs and ours[cell] is not theirs[cell]:
            declared = tasks.get(ours[cell].task or "")
            limits = (
                margin if margin is not None else (declared.margin if declared else DEFAULT_MARGIN),
                alpha if alpha is not None else (declared.alpha if declared else DEFAULT_ALPHA),
            )
            rows.append(_compare(cell, (first, ours[cell]), (second, theirs[cell]), *limits))
    shared = {stem for stem, _ in ours} & {stem for stem, _ in theirs}
    others = sorted(shared - {stem for stem, _ in ours.keys() & theirs.keys()})
    if not rows:
        which = f"; of other variants each: {', '.join(others)}" if others else ""
        on = f" on {task}" if task else ""
        raise UsageError(f"{first.label} and {second.label} have no mean accuracy of the same benchmark{on}{which}")
    claims = []
    if len(rows) > 1:
        claims.append(Claim(model=second.label, run=None, claim=suite_claim({r.name: r.verdict for r in rows})))
    return PublishedComparisons(
        first=first.label,
        second=second.label,
        comparisons=tuple(rows),
        claims=tuple(claims),
        other_variants=tuple(others),
    )


def _records(refs: Iterable[Reference], side: Reported) -> dict[Cell, Reference]:
    """Cell -> the record of this side: the default, else one that states its k, else the first of the file."""
    means = [r for r in refs if r.model == side.model and r.measures == "mean_accuracy"]
    if side.by is None:
        return {(references.stem(r), r.variant): r for r in means if r.default}
    found: dict[Cell, Reference] = {}
    for r in sorted(means, key=lambda r: (not r.default, r.samples is None)):
        if side.by.casefold() in r.reported_by.casefold():
            found.setdefault((references.stem(r), r.variant), r)
    if not found:
        known = "; ".join(sorted({r.reported_by for r in means}))
        raise UsageError(f"--by {side.by}: no such reporter of {side.model}; its numbers are by: {known or 'nobody'}")
    return {cell: found[cell] for cell in sorted(found, key=lambda cell: (cell[0], cell[1] or ""))}


def _compare(
    cell: Cell, ours: tuple[Reported, Reference], theirs: tuple[Reported, Reference], margin: float, alpha: float
) -> PublishedComparison:
    (first, a), (second, b) = ours, theirs
    stem, variant = cell
    mismatches = diff(of_reference(a), of_reference(b))
    sizes = [r.size for r in (a, b)]
    if None not in sizes and sizes[0] != sizes[1]:
        result = not_comparable(f"of {sizes[0]} and of {sizes[1]} items", margin=margin, alpha=alpha)
    elif sizes == [None, None] and not (a.exact and b.exact):
        result = not_comparable("the number of items is not known", margin=margin, alpha=alpha)
    else:
        major = [m for m in mismatches if m.severity is Severity.MAJOR]
        differing = [m.field for m in major if not m.unstated]
        silent = ["the protocols are not stated in full"] if any(m.unstated for m in major) else []
        result = verdict(
            published_difference(published(a), published(b), alpha=alpha),
            [],
            margin=margin,
            alpha=alpha,
            subject=first.label,
            reference=f"{second.label} on {a.benchmark}" + (f" [{variant}]" if variant else ""),
            at=lambda level: [published_difference(published(a), published(b), alpha=level)],
            informal=[f"the protocols differ in {', '.join(differing)}"] * bool(differing) + silent,
        )
    return PublishedComparison(
        name=stem + (f" [{variant}]" if variant else ""),
        first=a,
        second=b,
        mismatches=mismatches,
        verdict=result,
    )
