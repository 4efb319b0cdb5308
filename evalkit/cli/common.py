"""Options and printing that several commands share."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from evalkit.codec import encode_pretty
from evalkit.types import SandboxChoice

F = TypeVar("F", bound=Callable[..., Any])

json_option = click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
tasks_dir_option = click.option(
    "--tasks-dir",
    "task_folders",
    multiple=True,
    type=click.Path(path_type=Path, file_okay=False),
    envvar="EVALKIT_TASKS_DIR",
    help="Further folder of task files; may be repeated.",
)


errata_option = click.option(
    "--errata",
    type=click.Choice(["on", "off"]),
    help="Grade against corrected golds where published ones are known to be wrong, or as published.",
)


second_grader_option = click.option(
    "--second-grader",
    "second",
    metavar="SCORER",
    help="Let this scorer judge the answers too, for example math-verify; its opinions are kept beside the scores.",
)


def sandbox_options(command: F) -> F:
    """`--sandbox`, `--allow-unsafe-code`; `sandbox_of` reads them."""
    command = click.option(
        "--allow-unsafe-code",
        is_flag=True,
        help="With --sandbox none: run what a model wrote with all your rights. Scores are marked.",
    )(command)
    return click.option(
        "--sandbox",
        metavar="NAME",
        default="auto",
        show_default=True,
        envvar="EVALKIT_SANDBOX",
        help="Where code of models is run: auto, namespaces, bwrap, landlock, docker, podman, none.",
    )(command)


def sandbox_of(options: Mapping[str, Any]) -> SandboxChoice:
    """What `sandbox_options` were given."""
    return SandboxChoice(backend=options["sandbox"], allow_unsafe=options["allow_unsafe_code"])


def data_options(command: F) -> F:
    """`--data-dir`, `--trust`."""
    command = click.option(
        "--trust",
        "trusted",
        multiple=True,
        type=click.Path(path_type=Path, file_okay=False, exists=True),
        help="Folder whose !function code may run.",
    )(command)
    return click.option(
        "--data-dir",
        type=click.Path(path_type=Path, file_okay=False),
        envvar="EVALKIT_DATA_DIR",
        help="Local mirror of the hub datasets: DIR/<task>/<split>.jsonl.  [env: EVALKIT_DATA_DIR]",
    )(command)


def split_names(text: str | None) -> list[str]:
    """Names out of `o1,deepseek-r1`."""
    return [name.strip() for name in (text or "").split(",") if name.strip()]


def print_json(value: Any) -> None:
    """Write one JSON document to standard output."""
    click.echo(encode_pretty(value), nl=False)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str | None = None) -> None:
    """Write a table to standard output; cells may carry rich markup made by us, never by others."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console(width=None if os.isatty(1) else 160).print(table)


def note(text: str) -> None:
    """A remark on standard error."""
    click.echo(text, err=True)
