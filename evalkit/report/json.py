"""Leaderboard as JSON: `types.Leaderboard` as it is, and back."""

from __future__ import annotations

import msgspec

from evalkit.codec import convert, decode, encode_pretty
from evalkit.errors import UsageError
from evalkit.types import Leaderboard


class JsonExporter:
    """`--format json`."""

    def render(self, table: Leaderboard) -> str:
        """The whole board."""
        return encode_pretty(table)


def from_json(text: str | bytes) -> Leaderboard:
    """The board that `JsonExporter` wrote: equal to the one it was given. Raises `UsageError` naming what is wrong."""
    try:
        return convert(decode(text), Leaderboard)
    except (msgspec.MsgspecError, UnicodeDecodeError) as fault:
        hint = "write one with: evalkit leaderboard --board NAME --format json"
        raise UsageError(f"not a board in JSON: {fault} ({hint})") from fault
