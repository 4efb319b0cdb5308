"""Tests of programming contests, as LiveCodeBench stores and compares them.

An item has public tests (JSON) and private ones (JSON, or that compressed, pickled and in base64). A test of kind
`functional` calls a function, one of kind `stdin` runs a program. Printed lines are compared without the spaces around
them; where two differ, they are equal if both hold numbers of the same exact values.
"""

from __future__ import annotations

import base64
import binascii
import functools
import io
import json
import pickle
import re
import zlib
from decimal import Decimal, InvalidOperation
from typing import Any

from evalkit.scoring.sandbox import Examination, Failed, Kind, Limits, Outcome, Programs, Sandbox, Source
from evalkit.types import Item, Json

_MOST_UNPACKED = 2**30
_AT_ONCE = 8
"""Inputs a program is run on before its outputs are looked at."""
_MOST_SHOWN = 200
_MANY = 10
_STARRED = (
    "string re datetime collections heapq bisect copy math random statistics itertools functools operator io sys json "
    "builtins typing"
).split()
_NAMED = _STARRED[:-2]
# The benchmark runs each answer after these lines, and answers rely on it.
PREAMBLE = "".join(
    [
        *(f"from {name} import *\n" for name in _STARRED),
        *(f"import {name}\n" for name in _NAMED),
        "sys.setrecursionlimit(50000)\n",
    ]
)
_CLASS = re.compile(r"^class\s+Solution\b", re.MULTILINE)


def run(sandbox: Sandbox, item: Item, source: Source, limits: Limits) -> Outcome:
    """Run the tests of an item up to the first that fails; `limits` are those of one test. Raises `Failed`."""
    tests = [*_read_public(item.metadata.get("public")), *_unpacked(str(item.target))]
    if not tests:
        raise Failed("the item has no tests")
    try:
        inputs = [str(test["input"]) for test in tests]
        outputs = [str(test["output"]) for test in tests]
        functional = tests[0]["testtype"] == "functional"
    except (KeyError, TypeError) as fault:
        raise Failed(f"the item's tests cannot be used: no field {fault}") from None
    if functional:
        return _call(sandbox, _function(item), source, limits, inputs, outputs)
    return _print(sandbox, source, limits, inputs, outputs)


def _call(
    sandbox: Sandbox, function: str, source: Source, limits: Limits, inputs: list[str], outputs: list[str]
) -> Outcome:
    n = min(len(inputs), _MANY)  # one process for all of them: a limit for each, but not an hour for hundreds
    cases = tuple((tuple(text.split("\n")), output) for text, output in zip(inputs, outputs, strict=True))
    job = Examination(
        source=Source(preamble=PREAMBLE + source.preamble, variants=source.variants, name=source.name),
        limits=Limits(cpu_s=limits.cpu_s * n, wall_s=limits.wall_s * n, memory_bytes=limits.memory_bytes),
        cases=cases,
        entry_point=function,
        in_class="Solution" if any(_CLASS.search(variant) for variant in source.variants) else "",
        call_s=limits.wall_s,
    )
    return sandbox.examine(job)


def _print(sandbox: Sandbox, source: Source, limits: Limits, inputs: list[str], outputs: list[str]) -> Outcome:
    program = Source(preamble=PREAMBLE, variants=source.variants, name="__main__")
    done, cpu_s = 0, 0.0
    for start in range(0, len(inputs), _AT_ONCE):
        runs = sandbox.programs(Programs(source=program, inputs=inputs[start : start + _AT_ONCE], limits=limits))
        for ran, given, expected in zip(runs, inputs[start:], outputs[start:], strict=False):
            cpu_s += ran.cpu_s
            kind, reason = ran.kind, ran.reason
            if kind is None and (difference := _difference(ran.output, expected)):
                kind, reason = Kind.WRONG_ANSWER, f"{difference}, for the input {_shown(given)}"
            if kind is not None:
                return Outcome(kind=kind, reason=reason, tests="." * done + "F", cpu_s=cpu_s)
            done += 1
    return Outcome(kind=None, tests="." * done, cpu_s=cpu_s)


def _difference(printed: str, expected: str) -> str | None:
    """In what an output differs from the expected one, if it does."""
    ours, theirs = _lines(printed), _lines(expected)
    if len(ours) != len(theirs):
        return f"{len(ours)} lines printed, {len(theirs)} expected"
    for number, (one, other) in enumerate(zip(ours, theirs, strict=True), 1):
        if one != other and not _same_numbers(one, other):
            return f"line {number} is {_shown(one)}, not {_shown(other)}"
    return None


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.strip().split("\n")]


def _same_numbers(one: str, other: str) -> bool:
    """Exactly: 50000000000000000 is not 50000000000000001."""
    try:
        return [Decimal(part) for part in one.split()] == [Decimal(part) for part in other.split()]
    except InvalidOperation:
        return False


def _shown(text: str) -> str:
    return repr(text if len(text) <= _MOST_SHOWN else text[:_MOST_SHOWN] + "...")


def _function(item: Item) -> str:
    info = _read(item.metadata.get("info"), "metadata")
    name = info.get("func_name") if isinstance(info, dict) else None
    if not isinstance(name, str) or not name.isidentifier():
        raise Failed("the item does not say which function its tests call (metadata.func_name)")
    return name


def _read_public(value: Json) -> list[Any]:
    tests = _read(value, "public tests")
    if not isinstance(tests, list):
        raise Failed("the item's public tests are no list")
    return tests


def _read(value: Json, what: str) -> Any:
    if not isinstance(value, str):
        return [] if value is None else value
    try:
        return json.loads(value) if value.strip() else []
    except (ValueError, RecursionError) as fault:
        raise Failed(f"the item's {what} cannot be read: {fault}") from None


@functools.lru_cache(maxsize=4)
def _unpacked(text: str) -> list[Any]:
    """Private tests; raises `Failed`."""
    if not text.strip():
        return []
    try:
        tests = json.loads(text)
    except ValueError:
        tests = _unpickled(text)
    if not isinstance(tests, list):
        raise Failed("the item's private tests are no list")
    return tests


def _unpickled(text: str) -> Any:
    try:
        unpacker = zlib.decompressobj()
        data = unpacker.decompress(base64.b64decode(text, validate=True), _MOST_UNPACKED)
        if unpacker.unconsumed_tail:
            raise Failed("the item's private tests are larger than 1 GiB")
        return json.loads(_OnlyText(io.BytesIO(data)).load())
    except (
        binascii.Error,
        zlib.error,
        pickle.UnpicklingError,
        ValueError,
        EOFError,
        TypeError,
        RecursionError,
    ) as fault:
        raise Failed(f"the item's private tests cannot be read: {fault}") from None
    except (AttributeError, ImportError, IndexError, KeyError, MemoryError, OverflowError) as fault:
        raise Failed(f"the item's private tests cannot be read: {type(fault).__name__}") from None


class _OnlyText(pickle.Unpickler):
    """Reads plain values: a pickle that names any class or function would run code of the data set's author here."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"a pickle that wants {module}.{name} is not read")
