"""The `code` scorer: what a model wrote is run in a sandbox, and the item's tests judge it.

| `tests` | target of the item | judged by |
|---|---|---|
| `code` | test code that calls the answer's functions | a process of its own, which sees plain values only |
| `cases` | inputs and outputs as LiveCodeBench stores them | the same, or by what the program prints |
| `unittest` | test cases that share a process with the answer | that process, with controls (`inside/suite.py`) |

`answer: output` and `answer: input` are for CRUXEval: the answer is an expression, and the code is the question's.
"""

from __future__ import annotations

import dataclasses
import re
import threading
from collections.abc import Mapping
from typing import Any

from evalkit.errors import UsageError
from evalkit.scoring import contest
from evalkit.scoring.asserted import asserted, find_expression
from evalkit.scoring.codetext import Code, Foreign, completed, find_code
from evalkit.scoring.grade import Extracted, Judged, grade
from evalkit.scoring.sandbox import Examination, Failed, Kind, Limits, Outcome, Sandbox, Source, Suite
from evalkit.types import Generation, Item, Json, SandboxChoice, Score, Status

_TESTS = ("code", "cases", "unittest")
_ANSWERS = ("output", "input")
_ARGS = {"tests", "answer", "libraries", "processes", "cpu_s", "wall_s", "memory_mb"}
_MOST_CODE = 1_000_000
_MOST_STORED = 50_000
_MODULE = "solution"


class CodeScorer:
    """`scorer: code`.

    `scorer_args`: `tests` or `answer` as above; `libraries` that answers may import beside the standard library;
    `processes: true` lets them start programs; `cpu_s`, `wall_s`, `memory_mb` of one run.
    """

    name = "code"
    version = "1"
    runs_code = True

    def __init__(self, args: Mapping[str, Json], sandbox: SandboxChoice = SandboxChoice()) -> None:  # noqa: B008
        """Raises `UsageError`; the sandbox is not started before it is needed."""
        if unknown := sorted(args.keys() - _ARGS):
            raise UsageError(f"scorer code: unknown argument {unknown[0]!r}; known: {', '.join(sorted(_ARGS))}")
        self._tests = _one_of(args, "tests", _TESTS) or "code"
        self._answer = _one_of(args, "answer", _ANSWERS)
        self._libraries = _names(args.get("libraries") or [])
        self._processes = args.get("processes") is True
        self._limits = _limits(args, large=bool(self._libraries) or self._tests == "cases")
        self._choice = sandbox
        self._started: Sandbox | None = None
        self._starting = threading.Lock()

    def require(self) -> None:
        """Start the sandbox; raises `SandboxUnavailable` where there is none."""
        self._sandbox()

    def lacking(self, item: Item) -> str | None:
        """Libraries that an item names (`libraries`, a list or one as text), or leave to start programs."""
        sandbox = self._sandbox()
        if self._processes and "seccomp" in sandbox.layers and "namespaces" not in sandbox.layers:
            return f"needs a sandbox that lets programs start others, as {sandbox.backend} does not (docs/sandbox.md)"
        needed = set(re.findall(r"\w+", str(item.metadata.get("libraries") or "")))
        absent = {line.partition(":")[0] for line in sandbox.missing} if needed else set()
        return f"needs {', '.join(sorted(absent & needed))}" if absent & needed else None

    def score(self, item: Item, generation: Generation) -> Score:
        """Run the code of an answer, which is looked for in the text."""
        if (what := self._answer) is not None:
            return self._graded(item, generation, lambda text: _expression(text, what))
        prompt, entry_point = _texts(item, "prompt", "entry_point")
        return self._graded(item, generation, lambda text: find_code(text, prompt=prompt, entry_point=entry_point))

    def score_at_once(self, item: Item, generation: Generation) -> Score | None:
        """None: running code always takes a worker."""
        return None

    def grade_answer(self, item: Item, answer: str) -> Score:
        """Run a bare answer: code that continues the item's prompt, or stands for itself; or an expression."""
        if (what := self._answer) is not None:
            return self._graded(item, Generation(answer=answer), lambda text: _expression(text, what, bare=True))
        prompt, entry_point = _texts(item, "prompt", "entry_point")
        return self._graded(item, Generation(answer=answer), lambda text: completed(prompt, text, entry_point))

    def close(self) -> None:
        """Stop the sandbox."""
        with self._starting:
            if self._started is not None:
                self._started.close()

    def _graded(self, item: Item, generation: Generation, find: Any) -> Score:
        found: list[Code | Foreign | None] = []
        outcomes: list[Outcome] = []

        def extract(text: str) -> Extracted | None:
            found.append(find(text))
            code = found[-1]
            return Extracted(code.text[:_MOST_STORED], code.step, code.conclusive) if isinstance(code, Code) else None

        def judge(_: str) -> Judged:
            code = found[-1]
            assert isinstance(code, Code)
            try:
                outcomes.append(self._run(item, code))
            except Failed as fault:
                return Judged(None, "sandbox", str(fault))
            outcome = outcomes[-1]
            reason = None if outcome.kind is None else f"{outcome.kind}: {outcome.reason}"
            return Judged(float(outcome.kind is None), self._tests if self._answer is None else self._answer, reason)

        score = grade(generation, extract, judge, f"{self.name}@{self.version}")
        return self._with_detail(score, found[-1] if found else None, outcomes[-1] if outcomes else None)

    def _with_detail(self, score: Score, code: Code | Foreign | None, outcome: Outcome | None) -> Score:
        detail: dict[str, Json] = {}
        if score.status is Status.UNPARSED:
            detail["kind"] = str(Kind.NO_CODE)
            if isinstance(code, Foreign):
                score = dataclasses.replace(score, reason=f"the code is {code.language}, not Python")
        if outcome is not None:
            detail |= {"kind": outcome.kind and str(outcome.kind), "tests": outcome.tests, "cpu_s": outcome.cpu_s}
        if outcome is not None or score.step is not None:
            detail["sandbox"] = self._sandbox().tier
        return dataclasses.replace(score, detail={k: v for k, v in detail.items() if v is not None})

    def _run(self, item: Item, code: Code) -> Outcome:
        if len(code.text) > _MOST_CODE:
            reason = f"the code is longer than {_MOST_CODE:,} characters"
            return Outcome(kind=Kind.COMPILE, reason=reason)
        preamble = code.preamble
        if self._answer == "input":  # arguments may name what the question's module has
            (preamble,) = _texts(item, "given")
        source = Source(preamble=preamble, variants=code.variants, name=_MODULE)
        if self._tests == "cases":
            return contest.run(self._sandbox(), item, source, self._limits)
        if self._tests == "unittest":
            if lacking := self.lacking(item):
                raise Failed(lacking)
            job = Suite(source=source, limits=self._limits, tests=str(item.target), processes=self._processes)
            return self._sandbox().suite(job)
        prompt, entry_point, given = _texts(item, "prompt", "entry_point", "given")
        return self._sandbox().examine(
            Examination(
                source=source,
                limits=self._limits,
                tests=str(item.target),
                given=given or (prompt if self._answer is None else ""),
                entry_point=entry_point,
                call_s=self._limits.wall_s,
            )
        )

    def _sandbox(self) -> Sandbox:
        with self._starting:
            if self._started is None:
                self._started = Sandbox(
                    self._choice,
                    libraries=self._libraries,
                    processes=self._processes,
                    memory_bytes=self._limits.memory_bytes,
                )
            return self._started


def _expression(text: str, what: str, bare: bool = False) -> Code | None:
    """An expression as a function that gives its value; the question's own code runs with the tests.

    A `bare` answer is one as a whole, where it has neither tags nor an assertion.
    """
    found = find_expression(text)
    if found is None and bare and text.strip():
        found = Extracted(text.strip(), "bare")
    if found is None:
        return None
    both = asserted(found.answer)
    shown = found.answer if both is None else both[what == "output"]
    expression = f"(lambda *args, **named: (args, named))(\n{shown}\n)" if what == "input" else shown
    variant = f"def answer():\n    return (\n{expression}\n)\n"
    return Code(text=shown, step=found.step, preamble="", variants=(variant,), conclusive=found.conclusive)


def _texts(item: Item, *names: str) -> tuple[str, ...]:
    """Fields of an item as text; empty where it has none."""
    return tuple("" if item.metadata.get(name) is None else str(item.metadata[name]) for name in names)


def _one_of(args: Mapping[str, Json], name: str, known: tuple[str, ...]) -> str | None:
    value = args.get(name)
    if value is not None and value not in known:
        raise UsageError(f"scorer code: {name} must be one of {', '.join(known)}, not {value!r}")
    return value


def _names(value: Json) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or not all(isinstance(v, str) and v.isidentifier() for v in value):
        raise UsageError(f"scorer code: libraries must be a list of modules, not {value!r}")
    return tuple(value)


def _limits(args: Mapping[str, Json], large: bool) -> Limits:
    given: dict[str, Any] = {
        name: args[name] for name in ("cpu_s", "wall_s", "memory_mb") if args.get(name) is not None
    }
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1e6:
            raise UsageError(f"scorer code: {name} must be a positive number, not {value!r}")
    memory_mb = given.get("memory_mb", 4096 if large else 1024)
    cpu_s = given.get("cpu_s", Limits().cpu_s)
    wall_s = given.get("wall_s", max(Limits().wall_s, 3 * cpu_s))
    return Limits(cpu_s=float(cpu_s), wall_s=float(wall_s), memory_bytes=int(memory_mb * 2**20))
