"""What the user asked for -> a run directory with its items, ready to be filled."""

from __future__ import annotations

import dataclasses
import itertools
import platform
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from evalkit import __version__, errata, references
from evalkit.codec import builtins, digest
from evalkit.errors import UsageError
from evalkit.protocols import named
from evalkit.store import SCHEMA, RunStore
from evalkit.tasks.items import ItemLoader, ItemsDigest
from evalkit.tasks.protocol import protocol
from evalkit.types import RESERVED_FIELDS, Item, Json, ModelSpec, NamedProtocol, Reference, RunRecord, RunSpec, TaskSpec

OMITTABLE = ("temperature", "top_p", "max_tokens")
_RECORDED_PACKAGES = ("datasets", "lm-eval", "math-verify", "numpy", "reasoning-gym", "sympy", "xllamacpp")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """Protocol settings given on the command line; None keeps the task's."""

    samples: int | None = None
    margin: float | None = None
    """Parity margin (fraction)."""
    alpha: float | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    max_repetition: int | None = None
    extra: Mapping[str, Json] = dataclasses.field(default_factory=dict)
    omit: frozenset[str] = frozenset()
    """Fields to leave to the endpoint, for models that refuse them."""

    def apply(self, task: TaskSpec) -> TaskSpec:
        """The task with these settings."""
        given = {k: getattr(self, k) for k in (*OMITTABLE, "max_repetition")}
        reserved = sorted(RESERVED_FIELDS & self.extra.keys())
        if reserved:
            raise UsageError(f"--extra {reserved[0]}: evalkit sets this itself; see evalkit run --help")
        both = sorted(k for k in self.omit if given[k] is not None)
        if both:
            raise UsageError(f"{', '.join(both)}: given and omitted at once")
        omitted = {k: getattr(task.sampling, k) for k in self.omit if getattr(task.sampling, k) is not None}
        sampling = dataclasses.replace(
            task.sampling,
            omitted={**task.sampling.omitted, **omitted},
            extra={**task.sampling.extra, **self.extra},
            **{k: v for k, v in given.items() if v is not None or k in self.omit},
        )
        return dataclasses.replace(
            task,
            sampling=sampling,
            samples=self.samples or task.samples,
            margin=self.margin or task.margin,
            alpha=self.alpha or task.alpha,
        )


def require_accepted(
    tasks: Sequence[TaskSpec], model: ModelSpec, refused: Sequence[str], protocol: NamedProtocol | None
) -> None:
    """Raises `TaskError` or `UsageError` for a setting that the model is known to refuse, before anything is asked."""
    for task in tasks:
        for name in refused:
            value = getattr(task.sampling, name)
            if value is None:
                continue
            message = (
                f"{model.kind}:{model.name} refuses {name} ({value:g} is asked for). Leave it to the endpoint with "
                f"{' '.join(f'--omit {other}' for other in refused)}, which is recorded and makes verdicts informal, "
                "or take a protocol that sends none, such as openai-simple-evals"
            )
            if protocol is not None and getattr(protocol, name) == value:
                raise named.fault(protocol, f"sampling.{name}", message)
            raise UsageError(f"{task.name}: {message}")


def create_run(
    spec: RunSpec,
    folder: Path,
    loader: ItemLoader,
    endpoint: Mapping[str, Json],
    run_id: str | None = None,
    obstacle: Callable[[str, Item], str | None] = lambda task, item: None,
) -> RunStore:
    """Load the items and make the run directory; raises `DatasetError`, `TaskError` or `StoreError`.

    Items for which there is an `obstacle` to grading are left out: nobody need answer them. The record names them.
    """
    if len({t.name for t in spec.tasks}) != len(spec.tasks):
        raise UsageError("a task is named twice")
    run_id = run_id or new_id(spec, folder)
    created = datetime.now(UTC).isoformat(timespec="seconds")

    def describe(n_items: Mapping[str, int]) -> RunRecord:
        for name in (name for name, n in n_items.items() if not n):
            why = next(iter(left_out[name].values()), "there is none")
            raise UsageError(f"{name}: no item can be graded here: {why}")
        data = {t.name: loader.data_digest(t) for t in spec.tasks}
        return RunRecord(
            schema=SCHEMA,
            id=run_id,
            created=created,
            spec=spec,
            spec_digest=spec_digest(spec),
            protocol_digests=_protocol_digests(spec, data, n_items),
            data_digests=data,
            items_digests={name: str(seen) for name, seen in watched.items()},
            n_items=n_items,
            endpoint=endpoint,
            versions=_versions(),
            references=_declared(spec),
            left_out={name: found for name, found in left_out.items() if found},
        )

    watched = {t.name: ItemsDigest() for t in spec.tasks}
    left_out: dict[str, dict[str, str]] = {t.name: {} for t in spec.tasks}

    def gradable(task: str, items: Iterator[Item]) -> Iterator[Item]:
        for item in items:
            if why := obstacle(task, item):
                left_out[task][item.id] = why
            else:
                yield item

    items = {t.name: watched[t.name].watch(_begun(gradable(t.name, loader.items(t, spec.limit)))) for t in spec.tasks}
    return RunStore.create(folder / run_id, items, describe)


def _declared(spec: RunSpec) -> tuple[Reference, ...]:
    """The records of the declared models: a run is compared with what was published when it was made."""
    refs = references.load_references() if spec.references else []
    found = (references.default(refs, model, task.name) for task in spec.tasks for model in spec.references)
    return tuple(ref for ref in found if ref is not None)


def extend_run(store: RunStore, loader: ItemLoader, *, samples: int | None, limit: int | None) -> None:
    """Ask for more samples of each item, or for more items; what is stored stays.

    Raises `UsageError` if that would be less than before, if the data are no longer those of the run, or for a run that
    ends when it is decided.
    """
    record = store.record
    if record.spec.until_decided:
        raise UsageError(
            "--extend: this run ends when it is decided, and its error rates hold for the items and the most rounds "
            "that it declared; start a new run for more"
        )
    tasks = tuple(dataclasses.replace(t, samples=samples or t.samples) for t in record.spec.tasks)
    fewer = [t.name for t, before in zip(tasks, record.spec.tasks, strict=True) if t.samples < before.samples]
    if fewer or (limit is not None and limit < (record.spec.limit or max(record.n_items.values()))):
        raise UsageError("--extend asks for more: --samples and --limit may only grow")
    spec = dataclasses.replace(record.spec, tasks=tasks, limit=limit or record.spec.limit)
    further: dict[str, list[Item]] = {}
    digests = dict(record.items_digests)
    for task in tasks if limit is not None else ():
        seen = ItemsDigest()
        items = seen.watch(loader.items(task, limit))
        for position, (name, _) in enumerate(store.item_names(task.name)):
            found = next(items, None)
            if found is None or found.id != name:
                raise UsageError(f"{task.name}: item {position} of the run is {name}, of the data {found and found.id}")
        further[task.name] = list(items)
        digests[task.name] = str(seen)
    n_items = {name: n + len(further.get(name, ())) for name, n in record.n_items.items()}
    extended = dataclasses.replace(
        record,
        spec=spec,
        spec_digest=spec_digest(spec),
        protocol_digests=_protocol_digests(spec, record.data_digests, n_items),
        items_digests=digests,
        n_items=n_items,
    )
    store.extend(extended, further)


def with_errata(spec: RunSpec, on: bool) -> RunSpec:
    """The same run with the corrections known now, or without any."""
    tasks = (errata.corrected(task) if on else dataclasses.replace(task, errata=None) for task in spec.tasks)
    return dataclasses.replace(spec, tasks=tuple(tasks))


def use_errata(store: RunStore, on: bool) -> list[str]:
    """Grade with the corrections known now, or against the golds as published; names the tasks for which this is new.

    Their samples are to be graded again; opinions of other graders are forgotten.
    """
    record = store.record
    spec = with_errata(record.spec, on)
    changed = [t.name for t, before in zip(spec.tasks, record.spec.tasks, strict=True) if t.errata != before.errata]
    if changed:
        for name in changed:
            store.opinions.clear(name)
        store.replace_record(
            dataclasses.replace(
                record,
                spec=spec,
                spec_digest=spec_digest(spec),
                protocol_digests=_protocol_digests(spec, record.data_digests, record.n_items),
            )
        )
    return changed


def _begun(items: Iterator[Item]) -> Iterator[Item]:
    """The same items; what is wrong with the first of them is found before anything is written."""
    first = next(items, None)
    return iter(()) if first is None else itertools.chain([first], items)


def _protocol_digests(spec: RunSpec, data: Mapping[str, str | None], n_items: Mapping[str, int]) -> dict[str, str]:
    found = {}
    for task in spec.tasks:
        fields = protocol(task, data_digest=data[task.name], n_items=n_items[task.name])
        found[task.name] = digest({**fields, "errata": task.errata.digest} if task.errata else fields)
    return found


def new_id(spec: RunSpec, folder: Path) -> str:
    """`<UTC time>-<suite or tasks>-<model>`, unique in `folder`."""
    what = spec.board or "+".join(t.name for t in spec.tasks[:3])
    stem = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{what}-{spec.model.name}"
    stem = re.sub(r"[^A-Za-z0-9.+_-]+", "-", stem)[:120]
    name, number = stem, 2
    while (folder / name).exists():
        name, number = f"{stem}-{number}", number + 1
    return name


def spec_digest(spec: RunSpec) -> str:
    """Of everything but where and how the model is asked, which may change."""
    plain = builtins(spec)
    plain["model"].pop("endpoint")
    return digest(plain)


def changed_fields(before: RunSpec, after: RunSpec) -> list[str]:
    """Dotted names of the fields in which two specs differ, apart from where and how fast the model is asked."""
    old, new = builtins(before), builtins(after)
    for spec in (old, new):
        spec["model"].pop("endpoint")
        spec["tasks"] = {task["name"]: task for task in spec["tasks"]}
    return list(_differences(old, new, ""))


def _differences(old: Json, new: Json, path: str) -> Sequence[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        found: list[str] = []
        for key in sorted(old.keys() | new.keys()):
            found += _differences(old.get(key), new.get(key), f"{path}.{key}" if path else key)
        return found
    return [] if old == new else [path]


def _versions() -> dict[str, str]:
    found = {"evalkit": __version__, "python": platform.python_version(), "platform": platform.platform()}
    for package in _RECORDED_PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
