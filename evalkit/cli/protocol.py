"""`evalkit protocol`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from rich.markup import escape

from evalkit import references
from evalkit.cli.common import json_option, print_json, print_table, tasks_dir_option
from evalkit.codec import digest
from evalkit.errors import UnknownName, UsageError
from evalkit.protocols import NAMED, Side, diff, named, of_named, of_reference, of_run, of_task
from evalkit.store import RunStore
from evalkit.tasks import catalog
from evalkit.tasks.protocol import protocol as resolved
from evalkit.types import Mismatch, ModelSpec, NamedProtocol, Reference, RunRecord, Severity, TaskSpec

_STYLE = {Severity.FATAL: "red", Severity.MAJOR: "yellow", Severity.MINOR: "dim"}


@click.group()
def protocol() -> None:
    """Named protocols: list and show them, and tell two protocols apart."""


@protocol.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the named protocols."""
    found = [named.find(name) for name in named.names()]
    if as_json:
        print_json([{**_settings(p), "digest": named.label(p)} for p in found])
        return
    rows = [(p.name, p.title, _sampling(p), _samples(p), escape(p.source)) for p in found]
    print_table(("protocol", "title", "sampling", "k", "source"), rows)


@protocol.command("show")
@click.argument("name")
@click.option("--task", help="What comes of this task under it: every field of its protocol.")
@tasks_dir_option
@json_option
def show(name: str, task: str | None, task_folders: tuple[Path, ...], as_json: bool) -> None:
    """Show a protocol, or what it makes of a task."""
    chosen = named.find(name)
    if task is None:
        shown = _settings(chosen)
    else:
        spec = named.apply(chosen, catalog.find(task, task_folders))
        fields = resolved(spec, data_digest=None, n_items=spec.n_items or 0)
        shown = {**fields, "system_prompt": spec.prompt.system or "", "digest": digest(fields)}
    if as_json:
        print_json({"protocol": named.label(chosen), **shown})
        return
    click.echo(f"{chosen.title} ({named.label(chosen)})")
    rows = [(key, escape(_text(value))) for key, value in shown.items() if key not in ("name", "title")]
    print_table(("field", "value"), rows)


@protocol.command("diff")
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@click.option("--task", help="Only this task, where a run has several.")
@json_option
def diff_(first: str, second: str, task: str | None, as_json: bool) -> None:
    """Show where the protocols of A and B differ, field by field.

    Each is a run directory, a reference (aime24/o1-openai-2024-12; see: evalkit references list) or a named protocol.
    What a side does not state is unknown, which is not the same as equal.
    """
    ours, theirs = _named(first), _named(second)
    found = {name: diff(*pair) for name, pair in _pairs(ours, theirs, task).items()}
    if as_json:
        print_json(found)
        return
    for name, mismatches in found.items():
        _print(name, first, second, mismatches)


_Thing = RunRecord | TaskSpec | Reference | NamedProtocol


def _named(text: str) -> _Thing:
    """What an argument names; raises `UnknownName`."""
    if Path(text).is_dir():
        with RunStore.open(Path(text)) as store:
            return store.record
    if text in named.names() or text.endswith((".yaml", ".yml")):
        return named.find(text)
    refs = {ref.id: ref for ref in references.load_references()}
    if text in refs:
        return refs[text]
    tasks = _tasks()
    if text.partition(":")[0] in tasks:
        return catalog.find(text)
    known = [*named.names(), *refs, *tasks]
    raise UnknownName("run, reference, protocol or task", text, known, "a run is named by its directory")


def _tasks() -> dict[str, TaskSpec]:
    return catalog.by_base(catalog.scan())


def _pairs(ours: _Thing, theirs: _Thing, wanted: str | None) -> dict[str, tuple[Side, Side]]:
    """Task -> both sides of it; empty for two protocols by themselves.

    A protocol beside anything else is that thing's task under the protocol: so its prompts are compared too.
    """
    if isinstance(ours, NamedProtocol) and isinstance(theirs, NamedProtocol):
        if wanted is None:
            return {"": (of_named(ours), of_named(theirs))}
        task = catalog.find(wanted)
        return {task.name: (_under(ours, task), _under(theirs, task))}
    a, b = _by_task(ours, theirs), _by_task(theirs, ours)
    shared = [name for name in a if name in b and wanted in (None, name, name.partition(":")[0])]
    if not shared:
        lists = " and ".join(", ".join(side) or "none" for side in (a, b))
        called = f" called {wanted}" if wanted else ""
        raise UsageError(f"the two have no task{called} in common; their tasks: {lists}")
    return {name: (a[name], b[name]) for name in shared}


def _by_task(thing: _Thing, other: _Thing) -> dict[str, Side]:
    """Task -> the side; a protocol takes the tasks of what it is held against."""
    if isinstance(thing, RunRecord):
        return of_run(thing, references.load_references())
    if isinstance(thing, TaskSpec):
        return {thing.name: of_task(thing)}
    if isinstance(thing, Reference):
        return {references.task_name(thing): of_reference(thing)}
    if isinstance(other, RunRecord):
        return {t.name: _under(thing, t, other.spec.model) for t in other.spec.tasks}
    if isinstance(other, TaskSpec):
        return {other.name: _under(thing, other)}
    known = _tasks()
    if isinstance(other, Reference) and other.task in known:
        name = references.task_name(other)
        return {name: _under(thing, catalog.find(name))}
    if isinstance(other, Reference):
        return {references.task_name(other): of_named(thing)}
    return {}


def _under(chosen: NamedProtocol, task: TaskSpec, model: ModelSpec | None = None) -> Side:
    return of_task(named.apply(chosen, task), model=model, kind=NAMED)


def _print(task: str, first: str, second: str, mismatches: Sequence[Mismatch]) -> None:
    title = f"{task}: " if task else ""
    if not mismatches:
        click.echo(f"{title}no difference")
        return
    rows = []
    silent = [m for m in mismatches if m.ours is None and m.theirs is None]
    shown = [m for m in mismatches if m not in silent]
    for m in sorted(shown, key=lambda m: list(_STYLE).index(m.severity)):
        style = _STYLE[m.severity]
        rows.append((f"[{style}]{m.severity}[/{style}]", m.field, _shown(m.ours), _shown(m.theirs), escape(m.note)))
    if rows:
        print_table(("severity", "field", escape(first), escape(second), "what it means"), rows, title=task or None)
    if silent:
        click.echo(f"{title}neither states: " + ", ".join(f"{m.field} ({m.severity})" for m in silent))


def _shown(value: Any) -> str:
    return "[dim]not stated[/dim]" if value is None else escape(_text(value))


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {_text(v)}" for k, v in value.items()) or "none"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_text, value)) or "none"
    return "none" if value in ("", None) else str(value)


def _settings(p: NamedProtocol) -> dict[str, Any]:
    kept = ("name", "title", "source", "date", "note", "temperature", "top_p", "top_k", "max_tokens", "not_sent")
    more = ("system_prompt", "shots", "prompts", "samples", "guessed", "restated")
    values = {key: getattr(p, key) for key in (*kept, *more)}
    return {key: value for key, value in values.items() if value not in (None, (), {})}


def _sampling(p: NamedProtocol) -> str:
    given = [f"{key} {getattr(p, key):g}" for key in ("temperature", "top_p", "top_k") if getattr(p, key) is not None]
    limit = [f"{p.max_tokens:,} tokens"] if p.max_tokens else []
    left = [f"{', '.join(p.not_sent)} not sent"] if p.not_sent else []
    return "; ".join([", ".join(given + limit), *left] if given or limit else left) or "the task's"


def _samples(p: NamedProtocol) -> str:
    words = [f"{k}" if task == "*" else f"{task} {k}" for task, k in p.samples.items()]
    return ", ".join(words) + (" (a guess)" if "samples" in p.guessed else "")
