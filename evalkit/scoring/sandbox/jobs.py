"""What a sandbox can be asked to do, and what comes back."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

_SLACK_S = 1.0


class Kind(StrEnum):
    """Why an answer did not pass."""

    WRONG_ANSWER = "wrong answer"
    EXCEPTION = "exception"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    OUTPUT_LIMIT = "output limit"
    COMPILE = "compile"
    NO_CODE = "no code"
    EXIT = "exit"
    """The program ended before it had answered."""
    TAMPERED = "tampered"
    """It changed what was to judge it."""


class Failed(Exception):
    """The sandbox, or the item's tests, failed: says nothing about the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one run of a program may take."""

    cpu_s: float = 10.0
    """CPU seconds, so that a grade does not depend on how busy the machine is."""
    wall_s: float = 30.0
    """For what does not compute: waiting, sleeping."""
    memory_bytes: int = 2**30
    """Of address space."""
    file_bytes: int = 16 * 2**20
    """Of one file."""
    tmp_bytes: int = 64 * 2**20
    """Of all files together."""
    output_bytes: int = 2**20
    """Of what it prints."""

    def rlimits(self) -> dict[str, int]:
        """As setrlimit has them."""
        return {
            "AS": self.memory_bytes,
            "CPU": int(self.cpu_s + _SLACK_S) + 1,
            "FSIZE": self.file_bytes,
            "NOFILE": 256,
            "CORE": 0,
            "MEMLOCK": 0,
            "MSGQUEUE": 0,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A model's code."""

    variants: tuple[str, ...]
    """Readings of what the model wrote; the first that compiles is run."""
    preamble: str = ""
    """Code that is run first in the same module: what the prompt had already given."""
    name: str = "solution"
    """`__name__`: `__main__` for programs."""

    def part(self) -> dict[str, Any]:
        """For the process that runs it."""
        return {"variants": self.variants, "preamble": self.preamble, "name": self.name}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a job."""

    kind: Kind | None
    """None: it passed."""
    reason: str | None = None
    tests: str = ""
    """A letter per test in order: `.` passed, `F` failed; tests after the first failure are not run."""
    cpu_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """A job that ends in a report of whoever judges the answer."""

    source: Source
    limits: Limits = Limits()
    tests: str = ""
    """Code; in an examination, names that it lacks are the answer's."""

    @property
    def within_s(self) -> float:
        """How long the zygote may take at most."""
        return self.limits.wall_s + 30

    def outcome(self, result: Mapping[str, Any]) -> Outcome:
        """Raises `Failed`."""
        return _reported(result)


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination(_Judged):
    """Tests that call the answer's functions from another process. All of `tests`, or `cases`."""

    given: str = ""
    """Code that the tests may use, and that is not the answer's to change."""
    entry_point: str = ""
    """Function of the answer that the tests know under this name, whatever `given` says."""
    in_class: str = ""
    """With `cases`: class whose method `entry_point` is."""
    cases: tuple[tuple[tuple[str, ...], str], ...] = ()
    """(arguments, expected result), each as JSON."""
    call_s: float = 30.0
    """Longest wait for one call."""

    def message(self) -> dict[str, Any]:
        """For the zygote."""
        exam = {
            "kind": "calls" if self.cases else "code",
            "tests": self.tests,
            "given": self.given,
            "entry_point": self.entry_point,
            "in_class": self.in_class,
            "cases": self.cases,
            "call_s": self.call_s,
        }
        return {"mode": "examine", "parts": [self.source.part(), exam], **_common(self.limits)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite(_Judged):
    """Test cases of unittest that share a process with the answer: they look into its objects, or patch modules."""

    processes: bool = False
    """Whether the answer may start other programs."""

    def message(self) -> dict[str, Any]:
        """For the zygote."""
        part = [self.source.part(), self.tests]
        return {"mode": "suite", "processes": self.processes, "parts": [part], **_common(self.limits)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """A program run once for each input, in a process of its own each time; what it prints is compared outside."""

    source: Source
    inputs: Sequence[str]
    limits: Limits = Limits()

    def message(self) -> dict[str, Any]:
        """For the zygote."""
        part = [self.source.part(), list(self.inputs)]
        return {"mode": "program", "parts": [part], **_common(self.limits)}

    @property
    def within_s(self) -> float:
        """How long the zygote may take at most."""
        return self.limits.wall_s * len(self.inputs) + 30

    def runs(self, result: Mapping[str, Any]) -> list[Run]:
        """One for each input, but none after the first that failed; raises `Failed`."""
        if "runs" not in result:
            raise Failed(str(result.get("reason")))
        found = []
        for run in result["runs"]:
            _require_sealed(run)
            found.append(Run(output=run["output"], **dataclasses.asdict(_ended(run))))
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of a program."""

    kind: Kind | None
    reason: str | None
    output: str
    cpu_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _End:
    kind: Kind | None
    reason: str | None
    cpu_s: float


def _common(limits: Limits) -> dict[str, Any]:
    return {
        "limits": limits.rlimits(),
        "tmp_bytes": limits.tmp_bytes,
        "cpu_s": limits.cpu_s,
        "wall_s": limits.wall_s,
        "most_output": limits.output_bytes,
    }


def _reported(result: Mapping[str, Any]) -> Outcome:
    """What the process that judges says; its report is the only way to pass."""
    if result.get("kind") == "refused":
        raise Failed(str(result["reason"]))
    try:
        report = json.loads(result["report"])
        if report.get("word") != result.get("word"):
            return Outcome(kind=Kind.TAMPERED, reason="a result that nobody gave", tests="F", cpu_s=result["cpu_s"])
        kind, held = report["kind"], max(0, min(int(report["held"]), 100_000))
        if kind is not None and not isinstance(kind, str):
            raise TypeError("no kind")
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):  # a suite's own process
        _require_sealed(result)
        ended = _ended(result)
        kind = ended.kind or Kind.EXIT
        return Outcome(kind=kind, reason=ended.reason or "ended without a result", tests="F", cpu_s=ended.cpu_s)
    reason = None if report.get("reason") is None else _clean(str(report["reason"]))
    if kind == "task":
        raise Failed(reason or "the item's tests failed")
    _require_sealed(result)
    if result["stopped"] is not None:
        why = _STOPPED[result["stopped"]]
        return Outcome(kind=Kind(result["stopped"]), reason=why, tests="." * held + "F", cpu_s=result["cpu_s"])
    if kind is not None and result["signal"] is not None and kind == Kind.EXIT:
        reason = f"{reason} ({_signal(result)})"
    known = None if kind is None else Kind(kind) if kind in set(Kind) else Kind.EXCEPTION
    tests = "." * held + ("" if known is None else "F")
    return Outcome(kind=known, reason=reason, tests=tests, cpu_s=result["cpu_s"])


def _require_sealed(result: Mapping[str, Any]) -> None:
    """Raises `Failed` if a process could not be sealed off, and so ran nothing."""
    if result["unsealed"]:
        raise Failed(f"a program could not be sealed off: {result['unsealed']}")


_STOPPED = {"timeout": "did not end within its time", "output limit": "printed or stored more than is allowed"}


def _ended(result: Mapping[str, Any]) -> _End:
    """How a process ended that was to say nothing but what it printed."""
    kind: Kind | None = None
    reason = None
    complaint = str(result.get("complaint", "")).strip()
    if result["stopped"] is not None:
        kind, reason = Kind(result["stopped"]), _STOPPED[result["stopped"]]
    elif result["signal"] is not None:
        # SIGKILL and SIGXCPU come from the limit of CPU time
        kind = Kind.TIMEOUT if result["signal"] in (9, 24) else Kind.EXIT
        reason = _signal(result)
    elif result["exit"]:
        name, _, said = complaint.rpartition("\n")[2].partition(": ")
        kind = {"compile": Kind.COMPILE, "exception": Kind.EXCEPTION}.get(name, Kind.EXIT)
        kind = Kind.MEMORY if said.startswith("MemoryError") else kind
        reason = (said if kind is not Kind.EXIT else complaint)[:300] or f"exit status {result['exit']}"
    return _End(kind=kind, reason=reason, cpu_s=result["cpu_s"])


def _clean(text: str) -> str:
    """Without lone surrogates, which can neither be stored nor printed."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _signal(result: Mapping[str, Any]) -> str:
    import signal

    try:
        return "ended by " + signal.Signals(result["signal"]).name
    except ValueError:
        return f"ended by signal {result['signal']}"
