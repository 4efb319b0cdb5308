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
from evalkit.stats.power import (
    Design,
    best_margin,
    parity_margin,
    pilot_share,
    reference_arm,
    samples_needed,
    smallest_lead,
)
from evalkit.stats.task_estimates import task_estimate
from evalkit.stats.verdicts import decide, holm, not_comparable, on_all, verdict

__all__ = [
    "STATUSES",
    "Design",
    "against_reference",
    "avg_at_k",
    "benchmark_error",
    "best_margin",
    "clopper_pearson",
    "decide",
    "estimate",
    "holm",
    "maj_at_k",
    "not_comparable",
    "on_all",
    "paired",
    "parity_margin",
    "pass_at_k",
    "pilot_share",
    "population_error",
    "reference_arm",
    "samples_needed",
    "smallest_lead",
    "task_estimate",
    "verdict",
]
