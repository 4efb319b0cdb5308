"""One server of a model: what is known of it, and whether and when it may be sent another request."""

from __future__ import annotations

import dataclasses
import random

from evalkit.clients.http import UNAVAILABLE, HttpTransport
from evalkit.clients.limits import Concurrency, PerMinute
from evalkit.types import EndpointSpec

NEVER = float("inf")
BACKOFF_MAX_S = 60.0
GONE_AFTER = {
    **dict.fromkeys(UNAVAILABLE, 8),
    "connect": 3,
    **dict.fromkeys(("http_500", "protocol", "endpoint"), 24),
}
"""Failures in a row, without one answer, after which a server counts as gone. The last three may be a matter of one
request, so they use up its tries all the same; but what fails in everything is no request's fault."""
_PROBE_MAX_S = 30.0
_TELL_PAUSE_S = 1.0


class Server:
    """One address with what is known of it."""

    def __init__(self, transport: HttpTransport, spec: EndpointSpec) -> None:
        self.transport = transport
        self.concurrency = Concurrency(spec.concurrency)
        self.in_flight = 0
        self.gone_s: float | None = None
        """Since when it is taken out."""
        self.refusing_s: float | None = None
        """Since when it answers nothing but 429."""
        self.has_answered = False
        self.n_denied = 0
        self.last_words = ""
        """What its last failure said."""
        self._requests = PerMinute(spec.requests_per_minute)
        self._tokens = PerMinute(spec.tokens_per_minute)
        self._resumes_s = 0.0
        self._probing = False
        self._n_in_row = 0
        self._n_probes = 0
        self._n_refused = 0
        self._refused_s = 0.0

    @property
    def url(self) -> str:
        """Its address."""
        return self.transport.base_url

    def wait_s(self, now: float, n_tokens: float) -> float:
        """Seconds until it may be sent a request of so many tokens; infinite if only an answer can change that."""
        if self._probing or (self.gone_s is None and self.in_flight >= self.concurrency.limit):
            return NEVER
        wait = self._resumes_s - now
        return max(0.0, wait, self._requests.wait_s(now, 1), self._tokens.wait_s(now, n_tokens))

    def take(self, now: float, n_tokens: float) -> Ticket:
        """Count one more request as sent."""
        self.in_flight += 1
        probe = self.gone_s is not None
        self._probing |= probe
        self._requests.spend(now, 1)
        self.concurrency.sent(now, self.in_flight)
        return Ticket(self, now, probe, self._tokens.spend(now, n_tokens))

    def release(self, ticket: Ticket) -> None:
        """The request of this ticket ended, whichever way."""
        self.in_flight -= 1
        self._probing &= not ticket.probe

    def answered(self, ticket: Ticket, n_tokens: int) -> bool:
        """A request succeeded; whether the server is back by that."""
        self.has_answered = True
        self.refusing_s = None
        self._n_refused = self.n_denied = 0
        self.concurrency.done()
        if n_tokens:
            self._tokens.correct(ticket.entry, n_tokens)
        return self.is_there()

    def is_there(self) -> bool:
        """It said something that only a working server says; whether it is back by that."""
        was_gone, self.gone_s = self.gone_s is not None, None
        self._n_in_row = self._n_probes = 0
        return was_gone

    def not_used(self, ticket: Ticket) -> None:
        """A request failed: it spent no tokens that are known of."""
        self._tokens.correct(ticket.entry, 0)

    def pause(self, now: float, wait_s: float) -> bool:
        """Send nothing for so long; whether that is worth telling."""
        longer_s = now + wait_s - max(now, self._resumes_s)
        self._resumes_s = max(self._resumes_s, now + wait_s)
        return longer_s >= _TELL_PAUSE_S

    def refused(self, now: float, sent_s: float) -> float:
        """A request was answered 429; how long to wait where the server does not say. One burst counts once."""
        self.refusing_s = self.refusing_s or now
        if sent_s > self._refused_s:
            self._refused_s = now
            self._n_refused += 1
        return min(BACKOFF_MAX_S, 2.0 ** min(10, self._n_refused - 1)) * random.uniform(0.5, 1.0)

    def failed(self, now: float, kind: str) -> bool:
        """A request ended in a failure that speaks of the server; whether it is taken out by that."""
        self.concurrency.faulted()
        self._n_in_row += 1
        if self.gone_s is not None:
            self._n_probes += 1
            self._resumes_s = max(self._resumes_s, now + min(_PROBE_MAX_S, 2.0 ** min(self._n_probes, 5)))
            return False
        if self._n_in_row < GONE_AFTER[kind]:
            return False
        self.gone_s = now
        self._resumes_s = max(self._resumes_s, now + 1.0)
        return True


@dataclasses.dataclass(slots=True)
class Ticket:
    """The right to send one request to one server."""

    server: Server
    sent_s: float
    probe: bool
    entry: list[float]
