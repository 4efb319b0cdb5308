"""Test cases of unittest in the process of the answer: for tests that look into its objects or patch what it calls.

The answer could change what judges it. So a control stands among the tests, which must fail and be seen to fail; what
unittest and the built-ins consist of is compared before and after; and the result carries a word that the answer is
not told. This finds the usual tricks. It is weaker than a judge in another process: a program that takes its own
memory apart can find the word.
"""

from __future__ import annotations

import builtins
import sys
import types
import unittest
import unittest.mock
from typing import Any

from solution import described, load  # type: ignore[import-not-found]
from wire import Channel  # type: ignore[import-not-found]

_MOST_SHOWN = 300
_KINDS = {"AssertionError": "wrong answer", "MemoryError": "memory"}


def run(source: dict[str, Any], tests: str, word: str, fd: int) -> None:
    """Load the answer and run the tests in its module, up to the first that fails; the report goes to `fd`."""
    channel = Channel(fd, fd)
    try:
        code = compile(tests, "<tests>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as fault:
        channel.send({"word": word, **_failed("task", "the item's tests cannot be used: " + described(fault), 0)})
        return
    before = _parts()
    report = _examined(source, code)
    changed = sorted(name for name, part in _parts().items() if before.get(name) is not part)
    if changed:
        report = _failed("tampered", "changed what judges it: " + ", ".join(changed)[:_MOST_SHOWN], 0)
    channel.send({"word": word, **report})


def _examined(source: dict[str, Any], code: types.CodeType) -> dict[str, Any]:
    result_class, loader_class, suite_class, is_case = _Result, unittest.TestLoader, unittest.TestSuite, _is_case
    try:
        names, problem = load(source)
    except BaseException as fault:
        return _failed(_kind(fault), described(fault), 0)
    if names is None:
        return _failed("compile", problem, 0)
    try:
        exec(code, names)
    except BaseException as fault:
        return _failed("task", "the item's tests cannot be used: " + described(fault), 0)
    cases = [case for case in names.values() if is_case(case)]
    loader = loader_class()
    tests = suite_class(loader.loadTestsFromTestCase(case) for case in cases)
    n_tests = tests.countTestCases()
    if not n_tests:
        return _failed("task", "the item has no tests", 0)
    result = result_class()
    tests.run(result)
    control = result_class()
    suite_class(loader.loadTestsFromTestCase(_Control)).run(control)
    if control.fault is None or control.n_passed:
        return _failed("tampered", "a test that must fail did not", 0)
    if result.fault is not None:
        kind, reason = result.fault
        return _failed(kind, reason, result.n_passed)
    if result.n_passed != n_tests:
        return _failed("tampered", "some tests left no result", 0)
    return {"kind": None, "reason": None, "held": result.n_passed}


class _Control(unittest.TestCase):
    """Fails, unless somebody changed what an assertion does."""

    def test(self) -> None:
        for unequal in ((1, 2), ([0], [1]), ("a", "b")):
            try:
                self.assertEqual(*unequal)
                self.assertTrue(unequal[0] == unequal[1])
            except AssertionError:
                continue
            return
        self.fail("as it must")


class _Result(unittest.TestResult):
    """Stops at the first failure and keeps why."""

    def __init__(self) -> None:
        super().__init__()
        self.failfast = True
        self.fault: tuple[str, str] | None = None
        self.n_passed = 0

    def addSuccess(self, test: Any) -> None:
        self.n_passed += 1

    def addSkip(self, test: Any, reason: str) -> None:
        self._keep(test, ("wrong answer", f"skipped: {reason}"))  # the answer can raise what skips a test

    def addExpectedFailure(self, test: Any, err: Any) -> None:
        self.n_passed += 1

    def addUnexpectedSuccess(self, test: Any) -> None:
        self._keep(test, ("wrong answer", "passed although it is expected to fail"))

    def addError(self, test: Any, err: Any) -> None:
        self._keep(test, (_kind(err[1]), described(err[1])))

    def addFailure(self, test: Any, err: Any) -> None:
        self._keep(test, ("wrong answer", described(err[1])))

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        if err is not None:
            self._keep(test, (_kind(err[1]), described(err[1])))

    def _keep(self, test: Any, fault: tuple[str, str]) -> None:
        if self.fault is None:
            self.fault = (fault[0], (test.id().rpartition(".")[2] + ": " + fault[1])[:_MOST_SHOWN])
        self.stop()


def _is_case(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, unittest.TestCase) and value is not unittest.TestCase


def _kind(fault: BaseException) -> str:
    return _KINDS.get(type(fault).__name__, "exit" if isinstance(fault, SystemExit) else "exception")


def _failed(kind: str, reason: str, held: int) -> dict[str, Any]:
    return {"kind": kind, "reason": reason, "held": held}


def _parts() -> dict[str, Any]:
    """What judges, piece by piece: a function by its code, since that can be exchanged too."""
    found: dict[str, Any] = {}
    owners = [
        unittest.case.TestCase,
        unittest.TestResult,
        unittest.TestLoader,
        unittest.TestSuite,
        unittest.BaseTestSuite,
    ]
    owners += [_Result, _Control, unittest.mock.NonCallableMock, unittest.mock.CallableMixin]
    for owner in owners:
        for name, value in vars(owner).items():
            if callable(value):  # what unittest itself keeps on its classes are plain values
                found[f"{owner.__name__}.{name}"] = getattr(value, "__code__", value)
    for name, value in vars(builtins).items():
        if name not in ("_", "__build_class__", "__spec__", "__loader__"):
            found[f"builtins.{name}"] = value
    for function in (_examined, _parts, _failed, _kind, load, described, Channel.send):
        found[function.__qualname__] = function.__code__
    found["sys.modules"] = sys.modules.get("unittest")
    return found
