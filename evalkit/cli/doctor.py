"""`evalkit doctor`: what this machine can do, and what to do about what it cannot."""

from __future__ import annotations

import importlib.util
import os
import platform
import resource
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
from rich.markup import escape

from evalkit import __version__
from evalkit.cli.common import json_option, print_json, print_table
from evalkit.clients import weights
from evalkit.errors import SandboxUnavailable
from evalkit.scoring.sandbox import Sandbox, probes

_EXTRAS = (
    ("embedded model's runtime", "xllamacpp", "local"),
    ("generated questions", "reasoning_gym", "local"),
)
_FEW_FILES = 4096


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    state: str
    """`ok`, `missing` (something optional) or `problem`."""
    detail: str


@click.command()
@json_option
def doctor(as_json: bool) -> None:
    """Look at what runs need here. Exit code 1 if something is wrong, as against missing."""
    found = list(_findings())
    if as_json:
        print_json(found)
    else:
        print_table(("what", "state", "detail"), [(f.what, f.state, escape(f.detail)) for f in found])
    if any(f.state == "problem" for f in found):
        raise click.exceptions.Exit(1)


def _findings() -> Iterator[Finding]:
    yield Finding("evalkit", "ok", f"{__version__}, Python {platform.python_version()}, {platform.platform()}")
    for what, module, extra in _EXTRAS:
        there = importlib.util.find_spec(module) is not None
        yield Finding(what, "ok" if there else "missing", module if there else f"pip install 'evalkit[{extra}]'")
    for entry in weights.CATALOG.values():
        fetched = weights.cached(entry)
        pull = f"evalkit models pull {entry.name}"
        yield Finding(f"weights {entry.name}", "ok" if fetched else "missing", str(fetched) if fetched else pull)
    yield _data()
    yield _open_files()
    yield _sandbox()


def _data() -> Finding:
    given = os.environ.get("EVALKIT_DATA_DIR")
    if not given:
        return Finding("benchmarks", "ok", "from the hub; EVALKIT_DATA_DIR names a local mirror")
    if Path(given).is_dir():
        return Finding("benchmarks", "ok", f"from EVALKIT_DATA_DIR={given}")
    return Finding("benchmarks", "problem", f"EVALKIT_DATA_DIR={given} is no folder")


def _open_files() -> Finding:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < _FEW_FILES:
        return Finding("open files", "problem", f"at most {hard:,}: not enough for many connections (ulimit -n)")
    return Finding("open files", "ok", "no limit" if hard == resource.RLIM_INFINITY else f"at most {hard:,}")


def _sandbox() -> Finding:
    try:
        with Sandbox(workers=1) as made:
            results = probes.run(made)
            tier = made.tier
    except SandboxUnavailable as fault:
        return Finding("sandbox for code", "missing", str(fault))
    through = [result.name for result in results if not result.held]
    if through:
        return Finding("sandbox for code", "problem", f"{tier}: these got through: {', '.join(through)}")
    return Finding("sandbox for code", "ok", f"{tier}: all {len(results)} escape probes held")
