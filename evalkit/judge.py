"""A model's opinion on the answers in which the scorer found nothing. Optional, and never part of a score.

The judged text comes from a model that may have learnt to flatter judges: it stands between marks that it cannot know,
the reply counts only if it is one of two words, and whatever else comes back is no opinion.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass

from evalkit import resources
from evalkit.codec import digest
from evalkit.contracts import Client
from evalkit.scoring.errata import Corrections
from evalkit.store import JUDGE, Key, RunStore
from evalkit.tasks.rendering import render
from evalkit.types import Generation, Item, Json, Request, Sampling, Score, Status

_PROMPT = "judge/answer.jinja"
_LAST_CHARS = 4_000
_SAMPLING = Sampling(temperature=0.0, max_tokens=8_192)
_VERDICT = re.compile(r"\W*(correct|incorrect)\W*", re.IGNORECASE)
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class _Question:
    key: Key
    request: Request


async def judge(store: RunStore, client: Client) -> tuple[int, dict[str, int]]:
    """Ask about every unparsed answer that this model has no opinion on yet.

    Returns how many opinions came, and how many requests failed, by kind; what failed is asked again by the next call.
    Raises `AuthError` or `EndpointError` when no further request can succeed; what is stored stays stored.
    """
    n = 0
    failed: dict[str, int] = {}

    async def ask(question: _Question) -> None:
        nonlocal n
        generation = await client.generate(question.request)
        if generation.failure is not None:
            failed[generation.failure.kind] = failed.get(generation.failure.kind, 0) + 1
            return
        store.opinions.put(question.key, JUDGE + client.name, _opinion(generation, JUDGE + client.name))
        n += 1

    questions = _questions(store, JUDGE + client.name)
    under_way: set[asyncio.Task[None]] = set()
    first = next(questions, None)
    try:
        if first is not None:
            await client.open(lambda event: None)
            under_way.add(asyncio.create_task(ask(first)))
        while under_way:
            while len(under_way) < client.capacity and (question := next(questions, None)) is not None:
                under_way.add(asyncio.create_task(ask(question)))
            done, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        await client.close()
        store.flush()
    return n, failed


def _questions(store: RunStore, grader: str) -> Iterator[_Question]:
    source = (resources.folder("prompts") / _PROMPT).read_text(encoding="utf-8").removesuffix("\n")
    for task in store.record.spec.tasks:
        corrections = Corrections(task.errata)
        for position, sample in store.opinions.missing(task.name, grader):
            key = task.name, position, sample
            item = store.item(task.name, position)
            text = _prompt(source, item, corrections.targets(item), store.generation(key))
            messages = (("user", text),)
            yield _Question(
                key, Request(messages=messages, sampling=_SAMPLING, task=task.name, item_id=item.id, sample=sample)
            )


def _prompt(source: str, item: Item, targets: tuple[Json, ...], generation: Generation) -> str:
    values = {
        "question": item.messages[-1][1] if item.messages else "",
        "target": " or ".join(str(target) for target in targets),
        "text": generation.answer[-_LAST_CHARS:],
    }
    mark = digest(values).removeprefix("sha256:")[:16]  # of the text itself, so that no text can hold its own
    return render(source, {**values, "mark": mark}, file=_PROMPT, field="text")


def _opinion(generation: Generation, grader: str) -> Score:
    reply = generation.answer.strip()
    verdict = _VERDICT.fullmatch(reply) if generation.reasoning_closed else None
    if verdict is None:
        return Score(status=Status.UNPARSED, answer=reply[:_SHOWN], reason="no verdict in one word", scorer=grader)
    right = verdict[1].lower() == "correct"
    return Score(status=Status.SCORED, value=float(right), answer=verdict[1].upper(), scorer=grader)
