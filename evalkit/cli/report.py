"""`evalkit report`."""

from __future__ import annotations

from pathlib import Path

import click

from evalkit.cli.common import json_option, print_json, split_names
from evalkit.comparison import compare_store
from evalkit.files import write_file
from evalkit.references import load_references
from evalkit.report import html
from evalkit.store import RunStore
from evalkit.summary import summarize


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--against", help="Reference models; default: those the run declared.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="File; default RUN/report.html.")
@json_option
def report(run: Path, against: str | None, output: Path | None, as_json: bool) -> None:
    """Write the report of RUN as one self-contained HTML file and print its path."""
    with RunStore.open(run) as store:
        path = write_report(store, split_names(against) or None, output)
    if as_json:
        print_json({"report": str(path)})
    else:
        click.echo(str(path))


def write_report(store: RunStore, models: list[str] | None = None, output: Path | None = None, note: str = "") -> Path:
    """Render and write the report; `models` defaults to the references the run declared."""
    models = list(store.record.spec.references) if models is None else models
    comparisons = compare_store(store, models, load_references())
    text = html.render(store.record, summarize(store), comparisons, note)
    return write_file(output or store.folder / "report.html", text)
