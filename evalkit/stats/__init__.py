"""Statistics of the harness: pure functions over arrays, no files, no printing.

Input everywhere: `values`, floats of shape (n_items, k_max) in [0, 1] with NaN where a sample does not
exist or is left out, and optionally `clusters`, one label per item. Results are the frozen dataclasses of
`evalkit.types`.
"""

from evalkit.stats.arrays import STATUSES
from evalkit.stats.differences import against_reference, paired
from evalkit.stats.estimates import benchmark_error, estimate, population_error
from evalkit.stats.intervals import clopper_pearson
from evalkit.stats.metrics import avg_at_k, maj_at_k, pass_at_k
from evalkit.stats.sequential import decided_after
from evalkit.stats.task_estimates import task_estimate
from evalkit.stats.verdicts import decide, holm, not_comparable, on_all, verdict

__all__ = [
    "STATUSES",
    "against_reference",
    "avg_at_k",
    "benchmark_error",
    "clopper_pearson",
    "decide",
    "decided_after",
    "estimate",
    "holm",
    "maj_at_k",
    "not_comparable",
    "on_all",
    "paired",
    "pass_at_k",
    "population_error",
    "task_estimate",
    "verdict",
]
