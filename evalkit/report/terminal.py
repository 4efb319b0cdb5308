"""Tables on standard output."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from evalkit.comparison import (
    Claim,
    Comparison,
    PublishedComparison,
    PublishedComparisons,
    reference_se,
    suite_claims,
    without_record,
)
from evalkit.report import format as fmt
from evalkit.summary import RunSummary
from evalkit.types import Outcome, Severity, TaskEstimate

_STYLE = {
    Outcome.SUPERIOR: "green",
    Outcome.EQUIVALENT: "green",
    Outcome.NON_INFERIOR: "cyan",
    Outcome.INFERIOR: "red",
    Outcome.INCONCLUSIVE: "yellow",
    Outcome.NOT_COMPARABLE: "dim",
}


def console() -> Console:
    """Standard output; wide where it is not a terminal, so that pipes get whole lines."""
    probe = Console(emoji=False)
    return probe if probe.is_terminal else Console(width=200, emoji=False)


def say(out: Console, text: str) -> None:
    """A line of prose: wrapped at words on a terminal, left whole in a pipe."""
    out.print(text, soft_wrap=not out.is_terminal)


def print_summary(summary: RunSummary) -> None:
    """Scores of a run with both error bars."""
    graders = fmt.graders(summary.tasks)
    theirs = [f"by {escape(fmt.plain(grader))} %" for grader in graders]
    columns = ("score %", "same items", "new items", "bounds", *theirs, "items", "samples", "not scored", "tokens")
    table = _table("task", *columns)
    for task in summary.tasks:
        estimate = task.estimate
        head = estimate.headline if estimate else None
        table.add_row(
            escape(task.task),
            fmt.percent(head.value if head else None),
            fmt.interval(head.benchmark) if head else "–",
            fmt.interval(head.population) if head else "–",
            _bounds(task.estimate),
            *(fmt.mean_by(task, grader) for grader in graders),
            fmt.count(task.n_items),
            fmt.count(sum(task.statuses.values())) + (f" ({task.samples_owed} owed)" if task.samples_owed else ""),
            fmt.statuses(task.statuses),
            fmt.count(task.totals.completion_tokens),
        )
    out = console()
    say(out, f"\n[bold]{escape(summary.model)}[/bold]  run {escape(summary.run)}")
    out.print(table)
    say(out, f"[dim]{fmt.ERROR_BAR_LEGEND}[/dim]")
    for task in summary.tasks:
        if task.estimate and task.estimate.secondary:
            say(out, f"[dim]{escape(task.task)}: {fmt.secondary(task.estimate)}[/dim]")
    for task in summary.tasks:
        if task.rounds:
            say(out, f"{escape(task.task)}: {fmt.rounds(task)}")
    print_findings(out, summary)
    if summary.cost is not None and summary.prices is not None:
        say(out, f"cost: {summary.cost:.4g} {escape(summary.prices.currency)}")


def print_findings(out: Console, summary: RunSummary) -> None:
    """What other graders say, and what deserves a second look."""
    for task in summary.tasks:
        for other in task.opinions:
            say(out, f"{escape(task.task)}: {escape(fmt.opinion(other))}")
    for task in summary.tasks:
        for finding in task.audit:
            say(out, f"[yellow]audit[/yellow] {escape(task.task)}: {escape(fmt.plain(finding))}")
    if not any(task.audit for task in summary.tasks):
        say(out, "[dim]audit: nothing dropped, cut off, refused, empty, repeated or served by another model[/dim]")


def print_comparisons(comparisons: Sequence[Comparison], details: bool = True) -> None:
    """Verdicts per task and reference with the numbers that led there; `details` adds sentences and sources."""
    out = console()
    if not details:
        say(out, "\nCompared with references:")
    unknown = without_record(comparisons)
    shown = [c for c in comparisons if c.model not in unknown]
    table = _table("task", "score %", "same items", "new items", "against", "reference", "difference", "for", "verdict")
    for c in shown:
        head = c.estimate.headline if c.estimate else None
        style = _STYLE[c.verdict.outcome]
        table.add_row(
            escape(c.task),
            fmt.percent(head.value if head else None),
            fmt.interval(head.benchmark) if head else "–",
            fmt.interval(head.population) if head else "–",
            escape(c.model),
            fmt.reference_value(c.reference, c.reference_se),
            fmt.difference(c.verdict.difference),
            fmt.about(c.verdict.difference),
            f"[{style}]{fmt.outcome(c.verdict)}[/{style}]",
        )
    if shown:
        out.print(table)
        legend = f"{fmt.ERROR_BAR_LEGEND} " if details else ""
        say(out, f"[dim]{legend}{fmt.DIFFERENCE_LEGEND}[/dim]")
    print_claims(out, suite_claims(comparisons))
    for c in shown if details else ():
        _print_detail(out, c)
    if unknown:
        say(out, f"\nNot comparable: no published score of {escape(', '.join(unknown))} on any of these tasks.")


def print_claims(out: Console, claims: Sequence[Claim]) -> None:
    """What the rows show together, against each reference."""
    for c in claims:
        say(out, f"\n[bold]all tasks / {escape(c.model)}[/bold]: {escape(c.claim.sentence)}")
        if text := fmt.macro(c.claim):
            say(out, f"  {text}")


def print_published(found: PublishedComparisons) -> None:
    """Published numbers against each other, with what their sources do not state below the table."""
    out = console()
    first, second = escape(found.first), escape(found.second)
    say(out, f"\n[bold]{first}[/bold] against [bold]{second}[/bold], as published")
    heads = [first, second]
    if first.partition(" by ")[0] == second.partition(" by ")[0]:
        heads = ["by " + label.partition(" by ")[2] for label in heads]
    table = _table("benchmark", *heads, "difference", "margin", "verdict")
    for c in found.comparisons:
        style = _STYLE[c.verdict.outcome]
        reason = f": {c.verdict.sentence.partition(': ')[2]}" if c.verdict.difference is None else ""
        table.add_row(
            escape(c.name),
            fmt.reference_value(c.first, reference_se(c.first)),
            fmt.reference_value(c.second, reference_se(c.second)),
            fmt.difference(c.verdict.difference),
            f"{100 * c.verdict.margin:g}",
            f"[{style}]{escape(fmt.outcome(c.verdict) + reason)}[/{style}]",
        )
    out.print(table)
    say(out, f"[dim]{fmt.PUBLISHED_LEGEND}[/dim]")
    print_claims(out, found.claims)
    out.print()

    def protocol(c: PublishedComparison) -> str:
        return fmt.open_protocol(c, found.first, found.second)

    for title, text in (("protocol", protocol), (first, _first_source), (second, _second_source)):
        for line, names in _grouped((text(c), c.name) for c in found.comparisons):
            say(out, f"[dim]{title}, {escape(', '.join(names))}: {escape(line)}[/dim]")
    if found.other_variants:
        say(out, f"Not compared, since they share no variant: {escape(', '.join(found.other_variants))}.")


def _first_source(c: PublishedComparison) -> str:
    return f"{c.first.source}; {c.first.reported_by}"


def _second_source(c: PublishedComparison) -> str:
    return f"{c.second.source}; {c.second.reported_by}"


def _grouped(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, list[str]]]:
    """(text, names that share it), so that one line says it for all; nothing where there is no text."""
    found: dict[str, list[str]] = {}
    for text, name in pairs:
        found.setdefault(text, []).append(name)
    return [(text, names) for text, names in found.items() if text]


def _print_detail(out: Console, c: Comparison) -> None:
    say(out, f"\n[bold]{escape(c.task)} / {escape(c.model)}[/bold]: {escape(c.verdict.sentence)}")
    if c.reference is not None:
        date = f", {c.reference.date}" if c.reference.date else ""
        say(out, f"  source: {escape(c.reference.source)}{date}; {escape(c.reference.reported_by)}")
    for severity, text in fmt.mismatches(c.mismatches, c.run):
        mark = {Severity.FATAL: "red", Severity.MAJOR: "yellow", Severity.MINOR: "dim"}[severity]
        say(out, f"  [{mark}]{severity}[/{mark}] {escape(text)}")
    diff = c.verdict.difference
    for text in (*c.verdict.notes, *(diff.assumptions if diff else ())):
        say(out, f"  [dim]{escape(text)}[/dim]")


def _bounds(estimate: TaskEstimate | None) -> str:
    if estimate is None:
        return "–"
    low, high = estimate.as_wrong.value, estimate.excluded.value if estimate.excluded else None
    return fmt.percent(low) if high == low else f"{fmt.percent(low)} / {fmt.percent(high)}"


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
