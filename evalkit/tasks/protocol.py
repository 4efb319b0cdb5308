"""The protocol of a task: everything that defines its number, as one plain mapping with a digest."""

from __future__ import annotations

from collections.abc import Mapping

from evalkit.codec import builtins, digest
from evalkit.types import Json, TaskSpec


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
        "prompt_digest": task.prompt.digest,
        "system_prompt": task.prompt.system,
        "question": builtins(task.question),
        "target": builtins(task.target),
        "shots": task.fewshot.count,
        "fewshot_digest": digest(builtins(task.fewshot)),
        "sampling": builtins(task.sampling),
        "k": task.samples,
        "metric": f"avg@{task.samples}",
        "scorer": task.scorer,
        "scorer_args": builtins(task.scorer_args),
    }


def protocol_digest(fields: Mapping[str, Json]) -> str:
    """Digest of a protocol."""
    return digest(fields)
