"""The values that travel between layers: plain frozen dataclasses, standard library only.

Numbers carry their unit in the name (`latency_s`, `n_items`). Accuracies are fractions in [0, 1];
only the code that prints turns them into percent. `None` always means "not known", never zero.
"""

from evalkit.types.endpoint import EndpointSpec, Prices
from evalkit.types.errata import Errata, Erratum
from evalkit.types.event import Event, EventKind
from evalkit.types.json import Json
from evalkit.types.leaderboard import Board, BoardTask, Cell, Leaderboard, LeaderboardRow
from evalkit.types.reference import Mismatch, Reference, Severity
from evalkit.types.run import Look, Rounds, RunRecord, RunSpec
from evalkit.types.sample import Failure, Generation, Request, Sample, Score, Status, Usage
from evalkit.types.statistics import (
    KIND_LABELS,
    OUTCOME_LABELS,
    Difference,
    ErrorBar,
    Estimate,
    Interval,
    ItemSpread,
    Outcome,
    Published,
    SuiteClaim,
    TaskEstimate,
    Verdict,
)
from evalkit.types.task import (
    LEAST_REPETITION,
    RESERVED_FIELDS,
    DatasetSpec,
    Fewshot,
    FunctionRef,
    Item,
    ModelSpec,
    Prompt,
    Sampling,
    TaskSpec,
)

__all__ = [
    "KIND_LABELS",
    "LEAST_REPETITION",
    "OUTCOME_LABELS",
    "RESERVED_FIELDS",
    "Board",
    "BoardTask",
    "Cell",
    "DatasetSpec",
    "Difference",
    "EndpointSpec",
    "Errata",
    "Erratum",
    "ErrorBar",
    "Estimate",
    "Event",
    "EventKind",
    "Failure",
    "Fewshot",
    "FunctionRef",
    "Generation",
    "Interval",
    "Item",
    "ItemSpread",
    "Json",
    "Leaderboard",
    "LeaderboardRow",
    "Look",
    "Mismatch",
    "ModelSpec",
    "Outcome",
    "Prices",
    "Prompt",
    "Published",
    "Reference",
    "Request",
    "Rounds",
    "RunRecord",
    "RunSpec",
    "Sample",
    "Sampling",
    "Score",
    "Severity",
    "Status",
    "SuiteClaim",
    "TaskEstimate",
    "TaskSpec",
    "Usage",
    "Verdict",
]
