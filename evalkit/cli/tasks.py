"""`evalkit tasks`."""

from __future__ import annotations

from pathlib import Path

import click
from rich.markup import escape

from evalkit import errata
from evalkit.cli.common import data_options, json_option, note, print_json, print_table, tasks_dir_option
from evalkit.codec import builtins
from evalkit.errors import EvalkitError, TaskError
from evalkit.registry import build_scorer
from evalkit.tasks import catalog
from evalkit.tasks.items import ItemLoader
from evalkit.tasks.loader import load_task
from evalkit.tasks.protocol import prompt_digest
from evalkit.types import Item, SandboxChoice, TaskSpec


@click.group()
def tasks() -> None:
    """List, show and validate tasks."""


@tasks.command("list")
@click.option("--tag", help="Only tasks with this tag.")
@tasks_dir_option
@json_option
def list_(tag: str | None, task_folders: tuple[Path, ...], as_json: bool) -> None:
    """List all tasks. Broken files are listed as broken (exit 1)."""
    entries = catalog.scan(task_folders)
    good = [e.task for e in entries if e.task and (tag is None or tag in e.task.tags)]
    broken = [e.problem for e in entries if e.problem]
    if as_json:
        print_json({"tasks": [_brief(t) for t in good], "broken": [str(p) for p in broken]})
    else:
        rows = [
            (t.name, t.title, str(t.n_items or "?"), str(t.samples), t.scorer, ", ".join(t.tags), t.dataset.path)
            for t in good
        ]
        print_table(("task", "title", "items", "k", "scorer", "tags", "dataset"), [tuple(map(escape, r)) for r in rows])
        for problem in broken:
            note(f"broken: {problem}")
    if broken:
        raise click.exceptions.Exit(1)


@tasks.command()
@click.argument("name")
@click.option("--items", "n_items", type=click.IntRange(0), default=0, help="Also render the first N items.")
@tasks_dir_option
@data_options
@json_option
def show(
    name: str,
    n_items: int,
    task_folders: tuple[Path, ...],
    data_dir: Path | None,
    trusted: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Show what a task resolves to."""
    task = errata.corrected(catalog.find(name, task_folders))
    items = list(ItemLoader(data_dir, trusted).items(task, n_items)) if n_items else []
    if as_json:
        print_json({"task": task, "items": items})
        return
    for key, value in builtins(task).items():
        if key not in ("prompt", "errata"):
            click.echo(f"{key + ':':13} {value}")
    if task.errata:
        click.echo(f"errata:       {len(task.errata.items)} golds are corrected; source: {task.errata.source}")
    click.echo(f"prompt:       {task.prompt.name} ({prompt_digest(task)})")
    click.echo("\n".join("    " + line for line in task.prompt.source.splitlines()))
    for item in items:
        _show_item(item)


@tasks.command()
@click.argument("path", required=False, type=click.Path(path_type=Path, exists=True))
@tasks_dir_option
@json_option
def validate(path: Path | None, task_folders: tuple[Path, ...], as_json: bool) -> None:
    """Check task files: one file, every file in a folder, or (without PATH) all known tasks."""
    if path is None:
        checked = [(e.file, e.problem or _scorer_problem(e.task, e.file)) for e in catalog.scan(task_folders)]
    else:
        files = sorted(f for f in path.rglob("*.yaml") if not f.name.startswith("_")) if path.is_dir() else [path]
        checked = [(file, _problem(file)) for file in files]
    bad = [(file, problem) for file, problem in checked if problem is not None]
    if as_json:
        print_json([{"file": str(f), "problem": str(p) if p else None} for f, p in checked])
    else:
        for _, problem in bad:
            click.echo(f"broken: {problem}")
        click.echo(f"{len(checked) - len(bad)} of {len(checked)} task files are valid")
    if bad:
        raise click.exceptions.Exit(1)


def _problem(file: Path) -> EvalkitError | None:
    try:
        return _scorer_problem(load_task(file), file)
    except TaskError as problem:
        return problem


def _scorer_problem(task: TaskSpec | None, file: Path) -> EvalkitError | None:
    if task is None:
        return None
    try:
        build_scorer(task.scorer, task.scorer_args, SandboxChoice()).close()
    except EvalkitError as problem:
        return TaskError(str(problem), file=str(file), field="metadata.evalkit.scorer")
    return None


def _brief(task: TaskSpec) -> dict[str, object]:
    return {
        "task": task.name,
        "title": task.title,
        "n_items": task.n_items,
        "samples": task.samples,
        "scorer": task.scorer,
        "tags": list(task.tags),
        "dataset": task.dataset.path,
    }


def _show_item(item: Item) -> None:
    click.echo(f"\nitem {item.id}  target: {item.target!r}")
    for role, text in item.messages:
        click.echo(f"  [{role}]")
        click.echo("\n".join("    " + line for line in text.splitlines()))
