"""`evalkit compare`."""

from __future__ import annotations

from pathlib import Path

import click

from evalkit import boards
from evalkit.cli.common import json_option, print_json, split_names
from evalkit.comparison import Declared, compare_store
from evalkit.errors import UsageError
from evalkit.references import load_references
from evalkit.report.terminal import print_comparisons
from evalkit.store import RunStore


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--against", help="Reference models, for example o1,deepseek-r1; default: those the run declared.")
@click.option("--board", help="Take the reference models from this board.")
@click.option("--margin", type=click.FloatRange(0, 1, min_open=True, max_open=True), help="Parity margin (fraction).")
@click.option("--alpha", type=click.FloatRange(0, 0.5, min_open=True, max_open=True), help="Error rate of each test.")
@json_option
def compare(
    run: Path, against: str | None, board: str | None, margin: float | None, alpha: float | None, as_json: bool
) -> None:
    """Compare the run in directory RUN with published references."""
    with RunStore.open(run) as store:
        models = split_names(against) or list(store.record.spec.references)
        if board:
            models = models if against else list(boards.find(board).references)
        if not models:
            raise UsageError("compare with whom? Give --against o1,deepseek-r1 (see: evalkit references list)")
        comparisons = compare_store(store, models, load_references(), Declared(margin=margin, alpha=alpha))
    if as_json:
        print_json(comparisons)
    else:
        print_comparisons(comparisons)
