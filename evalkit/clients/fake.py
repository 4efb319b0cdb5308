r"""A client without a model: answers from a template, for dry runs and tests.

`--model fake:NAME` answers `\boxed{0}`; in Python, pass any function from request to text.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from evalkit.clients import reasoning
from evalkit.types import Event, Generation, Json, ModelSpec, Request, Usage

_CAPACITY = 16


class FakeClient:
    """Deterministic: the same request gives the same generation."""

    def __init__(self, spec: ModelSpec, reply: Callable[[Request], str] | None = None) -> None:
        self.name = spec.name
        text = str(spec.options.get("reply", r"<think>nothing to think about</think>\boxed{0}"))
        self._reply = reply or (lambda request: text)
        self._template = None if reply else text
        self._latency_s = float(spec.options.get("latency_s", 0.0))
        self.in_flight = 0
        self.capacity = spec.endpoint.concurrency or _CAPACITY

    async def open(self, report: Callable[[Event], None]) -> None:
        """Nothing to open, nothing to report."""

    async def close(self) -> None:
        """Nothing to close."""

    def describe(self) -> Mapping[str, Json]:
        """Says that there is no endpoint."""
        return {"base_urls": []}

    def identity(self) -> Mapping[str, Json]:
        """The template; a function has no name that would be the same in another process."""
        return {"reply": self._template, "function": None if self._template else id(self._reply)}

    async def generate(self, request: Request) -> Generation:
        """Answer at once, or after the `latency_s` of the model options."""
        self.in_flight += 1
        try:
            await asyncio.sleep(self._latency_s)
        finally:
            self.in_flight -= 1
        thought, answer, closed = reasoning.split(self._reply(request))
        n_prompt = sum(len(text) for _, text in request.messages) // 4
        return Generation(
            answer=answer,
            reasoning=thought,
            reasoning_closed=closed,
            finish_reason="stop",
            usage=Usage(prompt_tokens=n_prompt, completion_tokens=(len(thought) + len(answer)) // 4),
            served_model=self.name,
            dropped=tuple(request.sampling.asked_for()),
            latency_s=self._latency_s,
        )
