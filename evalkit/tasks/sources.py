"""Rows of a dataset: from a procedural generator, a local mirror, or the hub, in that order of precedence.

A mirror is a folder (`--data-dir` or `EVALKIT_DATA_DIR`) with `<task>/<split>.jsonl`, fields as on the hub; the task
file may name another file per split. `.jsonl.gz` is read the same way.
"""

from __future__ import annotations

import gzip
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from evalkit.codec import decode, digest, file_digest
from evalkit.contracts import ItemSource
from evalkit.errors import DatasetError, MissingExtra
from evalkit.types import DatasetSpec


def pick(spec: DatasetSpec, task: str, data_dir: Path | None) -> ItemSource:
    """The source that serves `spec`; raises `DatasetError` if a mirror is given but has no such file."""
    if spec.path == "reasoning_gym":
        return ReasoningGymSource()
    if data_dir is not None:
        return MirrorSource(data_dir)
    return HubSource()


class MirrorSource:
    """JSON Lines files below one folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def rows(self, spec: DatasetSpec, task: str, split: str, limit: int | None) -> Iterator[dict[str, Any]]:
        """Yield rows in file order; raises `DatasetError` naming the file and line."""
        file = self._file(spec, task, split)
        opener = gzip.open if file.suffix == ".gz" else open
        with opener(file, "rt", encoding="utf-8") as handle:
            lines = (line for line in handle if line.strip())
            for number, line in enumerate(itertools.islice(lines, limit), start=1):
                try:
                    row = decode(line)
                except msgspec.DecodeError as fault:
                    raise DatasetError(f"{file}:{number}: not valid JSON: {fault}") from fault
                if not isinstance(row, dict):
                    raise DatasetError(f"{file}:{number}: a row must be a JSON object")
                yield row

    def digest(self, spec: DatasetSpec, task: str, split: str) -> str | None:
        """SHA-256 of the file."""
        return file_digest(self._file(spec, task, split))

    def _file(self, spec: DatasetSpec, task: str, split: str) -> Path:
        wanted = self._root / spec.mirror.get(split, f"{task}/{split}.jsonl")
        for file in (wanted, wanted.with_name(wanted.name + ".gz")):
            if file.is_file():
                return file
        raise DatasetError(
            f"{task}: no file {wanted} (mirror of {_hub_name(spec)}, split {split}); "
            f"put the split there as JSON Lines, or leave --data-dir and EVALKIT_DATA_DIR unset to use the hub"
        )


class HubSource:
    """Hugging Face datasets."""

    def rows(self, spec: DatasetSpec, task: str, split: str, limit: int | None) -> Iterator[dict[str, Any]]:
        """Yield rows in dataset order; raises `DatasetError` with how to mirror the dataset."""
        import datasets

        datasets.disable_progress_bars()
        try:
            data = datasets.load_dataset(spec.path, spec.name, split=split, revision=spec.revision, **dict(spec.kwargs))
        except Exception as fault:
            # datasets raises dozens of unrelated types here (network, gated access, scripts, builder errors);
            # to the user they all mean the same: these rows cannot be had from the hub.
            raise DatasetError(
                f"{task}: cannot load {_hub_name(spec)}, split {split}, from the hub "
                f"({type(fault).__name__}: {str(fault).splitlines()[0] if str(fault) else 'no message'}); "
                f"without a hub, save the split as JSON Lines in DIR/"
                f"{spec.mirror.get(split, f'{task}/{split}.jsonl')} and pass --data-dir DIR"
            ) from fault
        for row in itertools.islice(data, limit):
            yield dict(row)

    def digest(self, spec: DatasetSpec, task: str, split: str) -> str | None:
        """The pinned revision, if the task pins one."""
        return spec.revision


class ReasoningGymSource:
    """Questions made on the spot by the reasoning-gym package: no download, no contamination."""

    def rows(self, spec: DatasetSpec, task: str, split: str, limit: int | None) -> Iterator[dict[str, Any]]:
        """Yield entries with `id` (family, seed, index), `question`, `answer` and `metadata`."""
        dataset = reasoning_gym_dataset(spec)
        seed = spec.kwargs.get("seed")
        for index in range(len(dataset) if limit is None else min(limit, len(dataset))):
            entry = dataset[index]
            yield {**entry, "id": f"{spec.kwargs['name']}-s{seed}-{index:04d}", "index": index}

    def digest(self, spec: DatasetSpec, task: str, split: str) -> str | None:
        """Digest of the generator's arguments and the package version."""
        import importlib.metadata

        return digest([importlib.metadata.version("reasoning-gym"), spec.kwargs])


def reasoning_gym_dataset(spec: DatasetSpec) -> Any:
    """The generator of `spec`; raises `MissingExtra` or `DatasetError`."""
    try:
        import reasoning_gym
    except ImportError:
        raise MissingExtra("reasoning_gym tasks", "local") from None
    kwargs = dict(spec.kwargs)
    name = kwargs.pop("name", None)
    try:
        return reasoning_gym.create_dataset(name, **kwargs)
    except (ValueError, TypeError, AssertionError, KeyError) as fault:
        raise DatasetError(f"reasoning_gym cannot make {name!r} with {kwargs}: {fault}") from fault


def _hub_name(spec: DatasetSpec) -> str:
    return spec.path + (f" ({spec.name})" if spec.name else "")
