"""`evalkit run`."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evalkit.budget import Budget, Spending
from evalkit.cli.asked import NOT_ASKED_AGAIN, as_options, build_spec, given
from evalkit.cli.common import (
    data_options,
    errata_option,
    json_option,
    note,
    print_json,
    sandbox_of,
    sandbox_options,
    second_grader_option,
    split_names,
    tasks_dir_option,
)
from evalkit.cli.endpoint import ENDPOINT_OPTIONS, duration, endpoint_of, endpoint_options, profile_of
from evalkit.cli.progress import progress
from evalkit.clients.build import build
from evalkit.errors import EndpointError, EvalkitError, UnknownName, UsageError
from evalkit.execution import run_to_end
from evalkit.opinions import add_opinions, second_grader
from evalkit.planning import OMITTABLE, changed_fields, create_run, extend_run
from evalkit.references import load_references
from evalkit.registry import graders
from evalkit.runner import INTERRUPTED
from evalkit.stopping import all_items, require_decidable
from evalkit.store import ResponseCache, RunStore
from evalkit.tasks.items import ItemLoader
from evalkit.types import LEAST_REPETITION, Item, Json, RunSpec, SandboxChoice, Status

if TYPE_CHECKING:
    from evalkit.summary import RunSummary

FAILED_SHARE = 0.02
EXIT_FAILED_SAMPLES = 3
EXIT_BUDGET = 4
EXIT_INTERRUPTED = 130
_MAY_GROW = frozenset({"samples", "limit"})


@click.command()
@click.argument("names", metavar="[TASK|RUN.JSON]...", nargs=-1)
@click.option("--suite", help="Run all tasks of this board, under its protocol.")
@click.option("--protocol", metavar="NAME|FILE", help="Ask as this protocol says (see: evalkit protocol list).")
@click.option("-m", "--model", metavar="KIND:NAME", help="For example openai:deepseek-r1, local:smollm2, fake:x.")
@click.option("--gguf", type=click.Path(path_type=Path), help="Model file for local: models.")
@click.option("--limit", type=click.IntRange(1), help="Only the first N items of each task.")
@click.option("-k", "--samples", type=click.IntRange(1), help="Samples per item; default from the task.")
@click.option("--temperature", type=click.FloatRange(0), help="Default from the task, as the next two.")
@click.option("--top-p", type=click.FloatRange(0, 1))
@click.option("--max-tokens", type=click.IntRange(1), help="Token limit of an answer, reasoning included.")
@click.option(
    "--max-repetition",
    type=click.IntRange(LEAST_REPETITION),
    metavar="N",
    help="End an answer whose last N characters only repeat themselves; off by default.",
)
@click.option("--omit", multiple=True, type=click.Choice(OMITTABLE), help="Do not send this; may be repeated.")
@click.option("--limit-parameter", help="Body field of the token limit; default max_tokens.")
@click.option("--extra", multiple=True, metavar="KEY=JSON", help="Further body field; may be repeated.")
@click.option("--seed", type=int, help="Sample j is sent with seed + j. Without it no seed is sent.")
@endpoint_options
@click.option("--max-cost", type=click.FloatRange(0, min_open=True), help="Stop at this cost; prices from --profile.")
@click.option("--max-tokens-total", type=click.IntRange(1), help="Stop at so many tokens, prompts included.")
@click.option("--max-time", metavar="TIME", callback=duration, help="Stop after so long: seconds, or 90s, 15m, 1h30m.")
@click.option(
    "--cache",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of answers that runs share: an identical request is not sent twice.",
)
@sandbox_options
@errata_option
@second_grader_option
@click.option("--against", help="Reference models, declared before the run: o1,deepseek-r1.")
@click.option("--margin", type=click.FloatRange(0, 1, min_open=True, max_open=True), help="Parity margin (fraction).")
@click.option("--alpha", type=click.FloatRange(0, 0.5, min_open=True, max_open=True), help="Error rate of each test.")
@click.option(
    "--until-decided", is_flag=True, help="Sample round by round, until the verdict against all references is decided."
)
@click.option("--max-samples", type=click.IntRange(1), help="Most samples per item with --until-decided; default 64.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Folder of runs.")
@click.option("--resume", type=click.Path(path_type=Path), metavar="RUN", help="Finish this run directory.")
@click.option(
    "--retry", metavar="STATUS,...", help="With --resume: ask again for samples that are errored, truncated, ..."
)
@click.option("--extend", is_flag=True, help="With --resume: more --samples an item, or items up to a greater --limit.")
@click.option("--quiet", is_flag=True, help="No progress display.")
@tasks_dir_option
@data_options
@json_option
def run(names: tuple[str, ...], resume: Path | None, quiet: bool, as_json: bool, **options: Any) -> int:
    """Run tasks on a model, grade the answers, and write a run directory.

    A run.json in place of a task repeats that run.
    """
    loader = ItemLoader(options["data_dir"], options["trusted"])
    again = _statuses(options["retry"])
    second = options["second"]
    if second:
        second_grader(second).close()
    if resume is not None:
        store = _reopen(resume, names, options)
    elif options["retry"] or options["extend"]:
        raise UsageError("--retry and --extend go with --resume RUN")
    else:
        spec = build_spec(names, options)
        client = build(spec.model)
        Spending(budget_of(options), spec.model.endpoint.prices)
        if options["cache"]:
            ResponseCache(options["cache"]).close()
        with graders(spec, sandbox_of(options)) as obstacle:
            store = _create(spec, options["out"], loader, client.describe(), obstacle)
    with store:
        note(f"run directory: {store.folder}")
        if options["extend"]:
            if options["samples"] is None and options["limit"] is None:
                raise UsageError("--extend asks for more: give --samples, --limit, or both")
            extend_run(store, loader, samples=options["samples"], limit=options["limit"])
        if again:
            if store.record.spec.until_decided and set(again) != {Status.ERRORED}:
                raise UsageError(
                    "--retry: a run with --until-decided can ask again for errored samples only; to draw other answers "
                    "a second time, after looking, would void its error rates"
                )
            store.owe(again)
        budget = budget_of(options)
        return finish(
            store,
            quiet,
            as_json,
            fresh=resume is None,
            budget=budget,
            cache=options["cache"],
            second=second,
            sandbox=sandbox_of(options),
        )


def _create(
    spec: RunSpec,
    out: Path,
    loader: ItemLoader,
    endpoint: Mapping[str, Json],
    obstacle: Callable[[str, Item], str | None],
) -> RunStore:
    """Make the run directory, unless a task of a run that is to end when it is decided never can be."""
    refs = load_references() if spec.until_decided else []
    if spec.until_decided:
        require_decidable(spec, refs)
    store = create_run(spec, out, loader, endpoint, obstacle=obstacle)
    if spec.until_decided:
        try:
            require_decidable(spec, refs, all_items(store.record))
        except UsageError:
            store.close()
            shutil.rmtree(store.folder)
            raise
    return store


def budget_of(options: dict[str, Any]) -> Budget:
    """What this command may spend."""
    if math.isnan(options["max_cost"] or 0.0):
        raise UsageError("--max-cost: nan is no amount")
    return Budget(cost=options["max_cost"], tokens=options["max_tokens_total"], time_s=options["max_time"])


def finish(
    store: RunStore,
    quiet: bool,
    as_json: bool,
    *,
    fresh: bool,
    budget: Budget | None = None,
    cache: Path | None = None,
    second: str | None = None,
    sandbox: SandboxChoice = SandboxChoice(),  # noqa: B008  # immutable
) -> int:
    """Fill the run, print its results, and return the exit code; `fresh` if this command made the directory.

    The `second` grader comes when all is generated, so that it takes no time from requests.
    """
    try:
        with progress(quiet) as shown:
            summary, stopped = run_to_end(store, shown, budget=budget, cache=cache, sandbox=sandbox)
    except UnknownName:
        if fresh:  # the model was never there: nothing was asked, and nothing can be resumed
            shutil.rmtree(store.folder)
        raise
    except EndpointError:
        note(f"what was generated is kept; resume with: evalkit run --resume {store.folder}")
        raise
    if second and stopped != INTERRUPTED:
        summary = with_opinions(store, second)
    from evalkit.comparison import compare_store  # here, since numpy would hold up the first request
    from evalkit.report.terminal import print_comparisons, print_summary

    if as_json:
        print_json(summary)
    elif stopped is None or summary.n_samples:
        print_summary(summary)
        if stopped is None and store.record.spec.references:
            models = store.record.spec.references
            print_comparisons(compare_store(store, models, load_references()), details=False)
            note(f"\nevery verdict in words, with sources: evalkit compare {store.folder}")
    if stopped is not None:
        most = "at most " if store.record.spec.until_decided else ""
        owed = f"{most}{summary.samples_owed:,} samples owed"
        note(f"stopped: {stopped}; {owed}; resume with: evalkit run --resume {store.folder}")
        return EXIT_INTERRUPTED if stopped == INTERRUPTED else EXIT_BUDGET
    return _failed_samples(store, summary)


def with_opinions(store: RunStore, second: str) -> RunSummary:
    """The summary with the opinions of a second grader, which are made where they are missing."""
    from evalkit.summary import summarize

    n = sum(add_opinions(store, second).values())
    note(f"{second}: {n:,} answers graded a second time")
    summary = summarize(store)
    store.write_json("summary.json", summary)
    return summary


def _reopen(folder: Path, names: tuple[str, ...], options: dict[str, Any]) -> RunStore:
    """Open a run to finish it; options that would change it are refused with the changed fields."""
    store = RunStore.open(folder, writer=True)
    before = store.record.spec
    changed = ""
    if bool(names or options["suite"]) != bool(options["model"]):
        store.close()
        raise UsageError("--resume takes tasks and model from the run: leave them out")
    if options["model"]:
        changed = ", ".join(changed_fields(before, build_spec(names, options)))
    else:
        allowed = ENDPOINT_OPTIONS | NOT_ASKED_AGAIN | (_MAY_GROW if options["extend"] else frozenset())
        changed = as_options(given(options) - allowed)
    if changed:
        store.close()
        raise UsageError(
            f"{folder} was made with its own settings, and these would change them: {changed}. "
            f"Resume it without them, or start a new run."
        )
    try:
        with graders(before, sandbox_of(options)):  # nothing is asked that could not be graded here
            store.use_endpoint(endpoint_of(options, profile_of(options, before.model), before.model.endpoint))
    except EvalkitError:
        store.close()
        raise
    return store


def _statuses(text: str | None) -> list[Status]:
    """Statuses to ask again out of `errored,truncated`; raises `UnknownName`."""
    wanted = split_names(text)
    for name in wanted:
        if name not in list(Status):
            raise UnknownName("status", name, [str(s) for s in Status], "known: " + ", ".join(Status))
    return [Status(name) for name in wanted]


def _failed_samples(store: RunStore, summary: RunSummary) -> int:
    n_in_vain = sum(task.n_in_vain for task in summary.tasks)
    if not summary.n_errored + n_in_vain:
        return 0
    share = (summary.n_errored + n_in_vain) / summary.n_samples
    failed = f"{summary.n_errored} of {summary.n_samples} samples failed (status errored, not counted as wrong)"
    kept = f"{n_in_vain} were asked for again without success and keep their earlier answer"
    parts = ([failed] if summary.n_errored else []) + ([kept] if n_in_vain else [])
    note(f"{'; '.join(parts)}; repeat them with: evalkit run --resume {store.folder}")
    return EXIT_FAILED_SAMPLES if share > FAILED_SHARE else 0
