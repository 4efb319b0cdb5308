"""The untrusted side: runs a model's code and answers questions about it. Nothing that it says is believed.

It may be taken over by the code that it runs, in whole: what it answers is plain data to the one who asks, and all that
it can do is to answer wrongly.
"""

from __future__ import annotations

import os
import sys
import types
from typing import Any

from wire import Channel, TooLarge, decode, encode  # type: ignore[import-not-found]

_MOST_HANDLES = 100_000


def load(source: dict[str, Any]) -> tuple[dict[str, Any] | None, str]:
    """Run a module: `preamble`, then the first of `variants` that compiles. Gives its names, or why there are none.

    Whatever the code itself raises is raised.
    """
    module = types.ModuleType(source["name"])
    sys.modules[source["name"]] = module
    names = module.__dict__
    if source["preamble"]:
        exec(compile(source["preamble"], "<given>", "exec", dont_inherit=True), names)
    problem = ""
    for variant in source["variants"]:
        try:
            code = compile(variant, "<answer>", "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as fault:
            problem = problem or described(fault)
            continue
        exec(code, names)
        return names, ""
    return None, problem


def described(fault: BaseException) -> str:
    """`IndexError: list index out of range`, at no risk and in few words."""
    try:
        text = str(fault)
    except BaseException:
        text = ""
    name = type(fault).__name__
    return (name + (": " + text if text else ""))[:300]


def run_program(source: dict[str, Any]) -> int:
    """Run the code as a program; the exit status, which proves nothing."""
    try:
        names, problem = load(source)
        if names is None:
            _complain("compile: " + problem)
            return 3
    except SystemExit:
        pass  # as the benchmark has it: an exit is an end
    except BaseException as fault:
        _complain("exception: " + described(fault))
        return 1
    finally:
        try:
            sys.stdout.flush()
        except BaseException:
            pass
    return 0


def _complain(text: str) -> None:
    os.write(2, ("\n" + text.replace("\n", " ") + "\n").encode("utf-8", "replace"))


def serve(source: dict[str, Any], fd: int, most_bytes: int) -> None:
    """Load the code, then answer until the other end is closed."""
    channel = Channel(fd, fd, most_bytes)
    names: dict[str, Any] | None = None
    try:
        names, problem = load(source)
        hello = ["ready"] if names is not None else ["compile", problem]
    except BaseException as fault:  # SystemExit too: a module that ends itself has no functions
        hello = ["raise", type(fault).__name__, described(fault)]
    channel.send(hello)
    if names is not None:
        desk = _Desk(names)
        while True:
            question = channel.receive()
            try:
                channel.send(desk.answer(question))
            except TooLarge as fault:
                channel.send(["large", str(fault)])


class _Desk:
    """Objects that the other side holds by number, and what is done with them."""

    def __init__(self, names: dict[str, Any]) -> None:
        self._names = names
        self._held: list[Any] = []

    def answer(self, question: list[Any]) -> list[Any]:
        what, *rest = question
        try:
            value = getattr(self, "_" + what)(*rest)
            return ["ok", encode(value, self._refer)]
        except TooLarge:
            raise
        except MemoryError as fault:
            return ["raise", "MemoryError", described(fault)]
        except RecursionError as fault:
            return ["raise", "RecursionError", described(fault)]
        except BaseException as fault:
            return ["raise", _builtin_name(type(fault)), described(fault)]

    def _refer(self, value: Any) -> Any:
        if len(self._held) >= _MOST_HANDLES:
            raise TooLarge("too many objects")
        self._held.append(value)
        return {"h": [len(self._held) - 1, type(value).__name__[:100]]}

    def _get(self, handle: Any) -> Any:
        return self._held[handle] if isinstance(handle, int) else self._name(handle)

    def _value(self, data: Any) -> Any:
        return decode(data, lambda handle: self._get(handle[0]))

    def _name(self, name: str) -> Any:
        if name not in self._names:
            raise NameError(f"name {name!r} is not defined")
        return self._names[name]

    def _call(self, handle: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        return self._get(handle)(*[self._value(a) for a in args], **{k: self._value(v) for k, v in kwargs.items()})

    def _attribute(self, handle: Any, name: str) -> Any:
        return getattr(self._get(handle), name)

    def _assign(self, handle: Any, name: str, value: Any) -> None:
        setattr(self._get(handle), name, self._value(value))

    def _item(self, handle: Any, key: Any) -> Any:
        return self._get(handle)[self._value(key)]

    def _iterate(self, handle: Any, most: int) -> list[Any]:
        found = []
        for value in self._get(handle):
            found.append(value)
            if len(found) > most:
                raise TooLarge(f"more than {most} values")
        return found

    def _length(self, handle: Any) -> int:
        return len(self._get(handle))

    def _text(self, handle: Any) -> str:
        return str(self._get(handle))[:100_000]

    def _truth(self, handle: Any) -> bool:
        return bool(self._get(handle))


def _builtin_name(kind: type[BaseException]) -> str:
    """The nearest exception that both sides know."""
    for base in kind.__mro__:
        if base.__module__ == "builtins":
            return base.__name__
    return "Exception"
