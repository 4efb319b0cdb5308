"""Golds that were published wrong, and what they should be."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Erratum:
    """The corrected gold of one item, and how to know the item again."""

    item: str | None = None
    """Its id; None if it is known by its text."""
    text: tuple[str, ...] = ()
    """Pieces that stand in its question in this order; spaces do not count."""
    published: str
    """The gold that is wrong. An item with any other gold is not corrected: it is another one, or already is."""
    targets: tuple[str, ...]
    """What is right instead; an answer needs to agree with one of them."""
    reason: str

    @property
    def name(self) -> str:
        """How to call it in a sentence."""
        return self.item if self.item is not None else f"{self.text[0]!r:.60}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Errata:
    """`leaderboards/errata/<task>.yaml`."""

    task: str
    source: str
    digest: str
    """Of everything that decides a score: items and targets, not the reasons."""
    items: tuple[Erratum, ...]
