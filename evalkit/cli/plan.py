"""`evalkit plan`."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from evalkit import boards, errata
from evalkit.cli.common import json_option, print_json, split_names, tasks_dir_option
from evalkit.clients.build import parse_model
from evalkit.clients.profiles import load_profile
from evalkit.errors import UnknownName, UsageError
from evalkit.plan import Plan, Reach, ReferencePlan, TaskPlan, Terms, plan_task, read_pilot
from evalkit.protocols import named
from evalkit.references import load_references, resolve_model
from evalkit.report.format import plain
from evalkit.report.terminal import say
from evalkit.store import RunStore
from evalkit.tasks import catalog
from evalkit.types import Prices, TaskSpec

_WIDTH = 120
_LEGEND = """\
Points, at power {power:g} %. parity, lead: the smallest that the planned k shows. any k: the smallest parity margin
that any k shows. a-b: a with the stated difficulty, b if all items are equally hard. new items: at any k, for
questions like these. Reference ±: its standard error, from its n and k (k not stated counts as 1)."""


@click.command()
@click.argument("names", metavar="[SUITE|TASK...]", nargs=-1)
@click.option("-m", "--model", metavar="KIND:NAME", help="As in evalkit run; default: that of --pilot.")
@click.option("--against", help="Reference models, for example o1,deepseek-r1; default: those of the suite.")
@click.option("--margin", type=click.FloatRange(0, 1, min_open=True, max_open=True), help="Parity margin (fraction).")
@click.option("--alpha", type=click.FloatRange(0, 0.5, min_open=True, max_open=True), help="Error rate of each test.")
@click.option(
    "--power",
    type=click.FloatRange(0.5, 1, min_open=True, max_open=True),
    default=0.8,
    show_default=True,
    help="Chance of showing what is true.",
)
@click.option("--protocol", metavar="NAME|FILE", help="As in evalkit run; default: that of the suite.")
@click.option("-k", "--samples", type=click.IntRange(1), help="Planned samples per item; default from the task.")
@click.option("--items", type=click.IntRange(1), help="Number of items, where the task does not say it.")
@click.option(
    "--pilot", type=click.Path(path_type=Path), metavar="RUN", help="Take difficulty, lengths and pace from this run."
)
@click.option(
    "--tokens-per-answer", type=click.FloatRange(0, min_open=True), help="Default: the pilot's, else the limit."
)
@click.option(
    "--tokens-per-prompt", type=click.FloatRange(0, min_open=True), help="Default: the pilot's, else not counted."
)
@click.option("--tokens-per-s", type=click.FloatRange(0, min_open=True), help="Answer tokens of all requests together.")
@click.option("--profile", type=click.Path(path_type=Path, dir_okay=False), help="YAML file with prices of the model.")
@tasks_dir_option
@json_option
def plan(names: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Say what a run could show against published references, and what it would cost.

    SUITE is a board, for example reasoning. Nothing is sent to the model.
    """
    for name, value in options.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise UsageError(f"--{name.replace('_', '-')}: {value} is no number to plan with")
    tasks, suggested = _tasks(names, options)
    refs = load_references()
    models = [resolve_model(refs, name) for name in split_names(options["against"]) or suggested]
    if not models:
        raise UsageError("compare with whom? Give --against o1,deepseek-r1 (see: evalkit references list)")
    model, pilots = options["model"], {}
    if options["pilot"]:
        with RunStore.open(options["pilot"]) as store:
            pilots = read_pilot(store, [task.name for task in tasks])
            model = _model_of_pilot(model, store)
    if not model:
        raise UsageError("which model? Give --model KIND:NAME, for example --model openai:deepseek-r1")
    parse_model(model)
    prices: Prices | None = load_profile(options["profile"]).fields.get("prices") if options["profile"] else None
    terms = Terms(
        model=model,
        power=options["power"],
        margin=options["margin"],
        alpha=options["alpha"],
        n_items=options["items"],
        tokens_per_answer=options["tokens_per_answer"],
        tokens_per_prompt=options["tokens_per_prompt"],
        tokens_per_s=options["tokens_per_s"],
        prices=prices,
    )
    planned = tuple(plan_task(task, models, refs, terms, pilots.get(task.name)) for task in tasks)
    pilot = str(options["pilot"]) if options["pilot"] else None
    found = Plan(model=model, power=terms.power, pilot=pilot, prices=prices, tasks=planned)
    print_json(found) if as_json else _print(found)


def _tasks(names: Sequence[str], options: Mapping[str, Any]) -> tuple[list[TaskSpec], list[str]]:
    """Tasks as they would be run, and the reference models of their suite."""
    folders, samples = options["task_folders"], options["samples"]
    chosen = named.find(options["protocol"]) if options["protocol"] else None
    if not names:
        raise UsageError("plan what? Name a suite or tasks (see: evalkit tasks list)")
    if len(names) == 1 and names[0] in boards.names():
        board = boards.find(names[0])
        tasks = boards.suite(board, folders, chosen)
        suggested = list(board.rivals)
    else:
        tasks, suggested = [named.apply(chosen, _task(name, folders)) for name in names], []
    doubled = {t.name for t in tasks if sum(t.name == other.name for other in tasks) > 1}
    if doubled:
        raise UsageError(f"a task is named twice: {', '.join(sorted(doubled))}")
    tasks = [errata.corrected(task) for task in tasks]
    return [dataclasses.replace(t, samples=samples or t.samples) for t in tasks], suggested


def _task(name: str, folders: Sequence[Path]) -> TaskSpec:
    try:
        return catalog.find(name, folders)
    except UnknownName:
        known = catalog.by_base(catalog.scan(folders))
        suites = boards.names()
        raise UnknownName("suite or task", name, [*suites, *known], f"suites: {', '.join(suites)}") from None


def _model_of_pilot(model: str | None, store: RunStore) -> str:
    spec = store.record.spec.model
    theirs = f"{spec.kind}:{spec.name}"
    if model not in (None, theirs):
        raise UsageError(f"--pilot {store.folder} is a run of {theirs}, not of {model}: it says nothing about it")
    return theirs


def _print(plan: Plan) -> None:
    """Two tables, what can be shown and what it costs; then a sentence for each task and reference."""
    out = Console(emoji=False) if os.isatty(1) else Console(width=_WIDTH, emoji=False)
    rows = [(task, r) for task in plan.tasks for r in task.references]
    if any(r.reach for _, r in rows):
        out.print(_reach_table(rows))
        say(out, f"[dim]{_LEGEND.format(power=100 * plan.power)}[/dim]\n")
    if any(task.costs for task in plan.tasks):
        out.print(_cost_table(plan))
    for text, names in _assumed(plan.tasks).items():
        say(out, f"[dim]{escape(', '.join(names))}: {escape(plain(text))}[/dim]")
    for _, r in rows:
        if r.reach:
            say(out, f"\n{escape(plain(r.sentence))}.")
            for n, command in enumerate(r.commands):
                say(out, f"  {'run it' if n == 0 else 'or stop once decided'}: {escape(plain(command))}")
    left_out = [r.sentence for _, r in rows if not r.reach]
    if left_out:
        say(out, "\nNot comparable:")
    for text in left_out:
        say(out, f"  {escape(plain(text))}")


def _assumed(tasks: Sequence[TaskPlan]) -> dict[str, list[str]]:
    """What the numbers rest on -> the tasks of which that holds."""
    found: dict[str, list[str]] = {}
    for task in tasks:
        lengths = f"tokens per answer {task.tokens_source}, prompts "
        lengths += "not counted" if task.tokens_per_prompt is None else f"of {task.tokens_per_prompt:.0f} tokens"
        for text in (task.difficulty, f"{lengths}; tokens/s {task.pace_source}", *task.notes):
            found.setdefault(text, []).append(task.task)
    return found


def _reach_table(rows: Sequence[tuple[TaskPlan, ReferencePlan]]) -> Table:
    table = _table("task", "against", "reference", "margin", "k", "parity", "lead", "k needed", "any k", "new items")
    for task, r in rows:
        if r.reach is None or r.bound is None or r.reference is None:
            continue
        a, b = r.reach, r.bound
        q, k = r.reference.value, r.reference.samples
        n = (r.reference.size or task.n_items or 1) * (k or 1)
        se = "" if r.reference.exact else f" ± {(q * (100 - q) / n) ** 0.5:.1f}"
        table.add_row(
            escape(task.task),
            escape(r.model),
            f"{q:.1f}{se}",
            f"{100 * task.margin:g}",
            str(task.samples),
            _both(a, b, "margin_at_k"),
            _both(a, b, "lead_at_k"),
            _both(a, b, "samples_needed"),
            _both(a, b, "margin_at_any_k"),
            _number(r.margin_new_items),
        )
    return table


def _both(a: Reach, b: Reach, field: str) -> str:
    """`8.9-12.0`: with the stated difficulty, and at the bound."""
    low, high = _number(getattr(a, field)), _number(getattr(b, field))
    return low if low == high else f"{low}-{high}"


def _number(value: float | None) -> str:
    if value is None:
        return "none"
    return f"{value:,}" if isinstance(value, int) else f"{100 * value:.1f}"


def _cost_table(plan: Plan) -> Table:
    currency = f"cost ({escape(plain(plan.prices.currency))})" if plan.prices else "cost"
    table = _table("task", "items", "k", "answers", "tokens", currency, "hours")
    for task in plan.tasks:
        for cost in task.costs:
            tokens = None if cost.answer_tokens is None else cost.answer_tokens + (cost.prompt_tokens or 0)
            most = "≤ " if task.tokens_source.startswith("upper") else ""
            table.add_row(
                escape(task.task),
                f"{task.n_items:,}",
                f"{cost.samples:,}" + (" (planned)" if cost.samples == task.samples else ""),
                f"{cost.n_answers:,}",
                "unknown" if tokens is None else f"{most}{tokens:,.0f}",
                "unknown" if cost.price is None else f"{most}{cost.price:,.2f}",
                "unknown" if cost.hours is None else f"{most}{cost.hours:,.3g}",
            )
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
