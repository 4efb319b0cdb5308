"""One server of a model: what is known of it, and whether and when it may be sent another request."""

from __future__ import annotations

import asyncio
import dataclasses
import random

from evalkit.clients.http import HttpTransport
from evalkit.clients.limits import Concurrency, PerMinute
from evalkit.types import EndpointSpec

NEVER = float("inf")
BACKOFF_MAX_S = 60.0
_BROKEN_AFTER = 16
"""So many different requests failing in a row, without one answer, are the server's fault, though it can be reached."""
_PROBE_MAX_S = 30.0
_TELL_PAUSE_S = 1.0


class Server:
    """One address with what is known of it.

    It is *gone* while it cannot be reached, or is reached and fails in everything (*broken*). One that is gone gets no
    requests; one that is broken gets one at a time, ever more rarely, since only a request can tell that it is well.
    """

    def __init__(self, transport: HttpTransport, spec: EndpointSpec) -> None:
        self.transport = transport
        self.concurrency = Concurrency(spec.concurrency)
        self.in_flight = 0
        self.gone_s: float | None = None
        """Since when it is gone."""
        self.refusing_s: float | None = None
        """Since when it answers nothing but 429."""
        self.n_denied = 0
        self.last_answer_s: float | None = None
        """When it last delivered a token or an answer."""
        self.last_words = ""
        """What its last failure said."""
        self._broken = False
        self._requests = PerMinute(spec.requests_per_minute)
        self._tokens = PerMinute(spec.tokens_per_minute)
        self._paused_until_s = 0.0
        self._probe_s = 0.0
        """When it may be looked for again, if it is gone."""
        self._n_probes = 0
        self._probing = False
        self._failed_in_row: set[int] = set()
        self._n_refused = 0
        self._refused_s = 0.0
        self.look: asyncio.Future[bool] | None = None
        """The last time it was looked for, and when that began."""
        self.looked_s = 0.0

    @property
    def url(self) -> str:
        """Its address."""
        return self.transport.base_url

    def wait_s(self, now: float, n_tokens: float) -> float:
        """Seconds until it may be sent a request of so many tokens; infinite if only an event can change that."""
        wait = self._paused_until_s - now
        if self.gone_s is not None:
            if not self._broken or self._probing:
                return NEVER
            wait = max(wait, self._probe_s - now)
        elif self.in_flight >= self.concurrency.limit:
            return NEVER
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

    def delivers(self, now: float) -> bool:
        """A token came, or an answer: it works, whatever it did before. Whether that is news."""
        self.last_answer_s = now
        self.refusing_s = None
        self._n_refused = self.n_denied = 0
        self._failed_in_row.clear()
        return self.is_there()

    def is_there(self) -> bool:
        """It can be reached; whether that is news."""
        was_gone, self.gone_s = self.gone_s is not None, None
        self._broken = False
        self._n_probes = 0
        return was_gone

    def used(self, now: float, ticket: Ticket, n_tokens: int) -> None:
        """How many tokens a request took in the end; 0 if it failed."""
        self._tokens.correct(now, ticket.entry, n_tokens)

    def pause(self, now: float, wait_s: float) -> bool:
        """Send nothing for so long; whether that is worth telling."""
        longer_s = now + wait_s - max(now, self._paused_until_s)
        self._paused_until_s = max(self._paused_until_s, now + wait_s)
        return longer_s >= _TELL_PAUSE_S

    def refused(self, now: float, sent_s: float) -> float:
        """A request was answered 429; how long to wait where the server does not say. One burst counts once."""
        self.refusing_s = self.refusing_s or now
        if sent_s > self._refused_s:
            self._refused_s = now
            self._n_refused += 1
        return min(BACKOFF_MAX_S, 2.0 ** min(10, self._n_refused - 1)) * random.uniform(0.5, 1.0)

    def failed(self, now: float, request: int, ticket: Ticket) -> bool:
        """One more request failed at a server that can be reached; whether it counts as broken by that."""
        self.concurrency.faulted()
        self._failed_in_row.add(request)
        return len(self._failed_in_row) >= _BROKEN_AFTER and self.broken(now, ticket)

    def broken(self, now: float, ticket: Ticket) -> bool:
        """It can be reached and does not work; whether that is news."""
        if self._broken:
            if ticket.probe:
                self._later(now)
            return False
        self._broken = True
        return self._lost(now)

    def unreachable(self, now: float) -> bool:
        """It was looked for in vain; whether that is news."""
        self.concurrency.faulted()
        self._broken = False
        return self.gone_s is None and self._lost(now)

    def not_found(self, now: float) -> None:
        """It is still unreachable: look again later."""
        self._later(now)

    def is_sought(self, now: float) -> bool:
        """Whether it is unreachable and may be looked for again."""
        return self.gone_s is not None and not self._broken and now >= self._probe_s

    def _lost(self, now: float) -> bool:
        news = self.gone_s is None
        self.gone_s = now if self.gone_s is None else self.gone_s
        self._n_probes = 0
        self._later(now)
        return news

    def _later(self, now: float) -> None:
        self._probe_s = now + min(_PROBE_MAX_S, 2.0 ** min(self._n_probes, 5))
        self._n_probes += 1


@dataclasses.dataclass(slots=True)
class Ticket:
    """The right to send one request to one server."""

    server: Server
    sent_s: float
    probe: bool
    entry: list[float]
