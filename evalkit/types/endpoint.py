"""Where, how fast and how patiently a model is asked: nothing here defines a number, so a resumed run may change it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """What a provider takes per million tokens, and when it said so."""

    input: float
    output: float
    """Reasoning included: providers bill it as output."""
    currency: str = "USD"
    date: str | None = None
    source: str | None = None

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float:
        """In `currency`; cached input counts in full, so this is an upper bound."""
        return (prompt_tokens * self.input + completion_tokens * self.output) / 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointSpec:
    """How to reach the servers of one model. Holds the name of the key's variable, never the key.

    Limits hold for each of the `base_urls`, which all serve the same model.
    """

    base_urls: tuple[str, ...] = ()
    api_key_env: str | None = None
    stream: bool = True
    concurrency: int | None = None
    """Requests in flight; None adapts it to the endpoint."""
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    connect_s: float = 10.0
    first_token_s: float = 3600.0
    """Without any sign of life before the first token: queues of busy servers are long. Where nothing is streamed, the
    whole answer must come within it."""
    idle_s: float = 600.0
    """Without any sign of life after the first token. There is no limit on an answer as a whole."""
    keep_alive: bool = True
    """Whether a connection is used again; some servers close one without saying so."""
    attempts: int = 6
    """Tries of one request before its sample is `errored`; refusals for being too fast and outages do not count."""
    backoff_s: float = 0.5
    """Before the second try; doubled for each further one."""
    patience_s: float = 900.0
    """How long a run waits for servers that worked before and are gone."""
    prices: Prices | None = None
