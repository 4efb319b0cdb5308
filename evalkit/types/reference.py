"""What others published."""

from __future__ import annotations

from dataclasses import dataclass


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
    benchmark_note: str | None = None
    """What may be compared with what on this benchmark."""
    samples: int | None
    samples_note: str | None
    temperature: float | None
    top_p: float | None
    max_tokens: int | None
    protocol: str | None
    """What the source says of it beside the fields here, in words."""
    top_k: int | None = None
    shots: int | None = None
    """Solved examples in the prompt."""
    system_prompt: str | None = None
    """Its text; empty if the source says that none was sent."""
    scoring: str | None = None
    """How answers were extracted and graded, in words."""
    not_sent: tuple[str, ...] = ()
    """Settings of which the source says that they were left to the endpoint's default: `temperature`, `max_tokens`."""
    follows: str | None = None
    """Named protocol that comes nearest to how the number was made; it states nothing about the number itself."""
    per_item: str | None = None
    """File with the results item by item (`references.per_item`): below the shipped folder, or a path of its own."""
    per_item_note: str | None = None
    """Where these results come from, and who graded them by which rules."""
    prompt_digest: str | None = None
    """Digest of the exact prompt (`tasks.protocol.prompt_digest`), where the number was made with one of evalkit's."""
    exact: bool = False
    """A property of the items that no protocol changes and that has no noise, for example a chance level."""
    reported_by: str
    source: str
    tier: str
    date: str | None
    default: bool = False
    reason: str | None = None
    """Why this record is the default among several, or why it is kept beside it."""

    @property
    def size(self) -> int | None:
        """Number of items that the number is of: the record's own, else the benchmark's; None if unknown."""
        return self.n_items or self.benchmark_items
