"""`evalkit score`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import click

from evalkit.cli.common import (
    errata_option,
    json_option,
    note,
    print_json,
    sandbox_of,
    sandbox_options,
    second_grader_option,
)
from evalkit.cli.endpoint import endpoint_of, endpoint_options, given_endpoint_options, profile_of
from evalkit.clients.build import build, parse_model
from evalkit.contracts import Client
from evalkit.errors import UsageError
from evalkit.judge import judge
from evalkit.opinions import add_opinions, second_grader
from evalkit.planning import use_errata, with_errata
from evalkit.report.review import print_flip
from evalkit.report.terminal import print_summary
from evalkit.rescore import flips, rescore
from evalkit.store import RunStore
from evalkit.summary import summarize
from evalkit.types import ModelSpec, SandboxChoice


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@errata_option
@click.option("--diff", is_flag=True, help="Show which scores would change, and why; store nothing.")
@click.option("--exit-code", is_flag=True, help="With --diff: exit code 1 if a score would change.")
@second_grader_option
@click.option(
    "--judge",
    "judging",
    metavar="KIND:NAME",
    help="Ask this model about answers in which none was found; its verdicts stand beside the scores.",
)
@sandbox_options
@endpoint_options
@json_option
def score(
    run: Path,
    errata: str | None,
    diff: bool,
    exit_code: bool,
    second: str | None,
    judging: str | None,
    as_json: bool,
    **options: Any,
) -> int:
    """Grade the stored generations of RUN again; no model is asked, unless by --judge.

    Without --errata the golds are those that the run was graded with before.
    """
    _check(diff, exit_code, second, judging)
    client = build(_judge_spec(judging, options)) if judging else None
    sandbox = sandbox_of(options)
    corrected = None if errata is None else errata == "on"
    if diff:
        return _diff(run, corrected, exit_code, as_json, sandbox)
    with RunStore.open(run, writer=True) as store:
        if corrected is not None:
            use_errata(store, corrected)
        changed = rescore(store, sandbox)
        try:
            if second:
                n = sum(add_opinions(store, second).values())
                note(f"{second}: {n:,} answers graded a second time")
            if client is not None:
                _judge(store, client)
        finally:  # a judge that cannot be reached does not undo the grades
            summary = summarize(store)
            store.write_json("summary.json", summary)
    if as_json:
        print_json({"changed": changed, "summary": summary})
    else:
        print_summary(summary)
        note(f"{sum(changed.values())} scores changed")
    return 0


def _check(diff: bool, exit_code: bool, second: str | None, judging: str | None) -> None:
    """Whatever is wrong with the command is found before anything is graded."""
    if exit_code and not diff:
        raise UsageError("--exit-code goes with --diff")
    if diff and (second or judging):
        raise UsageError("--diff stores nothing, so it goes with neither --second-grader nor --judge")
    if not judging and (given := given_endpoint_options()):
        raise UsageError(f"{given} goes with --judge: nothing else asks a model")
    if second:
        second_grader(second).close()


def _judge_spec(judging: str, options: dict[str, Any]) -> ModelSpec:
    kind, name = parse_model(judging)
    profile = profile_of(options)
    limit = (profile and profile.limit_parameter) or "max_tokens"
    return ModelSpec(kind=kind, name=name, limit_parameter=limit, endpoint=endpoint_of(options, profile))


def _judge(store: RunStore, client: Client) -> None:
    n, failed = asyncio.run(judge(store, client))
    note(f"{client.name}: {n:,} unparsed answers judged")
    if failed:
        kinds = ", ".join(f"{kind}: {count:,}" for kind, count in failed.items())
        note(f"{sum(failed.values()):,} requests failed ({kinds}); the same command asks them again")


def _diff(run: Path, corrected: bool | None, exit_code: bool, as_json: bool, sandbox: SandboxChoice) -> int:
    with RunStore.open(run) as store:
        spec = store.record.spec if corrected is None else with_errata(store.record.spec, corrected)
        n = 0
        kept = []
        for flip in flips(store, spec, sandbox):
            n += 1
            if as_json:
                kept.append(flip)
            else:
                print_flip(flip)
    if as_json:
        print_json(kept)
    note(f"{n:,} scores would change; nothing is stored")
    return int(exit_code and n > 0)
