"""Encode, decode and digest values at the edges (files, HTTP, the command line).

Digests are SHA-256 over canonical JSON: keys sorted, no spaces, so equal values have equal digests.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from evalkit.errors import StoreError, TaskError

T = TypeVar("T")

_encoder = msgspec.json.Encoder(order="sorted")
_decoder = msgspec.json.Decoder()


def encode(value: Any) -> bytes:
    """Canonical JSON bytes of dataclasses and plain values."""
    return _encoder.encode(value)


def encode_pretty(value: Any) -> str:
    """Indented JSON text with a final newline, for files and `--json`."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"


def decode(data: bytes | str) -> Any:
    """Plain values from JSON; raises `msgspec.DecodeError`."""
    return _decoder.decode(data)


def convert(value: Any, kind: type[T]) -> T:
    """Validate plain values into a dataclass; raises `msgspec.ValidationError` naming the field."""
    return msgspec.convert(value, kind)


def builtins(value: Any) -> Any:
    """Dataclasses to plain dictionaries and lists."""
    return msgspec.to_builtins(value)


def digest(value: Any) -> str:
    """`sha256:<hex>` of the canonical JSON of `value`."""
    return "sha256:" + hashlib.sha256(encode(value)).hexdigest()


def file_digest(path: Path) -> str:
    """`sha256:<hex>` of a file's bytes."""
    with path.open("rb") as handle:
        return "sha256:" + hashlib.file_digest(handle, "sha256").hexdigest()


def json_lines(path: Path) -> Iterator[tuple[int, Any]]:
    """(line number, value) of a JSON Lines file without its blank lines; raises `TaskError` with the line."""
    try:
        with path.open("rb") as handle:
            for number, raw in enumerate(handle, start=1):
                if raw.strip():
                    try:
                        yield number, decode(raw)
                    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
                        raise TaskError(f"not valid JSON: {fault}", file=str(path), line=number) from None
    except OSError as fault:
        raise TaskError(f"cannot be read: {fault.strerror}", file=str(path)) from None


def read_json(path: Path, kind: type[T]) -> T:
    """Read and validate one of our own JSON files; raises `StoreError` with the file's name."""
    try:
        return convert(decode(path.read_bytes()), kind)
    except FileNotFoundError:
        raise StoreError(f"{path} does not exist") from None
    except msgspec.MsgspecError as fault:
        raise StoreError(f"{path} is not a valid {kind.__name__}: {fault}") from fault
