"""`evalkit score`."""

from __future__ import annotations

from pathlib import Path

import click

from evalkit.cli.common import json_option, note, print_json
from evalkit.report.terminal import print_summary
from evalkit.rescore import rescore
from evalkit.store import RunStore
from evalkit.summary import summarize


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@json_option
def score(run: Path, as_json: bool) -> None:
    """Grade the stored generations of RUN again; no model is asked."""
    with RunStore.open(run, writer=True) as store:
        changed = rescore(store)
        summary = summarize(store)
        store.write_json("summary.json", summary)
    if as_json:
        print_json({"changed": changed, "summary": summary})
        return
    print_summary(summary)
    note(f"{sum(changed.values())} scores changed")
