"""Plain values."""

from __future__ import annotations

from typing import Any

Json = Any
"""Anything that survives a round trip through JSON."""
