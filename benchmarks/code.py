"""Executions of HumanEval's own solutions a second: evalkit's sandbox, a bare fork server, evalplus, new interpreters.

All 164 solutions, ten times each, with two workers; new interpreters once each. One round is one turn of each, and what
is printed are medians of the rounds of one run. CPU counts all processes, those of evalkit's own side too
(`harness_cpu_ms`). The fork server is a bound: one process forks for each answer and believes its exit status.
evalplus is run by its own evaluation function on the same tests, without their further inputs; its start and the
expected results that it computes first are left out, as the start of the sandbox is (`start_s`). It needs packages
that evalkit does not: `python -m venv DIR; DIR/bin/pip install evalplus==0.3.1` and `--evalplus DIR/bin/python`;
without it, it is left out.

`--leaks N` runs N small answers of every kind instead, and counts what they leave.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from code_leaks import leaks
from code_rivals import EVALPLUS_FAILS, Row, Runner, evalplus, fork_server, interpreters
from support import about, cpu_s, memory_mb, yardstick_s

from evalkit.scoring.sandbox import Examination, Sandbox, Source
from evalkit.types import SandboxChoice

AIMS = {"ratio_to_evalplus": 5, "ratio_to_fork_server": 0.5}


@dataclass
class Measured:
    """One way of running answers, and what its rounds took."""

    run: Runner
    executions: int
    fails: int = 0
    """Executions that are known to fail."""
    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    own_cpu: list[float] = field(default_factory=list)
    memory: list[list[float]] = field(default_factory=list)
    """Of each worker, before the first and after each round."""
    pids: Callable[[], Sequence[int]] = tuple
    more: dict[str, Any] = field(default_factory=dict)

    def round(self) -> None:
        """Run all once."""
        cpu, own, wall = cpu_s(os.getpid()), time.process_time(), time.perf_counter()
        passed = self.run()
        self.seconds.append(time.perf_counter() - wall)
        self.cpu.append(cpu_s(os.getpid()) - cpu)
        self.own_cpu.append(time.process_time() - own)
        if passed + self.fails != self.executions:
            raise SystemExit(f"{passed} of {self.executions} passed")
        self.weigh()

    def weigh(self) -> None:
        """Note the memory of the workers."""
        self.memory.append([memory_mb(pid)["rss_mb"] for pid in self.pids()])

    def result(self) -> dict[str, Any]:
        """Medians, and the rounds themselves."""
        found = {
            "executions_a_s": self.executions / statistics.median(self.seconds),
            "cpu_ms": 1e3 * statistics.median(self.cpu) / self.executions,
            "harness_cpu_ms": 1e3 * statistics.median(self.own_cpu) / self.executions,
            "executions": self.executions,
            "rounds_s": self.seconds,
        }
        return {**found, **({"workers_rss_mb": self.memory} if any(self.memory) else {}), **self.more}


def examination(row: Row) -> Examination:
    """An item of HumanEval with its own solution."""
    return Examination(
        source=Source(variants=(row["prompt"] + row["canonical_solution"],)),
        tests=f"{row['test']}\ncheck({row['entry_point']})",
        given=row["prompt"],
        entry_point=row["entry_point"],
    )


@contextmanager
def sandbox(backend: str, rows: Sequence[Row], workers: int) -> Iterator[Measured]:
    """evalkit, with all workers started."""
    jobs = [examination(row) for row in rows]
    started = time.perf_counter()
    box = Sandbox(SandboxChoice(backend=backend), workers=workers)
    more = {"tier": box.tier, "start_s": time.perf_counter() - started}
    with box, ThreadPoolExecutor(workers) as threads:

        def run() -> int:
            return sum(one.kind is None for one in threads.map(box.examine, jobs))

        list(threads.map(box.examine, jobs[: 4 * workers]))
        measured = Measured(run, len(jobs), pids=box.pids, more=more)
        measured.weigh()
        yield measured


def compared(options: argparse.Namespace, rows: list[Row]) -> dict[str, Any]:
    """All of them, one round after the other."""
    every = rows * options.samples
    found: dict[str, Measured] = {}
    with ExitStack() as stack:
        for backend in options.backends:
            found[f"evalkit {backend}"] = stack.enter_context(sandbox(backend, every, options.workers))
        found["fork server"] = Measured(stack.enter_context(fork_server(every, options.workers)), len(every))
        found["interpreters"] = Measured(stack.enter_context(interpreters(rows, options.workers)), len(rows))
        if options.evalplus:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            run = stack.enter_context(evalplus(options.evalplus, rows, options.samples, options.workers, folder))
            run()  # computes what is expected
            found["evalplus"] = Measured(run, len(every), EVALPLUS_FAILS * options.samples)
        for _ in range(options.rounds):
            for one in found.values():
                one.round()
    results = {name: one.result() for name, one in found.items()}
    speed = {name: one["executions_a_s"] for name, one in results.items()}
    ratios = {
        name: {other: speed[name] / speed[other] for other in speed if not other.startswith("evalkit")}
        for name in speed
        if name.startswith("evalkit")
    }
    return {"runners": results, "ratios": ratios}


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--samples", type=int, default=10, help="how often each solution is run in a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--backends", nargs="+", default=["auto", "landlock"])
    parser.add_argument("--evalplus", metavar="PYTHON", help="an interpreter that has evalplus 0.3.1")
    parser.add_argument("--leaks", type=int, nargs="?", const=20_000, metavar="N")
    options = parser.parse_args()
    if options.leaks is not None:
        measured: dict[str, Any] = {"leaks": [leaks(one, options.leaks, options.workers) for one in options.backends]}
    else:
        lines = (options.data_dir / "humaneval" / "test.jsonl").read_text(encoding="utf-8").splitlines()
        measured = {"aims": AIMS, **compared(options, [json.loads(line) for line in lines])}
    setting = {"workers": options.workers, "rounds": options.rounds, "yardstick_s": yardstick_s()}
    print(json.dumps({**about("code"), **setting, **measured}, indent=2))


if __name__ == "__main__":
    main()
