"""From a difference to a word: equivalence, superiority, non-inferiority, inferiority, or none of them.

Policy: a verdict claims only what its interval shows, survives both bounds of the unscored samples, and its
sentence also says what was not shown. A claim over several tasks holds only if it holds on each.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evalkit.errors import UsageError
from evalkit.stats.intervals import check_alpha
from evalkit.types import KIND_LABELS, OUTCOME_LABELS, Difference, Outcome, Verdict

NOT_BEHIND = frozenset({Outcome.SUPERIOR, Outcome.EQUIVALENT, Outcome.NON_INFERIOR})

_LEAST_P = 1e-6
UNSCORED_DECIDE = "the samples without a score decide: counted as wrong or left out, they give different outcomes ({})"


def decide(difference: Difference, *, margin: float, alpha: float) -> tuple[Outcome, float, float]:
    """(outcome, p_lower, p_upper), read from the interval [low, high] of level 1 - 2 alpha. First match wins:

        equivalent     -margin < low and high < margin    two one-sided tests (Schuirmann 1987)
        superior       low > 0
        inferior       high < 0
        non_inferior   low > -margin
        inconclusive   otherwise

    A lead that is shown to be smaller than the margin is `equivalent`: it has no practical size. The p-values
    are one-sided, of H0: d <= -margin (p_lower) and H0: d >= margin (p_upper): the normal approximation
    whose standard error is (distance from d to that end) / z_{1-alpha}, so p < alpha exactly when the end
    clears the margin. Raises `UsageError` for margin outside (0, 1), alpha outside (0, 0.5), or an interval
    of another level.
    """
    check_margin(margin)
    check_alpha(alpha)
    interval = difference.interval
    if not math.isclose(interval.level, 1 - 2 * alpha, abs_tol=1e-9):
        raise UsageError(f"interval of level {interval.level!r} cannot decide at alpha {alpha!r} (1 - 2 alpha)")
    p_lower, p_upper = p_at_most(difference, -margin, alpha), p_at_least(difference, margin, alpha)
    return _outcome(interval.low, interval.high, margin), p_lower, p_upper


def p_at_most(difference: Difference, bound: float, alpha: float) -> float:
    """One-sided p of H0: d <= bound, read from the lower end as in `decide`: below alpha exactly if low > bound."""
    z = NormalDist().inv_cdf(1 - alpha)
    return _p_value((difference.value - bound) * z, difference.value - difference.interval.low)


def p_at_least(difference: Difference, bound: float, alpha: float) -> float:
    """One-sided p of H0: d >= bound, read from the upper end: below alpha exactly if high < bound."""
    z = NormalDist().inv_cdf(1 - alpha)
    return _p_value((bound - difference.value) * z, difference.interval.high - difference.value)


def check_margin(margin: float) -> float:
    """`margin` itself; raises `UsageError` unless 0 < margin < 1."""
    if not 0.0 < margin < 1.0:
        raise UsageError(f"margin {margin!r} is not a fraction between 0 and 1")
    return margin


def _outcome(low: float, high: float, margin: float) -> Outcome:
    if -margin < low and high < margin:
        return Outcome.EQUIVALENT
    if low > 0:
        return Outcome.SUPERIOR
    if high < 0:
        return Outcome.INFERIOR
    return Outcome.NON_INFERIOR if low > -margin else Outcome.INCONCLUSIVE


def _p_value(scaled_distance: float, arm: float) -> float:
    """1 - Phi(scaled_distance / arm); an end without uncertainty is certain."""
    if arm <= 0:
        return 0.0 if scaled_distance > 0 else 1.0
    return 1 - NormalDist().cdf(scaled_distance / arm)


def verdict(
    headline: Difference,
    bounds: Sequence[Difference],
    *,
    margin: float,
    alpha: float,
    subject: str,
    reference: str,
    informal: Sequence[str] = (),
    notes: Sequence[str] = (),
    at: Callable[[float], Sequence[Difference]] | None = None,
) -> Verdict:
    """The verdict on `subject` against `reference` from the headline difference and its bounds.

    bounds: the same difference with unscored samples counted as wrong and left out. If one of them has another outcome
    than the headline, the verdict is `inconclusive` and a note says why. informal: reasons why it is no more than
    informal, if there are any. p_lower and p_upper are the headline's; p_ahead and p_behind the largest over all
    readings, so that a claim built on them holds in each. at: the differences at another alpha; with it p_ahead and
    p_behind below alpha are those at which the interval itself ends at 0, as a correction for several tasks needs
    them; without it they are extrapolated from alpha. Raises `UsageError` as `decide` does.
    """
    outcome, p_lower, p_upper = decide(headline, margin=margin, alpha=alpha)
    others = [decide(bound, margin=margin, alpha=alpha)[0] for bound in bounds]
    all_notes = tuple(notes)
    unsettled = any(other != outcome for other in others)
    if unsettled:
        words = dict.fromkeys(OUTCOME_LABELS[o] for o in [outcome, *others])
        all_notes += (UNSCORED_DECIDE.format(", ".join(words)),)
        outcome = Outcome.INCONCLUSIVE
    p_ahead = max(p_at_most(d, 0.0, alpha) for d in (headline, *bounds))
    p_behind = max(p_at_least(d, 0.0, alpha) for d in (headline, *bounds))
    claim = _claim(outcome, headline, margin, unsettled)
    sentence = f"{subject} {claim.format(reference=reference)} ({_numbers(headline, margin)})"
    return Verdict(
        outcome=outcome,
        margin=margin,
        alpha=alpha,
        difference=headline,
        p_lower=p_lower,
        p_upper=p_upper,
        p_ahead=_p_exact(p_ahead, alpha, at, lambda d: d.interval.low > 0),
        p_behind=_p_exact(p_behind, alpha, at, lambda d: d.interval.high < 0),
        sentence=f"{sentence}; informal, since {' and '.join(informal)}" if informal else sentence,
        informal=bool(informal),
        notes=all_notes,
    )


def _p_exact(
    p: float, alpha: float, at: Callable[[float], Sequence[Difference]] | None, clears: Callable[[Difference], bool]
) -> float:
    """The smallest alpha, to 2 %, at which all readings still clear 0; `p` itself where they do not at `alpha`."""
    if at is None or p >= alpha:
        return p
    low, high = _LEAST_P, alpha
    if all(clears(d) for d in at(low)):
        return low
    while high / low > 1.02:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if all(clears(d) for d in at(middle)) else (middle, high)
    return high


def _claim(outcome: Outcome, difference: Difference, margin: float, unsettled: bool) -> str:
    """What was shown and what was not; `{reference}` stands for the other side."""
    size = f"{_points(margin)} points"
    if outcome is Outcome.EQUIVALENT:
        return f"is at parity with {{reference}}: a difference of {size} or more is ruled out"
    if outcome is Outcome.SUPERIOR:
        more = difference.interval.low > margin
        shown = f"by more than {size}" if more else f"a lead is shown, but not one of more than {size}"
        return f"is ahead of {{reference}} {shown}" if more else f"is ahead of {{reference}}: {shown}"
    if outcome is Outcome.INFERIOR:
        if difference.interval.high < -margin:
            return f"is behind {{reference}} by more than {size}"
        return f"is behind {{reference}}: a gap is shown, but not one of more than {size}"
    if outcome is Outcome.NON_INFERIOR:
        return f"is not behind {{reference}} by {size} or more; neither parity nor a lead is shown"
    if unsettled:
        return "against {reference} is undecided: the samples without a score decide the outcome"
    return f"against {{reference}} is undecided: neither parity within {size} nor a difference is shown"


def _numbers(difference: Difference, margin: float) -> str:
    interval = difference.interval
    return (
        f"difference {_signed(difference.value)} points, {_points(interval.level)} % interval "
        f"for {KIND_LABELS[difference.kind]} {_signed(interval.low)} to {_signed(interval.high)}, "
        f"margin {_points(margin)}"
    )


def _signed(fraction: float) -> str:
    """Points with sign and one digit, never `-0.0`."""
    return f"{round(100 * fraction, 1) + 0.0:+.1f}"


def _points(fraction: float) -> str:
    return f"{100 * fraction:.6g}"


def not_comparable(
    reason: str,
    *,
    margin: float,
    alpha: float,
    subject: str = "",
    reference: str = "",
    difference: Difference | None = None,
    notes: Sequence[str] = (),
) -> Verdict:
    """The verdict when the protocols forbid a comparison; `difference` may be kept for the record.

    Raises `UsageError` for a margin or alpha out of range.
    """
    check_margin(margin)
    check_alpha(alpha)
    sides = f"{subject} and {reference} are " if subject and reference else ""
    return Verdict(
        outcome=Outcome.NOT_COMPARABLE,
        margin=margin,
        alpha=alpha,
        difference=difference,
        p_lower=None,
        p_upper=None,
        sentence=f"{sides}not comparable: {reason}",
        notes=tuple(notes),
    )


def on_all(outcomes: Iterable[Outcome]) -> bool:
    """Intersection-union claim "parity or better": shown not to be behind by the margin on every task.

    True if each outcome is superior, equivalent or non_inferior; each test at alpha keeps the claim at alpha,
    without correction (Berger 1982). Raises `UsageError` for no outcomes.
    """
    found = list(outcomes)
    if not found:
        raise UsageError("a claim over no tasks means nothing: no outcomes given")
    return all(outcome in NOT_BEHIND for outcome in found)


def holm(pvalues: ArrayLike, alpha: float) -> NDArray[np.bool_]:
    """Which hypotheses are rejected with family-wise error alpha ("ahead somewhere"), in the given order.

        reject p_(1) <= p_(2) <= ... while p_(i) <= alpha / (m - i + 1)

    Holm 1979. pvalues: (m,) in [0, 1]. Raises `UsageError` for another value or alpha outside (0, 1).
    """
    p = np.asarray(pvalues, dtype=np.float64)
    if p.ndim != 1 or not ((p >= 0) & (p <= 1)).all():
        raise UsageError(f"p-values must be a list of numbers between 0 and 1, not {p.tolist()}")
    if not 0.0 < alpha < 1.0:
        raise UsageError(f"alpha {alpha!r} is not between 0 and 1")
    order = np.argsort(p, kind="stable")
    passed = p[order] <= alpha / np.arange(len(p), 0, -1)
    rejected = np.zeros(len(p), dtype=np.bool_)
    rejected[order[np.logical_and.accumulate(passed)]] = True
    return rejected
