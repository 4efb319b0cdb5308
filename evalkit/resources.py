"""Where the shipped YAML and prompt files are: folders of the checkout, or their copies in the wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_CHECKOUT = _PACKAGE.parent
_ELSEWHERE = {"probes": "tests/cases/sandbox"}
"""Folders that are not at the top level of the checkout under their own name."""


def folder(name: str) -> Path:
    """Path of `tasks`, `prompts`, `leaderboards` or `probes`."""
    in_wheel = _PACKAGE / "assets" / name
    return in_wheel if in_wheel.is_dir() else _CHECKOUT / _ELSEWHERE.get(name, name)
