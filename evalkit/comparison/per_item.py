"""A run and a published number whose results are known item by item."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evalkit.references import PerItem
from evalkit.scores import TaskScores
from evalkit.stats import Readings, paired, readings
from evalkit.types import Difference, Mismatch, Reference, Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """The items that both sides have results of; row i of both is the same item."""

    ours: Readings
    theirs: np.ndarray
    """Shape (n_items, most samples of an item), 1 right, 0 wrong or undecided, NaN where an item has fewer samples."""
    theirs_at_best: np.ndarray
    """The same with the undecided samples right."""
    clusters: Sequence[str | None] | None
    coverage: tuple[Mismatch, ...]
    notes: tuple[str, ...]

    def differences(self, alpha: float, kind: str) -> list[Difference]:
        """Run minus reference: the headline, then the bounds of the samples without a score, of either side."""
        sides = [(self.ours.headline, self.theirs), (self.ours.as_wrong, self.theirs_at_best)]
        if not np.isnan(self.ours.excluded).all():
            sides.append((self.ours.excluded, self.theirs))
        return [paired(a, b, self.clusters, alpha=alpha, kind=kind) for a, b in sides]


def pairs_of(task: str, scores: TaskScores, reference: Reference, found: PerItem) -> Pairs | None:
    """A run's scores beside the results `found` of a reference; None if they are of none of its items."""
    place = {name: row for row, name in enumerate(found.ids)}
    asked: np.ndarray = np.any(scores.statuses >= 0, axis=1)
    rows = [(row, place[name]) for row, name in enumerate(scores.item_ids) if name in place and asked[row]]
    if not rows:
        return None
    ours = np.array([a for a, _ in rows])
    at = [b for _, b in rows]
    theirs = _matrix(found.samples[at], found.successes[at])
    n_undecided = int(found.undecided[at].sum())
    sides = readings(scores.values[ours], scores.statuses[ours], task)
    if np.isnan(sides.headline).all():
        return None
    clusters = None if scores.clusters is None else tuple(scores.clusters[a] for a, _ in rows)
    return Pairs(
        ours=sides,
        theirs=theirs,
        theirs_at_best=_matrix(found.samples[at], found.successes[at] + found.undecided[at]),
        clusters=clusters,
        coverage=_coverage(len(rows), int(asked.sum()), len(found.ids)),
        notes=_notes(reference, theirs, len(rows), n_undecided),
    )


def _matrix(samples: np.ndarray, successes: np.ndarray) -> np.ndarray:
    column = np.arange(int(samples.max()))
    matrix = np.where(column < successes[:, None], 1.0, 0.0)
    matrix[column >= samples[:, None]] = np.nan
    return matrix


def _coverage(n: int, n_ours: int, n_theirs: int) -> tuple[Mismatch, ...]:
    if n == n_ours == n_theirs:
        return ()
    note = f"only the {n} items that both have results of are compared ({n_ours} and {n_theirs})"
    return (Mismatch(field="items", severity=Severity.MAJOR, ours=n_ours, theirs=n_theirs, note=note),)


def _notes(reference: Reference, theirs: np.ndarray, n: int, n_undecided: int) -> tuple[str, ...]:
    """How the results by item stand to the number that was published."""
    mean = 100 * float(np.nanmean(np.nanmean(theirs, axis=1)))
    paired_by = f"paired with the reference's results on {n} items"
    if n_undecided:
        paired_by += f" ({n_undecided} undecided, counted as wrong and, for the other bound, as right)"
    if abs(mean - reference.value) < 0.05:
        return (paired_by,)
    how = f" ({reference.per_item_note})" if reference.per_item_note else ""
    return (f"{paired_by}, which amount to {mean:.1f} where {reference.value:g} was published{how}",)
