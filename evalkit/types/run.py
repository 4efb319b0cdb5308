"""What was asked for as a whole, and how much of it was needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from evalkit.types.json import Json
from evalkit.types.reference import Reference
from evalkit.types.task import ModelSpec, TaskSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec:
    """Everything that defines a run. Two runs with equal specs ask for the same samples."""

    tasks: tuple[TaskSpec, ...]
    model: ModelSpec
    limit: int | None = None
    """First items of each task; None for all."""
    seed: int | None = None
    """Sample j is sent with `seed + j`; None sends no seed."""
    board: str | None = None
    protocol: str | None = None
    """Named protocol that was applied, with its digest; what came of it, and of further options, is in the tasks."""
    references: tuple[str, ...] = ()
    """Reference models declared before the run."""
    until_decided: bool = False
    """Ask for no further round of a task whose verdict is decided; `TaskSpec.samples` is then the most rounds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """`run.json`: the spec with what it resolved to."""

    schema: int
    id: str
    created: str
    """UTC, ISO 8601."""
    spec: RunSpec
    spec_digest: str
    protocol_digests: Mapping[str, str]
    """Task -> digest of its protocol."""
    data_digests: Mapping[str, str | None]
    items_digests: Mapping[str, str]
    """Task -> digest of the ids and targets of its items, in any order."""
    n_items: Mapping[str, int]
    endpoint: Mapping[str, Json]
    versions: Mapping[str, str]
    references: tuple[Reference, ...] = ()
    """The published numbers that the run declared, as they stood in the registry when it was made."""
    left_out: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Task -> items that were not asked, since they could not have been graded -> why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a stopping rule says of a task after a number of rounds."""

    wanted: int
    """Rounds that are wanted: the most there may be as long as the task is undecided, else those that decided it."""
    resting: Mapping[int, frozenset[int]]
    """Round -> positions of the items that it leaves out; for the next two rounds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounds:
    """How many rounds (one sample of every item that is asked) a task of a run took that ends when it is decided."""

    complete: int
    """First rounds of which every sample is graded."""
    most: int
    decided_after: int | None
    """None if it is not decided."""

    @property
    def wanted(self) -> int:
        """Rounds that are asked for."""
        return self.most if self.decided_after is None else self.decided_after

    @property
    def counted(self) -> int:
        """Rounds that the estimate is made of."""
        return self.complete if self.decided_after is None else self.decided_after

    @property
    def in_words(self) -> str:
        if self.decided_after is not None:
            return f"decided after {self.decided_after} of at most {self.most} rounds"
        return f"not decided after {self.complete} of at most {self.most} rounds"
