"""What a run may spend, and what it has spent.

Cost and tokens hold for the whole run directory, earlier executions and answers that were replaced included; time holds
for one execution. Requests in flight are counted with the mean so far, so that a run ends about where its budget does
and not one round of long answers later. Answers from the cache cost nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from evalkit.errors import UsageError
from evalkit.types import Generation, Prices, Request

Spent = tuple[int, int, int]
"""Requests that were answered, their prompt tokens, their completion tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """None does not limit."""

    cost: float | None = None
    """In the currency of the prices."""
    tokens: int | None = None
    """Prompt and completion tokens."""
    time_s: float | None = None


class Spending:
    """Keeps count, from what was `spent` before; raises `UsageError` for a cost limit without prices."""

    def __init__(self, budget: Budget, prices: Prices | None, spent: Spent = (0, 0, 0)) -> None:
        if budget.cost is not None and prices is None:
            raise UsageError("--max-cost needs prices: give a --profile that has them")
        self._budget = budget
        self._prices = prices
        self._n_requests, self._prompt, self._completion = spent

    @property
    def tokens(self) -> int:
        """Spent so far; estimated from the text where an endpoint reports no usage."""
        return self._prompt + self._completion

    @property
    def cost(self) -> float | None:
        """Spent so far; None if there are no prices."""
        return None if self._prices is None else self._prices.cost(self._prompt, self._completion)

    @property
    def currency(self) -> str:
        """Of `cost`."""
        return self._prices.currency if self._prices else ""

    def add(self, request: Request, generation: Generation) -> Spent:
        """Count one more answer; returns what it adds."""
        if generation.failure is not None or generation.cached:
            return 0, 0, 0
        prompt = generation.usage.prompt_tokens
        if prompt is None:
            prompt = sum(len(text.encode("utf-8", "replace")) for _, text in request.messages) // 4
        added = 1, prompt, generation.n_tokens
        self._n_requests += 1
        self._prompt += prompt
        self._completion += generation.n_tokens
        return added

    def room(self, most_tokens: int) -> int:
        """How many requests may be in flight, at the mean so far; before there is one, each may need `most_tokens`."""
        rooms = [2**31]
        if self._budget.tokens is not None:
            each = self.tokens / self._n_requests if self._n_requests else most_tokens
            rooms.append(int((self._budget.tokens - self.tokens) / max(each, 1)))
        if self._budget.cost is not None and self._prices is not None:
            spent = self.cost or 0.0
            each = spent / self._n_requests if self._n_requests else self._prices.cost(0, most_tokens)
            rooms.append(int((self._budget.cost - spent) / each) if each else 2**31)
        return max(1, min(rooms))

    def reached(self, in_flight: int) -> str | None:
        """Why no further request may be sent, if so."""
        share = 1 + in_flight / self._n_requests if self._n_requests else 1.0
        if self._budget.tokens is not None and self.tokens * share >= self._budget.tokens:
            return f"the budget of {self._budget.tokens:,} tokens is used up ({self.tokens:,} so far)"
        if self._budget.cost is not None and (self.cost or 0.0) * share >= self._budget.cost:
            return f"the budget of {self._budget.cost:g} {self.currency} is used up ({self.cost or 0:.4g} so far)"
        return None

    def out_of_time(self, elapsed_s: float) -> str | None:
        """Why to stop at once, if so."""
        if self._budget.time_s is not None and elapsed_s >= self._budget.time_s:
            return f"the time of {self._budget.time_s:g} s is over"
        return None
