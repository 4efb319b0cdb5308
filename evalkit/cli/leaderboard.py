"""`evalkit leaderboard`."""

from __future__ import annotations

import contextlib
from pathlib import Path

import click

from evalkit import boards
from evalkit.cli.common import note
from evalkit.leaderboard import fill
from evalkit.references import load_references
from evalkit.registry import EXPORTERS
from evalkit.store import RunStore, write_file


@click.command()
@click.argument("runs", nargs=-1, type=click.Path(path_type=Path))
@click.option("--board", "board_name", default="reasoning", show_default=True, help="Board name or YAML file.")
@click.option("--format", "format_name", default="md", show_default=True, help="md, csv or json.")
@click.option("--json", "as_json", is_flag=True, help="Short for --format json.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="File; default standard output.")
def leaderboard(runs: tuple[Path, ...], board_name: str, format_name: str, as_json: bool, output: Path | None) -> None:
    """Export a board: its published references and the given RUNS."""
    exporter = EXPORTERS.get("json" if as_json else format_name)()
    board = boards.find(board_name)
    with contextlib.ExitStack() as stack:
        stores = [stack.enter_context(RunStore.open(run)) for run in runs]
        text = exporter.render(fill(board, stores, load_references()))
    if output is None:
        click.echo(text, nl=False)
    else:
        write_file(output, text)
        note(f"wrote {output}")
