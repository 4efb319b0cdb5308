"""A seccomp filter of the system calls that are allowed: made once, applied in each child.

The list is of what is allowed, and what is refused is refused with an error, not with death: a program may try another
way, as the C library does.
"""

from __future__ import annotations

import ctypes
import os
import struct

import syscalls  # type: ignore[import-not-found]  # its neighbour, under the name it has inside

_PR_SET_SECCOMP = 22
_libc = ctypes.CDLL(None, use_errno=True)

_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050000 | 1, 0x80000000
_NOT_THERE = 0x00050000 | 38
"""ENOSYS: the C library then takes the older call."""
_LOAD, _EQUAL, _ANY_BIT, _AT_LEAST, _RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_ANY_PID = 0x7A7A7A7A
"""Stands in the prepared filter for the number of the process that applies it."""
_CLONE_THREAD, _CLONE_NEW = 0x00010000, 0x7E020000
_IOCTLS = (0x5401, 0x5413, 0x5421, 0x541B, 0x5450, 0x5451)
"""TCGETS, TIOCGWINSZ, FIONBIO, FIONREAD, FIONCLEX, FIOCLEX."""
_FCNTLS = (0, 1, 2, 3, 4, 5, 6, 7, 1030, 1031, 1032)
"""F_DUPFD to F_SETLKW, F_DUPFD_CLOEXEC, F_SETPIPE_SZ, F_GETPIPE_SZ: none that makes the kernel send a signal."""
_PRCTLS = (15, 16, 3, 0x53564D41)
"""PR_SET_NAME, PR_GET_NAME, PR_GET_DUMPABLE, PR_SET_VMA."""


class Filter:
    """A seccomp filter of the calls that are allowed; made once, applied in each child."""

    def __init__(self, processes: bool, private_files: bool) -> None:
        """`processes` allows programs to start others, `private_files` to change attributes of files."""
        self._processes = processes
        allowed = syscalls.plain()
        if private_files:
            allowed.update(syscalls.files())
        if processes:
            allowed.update(syscalls.processes())
        allowed.pop("clone3", None)
        self._clone3 = syscalls.processes()["clone3"]
        checked = ("clone", "ioctl", "fcntl", "prctl", "prlimit64", "socketpair", "socket")
        self._checked = {name: allowed.pop(name) for name in checked if name in allowed}
        self._signals = {name: allowed.pop(name) for name in ("kill", "tgkill")}
        self._allowed = sorted(allowed.values())
        steps = self._program(_ANY_PID)
        self._n_steps = len(steps)
        self._code = b"".join(struct.pack("HBBI", *step) for step in steps)

    def apply(self) -> None:
        """Install it, with this process as the only one that may be sent signals (unless it may have children)."""
        code = self._code.replace(struct.pack("I", _ANY_PID), struct.pack("I", os.getpid()))
        buffer = ctypes.create_string_buffer(code, len(code))
        header = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", self._n_steps, ctypes.addressof(buffer)))
        if _libc.prctl(_PR_SET_SECCOMP, 2, header, 0, 0) < 0:
            raise OSError(ctypes.get_errno(), "seccomp: " + os.strerror(ctypes.get_errno()))

    def _program(self, pid: int) -> list[tuple[int, int, int, int]]:
        machine = syscalls.platform.machine()
        steps = [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, _ARCHITECTURES[machine]), (_RETURN, 0, 0, _KILL), (_LOAD, 0, 0, 0)]
        if machine == "x86_64":  # the x32 calls have other numbers
            steps += [(_AT_LEAST, 0, 1, 0x40000000), (_RETURN, 0, 0, _REFUSE)]
        steps += [(_EQUAL, 0, 1, self._clone3), (_RETURN, 0, 0, _NOT_THERE)]
        steps += self._when("clone", self._clone())
        steps += self._when("ioctl", _one_of(1, _IOCTLS))
        steps += self._when("fcntl", _one_of(1, _FCNTLS))
        steps += self._when("prctl", _one_of(0, _PRCTLS))
        steps += self._when("prlimit64", _one_of(2, (0,)))  # to read limits, not to set them
        # A pair of unnamed streams, as asyncio wants it: with datagrams one could write to a socket of others.
        steps += self._when(
            "socketpair", [*_one_of(0, (1,), further=5), *_one_of(1, (1, 1 | 0x80000, 1 | 0x800, 1 | 0x80800))]
        )
        if "socket" in self._checked:
            steps += self._when("socket", _one_of(0, (1, 2, 10)))  # AF_UNIX, AF_INET, AF_INET6: other families leave
        for number in self._signals.values():
            rest = [(_RETURN, 0, 0, _ALLOW)] if self._processes else _one_of(0, (pid,))
            steps += [(_EQUAL, 0, len(rest), number), *rest]
        # As runs of numbers: the kernel tries out every number when a filter is installed, so that length costs time.
        for first, last in _runs(self._allowed):
            steps += [(_AT_LEAST, 3, 0, last + 1), (_AT_LEAST, 0, 1, first), (_RETURN, 0, 0, _ALLOW)]
            steps += [(_RETURN, 0, 0, _REFUSE)]
        return [*steps, (_RETURN, 0, 0, _REFUSE)]

    def _clone(self) -> list[tuple[int, int, int, int]]:
        """Threads; with `processes` also those, but never a namespace."""
        steps = [(_LOAD, 0, 0, 16), (_ANY_BIT, 0, 1, _CLONE_NEW), (_RETURN, 0, 0, _REFUSE)]
        if not self._processes:
            steps += [(_ANY_BIT, 1, 0, _CLONE_THREAD), (_RETURN, 0, 0, _REFUSE)]
        return [*steps, (_RETURN, 0, 0, _ALLOW)]

    def _when(self, name: str, rest: list[tuple[int, int, int, int]]) -> list[tuple[int, int, int, int]]:
        """`rest`, which ends in a decision, if the call is `name`."""
        return [(_EQUAL, 0, len(rest), self._checked[name]), *rest]


def _runs(numbers: list[int]) -> list[tuple[int, int]]:
    """(first, last) of each run of successive numbers, which are sorted."""
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def _one_of(argument: int, values: tuple[int, ...], further: int = 0) -> list[tuple[int, int, int, int]]:
    """Allow if the low half of an argument is one of these, else refuse; with `further`, go on there, not allow.

    For pointers (compared with 0) the high half is looked at too.
    """
    load = [(_LOAD, 0, 0, 16 + 8 * argument)]
    if values == (0,):
        high = (_LOAD, 0, 0, 20 + 8 * argument)
        return [*load, (_EQUAL, 0, 3, 0), high, (_EQUAL, 0, 1, 0), (_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _REFUSE)]
    if further:
        return [*load, (_EQUAL, 1, 0, values[0]), (_RETURN, 0, 0, _REFUSE)]
    tests = [(_EQUAL, len(values) - place, 0, value) for place, value in enumerate(values)]
    return [*load, *tests, (_RETURN, 0, 0, _REFUSE), (_RETURN, 0, 0, _ALLOW)]
