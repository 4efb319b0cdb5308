"""The `json` scorer: the last complete JSON object or array of a text equals the target; keys may come in any order."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from evalkit.errors import UsageError
from evalkit.scoring.grade import Extracted, Judged, grade
from evalkit.scoring.numeric import close, tolerance
from evalkit.types import Generation, Item, Json, Score

_MAX_WORK = 2_000_000
"""Characters that may be read in vain, in a text full of brackets that close nowhere."""
_OPENING = re.compile(r"\{\s{0,99}[\"}]|\[\s{0,99}[\[{\"\-\dtfn\]]")
_MAX_SHOWN = 2_000


class JsonScorer:
    """`scorer: json`.

    `scorer_args`: `relative` and `absolute` are tolerances for numbers (0: equal values); `keys: [a, b]` compares only
    these keys of an object. The target is an object or array, or its JSON text.
    """

    name = "json"
    version = "1"

    def __init__(self, args: Mapping[str, Json]) -> None:
        unknown = ", ".join(sorted(set(args) - {"relative", "absolute", "keys"}))
        if unknown:
            raise UsageError(f"scorer json: unknown scorer_args {unknown}; known: absolute, keys, relative")
        self._relative = tolerance(self.name, args, "relative")
        self._absolute = tolerance(self.name, args, "absolute")
        self._keys = args.get("keys")
        if self._keys is not None and not (
            isinstance(self._keys, (list, tuple)) and self._keys and all(isinstance(k, str) for k in self._keys)
        ):
            raise UsageError(f"scorer json: keys must be a list of names, not {self._keys!r}")

    def score(self, item: Item, generation: Generation) -> Score:
        """Grade one generation against `item.target`."""
        found: list[Any] = []

        def extract(text: str) -> Extracted | None:
            value = last_value(text)
            if value is None:
                return None
            found.append(value)
            return Extracted(json.dumps(value, ensure_ascii=False)[:_MAX_SHOWN], "json")

        return grade(generation, extract, lambda _: self._judge(item.target, found[-1]), f"{self.name}@{self.version}")

    def score_at_once(self, item: Item, generation: Generation) -> Score | None:
        """The same: nothing here takes long."""
        return self.score(item, generation)

    def close(self) -> None:
        """Nothing to stop."""

    def _judge(self, target: Json, value: Any) -> Judged:
        if isinstance(target, str):
            try:
                target = json.loads(target)
            except ValueError as fault:
                return Judged(None, "value", f"the target is not JSON: {fault}")
        if self._keys is not None:
            target, value = self._chosen(target), self._chosen(value)
        return Judged(float(self._equal(target, value)), "value")

    def _chosen(self, value: Any) -> Any:
        return {k: value[k] for k in self._keys or () if k in value} if isinstance(value, Mapping) else value

    def _equal(self, wanted: Any, given: Any) -> bool:
        if isinstance(wanted, Mapping) and isinstance(given, Mapping):
            return wanted.keys() == given.keys() and all(self._equal(v, given[k]) for k, v in wanted.items())
        if isinstance(wanted, (list, tuple)) and isinstance(given, (list, tuple)):
            return len(wanted) == len(given) and all(map(self._equal, wanted, given))
        if _is_number(wanted) and _is_number(given):
            return close(Fraction(wanted), Fraction(given), self._relative, self._absolute)
        return type(wanted) is type(given) and bool(wanted == given)


def last_value(text: str) -> Any:
    """The last object or array that is complete, bare or in a code fence; None if there is none."""
    decoder = json.JSONDecoder(parse_constant=_refuse)
    found: Any = None
    text = text.rstrip()
    place, work = 0, 0
    while work < _MAX_WORK:
        start = _OPENING.search(text, place)
        if start is None:
            break
        place = start.start()
        try:
            found, place = decoder.raw_decode(text, place)
        except json.JSONDecodeError as fault:
            if fault.pos >= len(text) or fault.msg.startswith("Unterminated"):
                break  # it was cut off: what stands inside is no answer of its own
            work += 1 + max(0, fault.pos - place) + place // 100  # the error counts all lines before it
            place += 1
        except (ValueError, RecursionError):
            work += 1_000 + place // 100
            place += 1
    return found


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
