"""Single samples on standard output: what a grader said of them, and what it would say now."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape

from evalkit.report import format as fmt
from evalkit.report.terminal import console, print_findings, say
from evalkit.rescore import Flip
from evalkit.review import Listing, Review
from evalkit.summary import RunSummary
from evalkit.types import Json, Score


def print_flip(flip: Flip) -> None:
    """One score before and after."""
    out = console()
    _head(out, flip.task, flip.item, flip.sample, flip.targets)
    say(out, f"  before  {_verdict(flip.before)}")
    say(out, f"  after   {_verdict(flip.after)}")


def print_review(summary: RunSummary, found: Review) -> None:
    """The findings of every task, then the lists."""
    out = console()
    print_findings(out, summary)
    _list(out, "graders disagree", found.disagreements, "no answer on which graders disagree")
    _list(out, "unparsed, but the text contains the target", found.missed, "no unparsed answer contains its target")
    _list(out, "scored against a corrected gold", found.corrected, "no score is against a corrected gold")


def _list(out: Console, title: str, listing: Listing, none: str) -> None:
    if not listing.n:
        say(out, f"\n[dim]{none}[/dim]")
        return
    say(out, f"\n[bold]{title}: {listing.n:,}[/bold]")
    for case in listing.cases:
        _head(out, case.task, case.item, case.sample, case.targets)
        if case.targets != (case.published,):
            say(out, f"  published gold {shown(case.published)}; {escape(fmt.plain(case.score.erratum or ''))}")
        say(out, f"  {_by(case.score)}  {_verdict(case.score)}")
        for opinion in case.opinions:
            say(out, f"  {_by(opinion)}  {_verdict(opinion)}")
        say(out, f"  [dim]... {escape(fmt.plain(case.tail))}[/dim]")
    if listing.n > len(listing.cases):
        say(out, f"and {listing.n - len(listing.cases):,} more (--limit)")


def _by(score: Score) -> str:
    return escape(fmt.plain(score.scorer))


def _head(out: Console, task: str, item: str, sample: int, targets: tuple[Json, ...]) -> None:
    target = " or ".join(shown(target) for target in targets)
    say(out, f"[bold]{escape(task)}[/bold] {escape(fmt.plain(item))}, sample {sample}; target {target}")


def _verdict(score: Score | None) -> str:
    """`scored 0: '7' by boxed/number (reason)`, as markup."""
    if score is None:
        return "not graded"
    text = str(score.status) + ("" if score.value is None else f" {score.value:g}")
    if score.answer is not None:
        text += f": {shown(score.answer)}"
    if score.step:
        text += f" by {escape(fmt.plain(score.step))}"
    if score.reason:
        text += f" ({escape(fmt.plain(score.reason))})"
    return text + (" [yellow]corrected gold[/yellow]" if score.erratum else "")


def shown(value: object, width: int = 200) -> str:
    """An answer or a target in quotes, short, as markup."""
    text = fmt.plain(value)
    return escape(repr(text if len(text) <= width else text[:width] + "..."))
