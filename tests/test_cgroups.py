"""What the processes of a worker take together is limited, where control groups can be made; none is left behind."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from evalkit.errors import SandboxUnavailable
from evalkit.scoring.sandbox import Kind, Limits, Sandbox, Source, Suite, cgroups
from evalkit.types import SandboxChoice

MB = 2**20


@pytest.fixture
def group() -> Iterator[cgroups.Group]:
    made = cgroups.make(200 * MB, 16)
    if made is None:
        pytest.skip("no control group can be made here")
    yield made
    made.close()


def started(code: str, group: cgroups.Group) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-c", "input()\n" + code], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert group.add(process.pid)
    return process


def test_memory_and_processes_have_limits(group: cgroups.Group) -> None:
    large = started("b = bytearray(400 * 2**20)\nb[::4096] = b'x' * len(b[::4096])", group)
    large.communicate(b"\n")
    assert large.returncode == -9
    many = started("import os\nfor n in range(40):\n    if not os.fork():\n        input()", group)
    many.communicate(b"\n")
    assert many.returncode == 1, "fork fails at the limit"


def test_nothing_is_left_of_it(group: cgroups.Group) -> None:
    before = set(Path("/sys/fs/cgroup").rglob("evalkit-*"))
    assert before
    group.close()
    assert not set(Path("/sys/fs/cgroup").rglob("evalkit-*")) & {p for p in before if p in group._folders}


@pytest.mark.parametrize("without", [frozenset[str](), frozenset({"cgroup"})])
def test_processes_of_one_answer_share_the_limit(without: frozenset[str]) -> None:
    """Each of them stays below the limit of a process; together they take four times as much."""
    code = (
        "import os, time\ndef task_func():\n    pids = []\n    for n in range(8):\n        pid = os.fork()\n"
        "        if not pid:\n            b = bytearray(200 * 2**20)\n            b[::4096] = b'x' * len(b[::4096])\n"
        "            time.sleep(1.0)\n            os._exit(0)\n        pids.append(pid)\n"
        "    return all(os.waitstatus_to_exitcode(os.waitpid(p, 0)[1]) == 0 for p in pids)\n"
    )
    tests = "import unittest\nclass T(unittest.TestCase):\n    def test(self):\n        self.assertTrue(task_func())\n"
    limits = Limits(memory_bytes=256 * MB, cpu_s=10, wall_s=20)
    choice = SandboxChoice(backend="namespaces")
    try:
        made = Sandbox(choice, processes=True, memory_bytes=64 * MB, workers=1, without=without)
    except SandboxUnavailable as fault:
        pytest.skip(str(fault))
    with made as sandbox:
        if not without and "cgroup" not in sandbox.layers:
            pytest.skip("no control group can be made here")
        outcome = sandbox.suite(Suite(source=Source(variants=(code,)), tests=tests, processes=True, limits=limits))
    assert (outcome.kind is None) == bool(without), outcome
    assert without or outcome.kind in (Kind.WRONG_ANSWER, Kind.EXIT, Kind.TIMEOUT, Kind.MEMORY)
