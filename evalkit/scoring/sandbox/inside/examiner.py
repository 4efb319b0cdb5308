"""The trusted side: runs the tests of an item against functions that live in another process, and says what came of it.

The tests are code of the data set's author. They see the model's functions as proxies, whose results are plain values
made here; an object of any other kind stays there, and equals nothing. So an answer can be wrong, but never convince.
"""

from __future__ import annotations

import ast
import builtins
import functools
import json
import time
from typing import Any

from solution import described  # type: ignore[import-not-found]
from wire import Channel, Gone, Late, TooLarge, decode, encode  # type: ignore[import-not-found]

_MOST_ITERATED = 100_000
_COMPILED = 256
"""Texts of tests that are kept compiled: an item has many answers. Large ones do not come to that (`judge`)."""
_MOST_SHOWN = 300
_KINDS = {"MemoryError": "memory"}
_NOTHING = object()


class Failed(Exception):
    """The candidate raised; one that tests may expect is also of that built-in type."""

    kind = "exception"


class _Broken(BaseException):
    """The candidate cannot be asked any more; the arguments are the kind of failure and the reason."""


class Line:
    """The connection to the candidate."""

    def __init__(self, fd: int, until_s: float, call_s: float, most_bytes: int) -> None:
        self._channel = Channel(fd, fd, most_bytes)
        self._until_s = until_s
        self._call_s = call_s
        self.n_asked = 0
        self.last: Any = _NOTHING
        """The last result."""
        self.broken: _Broken | None = None
        """Kept, since tests may swallow everything that is raised in them."""

    def _over(self, kind: str, reason: str) -> _Broken:
        self.broken = self.broken or _Broken(kind, reason)
        return self.broken

    def wait(self) -> list[Any]:
        """The next message; raises `_Broken`."""
        now = time.monotonic()
        try:
            message = self._channel.receive(min(self._until_s, now + self._call_s))
            if not isinstance(message, list) or not message:
                raise ValueError("no message")
        except Late:
            raise self._over("timeout", "no answer within the time") from None
        except Gone:
            raise self._over("exit", "the program ended before it answered") from None
        except TooLarge as fault:
            raise self._over("output limit", "the answer is too large: " + str(fault)) from None
        except (ValueError, RecursionError, MemoryError):
            raise self._over("wrong answer", "the answer is no value") from None
        return message

    def ask(self, *question: Any) -> Any:
        """The result of an operation in the other process; raises what it raised, or `_Broken`."""
        self.n_asked += 1
        try:
            self._channel.send(list(question))
        except Gone:
            raise self._over("exit", "the program ended before it answered") from None
        what, *rest = self.wait()
        if what == "raise" and len(rest) == 2:
            raise _as_raised(str(rest[0]), str(rest[1])[:_MOST_SHOWN])
        if what == "large":
            raise self._over("output limit", "the answer is too large: " + str(rest)[:_MOST_SHOWN])
        try:
            value = decode(rest[0], self._remote)
        except Exception:
            raise self._over("wrong answer", "the answer is no value") from None
        self.last = value
        return value

    def _remote(self, handle: Any) -> Any:
        number, kind = handle
        if type(number) is not int or type(kind) is not str:
            raise ValueError("no handle")
        return Remote(self, number, kind)

    def encoded(self, value: Any) -> Any:
        """An argument; raises `TypeError` for what cannot cross."""

        def refer(other: Any) -> Any:
            if type(other) is Remote:
                return {"h": [object.__getattribute__(other, "_handle"), ""]}
            raise TypeError(f"a test passes an object of type {type(other).__name__}, which cannot leave its process")

        return encode(value, refer)


_raised: dict[str, type[Exception]] = {}
"""Of built-in names only: this process serves many answers, and one that invents names must not fill its memory."""
_NOT_AS_RAISED = (Exception, AssertionError, StopIteration, StopAsyncIteration)
"""A call that raises StopIteration would end a loop of the tests, such as one over `map`, as if all were compared."""


def _as_raised(name: str, text: str) -> Exception:
    """`Failed` that is also the built-in exception `name`, so that tests which expect it see it."""
    base = vars(builtins).get(name)
    if isinstance(base, type) and issubclass(base, Exception) and base not in _NOT_AS_RAISED and name not in _raised:
        _raised[name] = Failed
        try:
            both = type("Failed", (Failed, base), {})
            both(text)
            _raised[name] = both
        except TypeError:
            pass  # one that takes other arguments than a text
    fault = _raised.get(name, Failed)(text)
    fault.kind = _KINDS.get(name, "exception")  # type: ignore[attr-defined]
    return fault


class Remote:
    """An object of the candidate's process. It equals nothing but itself, and is no number."""

    __slots__ = ("_handle", "_kind", "_line")

    def __init__(self, line: Line, handle: Any, kind: str = "") -> None:
        object.__setattr__(self, "_line", line)
        object.__setattr__(self, "_handle", handle)
        object.__setattr__(self, "_kind", kind)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._line.ask("attribute", self._handle, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._line.ask("assign", self._handle, name, self._line.encoded(value))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        line = self._line
        named = {k: line.encoded(v) for k, v in kwargs.items()}
        return line.ask("call", self._handle, [line.encoded(a) for a in args], named)

    def __getitem__(self, key: Any) -> Any:
        return self._line.ask("item", self._handle, self._line.encoded(key))

    def __iter__(self) -> Any:
        return iter(self._line.ask("iterate", self._handle, _MOST_ITERATED))

    def __len__(self) -> int:
        return int(self._line.ask("length", self._handle))

    def __bool__(self) -> bool:
        return bool(self._line.ask("truth", self._handle))

    def __str__(self) -> str:
        return str(self._line.ask("text", self._handle))

    def __repr__(self) -> str:
        return f"<{self._kind} object of the answer>"


class _Names(dict):  # type: ignore[type-arg]
    """The names that tests see: their own, and for others those of the answer."""

    def __init__(self, line: Line, own: dict[str, Any]) -> None:
        super().__init__(own)
        self._line = line

    def __missing__(self, name: str) -> Any:
        if name.startswith("__") or hasattr(builtins, name):
            raise KeyError(name)
        value = self._line.ask("name", name)
        self[name] = value
        return value


def shown(value: Any) -> str:
    """A value for a message, cut."""
    try:
        text = repr(value)
    except BaseException as fault:
        text = f"<{type(fault).__name__}>"
    return text if len(text) <= _MOST_SHOWN else text[:_MOST_SHOWN] + "..."


def _counted(tree: ast.Module) -> ast.Module:
    """Tests that count each assertion that held."""
    todo: list[Any] = [tree]
    while todo:
        node = todo.pop()
        for name in ("body", "orelse", "handlers", "finalbody", "cases"):
            statements = getattr(node, name, None)
            if statements:
                setattr(node, name, [new for one in statements for new in (one, *_count_of(one))])
                todo += statements
    return tree


def _count_of(statement: ast.AST) -> list[ast.Expr]:
    if type(statement) is not ast.Assert:
        return []
    at = {"lineno": statement.lineno, "col_offset": statement.col_offset}
    return [ast.Expr(ast.Call(ast.Name("__held__", ast.Load(), **at), [], [], **at), **at)]


def examine(exam: dict[str, Any], fd: int, until_s: float, most_bytes: int) -> dict[str, Any]:
    """Run the tests; `{"kind": None or a failure, "reason", "held": n, "tests": "..F"}`.

    Kind `task` means that the tests themselves are broken.
    """
    line = Line(fd, until_s, exam["call_s"], most_bytes)
    held = [0]
    try:
        test = _calls if exam["kind"] == "calls" else _code
        prepared = test(exam, line, held)
    except Exception as fault:
        return {"kind": "task", "reason": "the item's tests cannot be used: " + described(fault), "held": 0}
    try:
        _require_ready(line.wait())
        prepared()
        if line.broken is not None:
            raise line.broken
        return {"kind": None, "reason": None, "held": held[0]}
    except _Broken as fault:
        kind, reason = fault.args
        return {"kind": kind, "reason": reason, "held": held[0]}
    except BaseException as fault:
        return {**_why(fault, line, exam), "held": held[0]}


def _require_ready(first: list[Any]) -> None:
    """Raises `_Broken` for any other first message; looks at texts only, since to show a value can fail."""
    if first[0] == "ready":
        return
    if len(first) < 2 or not all(type(part) is str for part in first):
        raise _Broken("wrong answer", "what the program says first is no message")
    kind = "compile" if first[0] == "compile" else _KINDS.get(first[1], "exception")
    raise _Broken(kind, first[-1][:_MOST_SHOWN])


def _why(fault: BaseException, line: Line, exam: dict[str, Any]) -> dict[str, Any]:
    """What a fault in the tests says of the answer."""
    where = _statement(fault, exam)
    if isinstance(fault, Failed):
        return {"kind": fault.kind, "reason": described(fault).replace("Failed: ", "", 1) + where}
    if line.n_asked:
        what = str(fault)[:_MOST_SHOWN] if isinstance(fault, _Wrong) else ""
        if not what and not isinstance(fault, AssertionError):
            what = "the test cannot use the answer (" + described(fault) + ")"
        tell = line.last is not _NOTHING and not isinstance(fault, _Wrong)
        last = f"; the last result was {shown(line.last)}" if tell else ""
        return {"kind": "wrong answer", "reason": (what + where + last).lstrip(": ")}
    return {"kind": "task", "reason": "the item's tests fail by themselves: " + described(fault) + where}


def _statement(fault: BaseException, exam: dict[str, Any]) -> str:
    """The line of the tests in which it happened."""
    trace, number = fault.__traceback__, None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<tests>":
            number = trace.tb_lineno
        trace = trace.tb_next
    lines = exam.get("tests", "").split("\n") if number else []
    text = lines[number - 1].strip() if number and number <= len(lines) else ""
    return f": {text[:_MOST_SHOWN]}" if text else ""


class _Wrong(AssertionError):
    """A result that is not the expected one, in words."""


def _code(exam: dict[str, Any], line: Line, held: list[int]) -> Any:
    """Tests as code: names that they lack are the answer's."""
    own: dict[str, Any] = {"__name__": "tests"}
    if exam["given"]:
        exec(_given(exam["given"]), own)
    names = _Names(line, own)
    if exam["entry_point"]:
        names[exam["entry_point"]] = Remote(line, exam["entry_point"], "function")
    code = _tests(exam["tests"])

    def holds() -> None:
        held[0] += 1

    def run() -> None:
        names["__held__"] = holds
        exec(code, names)

    return run


@functools.lru_cache(maxsize=_COMPILED)
def _given(text: str) -> Any:
    return compile(text, "<given>", "exec", dont_inherit=True)


@functools.lru_cache(maxsize=_COMPILED)
def _tests(text: str) -> Any:
    return compile(_counted(ast.parse(text, "<tests>")), "<tests>", "exec", dont_inherit=True)


def _calls(exam: dict[str, Any], line: Line, held: list[int]) -> Any:
    """Tests as data: arguments and the expected result, each as JSON. A tuple is as good as a list."""
    cases = [([json.loads(a) for a in case[0]], json.loads(case[1])) for case in exam["cases"]]

    def run() -> None:
        function = Remote(line, exam["entry_point"], "function")
        if exam["in_class"]:
            function = getattr(Remote(line, exam["in_class"], "class")(), exam["entry_point"])
        for args, expected in cases:
            result = function(*args)
            if isinstance(result, tuple):
                result = list(result)
            if (result == expected) is not True:  # an empty array differs from nothing
                raise _Wrong(f"{shown(args)[1:-1]} gives {shown(result)}, not {shown(expected)}")
            held[0] += 1

    return run
