"""What the children of a sandbox's zygote start from, and which system calls they are left with."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evalkit.scoring import sandbox as package
from evalkit.scoring.sandbox import Examination, Programs, Sandbox, Source, Suite

_RANDOM = "import random, sys\nprint(random.random(), random.getrandbits(64), sys.stdin.read())"
_LOAD, _EQUAL, _ANY_BIT, _AT_LEAST, _RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
_ALLOW = 0x7FFF0000
_MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with Sandbox(workers=1) as made:
        yield made


def test_every_program_finds_the_same_random_numbers_and_its_own_streams(box: Sandbox) -> None:
    job = Programs(source=Source(variants=(_RANDOM,), name="__main__"), inputs=["é 1", "é 1"])
    first, second = box.programs(job)
    assert (first.kind, first.output) == (None, second.output)
    assert first.output.endswith("é 1\n")


def test_a_suite_runs_after_an_examination_and_before_one(box: Sandbox) -> None:
    source = Source(variants=("def f():\n    return 1",))
    exam = Examination(source=source, tests="assert f() == 1", entry_point="f")
    tests = "import unittest\nclass T(unittest.TestCase):\n    def test(self):\n        self.assertEqual(f(), 1)"
    assert [box.examine(exam).kind, box.suite(Suite(source=source, tests=tests)).kind, box.examine(exam).kind] == [
        None
    ] * 3


def test_each_assertion_is_counted_wherever_it_stands(box: Sandbox) -> None:
    tests = """
assert f()
for n in range(2):
    assert f()
    if n:
        assert f()
    else:
        assert f()
try:
    assert f()
finally:
    assert f()
def deeper():
    with_lambda = lambda: f()
    assert with_lambda()
    match 1:
        case 1:
            assert f()
deeper()
"""
    found = box.examine(Examination(source=Source(variants=("def f():\n    return 1",)), tests=tests, entry_point="f"))
    assert (found.kind, found.tests) == (None, "." * 9)


def decision(program: list[tuple[int, int, int, int]], number: int, machine: int) -> int:
    """What a filter says of a call whose arguments are all 0."""
    data, place, value = {0: number, 4: machine}, 0, 0
    while True:
        kind, yes, no, operand = program[place]
        place += 1
        if kind == _RETURN:
            return operand
        if kind == _LOAD:
            value = data.get(operand, 0)
        else:
            holds = {_EQUAL: value == operand, _ANY_BIT: bool(value & operand), _AT_LEAST: value >= operand}[kind]
            place += yes if holds else no


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="seccomp is Linux's")
@pytest.mark.parametrize("processes", [False, True])
@pytest.mark.parametrize("files", [False, True])
def test_the_filter_allows_the_listed_calls_and_no_other(
    processes: bool, files: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(Path(package.__file__).parent / "inside"))
    seccomp: Any = importlib.import_module("seccomp")
    syscalls: Any = importlib.import_module("syscalls")
    listed = syscalls.plain() | (syscalls.files() if files else {}) | (syscalls.processes() if processes else {})
    # Of these some arguments are allowed and others are not: nothing but zeros is asked here.
    by_argument = {"clone", "clone3", "ioctl", "fcntl", "prctl", "prlimit64", "socketpair", "socket", "kill", "tgkill"}
    program = seccomp.Filter(processes, private_files=files)._program(1)
    machine = _MACHINES[syscalls.platform.machine()]
    allowed = {n for n in range(1024) if decision(program, n, machine) == _ALLOW}
    unclear = {number for name, number in listed.items() if name in by_argument}
    assert allowed - unclear == {number for name, number in listed.items() if name not in by_argument}
    assert all(decision(program, number, machine) != _ALLOW for number in (0x40000001, 2**32 - 1))
    assert decision(program, 0, machine ^ 1) != _ALLOW
