"""Rows of a dataset: made by a generator, from a file beside the task file, a local mirror, or the hub, in that order.

A file beside the task file is named as lm-eval and `datasets` do it: `dataset_path: json` and `data_files`, which maps
splits to names, or is one name, which then is the split `train`. A mirror is a folder (`--data-dir` or
`EVALKIT_DATA_DIR`) with `<task>/<split>.jsonl`, fields as on the hub; the task file may name another file per split.
`.jsonl.gz` is read the same way everywhere.
"""

from __future__ import annotations

import gzip
import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from evalkit import resources
from evalkit.codec import decode, digest, file_digest
from evalkit.contracts import ItemSource
from evalkit.errors import DatasetError, MissingExtra
from evalkit.types import DatasetSpec

JSON = "json"


def pick(spec: DatasetSpec, data_dir: Path | None) -> ItemSource:
    """The source that serves `spec`."""
    if spec.path == "reasoning_gym":
        return ReasoningGymSource()
    if spec.path == JSON:
        return FileSource()
    if data_dir is not None:
        return MirrorSource(data_dir)
    return HubSource()


class MirrorSource:
    """JSON Lines files below one folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def rows(self, spec: DatasetSpec, task: str, split: str, limit: int | None) -> Iterator[dict[str, Any]]:
        """Yield rows in file order; raises `DatasetError` naming the file and line."""
        return _read(self._file(spec, task, split), limit)

    def digest(self, spec: DatasetSpec, task: str, split: str) -> str | None:
        """SHA-256 of the file."""
        return file_digest(self._file(spec, task, split))

    def _file(self, spec: DatasetSpec, task: str, split: str) -> Path:
        wanted = self._root / spec.mirror.get(split, f"{task}/{split}.jsonl")
        if file := _as_is_or_packed(wanted):
            return file
        raise DatasetError(
            f"{task}: no file {wanted} (mirror of {_hub_name(spec)}, split {split}); "
            f"put the split there as JSON Lines, or leave --data-dir and EVALKIT_DATA_DIR unset to use the hub"
        )


class FileSource:
    """JSON Lines files beside the task file."""

    def rows(self, spec: DatasetSpec, task: str, split: str, limit: int | None) -> Iterator[dict[str, Any]]:
        """Yield rows in file order; raises `DatasetError` naming the file and line."""
        return _read(self._file(spec, task, split), limit)

    def digest(self, spec: DatasetSpec, task: str, split: str) -> str | None:
        """SHA-256 of the file."""
        return file_digest(self._file(spec, task, split))

    def _file(self, spec: DatasetSpec, task: str, split: str) -> Path:
        try:
            return file_beside(spec, split)
        except ValueError as fault:  # the task file was read elsewhere, or the file has gone since
            raise DatasetError(f"{task}: {fault}") from None


def file_beside(spec: DatasetSpec, split: str) -> Path:
    """The file of a split; raises `ValueError` if there is none or it is not to be read."""
    named = spec.kwargs.get("data_files")
    files = {"train": named} if isinstance(named, str) else named
    if not isinstance(files, Mapping) or not all(isinstance(name, str) for name in files.values()):
        raise ValueError("data_files must map each split to the name of a JSON Lines file: {test: questions.jsonl}")
    if split not in files:
        hint = "; one name alone is the split train" if isinstance(named, str) else ""
        raise ValueError(f"data_files names no file for the split {split}{hint}")
    name, folder = str(files[split]), resources.folder("tasks") / (spec.folder or "")
    outside = f"{name!r} must be a relative path to a file in the folder of the task file, or below it"
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise ValueError(outside)
    file = _as_is_or_packed(folder / name)
    if file is None:
        raise ValueError(f"no file {name} in {folder}, the folder of the task file")
    if not file.resolve().is_relative_to(folder.resolve()):
        raise ValueError(outside)
    return file


def portable_folder(folder: Path) -> str:
    """How the folder of a task file is kept: a shipped one so that it is found wherever evalkit is installed."""
    own, shipped = folder.resolve(), resources.folder("tasks").resolve()
    return str(own.relative_to(shipped) if own.is_relative_to(shipped) else own)


def _as_is_or_packed(file: Path) -> Path | None:
    return next((f for f in (file, file.with_name(file.name + ".gz")) if f.is_file()), None)


def _read(file: Path, limit: int | None) -> Iterator[dict[str, Any]]:
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
