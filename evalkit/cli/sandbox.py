"""`evalkit sandbox`."""

from __future__ import annotations

from typing import Any

import click
from rich.markup import escape

from evalkit.cli.common import json_option, note, print_json, print_table, sandbox_of, sandbox_options
from evalkit.errors import SandboxUnavailable, UsageError
from evalkit.scoring.sandbox import Sandbox, probes
from evalkit.scoring.sandbox.backends import BACKENDS
from evalkit.scoring.sandbox.pool import NONE
from evalkit.types import SandboxChoice


@click.group()
def sandbox() -> None:
    """Show where code of models is run, and prove that it stays there."""


@sandbox.command("list")
@json_option
def list_(as_json: bool) -> None:
    """Try every kind of sandbox on this machine."""
    found = [_tried(name) for name in BACKENDS]
    if as_json:
        print_json(found)
        return
    print_table(
        ("sandbox", "works", "layers, or why not"), [(r["sandbox"], r["works"], escape(r["what"])) for r in found]
    )


def _tried(name: str) -> dict[str, str]:
    try:
        with Sandbox(SandboxChoice(backend=name, allow_unsafe=True), workers=1) as made:
            return {"sandbox": name, "works": "yes", "what": ", ".join(reversed(made.layers))}
    except SandboxUnavailable as fault:
        return {"sandbox": name, "works": "no", "what": fault.reason}


@sandbox.command()
@sandbox_options
@json_option
def selftest(as_json: bool, **options: Any) -> None:
    """Attack the sandbox from inside with every probe there is. Exit code 1 if one gets through."""
    if options["sandbox"] == NONE:
        raise UsageError("--sandbox none isolates nothing: there is nothing to test, and probes would do their harm")
    with Sandbox(sandbox_of(options), workers=1) as made:
        results = probes.run(made)
        tier = made.tier
    through = [result for result in results if not result.held]
    if as_json:
        print_json({"sandbox": tier, "held": len(results) - len(through), "probes": results})
    else:
        rows = [(r.name, r.tries, "held" if r.held else "[red]GOT THROUGH[/red]", escape(r.detail)) for r in results]
        print_table(("probe", "tries to", "result", "detail"), rows)
        click.echo(f"\n{tier}: {len(results) - len(through)} of {len(results)} probes held")
    if through:
        note("this sandbox does not hold: do not run code of models in it")
        raise click.exceptions.Exit(1)
