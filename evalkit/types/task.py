"""What is asked: tasks, prompts, items, models."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass, field

from evalkit.types.endpoint import EndpointSpec
from evalkit.types.errata import Errata
from evalkit.types.json import Json

RESERVED_FIELDS = frozenset(
    {"model", "messages", "stream", "stream_options", "n", "temperature", "top_p", "top_k", "seed", "stop"}
    | {"max_tokens", "max_completion_tokens"}
)
"""Body fields that have settings of their own: none of them may come in as a further field."""

LEAST_REPETITION = 64
"""A shorter window than this would end honest answers: a rule of dashes, a row of zeros."""


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
    omitted: Mapping[str, Json] = field(default_factory=dict)
    """What the task asks for and the user left to the endpoint, which refuses it: setting -> the task's value."""
    max_repetition: int | None = None
    """End an answer whose last so many characters only repeat themselves (`clients.repetition`); None never does."""

    @property
    def most_tokens(self) -> int:
        """What an answer may take, for planning until the first ones are there; a guess where nothing limits it."""
        return self.max_tokens or 8_192

    def asked_for(self) -> list[str]:
        """Names of the settings that an endpoint is to apply."""
        own = ("temperature", "top_p", "top_k", "max_tokens", "seed")
        stop = ["stop"] if self.stop else []
        return [name for name in own if getattr(self, name) is not None] + stop + sorted(self.extra)


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
    folder: str | None = None
    """Of the task file, where `path` is `json`: below the shipped tasks, else absolute. No part of the protocol."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The rows of which a field holds one of these days, both ends included."""

    field: str
    first: str
    """`2024-08-01`"""
    last: str

    def __str__(self) -> str:
        """`2024-08..2025-01` if both ends are those of months: one window has one name."""
        year, month, day = map(int, self.last.split("-"))
        if self.first.endswith("-01") and day == monthrange(year, month)[1]:
            return f"{self.first[:7]}..{self.last[:7]}"
        return f"{self.first}..{self.last}"


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
    """As in the task file; with a window `livecodebench:2024-08..2025-01`, so that no two windows are ever one task."""
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
    items_digest: str | None = None
    """What the items of the whole benchmark are known to be (`tasks.items.ItemsDigest`)."""
    errata: Errata | None = None
    """Corrections that golds are graded with; None grades against the golds as published."""
    where: str | None = None
    """Condition on a row and its `target`: a template that gives `True` for the rows that are items."""
    choices: str | tuple[str, ...] | FunctionRef | None = None
    """The options of a row (`doc_to_choice`): a field, a template giving a list, or a field or template per option."""
    shuffle: int | None = None
    """Seed of the order in which the options are shown; None keeps the data set's."""
    scorer_fields: Mapping[str, str | FunctionRef] = field(default_factory=dict)
    """What the scorer needs of a row besides its target: name in `Item.metadata` -> as `target`."""
    window: Window | None = None

    @property
    def base(self) -> str:
        """The name in the task file: what files and published numbers of the task are found by."""
        return self.name.partition(":")[0]


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
class SandboxChoice:
    """Where model-written code is run. Never stored: who grades says it, each time."""

    backend: str = "auto"
    """A name of `scoring.sandbox.backends.BACKENDS`; `auto` takes the strongest that works."""
    allow_unsafe: bool = False
    """Whether `none` is meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """Which model to ask, and where."""

    kind: str
    """Name in the client table: `openai`, `local`, ..."""
    name: str
    limit_parameter: str = "max_tokens"
    """Body field for the token limit; o-series models want `max_completion_tokens`."""
    options: Mapping[str, Json] = field(default_factory=dict)
    """Settings of the client kind, for example `gguf` of `local`."""
    endpoint: EndpointSpec = field(default_factory=EndpointSpec)
