"""What the samples of a task add up to, counted in the database: no text is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Query = Callable[[str, tuple[Any, ...]], list[tuple[Any, ...]]]

# One scan: `asked` are the samples that were generated for this run, as against those taken from the cache.
_SUMS = """
SELECT count(*), sum(prompt_tokens), sum(completion_tokens), sum(reasoning_tokens), max(reasoning_estimated),
  avg(latency_s) FILTER (WHERE NOT cached), avg(ttft_s) FILTER (WHERE NOT cached),
  sum(cached), sum(attempts > 1), sum(completion_tokens IS NULL), sum(finish_reason IS NULL),
  sum(completion_tokens > ?2), count(erratum), count(DISTINCT item) FILTER (WHERE erratum NOT NULL)
FROM samples WHERE task=?1 AND text_digest NOT NULL
"""
_REPEATED = """
SELECT count(*), sum(kinds > 1) FROM (
  SELECT count(DISTINCT text_digest) AS kinds FROM samples WHERE task=? AND text_digest NOT NULL
  GROUP BY item HAVING count(*) > 1)
"""
_SERVED = """
SELECT served_model, count(*), min(finished_s), max(finished_s) FROM samples
WHERE task=? AND text_digest NOT NULL GROUP BY served_model
"""
_DROPPED = "SELECT dropped, count(*) FROM samples WHERE task=? AND dropped NOT NULL GROUP BY dropped"
_REASONS = """
SELECT status, reason, count(*) FROM samples
WHERE task=? AND status != 'scored' GROUP BY status, reason ORDER BY count(*) DESC LIMIT 100
"""
_DETAILS = """
SELECT json_extract(detail, '$.{}'), count(*) FROM samples WHERE task=? AND detail NOT NULL GROUP BY 1 ORDER BY 2 DESC
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """One model id that an endpoint gave."""

    model: str
    n_samples: int
    first_s: float
    """Unix time of its first sample, and of its last."""
    last_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums and counts over the answered samples of a task; tokens over those whose endpoint reported them."""

    n_answered: int
    prompt_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    reasoning_estimated: bool
    mean_latency_s: float | None
    mean_ttft_s: float | None
    n_cached: int
    """Taken from the response cache: neither paid nor timed."""
    n_retried: int
    n_without_usage: int
    n_without_finish_reason: int
    n_over_limit: int
    """Answers with more tokens than the limit that was asked for."""
    n_repeated_items: int
    """Items with several answered samples."""
    n_varied_items: int
    """Those of them whose samples are not all the same text."""
    n_corrected: int
    """Scores against corrected golds."""
    n_corrected_items: int
    """The items of these scores."""
    served: tuple[Served, ...]
    """By time of the first sample."""
    dropped: Mapping[str, int]
    """Settings that were asked for and not sent, comma-separated -> samples."""
    reasons: Mapping[str, Mapping[str, int]]
    """Status of samples without a score -> why -> how many; the hundred most frequent."""
    failures: Mapping[str, int]
    """Of code: kind of failure -> how many samples."""
    sandboxes: Mapping[str, int]
    """Of code: where it was run -> how many samples."""


def read_totals(query: Query, task: int, max_tokens: int | None) -> Totals:
    """Count; `task` is the number of the task in the database."""
    sums = query(_SUMS, (task, max_tokens))[0]
    n, prompt, completion, reasoning, estimated, latency_s, ttft_s, cached, *odd = sums
    retried, no_usage, no_finish, over, n_corrected, n_corrected_items = odd
    n_several, n_varied = query(_REPEATED, (task,))[0]
    reasons: dict[str, dict[str, int]] = {}
    for status, reason, count in query(_REASONS, (task,)):
        reasons.setdefault(status, {})[reason or ""] = count
    served = [
        Served(model=name, n_samples=count, first_s=first or 0.0, last_s=last or 0.0)
        for name, count, first, last in query(_SERVED, (task,))
        if name
    ]
    return Totals(
        n_answered=n,
        prompt_tokens=prompt or 0,
        completion_tokens=completion or 0,
        reasoning_tokens=reasoning or 0,
        reasoning_estimated=bool(estimated),
        mean_latency_s=latency_s,
        mean_ttft_s=ttft_s,
        n_cached=cached or 0,
        n_retried=retried or 0,
        n_without_usage=no_usage or 0,
        n_without_finish_reason=no_finish or 0,
        n_over_limit=over or 0,
        n_repeated_items=n_several,
        n_varied_items=n_varied or 0,
        n_corrected=n_corrected,
        n_corrected_items=n_corrected_items,
        served=tuple(sorted(served, key=lambda s: s.first_s)),
        dropped=dict(query(_DROPPED, (task,))),
        reasons=reasons,
        failures=_details(query, task, "kind"),
        sandboxes=_details(query, task, "sandbox"),
    )


def _details(query: Query, task: int, name: str) -> dict[str, int]:
    return {str(value): n for value, n in query(_DETAILS.format(name), (task,)) if value is not None}
