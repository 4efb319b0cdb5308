"""What is left of many executions of many kinds, for `code.py`: processes, open files, mounts, folders, memory."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any
from unittest import mock

from support import family, memory_mb

from evalkit.scoring.sandbox import Examination, Kind, Limits, Outcome, Sandbox, Source
from evalkit.types import SandboxChoice

_SHORT = Limits(cpu_s=0.2, wall_s=1.0)
_WRITES = (
    "import os\ndef f(x):\n    os.makedirs('a/b', exist_ok=True)\n"
    "    open('a/c', 'w').write('x' * 9999)\n    return x + 1"
)
_THREAD = "import threading\nlock = threading.Lock()\nlock.acquire()\nthreading.Thread(target=lock.acquire).start()\n"
MIXED: tuple[tuple[str, int, str, Kind | None], ...] = (
    ("passing", 40, "def f(x):\n    return x + 1", None),
    ("failing", 20, "def f(x):\n    return x", Kind.WRONG_ANSWER),
    ("exception", 15, "def f(x):\n    raise KeyError(x)", Kind.EXCEPTION),
    ("early exit", 10, "import os\ndef f(x):\n    os._exit(0)", Kind.EXIT),
    ("files written", 8, _WRITES, None),
    ("thread left running", 5, _THREAD + "def f(x):\n    return x + 1", None),
    ("no code", 1, "def f(x:", Kind.COMPILE),
    ("endless", 1, "def f(x):\n    while True:\n        pass", Kind.TIMEOUT),
)
"""What, how many of a hundred, the answer, and how it must end."""
_TESTS = "assert f(1) == 2\nassert f(2) == 3"


def jobs() -> list[tuple[str, Examination, Kind | None]]:
    """A hundred of them, in an order that mixes the kinds."""
    found = []
    for name, share, code, kind in MIXED:
        job = Examination(source=Source(variants=(code,)), tests=_TESTS, entry_point="f", limits=_SHORT)
        found += [((place + 0.5) / share, name, job, kind) for place in range(share)]
    return [(name, job, kind) for _, name, job, kind in sorted(found, key=lambda one: one[:2])]


def census(sandbox: Sandbox | None) -> dict[str, Any]:
    """What there is now of this process and all that descend from it."""
    own = os.getpid()
    processes = family(own)
    found: dict[str, Any] = {"processes": len(processes), "open_files": 0, "mounts": 0}
    for pid in processes:
        with contextlib.suppress(OSError):
            found["open_files"] += len(list(Path(f"/proc/{pid}/fd").iterdir()))
            found["mounts"] += len(Path(f"/proc/{pid}/mountinfo").read_text().splitlines())
    scratch = list(Path(tempfile.gettempdir()).glob("evalkit-sandbox-*"))
    found["temporary_folders"] = len(scratch) + sum(len(list(one.iterdir())) for one in scratch)
    found["rss_mb"] = float(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    if sandbox is not None:
        found["workers_rss_mb"] = [memory_mb(pid)["rss_mb"] for pid in sandbox.pids()]
        found["workers_anon_mb"] = [memory_mb(pid)["rss_anon_mb"] for pid in sandbox.pids()]
    return found


def settled(sandbox: Sandbox | None) -> dict[str, Any]:
    """A census once what has been killed is gone."""
    time.sleep(0.5)
    return census(sandbox)


def leaks(backend: str, n: int, workers: int) -> dict[str, Any]:
    """So many executions; counts before, ten times on the way (between executions), and after closing."""
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(tempfile, "tempdir", folder):
        return _leaks(backend, n, workers)


def _leaks(backend: str, n: int, workers: int) -> dict[str, Any]:
    before = settled(None)
    order = jobs()
    ended: Counter[str] = Counter()
    started = time.monotonic()
    with Sandbox(SandboxChoice(backend=backend), workers=workers) as sandbox, ThreadPoolExecutor(workers) as threads:
        list(threads.map(lambda one: sandbox.examine(one[1]), order))  # starts all workers
        marks = [settled(sandbox)]
        left = (order[place % len(order)] for place in range(n))
        for _ in range(10):
            some = list(islice(left, -(-n // 10)))
            outcomes: list[Outcome] = list(threads.map(lambda one: sandbox.examine(one[1]), some))
            for (name, _, kind), outcome in zip(some, outcomes, strict=True):
                ended[name if outcome.kind == kind else f"{name}: {outcome.kind}, {outcome.reason}"] += 1
            marks.append(settled(sandbox))
        tier = sandbox.tier
    return {
        "tier": tier,
        "executions": sum(ended.values()),
        "seconds": time.monotonic() - started,
        "ended": dict(ended),
        "before": before,
        "during": marks,
        "after": settled(None),
    }
