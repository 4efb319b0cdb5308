"""`evalkit references`."""

from __future__ import annotations

from collections.abc import Sequence

import click
from rich.markup import escape

from evalkit import references as registry
from evalkit.cli.common import json_option, print_json, print_table, split_names
from evalkit.errors import UnknownName, UsageError
from evalkit.types import Reference


@click.group()
def references() -> None:
    """List published reference scores, and compare them."""


@references.command("list")
@click.option("--model", help="Only this model.")
@click.option("--task", help="Only this task or benchmark.")
@click.option("--all", "every", is_flag=True, help="Also records that are not the default of their cell.")
@json_option
def list_(model: str | None, task: str | None, every: bool, as_json: bool) -> None:
    """List the published scores, each with its source."""
    refs = registry.load_references()
    name = registry.resolve_model(refs, model) if model else None
    _check_benchmark(refs, task)
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


@references.command("compare")
@click.argument("first", metavar="A")
@click.argument("second", metavar="[B]", required=False)
@click.option("--by", help="Who reported the numbers: one for both sides, or two, for example open-r1,deepseek.")
@click.option("--task", help="Only this task or benchmark.")
@click.option("--margin", type=click.FloatRange(0, 1, min_open=True, max_open=True), help="Parity margin (fraction).")
@click.option("--alpha", type=click.FloatRange(0, 0.5, min_open=True, max_open=True), help="Error rate of each test.")
@json_option
def compare_(
    first: str,
    second: str | None,
    by: str | None,
    task: str | None,
    margin: float | None,
    alpha: float | None,
    as_json: bool,
) -> None:
    """Compare the published scores of model A with those of model B, or with its own by another reporter.

    Without B, --by names two reporters: evalkit references compare deepseek-r1-distill-qwen-7b --by open-r1,deepseek
    """
    from evalkit.comparison import Reported, compare_published
    from evalkit.report.terminal import print_published
    from evalkit.tasks import catalog

    reporters = split_names(by)
    if len(reporters) > 2 or (second is None and len(reporters) != 2):
        raise UsageError("name a second model, or two reporters of one model: --by open-r1,deepseek")
    refs = registry.load_references()
    _check_benchmark(refs, task)
    models = [registry.resolve_model(refs, name) for name in (first, second or first)]
    whose = [reporters[0], reporters[-1]] if reporters else [None, None]
    one, two = (Reported(model=model, by=who) for model, who in zip(models, whose, strict=True))
    tasks = {entry.task.name: entry.task for entry in catalog.scan() if entry.task}
    found = compare_published(refs, one, two, tasks, task=task, margin=margin, alpha=alpha)
    if as_json:
        print_json(found)
    else:
        print_published(found)


def _check_benchmark(refs: Sequence[Reference], task: str | None) -> None:
    benchmarks = {r.task for r in refs if r.task} | {registry.stem(r) for r in refs}
    if task is not None and task not in benchmarks:
        raise UnknownName("benchmark", task, sorted(benchmarks))


def _row(r: Reference) -> tuple[str, ...]:
    benchmark = r.benchmark + (f" [{r.variant}]" if r.variant else "")
    value = f"{r.value:g} {r.unit}"
    k = str(r.samples) if r.samples is not None else r.samples_note or "?"
    return tuple(escape(c) for c in (benchmark, r.model, r.metric, value, k, r.date or "?", r.source))
