"""The stated table: which fields make a protocol, and how much it matters if they differ or are not stated.

`fatal`: another thing was measured, and no verdict is given. `major`: the verdict is informal. `minor`: it is reported,
and enters the uncertainty if it is k. Not stated is never taken for equal.
"""

from __future__ import annotations

from dataclasses import dataclass

from evalkit.types import Severity

FATAL, MAJOR, MINOR = Severity.FATAL, Severity.MAJOR, Severity.MINOR
DEFAULT = "the endpoint's default"
"""Stands for a setting that was not sent: what it amounts to depends on the server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a protocol."""

    name: str
    words: str
    """As in "another ...", "the ... is not stated"."""
    differs: Severity
    unstated: Severity | None
    """If a side does not state it; None: not reported, since another field or the task settles it."""
    same_model: bool = False
    """Only compared between numbers of one model: else it is what tells the models apart."""


_TABLE: tuple[tuple[str, str, Severity, Severity | None], ...] = (
    ("benchmark", "benchmark", FATAL, FATAL),
    ("variant", "window or subset", FATAL, None),
    ("metric", "metric", FATAL, FATAL),
    ("unit", "unit", FATAL, FATAL),
    ("items", "number of items", FATAL, MAJOR),
    ("item_set", "set of items", MAJOR, None),
    ("errata", "set of corrected golds", MAJOR, None),
    ("dataset", "dataset", MAJOR, None),
    ("revision", "dataset revision", MINOR, None),
    ("dataset_kwargs", "generator setting", MAJOR, None),
    ("prompt", "prompt", MAJOR, MAJOR),
    ("system_prompt", "system prompt", MAJOR, MAJOR),
    ("shots", "number of solved examples", MAJOR, MAJOR),
    ("choices", "list of options", MAJOR, None),
    ("shuffle", "order of the options", MAJOR, None),
    ("temperature", "temperature", MAJOR, MAJOR),
    ("top_p", "top_p", MAJOR, MAJOR),
    ("top_k", "top_k", MAJOR, MINOR),
    ("max_tokens", "token limit", MAJOR, MAJOR),
    ("stop", "stop sequence", MAJOR, MINOR),
    ("extra", "further fields", MAJOR, MINOR),
    ("max_repetition", "rule for answers that repeat themselves", MAJOR, MINOR),
    ("target", "gold answer", MAJOR, None),
    ("scorer", "way of grading", MAJOR, MINOR),
    ("scorer_args", "setting of the scorer", MAJOR, None),
    ("scorer_fields", "set of fields for the scorer", MAJOR, None),
    ("k", "k", MINOR, MINOR),
)
FIELDS: tuple[Field, ...] = (
    *(Field(name=name, words=words, differs=d, unstated=u) for name, words, d, u in _TABLE[:7]),
    Field(name="snapshot", words="snapshot of the model", differs=MAJOR, unstated=MINOR, same_model=True),
    Field(name="effort", words="reasoning effort", differs=MAJOR, unstated=MAJOR, same_model=True),
    *(Field(name=name, words=words, differs=d, unstated=u) for name, words, d, u in _TABLE[7:]),
)
SENT = ("temperature", "top_p", "top_k", "max_tokens")
"""Settings that an endpoint fills in if they are not sent."""
