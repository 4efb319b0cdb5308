"""One zygote, from outside: started, given a job, killed."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import struct
import subprocess
import tempfile
import time
from typing import Any

from evalkit.errors import SandboxUnavailable
from evalkit.scoring.sandbox import cgroups
from evalkit.scoring.sandbox.backends import Launch, first_message
from evalkit.scoring.sandbox.inside import leftovers

_START_S = 60.0
_MOST_PROCESSES = 512
_MOST_BYTES = 256 * 2**20


class WorkerDied(Exception):
    """The zygote ended, or said something that it never says."""


class Worker:
    """Not for several threads at once."""

    def __init__(self, launch: Launch) -> None:
        """Raises `SandboxUnavailable` with the reason."""
        self._scratch = launch.scratch
        self._group: cgroups.Group | None = None
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the worker
        try:
            self._process = subprocess.Popen(
                launch.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._complaints,
                env=dict(launch.environment),
                cwd="/",
                start_new_session=True,
                bufsize=0,
            )
        except OSError as fault:
            self._clean()
            raise SandboxUnavailable(f"{launch.command[0]} cannot be started: {fault.strerror}") from None
        self.n_jobs = 0
        if launch.together_bytes is not None and (group := cgroups.make(launch.together_bytes, _MOST_PROCESSES)):
            self._group = group if group.add(self._process.pid) else None
        try:
            self._send(first_message(launch))
            hello = self._receive(time.monotonic() + _START_S)
        except WorkerDied as fault:
            said = self._said() or str(fault)
            self.kill()
            raise SandboxUnavailable(said) from None
        except BaseException:
            self.kill()
            raise
        if "failed" in hello:
            self.kill()
            raise SandboxUnavailable(str(hello["failed"]))
        self.layers: tuple[str, ...] = ("cgroup",) * (self._group is not None) + tuple(hello["ready"])
        self.python: str = hello["python"]
        self.missing: tuple[str, ...] = tuple(hello["missing"])
        """Libraries that could not be imported, each with the reason."""

    @property
    def pid(self) -> int:
        return self._process.pid

    def run(self, job: dict[str, Any], within_s: float) -> dict[str, Any]:
        """The result of a job; raises `WorkerDied`, after which it can only be killed."""
        self.n_jobs += 1
        self._send({name: value for name, value in job.items() if name != "parts"})
        for part in job["parts"]:
            self._send(part)
        until_s = time.monotonic() + within_s
        result = self._receive(until_s)
        if "report_bytes" in result:
            result["report"] = self._take(int(result["report_bytes"]), until_s)[4:].decode("utf-8", "replace")
        return result

    def kill(self) -> None:
        """End it and all that runs in it; safe to call twice."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        with contextlib.suppress(OSError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._clean()

    def _clean(self) -> None:
        self._complaints.close()
        if self._group is not None:
            self._group.close()
        if self._scratch is not None:
            leftovers.remove(str(self._scratch))

    def _said(self) -> str:
        """The last line on its standard error that is no advice."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=1.0)
        self._complaints.seek(0)
        lines = self._complaints.read()[-4000:].decode("utf-8", "replace").strip().splitlines()
        lines = [line for line in lines if line and not line.startswith(("Run '", "See '"))]
        return lines[-1][:300] if lines else ""

    def _send(self, message: Any) -> None:
        data = json.dumps(message, separators=(",", ":")).encode("ascii")
        view = memoryview(struct.pack(">I", len(data)) + data)
        assert self._process.stdin is not None
        try:
            while view:
                view = view[os.write(self._process.stdin.fileno(), view) :]
        except OSError as fault:
            raise WorkerDied(f"the sandbox's process ended ({fault.strerror})") from None

    def _receive(self, until_s: float) -> dict[str, Any]:
        (size,) = struct.unpack(">I", self._take(4, until_s))
        if size > _MOST_BYTES:
            raise WorkerDied("the sandbox's process says too much")
        try:
            message = json.loads(self._take(size, until_s))
        except (ValueError, RecursionError):
            raise WorkerDied("the sandbox's process says nothing that makes sense") from None
        if not isinstance(message, dict):
            raise WorkerDied("the sandbox's process says nothing that makes sense")
        return message

    def _take(self, size: int, until_s: float) -> bytes:
        assert self._process.stdout is not None
        fd = self._process.stdout.fileno()
        parts, have = [], 0
        while have < size:
            rest_s = until_s - time.monotonic()
            if rest_s <= 0 or not select.select([fd], [], [], rest_s)[0]:
                raise WorkerDied("the sandbox's process does not answer")
            part = os.read(fd, size - have)
            if not part:
                raise WorkerDied("the sandbox's process ended")
            parts.append(part)
            have += len(part)
        return b"".join(parts)
