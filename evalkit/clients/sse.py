"""Server-sent events: bytes in, `data:` payloads out. Comments and empty lines are signs of life and nothing else."""

from __future__ import annotations

import codecs
from collections.abc import Iterator


class SSEDecoder:
    """Incremental decoder of the subset that chat endpoints use: one `data:` line per event."""

    __slots__ = ("_begun", "_rest", "n_lines")

    def __init__(self) -> None:
        self._rest = b""
        self._begun = False
        self.n_lines = 0
        """Whole lines so far, empty ones and comments included."""

    @property
    def n_pending(self) -> int:
        """Bytes of the line that has not ended yet."""
        return len(self._rest)

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the payload of each complete `data:` line in the bytes so far."""
        data = self._rest + chunk
        if not self._begun and len(data) >= len(codecs.BOM_UTF8):
            self._begun = True
            data = data.removeprefix(codecs.BOM_UTF8)
        held = b""
        if b"\r" in data:  # lines may end in CR LF, LF or CR; a CR at the end may be half of one
            data, held = (data[:-1], b"\r") if data.endswith(b"\r") else (data, b"")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, self._rest = data.split(b"\n")
        self._rest += held
        self.n_lines += len(lines)
        for line in lines:
            if line.startswith(b"data:"):
                yield line[5:].strip()
