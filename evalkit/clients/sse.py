"""Server-sent events: bytes in, `data:` payloads out. Comments and empty lines are signs of life and nothing else."""

from __future__ import annotations

from collections.abc import Iterator


class SSEDecoder:
    """Incremental decoder of the subset that chat endpoints use: one `data:` line per event."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    @property
    def n_pending(self) -> int:
        """Bytes of the line that has not ended yet."""
        return len(self._rest)

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the payload of each complete `data:` line in the bytes so far."""
        data = self._rest + chunk
        if b"\r" in data:
            data = data.replace(b"\r\n", b"\n")
        *lines, self._rest = data.split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                yield line[5:].strip()
