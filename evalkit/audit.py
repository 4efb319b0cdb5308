"""What in a run deserves a second look before its number is believed, as sentences per task.

Findings are facts about what was sent and what came back: no score is changed by them.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from evalkit.scoring.errata import Corrections, is_published
from evalkit.store import Totals
from evalkit.types import Errata, Item, Status, TaskSpec

GREEDY = "all samples of each item are identical, as they should be at temperature 0"
IDENTICAL = "all samples of each item are identical: the endpoint seems to ignore temperature or seed"
EMPTY = "the answer is empty"
NO_SANDBOX = "none"
_NOTABLE_TRUNCATED = 0.01
_SHOWN_REASONS = 3
_SHOWN_LEFT_OUT = 10


def copied(tasks: Sequence[TaskSpec], totals: Mapping[str, Totals]) -> dict[str, str]:
    """Tasks whose samples are copies of one text an item, and why that is so.

    At temperature 0 that is how it should be. Above it, it is judged over the whole run: short answers are often
    identical in one task without any fault.
    """
    repeated = [task for task in tasks if totals[task.name].n_repeated_items]
    same = [task for task in repeated if totals[task.name].n_varied_items == 0]
    greedy = {task.name for task in same if task.sampling.temperature == 0}
    sampled = [task for task in repeated if task.sampling.temperature != 0]
    ignored = {task.name for task in sampled} if all(task in same for task in sampled) else set()
    return dict.fromkeys(greedy, GREEDY) | dict.fromkeys(ignored, IDENTICAL)


def findings(
    task: TaskSpec,
    totals: Totals,
    statuses: Mapping[str, int],
    *,
    model: str,
    items: Iterable[Item],
    n_items: int,
    copies: str | None,
    left_out: Mapping[str, str],
) -> list[str]:
    """Everything that a reader of the number should know.

    `items` are read only if the task has errata; `copies` is its entry in `copied`; `left_out` are items that were not
    asked, with the reasons.
    """
    return [
        *_parameters(task, totals),
        *_served(totals, model),
        *_copies(task, totals, copies),
        *_answers(totals, statuses),
        *_code(totals),
        *_bookkeeping(totals),
        *_left_out(left_out),
        *_items(task, n_items),
        *_errata(task.errata, totals, items, task.n_items == n_items),
    ]


def _parameters(task: TaskSpec, totals: Totals) -> list[str]:
    found = [f"not sent although asked for: {names} ({n:,} samples)" for names, n in totals.dropped.items()]
    if omitted := task.sampling.omitted:
        parts = [f"{name} (the task has {value})" for name, value in sorted(omitted.items())]
        found.append(f"left to the endpoint: {', '.join(parts)}")
    if totals.n_over_limit:
        limit = task.sampling.max_tokens
        found.append(f"{totals.n_over_limit:,} answers have more than the {limit:,} tokens that were the limit")
    if task.sampling.temperature == 0 and totals.n_varied_items:
        which = f"{totals.n_varied_items:,} of {totals.n_repeated_items:,} items"
        found.append(f"temperature 0, and yet the samples of {which} differ")
    return found


def _served(totals: Totals, model: str) -> list[str]:
    served = totals.served
    if len(served) > 1:
        parts = [f"{s.model} ({s.n_samples:,} samples{_when(s.first_s, s.last_s)})" for s in served]
        return [f"several model ids were served: {', '.join(parts)}"]
    return [f"asked for {model}, served by {served[0].model}"] if served and served[0].model != model else []


def _copies(task: TaskSpec, totals: Totals, copies: str | None) -> list[str]:
    if copies:
        return [f"{copies}; they count as one sample an item"]
    n_same = totals.n_repeated_items - totals.n_varied_items
    if n_same and task.sampling.temperature != 0:
        return [f"{n_same:,} of {totals.n_repeated_items:,} items have identical samples although temperature is not 0"]
    return []


def _answers(totals: Totals, statuses: Mapping[str, int]) -> list[str]:
    n = sum(statuses.values())
    found = []
    if errored := statuses.get(Status.ERRORED, 0):
        found.append(f"{errored:,} of {n:,} requests failed ({_reasons(totals, Status.ERRORED)})")
    truncated = statuses.get(Status.TRUNCATED, 0)
    if truncated > _NOTABLE_TRUNCATED * n:
        found.append(f"{truncated:,} of {n:,} answers were cut off ({_reasons(totals, Status.TRUNCATED)})")
    if refused := statuses.get(Status.REFUSED, 0):
        found.append(f"{refused:,} of {n:,} answers are refusals ({_reasons(totals, Status.REFUSED)})")
    if empty := totals.reasons.get(Status.UNPARSED, {}).get(EMPTY, 0):
        found.append(f"{empty:,} of {n:,} answers are empty")
    return found


def _code(totals: Totals) -> list[str]:
    found = []
    if totals.failures:
        found.append("code that did not pass: " + ", ".join(f"{kind} {n:,}" for kind, n in totals.failures.items()))
    if totals.sandboxes:
        parts = [f"{name} ({n:,} samples)" for name, n in totals.sandboxes.items()]
        found.append(f"code was run in: {'; '.join(parts)}")
    if unsafe := sum(n for name, n in totals.sandboxes.items() if name.startswith(NO_SANDBOX)):
        found.append(f"{unsafe:,} samples were run WITHOUT A SANDBOX: their code could read and change anything here")
    return found


def _reasons(totals: Totals, status: Status) -> str:
    reasons = list(totals.reasons.get(status, {}).items())
    parts = [f"{reason}: {n:,}" for reason, n in reasons[:_SHOWN_REASONS]]
    return ", ".join(parts) + (", ..." if len(reasons) > _SHOWN_REASONS else "")


def _bookkeeping(totals: Totals) -> list[str]:
    found = []
    if totals.n_cached:
        found.append(f"{totals.n_cached:,} of {totals.n_answered:,} answers come from the response cache")
    if totals.n_without_usage and totals.n_without_usage < totals.n_answered:
        found.append(f"{totals.n_without_usage:,} answers came without token counts: the totals are too low")
    elif totals.n_without_usage:
        found.append("the endpoint reports no token counts")
    if totals.n_without_finish_reason:
        found.append(f"{totals.n_without_finish_reason:,} answers came without a finish reason: cut ones look complete")
    return found


def _items(task: TaskSpec, n_items: int) -> list[str]:
    if task.n_items is not None and n_items != task.n_items:
        return [f"{n_items} of the benchmark's {task.n_items} items were run"]
    return []


def _left_out(items: Mapping[str, str]) -> list[str]:
    if not items:
        return []
    reasons = ", ".join(f"{why} ({n:,})" for why, n in Counter(items.values()).most_common(_SHOWN_LEFT_OUT))
    named = ", ".join(itertools.islice(items, _SHOWN_LEFT_OUT))
    more = ", ..." if len(items) > _SHOWN_LEFT_OUT else ""
    return [
        f"{len(items):,} items were left out, since they cannot be graded here: {reasons}; {named}{more} (run.json)"
    ]


def _errata(errata: Errata | None, totals: Totals, items: Iterable[Item], complete: bool) -> list[str]:
    n = totals.n_corrected
    if errata is None:
        return [f"{n:,} scores are still against corrected golds: grade the run again (evalkit score)"] if n else []
    found = []
    if n:
        which = f"{n:,} {'score is' if n == 1 else 'scores are'} against corrected golds"
        found.append(f"{which} (items: {totals.n_corrected_items:,}); --errata off grades against those published")
    corrections = Corrections(errata)
    absent = set(errata.items)
    for item in items:
        if (erratum := corrections.about(item)) is None:
            continue
        absent.discard(erratum)
        if not is_published(erratum, item):
            found.append(
                f"the erratum of {erratum.name} is not applied: the gold is {str(item.target)!r:.60}, not "
                f"{erratum.published!r:.60}; it is corrected already, or this is another item"
            )
    if absent and complete:
        found.append(f"{len(absent)} of {len(errata.items)} errata are not applied: the run has no such items")
    return found


def _when(first_s: float, last_s: float) -> str:
    return f", {_clock(first_s)} to {_clock(last_s)}" if first_s else ""


def _clock(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%d %H:%M")
