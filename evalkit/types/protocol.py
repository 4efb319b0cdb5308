"""Protocols by name, and what differs between two of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from evalkit.types.json import Json

EVERY_TASK = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedProtocol:
    """Settings that reproduce how somebody's numbers were made. `None` keeps what the task says."""

    name: str
    title: str
    source: str
    note: str
    date: str | None
    temperature: float | None
    top_p: float | None
    top_k: int | None
    max_tokens: int | None
    not_sent: tuple[str, ...]
    """Settings that are left to the endpoint's default, whatever the task says."""
    system_prompt: str | None
    """Empty: none is sent."""
    shots: int | None
    prompts: Mapping[str, str]
    """Area of a task's own prompt (`math`, `choice`) -> prompt file that takes its place."""
    samples: Mapping[str, int]
    """Task -> k; `*` for all others."""
    guessed: Mapping[str, str]
    """Setting -> why it is a guess: the source does not state it."""
    restated: Mapping[str, str]
    """Setting -> in what it is not literally the source's."""
    file: str
    lines: Mapping[str, int] = field(default_factory=dict, compare=False)
    """Dotted field -> line of the file, for messages."""

    def samples_of(self, task: str) -> int | None:
        """k of a task, if the protocol says one."""
        return self.samples.get(task, self.samples.get(EVERY_TASK))


class Severity(StrEnum):
    """How much a protocol difference spoils a comparison."""

    FATAL = "fatal"
    MAJOR = "major"
    MINOR = "minor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """One field in which two protocols differ, or cannot be told apart since a side does not state it (None)."""

    field: str
    severity: Severity
    ours: Json
    theirs: Json
    note: str
    unstated: bool = False
    """At least one side does not state it: unknown, which is not the same as equal."""
