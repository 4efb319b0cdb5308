"""`evalkit references`."""

from __future__ import annotations

import click
from rich.markup import escape

from evalkit import references as registry
from evalkit.cli.common import json_option, print_json, print_table
from evalkit.errors import UnknownName
from evalkit.types import Reference


@click.group()
def references() -> None:
    """List published reference scores."""


@references.command("list")
@click.option("--model", help="Only this model.")
@click.option("--task", help="Only this task or benchmark.")
@click.option("--all", "every", is_flag=True, help="Also records that are not the default of their cell.")
@json_option
def list_(model: str | None, task: str | None, every: bool, as_json: bool) -> None:
    """List the published scores, each with its source."""
    refs = registry.load_references()
    name = registry.resolve_model(refs, model) if model else None
    benchmarks = {r.task for r in refs if r.task} | {registry.stem(r) for r in refs}
    if task is not None and task not in benchmarks:
        raise UnknownName("benchmark", task, sorted(benchmarks))
    shown = [
        r
        for r in refs
        if (name is None or r.model == name)
        and (task is None or task in (r.task, registry.stem(r)))
        and (every or r.default)
    ]
    if as_json:
        print_json(shown)
        return
    print_table(("benchmark", "model", "metric", "value", "k", "date", "source"), [_row(r) for r in shown])
    click.echo(
        f"{len(shown)} of {len(refs)} records" + ("" if every else "; --all shows those that are not the default")
    )


def _row(r: Reference) -> tuple[str, ...]:
    benchmark = r.benchmark + (f" [{r.variant}]" if r.variant else "")
    value = f"{r.value:g} {r.unit}"
    k = str(r.samples) if r.samples is not None else r.samples_note or "?"
    return tuple(escape(c) for c in (benchmark, r.model, r.metric, value, k, r.date or "?", r.source))
