"""A control group around a worker, where this machine lets us make one: what all of its processes take together.

rlimits hold for one process each; a program that may start others could take as many times its share. Version 2 of
control groups, or version 1 with its controllers mounted. Needs root, or a group that was delegated to the user.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections.abc import Iterator
from pathlib import Path

_NUMBERS = itertools.count(1)
_V1 = {"memory": "memory.limit_in_bytes", "pids": "pids.max"}
_GONE_S = 2.0


class Group:
    """Folders of one control group: one in version 2, one for each controller in version 1."""

    def __init__(self, folders: list[Path]) -> None:
        self._folders = folders

    def add(self, pid: int) -> bool:
        """Take a process in, with all that it starts from now on; if that is not allowed, the group is removed."""
        try:
            for folder in self._folders:
                (folder / "cgroup.procs").write_text(str(pid))
        except OSError:
            self.close()
            return False
        return True

    def close(self) -> None:
        """Remove it once its processes are gone, which somebody has killed."""
        until_s = time.monotonic() + _GONE_S
        for folder in self._folders:
            while folder.exists():
                with contextlib.suppress(OSError):
                    folder.rmdir()
                    break
                if time.monotonic() > until_s:
                    break
                time.sleep(0.01)


def make(memory_bytes: int, n_processes: int) -> Group | None:
    """A new group with these limits, or None where that is not possible."""
    name = f"evalkit-{os.getpid()}-{next(_NUMBERS)}"
    for parent in _parents("cgroup2", ""):
        if (group := _made([(parent / name, {"memory.max": memory_bytes, "pids.max": n_processes})])) is not None:
            return group
    values = {"memory": memory_bytes, "pids": n_processes}
    found = [(next(_parents("cgroup", c), None), {file: values[c]}) for c, file in _V1.items()]
    wanted = [(parent / name, limits) for parent, limits in found if parent is not None]
    return _made(wanted) if len(wanted) == len(_V1) else None


def _made(wanted: list[tuple[Path, dict[str, int]]]) -> Group | None:
    made: list[Path] = []
    try:
        for folder, limits in wanted:
            folder.mkdir()
            made.append(folder)
            for file, value in limits.items():
                # Opened without creating: a controller that is not switched on here has no such file.
                fd = os.open(folder / file, os.O_WRONLY)
                try:
                    os.write(fd, str(value).encode())
                finally:
                    os.close(fd)
    except OSError:
        for folder in made:
            with contextlib.suppress(OSError):
                folder.rmdir()
        return None
    return Group(made)


def _parents(kind: str, controller: str) -> Iterator[Path]:
    """Groups in which one could be made: that of this process, then the topmost."""
    own = _own(controller)
    for mounted, root in _mounts(kind, controller):
        below = own.removeprefix(root.rstrip("/")).strip("/") if own is not None else ""
        yield from dict.fromkeys([mounted / below, mounted])


def _own(controller: str) -> str | None:
    """Path of this process in a hierarchy; the empty name is that of version 2."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, names, path = line.split(":", 2)
            if controller in names.split(","):
                return path
    return None


def _mounts(kind: str, controller: str) -> Iterator[tuple[Path, str]]:
    """(where, which group is its root) of mounted hierarchies."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/mountinfo").read_text().splitlines():
            before, _, after = line.partition(" - ")
            what, _, options = after.split(" ", 2)
            if what == kind and (not controller or controller in options.split(",")):
                root, mounted = before.split(" ")[3:5]
                yield Path(mounted), root
