"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from evalkit.errors import WriteFailed


def write_file(path: Path, text: str) -> Path:
    """Replace a file atomically; raises `WriteFailed`."""
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("w", encoding="utf-8") as handle:
            handle.write(text)
            handle.flush()
            os.fsync(handle.fileno())
        part.replace(path)
    except OSError as fault:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise WriteFailed(f"cannot write {path}: {fault.strerror}") from fault
    return path
