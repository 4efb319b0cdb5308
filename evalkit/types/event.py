"""What a client and the runner tell while they work: for the log and the progress display, never for a score."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class EventKind(StrEnum):
    """What happened."""

    CONCURRENCY = "concurrency"
    """More or fewer requests are sent at once; `value` is the new number over all endpoints."""
    PAUSE = "pause"
    """An endpoint asked to wait; `value` is how many seconds."""
    ENDPOINT = "endpoint"
    """An endpoint was taken out or is back."""
    RETRY = "retry"
    """One request failed and is tried again; `what` is the kind of failure. Frequent: counted, not logged."""

    ROUND = "round"
    """The next round of the task `what` leaves items out; `value` is how many samples are not asked for."""
    DECIDED = "decided"
    """The task `what` needs no further round; `value` is how many samples are not asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened."""

    kind: EventKind
    message: str
    what: str = ""
    value: float = 0.0
