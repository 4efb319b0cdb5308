"""Where the shipped YAML and prompt files are: the checkout's top-level folders, or their copies in the wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_CHECKOUT = _PACKAGE.parent


def folder(name: str) -> Path:
    """Path of `tasks`, `prompts` or `leaderboards`."""
    in_wheel = _PACKAGE / "assets" / name
    return in_wheel if in_wheel.is_dir() else _CHECKOUT / name
