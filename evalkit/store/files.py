"""A run directory is written by one process at a time."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from evalkit.errors import StoreError, WriteFailed


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
