r"""A client without a model: answers from a template, for dry runs and tests.

`--model fake:NAME` answers `\boxed{0}`; in Python, pass any function from request to text.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from evalkit.clients import reasoning
from evalkit.types import Generation, Json, ModelSpec, Request, Usage


class FakeClient:
    """Deterministic: the same request gives the same generation."""

    def __init__(self, spec: ModelSpec, reply: Callable[[Request], str] | None = None) -> None:
        self.name = spec.name
        text = str(spec.options.get("reply", r"<think>nothing to think about</think>\boxed{0}"))
        self._reply = reply or (lambda request: text)
        self._latency_s = float(spec.options.get("latency_s", 0.0))

    async def open(self) -> None:
        """Nothing to open."""

    async def close(self) -> None:
        """Nothing to close."""

    def describe(self) -> Mapping[str, Json]:
        """Says that there is no endpoint."""
        return {"base_url": None}

    async def generate(self, request: Request) -> Generation:
        """Answer at once, or after the `latency_s` of the model options."""
        await asyncio.sleep(self._latency_s)
        thought, answer, closed = reasoning.split(self._reply(request))
        n_prompt = sum(len(text) for _, text in request.messages) // 4
        return Generation(
            answer=answer,
            reasoning=thought,
            reasoning_closed=closed,
            finish_reason="stop",
            usage=Usage(prompt_tokens=n_prompt, completion_tokens=(len(thought) + len(answer)) // 4),
            served_model=self.name,
            latency_s=self._latency_s,
        )
