"""The options of a multiple-choice row: their texts, the order in which they are shown, the letter of the right one.

The right one may be given as an index counted from 0 (digits always are one, as in lm-eval), as a letter, or as the
text of exactly one option. A seed shuffles the options of each item by itself: the order depends on the seed and the
item's id, not on which other items there are, nor on the version of Python.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LETTER = re.compile(r"[(\[]?\s*([A-Za-z])\s*[)\].]?")


@dataclass(frozen=True, slots=True)
class Choices:
    """Options in the order shown."""

    texts: tuple[str, ...]
    right: str
    """Letter of the right one."""

    @property
    def shown(self) -> list[Mapping[str, str]]:
        """What prompts see as `choices`."""
        return [{"letter": a, "text": t} for a, t in zip(LETTERS, self.texts, strict=False)]

    def shuffled(self, seed: int, item: str) -> Choices:
        """The same options in the order that `seed` gives to `item`."""
        order = sorted(range(len(self.texts)), key=lambda i: hashlib.sha256(f"{seed}:{item}:{i}".encode()).digest())
        right = LETTERS[order.index(LETTERS.index(self.right))]
        return Choices(tuple(self.texts[i] for i in order), right)


def choices_of(texts: Sequence[Any], target: Any) -> Choices:
    """Options as the data set orders them; raises `ValueError` if `target` is none of them."""
    if not 2 <= len(texts) <= len(LETTERS):
        raise ValueError(f"{len(texts)} options: there must be 2 to {len(LETTERS)}")
    own = tuple(str(t).strip() for t in texts)
    return Choices(without_letters(own), LETTERS[_place(own, target)])


def _place(texts: Sequence[str], target: Any) -> int:
    given = str(target).strip()
    if given.isdecimal():
        if int(given) < len(texts):
            return int(given)
    else:
        letter = _LETTER.fullmatch(given)
        if letter is not None and letter[1].upper() in LETTERS[: len(texts)]:
            return LETTERS.index(letter[1].upper())
    for spelt in (texts, without_letters(texts)):
        if spelt.count(given) == 1:
            return spelt.index(given)
    raise ValueError(f"{given[:80]!r} is neither an index, nor a letter, nor the text of one of {len(texts)} options")


def without_letters(texts: Sequence[str]) -> tuple[str, ...]:
    """The texts of options that carry their own letters (`A)5`, `B)6`); others as they are."""
    marks = [re.match(rf"\s*[(\[]?{a}\s*[)\].:：、]\s*", t) for a, t in zip(LETTERS, texts, strict=False)]
    bare = tuple(t[m.end() :] for m, t in zip(marks, texts, strict=False) if m)
    return bare if len(bare) == len(texts) else tuple(texts)
