"""`evalkit references`: what is published, side by side, and whether the files that say so are sound."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import click
from rich.markup import escape

from evalkit import references as registry
from evalkit.cli.common import json_option, print_json, print_table, split_names
from evalkit.cli.references_add import add, import_
from evalkit.cli.references_show import show
from evalkit.errors import UnknownName, UsageError
from evalkit.types import Reference

_LEAST_SOURCE, _SHORT_SOURCE = 24, 12
"""Characters of a source: fewer than the first say nothing, and its short form takes the second."""


@click.group()
def references() -> None:
    """List, show, check, add and compare published reference scores.

    EVALKIT_REFERENCES_DIR names further folders of reference files, separated as in PATH.
    """


references.add_command(show)
references.add_command(add)
references.add_command(import_)


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
    columns = ("benchmark", "model", "metric", "value", "k", "date", "source")
    print_table(columns, _cut_to_fit([_row(r) for r in shown]))
    click.echo(
        f"{len(shown)} of {len(refs)} records" + ("" if every else "; --all shows those that are not the default")
    )


@references.command()
@click.argument("paths", metavar="[FILE|FOLDER]...", nargs=-1, type=click.Path(path_type=Path, exists=True))
@json_option
def validate(paths: tuple[Path, ...], as_json: bool) -> None:
    """Check reference files with their results item by item, and name everything that is wrong.

    Without arguments: the shipped files and those of EVALKIT_REFERENCES_DIR. Exit code 2 if any is broken.
    """
    checked = registry.check_files(paths)
    broken = [c for c in checked if c.problems]
    sound = [c for c in checked if not c.problems]
    if as_json:
        print_json(
            [{"file": str(c.file), "records": c.n_records, "problems": list(map(str, c.problems))} for c in checked]
        )
    else:
        for c in broken:
            for problem in c.problems:
                click.echo(f"broken: {problem}")
        click.echo(f"{len(sound)} of {len(checked)} files are sound, with {sum(c.n_records for c in sound)} records")
    if broken:
        raise click.exceptions.Exit(2)


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
    tasks = catalog.by_base(catalog.scan())
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
    k = str(r.samples) if r.samples is not None else _first_word(r.samples_note or "")
    return benchmark, r.model, _cut(r.metric, 18), f"{r.value:g} {r.unit}", k, r.date or "?", r.source


def _cut_to_fit(rows: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """The source takes what the other columns leave of the line; all of it is in `show` and in `--json`."""
    width = shutil.get_terminal_size().columns if os.isatty(1) else 160
    taken = sum(max((len(row[i]) for row in rows), default=0) + 2 for i in range(6))
    room = width - taken
    if room < _LEAST_SOURCE:
        fitted = [(*row[:6], _cut(re.split(r"[,(]| @", row[6])[0].strip(), _SHORT_SOURCE)) for row in rows]
    else:
        fitted = [(*row[:6], _cut(row[6], room)) for row in rows]
    return [tuple(map(escape, row)) for row in fitted]


def _first_word(note: str) -> str:
    """Of what a source says of k in words: `4-64?` of "4-64, depending on the size of the set"."""
    return re.split(r"[\s,;(]", note)[0] + "?"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 3].rstrip(" ,(") + "..."
