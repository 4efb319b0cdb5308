"""What seals the zygote's children off, as far as this machine allows; made once, applied in each of them."""

from __future__ import annotations

import os
import sys
from typing import Any

import confine  # type: ignore[import-not-found]
import leftovers  # type: ignore[import-not-found]
import seccomp  # type: ignore[import-not-found]


class Room:
    """Namespaces around, and the layers for each child."""

    def __init__(self, wanted: dict[str, Any]) -> None:
        self.layers: list[str] = ["rlimits"] if wanted["rlimits"] else []
        self._own_users = wanted["own_users"]
        self._scratch = wanted["scratch"]
        self._private = wanted["private"]
        self._n = 0
        readable = wanted["read_only"]
        self._readable = [p for p in (_own_paths() if readable is None else readable) if os.path.exists(p)]
        self._pids: Any = None
        self._landlock: Any = None
        self._filters: dict[bool, Any] = {}
        if wanted["namespaces"]:
            if len(os.listdir("/proc/self/task")) > 1:
                go_on_in_a_child()  # without the threads that a library started: with them no namespace can be made
            proc = confine.enter_room(self._readable, self._private)
            self.layers.insert(0, "namespaces")
            go_on_in_a_child()  # which is the first process of the PID namespace
            self._pids = confine.PidNamespace(proc)
            self._readable.append("/etc")
        if wanted["seccomp"]:
            confine.bound_privileges()
        version = confine.landlock_version() if wanted["landlock"] else 0
        if wanted["landlock_needed"] and not version:
            raise OSError(0, "this kernel has no Landlock")
        if version:
            self._landlock = confine.Landlock(version, self._readable, processes=True)
            self._landlock_plain = confine.Landlock(version, self._readable)
            self.layers.append(f"landlock {version}")
        if wanted["seccomp"]:
            private = self.has_own_files
            self._filters = {
                p: seccomp.Filter(p, private_files=private) for p in ((False, True) if private else (False,))
            }
            self.layers.append("seccomp")

    @property
    def allows_processes(self) -> bool:
        return self._pids is not None or not self._filters

    @property
    def has_own_files(self) -> bool:
        """Whether a child's folder is a file system of its own, with a size, that goes with it."""
        return self._pids is not None

    def fork(self) -> tuple[int, str]:
        """A child as process 1 of its own world, where that is possible; the folder that it may write to."""
        self._n += 1
        if self._pids is not None:
            return self._pids.fork(), self._private
        folder = os.path.join(self._scratch, f"s{os.getpid()}-{self._n}")
        os.mkdir(folder, 0o700)
        return os.fork(), folder

    def seal(self, folder: str | None, limits: dict[str, int], tmp_bytes: int, processes: bool) -> None:
        """In the child: nothing but `folder` may be written from here on, nobody be spoken to."""
        confine.die_with_parent()
        os.umask(0o077)
        if self._pids is not None and folder is not None:
            confine.fresh_tmp(folder, tmp_bytes)
        if folder is not None:
            os.chdir(folder)
            if folder != self._private:
                os.environ.update(HOME=folder, TMPDIR=folder)
        if self._own_users:
            limits = {**limits, "NPROC": 128}  # counted within the user namespace
        if "rlimits" in self.layers:
            confine.limit(limits)
        if self._filters or self._landlock is not None:
            confine.drop_privileges()
        if self._landlock is not None:
            (self._landlock if processes else self._landlock_plain).apply(folder)
        if self._filters:
            self._filters[processes].apply()

    def clean(self, folder: str | None) -> None:
        """Remove what a child left; a file system of its own has gone with it."""
        if folder is not None:
            leftovers.remove(folder)


def go_on_in_a_child() -> None:
    """Return in a child; this process only waits for its end."""
    if os.fork():
        os.close(0)
        os.close(1)
        os._exit(0 if os.wait()[1] == 0 else 1)
    confine.die_with_parent()


def _own_paths() -> list[str]:
    """Without what this interpreter cannot run; asked where only it knows."""
    return [*filter(None, sys.path), "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache"]
