"""Statistics of the harness: pure functions over arrays, no files, no printing.

Input everywhere: `values`, floats of shape (n_items, k_max) in [0, 1] with NaN where a sample does not
exist or is left out, and optionally `clusters`, one label per item. Results are the frozen dataclasses of
`evalkit.types`.
"""

from evalkit.stats.arrays import STATUSES
from evalkit.stats.betting import BETTING, allocation, confidence_sequence
from evalkit.stats.bootstrap import bootstrap_interval, bootstrap_means
from evalkit.stats.by_name import Metric, MetricValue, metric_value, parse_metric, usual_metrics
from evalkit.stats.differences import against_reference, paired, published_difference
from evalkit.stats.estimates import benchmark_error, estimate, population_error
from evalkit.stats.intervals import check_alpha, clopper_pearson
from evalkit.stats.macro import macro_average, macro_difference
from evalkit.stats.metrics import avg_at_k, g_pass_at_k, maj_at_k, mg_pass_at_k, pass_at_k
from evalkit.stats.power import (
    Design,
    best_margin,
    parity_margin,
    pilot_share,
    reference_arm,
    rounds_needed,
    samples_needed,
    smallest_lead,
)
from evalkit.stats.ranks import rank_intervals
from evalkit.stats.readings import Readings, readings
from evalkit.stats.sequential import decided_after, first_decided, sequential_differences, sequential_estimate
from evalkit.stats.suites import suite_claim
from evalkit.stats.tables import Aligned, ItemTable, aligned, item_table
from evalkit.stats.task_estimates import task_estimate
from evalkit.stats.verdicts import check_margin, decide, holm, not_comparable, on_all, verdict

__all__ = [
    "BETTING",
    "STATUSES",
    "Aligned",
    "Design",
    "ItemTable",
    "Metric",
    "MetricValue",
    "Readings",
    "against_reference",
    "aligned",
    "allocation",
    "avg_at_k",
    "benchmark_error",
    "best_margin",
    "bootstrap_interval",
    "bootstrap_means",
    "check_alpha",
    "check_margin",
    "clopper_pearson",
    "confidence_sequence",
    "decide",
    "decided_after",
    "estimate",
    "first_decided",
    "g_pass_at_k",
    "holm",
    "item_table",
    "macro_average",
    "macro_difference",
    "maj_at_k",
    "metric_value",
    "mg_pass_at_k",
    "not_comparable",
    "on_all",
    "paired",
    "parity_margin",
    "parse_metric",
    "pass_at_k",
    "pilot_share",
    "population_error",
    "published_difference",
    "rank_intervals",
    "readings",
    "reference_arm",
    "rounds_needed",
    "samples_needed",
    "sequential_differences",
    "sequential_estimate",
    "smallest_lead",
    "suite_claim",
    "task_estimate",
    "usual_metrics",
    "verdict",
]
