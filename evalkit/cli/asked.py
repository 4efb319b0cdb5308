"""Options of `evalkit run` -> the run that they ask for."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from evalkit import boards, errata
from evalkit.cli.common import split_names
from evalkit.cli.endpoint import ENDPOINT_OPTIONS, endpoint_of, profile_of
from evalkit.clients.build import parse_model
from evalkit.clients.profiles import refused
from evalkit.codec import read_json
from evalkit.errors import UsageError
from evalkit.planning import Overrides, require_accepted
from evalkit.protocols import named
from evalkit.references import load_references, resolve_model
from evalkit.store import require_readable
from evalkit.tasks import catalog
from evalkit.types import Board, ModelSpec, NamedProtocol, RunRecord, RunSpec, TaskSpec

MOST_ROUNDS = 64
NOT_ASKED_AGAIN = frozenset(
    {"data_dir", "trusted", "task_folders", "out", "retry", "extend"}
    | {"max_cost", "max_tokens_total", "max_time", "cache", "second", "sandbox", "allow_unsafe_code"}
)
"""Settled when a run is resumed (where items come from and the run goes), or not part of what it asks for."""


def build_spec(names: tuple[str, ...], options: dict[str, Any]) -> RunSpec:
    """The run that the options ask for; raises `UnknownName`, `UsageError` or `TaskError`."""
    if len(names) == 1 and names[0].endswith(".json"):
        return _repeated(Path(names[0]), options)
    board = boards.find(options["suite"]) if options["suite"] else None
    protocol = boards.protocol_of(board) if board else None
    protocol = named.find(options["protocol"]) if options["protocol"] else protocol
    tasks = _tasks(names, board, protocol, options["task_folders"])
    if not options["model"]:
        raise UsageError("which model? Give --model KIND:NAME, for example --model openai:deepseek-r1 --base-url URL")
    overrides = Overrides(
        samples=_samples(options),
        margin=_fraction(options, "margin"),
        alpha=_fraction(options, "alpha"),
        temperature=options["temperature"],
        top_p=options["top_p"],
        max_tokens=options["max_tokens"],
        max_repetition=options["max_repetition"],
        extra=dict(_pair(text) for text in options["extra"]),
        omit=frozenset(options["omit"]),
    )
    references = reference_models(options["against"]) or (board.rivals if board else ())
    if options["errata"] != "off":
        tasks = [errata.corrected(task) for task in tasks]
    model = _model(options)
    tasks = [overrides.apply(task) for task in tasks]
    require_accepted(tasks, model, refused(model, profile_of(options)), protocol)
    return RunSpec(
        tasks=tuple(tasks),
        model=model,
        limit=options["limit"],
        seed=options["seed"],
        board=options["suite"],
        protocol=named.label(protocol) if protocol else None,
        references=references,
        until_decided=options["until_decided"],
    )


def _samples(options: dict[str, Any]) -> int | None:
    """Samples of each item; with --until-decided the most of them."""
    if not options["until_decided"]:
        if options["max_samples"] is not None:
            raise UsageError("--max-samples goes with --until-decided; the samples of an ordinary run are --samples")
        samples: int | None = options["samples"]
        return samples
    if options["samples"] is not None:
        raise UsageError("--samples: --until-decided takes as many as it needs; the most of them are --max-samples")
    return options["max_samples"] or MOST_ROUNDS


def _fraction(options: dict[str, Any], name: str) -> float | None:
    value: float | None = options[name]
    if value is not None and math.isnan(value):
        raise UsageError(f"--{name}: nan is no fraction")
    return value


def _repeated(file: Path, options: dict[str, Any]) -> RunSpec:
    """The run of a run.json; it may be asked elsewhere and otherwise, but not something else."""
    record = read_json(file, RunRecord)
    require_readable(file, record)
    changed = given(options) - ENDPOINT_OPTIONS - NOT_ASKED_AGAIN
    if changed:
        raise UsageError(f"{file} says what is asked; it cannot be changed by {as_options(changed)}")
    spec = record.spec
    endpoint = endpoint_of(options, profile_of(options, spec.model), spec.model.endpoint)
    return dataclasses.replace(spec, model=dataclasses.replace(spec.model, endpoint=endpoint))


def _model(options: dict[str, Any]) -> ModelSpec:
    kind, name = parse_model(options["model"])
    gguf = options["gguf"]
    profile = profile_of(options)
    return ModelSpec(
        kind=kind,
        name=name,
        limit_parameter=options["limit_parameter"] or (profile and profile.limit_parameter) or "max_tokens",
        options={"gguf": str(gguf)} if gguf else {},
        endpoint=endpoint_of(options, profile),
    )


def reference_models(against: str | None) -> tuple[str, ...]:
    """Short names out of `o1,deepseek-r1`; raises `UnknownName` before anything is run."""
    return tuple(resolve_model(load_references(), name) for name in split_names(against))


def _tasks(
    names: tuple[str, ...], board: Board | None, protocol: NamedProtocol | None, folders: Sequence[Path]
) -> list[TaskSpec]:
    """The tasks named, or those of the suite, under the protocol."""
    found = [named.apply(protocol, catalog.find(name, folders)) for name in names]
    if board is not None:
        wanted = {*names, *(task.name for task in found)}
        suite = boards.suite(board, folders, protocol)
        found = [task for task in suite if not names or wanted & {task.name, task.base}]
    if not found:
        raise UsageError("which task? Name one (see: evalkit tasks list), or give --suite")
    return found


def _pair(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise UsageError(f"--extra must be KEY=JSON, not {text!r}")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def given(options: dict[str, Any]) -> set[str]:
    """Names of the options that stand on the command line."""
    source = click.get_current_context().get_parameter_source
    return {key for key in options if source(key) is ParameterSource.COMMANDLINE}


def as_options(names: Iterable[str]) -> str:
    """`--limit, --samples`."""
    return ", ".join(sorted("--" + name.replace("_", "-") for name in names))
