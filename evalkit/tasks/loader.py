"""One task file -> `TaskSpec`, or an error with file, line and field.

The keys are lm-eval's, with lm-eval's meaning, so that one file serves both tools; evalkit's own settings stand
under `metadata.evalkit`. lm-eval's grading keys are accepted and not used: evalkit grades by `metadata.evalkit.scorer`.
"""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Any

from evalkit import resources
from evalkit.codec import digest
from evalkit.errors import TaskError, nearest
from evalkit.tasks import sources, windows
from evalkit.tasks.rendering import template_problem
from evalkit.types import (
    LEAST_REPETITION,
    RESERVED_FIELDS,
    DatasetSpec,
    Fewshot,
    FunctionRef,
    Prompt,
    Sampling,
    TaskSpec,
    Window,
)
from evalkit.yamlfile import Document, load

USED_KEYS = {
    "include", "task", "tag", "dataset_path", "dataset_name", "dataset_kwargs", "training_split",
    "validation_split", "test_split", "fewshot_split", "fewshot_config", "num_fewshot", "process_docs", "doc_to_text",
    "doc_to_target", "doc_to_choice", "description", "output_type", "generation_kwargs", "repeats", "metadata",
}  # fmt: skip
LM_EVAL_ONLY_KEYS = {
    "task_alias", "metric_list", "filter_list", "should_decontaminate", "doc_to_decontamination_query",
    "target_delimiter", "fewshot_delimiter",
}  # fmt: skip
EVALKIT_KEYS = {
    "title", "prompt", "system_prompt", "scorer", "scorer_args", "item_id", "cluster", "mirror", "licence",
    "n_items", "items_digest", "margin", "alpha", "max_repetition", "shuffle", "where", "scorer_fields",
    "window",
}  # fmt: skip
SAMPLING_KEYS = ("until", "do_sample", "temperature", "top_p", "top_k", "max_gen_toks", "max_new_tokens", "max_tokens")
FEWSHOT_KEYS = {"sampler", "split", "samples", "doc_to_target"}
ITEM_METADATA = {"choices", "entry", "generator"}
"""What `tasks.items` itself gives to scorers."""
_MAX_INCLUDES = 8


def load_task(path: Path) -> TaskSpec:
    """Read one task file with its includes; raises `TaskError`."""
    doc = _with_includes(path, 0)
    doc.check_keys(doc.data, USED_KEYS | LM_EVAL_ONLY_KEYS)
    metadata = _mapping(doc, doc.data, "metadata")
    own = _mapping(doc, metadata, "evalkit", "metadata.")
    doc.check_keys(own, EVALKIT_KEYS, "metadata.evalkit.")
    if doc.data.get("output_type", "generate_until") != "generate_until":
        raise doc.error(
            "output_type", "only generate_until is supported: a reasoning model is graded on what it writes"
        )
    name = _text(doc, doc.data, "task")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}", name):
        raise doc.error("task", f"{name!r} is no name: use letters, digits and . _ + -")
    prefix = "metadata.evalkit."
    window = _window(doc, own)
    return TaskSpec(
        name=name if window is None else f"{name}:{window}",
        version=str(metadata.get("version", "0")),
        title=_text(doc, own, "title", prefix, default=name),
        tags=_tags(doc),
        dataset=_dataset(doc, own, path.parent),
        prompt=_prompt(doc, own, path),
        question=_template(doc, doc.data, "doc_to_text"),
        target=_template(doc, doc.data, "doc_to_target"),
        scorer=_text(doc, own, "scorer", prefix),
        scorer_args=_mapping(doc, own, "scorer_args", prefix),
        sampling=_sampling(doc, own),
        samples=_whole(doc, doc.data, "repeats", default=1, least=1),
        fewshot=_fewshot(doc),
        item_id=_text(doc, own, "item_id", prefix, default=None),
        cluster=_text(doc, own, "cluster", prefix, default=None),
        process_docs=_function(doc, "process_docs"),
        margin=_fraction(doc, own, "margin", 0.02),
        alpha=_fraction(doc, own, "alpha", 0.05, below=0.5),
        licence=_text(doc, own, "licence", prefix, default=None),
        n_items=_whole(doc, own, "n_items", prefix=prefix, default=None, least=1),
        items_digest=_text(doc, own, "items_digest", prefix, default=None),
        source_file=path.name,
        where=None if own.get("where") is None else str(_template(doc, own, "where", prefix)),
        choices=_choices(doc),
        shuffle=_shuffle(doc, own),
        scorer_fields=_scorer_fields(doc, own),
        window=window,
    )


def _with_includes(path: Path, depth: int) -> Document:
    doc = load(path)
    base = doc.data.pop("include", None)
    if base is None:
        return doc
    if not isinstance(base, str) or Path(base).is_absolute():
        raise doc.error("include", "must be a path relative to this file")
    if depth >= _MAX_INCLUDES:
        raise doc.error("include", f"more than {_MAX_INCLUDES} includes deep; is there a cycle?")
    target = path.parent / base
    if not target.is_file():
        raise doc.error("include", f"no such file: {base}")
    parent = _with_includes(target, depth + 1)
    return Document(doc.file, _merge(parent.data, doc.data), doc.lines)


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """lm-eval replaces top-level keys; `metadata` is merged so that a base can hold evalkit's shared settings."""
    merged = {**base, **over}
    if isinstance(base.get("metadata"), dict) and isinstance(over.get("metadata"), dict):
        first, second = base["metadata"], over["metadata"]
        merged["metadata"] = {**first, **second}
        if isinstance(first.get("evalkit"), dict) and isinstance(second.get("evalkit"), dict):
            merged["metadata"]["evalkit"] = {**first["evalkit"], **second["evalkit"]}
    return merged


def _tags(doc: Document) -> tuple[str, ...]:
    tag = doc.data.get("tag", [])
    tags = [tag] if isinstance(tag, str) else tag
    if not isinstance(tags, list) or not all(isinstance(t, str) for t in tags):
        raise doc.error("tag", "must be a name or a list of names")
    return tuple(tags)


def _dataset(doc: Document, own: dict[str, Any], beside: Path) -> DatasetSpec:
    split = next((doc.data[k] for k in ("test_split", "validation_split", "training_split") if doc.data.get(k)), None)
    path = _text(doc, doc.data, "dataset_path")
    if split is None and path != "reasoning_gym":
        raise doc.error("test_split", "missing: name the split to evaluate on")
    kwargs = _mapping(doc, doc.data, "dataset_kwargs")
    if path == "reasoning_gym" and not isinstance(kwargs.get("name"), str):
        raise doc.error("dataset_kwargs.name", "missing: the reasoning-gym family to generate")
    mirror = _mapping(doc, own, "mirror", "metadata.evalkit.")
    for key, value in mirror.items():
        if not isinstance(value, str) or Path(value).is_absolute() or ".." in Path(value).parts:
            raise doc.error(f"metadata.evalkit.mirror.{key}", "must be a path below the data folder")
    dataset = DatasetSpec(
        path=path,
        name=_text(doc, doc.data, "dataset_name", default=None),
        split=split or "test",
        revision=kwargs.pop("revision", None),
        kwargs=kwargs,
        mirror=mirror,
        fewshot_split=_text(doc, doc.data, "fewshot_split", default=None)
        or _text(doc, _mapping(doc, doc.data, "fewshot_config"), "split", "fewshot_config.", default=None),
        folder=sources.portable_folder(beside) if path == sources.JSON else None,
    )
    if path == sources.JSON:
        _check_files(doc, dataset)
    return dataset


def _check_files(doc: Document, dataset: DatasetSpec) -> None:
    """`data_files` names a file beside the task file for each split that is used."""
    doc.check_keys(dict(dataset.kwargs), {"data_files"}, "dataset_kwargs.")
    for split in filter(None, (dataset.split, dataset.fewshot_split)):
        try:
            sources.file_beside(dataset, split)
        except ValueError as fault:
            raise doc.error(f"dataset_kwargs.data_files.{split}", str(fault)) from None


def _prompt(doc: Document, own: dict[str, Any], path: Path) -> Prompt:
    name = _text(doc, own, "prompt", "metadata.evalkit.", default=None)
    system = _text(doc, own, "system_prompt", "metadata.evalkit.", default=None)
    description = _text(doc, doc.data, "description", default="")
    source = description + ("{{ question }}" if name is None else prompt_source(name, path.parent, doc))
    return Prompt(name=name or "plain", source=source, system=system, digest=digest([source, system]))


def prompt_source(name: str, beside: Path, doc: Document | None = None) -> str:
    """Text of a prompt file: below the task file's own `prompts/`, else the shipped ones; raises `TaskError`."""
    for root in (beside / "prompts", resources.folder("prompts")):
        file = root / f"{name}.jinja"
        if file.is_file() and file.resolve().is_relative_to(root.resolve()):
            return file.read_text(encoding="utf-8").removesuffix("\n")
    root = resources.folder("prompts")
    known = [str(p.relative_to(root).with_suffix("")) for p in root.rglob("*.jinja")]
    close = nearest(name, known)
    message = f"no prompt file {name}.jinja" + (f"; did you mean {', '.join(close)}?" if close else "")
    if doc is None:
        raise TaskError(message, file=str(beside))
    raise doc.error("metadata.evalkit.prompt", message)


def _sampling(doc: Document, own: dict[str, Any]) -> Sampling:
    kwargs = dict(_mapping(doc, doc.data, "generation_kwargs"))
    until = kwargs.pop("until", None)
    if until is None:
        raise doc.error("generation_kwargs.until", "write `until: []`: lm-eval's default cuts answers at a blank line")
    until = [until] if isinstance(until, str) else until
    limits = [kwargs.pop(k) for k in ("max_gen_toks", "max_new_tokens", "max_tokens") if k in kwargs]
    greedy = kwargs.pop("do_sample", None) is False
    temperature = kwargs.pop("temperature", None)
    extra = {k: v for k, v in kwargs.items() if k not in ("top_p", "top_k")}
    _check_extra(doc, extra)
    try:
        sampling = Sampling(
            temperature=0.0 if greedy else None if temperature is None else float(temperature),
            top_p=None if kwargs.get("top_p") is None else float(kwargs["top_p"]),
            top_k=None if kwargs.get("top_k") is None else int(kwargs["top_k"]),
            max_tokens=int(limits[0]) if limits else None,
            stop=tuple(str(s) for s in until),
            extra=extra,
            max_repetition=_whole(
                doc, own, "max_repetition", prefix="metadata.evalkit.", default=None, least=LEAST_REPETITION
            ),
        )
    except (TypeError, ValueError) as fault:
        raise doc.error("generation_kwargs", f"a value is not a number: {fault}") from None
    for field, value, low, high in (
        ("temperature", sampling.temperature, 0, 10),
        ("top_p", sampling.top_p, 0, 1),
        ("max_gen_toks", sampling.max_tokens, 1, 2**31),
    ):
        if value is not None and not low <= value <= high:
            raise doc.error(f"generation_kwargs.{field}", f"{value:g} is not between {low} and {high}")
    return sampling


def _check_extra(doc: Document, extra: dict[str, Any]) -> None:
    """Other fields are sent as they are, so a misspelt one of ours would be lost in silence."""
    for key in extra:
        close = difflib.get_close_matches(key, [*SAMPLING_KEYS], n=1, cutoff=0.8)
        if close:
            raise doc.error(f"generation_kwargs.{key}", f"unknown key; did you mean {close[0]!r}?")
        if key in RESERVED_FIELDS:
            raise doc.error(f"generation_kwargs.{key}", "is set by evalkit itself")


def _fewshot(doc: Document) -> Fewshot:
    config = _mapping(doc, doc.data, "fewshot_config")
    doc.check_keys(config, FEWSHOT_KEYS, "fewshot_config.")
    if config.get("sampler", "first_n") != "first_n":
        raise doc.error("fewshot_config.sampler", "only first_n is supported: examples must not change between runs")
    samples = config.get("samples", [])
    if not isinstance(samples, list) or not all(isinstance(s, dict) for s in samples):
        raise doc.error("fewshot_config.samples", "must be a list of rows")
    count = _whole(doc, doc.data, "num_fewshot", default=0, least=0)
    if count > len(samples) and not (doc.data.get("fewshot_split") or config.get("split")):
        raise doc.error("num_fewshot", f"{count} examples wanted; {len(samples)} samples and no fewshot_split given")
    answer = config.get("doc_to_target")
    if answer is not None and not isinstance(answer, (str, FunctionRef)):
        raise doc.error("fewshot_config.doc_to_target", "must be a template or a !function")
    return Fewshot(count=count, samples=tuple(samples), answer=answer)


def _mapping(doc: Document, data: dict[str, Any], key: str, prefix: str = "") -> dict[str, Any]:
    value = data.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise doc.error(prefix + key, "must be a mapping")
    return dict(value)


_REQUIRED: Any = object()


def _text(doc: Document, data: dict[str, Any], key: str, prefix: str = "", default: Any = _REQUIRED) -> Any:
    value = data.get(key)
    if value is None:
        if default is _REQUIRED:
            raise doc.error(prefix + key, "missing")
        return default
    if not isinstance(value, str):
        raise doc.error(prefix + key, f"must be text, not {type(value).__name__}")
    return value


def _template(doc: Document, data: dict[str, Any], key: str, prefix: str = "") -> str | FunctionRef:
    value = data.get(key)
    if isinstance(value, FunctionRef) and not prefix:
        return value
    text: str = _text(doc, data, key, prefix)
    problem = template_problem(text)
    if problem:
        raise doc.error(prefix + key, problem)
    return text


def _choices(doc: Document) -> str | tuple[str, ...] | FunctionRef | None:
    value = doc.data.get("doc_to_choice")
    if value is None or isinstance(value, FunctionRef):
        return value
    if isinstance(value, dict):
        value = list(value.values())
    options = [str(v) for v in value] if isinstance(value, list) else [value]
    if not all(isinstance(o, str) for o in options) or not options:
        raise doc.error(
            "doc_to_choice", "must be a field, a template that gives a list, or a list of fields or templates"
        )
    for problem in map(template_problem, options):
        if problem:
            raise doc.error("doc_to_choice", problem)
    return tuple(options) if isinstance(value, list) else str(value)


def _shuffle(doc: Document, own: dict[str, Any]) -> int | None:
    seed: int | None = _whole(doc, own, "shuffle", prefix="metadata.evalkit.", default=None, least=0)
    if seed is not None and doc.data.get("doc_to_choice") is None:
        raise doc.error("metadata.evalkit.shuffle", "there are no options to shuffle without doc_to_choice")
    return seed


def _scorer_fields(doc: Document, own: dict[str, Any]) -> dict[str, str | FunctionRef]:
    fields = _mapping(doc, own, "scorer_fields", "metadata.evalkit.")
    prefix = "metadata.evalkit.scorer_fields."
    for name, how in fields.items():
        if name in ITEM_METADATA:
            raise doc.error(prefix + name, f"{name!r} is set by evalkit itself; choose another name")
        if not isinstance(how, FunctionRef):
            _template(doc, fields, name, prefix)
    return fields


def _window(doc: Document, own: dict[str, Any]) -> Window | None:
    if own.get("window") is None:
        return None
    prefix = "metadata.evalkit.window."
    value = _mapping(doc, own, "window", "metadata.evalkit.")
    doc.check_keys(value, {"field", "default"}, prefix)
    try:
        return windows.read(_text(doc, value, "default", prefix), _text(doc, value, "field", prefix))
    except ValueError as fault:
        raise doc.error(prefix + "default", str(fault)) from None


def _function(doc: Document, key: str) -> FunctionRef | None:
    value = doc.data.get(key)
    if value is not None and not isinstance(value, FunctionRef):
        raise doc.error(key, "must be a !function")
    return value


def _whole(doc: Document, data: dict[str, Any], key: str, *, prefix: str = "", default: Any, least: int) -> Any:
    value = data.get(key)
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise doc.error(prefix + key, f"must be a whole number of at least {least}")
    return value


def _fraction(doc: Document, own: dict[str, Any], key: str, default: float, below: float = 1) -> float:
    value = own.get(key, default)
    if not isinstance(value, (int, float)) or not 0 < value < below:
        raise doc.error(f"metadata.evalkit.{key}", f"must be a fraction between 0 and {below:g}")
    return float(value)
