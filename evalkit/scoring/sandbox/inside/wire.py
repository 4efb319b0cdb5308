"""What two processes tell each other: frames of JSON, in which what JSON lacks carries a tag.

Only plain values cross: what arrives is what the receiver built, never an object with methods of the sender's. The two
may hate each other, so sizes, depths and times are bounded by the one who reads.
"""

from __future__ import annotations

import builtins
import collections
import datetime
import decimal
import fractions
import json
import os
import re
import select
import struct
import sys
import time
from collections.abc import Callable
from typing import Any

MOST_BYTES = 256 * 2**20
_DEEPEST = 200
_EXACT = 2**53
_SCALARS = frozenset({str, bool, float, type(None)})
_NUMBERS = frozenset({int, float, bool})
_NESTED = frozenset({list, dict})
_CHUNK = 1 << 12


class TooLarge(Exception):
    """A value, or a frame, that is beyond the limits."""


class Gone(BaseException):
    """The other end is closed. No `except Exception` of a test may swallow it."""


class Late(BaseException):
    """No answer within the time. No `except Exception` of a test may swallow it."""


def encode(value: Any, refer: Callable[[Any], Any], depth: int = 0) -> Any:
    """`value` as JSON has it; what is no plain value becomes what `refer` says. Raises `TooLarge`."""
    kind = type(value)
    if value is None or kind is bool or kind is str or kind is float:
        return value
    if kind is int:
        return value if -_EXACT < value < _EXACT else {"i": hex(value)}
    if depth > _DEEPEST:
        raise TooLarge("nested more than " + str(_DEEPEST) + " deep")
    deeper = depth + 1
    if kind is list:
        return _all(value, refer, deeper)
    if kind is tuple:
        return {"t": _all(list(value), refer, deeper)}
    if kind is dict:
        return {"d": [[encode(k, refer, deeper), encode(v, refer, deeper)] for k, v in value.items()]}
    if kind is set or kind is frozenset:
        return {"s" if kind is set else "z": _all(list(value), refer, deeper)}
    if kind is bytes or kind is bytearray:
        return {"b": value.hex()}
    if kind is complex:
        return {"c": [value.real, value.imag]}
    if kind is range:
        return {"r": [encode(v, refer, deeper) for v in (value.start, value.stop, value.step)]}
    return _less_plain(value, kind, refer, deeper)


def _all(values: list[Any], refer: Callable[[Any], Any], depth: int) -> list[Any]:
    """Each encoded; a long list of numbers or texts is JSON as it is."""
    kinds = set(map(type, values))
    if kinds <= _SCALARS or (kinds <= _NUMBERS and min(values) > -_EXACT and max(values) < _EXACT):
        return values
    return [encode(v, refer, depth) for v in values]


def _less_plain(value: Any, kind: type, refer: Callable[[Any], Any], depth: int) -> Any:
    if kind in _AS_TEXT:
        return {"x": [_AS_TEXT[kind], str(value) if kind is not fractions.Fraction else f"{value}"]}
    if kind in (datetime.datetime, datetime.date, datetime.time) and getattr(value, "tzinfo", None) is None:
        return {"x": [kind.__name__, value.isoformat()]}
    if kind is datetime.timedelta:
        return {"x": ["timedelta", [value.days, value.seconds, value.microseconds]]}
    if kind in _NAMED_KINDS and value.__name__ in _NAMED and getattr(builtins, value.__name__) is value:
        return {"g": value.__name__}
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, (numpy.ndarray, numpy.generic)) and value.dtype.kind in "biufcSUM":
        return {"n": [value.dtype.str, encode(value.tolist(), refer, depth), isinstance(value, numpy.ndarray)]}
    for base, read in _BASES:
        if issubclass(kind, base):
            return encode(read(value), refer, depth)
    return refer(value)


_NAMED = frozenset(
    "abs all any bin bool bytes chr complex dict divmod float frozenset hash hex int len list max min oct ord pow "
    "range repr reversed round set sorted str sum tuple type".split()
)
"""Built-in functions that are values: an argument like `key=len`, a result like `int`."""
_NAMED_KINDS = (type, type(len))
_NUMPY_KIND = re.compile(r"[<>|=]?[biufcSUM]\d{0,3}(\[\w{1,3}\])?")
_AS_TEXT = {decimal.Decimal: "Decimal", fractions.Fraction: "Fraction"}
# Subclasses (bool-like integers, Counter, namedtuple) are read by their base's own methods, not by what they override.
_BASES: list[tuple[type, Callable[[Any], Any]]] = [
    (int, int.__int__),
    (float, float.__float__),
    (str, str.__str__),
    (collections.deque, list),
    (list, lambda v: list(list.__iter__(v))),
    (tuple, lambda v: tuple(tuple.__iter__(v))),
    (dict, lambda v: dict(dict.items(v))),
    (set, lambda v: set(set.__iter__(v))),
    (frozenset, lambda v: frozenset(frozenset.__iter__(v))),
    (type({}.keys()), set),
    (type({}.values()), list),
    (type({}.items()), set),
]


def decode(data: Any, resolve: Callable[[Any], Any]) -> Any:
    """The value of `encode`; references are what `resolve` makes of them. Raises anything for what is none."""
    if isinstance(data, list):
        if _NESTED.isdisjoint(map(type, data)):
            return data
        return [decode(v, resolve) for v in data]
    if not isinstance(data, dict):
        return data
    if len(data) != 1:
        raise ValueError("not an encoded value")
    ((tag, content),) = data.items()
    if tag == "t":
        return tuple(_listed(content, resolve))
    if tag == "d":
        return {decode(k, resolve): decode(v, resolve) for k, v in content}
    if tag in ("s", "z"):
        return (set if tag == "s" else frozenset)(_listed(content, resolve))
    if tag == "i":
        return int(content, 16)
    if tag == "b":
        return bytes.fromhex(content)
    if tag == "c":
        return complex(*content)
    if tag == "r":
        return range(*[decode(v, resolve) for v in content])
    if tag == "g" and content in _NAMED:
        return getattr(builtins, content)
    if tag == "x":
        return _from_text(*content)
    if tag == "n":
        return _array(content, resolve)
    if tag == "h":
        return resolve(content)
    raise ValueError("unknown tag")


def _listed(content: Any, resolve: Callable[[Any], Any]) -> list[Any]:
    if not isinstance(content, list):
        raise ValueError("not an encoded value")
    found: list[Any] = decode(content, resolve)
    return found


def _from_text(name: str, content: Any) -> Any:
    if name == "Decimal":
        return decimal.Decimal(content)
    if name == "Fraction":
        return fractions.Fraction(content)
    if name == "timedelta":
        return datetime.timedelta(*content)
    kinds: dict[str, Any] = {"datetime": datetime.datetime, "date": datetime.date, "time": datetime.time}
    return kinds[name].fromisoformat(content)


def _array(content: Any, resolve: Callable[[Any], Any]) -> Any:
    kind, data, is_array = content
    if not _NUMPY_KIND.fullmatch(kind):
        raise ValueError("no such kind of array")
    plain = decode(data, resolve)
    try:
        import numpy
    except ImportError:
        return plain
    array = numpy.array(plain, dtype=numpy.dtype(kind))
    return array if is_array else array[()]


_as_json = json.JSONEncoder(separators=(",", ":")).encode


class Channel:
    """Frames on a stream: four bytes of length, then JSON."""

    def __init__(self, read: int, write: int, most_bytes: int = MOST_BYTES, ahead: int = _CHUNK) -> None:
        """`ahead`: how much may be read at once, though it be of the next frame; 0 where others read on."""
        self._read = read
        self._write = write
        self._most = most_bytes
        self._ahead = ahead
        self._rest = b""

    def send(self, message: Any) -> None:
        """Raises `TooLarge` before anything is sent, `Gone` if nobody reads."""
        try:
            data = _as_json(message).encode("ascii")
        except RecursionError:
            raise TooLarge("nested too deep") from None
        if len(data) > self._most:
            raise TooLarge(f"{len(data)} bytes")
        frame = struct.pack(">I", len(data)) + data
        try:
            written = os.write(self._write, frame)
            while written < len(frame):
                written += os.write(self._write, memoryview(frame)[written:])
        except (BrokenPipeError, ConnectionResetError):
            raise Gone from None

    def receive(self, until_s: float | None = None) -> Any:
        """The next frame, at the latest at `until_s` of the monotonic clock; raises `Gone`, `Late` or `TooLarge`."""
        (size,) = struct.unpack(">I", self._take(4, until_s))
        if size > self._most:
            raise TooLarge(f"{size} bytes")
        return json.loads(self._take(size, until_s).decode("ascii"))

    def _take(self, size: int, until_s: float | None) -> bytes:
        have = len(self._rest)
        if have >= size:
            taken, self._rest = self._rest[:size], self._rest[size:]
            return taken
        parts = [self._rest]
        while have < size:
            if until_s is not None:
                rest_s = until_s - time.monotonic()
                if rest_s <= 0 or not select.select([self._read], [], [], rest_s)[0]:
                    raise Late
            try:
                part = os.read(self._read, max(self._ahead, size - have))
            except ConnectionResetError:
                part = b""
            if not part:
                raise Gone
            parts.append(part)
            have += len(part)
        whole = b"".join(parts)
        self._rest = whole[size:]
        return whole[:size]
