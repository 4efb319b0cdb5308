"""What a run, a published number and a named protocol state of themselves, field by field of `fields.FIELDS`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from evalkit import references
from evalkit.codec import builtins, digest
from evalkit.protocols.fields import DEFAULT, SENT
from evalkit.tasks.protocol import prompt_digest, protocol, scorer_fields, template_digest
from evalkit.types import Json, ModelSpec, NamedProtocol, Reference, RunRecord, TaskSpec

RUN, REFERENCE, NAMED = "run", "reference", "protocol"
MEAN = "mean accuracy"
_MEASURES = {"mean_accuracy": MEAN, "majority": "majority vote", "pass_at_k": "pass@k"}
_DATE = re.compile(r"(?:(20\d\d)[-.]?)?(?<!\d)(0[1-9]|1[0-2])[-.]?([0-2]\d|3[01])(?!\d)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """Which items a run has, and how many of them have a sample yet."""

    digest: str
    n_stored: int
    n_asked: int
    n_corrected: int
    """Those that were graded against a corrected gold."""

    @classmethod
    def of_benchmark(cls, task: TaskSpec, n_corrected: int = 0) -> Items:
        """All items of a benchmark, as its task file pins them."""
        n = task.n_items or 0
        return cls(digest=task.items_digest or "", n_stored=n, n_asked=n, n_corrected=n_corrected)

    @classmethod
    def of_record(cls, record: RunRecord, task: str) -> Items:
        """The items of a run once each of them has a sample."""
        n = record.n_items[task]
        return cls(digest=record.items_digests[task], n_stored=n, n_asked=n, n_corrected=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One side of a comparison of protocols."""

    kind: str
    """`run`, `reference` or `protocol`."""
    values: Mapping[str, Json]
    """Field -> value; a field that is not stated is absent."""
    words: Mapping[str, str] = field(default_factory=dict)
    """Field -> how it is shown, where the value itself says little."""
    model: str | None = None
    """Short name of the reference model, as far as it is known to be one."""
    endpoint: str | None = None
    """Digest of where the model was asked: two sides that agree in it have the same hidden defaults."""
    exact: bool = False
    """A number that no protocol changes."""

    @property
    def prompt_is_whole(self) -> bool:
        """Whether what is known of the prompt takes in the system prompt and the examples."""
        return self.kind != NAMED and "prompt" in self.values

    def shown(self, name: str) -> Json:
        """A field as a person reads it; None if not stated."""
        return self.words.get(name, self.values.get(name))


def of_task(
    task: TaskSpec,
    *,
    items: Items | None = None,
    model: ModelSpec | None = None,
    known_as: str | None = None,
    kind: str = RUN,
) -> Side:
    """A task as a run asks it; `items` and `model` if there is a run, `known_as`: its name among the references."""
    whole = protocol(task, data_digest=None, n_items=0)
    sampling = task.sampling
    settings: dict[str, Json] = {name: getattr(sampling, name) for name in SENT}
    values: dict[str, Json] = {
        "benchmark": task.base,
        "variant": str(task.window or ""),
        "metric": MEAN,
        "unit": "%",
        "dataset": [task.dataset.path, task.dataset.name, task.dataset.split, task.where],
        "revision": task.dataset.revision or "latest",
        "dataset_kwargs": builtins(task.dataset.kwargs),
        "prompt": prompt_digest(task),
        "template": template_digest(task),
        "system_prompt": task.prompt.system or "",
        "shots": task.fewshot.count,
        "choices": whole.get("choices", ""),
        "shuffle": "as in the data" if task.shuffle is None else f"by seed {task.shuffle}",
        **{name: DEFAULT if value is None else value for name, value in settings.items()},
        "stop": list(sampling.stop),
        "extra": builtins(sampling.extra),
        "max_repetition": sampling.max_repetition or "never",
        "target": whole["target"],
        "scorer": task.scorer,
        "scorer_args": builtins(task.scorer_args),
        "scorer_fields": scorer_fields(task),
        "k": task.samples,
        "effort": _effort_sent(sampling.extra),
    }
    n_items = items.n_asked if items else task.n_items
    if n_items is not None:
        values["items"] = n_items
    words = {
        "prompt": f"{task.prompt.name} ({str(values['prompt'])[7:15]})",
        "system_prompt": task.prompt.system or "none",
        "dataset": " ".join(filter(None, (task.dataset.path, task.dataset.name, task.dataset.split, task.where))),
    }
    if model is not None and (snapshot := snapshot_of(model.name)):
        values["snapshot"] = snapshot
    place = None if model is None else digest([model.kind, model.name, model.endpoint.base_urls, model.options])
    return Side(kind=kind, values=values, words=words, model=known_as, endpoint=place)


def of_reference(reference: Reference) -> Side:
    """A published number: only what its record states."""
    variant, effort = references.split_variant(reference.variant)
    values: dict[str, Json] = {
        "benchmark": reference.task or reference.id.partition("/")[0],
        "variant": variant,
        "metric": _MEASURES.get(reference.measures, reference.metric),
        "unit": reference.unit,
    }
    stated: dict[str, Json] = {
        "items": reference.size,
        "prompt": reference.prompt_digest,
        "system_prompt": reference.system_prompt,
        "shots": reference.shots,
        "scorer": reference.scoring,
        "k": reference.samples,
        "effort": effort,
        "snapshot": snapshot_of(reference.version or ""),
        **{name: getattr(reference, name) for name in SENT},
    }
    values |= {name: value for name, value in stated.items() if value is not None}
    values |= dict.fromkeys(reference.not_sent, DEFAULT)
    words = {"system_prompt": reference.system_prompt or "none"} if reference.system_prompt is not None else {}
    if reference.prompt_digest is not None:
        words["prompt"] = reference.prompt_digest[7:15]
    if reference.samples_note and reference.samples is None:
        words["k"] = reference.samples_note
    return Side(kind=REFERENCE, values=values, words=words, model=reference.model, exact=reference.exact)


def of_named(named: NamedProtocol) -> Side:
    """A named protocol by itself: only what it sets. With a task it is that task under the protocol, `of_task`."""
    settings: dict[str, Json] = {
        **{name: getattr(named, name) for name in SENT},
        "system_prompt": named.system_prompt,
        "shots": named.shots,
        "k": dict(named.samples) or None,
        "prompt": dict(named.prompts) or None,
    }
    values = {name: value for name, value in settings.items() if value is not None}
    values |= dict.fromkeys(named.not_sent, DEFAULT)
    words = {"system_prompt": named.system_prompt or "none"} if named.system_prompt is not None else {}
    return Side(kind=NAMED, values=values, words=words)


def snapshot_of(name: str) -> str | None:
    """`2024-12-17` or `12-17`: the date in a model's name or version, which says which of its snapshots it is."""
    found = _DATE.search(name)
    return None if found is None else "-".join(part for part in found.groups() if part)


def _effort_sent(extra: Mapping[str, Json]) -> Json:
    nested = extra.get("reasoning")
    inner = nested.get("effort") if isinstance(nested, Mapping) else None
    return extra.get("reasoning_effort") or inner or DEFAULT
