"""The extension contracts. Anything that fits one of these can be plugged in by name (see `registry`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, runtime_checkable

from evalkit.types import DatasetSpec, Event, Generation, Item, Json, Leaderboard, Look, Request, Score


class Client(Protocol):
    """One model behind one endpoint.

    `generate` returns a `Generation` for every request, with `failure` set when the sample is lost; it raises
    `AuthError` or `EndpointError` only when no further request can succeed. It must be safe to call concurrently.
    """

    name: str
    """Model name as shown in tables."""

    @property
    def capacity(self) -> int:
        """How many calls of `generate` are useful at once; may change with every one that returns."""

    @property
    def in_flight(self) -> int:
        """How many requests are under way at the endpoint, as against waiting for their turn."""

    async def open(self, report: Callable[[Event], None]) -> None:
        """Acquire connections and check that the endpoint answers; raises `EndpointError`.

        `report` hears of what changes while the client works.
        """

    async def generate(self, request: Request) -> Generation:
        """Generate one sample."""

    async def close(self) -> None:
        """Release everything; safe to call twice."""

    def describe(self) -> Mapping[str, Json]:
        """What run.json keeps about the endpoint. Never contains a secret."""

    def identity(self) -> Mapping[str, Json]:
        """What the model's answers depend on beside the request: two clients that agree in it may share answers."""


class Scorer(Protocol):
    """Grades finished generations. Runs in the calling process; slow work goes to `scoring.pool`."""

    name: str
    version: str

    def score(self, item: Item, generation: Generation) -> Score:
        """Grade the answer text only; never raises for any text a model can write."""

    def score_at_once(self, item: Item, generation: Generation) -> Score | None:
        """What `score` would say, if that takes no more than a moment; None if it takes a worker."""

    def close(self) -> None:
        """Stop workers."""


@runtime_checkable
class GradesAnswers(Protocol):
    """What a scorer may also do: grade an answer that stands alone."""

    def grade_answer(self, item: Item, answer: str) -> Score:
        """Grade a bare answer. It may itself hold a box, dollar signs, a unit or words; prose is not searched."""


@runtime_checkable
class Explains(Protocol):
    """What a scorer may also do: tell how it came to a score."""

    def explain(self, item: Item, generation: Generation, bare: bool = False) -> list[tuple[str, str]]:
        """(step, outcome) of everything that was tried, in order; `bare` if the text is the answer and nothing else."""


@runtime_checkable
class RunsCode(Protocol):
    """What a scorer also does that runs what models write; it is made with the arguments and a `SandboxChoice`."""

    runs_code: bool

    def require(self) -> None:
        """Raises `SandboxUnavailable` where that cannot be done safely."""

    def lacking(self, item: Item) -> str | None:
        """What an item needs to be graded that is not there, in words."""


class StoppingRule(Protocol):
    """Says which rounds of a task are wanted, and of which items. Called from another thread than the runner's."""

    def look(self, task: str, n_complete: int) -> Look:
        """What follows from the first `n_complete` rounds, which are graded; at most once for each number of rounds."""

    def resting(self, task: str) -> Mapping[int, frozenset[int]]:
        """Round -> positions of the items that it leaves out, as far as what is stored settles that."""


class ItemSource(Protocol):
    """Gives the rows of a dataset."""

    def rows(self, spec: DatasetSpec, task: str, split: str, limit: int | None) -> Iterator[dict[str, Any]]:
        """Yield rows in dataset order; raises `DatasetError`."""

    def digest(self, spec: DatasetSpec, task: str, split: str) -> str | None:
        """Identity of the data that `rows` reads, or None if the source has none."""


class Exporter(Protocol):
    """Writes a leaderboard in one format."""

    def render(self, table: Leaderboard) -> str:
        """Return the whole file as text."""
