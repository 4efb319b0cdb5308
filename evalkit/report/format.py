"""How numbers are written everywhere: percent with one decimal, intervals with their ends."""

from __future__ import annotations

import re
from collections.abc import Sequence

from evalkit.agreement import GraderSummary
from evalkit.summary import TaskSummary
from evalkit.types import OUTCOME_LABELS, Difference, ErrorBar, Mismatch, Reference, Severity, TaskEstimate, Verdict

ERROR_BAR_LEGEND = (
    "same items = 95 % interval if the run were repeated on these items (sampling noise only); "
    "new items = 95 % interval for questions like these (the items are a sample too)."
)


_STEERING = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]+")


def plain(text: object) -> str:
    """A text of a model or a file on one line, without what could steer a terminal or reorder what is shown."""
    return _STEERING.sub(" ", str(text))


def percent(value: float | None) -> str:
    """`61.2`; a dash if not known."""
    return "–" if value is None else f"{100 * value:.1f}"


def interval(bar: ErrorBar) -> str:
    """`57.9 to 64.3`."""
    return f"{percent(bar.interval.low)} to {percent(bar.interval.high)}"


def points(value: float) -> str:
    """A signed difference in percentage points."""
    return f"{100 * value:+.1f}"


def difference(diff: Difference | None) -> str:
    """`-18.0 (-21.2 to -14.6)`."""
    if diff is None:
        return "–"
    return f"{points(diff.value)} ({points(diff.interval.low)} to {points(diff.interval.high)})"


def outcome(verdict: Verdict) -> str:
    """The verdict in one or two words."""
    return OUTCOME_LABELS[verdict.outcome] + (" (informal)" if verdict.informal else "")


def mismatch(m: Mismatch) -> str:
    """`temperature: run 0.6, reference not stated (...)`; what is fatal says it all in its note."""
    if m.severity is Severity.FATAL:
        return f"{m.field}: {m.note}"
    theirs = "not stated" if m.theirs is None else m.theirs
    return f"{m.field}: run {m.ours}, reference {theirs} ({m.note})"


def reference_value(reference: Reference | None, se: float | None) -> str:
    """`79.2 ± 7.4`, in the reference's unit; the standard error is marked unknown where nothing bounds it."""
    if reference is None:
        return "–"
    if reference.unit != "%":
        return f"{reference.value:g} {reference.unit}"
    if reference.exact:
        return f"{reference.value:.1f}"
    return f"{reference.value:.1f} ± {'?' if se is None else percent(se)}"


def statuses(counts: object) -> str:
    """`3 truncated, 1 errored`; empty if everything was scored."""
    if not isinstance(counts, dict):
        return ""
    return ", ".join(f"{n} {name}" for name, n in counts.items() if name != "scored")


def opinion(g: GraderSummary) -> str:
    """What another grader says of the answers, in one sentence."""
    if g.only_unparsed:
        n = sum(g.statuses.values())
        n_wrong = g.statuses.get("scored", 0) - g.n_right
        return (
            f"{plain(g.grader)} on {n:,} unparsed answers: {g.n_right:,} right, {n_wrong:,} wrong, "
            f"{n - g.n_right - n_wrong:,} without a verdict (not in the score)"
        )
    a = g.agreement
    return (
        f"{plain(g.grader)} on {a.n:,} answers: both right {a.both_right:,}, both wrong {a.both_wrong:,}, right only "
        f"by the score {a.only_first:,}, only by this grader {a.only_second:,}"
    )


def graders(tasks: Sequence[TaskSummary]) -> list[str]:
    """Names of all further graders: each has a column."""
    return sorted({g.grader for task in tasks for g in task.opinions})


def mean_by(task: TaskSummary, grader: str) -> str:
    """The task's score if this grader had the say."""
    return percent(next((g.mean for g in task.opinions if g.grader == grader), None))


def count(number: int) -> str:
    """`12,345`."""
    return f"{number:,}"


def secondary(estimate: TaskEstimate) -> str:
    """`pass@4 83.3, maj@4 76.7`; empty for one sample an item."""
    return ", ".join(f"{name} {percent(value)}" for name, value in estimate.secondary.items())
