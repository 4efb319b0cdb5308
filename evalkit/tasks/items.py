"""Rows -> items: target, messages, stable ids."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evalkit.codec import digest
from evalkit.errors import DatasetError, TaskError
from evalkit.tasks import functions, sources, windows
from evalkit.tasks.choices import Choices, choices_of
from evalkit.tasks.rendering import render
from evalkit.types import FunctionRef, Item, TaskSpec

Turn = tuple[str, str]


class ItemsDigest:
    """Which items these are: a digest of the set of their ids and targets, made while they stream by.

    It does not depend on their order, on the prompt, or on whether they come from the hub or a mirror.
    """

    def __init__(self) -> None:
        self._sum = 0

    def watch(self, items: Iterator[Item]) -> Iterator[Item]:
        """The same items, taken note of."""
        for item in items:
            self._sum += int(digest([item.id, str(item.target)]).removeprefix("sha256:"), 16)
            yield item

    def __str__(self) -> str:
        return f"{self._sum % 2**128:032x}"


@dataclass(frozen=True, slots=True)
class ItemLoader:
    """Everything needed to turn a task into items."""

    data_dir: Path | None = None
    trusted: Sequence[Path] = field(default=())

    def items(self, task: TaskSpec, limit: int | None = None) -> Iterator[Item]:
        """Yield the first `limit` items in dataset order; raises `DatasetError` or `TaskError`."""
        rows = self._rows(task, limit if task.where is None and task.window is None else None)
        empty = True
        for item in itertools.islice(self.items_of(task, rows), limit):
            empty = False
            yield item
        if empty:
            inside = f" between {task.window.first} and {task.window.last}" if task.window else ""
            raise DatasetError(f"{task.name}: the dataset {task.dataset.path} gave no items{inside}")

    def items_of(self, task: TaskSpec, rows: Iterable[dict[str, Any]]) -> Iterator[Item]:
        """The items that rows are, in their order, without those that the task's window or `where` leaves out."""
        shots = self._shots(task)
        seen: dict[str, int] = {}
        for row in rows:
            if task.window is not None and not windows.holds(task, task.window, row):
                continue
            if task.where is None or self._selected(task, task.where, row):
                yield self._item(task, row, shots, seen)

    def data_digest(self, task: TaskSpec) -> str | None:
        """Identity of the task's data, for the protocol."""
        source = sources.pick(task.dataset, self.data_dir)
        return source.digest(task.dataset, task.base, task.dataset.split)

    def _rows(self, task: TaskSpec, limit: int | None) -> Iterator[dict[str, Any]]:
        source = sources.pick(task.dataset, self.data_dir)
        if task.process_docs is None:
            yield from source.rows(task.dataset, task.base, task.dataset.split, limit)
            return
        import datasets

        process = functions.resolve(task.process_docs, self.trusted)
        every = datasets.Dataset.from_list(list(source.rows(task.dataset, task.base, task.dataset.split, None)))
        for number, row in enumerate(process(every)):
            if limit is not None and number >= limit:
                return
            yield dict(row)

    def _shots(self, task: TaskSpec) -> list[Turn]:
        count = task.fewshot.count
        if count == 0:
            return []
        rows: list[dict[str, Any]] = [dict(r) for r in task.fewshot.samples[:count]]
        if len(rows) < count and task.dataset.fewshot_split:
            source = sources.pick(task.dataset, self.data_dir)
            rows = list(source.rows(task.dataset, task.base, task.dataset.fewshot_split, count))
        if len(rows) < count:
            raise DatasetError(f"{task.name}: {count} few-shot examples wanted, {len(rows)} found")
        turns: list[Turn] = []
        for row in rows:
            target = self._value(task, task.target, row, "doc_to_target")
            choices = self._choices(task, row, target, digest(row))
            turns.append(("user", self._user_text(task, row, choices)))
            target = choices.right if choices else target
            values = {**row, "target": target} | ({"choices": choices.shown} if choices else {})
            answer = task.fewshot.answer
            text = target if answer is None else self._value(task, answer, values, "fewshot_config.doc_to_target")
            turns.append(("assistant", str(text)))
        return turns

    def _item(self, task: TaskSpec, row: dict[str, Any], shots: list[Turn], seen: dict[str, int]) -> Item:
        target = self._value(task, task.target, row, "doc_to_target")
        name = self._item_id(task, row, target)
        seen[name] = seen.get(name, 0) + 1
        if seen[name] > 1:
            name = f"{name}#{seen[name]}"
        choices = self._choices(task, row, target, name)
        turns = [*shots, ("user", self._user_text(task, row, choices))]
        if task.prompt.system is not None:
            turns.insert(0, ("system", task.prompt.system))
        procedural = task.dataset.path == "reasoning_gym"
        metadata: dict[str, Any] = {"entry": row, "generator": task.dataset.kwargs} if procedural else {}
        for key, how in task.scorer_fields.items():
            metadata[key] = self._value(task, how, row, f"metadata.evalkit.scorer_fields.{key}")
        if choices is not None:
            # The order shown stays with the item, so that a run can be graded without the task or its data.
            metadata["choices"] = list(choices.texts)
            target = choices.right
        return Item(id=name, messages=tuple(turns), target=target, cluster=_cluster(task, row), metadata=metadata)

    def _selected(self, task: TaskSpec, where: str, row: dict[str, Any]) -> bool:
        field_name = "metadata.evalkit.where"
        target = self._value(task, task.target, row, "doc_to_target")
        answer = render(where, {**row, "target": str(target)}, file=task.source_file, field=field_name).strip()
        if answer not in ("True", "False"):
            raise TaskError(f"must give True or False, not {answer!r}", file=task.source_file, field=field_name)
        return answer == "True"

    def _user_text(self, task: TaskSpec, row: dict[str, Any], choices: Choices | None) -> str:
        question = self._value(task, task.question, row, "doc_to_text")
        values = {**row, "question": question} | ({"choices": choices.shown} if choices else {})
        return render(task.prompt.source, values, file=task.source_file, field="metadata.evalkit.prompt")

    def _value(self, task: TaskSpec, how: str | FunctionRef, row: dict[str, Any], field_name: str) -> Any:
        if isinstance(how, FunctionRef):
            return functions.resolve(how, self.trusted)(row)
        if how in row:
            return row[how]  # as in lm-eval, the bare name of a field stands for the field
        return render(how, row, file=task.source_file, field=field_name)

    def _choices(self, task: TaskSpec, row: dict[str, Any], target: Any, item: str) -> Choices | None:
        if task.choices is None:
            return None
        try:
            if isinstance(task.choices, tuple):
                texts = [self._value(task, c, row, "doc_to_choice") for c in task.choices]
            else:
                texts = self._value(task, task.choices, row, "doc_to_choice")
                texts = ast.literal_eval(texts) if isinstance(texts, str) else list(texts)
            choices = choices_of(texts, target)
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError) as fault:
            problem = f"item {item}: {fault}"
            raise TaskError(problem, file=task.source_file, field="doc_to_choice") from fault
        return choices if task.shuffle is None else choices.shuffled(task.shuffle, item)

    def _item_id(self, task: TaskSpec, row: dict[str, Any], target: Any) -> str:
        if task.item_id is None:
            question = self._value(task, task.question, row, "doc_to_text")
            return digest([question, target]).removeprefix("sha256:")[:16]
        if task.item_id not in row:
            raise TaskError(
                f"no field {task.item_id!r}; a row has: {', '.join(row)}",
                file=task.source_file,
                field="metadata.evalkit.item_id",
            )
        return str(row[task.item_id])


def _cluster(task: TaskSpec, row: dict[str, Any]) -> str | None:
    if task.cluster is None:
        return None
    if task.cluster not in row:
        raise TaskError(
            f"no field {task.cluster!r}; a row has: {', '.join(row)}",
            file=task.source_file,
            field="metadata.evalkit.cluster",
        )
    label = row[task.cluster]
    return None if label is None or label == "" else str(label)
