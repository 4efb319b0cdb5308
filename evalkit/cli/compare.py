"""`evalkit compare`."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import click

from evalkit import boards
from evalkit.cli.common import json_option, print_json, split_names
from evalkit.comparison import Declared, compare_runs, compare_store, suite_claims
from evalkit.errors import UsageError
from evalkit.references import load_references
from evalkit.report.terminal import print_comparisons
from evalkit.store import RunStore


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("others", metavar="[OTHER_RUN]...", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--against",
    help="Reference models, for example o1,deepseek-r1; default, if there is no OTHER_RUN: those the run declared.",
)
@click.option("--board", help="Take the reference models from this board.")
@click.option(
    "--kind",
    type=click.Choice(["population", "benchmark"]),
    help="Speak of questions like these, or of a repeat on the same items; default: population against runs, "
    "benchmark against published numbers.",
)
@click.option("--margin", type=click.FloatRange(0, 1, min_open=True, max_open=True), help="Parity margin (fraction).")
@click.option("--alpha", type=click.FloatRange(0, 0.5, min_open=True, max_open=True), help="Error rate of each test.")
@json_option
def compare(
    run: Path,
    others: tuple[Path, ...],
    against: str | None,
    board: str | None,
    kind: str | None,
    margin: float | None,
    alpha: float | None,
    as_json: bool,
) -> None:
    """Compare the run in directory RUN with other runs, item by item, and with published references."""
    declared = Declared(margin=margin, alpha=alpha, kind=kind)
    with ExitStack() as stack:
        store, *rest = (stack.enter_context(RunStore.open(path)) for path in (run, *others))
        models = split_names(against) or ([] if others else list(store.record.spec.references))
        if board:
            models = models if against else list(boards.find(board).rivals)
        if not models and not rest:
            raise UsageError(
                "compare with whom? Name another run directory, or give --against o1,deepseek-r1 "
                "(see: evalkit references list)"
            )
        comparisons = compare_runs(store, rest, declared)
        if models:
            comparisons += compare_store(store, models, load_references(), declared)
    if as_json:
        print_json({"comparisons": comparisons, "claims": suite_claims(comparisons)})
    else:
        print_comparisons(comparisons)
