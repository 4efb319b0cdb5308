"""The values that travel between layers: plain frozen dataclasses, standard library only.

Numbers carry their unit in the name (`latency_s`, `n_items`). Accuracies are fractions in [0, 1];
only the code that prints turns them into percent. `None` always means "not known", never zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Json = Any
"""Anything that survives a round trip through JSON."""


class Status(StrEnum):
    """What became of one sample. Only `SCORED` carries a value; the others are not zeros."""

    SCORED = "scored"
    UNPARSED = "unparsed"
    """The model finished, but no answer could be extracted."""
    TRUNCATED = "truncated"
    """The token limit or an unclosed reasoning trace came before an answer."""
    REFUSED = "refused"
    """The model or its content filter declined."""
    ERRORED = "errored"
    """The request or the grading failed: says nothing about the model."""


# --- tasks -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """Generation settings asked for. `None` leaves the endpoint its own default (and is recorded so)."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    extra: Mapping[str, Json] = field(default_factory=dict)
    """Further body fields, sent as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetSpec:
    """Where items come from: a hub dataset (or its local mirror) or a procedural generator."""

    path: str
    name: str | None = None
    split: str = "test"
    revision: str | None = None
    kwargs: Mapping[str, Json] = field(default_factory=dict)
    mirror: Mapping[str, str] = field(default_factory=dict)
    """Hub split -> file below the data folder; default `<task>/<split>.jsonl`."""
    fewshot_split: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionRef:
    """A `!function module.attr` of a task file: code of others, resolved only when a run needs it."""

    module: str
    attr: str
    folder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """How an item becomes messages. `source` is the full template text, so a run is self-contained."""

    name: str
    source: str
    digest: str
    system: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fewshot:
    """Solved examples shown before the question, as earlier user and assistant turns."""

    count: int = 0
    samples: tuple[Mapping[str, Json], ...] = ()
    """Rows written in the task file; else the first `count` rows of `DatasetSpec.fewshot_split`."""
    answer: str | FunctionRef | None = None
    """What the assistant says in an example (`fewshot_config.doc_to_target`); default the target."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSpec:
    """One task file, resolved: everything that defines its number except the model and the limits."""

    name: str
    version: str
    title: str
    tags: tuple[str, ...]
    dataset: DatasetSpec
    prompt: Prompt
    question: str | FunctionRef
    """Jinja template or function giving the question text of a row (`doc_to_text`)."""
    target: str | FunctionRef
    """Jinja template or function giving the target of a row (`doc_to_target`)."""
    scorer: str
    scorer_args: Mapping[str, Json]
    sampling: Sampling
    samples: int
    fewshot: Fewshot
    item_id: str | None
    """Row field that names an item; else a digest of the rendered item."""
    cluster: str | None
    process_docs: FunctionRef | None
    source_file: str
    margin: float = 0.02
    """Parity margin declared with the task (fraction); a board may declare another."""
    alpha: float = 0.05
    licence: str | None = None
    n_items: int | None = None
    """Documented size of the split; a run on another number says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One question with a stable id and its target."""

    id: str
    messages: tuple[tuple[str, str], ...]
    """(role, content) pairs, ready to send."""
    target: Json
    cluster: str | None = None
    metadata: Mapping[str, Json] = field(default_factory=dict)
    """What the scorer needs besides the target (for example a procedural entry)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """Which model to ask, and where. Holds the name of the key's variable, never the key."""

    kind: str
    """Name in the client table: `openai`, `local`, ..."""
    name: str
    base_url: str | None = None
    api_key_env: str | None = None
    stream: bool = True
    concurrency: int = 16
    limit_parameter: str = "max_tokens"
    """Body field for the token limit; o-series models want `max_completion_tokens`."""
    options: Mapping[str, Json] = field(default_factory=dict)
    """Settings of the client kind, for example `gguf` of `local`."""


# --- one sample ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One generation asked for."""

    messages: tuple[tuple[str, str], ...]
    sampling: Sampling
    task: str = ""
    item_id: str = ""
    sample: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Token counts as the endpoint reported them; `None` where it did not."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    reasoning_tokens: int | None = None
    reasoning_estimated: bool = False
    """True if `reasoning_tokens` is our estimate (share of characters), not the endpoint's count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a generation has no usable text."""

    kind: str
    """`http_<code>`, `connect`, `timeout`, `reset`, `protocol`, `endpoint`, ..."""
    message: str
    retryable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """What the endpoint returned for one request, with what was really sent."""

    answer: str = ""
    """Text after the reasoning: the only part that is graded."""
    reasoning: str = ""
    reasoning_closed: bool = True
    """False if a reasoning tag was opened and never closed: there is no answer then."""
    finish_reason: str | None = None
    usage: Usage = field(default_factory=Usage)
    ttft_s: float | None = None
    """Seconds from sending the request to the first token of any kind (streaming only)."""
    latency_s: float | None = None
    served_model: str | None = None
    fingerprint: str | None = None
    sent: Mapping[str, Json] = field(default_factory=dict)
    """Request body as sent, without the messages and without any secret."""
    attempts: int = 1
    failure: Failure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Grade of one generation."""

    status: Status
    value: float | None = None
    answer: str | None = None
    """The extracted answer, as graded."""
    step: str | None = None
    """Which extraction and comparison step decided, for example `boxed/math-verify`."""
    reason: str | None = None
    scorer: str = ""
    """`name@version` of the scorer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One row of the run directory."""

    task: str
    item_id: str
    sample: int
    generation: Generation
    score: Score | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardTask:
    """A task on a board, with the margin and alpha declared for it."""

    task: str
    margin: float | None = None
    alpha: float | None = None
    samples: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A leaderboard, and the suite that fills it."""

    name: str
    title: str
    tasks: tuple[BoardTask, ...]
    references: tuple[str, ...]
    """Reference models, in column order."""
    note: str = ""


# --- a run ---------------------------------------------------------------------------------------


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
    references: tuple[str, ...] = ()
    """Reference models declared before the run."""


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
    n_items: Mapping[str, int]
    endpoint: Mapping[str, Json]
    versions: Mapping[str, str]


# --- statistics ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A confidence interval."""

    low: float
    high: float
    level: float
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorBar:
    """One of the two uncertainties of an estimate.

    `kind` is `benchmark` (repeat the run on the same items) or `population` (questions like these).
    """

    kind: str
    se: float
    interval: Interval
    method: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A metric with its two error bars."""

    metric: str
    value: float
    n_items: int
    n_samples: int
    benchmark: ErrorBar
    population: ErrorBar


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskEstimate:
    """The headline estimate of a task and its two bounds.

    headline: the model's own failures (unparsed, truncated, refused) count as wrong, as published scores do;
              errored samples are left out, since they say nothing about the model.
    as_wrong: every sample without a score counts as wrong.
    excluded: every sample without a score is left out.
    """

    task: str
    headline: Estimate
    as_wrong: Estimate
    excluded: Estimate | None
    """None if not a single sample was scored."""
    secondary: Mapping[str, float]
    """Further metrics by name, for example `pass@4`, `maj@4`."""
    statuses: Mapping[str, int]
    samples_owed: int
    """Samples of the plan that are not stored yet."""


class Outcome(StrEnum):
    """Outcome of comparing an estimate with a reference or another run."""

    SUPERIOR = "superior"
    EQUIVALENT = "equivalent"
    NON_INFERIOR = "non_inferior"
    INFERIOR = "inferior"
    INCONCLUSIVE = "inconclusive"
    NOT_COMPARABLE = "not_comparable"


OUTCOME_LABELS: Mapping[Outcome, str] = {
    Outcome.SUPERIOR: "ahead",
    Outcome.EQUIVALENT: "parity",
    Outcome.NON_INFERIOR: "not behind",
    Outcome.INFERIOR: "behind",
    Outcome.INCONCLUSIVE: "inconclusive",
    Outcome.NOT_COMPARABLE: "not comparable",
}
"""The words on screen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Run minus reference, as a fraction, with the interval that the verdict is read from."""

    value: float
    se: float
    interval: Interval
    """Level 1 - 2 alpha: what two one-sided tests at alpha read."""
    kind: str
    """`benchmark` or `population`: which uncertainty it speaks about."""
    method: str
    assumptions: tuple[str, ...] = ()
    """What had to be assumed, for example `reference k unknown: counted as 1`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Outcome with the numbers that led there."""

    outcome: Outcome
    margin: float
    alpha: float
    difference: Difference | None
    p_lower: float | None
    """One-sided p of H0: difference <= -margin."""
    p_upper: float | None
    """One-sided p of H0: difference >= +margin."""
    sentence: str
    informal: bool = False
    notes: tuple[str, ...] = ()


# --- references ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """One published number with its protocol and source. `None` = the source does not state it."""

    id: str
    benchmark: str
    task: str | None
    """evalkit task that measures the same thing, if there is one."""
    model: str
    """Short name, for example `o1`, `deepseek-r1`."""
    model_title: str
    version: str | None
    variant: str | None = None
    """What is measured besides the benchmark: a window of contests, a reasoning effort, a subset."""
    metric: str
    """As the source calls it."""
    measures: str
    """`mean_accuracy`, `majority`, `pass_at_k`, or `other`: what the number estimates."""
    value: float
    """In `unit`; percent for accuracies."""
    unit: str
    n_items: int | None
    benchmark_items: int | None
    """Size of the benchmark, used where the record states no `n_items`."""
    samples: int | None
    samples_note: str | None
    temperature: float | None
    top_p: float | None
    max_tokens: int | None
    protocol: str | None
    prompt_digest: str | None = None
    """Digest of the exact prompt, where the number was made with one of evalkit's."""
    reported_by: str
    source: str
    tier: str
    date: str | None
    default: bool = False
    reason: str | None = None
    """Why this record is the default among several, or why it is kept beside it."""


class Severity(StrEnum):
    """How much a protocol difference spoils a comparison."""

    FATAL = "fatal"
    MAJOR = "major"
    MINOR = "minor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """One field in which the run's protocol and the reference's differ, or cannot be told apart."""

    field: str
    severity: Severity
    ours: Json
    theirs: Json
    note: str


# --- leaderboards ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One score on a board, with where it comes from. Scores in percent."""

    value: float
    se: float | None
    """Sampling standard error: measured for a run, assumed from n and k for a published number; None if unknown."""
    interval: tuple[float, float] | None
    """95 % interval of a repeat on the same items (measured cells only)."""
    population_interval: tuple[float, float] | None
    """95 % interval for questions like these (measured cells only)."""
    n_items: int | None
    samples: int | None
    """k; None if not stated."""
    date: str | None
    source: str
    """Where it was published, or `run <id>`."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaderboardRow:
    """One model: published (by others) or measured (by a run)."""

    model: str
    kind: str
    """`published` or `measured`."""
    cells: Mapping[str, Cell]
    """Task -> score; a task without a score is absent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaderboard:
    """A filled board."""

    board: str
    title: str
    tasks: tuple[str, ...]
    titles: Mapping[str, str]
    rows: tuple[LeaderboardRow, ...]
    note: str = ""
