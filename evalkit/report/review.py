"""Single samples on standard output: what a grader said of them, and what it would say now."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape

from evalkit.report import format as fmt
from evalkit.report.terminal import console, say
from evalkit.rescore import Flip
from evalkit.types import Json, Score


def print_flip(flip: Flip) -> None:
    """One score before and after."""
    out = console()
    _head(out, flip.task, flip.item, flip.sample, flip.targets)
    say(out, f"  before  {_verdict(flip.before)}")
    say(out, f"  after   {_verdict(flip.after)}")


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
