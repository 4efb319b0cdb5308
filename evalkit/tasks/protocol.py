"""The protocol of a task: everything that defines its number, as one plain mapping with a digest."""

from __future__ import annotations

from collections.abc import Mapping

from evalkit.codec import builtins, digest
from evalkit.types import FunctionRef, Json, TaskSpec


def prompt_digest(task: TaskSpec) -> str:
    """Digest of everything that decides the messages of an item: templates, system prompt, examples."""
    shots = task.fewshot
    return digest(
        [
            task.prompt.source,
            task.prompt.system,
            _portable(task.question),
            [shots.count, builtins(shots.samples), _portable(shots.answer)],
            *_options(task).values(),
        ]
    )


def template_digest(task: TaskSpec) -> str:
    """Digest of the user's turn alone: the same for tasks that differ in system prompt or examples only."""
    return digest([task.prompt.source, _portable(task.question), *_options(task).values()])


def protocol(task: TaskSpec, *, data_digest: str | None, n_items: int) -> Mapping[str, Json]:
    """Fields that must agree before two numbers may be compared."""
    return {
        "task": f"{task.name}@{task.version}",
        "dataset": task.dataset.path,
        "dataset_config": task.dataset.name,
        "split": task.dataset.split,
        "revision": task.dataset.revision,
        "data_digest": data_digest,
        "dataset_kwargs": builtins(task.dataset.kwargs),
        "n_items": n_items,
        "prompt": task.prompt.name,
        "prompt_digest": prompt_digest(task),
        "target": _portable(task.target),
        "shots": task.fewshot.count,
        "sampling": builtins(task.sampling),
        "k": task.samples,
        "metric": f"avg@{task.samples}",
        "scorer": task.scorer,
        "scorer_args": builtins(task.scorer_args),
        **_options(task),
        **({} if task.where is None else {"where": task.where}),
        **({} if task.window is None else {"window": builtins(task.window)}),
        **({} if not task.scorer_fields else {"scorer_fields": scorer_fields(task)}),
    }


def scorer_fields(task: TaskSpec) -> Mapping[str, Json]:
    """What the scorer is given of a row besides the target, by name."""
    return {name: _portable(how) for name, how in task.scorer_fields.items()}


def _options(task: TaskSpec) -> Mapping[str, Json]:
    """Which options are shown in which order; nothing for other tasks, whose digests are older than these fields."""
    if task.choices is None:
        return {}
    choices = list(task.choices) if isinstance(task.choices, tuple) else _portable(task.choices)
    return {"choices": choices, "shuffle": task.shuffle}


def _portable(how: str | FunctionRef | None) -> str | None:
    """A function by its name: the folder it lies in differs from machine to machine."""
    return f"!function {how.module}.{how.attr}" if isinstance(how, FunctionRef) else how
