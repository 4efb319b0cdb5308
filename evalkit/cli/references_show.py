"""`evalkit references show`: every published number of one model on one benchmark, and why they differ."""

from __future__ import annotations

import os
import shutil
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

import click
from rich.markup import escape

from evalkit import references as registry
from evalkit.cli.common import json_option, print_json, print_table
from evalkit.codec import builtins
from evalkit.errors import UnknownName, UsageError
from evalkit.types import Reference

_LABEL = 14


@click.command()
@click.argument("name", metavar="ID|MODEL")
@click.option("--task", help="Task or benchmark, if a model is named.")
@json_option
def show(name: str, task: str | None, as_json: bool) -> None:
    """Show all records of a model on a benchmark side by side, with their sources and why they differ.

    Name a record (gsm8k/o1-mini-zeroeval), or a model with --task: evalkit references show o1 --task aime24
    """
    refs = registry.load_references()
    asked, records = _records(refs, name, task)
    if as_json:
        notes = list(dict.fromkeys(r.benchmark_note for r in records if r.benchmark_note))
        print_json({"asked": asked, "notes": notes, "records": [_as_json(r) for r in records]})
        return
    first = records[0]
    size = f", {first.benchmark_items} items" if first.benchmark_items else ""
    click.echo(f"{first.model} on {first.benchmark} ({first.task or registry.stem(first)}{size})\n")
    _print_table(records)
    click.echo("\n* the default: what is compared with when nothing else is asked for")
    for number, ref in enumerate(records, start=1):
        mark = "*" if ref.default else ""
        click.echo(f"\n{number}{mark} {ref.id}" + ("   (asked for)" if ref.id == asked else ""))
        for label, text in _details(ref):
            _print_field(label, text)
    for note in dict.fromkeys(r.benchmark_note for r in records if r.benchmark_note):
        click.echo()
        _print_field("compare", note)


def _records(refs: Sequence[Reference], name: str, task: str | None) -> tuple[str | None, list[Reference]]:
    """The record asked for, if one is, and all of its model and benchmark."""
    if "/" in name and task is None:
        ref = next((r for r in refs if r.id == name), None)
        if ref is None:
            raise UnknownName("reference", name, [r.id for r in refs], "see: evalkit references list --all --json")
        return ref.id, registry.find(refs, model=ref.model, task=registry.stem(ref))
    model = registry.resolve_model(refs, name)
    known = sorted({r.task or registry.stem(r) for r in refs if r.model == model})
    if task is None:
        raise UsageError(f"on which benchmark? --task NAME; {model} has records on: {', '.join(known)}")
    found = registry.find(refs, model=model, task=task)
    if not found:
        raise UnknownName(f"benchmark of {model}", task, known, f"it has records on: {', '.join(known)}")
    return None, found


def _print_table(records: Sequence[Reference]) -> None:
    columns = ("", "value", "metric", "variant", "k", "T", "top_p", "limit", "shots", "date")
    rows = [
        (
            f"{number}{'*' if r.default else ''}",
            f"{r.value:g} {r.unit}",
            textwrap.shorten(r.metric, 24, placeholder="..."),
            r.variant or "",
            *map(_or_unknown, (r.samples, r.temperature, r.top_p, r.max_tokens, r.shots)),
            _or_unknown(r.date),
        )
        for number, r in enumerate(records, start=1)
    ]
    kept = [i for i, column in enumerate(columns) if column != "variant" or any(row[i] for row in rows)]
    print_table([columns[i] for i in kept], [[escape(row[i]) for i in kept] for row in rows])


def _or_unknown(value: float | str | None) -> str:
    if value is None:
        return "?"
    return value if isinstance(value, str) else f"{value:g}" if value != int(value) else str(int(value))


def _details(ref: Reference) -> Iterator[tuple[str, str]]:
    yield "version", ref.version or "not stated"
    if ref.samples_note:
        yield "k", ref.samples_note
    yield "protocol", "; ".join(_protocol(ref)) or "not stated"
    if ref.follows:
        yield "comes nearest", ref.follows
    yield "reported by", ref.reported_by
    yield "source", f"{ref.source} [{ref.tier}, {ref.date or 'undated'}]"
    if ref.reason:
        yield "why", ref.reason
    if results := registry.per_item(ref):
        k = "" if results.k == 1 else f", {results.k or 'different numbers of'} samples each"
        note = f": {ref.per_item_note}" if ref.per_item_note else ""
        yield "item by item", f"{len(results.ids)} items{k}, mean {100 * results.mean:.2f} %{note}"


def _protocol(ref: Reference) -> Iterator[str]:
    """What is stated of the protocol beside the numbers of the table."""
    if ref.system_prompt is not None:
        yield f"system prompt {ref.system_prompt!r}" if ref.system_prompt else "no system prompt"
    if ref.top_k is not None:
        yield f"top_k {ref.top_k}"
    if ref.not_sent:
        yield f"not sent: {', '.join(ref.not_sent)}"
    if ref.prompt_digest:
        yield f"prompt {ref.prompt_digest}"
    if ref.protocol:
        yield ref.protocol
    if ref.scoring:
        yield f"graded by: {ref.scoring}"


def _print_field(label: str, text: str) -> None:
    width = min(shutil.get_terminal_size().columns if os.isatty(1) else 120, 120)
    lines = textwrap.wrap(text, max(width - _LABEL - 4, 24), break_long_words=False, break_on_hyphens=False)
    click.echo(f"    {label:{_LABEL}}" + f"\n{' ' * (_LABEL + 4)}".join(lines))


def _as_json(ref: Reference) -> dict[str, Any]:
    results = registry.per_item(ref)
    summary = {"n_items": len(results.ids), "k": results.k, "mean": results.mean} if results else None
    return {**builtins(ref), "results": summary}
