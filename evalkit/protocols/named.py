"""Protocols by name: `leaderboards/protocols/<name>.yaml`, and how one is applied to a task.

    title: DeepSeek-R1 paper
    source: ...                 where its settings are stated
    date: '2025-01-23'
    note: ...
    sampling: {temperature: 0.6, top_p: 0.95, top_k: 20, max_tokens: 32768}
    not_sent: [temperature]     left to the endpoint, whatever the task says
    system_prompt: ''           empty: none is sent
    shots: 0
    prompts: {math: math/boxed, choice: choice/boxed}   by the area of the task's own prompt
    samples: {aime24: 64, '*': 4}
    guessed: {samples: why}     settings that the source does not state
    restated: {prompts: how}    settings that are not literally the source's

What a protocol leaves out stays as the task has it.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from evalkit import resources
from evalkit.codec import builtins, digest
from evalkit.errors import TaskError, UnknownName
from evalkit.protocols.fields import SENT
from evalkit.tasks.loader import prompt_source
from evalkit.types import Fewshot, NamedProtocol, Prompt, TaskSpec
from evalkit.yamlfile import Document, load

_KEYS = {
    "title", "source", "date", "note", "sampling", "not_sent", "system_prompt", "shots", "prompts", "samples",
    "guessed", "restated",
}  # fmt: skip
_RANGES: dict[str, tuple[type, float, float]] = {
    "temperature": (float, 0, 10),
    "top_p": (float, 0, 1),
    "top_k": (int, 1, 2**31),
    "max_tokens": (int, 1, 2**31),
}


def names() -> list[str]:
    """Names of all shipped protocols."""
    return sorted(p.stem for p in (resources.folder("leaderboards") / "protocols").glob("*.yaml"))


def find(name: str) -> NamedProtocol:
    """A protocol by name or path of a YAML file; raises `UnknownName` or `TaskError`."""
    own = name.endswith((".yaml", ".yml"))
    path = Path(name) if own else resources.folder("leaderboards") / "protocols" / f"{name}.yaml"
    if not path.is_file():
        raise UnknownName("protocol", name, names(), "protocols: " + ", ".join(names()))
    return _parse(load(path), path.stem)


def label(named: NamedProtocol) -> str:
    """`deepseek-r1@1a2b3c4d5e6f`: the name, and a digest of everything that it sets."""
    plain = builtins(named)
    settings = [plain[key] for key in (*SENT, "not_sent", "system_prompt", "shots", "prompts", "samples")]
    return f"{named.name}@{digest(settings)[7:19]}"


def apply(named: NamedProtocol | None, task: TaskSpec) -> TaskSpec:
    """The task under the protocol, or as it is without one.

    Raises `TaskError` if it cannot be applied: examples that the task does not have.
    """
    if named is None:
        return task
    given = {key: getattr(named, key) for key in SENT if getattr(named, key) is not None}
    left = {key: getattr(task.sampling, key) for key in named.not_sent if getattr(task.sampling, key) is not None}
    changed: dict[str, Any] = {**given, **dict.fromkeys(named.not_sent), "omitted": {**task.sampling.omitted, **left}}
    sampling = dataclasses.replace(task.sampling, **changed)
    return dataclasses.replace(
        task,
        sampling=sampling,
        prompt=_prompt(named, task),
        fewshot=task.fewshot if named.shots is None else _fewshot(named, task),
        samples=named.samples_of(task.base) or task.samples,
    )


def fault(named: NamedProtocol, field: str, message: str) -> TaskError:
    """An error that points into the protocol's file."""
    return TaskError(message, file=named.file, line=named.lines.get(field), field=field)


def _prompt(named: NamedProtocol, task: TaskSpec) -> Prompt:
    """The protocol's prompt for this kind of task; a task without a prompt file keeps its own words."""
    before = task.prompt
    area, _, _ = before.name.partition("/")
    name, source = before.name, before.source
    if area in named.prompts:
        name, beside = named.prompts[area], Path(named.file).parent
        description = source.removesuffix(prompt_source(before.name, beside)) if _is_shipped(before) else ""
        source = description + prompt_source(name, beside)
    system = before.system if named.system_prompt is None else named.system_prompt or None
    return Prompt(name=name, source=source, system=system, digest=digest([source, system]))


def _is_shipped(prompt: Prompt) -> bool:
    return (resources.folder("prompts") / f"{prompt.name}.jinja").is_file()


def _fewshot(named: NamedProtocol, task: TaskSpec) -> Fewshot:
    wanted = named.shots or 0
    if wanted > len(task.fewshot.samples) and task.dataset.fewshot_split is None:
        raise fault(
            named,
            "shots",
            f"{wanted} solved examples are wanted, and {task.name} has {len(task.fewshot.samples)} and names no split "
            "for more: give the task a fewshot_split, or leave it out of this protocol",
        )
    return dataclasses.replace(task.fewshot, count=wanted)


# --- reading ---------------------------------------------------------------------------------


def _parse(doc: Document, name: str) -> NamedProtocol:
    doc.check_keys(doc.data, _KEYS)
    for key in ("title", "source"):
        if not isinstance(doc.data.get(key), str):
            hint = ", where its settings are stated" if key == "source" else ""
            raise doc.error(key, f"missing: must be text{hint}")
    not_sent = doc.data.get("not_sent") or []
    if not isinstance(not_sent, list) or not all(key in SENT for key in not_sent):
        raise doc.error("not_sent", f"must be a list of {', '.join(SENT)}")
    sampling = _sampling(doc)
    if both := sorted(sampling.keys() & set(not_sent)):
        raise doc.error("not_sent", f"{both[0]} is given under sampling and not sent at once")
    prompts = _words(doc, "prompts")
    for area, prompt in prompts.items():
        try:
            prompt_source(prompt, Path(doc.file).parent)
        except TaskError as missing:
            raise doc.error(f"prompts.{area}", str(missing).rpartition(": ")[2]) from None
    return NamedProtocol(
        name=name,
        title=doc.data["title"],
        source=doc.data["source"],
        note=doc.text("note") or "",
        date=doc.text("date"),
        **{key: sampling.get(key) for key in SENT},
        not_sent=tuple(not_sent),
        system_prompt=doc.text("system_prompt"),
        shots=_whole(doc, "shots", doc.data["shots"], least=0) if "shots" in doc.data else None,
        prompts=prompts,
        samples=_samples(doc),
        guessed=_words(doc, "guessed"),
        restated=_words(doc, "restated"),
        file=doc.file,
        lines=doc.lines,
    )


def _sampling(doc: Document) -> dict[str, Any]:
    found = _mapping(doc, "sampling")
    doc.check_keys(found, set(SENT), "sampling.")
    for key, value in found.items():
        kind, low, high = _RANGES[key]
        number = isinstance(value, int if kind is int else (int, float)) and not isinstance(value, bool)
        if not number or not low <= value <= high:
            raise doc.error(f"sampling.{key}", f"must be a number between {low:g} and {high:g}, not {value!r}")
    return {key: _RANGES[key][0](value) for key, value in found.items()}


def _samples(doc: Document) -> dict[str, int]:
    return {str(task): _whole(doc, f"samples.{task}", k, least=1) for task, k in _mapping(doc, "samples").items()}


def _whole(doc: Document, field: str, value: Any, least: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise doc.error(field, f"must be a whole number of at least {least}, not {value!r}")
    return value


def _mapping(doc: Document, key: str) -> dict[str, Any]:
    value = doc.data.get(key) or {}
    if not isinstance(value, dict):
        raise doc.error(key, "must be a mapping")
    return value


def _words(doc: Document, key: str) -> dict[str, str]:
    found = _mapping(doc, key)
    for name, value in found.items():
        if not isinstance(value, str):
            raise doc.error(f"{key}.{name}", "must be text")
    return found
