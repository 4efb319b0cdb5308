"""Claims over several tasks: what each of them needs, and the sentence that says it."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest

from evalkit.errors import UsageError
from evalkit.stats import not_comparable, suite_claim, verdict
from evalkit.types import Difference, Interval, Verdict


def judged(value: float, se: float, *bounds: float, alpha: float = 0.05, informal: bool = False) -> Verdict:
    """A verdict on a normal difference with margin 0.05; `bounds` are the values of further readings."""
    z = NormalDist().inv_cdf(1 - alpha)

    def difference(d: float) -> Difference:
        interval = Interval(low=d - z * se, high=d + z * se, level=1 - 2 * alpha, method="normal")
        return Difference(value=d, se=se, interval=interval, kind="population", method="normal")

    reasons = ["the protocols differ"] if informal else []
    found = [difference(d) for d in bounds]
    return verdict(difference(value), found, margin=0.05, alpha=alpha, subject="m", reference="r", informal=reasons)


PAR, AHEAD, BEHIND, OPEN = judged(0.0, 0.01), judged(0.2, 0.01), judged(-0.2, 0.01), judged(0.0, 0.1)
NEVER = not_comparable("other items", margin=0.05, alpha=0.05)


def test_on_par_on_all() -> None:
    claim = suite_claim({"a": PAR, "b": AHEAD})
    assert claim.on_all and claim.not_behind == ("a", "b") and claim.ahead == ("b",) and not claim.informal
    assert claim.sentence == (
        "Over the 2 tasks: parity or better is shown on each; hence 'on par on all of these' is shown. "
        "Ahead by any amount, after Holm: b."
    )
    assert claim.macro is not None and claim.macro.value == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ({"b": OPEN}, "shown on a but not on b; hence 'on par on all of these' is not shown"),
        ({"b": BEHIND, "c": OPEN}, "shown on a but not on b, c; hence"),
        ({"b": NEVER}, "shown on a; b cannot be compared; hence 'on par on all of these' is not shown"),
        ({"a": OPEN, "b": BEHIND}, "shown on none of a, b; hence"),
        ({"a": NEVER}, "shown on none; a cannot be compared; hence"),
    ],
)
def test_what_is_not_shown_is_said(others: dict[str, Verdict], said: str) -> None:
    claim = suite_claim({"a": PAR} | others)
    assert not claim.on_all and said in claim.sentence


def test_a_lead_on_one_of_many_has_to_be_larger() -> None:
    """p = 0.03 is a lead of one task, and none of four; where three are certain, the fourth is tested alone."""
    small = judged(0.01 * NormalDist().inv_cdf(0.97), 0.01)
    assert small.p_ahead == pytest.approx(0.03)
    assert suite_claim({"a": small}).ahead == ("a",)
    assert suite_claim({"a": small, "b": PAR, "c": PAR, "d": PAR}).ahead == ()
    assert suite_claim({"a": small, "b": AHEAD, "c": AHEAD, "d": AHEAD}).ahead == ("a", "b", "c", "d")
    assert suite_claim({"a": small, "b": NEVER}).ahead == (), "a task that cannot be compared was looked at too"
    assert suite_claim({"a": small}, alpha=0.01).ahead == ()


def test_a_lead_must_hold_in_every_reading() -> None:
    unsettled = judged(0.2, 0.01, -0.2, 0.3)
    assert unsettled.p_ahead == pytest.approx(1.0) and unsettled.p_behind == pytest.approx(1.0)
    claim = suite_claim({"a": unsettled, "b": PAR})
    assert claim.ahead == () and claim.behind == () and claim.not_shown == ("a",)


def test_informal_and_different_alphas_are_said() -> None:
    claim = suite_claim({"a": judged(0.0, 0.01, informal=True), "b": judged(0.0, 0.01, alpha=0.1)})
    assert claim.informal and "Informal" in claim.sentence
    assert claim.alpha == 0.1 and "at the largest, 0.1" in claim.sentence
    assert claim.macro is None, "intervals of different levels have no common average"


def test_a_claim_over_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="no verdicts"):
        suite_claim({})
    with pytest.raises(UsageError, match="alpha"):
        suite_claim({"a": PAR}, alpha=0.7)


def test_error_rates_by_simulation() -> None:
    """No lead anywhere: one is claimed in at most 5 % of suites; a task at the margin: on all in at most 5 %."""
    rng = np.random.default_rng(5)
    ahead = on_all = 0
    n = 2000
    for _ in range(n):
        draws = rng.normal(0.0, 0.02, 4)
        ahead += bool(suite_claim({str(i): judged(float(d), 0.02) for i, d in enumerate(draws)}).ahead)
        at_margin = [judged(float(rng.normal(-0.05, 0.02)), 0.02), judged(0.0, 0.001)]
        on_all += suite_claim({str(i): v for i, v in enumerate(at_margin)}).on_all
    slack = 3 * (0.05 * 0.95 / n) ** 0.5
    assert ahead / n <= 0.05 + slack and on_all / n <= 0.05 + slack
    assert ahead / n >= 0.03, "the test is not so careful that it never finds anything"
