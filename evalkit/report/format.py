"""How numbers are written everywhere: percent with one decimal, intervals with their ends."""

from __future__ import annotations

import re
from collections.abc import Sequence

from evalkit.agreement import GraderSummary
from evalkit.comparison import PublishedComparison
from evalkit.summary import TaskSummary
from evalkit.types import (
    KIND_LABELS,
    OUTCOME_LABELS,
    Difference,
    ErrorBar,
    Mismatch,
    Reference,
    Severity,
    SuiteClaim,
    TaskEstimate,
    Verdict,
)

ERROR_BAR_LEGEND = (
    "same items = 95 % interval if the run were repeated on these items (sampling noise only); "
    "new items = 95 % interval for questions like these (the items are a sample too)."
)

DIFFERENCE_LEGEND = (
    "reference ± = standard error, assumed from its n and k, measured for a run; difference = run minus reference, "
    "with the interval that the verdict is read from and what it speaks of."
)

PUBLISHED_LEGEND = (
    "± = standard error of the sampling noise, at most, from n and k (an unknown k counts as 1, an unknown n as that "
    "of the other side). difference = first minus second, in points, for the same items."
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


def about(diff: Difference | None) -> str:
    """Which uncertainty the interval of a difference speaks of: `same items` or `new items`."""
    return "–" if diff is None else KIND_LABELS[diff.kind]


def macro(claim: SuiteClaim) -> str:
    """`Mean difference over the tasks: +0.4 points (-1.0 to +1.8), same items.`; empty where there is none."""
    if claim.macro is None:
        return ""
    return f"Mean difference over the tasks: {difference(claim.macro)} points, {about(claim.macro)}."


def outcome(verdict: Verdict) -> str:
    """The verdict in one or two words."""
    return OUTCOME_LABELS[verdict.outcome] + (" (informal)" if verdict.informal else "")


def mismatches(found: Sequence[Mismatch], run: str | None = None) -> list[tuple[Severity, str]]:
    """(severity, text) of each difference; what the reference only leaves unstated is one line a severity.

    `temperature: run 0.6, reference 1.0 (...)`; what is fatal says it all in its note.
    """
    other = "reference" if run is None else "other run"
    lines: list[tuple[Severity, str]] = []
    for m in found:
        if m.severity is Severity.FATAL:
            lines.append((m.severity, f"{m.field}: {m.note}"))
        elif not m.unstated or m.ours is None:
            lines.append((m.severity, f"{m.field}: run {m.ours}, {other} {m.theirs} ({m.note})"))
    for severity in (Severity.MAJOR, Severity.MINOR):
        silent = [m for m in found if m.severity is severity and m.unstated and m.ours is not None]
        if silent:
            fields = ", ".join(f"{m.field} (run {m.ours})" for m in silent)
            lines.append((severity, f"not stated by the {other}: {fields}"))
    return lines


def open_protocol(c: PublishedComparison, first: str, second: str) -> str:
    """`not stated: prompt, k (both); temperature (o1); differs: top_p`; empty if all is stated and agrees.

    Minor fields that neither states (next to no source does) are left out, but for k.
    """
    sides: dict[str, list[str]] = {}
    for m in c.mismatches:
        neither = m.ours is None and m.theirs is None
        if m.unstated and not (neither and m.severity is Severity.MINOR and m.field != "k"):
            who = "both" if neither else first if m.ours is None else second
            sides.setdefault(who, []).append(m.field)
    silent = [f"{', '.join(fields)} ({who})" for who, fields in sides.items()]
    parts = [f"not stated: {'; '.join(silent)}"] if silent else []
    differing = [f"{m.field} ({m.ours} against {m.theirs})" for m in c.mismatches if not m.unstated]
    return "; ".join(parts + ([f"differs: {', '.join(differing)}"] if differing else []))


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


def rounds(task: TaskSummary) -> str:
    """How many rounds a task took that was looked at after each of them."""
    if task.rounds is None:
        return ""
    return f"{task.rounds.in_words}; its interval for the same items holds however often one looks"
