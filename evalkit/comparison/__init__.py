"""A run against published numbers and other runs, and published numbers against each other.

Policy: protocol first, then the difference, then the verdict. A published number is one of the same items
(`benchmark`), since nothing else is known of it. Another run has per-item results: the two are paired, and by default
the verdict speaks of questions like these (`population`).
"""

from evalkit.comparison.published import PublishedComparison, PublishedComparisons, Reported, compare_published
from evalkit.comparison.references import compare_store, reference_se
from evalkit.comparison.results import Claim, Comparison, Declared, suite_claims, without_record
from evalkit.comparison.runs import compare_runs

__all__ = [
    "Claim",
    "Comparison",
    "Declared",
    "PublishedComparison",
    "PublishedComparisons",
    "Reported",
    "compare_published",
    "compare_runs",
    "compare_store",
    "reference_se",
    "suite_claims",
    "without_record",
]
