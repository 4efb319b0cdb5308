"""`evalkit leaderboard`."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

import click

from evalkit import boards
from evalkit.cli.common import note
from evalkit.errors import StoreError, UsageError
from evalkit.files import write_file
from evalkit.leaderboard import fill
from evalkit.references import load_references
from evalkit.registry import EXPORTERS
from evalkit.report.json import from_json
from evalkit.store import RunStore
from evalkit.types import Leaderboard


@click.command()
@click.argument("runs", nargs=-1, type=click.Path(path_type=Path))
@click.option("--board", "name", default="reasoning", show_default=True, help="Name, YAML file, or exported JSON file.")
@click.option("--format", "form", default="md", show_default=True, help=", ".join(EXPORTERS.names()) + ".")
@click.option("--json", "as_json", is_flag=True, help="Short for --format json.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="File; default standard output.")
def leaderboard(runs: tuple[Path, ...], name: str, form: str, as_json: bool, output: Path | None) -> None:
    """Export a board: its published references, the given RUNS, and verdicts.

    --board board.json writes a board that was exported as JSON again, in another format.
    """
    exporter = EXPORTERS.get("json" if as_json else form)()
    text = exporter.render(_exported(Path(name), runs) if name.endswith(".json") else _filled(name, runs))
    if output is None:
        click.echo(text, nl=False)
    else:
        write_file(output, text)
        note(f"wrote {output}")


def _filled(name: str, runs: Sequence[Path]) -> Leaderboard:
    board = boards.find(name)
    with contextlib.ExitStack() as stack:
        stores = [stack.enter_context(RunStore.open(run)) for run in runs]
        return fill(board, stores, load_references())


def _exported(file: Path, runs: Sequence[Path]) -> Leaderboard:
    if runs:
        raise UsageError(f"--board {file.name} is filled already: runs go with a board by name or as a YAML file")
    try:
        return from_json(file.read_bytes())
    except OSError as fault:
        raise StoreError(f"--board {file}: cannot be read: {fault.strerror}") from None
    except UsageError as fault:
        raise UsageError(f"--board {file}: {fault}") from None
