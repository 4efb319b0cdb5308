"""Leaderboard as JSON: `types.Leaderboard` as it is, so that it can be read back."""

from __future__ import annotations

from evalkit.codec import encode_pretty
from evalkit.types import Leaderboard


class JsonExporter:
    """`--format json`."""

    def render(self, table: Leaderboard) -> str:
        """The whole board."""
        return encode_pretty(table)
