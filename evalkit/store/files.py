"""Files of a run directory: written whole or not at all, by one process at a time."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from evalkit.errors import StoreError, WriteFailed


def write_file(path: Path, text: str) -> Path:
    """Replace a file atomically."""
    part = path.with_name(path.name + ".part")
    try:
        with part.open("w", encoding="utf-8") as handle:
            handle.write(text)
            handle.flush()
            os.fsync(handle.fileno())
        part.replace(path)
    except OSError as fault:
        raise WriteFailed(f"cannot write {path}: {fault}") from fault
    return path


def lock(folder: Path) -> int:
    """Hold the folder for writing until the handle is closed or the process ends, however it ends."""
    try:
        handle = os.open(folder / "run.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as fault:
        raise WriteFailed(f"cannot write to {folder}: {fault.strerror}") from fault
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise StoreError(f"another evalkit process is writing to {folder}") from None
    return handle
