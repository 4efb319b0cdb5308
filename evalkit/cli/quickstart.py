"""`evalkit quickstart`: the whole road once, on the embedded model."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click

from evalkit import boards
from evalkit.cli.common import json_option, note, print_json
from evalkit.cli.progress import progress
from evalkit.cli.report import write_report
from evalkit.cli.run import EXIT_INTERRUPTED
from evalkit.clients import weights
from evalkit.clients.build import build
from evalkit.comparison import compare_store, suite_claims
from evalkit.errors import SandboxUnavailable
from evalkit.execution import run_to_end
from evalkit.files import write_file
from evalkit.leaderboard import fill
from evalkit.planning import create_run
from evalkit.references import load_references
from evalkit.registry import EXPORTERS, SCORERS, graders
from evalkit.report.terminal import print_comparisons, print_summary
from evalkit.store import RunStore
from evalkit.tasks.items import ItemLoader
from evalkit.types import Board, ModelSpec, RunSpec, SandboxChoice

MODEL = "smollm2"
SEED = 1000
DEMONSTRATION = (
    "This is a demonstration: a model of 135 million parameters on an easy question ladder. It is no reasoning model; "
    "the numbers show how evalkit measures and compares, not how good anything is."
)


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Folder of runs.")
@click.option("--gguf", type=click.Path(path_type=Path), help="Another model file in place of SmolLM2.")
@click.option("--limit", type=click.IntRange(1), help="Only the first N items of each task.")
@click.option("--quiet", is_flag=True, help="No progress display.")
@json_option
def quickstart(out: Path, gguf: Path | None, limit: int | None, quiet: bool, as_json: bool) -> int:
    """Fetch a small model, run the quickstart suite on it, compare, and write the report and a leaderboard."""
    board = boards.find("quickstart")
    spec = _without_code(_spec(board, gguf, limit))
    client = build(spec.model)
    store = create_run(spec, out, ItemLoader(), client.describe())
    with store:
        note(f"run directory: {store.folder}")
        with progress(quiet) as shown:
            summary, stopped = run_to_end(store, shown, client)
        if stopped is not None:
            note(f"{stopped}; resume with: evalkit run --resume {store.folder}")
            return EXIT_INTERRUPTED
        comparisons = compare_store(store, board.rivals, load_references())
        files = _write_files(store, board)
        if as_json:
            claims = suite_claims(comparisons)
            print_json({"summary": summary, "comparisons": comparisons, "claims": claims, **files})
            return 0
        print_summary(summary)
        print_comparisons(comparisons, details=False)
        click.echo(f"\n{DEMONSTRATION}\n")
        for name, path in files.items():
            click.echo(f"{name + ':':13}{path}")
        click.echo(
            f"next:        evalkit compare {store.folder}   (every verdict in words, with sources)\n"
            "             evalkit run gsm8k --model openai:NAME --base-url URL --limit 50   (your own model)"
        )
    return 0


def _spec(board: Board, gguf: Path | None, limit: int | None) -> RunSpec:
    if gguf is None and weights.cached(weights.known(MODEL)) is None:
        note("fetching SmolLM2-135M-Instruct (93 MB, once) ...")
    if gguf is None:
        weights.pull(weights.known(MODEL))
    return RunSpec(
        tasks=tuple(boards.suite(board)),
        model=ModelSpec(
            kind="local",
            name=gguf.stem if gguf else MODEL,
            options={"gguf": str(gguf)} if gguf else {},
        ),
        limit=limit,
        seed=SEED,
        board=board.name,
        references=board.rivals,
    )


def _without_code(spec: RunSpec) -> RunSpec:
    """The same without tasks whose answers are run, where there is no sandbox for that: the others can be shown."""
    try:
        with graders(spec, SandboxChoice()):
            return spec
    except SandboxUnavailable as fault:
        note(f"tasks with code are left out: {fault}")
        tasks = tuple(task for task in spec.tasks if not getattr(SCORERS.get(task.scorer), "runs_code", False))
        return dataclasses.replace(spec, tasks=tasks)


def _write_files(store: RunStore, board: Board) -> dict[str, str]:
    table = fill(board, [store], load_references())
    leaderboard = write_file(Path("leaderboard.md"), EXPORTERS.get("md")().render(table))
    report = write_report(store, note=DEMONSTRATION)
    return {"run": str(store.folder), "report": str(report), "leaderboard": str(leaderboard)}
