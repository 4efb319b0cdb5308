"""A run's report as one self-contained HTML file: no script, no network, error bars drawn as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import jinja2

from evalkit.codec import builtins
from evalkit.comparison import Comparison, suite_claims, without_record
from evalkit.report import format as fmt
from evalkit.summary import RunSummary
from evalkit.types import Estimate, RunRecord

_WIDTH = 320


def render(record: RunRecord, summary: RunSummary, comparisons: Sequence[Comparison], note: str = "") -> str:
    """The whole page as text. Everything from tasks, models and endpoints is escaped."""
    source = files("evalkit.report").joinpath("report.html.jinja").read_text(encoding="utf-8")
    env = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    env.globals.update(fmt=fmt, bar=_bar, width=_WIDTH)
    unknown = without_record(comparisons)
    return env.from_string(source).render(
        record=record,
        spec=record.spec,
        model=builtins(record.spec.model),
        summary=summary,
        comparisons=[c for c in comparisons if c.model not in unknown],
        unknown=unknown,
        claims=suite_claims(comparisons),
        by_task=_by_task(comparisons),
        note=note,
    )


def _bar(estimate: Estimate, references: Sequence[Comparison]) -> dict[str, Any]:
    """Pixel positions of one task's drawing: two intervals, the point, and published values as ticks."""

    def x(fraction: float) -> float:
        return round(4 + min(1.0, max(0.0, fraction)) * (_WIDTH - 8), 1)

    ticks = [
        {"x": x(c.reference.value / 100), "label": f"{c.model} {c.reference.value:g}"}
        for c in references
        if c.reference is not None and c.reference.unit == "%"
    ]
    return {
        "value": x(estimate.value),
        "inner": (x(estimate.benchmark.interval.low), x(estimate.benchmark.interval.high)),
        "outer": (x(estimate.population.interval.low), x(estimate.population.interval.high)),
        "ticks": ticks,
    }


def _by_task(comparisons: Sequence[Comparison]) -> dict[str, list[Comparison]]:
    found: dict[str, list[Comparison]] = {}
    for comparison in comparisons:
        found.setdefault(comparison.task, []).append(comparison)
    return found
