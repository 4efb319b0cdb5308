"""Verdicts that may be looked at after every round, and the number of rounds after which one is decided.

Policy: the run's side is a confidence sequence (`stats.betting`), the reference's side a Clopper-Pearson interval, and
alpha is split between them, so that a claim is wrong with probability alpha at most, whenever it is made:

    low = L_r(alpha - beta) - q_high(beta),   high = H_r(alpha - beta) - q_low(beta)

The sequences only ever become narrower: what was shown stays shown.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

from numpy.typing import ArrayLike

from evalkit.errors import UsageError
from evalkit.stats.arrays import Clusters, Floats
from evalkit.stats.betting import BETTING, Allocation, allocation, confidence_sequence
from evalkit.stats.betting import Sequence as Track
from evalkit.stats.differences import published_side
from evalkit.stats.estimates import BENCHMARK, population_error
from evalkit.stats.intervals import check_alpha
from evalkit.stats.readings import Readings, readings
from evalkit.stats.task_estimates import task_estimate
from evalkit.stats.verdicts import check_margin, decide
from evalkit.types import Difference, ErrorBar, Estimate, Interval, Outcome, Published, TaskEstimate

DECIDED = frozenset({Outcome.EQUIVALENT, Outcome.SUPERIOR, Outcome.INFERIOR})
"""Outcomes after which no further round is drawn. `non_inferior` may still become parity or a lead."""
CONTRADICTED = "the rounds contradict each other: the model changed while the run went on, so nothing is claimed"
_SHARES = tuple(i / 40 for i in range(1, 40))


def decided_after(
    values: ArrayLike,
    statuses: ArrayLike,
    *,
    references: Sequence[Published],
    margin: float,
    alpha: float,
    max_rounds: int,
    task: str = "",
) -> int | None:
    """The number of rounds after which the verdicts against all `references` are decided; None if they are not yet.

    A verdict is decided when headline and both bounds give the same outcome, and it is one of `DECIDED`; it is then
    read from that round, whatever more rounds are drawn for the other references.
    values, statuses: (n_items, rounds) of complete rounds, see `readings`. Raises `UsageError` for no references,
    more rounds than `max_rounds`, or a margin or alpha out of range.
    """
    check_margin(margin)
    check_alpha(alpha)
    if not references:
        raise UsageError("nothing can be decided without a reference")
    read = readings(values, statuses, task)
    rounds = read.headline.shape[1]
    if rounds == 0:
        return None
    allotted = allocation(read.headline, max_rounds)
    last = 0
    for reference in references:
        tracks = sequential_differences(read, allotted, reference, margin=margin, alpha=alpha, max_rounds=max_rounds)
        after = first_decided(tracks, margin=margin, alpha=alpha)
        if after is None:
            return None
        last = max(last, after)
    return last


def first_decided(tracks: Sequence[Sequence[Difference]], *, margin: float, alpha: float) -> int | None:
    """The first number of rounds after which all `tracks` (see `sequential_differences`) give one of `DECIDED`."""
    for r, found in enumerate(zip(*tracks, strict=True), 1):
        outcomes = {decide(difference, margin=margin, alpha=alpha)[0] for difference in found}
        if len(outcomes) == 1 and outcomes <= DECIDED:
            return r
    return None


def sequential_differences(
    read: Readings, allotted: Allocation, reference: Published, *, margin: float, alpha: float, max_rounds: int
) -> tuple[list[Difference], ...]:
    """Run minus `reference` after each round, three times: the headline, and its bounds (as wrong; left out).

    Each interval has level 1 - 2 alpha in the sense that each of its ends is wrong at any round ever with probability
    alpha at most. What is left out could have had any value: its interval reaches from all of it wrong to all right.
    """
    theirs = reference_side(reference, len(read.headline), margin=margin, alpha=alpha, max_rounds=max_rounds)
    tracks: dict[bytes, list[Difference]] = {}

    def track(array: Floats) -> list[Difference]:
        key = array.tobytes()  # mostly all samples are scored, and the three readings are one
        if key not in tracks:
            ours = confidence_sequence(array, alpha=alpha - theirs.alpha, max_rounds=max_rounds, allotted=allotted)
            tracks[key] = _minus(ours, theirs, level=1 - 2 * alpha)
        return tracks[key]

    return tuple(track(array) for array in (read.headline, read.as_wrong, read.excluded))


def sequential_estimate(
    task: str,
    values: ArrayLike,
    statuses: ArrayLike,
    *,
    clusters: Clusters | None = None,
    max_rounds: int,
    samples_owed: int = 0,
    level: float = 0.95,
) -> TaskEstimate:
    """What `task_estimate` gives, for a run that was looked at after every round and may have ended early.

    The error bar `benchmark` is the confidence sequence after the last round; `value` is what it belongs to, which
    weighs items that were asked more rarely. `population` is made as usual, without regard to the looks, and is at
    least as wide: other questions are not better known than these. There are no secondary metrics, which need the same
    k for all items. Raises `UsageError` as `task_estimate` does, or for more rounds than `max_rounds`.
    """
    found = task_estimate(task, values, statuses, clusters=clusters, samples_owed=samples_owed, level=level)
    read = readings(values, statuses, task)
    allotted = allocation(read.headline, max_rounds)

    def looked_at(reading: Estimate, array: Floats) -> Estimate:
        track = confidence_sequence(array, alpha=(1 - level) / 2, max_rounds=max_rounds, allotted=allotted)
        value, low, high = float(track.value[-1]), float(track.low[-1]), float(track.high[-1])
        bar = ErrorBar(
            kind=BENCHMARK,
            se=float(track.se[-1]),
            interval=Interval(low=low, high=high, level=level, method=BETTING),
            method=BETTING,
            note=CONTRADICTED if track.contradicted else "holds however often the run was looked at",
        )
        population = population_error(array, clusters, level, value)
        usual = population.interval
        wider = dataclasses.replace(usual, low=min(usual.low, low), high=max(usual.high, high))
        population = dataclasses.replace(population, interval=wider)
        return dataclasses.replace(reading, value=value, benchmark=bar, population=population)

    return dataclasses.replace(
        found,
        headline=looked_at(found.headline, read.headline),
        as_wrong=looked_at(found.as_wrong, read.as_wrong),
        excluded=looked_at(found.excluded, read.excluded) if found.excluded else None,
        secondary={},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """The reference, with the part of alpha that its uncertainty gets."""

    value: float
    se: float
    low: float
    high: float
    alpha: float
    method: str
    assumptions: tuple[str, ...]


def _minus(ours: Track, theirs: Side, level: float) -> list[Difference]:
    return [
        Difference(
            value=value - theirs.value,
            se=math.hypot(se, theirs.se),
            interval=Interval(low=low - theirs.high, high=high - theirs.low, level=level, method=BETTING),
            kind=BENCHMARK,
            method=f"{BETTING}, valid at every round; reference {theirs.method}",
            assumptions=(*theirs.assumptions, *([CONTRADICTED] if ours.contradicted else [])),
        )
        for value, se, low, high in zip(
            ours.value.tolist(), ours.se.tolist(), ours.low.tolist(), ours.high.tolist(), strict=True
        )
    ]


def reference_side(reference: Published, n_items: int, *, margin: float, alpha: float, max_rounds: int) -> Side:
    """The reference's interval at its part of alpha, which is settled before any round.

    It is the part with which parity would be shown in the fewest rounds if both scores were equal; if no number of
    rounds can show it, the one with the narrowest interval at the end.
    """
    check_alpha(alpha)
    check_margin(margin)
    q = reference.value
    noise = max(q * (1 - q), 0.5 / n_items)

    def need(share: float) -> tuple[float, float]:
        low, high = published_side(reference, n_items, "reference", 1 - 2 * share * alpha)[0]
        theirs = max(high - q, q - low)
        ours = math.sqrt(-4 * math.log((1 - share) * alpha) * noise / (n_items * max_rounds))
        return (ours / (margin - theirs)) ** 2 if theirs < margin else math.inf, theirs + ours

    share = 0.0 if reference.exact else min(_SHARES, key=need)
    (low, high), variance, assumptions = published_side(reference, n_items, "reference", 1 - 2 * share * alpha)
    return Side(
        value=q,
        se=math.sqrt(variance),
        low=low,
        high=high,
        alpha=share * alpha,
        method=f"clopper-pearson, with {100 * share:.3g} % of alpha" if share else "exact",
        assumptions=assumptions,
    )
