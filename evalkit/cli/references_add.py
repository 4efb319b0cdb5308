"""`evalkit references add` and `import`: new records, with or without results item by item."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import click

from evalkit import references as registry
from evalkit.cli.common import F, data_options, json_option, print_json, tasks_dir_option
from evalkit.errors import UsageError
from evalkit.references import FIELDS, Home, PerItem
from evalkit.types import Reference, TaskSpec

_PER_ITEM = ("per_item", "per_item_note")
_PRESETS = {"unit": "%", "measures": "mean_accuracy"}


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def into_options(command: F) -> F:
    """`--into`, `--task`, `--benchmark`, `--items`, `--tasks-dir`: where a record goes."""
    options: Sequence[Callable[[Any], Any]] = (
        tasks_dir_option,
        click.option(
            "--items",
            type=click.IntRange(1),
            help="Number of items of a benchmark that has no records yet and is no task.",
        ),
        click.option("--benchmark", "title", help="Title of a benchmark that has no records yet and is no task."),
        click.option("--task", "name", help="The benchmark: a task, or the file name of a benchmark without one."),
        click.option(
            "--into",
            type=click.Path(path_type=Path),
            help="Folder of reference files to write to.  [default: the first of EVALKIT_REFERENCES_DIR]",
        ),
    )
    for option in options:
        command = option(command)
    return command


def record_options(*left_out: str) -> Callable[[F], F]:
    """One option for each field of a record, as text; they are checked like the fields of a file."""

    def decorate(command: F) -> F:
        for name, field in reversed(FIELDS.items()):
            if name not in left_out:
                kind: dict[str, Any] = {"metavar": field.kind.upper()}
                if field.kind == "flag":
                    kind = {"is_flag": True, "default": None}
                command = click.option(_option(name), name, help=_sentence(field.help), **kind)(command)
        return command

    return decorate


@click.command()
@click.option(
    "--from",
    "file",
    type=click.Path(path_type=Path),
    help="YAML file with one record, or with `records:`, and `task` (`benchmark`, `items` for a new one).",
)
@into_options
@record_options(*_PER_ITEM)
@json_option
def add(
    file: Path | None,
    into: Path | None,
    name: str | None,
    title: str | None,
    items: int | None,
    task_folders: tuple[Path, ...],
    as_json: bool,
    **given: Any,
) -> None:
    """Add a published number: from a YAML file, from options, or, on a terminal, by answering questions.

    A number without a source, or without who reported it, is refused.
    """
    folder = registry.own_folder(into)
    refs = registry.load_references(registry.folders_with(folder))
    typed = {key: value for key, value in given.items() if value is not None}
    if file is not None:
        if typed or name or title or items:
            raise UsageError("--from takes everything from the file: give no further fields beside it")
        found = registry.rows_of_file(file, refs, _tasks(task_folders))
        home, rows = found.home, list(found.rows)
    else:
        asking = sys.stdin.isatty()
        if name is None and asking:
            name = click.prompt("task (or benchmark without one)", err=True)
        home = registry.home_of(refs, name, title, items, _tasks(task_folders))
        rows = [_row(typed, refs, home, asking)]
    path = registry.add_records(folder, home, rows)
    _say(as_json, path, [f"{home.stem}/{row['id']}" for row in rows])


@click.command("import")
@click.argument("results", metavar="RUN|FILE", type=click.Path(path_type=Path))
@click.option("--filter", "filter_name", help="Which filter of an lm-eval log.")
@click.option("--score", help="Which metric of an lm-eval log says whether a sample is right.")
@click.option("--note", help="Where the results come from, and who graded them by which rules.")
@click.option("--replace", is_flag=True, help="Put these results in the place of those the record has.")
@into_options
@record_options(*_PER_ITEM, "value", "unit", "measures", "n_items", "samples", "exact")
@data_options
@json_option
def import_(
    results: Path,
    filter_name: str | None,
    score: str | None,
    note: str | None,
    replace: bool,
    into: Path | None,
    name: str | None,
    title: str | None,
    items: int | None,
    task_folders: tuple[Path, ...],
    data_dir: Path | None,
    trusted: tuple[Path, ...],
    as_json: bool,
    **given: Any,
) -> None:
    """Import results item by item: a run directory, lm-eval's samples_*.jsonl, or lines of {"id", "k", "successes"}.

    A record with that --id keeps its published value, and gets the results beside it; a new one has their mean as
    its value and needs --model, --source and --reported-by. Comparisons with such a record are paired.
    """
    from evalkit.imported import Choice, import_results
    from evalkit.tasks.items import ItemLoader

    folder = registry.own_folder(into)
    refs = registry.load_references(registry.folders_with(folder))
    tasks = _tasks(task_folders)
    home = registry.home_of(refs, name, title, items, tasks)
    task = tasks.get(home.task) if home.task else None
    choice = Choice(filter=filter_name, score=score)
    found = import_results(results, home.task or home.stem, task, ItemLoader(data_dir, trusted), choice)
    typed = {key: value for key, value in given.items() if value is not None}
    record = typed.get("id")
    if not record:
        raise UsageError("--id NAME: the record that the results belong to, a known or a new one")
    known = next((ref for ref in refs if ref.id == f"{home.stem}/{record}"), None)
    if known is not None:
        path = _attach(known, folder, found, note, typed, replace)
    else:
        row = _row({**_measured(found), **typed}, refs, home, asking=False)
        path = registry.add_results(folder, home, row | ({"per_item_note": note} if note else {}), found)
    _say_results(as_json, path, f"{home.stem}/{record}", found, known)


def _attach(
    known: Reference, folder: Path, found: PerItem, note: str | None, typed: dict[str, Any], replace: bool
) -> Path:
    """Results for a record that exists; nothing else of it can be changed this way."""
    file = folder / f"{registry.stem(known)}.yaml"
    own = file.is_file() and any(ref.id == known.id for ref in registry.read_folders([folder]))
    if not own:
        raise UsageError(f"{known.id} is a record of another folder; --into that folder, or give a new --id")
    if known.measures != "mean_accuracy":
        raise UsageError(f"{known.id} measures {known.measures}, and results item by item give a mean accuracy")
    if further := sorted(typed.keys() - {"id"}):
        options = ", ".join(map(_option, further))
        raise UsageError(f"{known.id} exists and stays as it is: leave out {options}, or edit {file}")
    return registry.attach_results(file, known.id.partition("/")[2], found, note, replace=replace)


def _measured(found: PerItem) -> dict[str, Any]:
    """The fields of a new record that the results themselves state."""
    k = found.k
    spread = f"{found.samples.min()} to {found.samples.max()} samples an item"
    return {
        "metric": "accuracy" if k == 1 else f"avg@{k}" if k else "accuracy, averaged over samples",
        "measures": "mean_accuracy",
        "value": f"{100 * found.mean:.6g}",
        "n_items": str(len(found.ids)),
        **({"samples": str(k)} if k else {"samples_note": spread}),
        "tier": "primary",
    }


def _row(typed: dict[str, Any], refs: Sequence[Reference], home: Home, asking: bool) -> dict[str, Any]:
    """A checked record from texts; asks for what is missing, or refuses."""
    row: dict[str, Any] = {}
    missing = []
    for name, field in FIELDS.items():
        preset = row.get("model", "") if name == "title" else _PRESETS.get(name, "")
        value = typed.get(name)
        if value is None:
            value = _ask(name, preset) if asking and name not in _PER_ITEM else preset or None
        if value is not None:
            row[name] = field.parse(value) if isinstance(value, str) else value
            if complaint := field.complaint(row[name]):
                raise UsageError(f"{_option(name)} {complaint}")
        elif field.required and field.nullable:
            row[name] = None
        elif field.required:
            missing.append(_option(name))
    if missing:
        unsourced = {"--source", "--reported-by"} & set(missing)
        why = "a number without its source is no reference" if unsourced else "see: evalkit references add --help"
        raise UsageError(f"missing: {', '.join(missing)}; {why}")
    cell = (row["model"], row.get("variant"), row["measures"])
    rivals = [r for r in refs if registry.stem(r) == home.stem and (r.model, r.variant, r.measures) == cell]
    if row["measures"] == "mean_accuracy" and "default" not in row and not any(r.default for r in rivals):
        row["default"] = True
    return row


def _ask(name: str, preset: str) -> str | None:
    """The answer to one question, asked again until it can stand; None for no answer."""
    field = FIELDS[name]
    while True:
        text: str = click.prompt(f"{name}: {field.help}", default=preset, show_default=bool(preset), err=True)
        if not text and not (field.required and not field.nullable):
            return None
        complaint = field.complaint(field.parse(text))
        if complaint is None:
            return text
        click.echo(complaint, err=True)


def _tasks(folders: Sequence[Path]) -> dict[str, TaskSpec]:
    from evalkit.tasks import catalog

    return catalog.by_base(catalog.scan(folders))


def _say(as_json: bool, path: Path, ids: Collection[str]) -> None:
    if as_json:
        print_json({"file": str(path), "added": list(ids)})
    else:
        click.echo(f"added {', '.join(ids)} to {path}")


def _say_results(as_json: bool, path: Path, record: str, found: PerItem, known: Reference | None) -> None:
    mean = 100 * found.mean
    if as_json:
        published = None if known is None else known.value
        print_json({"file": str(path), "record": record, "n_items": len(found.ids), "mean": mean, "value": published})
        return
    click.echo(f"{record}: results of {len(found.ids)} items, mean {mean:.2f} %, in {path}")
    if known is not None:
        click.echo(f"its published value stays: {known.value:g} {known.unit}")
