"""`evalkit audit`."""

from __future__ import annotations

from pathlib import Path

import click

from evalkit.cli.common import json_option, print_json
from evalkit.report.review import print_review
from evalkit.review import review
from evalkit.store import RunStore
from evalkit.summary import summarize


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--limit", type=click.IntRange(0), default=20, show_default=True, help="Samples shown of each list.")
@json_option
def audit(run: Path, limit: int, as_json: bool) -> None:
    """Show what in RUN deserves a second look, and the samples to read first.

    Listed are answers that graders judge differently (see --second-grader of evalkit run and score), unparsed answers
    whose text contains the target, and scores against corrected golds.
    """
    with RunStore.open(run) as store:
        found = review(store, limit)
        summary = summarize(store)
    if as_json:
        tasks = [{"task": t.task, "audit": t.audit, "opinions": t.opinions} for t in summary.tasks]
        print_json({"run": summary.run, "tasks": tasks, "review": found})
    else:
        print_review(summary, found)
