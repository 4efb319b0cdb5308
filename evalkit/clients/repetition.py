"""Ends a generation that only repeats itself: exact period search on the last characters.

A generation is a runaway if its last `window` characters have a period of at most a quarter of that: one piece of
text, at least four times over and nothing else. It is looked for at fixed places of the text (every quarter of the
window), so that the verdict does not depend on how an endpoint cuts its stream, or whether it streams at all.
"""

from __future__ import annotations

FINISH_REASON = "repetition"
"""What a generation ended here carries as its finish reason."""


def period(text: str, longest: int) -> int | None:
    """The smallest p <= `longest` (at most half the text) with text[i] == text[i + p] everywhere, if there is one.

    The first place where the text without its last `longest` characters occurs again is the only candidate: a larger
    period beside it would make their greatest common divisor one, too (Fine and Wilf 1965).
    """
    if not 0 < longest <= len(text) // 2:
        return None
    found = text.find(text[: len(text) - longest], 1)
    return found if found > 0 and text.startswith(text[found:]) else None


class RepetitionDetector:
    """Fed with a generation piece by piece."""

    __slots__ = ("_n_seen", "_next", "_step", "_tail", "_window")

    def __init__(self, window: int) -> None:
        self._window = window
        self._step = window // 4
        self._tail = ""
        self._n_seen = 0
        self._next = window

    def feed(self, text: str) -> int | None:
        """None to go on; else how many characters of `text` belong to the generation that ends here."""
        used = 0
        while self._n_seen + len(text) - used >= self._next:
            upto = used + self._next - self._n_seen
            self._take(text[used:upto])
            used = upto
            self._next += self._step
            if period(self._tail, self._step) is not None:
                return used
        self._take(text[used:])
        return None

    def _take(self, text: str) -> None:
        self._tail = (self._tail + text)[-self._window :]
        self._n_seen += len(text)
