"""`evalkit score`."""

from __future__ import annotations

from pathlib import Path

import click

from evalkit.cli.common import errata_option, json_option, note, print_json
from evalkit.errors import UsageError
from evalkit.planning import use_errata, with_errata
from evalkit.report.review import print_flip
from evalkit.report.terminal import print_summary
from evalkit.rescore import flips, rescore
from evalkit.store import RunStore
from evalkit.summary import summarize


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@errata_option
@click.option("--diff", is_flag=True, help="Show which scores would change, and why; store nothing.")
@click.option("--exit-code", is_flag=True, help="With --diff: exit code 1 if a score would change.")
@json_option
def score(run: Path, errata: str | None, diff: bool, exit_code: bool, as_json: bool) -> int:
    """Grade the stored generations of RUN again; no model is asked.

    Without --errata the golds are those that the run was graded with before.
    """
    if exit_code and not diff:
        raise UsageError("--exit-code goes with --diff")
    corrected = None if errata is None else errata == "on"
    if diff:
        return _diff(run, corrected, exit_code, as_json)
    with RunStore.open(run, writer=True) as store:
        if corrected is not None:
            use_errata(store, corrected)
        changed = rescore(store)
        summary = summarize(store)
        store.write_json("summary.json", summary)
    if as_json:
        print_json({"changed": changed, "summary": summary})
    else:
        print_summary(summary)
        note(f"{sum(changed.values())} scores changed")
    return 0


def _diff(run: Path, corrected: bool | None, exit_code: bool, as_json: bool) -> int:
    with RunStore.open(run) as store:
        spec = store.record.spec
        found = []
        for flip in flips(store, spec if corrected is None else with_errata(spec, corrected)):
            found.append(flip)
            if not as_json:
                print_flip(flip)
    if as_json:
        print_json(found)
    note(f"{len(found)} scores would change; nothing is stored")
    return int(exit_code and bool(found))
