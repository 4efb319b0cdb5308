"""The processes of a job, as the zygote sees them: watched while they write, and ended."""

from __future__ import annotations

import os
import select
import signal
import time
from typing import Any

from wire import Gone  # type: ignore[import-not-found]

_OUTPUT_CHUNK = 1 << 16
_LOOK_S = 0.25
_MOST_FILES = 4096
_LAST_WORDS_S = 1.0
TIMEOUT, OUTPUT_LIMIT = "timeout", "output limit"
READ = b"r"
"""Said by a child that has read its part of the job."""
MOST_COMPLAINT = 4096


class Child:
    """A process of a job."""

    def __init__(self, pid: int, folder: str | None, said: int) -> None:
        self.pid = pid
        self.folder = folder
        """What has to be watched and removed, if anything."""
        self._said = said
        self.unsealed: str | None = None
        """Why nothing was run: it could not be sealed off. Known once it has ended."""
        self.status: int | None = None
        self.cpu_s = 0.0
        self._clock = (~pid << 3) | 2
        """CPU time of another process, as clock_getcpuclockid(3) names it."""

    def cpu_now_s(self) -> float:
        try:
            return time.clock_gettime(self._clock)
        except OSError:
            return 0.0

    def wait_until_read(self) -> None:
        """Wait until it has read its part of the job; raises `Gone` if it never will."""
        if os.read(self._said, 1) != READ:
            raise Gone

    def end(self) -> None:
        """Kill it, and wait until it is gone; whatever it started dies with its PID namespace or cannot exist."""
        if self.status is None:
            for kill in (os.killpg, os.kill):
                try:
                    kill(self.pid, signal.SIGKILL)
                except OSError:
                    pass
            _, self.status, usage = os.wait4(self.pid, 0)
            self.cpu_s = usage.ru_utime + usage.ru_stime
            first = os.read(self._said, MOST_COMPLAINT)
            os.close(self._said)
            if first != b"\0":
                self.unsealed = first.decode("utf-8", "replace") or "killed before it was sealed off"


class Watch:
    """Reads what a job writes until it is all there, and stops it at its limits."""

    def __init__(self, child: Child, job: dict[str, Any], until_s: float) -> None:
        self._child = child
        self._cpu_s = job["cpu_s"]
        self._until_s = until_s
        self._tmp_bytes = job["tmp_bytes"]
        self._next_look_s = time.monotonic() + _LOOK_S
        self.stopped: str | None = None
        """Why it was stopped: `TIMEOUT` or `OUTPUT_LIMIT`."""

    def wait(self, fd: int) -> None:
        """Wait until nobody can write to a pipe any more; what is in it stays there."""
        poll = select.poll()
        poll.register(fd, 0)
        while (rest_s := self._rest_s()) is not None and not poll.poll(rest_s * 1000):
            pass

    def _rest_s(self) -> float | None:
        """How long to wait before it is looked at again, None if no more.

        At the end of its time the child is killed; whoever examined it may still say how far it came.
        """
        now_s = time.monotonic()
        if self.stopped is None:
            if now_s >= self._until_s or self._child.cpu_now_s() > self._cpu_s:
                self.stopped = TIMEOUT
            elif self._stores_too_much(now_s):
                self.stopped = OUTPUT_LIMIT
            if self.stopped is not None:
                self._child.end()
                self._until_s = now_s + _LAST_WORDS_S
        rest_s = self._until_s - now_s
        return None if rest_s <= 0 else min(rest_s, _LOOK_S)

    def _stores_too_much(self, now_s: float) -> bool:
        if self._child.folder is None or now_s < self._next_look_s:
            return False
        self._next_look_s = now_s + _LOOK_S
        return _overfull(self._child.folder, self._tmp_bytes)

    def read(self, most: dict[int, int]) -> dict[int, bytes]:
        """Read pipes to their ends, at most so many bytes of each; of one with a negative limit the rest is let go."""
        found = dict.fromkeys(most, b"")
        parts: dict[int, list[bytes]] = {fd: [] for fd in most}
        sizes = dict.fromkeys(most, 0)
        poll = select.poll()
        for fd in most:
            poll.register(fd, select.POLLIN)
        open_fds = set(most)
        while open_fds and self.stopped != OUTPUT_LIMIT and (rest_s := self._rest_s()) is not None:
            for fd, _ in poll.poll(rest_s * 1000):
                part = os.read(fd, _OUTPUT_CHUNK)
                if not part:
                    poll.unregister(fd)
                    open_fds.discard(fd)
                    continue
                sizes[fd] += len(part)
                if sizes[fd] <= abs(most[fd]):
                    parts[fd].append(part)
                elif most[fd] > 0:
                    self.stopped = OUTPUT_LIMIT
        for fd in most:
            os.close(fd)
            found[fd] = b"".join(parts[fd])
        return found


def _overfull(folder: str, most_bytes: int) -> bool:
    """Whether more lies in a folder than may, where it is no file system of its own that limits it."""
    todo, n_files, n_bytes = [folder], 0, 0
    while todo and n_files <= _MOST_FILES and n_bytes <= most_bytes:
        try:
            with os.scandir(todo.pop()) as entries:
                for entry in entries:
                    n_files += 1
                    n_bytes += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        todo.append(entry.path)
                    if n_files > _MOST_FILES:
                        break
        except (FileNotFoundError, NotADirectoryError):  # it changes while it is looked at
            continue
        except OSError:  # locked, or deeper than a path can say: what cannot be counted is too much
            return True
    return n_files > _MOST_FILES or n_bytes > most_bytes
