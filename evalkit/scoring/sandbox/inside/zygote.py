"""The process that waits inside: for each job it forks the processes that do it, sealed off, and watches them.

It starts with an empty environment and never holds a secret. It reads jobs from its standard input and writes results
to its standard output, both as frames; it ends when its input ends. It runs nobody's code: what a job's processes
write to it are bytes, which it counts and hands on.

Nor does it ever hold answers or tests, since a program may look through all the memory that it was forked with, and
what was freed still lies there. The frame of a job has its limits; the frames after it are its parts, and each is read
by the process that it is for.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

import confine  # type: ignore[import-not-found]
import judge  # type: ignore[import-not-found]
import solution  # type: ignore[import-not-found]
from children import MOST_COMPLAINT, READ, Child, Watch  # type: ignore[import-not-found]
from room import Room  # type: ignore[import-not-found]
from wire import Channel, Gone  # type: ignore[import-not-found]

_PRELOADED = (
    "bisect collections copy dataclasses datetime decimal fractions functools heapq itertools json math "
    "operator random re statistics string time typing"
).split()
_MOST_REPORT = 1 << 16
"""What fits in a pipe that nobody reads."""
_MOST_OUTPUTS = 32 * 2**20
"""Bytes that all runs of a program together may print."""
_JOBS = 4
_JUDGE_CPU_S = 3600
"""For all its jobs; each has its wall-clock limit."""
_SEALED = 5
"""Descriptor on which a child says that it is sealed off, before it runs anything; closed then."""


class Zygote:
    """Runs one job at a time."""

    def __init__(self, room: Room, jobs: Channel) -> None:
        self._room = room
        self._jobs = jobs
        self._silent = dict.fromkeys((0, 1, 2), os.open("/dev/null", os.O_RDWR))
        self._judge: Any = None
        self._passing = bytearray(_MOST_REPORT)
        """What goes from a child to the one who gives jobs; wiped after each."""

    def run(self, job: dict[str, Any]) -> None:
        """Do a job and send its result; never raises for anything that a job's processes can do.

        Raises `Gone` if a process ended before it had read its part, so that nobody knows where the next job begins.
        """
        if job.get("processes") and not self._room.allows_processes:
            self._jobs.receive()
            self._jobs.send({"kind": "refused", "reason": "this sandbox cannot let programs start others"})
            return
        {"examine": self._examine, "program": self._program, "suite": self._suite}[job["mode"]](job)

    def _part(self, say: int) -> Any:
        """In a child: its part of the job."""
        part = self._jobs.receive()
        os.write(say, READ)
        return part

    def _child(
        self, job: dict[str, Any], fds: dict[int, int], work: Callable[[Any], int | None], part: Any = None
    ) -> Child:
        """Fork the untrusted process, whose descriptors are `fds` and nothing else; without a `part` it reads one."""
        said, say = os.pipe()
        pid, folder = self._room.fork()
        if pid:
            os.close(say)
            return Child(pid, None if self._room.has_own_files else folder, said)
        status = 9
        try:
            part = self._part(say) if part is None else part
            _settle({**fds, _SEALED: say})
            self._seal(folder, job["limits"], job["tmp_bytes"], bool(job.get("processes")))
            status = work(part) or 0
        finally:
            os._exit(status)
        raise AssertionError

    def _seal(self, folder: str | None, limits: dict[str, int], tmp_bytes: int, processes: bool) -> None:
        """In a child: be sealed off and say so, or say why not and end."""
        try:
            self._room.seal(folder, limits, tmp_bytes, processes)
        except BaseException as fault:
            os.write(_SEALED, solution.described(fault).encode("utf-8", "replace"))
            os._exit(9)
        os.write(_SEALED, b"\0")
        os.close(_SEALED)

    def _examine(self, job: dict[str, Any]) -> None:
        ours, theirs = socket.socketpair()
        report, write = os.pipe()
        until_s = time.monotonic() + job["wall_s"]
        fds, most = {**self._silent, 3: theirs.fileno()}, _most_answer(job)
        candidate = self._child(job, fds, lambda source: solution.serve(source, 3, most))
        if self._judge is not None and self._judge.limits != job["limits"]:
            self._dismiss()
        trusted = self._judge = self._judge or judge.made(self._fork_judge, job["limits"])
        candidate.wait_until_read()
        trusted.begin(ours.fileno(), write, until_s, most)
        ours.close()
        theirs.close()
        os.close(write)
        watch = Watch(candidate, job, until_s + 1.0)
        watch.wait(report)
        if watch.stopped is not None or not trusted.may_stay():
            self._dismiss()
        self._finish(watch, report, candidate, unsealed=trusted.child.unsealed)

    def _dismiss(self) -> None:
        if self._judge is not None:
            self._judge.end()
            self._judge = None

    def _fork_judge(self, limits: dict[str, int], control: socket.socket) -> Child:
        """Fork the process that examines: the data set's code, sealed like the other, and able to write nothing."""
        said, say = os.pipe()
        pid = os.fork()
        if pid:
            os.close(say)
            return Child(pid, None, said)
        try:
            _settle({**self._silent, 3: control.fileno(), _JOBS: 0, _SEALED: say})
            self._seal(None, {**limits, "FSIZE": 0, "CPU": _JUDGE_CPU_S}, 0, False)
            judge.work(socket.socket(fileno=3), Channel(_JOBS, _JOBS, 2**28, 0))
        finally:
            os._exit(0)
        raise AssertionError

    def _suite(self, job: dict[str, Any]) -> None:
        """Tests that share a process with the answer."""
        report, write = os.pipe()
        suite = _suites()
        word = os.urandom(16).hex()
        fds = {**self._silent, 4: write}
        child = self._child(job, fds, lambda part: suite.run(*part, word, 4))
        child.wait_until_read()
        os.close(write)
        watch = Watch(child, job, time.monotonic() + job["wall_s"])
        watch.wait(report)
        self._finish(watch, report, child, word)

    def _finish(
        self, watch: Watch, report: int, child: Child, word: str | None = None, unsealed: str | None = None
    ) -> None:
        """Send the result, and after its frame the report as it is: it has parts of the tests, so it is never kept."""
        child.end()
        self._room.clean(child.folder)
        os.set_blocking(report, False)
        try:
            n_bytes = os.readv(report, [self._passing])
        except BlockingIOError:
            n_bytes = 0
        os.close(report)
        result = {
            "stopped": watch.stopped,
            "unsealed": child.unsealed or unsealed,
            "report_bytes": n_bytes,
            "word": word,
        }
        self._jobs.send({**result, **_account(child)})
        view = memoryview(self._passing)[:n_bytes]
        while view:
            view = view[os.write(1, view) :]
        self._passing[:n_bytes] = bytes(n_bytes)

    def _program(self, job: dict[str, Any]) -> None:
        """Let a clerk read the program and its inputs, run it, and say what came of it."""
        pid = os.fork()
        if not pid:
            status = 1
            try:
                confine.die_with_parent()
                self._jobs.send(self._runs(job, *self._jobs.receive()))
                status = 0
            finally:
                os._exit(status)
        if os.waitpid(pid, 0)[1]:
            raise Gone

    def _runs(self, job: dict[str, Any], source: dict[str, Any], inputs: list[str]) -> dict[str, Any]:
        """Run the program once for each input, until one of them does not end as it should."""
        runs: list[dict[str, Any]] = []
        rest = _MOST_OUTPUTS
        for text in inputs:
            given = _as_file(text.encode("utf-8", "surrogateescape"))
            out, out_write = os.pipe()
            err, err_write = os.pipe()
            fds = {0: given, 1: out_write, 2: err_write}
            child = self._child(job, fds, solution.run_program, source)
            for fd in (given, out_write, err_write):
                os.close(fd)
            watch = Watch(child, job, time.monotonic() + job["wall_s"])
            found = watch.read({out: max(1, min(job["most_output"], rest)), err: -MOST_COMPLAINT})
            rest -= len(found[out])
            child.end()
            self._room.clean(child.folder)
            runs.append(
                {
                    "stopped": watch.stopped,
                    "unsealed": child.unsealed,
                    "output": found[out].decode("utf-8", "replace"),
                    "complaint": found[err].decode("utf-8", "replace"),
                    **_account(child),
                }
            )
            if watch.stopped or child.status != 0:
                break
        return {"runs": runs}


def _suites() -> Any:
    """What runs suites, with unittest: a third of the memory, which each child of a zygote that has it pays for."""
    known = "suite" in sys.modules
    suite = importlib.import_module("suite")
    if not known:
        gc.freeze()
    return suite


def _most_answer(job: dict[str, Any]) -> int:
    """Bytes of one value on the wire: as an object it takes several times as many, and must fit in memory twice."""
    return int(job["limits"]["AS"]) // 8


def _account(child: Child) -> dict[str, Any]:
    status = child.status or 0
    code, number = (None, os.WTERMSIG(status)) if os.WIFSIGNALED(status) else (os.WEXITSTATUS(status), None)
    return {"exit": code, "signal": number, "cpu_s": round(child.cpu_s, 4)}


def _as_file(content: bytes) -> int:
    """A file descriptor from which `content` can be read, and no other child has it."""
    fd = os.memfd_create("input")
    view = memoryview(content)
    while view:
        view = view[os.write(fd, view) :]
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _settle(fds: dict[int, int]) -> None:
    """Make descriptor `n` be `fds[n]`, and close all others; leave the zygote's group."""
    os.setsid()
    moved = {place: os.dup2(fd, 64 + place) for place, fd in fds.items()}
    for place, fd in moved.items():
        os.dup2(fd, place)
    top = max(fds) + 1
    missing = [n for n in range(top) if n not in fds]
    for n in missing:
        os.close(n)
    os.closerange(top, confine.KEPT)
    gc.enable()
    random = sys.modules.get("random")
    if random is not None:
        random.seed(0)  # the same text gets the same grade; each fork seeds it anew, so that this cannot be done before


def _prepare() -> None:
    """What each child would have to do anew, done once: a page that is not written to is not copied."""
    sys.stdin = open(0, encoding="utf-8", errors="surrogateescape", closefd=False)
    sys.stdout = open(1, "w", encoding="utf-8", errors="replace", closefd=False)
    sys.stderr = open(2, "w", encoding="utf-8", errors="replace", closefd=False)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    gc.collect()
    gc.freeze()
    gc.disable()


def main(wanted: dict[str, Any], jobs: Channel) -> None:
    """Make the room, say so, and work until there is no more to do."""
    confine.die_with_parent()
    sys.path[:0] = wanted["libraries_from"]
    missing = []
    for name in [*_PRELOADED, *wanted["libraries"]]:
        try:
            importlib.import_module(name)
        except Exception as fault:
            missing.append(f"{name}: {solution.described(fault)}")
    try:
        room = Room(wanted)
    except OSError as fault:
        jobs.send({"failed": str(fault.strerror or fault)})
        return
    _prepare()
    jobs.send({"ready": room.layers, "python": sys.version.split()[0], "missing": missing})
    zygote = Zygote(room, jobs)
    with contextlib.suppress(Gone):
        while True:
            zygote.run(jobs.receive())
