"""What the verdicts of several tasks show together.

Policy: the claim over all tasks is an intersection-union of tests at alpha, which needs no correction (Berger 1982); a
claim about some of them is corrected for having looked at all (Holm 1979). Whatever cannot be compared counts against
every claim: the claim over all is not shown, and in Holm's family it stands with p = 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evalkit.errors import UsageError
from evalkit.stats.intervals import check_alpha
from evalkit.stats.macro import macro_difference
from evalkit.stats.verdicts import NOT_BEHIND, holm, on_all
from evalkit.types import Difference, Outcome, SuiteClaim, Verdict


def suite_claim(verdicts: Mapping[str, Verdict], alpha: float | None = None) -> SuiteClaim:
    """Claims over the tasks of `verdicts` (task -> verdict against one reference), with one plain sentence.

        on all:  every outcome is superior, equivalent or non_inferior; each test at its own alpha, hence the claim
                 at the largest of them
        ahead, behind:  Holm over all tasks at `alpha` with p_ahead, p_behind of the verdicts (1 where there is none)
        macro:   `macro_difference`, equal weights

    alpha: of Holm; default the largest of the verdicts. Raises `UsageError` for no verdicts or alpha outside (0, 0.5).
    """
    if not verdicts:
        raise UsageError("a claim over no tasks means nothing: no verdicts given")
    largest = max(v.alpha for v in verdicts.values())
    alpha = largest if alpha is None else check_alpha(alpha)
    missing = [t for t, v in verdicts.items() if v.outcome is Outcome.NOT_COMPARABLE]
    shown = [t for t, v in verdicts.items() if v.outcome in NOT_BEHIND]
    open_ = [t for t in verdicts if t not in missing and t not in shown]
    ahead = _rejected(verdicts, [v.p_ahead for v in verdicts.values()], alpha)
    behind = _rejected(verdicts, [v.p_behind for v in verdicts.values()], alpha)
    informal = any(v.informal for v in verdicts.values())
    holds = on_all(v.outcome for v in verdicts.values())
    parts = [_all_sentence(len(verdicts), shown, open_, missing)]
    if len({v.alpha for v in verdicts.values()}) > 1:
        parts.append(f"The tasks have different alphas: the claim over all is at the largest, {largest:g}.")
    parts.append(f"Ahead by any amount, after Holm: {_listed(ahead)}.")
    if behind:
        parts.append(f"Behind by any amount, after Holm: {_listed(behind)}.")
    if informal:
        parts.append("Informal, since at least one of the verdicts is.")
    return SuiteClaim(
        tasks=tuple(verdicts),
        alpha=largest,
        on_all=holds,
        not_behind=tuple(shown),
        not_shown=tuple(open_),
        not_comparable=tuple(missing),
        ahead=ahead,
        behind=behind,
        macro=_macro(list(verdicts.values())),
        informal=informal,
        sentence=" ".join(parts),
    )


def _rejected(verdicts: Mapping[str, Verdict], pvalues: Sequence[float | None], alpha: float) -> tuple[str, ...]:
    found = holm([1.0 if p is None else p for p in pvalues], alpha)
    return tuple(task for task, yes in zip(verdicts, found, strict=True) if yes)


def _macro(verdicts: Sequence[Verdict]) -> Difference | None:
    """The mean difference; tasks whose intervals speak of different things have none."""
    differences = [v.difference for v in verdicts if v.outcome is not Outcome.NOT_COMPARABLE and v.difference]
    alike = {(d.kind, round(d.interval.level, 9)) for d in differences}
    return macro_difference(differences) if len(differences) == len(verdicts) and len(alike) == 1 else None


def _all_sentence(n: int, shown: Sequence[str], open_: Sequence[str], missing: Sequence[str]) -> str:
    over = f"Over the {n} tasks" if n > 1 else "On the one task"
    if len(shown) == n:
        each = "each" if n > 1 else "it"
        return f"{over}: parity or better is shown on {each}; hence 'on par on all of these' is shown."
    parts = [f"parity or better is shown on {_listed(shown)}"]
    if open_:
        parts[0] += f" but not on {_listed(open_)}" if shown else f" of {_listed(open_)}"
    if missing:
        parts.append(f"{_listed(missing)} cannot be compared")
    return f"{over}: {'; '.join(parts)}; hence 'on par on all of these' is not shown."


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"
