"""The `regex` scorer: what a pattern finds in the answer equals a target.

The pattern comes from a task file and the text from a model, and together they may take for ever: matching runs in a
worker with a time limit. Patterns without special characters need none.
"""

from __future__ import annotations

import collections
import re
from collections.abc import Callable, Mapping

from evalkit.errors import UsageError
from evalkit.scoring.exact import FORM_ARGS, accepted, text_arg, text_form
from evalkit.scoring.grade import Extracted, Judged, NeedsWorker, grade
from evalkit.scoring.pool import JobFailed, WorkerPool
from evalkit.types import Generation, Item, Json, Score

_LIMIT_S = 2.0
_FLAGS = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL, "x": re.VERBOSE, "a": re.ASCII}
_KNOWN = ("pattern", "group", "flags", "separator", *FORM_ARGS)


class RegexScorer:
    """`scorer: regex`.

    `scorer_args`: `pattern`, whose last match counts; `group` (number or name; default the first group, else all that
    matched); `flags`, letters of `imsxa`; `separator`, `case`, `punctuation`, `articles`, `spaces`, `unicode` as in
    `exact`.
    """

    name = "regex"
    version = "1"

    def __init__(self, args: Mapping[str, Json]) -> None:
        unknown = ", ".join(sorted(set(args) - set(_KNOWN)))
        if unknown:
            raise UsageError(f"scorer regex: unknown scorer_args {unknown}; known: {', '.join(sorted(_KNOWN))}")
        pattern = text_arg(self.name, args, "pattern")
        if pattern is None:
            raise UsageError("scorer regex: pattern is missing in scorer_args")
        self._pattern, self._flags = pattern, _flags(args.get("flags", ""))
        self._group = _group(pattern, self._flags, args.get("group"))
        self._form, self._separator = text_form(self.name, args), text_arg(self.name, args, "separator")
        self._literal = re.escape(pattern) == pattern and not self._flags
        self._pool = WorkerPool(_LIMIT_S)

    def score(self, item: Item, generation: Generation) -> Score:
        """Grade one generation against `item.target`, or any of them if it is a list."""
        return self._grade(item, generation, self._search)

    def score_at_once(self, item: Item, generation: Generation) -> Score | None:
        """The same, unless it takes a search."""
        try:
            return self._grade(item, generation, _needs_worker)
        except NeedsWorker:
            return None

    def _grade(self, item: Item, generation: Generation, search: Callable[[str], str | None]) -> Score:
        failed: list[str] = []
        right = {self._form.of(t) for t in accepted(item.target, self._separator)}

        def extract(text: str) -> Extracted | None:
            if not text.strip():
                return None
            try:
                found = self._in_literal(text) if self._literal else search(text)
            except JobFailed as fault:
                failed.append(f"the pattern could not be matched: {fault}")
                return Extracted("", "regex")
            return None if found is None else Extracted(found, "regex")

        def judge(answer: str) -> Judged:
            return Judged(None, "text", failed[0]) if failed else Judged(float(self._form.of(answer) in right), "text")

        return grade(generation, extract, judge, f"{self.name}@{self.version}")

    def _in_literal(self, text: str) -> str | None:
        return self._pattern if self._pattern in text else None

    def _search(self, text: str) -> str | None:
        found: str | None = self._pool.run(last_match, self._pattern, int(self._flags), self._group, text)
        return found

    def close(self) -> None:
        """Stop the workers."""
        self._pool.close()


def last_match(pattern: str, flags: int, group: int | str, text: str) -> str | None:
    """The group of the last match that has it. Runs in a worker: it may take any time."""
    found = (m[group] for m in re.compile(pattern, flags).finditer(text))
    last = collections.deque((f for f in found if f is not None), maxlen=1)
    return last[0] if last else None


def _needs_worker(text: str) -> str | None:
    raise NeedsWorker


def _flags(given: Json) -> re.RegexFlag:
    if not isinstance(given, str) or set(given) - set(_FLAGS):
        raise UsageError(f"scorer regex: flags must be letters of {''.join(_FLAGS)}, not {given!r}")
    flags = re.RegexFlag(0)
    for letter in given:
        flags |= _FLAGS[letter]
    return flags


def _group(pattern: str, flags: re.RegexFlag, given: Json) -> int | str:
    try:
        compiled = re.compile(pattern, flags)
    except (re.error, RecursionError, OverflowError) as fault:
        raise UsageError(f"scorer regex: pattern is no regular expression: {fault}") from None
    if given is None:
        return min(1, compiled.groups)
    number = isinstance(given, int) and not isinstance(given, bool) and 0 <= given <= compiled.groups
    if not number and not (isinstance(given, str) and given in compiled.groupindex):
        raise UsageError(f"scorer regex: the pattern has no group {given!r}")
    group: int | str = given
    return group
