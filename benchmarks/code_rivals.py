"""Other ways to run an answer with its tests, for `code.py`: each takes the same answers and says how many passed."""

from __future__ import annotations

import copy
import json
import os
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Row = dict[str, Any]
Runner = Callable[[], int]
"""Runs all answers once, and gives how many passed."""

FORK_SERVER = """
import os, struct, sys
import bisect, collections, copy, dataclasses, datetime, decimal, fractions, functools, hashlib, heapq, itertools, json
import math, operator, random, re, statistics, string, time, typing

def take(size):
    data = b""
    while len(data) < size:
        part = os.read(0, size - len(data))
        if not part:
            sys.exit()
        data += part
    return data

while True:
    program = take(struct.unpack(">I", take(4))[0]).decode()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            exec(compile(program, "<program>", "exec"), {"__name__": "program"})
            status = 0
        finally:
            os._exit(status)
    os.write(1, b"." if os.waitpid(pid, 0)[1] == 0 else b"F")
"""
"""A process that forks for each program: no isolation, and an exit status decides."""

EVALPLUS = """
import json, os, sys
from evalplus.evaluate import evaluate

real = sys.stdout
sys.stdout = sys.stderr
results = sys.argv[1].replace(".jsonl", "_eval_results.json")
for _ in sys.stdin:
    evaluate("humaneval", samples=sys.argv[1], base_only=True, parallel=int(sys.argv[2]), i_just_wanna_run=True)
    with open(results) as file:
        found = json.load(file)["eval"]
    os.remove(results)
    print(sum(one["base_status"] == "pass" for some in found.values() for one in some), file=real, flush=True)
"""
"""What `evalplus.evaluate` does once it is loaded, each time that a line arrives."""
EVALPLUS_FAILS = 1
"""HumanEval/32, where it counts no call as passed and then misses them."""


def program(row: Row) -> str:
    """An answer and its tests in one text."""
    return f"{row['prompt']}{row['canonical_solution']}\n{row['test']}\ncheck({row['entry_point']})\n"


@contextmanager
def fork_server(rows: Sequence[Row], workers: int) -> Iterator[Runner]:
    """Each program in a fork of a process that has imported the usual modules."""
    command = [sys.executable, "-c", FORK_SERVER]
    servers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0)
        for _ in range(workers)
    ]
    own = threading.local()
    free = list(servers)
    programs = [program(row).encode() for row in rows]

    def passes(text: bytes) -> bool:
        if not hasattr(own, "server"):
            own.server = free.pop()
        own.server.stdin.write(struct.pack(">I", len(text)) + text)
        return bool(own.server.stdout.read(1) == b".")

    try:
        with ThreadPoolExecutor(workers) as threads:
            yield lambda: sum(threads.map(passes, programs))
    finally:
        for server in servers:
            server.kill()
            server.communicate()


@contextmanager
def interpreters(rows: Sequence[Row], workers: int) -> Iterator[Runner]:
    """Each program in an interpreter of its own."""
    programs = [program(row).encode() for row in rows]

    def passes(text: bytes) -> bool:
        return subprocess.run([sys.executable, "-I", "-"], input=text, stderr=subprocess.DEVNULL).returncode == 0

    with ThreadPoolExecutor(workers) as threads:
        yield lambda: sum(threads.map(passes, programs))


def asked(row: Row) -> list[list[Any]]:
    """The arguments of each call in an item's tests, by running them on the item's own solution."""
    names: dict[str, Any] = {}
    exec(row["prompt"] + row["canonical_solution"] + "\n" + row["test"], names)  # noqa: S102  # the benchmark's own
    solution, calls = names[row["entry_point"]], []

    def recorded(*args: Any) -> Any:
        calls.append(copy.deepcopy(list(args)))
        return solution(*args)

    names["check"](recorded)
    return calls


@contextmanager
def evalplus(python: str, rows: Sequence[Row], samples: int, workers: int, folder: Path) -> Iterator[Runner]:
    """Its evaluation of HumanEval's own tests, whose inputs are those that the tests call with.

    Its data is on the network, so that it gets these rows as its file; expected results it computes by itself, once.
    """
    data, answers = folder / "items.jsonl", folder / "answers.jsonl"
    kept = ("task_id", "prompt", "entry_point", "canonical_solution")
    items = [
        {name: row[name] for name in kept} | {"base_input": asked(row), "plus_input": [], "atol": 0, "contract": ""}
        for row in rows
    ]
    for item in items:
        if item["entry_point"] == "find_zero":
            item["atol"] = 1e-4  # its tests want a root up to this
    data.write_text("".join(json.dumps(item) + "\n" for item in items))
    solutions = [{"task_id": row["task_id"], "solution": row["prompt"] + row["canonical_solution"]} for row in rows]
    answers.write_text("".join(json.dumps(one) + "\n" for one in solutions * samples))
    env = os.environ | {"HUMANEVAL_OVERRIDE_PATH": str(data), "XDG_CACHE_HOME": str(folder), "HOME": str(folder)}
    env.pop("PYTHONPATH", None)
    with (folder / "evalplus.log").open("w+") as log:
        command = [python, "-c", EVALPLUS, str(answers), str(workers)]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, env=env, cwd=folder
        )
        assert process.stdin is not None and process.stdout is not None
        ask, answer = process.stdin, process.stdout

        def run() -> int:
            ask.write("\n")
            ask.flush()
            line = answer.readline()
            if not line:
                log.seek(0)
                raise SystemExit("evalplus failed:\n" + log.read()[-2000:])
            return int(line)

        try:
            yield run
        finally:
            process.kill()
            process.communicate()
