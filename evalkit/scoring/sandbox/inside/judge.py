"""The process that examines, as the zygote sees it: sealed once, and used for one job after another.

The tests of a data set are one author's, who decides what passes in any case; so they may follow one another in a
process, each with names of its own. A fresh process comes after some jobs, after one that took much, and after each
that did not end by itself. An answer never runs in it.
"""

from __future__ import annotations

import array
import json
import os
import resource
import select
import signal
import socket
import sys
import time
from collections.abc import Callable

import examiner  # type: ignore[import-not-found]
from children import READ, Child  # type: ignore[import-not-found]
from wire import Channel, Gone  # type: ignore[import-not-found]

_MOST_JOBS = 1000
_LARGE = 1 << 18
"""Characters of tests after which the process is not used again: what they held would stay in its memory."""
_MOST_CPU_S = 600
_MEMORY_SHARE = 4
"""Of its address space: a process that took more is not used again, so that no answer finds what others used up."""
_KEEP = b"k"
_KEEP_S = 1.0
_RECURSION = sys.getrecursionlimit()


class Judge:
    """Made by `fork`, which seals it."""

    def __init__(self, child: Child, control: socket.socket, limits: dict[str, int]) -> None:
        self.child = child
        self.limits = limits
        self._control = control
        self._n_jobs = 0

    def begin(self, candidate: int, report: int, until_s: float, most_bytes: int) -> None:
        """Let it read its part of a job and examine; raises `Gone` if it never reads it."""
        self._n_jobs += 1
        message = json.dumps([until_s, most_bytes]).encode()
        fds = array.array("i", [candidate, report])
        try:
            self._control.sendmsg([message], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
            if self._control.recv(1) != READ:
                raise Gone
        except OSError:
            raise Gone from None

    def may_stay(self) -> bool:
        """Whether it can be used again, asked when its report is there."""
        if not select.select([self._control], [], [], _KEEP_S)[0]:
            return False
        return self._n_jobs < _MOST_JOBS and self._control.recv(1) == _KEEP

    def end(self) -> None:
        self._control.close()
        self.child.end()


def work(control: socket.socket, jobs: Channel) -> None:
    """In the process: examine, until the zygote has no more to do."""
    while True:
        message, carried, _, _ = control.recvmsg(4096, socket.CMSG_SPACE(2 * array.array("i").itemsize))
        if not message:
            return
        fds = array.array("i")
        for _, _, data in carried:
            fds.frombytes(data)
        candidate, report = fds
        until_s, most_bytes = json.loads(message)
        exam = jobs.receive()
        control.send(READ)
        _afresh()
        found = examiner.examine(exam, candidate, until_s, most_bytes)
        Channel(report, report).send(found)
        os.close(candidate)
        os.close(report)
        if len(exam["tests"]) + len(exam["given"]) > _LARGE or exam["cases"] or _worn():
            return
        control.send(_KEEP)


def _worn() -> bool:
    """Whether this process took so much, for all its jobs, that the next one could meet a limit."""
    most = resource.getrlimit(resource.RLIMIT_AS)[0]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return time.process_time() > _MOST_CPU_S or (most != resource.RLIM_INFINITY and peak > most // _MEMORY_SHARE)


def _afresh() -> None:
    """What the tests of another item may have left, as far as it would change what these find."""
    sys.setrecursionlimit(_RECURSION)
    signal.setitimer(signal.ITIMER_REAL, 0)
    random = sys.modules.get("random")
    if random is not None:
        random.seed(0)


Fork = Callable[[dict[str, int], socket.socket], Child]


def made(fork: Fork, limits: dict[str, int]) -> Judge:
    """A new one; `fork` starts and seals the process, in which it calls `work`."""
    ours, theirs = socket.socketpair()
    child = fork(limits, theirs)
    theirs.close()
    return Judge(child, ours, limits)
