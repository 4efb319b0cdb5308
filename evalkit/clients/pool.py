"""The servers of one model: which of them gets a request, when, and what happens when it fails.

One policy per method, outermost first: `post` tries again, `_acquire` waits for a server that may be asked, `Server`
counts and decides whether it may. Three kinds of failure are told apart:

- too fast (429): the server is left alone as long as it says, and asked less at once; no try of the request is used up;
- gone (refused, reset, timed out, 502, 503, 504; 500 and garbage if there is nothing else): after some of them in a row
  the server is taken out and asked one request at a time, ever more rarely, until it answers; tries made meanwhile do
  not count. When all servers are gone for `patience_s`, the run stops: what it has is stored, and nothing is marked as
  failed that was never answered;
- anything else is a matter of this request: it is tried again if that may help, at most `attempts` times.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import random
from collections import deque
from collections.abc import Callable
from typing import Protocol, TypeVar

from evalkit.clients.http import SLOW_DOWN, UNAVAILABLE, HttpTransport, Reader, RequestFailed
from evalkit.clients.server import BACKOFF_MAX_S, GONE_AFTER, NEVER, Server, Ticket
from evalkit.errors import AuthError, EndpointError
from evalkit.types import EndpointSpec, Event, EventKind, Failure


class Counted(Protocol):
    """What a reader makes of a body."""

    @property
    def tokens_used(self) -> int:
        """Prompt and completion tokens, for the limit per minute; 0 if not known."""


T = TypeVar("T", bound=Counted)

_DENIED_AFTER = 8
"""403 in a row: one is about a question that a filter refused, many are about the key."""
_TRIES_PER_ATTEMPT = 10
_TEND_EVERY_S = 1.0


class Pool:
    """All servers of one model."""

    def __init__(self, spec: EndpointSpec, key: str | None) -> None:
        self._spec = spec
        self._servers = [Server(HttpTransport(url, key, spec), spec) for url in spec.base_urls]
        self._waiting: deque[tuple[asyncio.Future[Ticket], float]] = deque()
        self._alarm: asyncio.TimerHandle | None = None
        self._tending: asyncio.Task[None] | None = None
        self._fault: EndpointError | None = None
        self._report: Callable[[Event], None] = lambda event: None
        self._mean_tokens = 0.0

    @property
    def capacity(self) -> int:
        """How many requests are useful at once: what the servers that are there may be asked; one if all are gone."""
        return max(1, sum(s.concurrency.limit for s in self._servers if s.gone_s is None))

    async def open(self, report: Callable[[Event], None]) -> None:
        """Make the connection pools; `report` hears of every change."""
        self._report = report
        for server in self._servers:
            await server.transport.open()
        self._tending = asyncio.create_task(self._tend())

    async def close(self) -> None:
        """Close everything; safe to call twice."""
        if self._tending is not None:
            self._tending.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._tending
            self._tending = None
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        for server in self._servers:
            await server.transport.close()

    async def get_json(self, path: str) -> list[tuple[str, object | None]]:
        """(address, page or None) of every server that can be reached; raises `EndpointError` if none can."""
        pages: list[tuple[str, object | None]] = []
        fault: EndpointError | None = None
        for server in self._servers:
            try:
                pages.append((server.url, await server.transport.get_json(path)))
            except EndpointError as unreachable:
                if len(self._servers) == 1 or isinstance(unreachable, AuthError):
                    raise
                fault = unreachable
                server.gone_s = self._now()
                self._tell(EventKind.ENDPOINT, f"left out for now: {unreachable}", what=server.url)
        if fault is not None and not pages:
            raise fault
        self._tell_capacity("at the start")
        return pages

    async def post(self, path: str, body: bytes, read: Reader[T]) -> tuple[T | None, int, Failure | None]:
        """POST JSON and let `read` make a result of the body, as often as it takes.

        Returns (result, tries, failure). Raises `EndpointError` when no further request can succeed.
        """
        expected = self._mean_tokens or len(body) / 4
        began_s = self._now()
        counted = tries = 0
        while True:
            ticket = await self._acquire(expected)
            server = ticket.server
            tries += 1
            try:
                result, wait_s = await server.transport.attempt(
                    path, body, read, server.concurrency.received, n_tokens=expected
                )
            except RequestFailed as fault:
                failure = fault.failure
                counted += self._failed(ticket, failure, fault.wait_s)
                if not failure.retryable or counted >= self._spec.attempts or self._hopeless(tries, began_s):
                    return None, tries, dataclasses.replace(failure, message=self.label(failure.message))
                message = f"{server.url}: {failure.kind}: {failure.message}"
                self._report(Event(kind=EventKind.RETRY, message=message, what=failure.kind))
            else:
                self._answered(ticket, result.tokens_used, wait_s)
                return result, tries, None
            finally:
                server.release(ticket)
                self._dispatch()
            if failure.kind not in SLOW_DOWN:  # who is too fast waits with everybody else, for the server's pause
                await asyncio.sleep(self._delay_s(counted))

    def redact(self, text: str) -> str:
        """See `HttpTransport.redact`; all servers get the same key."""
        return self._servers[0].transport.redact(text)

    def label(self, text: str) -> str:
        """See `HttpTransport.label`."""
        return self._servers[0].transport.label(text)

    # what came back ----------------------------------------------------------------------------

    def _answered(self, ticket: Ticket, n_tokens: int, wait_s: float | None) -> None:
        server, now = ticket.server, self._now()
        if n_tokens:
            self._mean_tokens = 0.95 * self._mean_tokens + 0.05 * n_tokens if self._mean_tokens else float(n_tokens)
        if server.answered(ticket, n_tokens):
            self._tell_back(server)
        if wait_s:
            self._pause(server, now, wait_s, "its rate limit is used up")
        self._adjust(server, now)

    def _failed(self, ticket: Ticket, failure: Failure, wait_s: float | None) -> int:
        """Draw the consequences for the server; 1 if this counts as a try of the request, else 0."""
        server, now = ticket.server, self._now()
        server.last_words = f"{failure.kind}: {self.label(failure.message)}"
        server.not_used(ticket)
        if failure.kind not in GONE_AFTER and server.is_there():
            self._tell_back(server)
        if failure.kind in SLOW_DOWN:
            own_s = server.refused(now, ticket.sent_s)
            self._pause(server, now, wait_s or own_s, "429")
            if reason := server.concurrency.refused(now, ticket.sent_s):
                self._tell_capacity(f"{server.url}: {reason}")
            return 0
        if wait_s is not None and failure.retryable:
            self._pause(server, now, wait_s, failure.kind)
        if failure.kind == "http_403":
            server.n_denied += 1
            if not server.has_answered or server.n_denied >= _DENIED_AFTER:
                raise server.transport.refused_key(f"403: {failure.message}")
        if failure.kind == "http_404" and not server.has_answered:
            raise EndpointError(f"{server.url} knows no such page or model (404: {self.label(failure.message)})")
        was_gone = server.gone_s is not None
        if failure.kind in GONE_AFTER and server.failed(now, failure.kind):
            self._tell(EventKind.ENDPOINT, f"{server.url} is gone ({failure.kind}: {failure.message})", what=server.url)
            self._tell_capacity("a server is gone")
        self._adjust(server, now)
        spared = was_gone or (failure.kind == "connect" and len(self._servers) > 1)
        return 0 if spared and failure.kind in UNAVAILABLE else 1

    def _tell_back(self, server: Server) -> None:
        self._tell(EventKind.ENDPOINT, f"{server.url} is back", what=server.url)
        self._tell_capacity("a server is back")

    def _pause(self, server: Server, now: float, wait_s: float, why: str) -> None:
        if server.pause(now, wait_s):
            message = f"{server.url}: waiting {wait_s:.0f} s ({why})"
            self._report(Event(kind=EventKind.PAUSE, message=message, what=server.url, value=wait_s))

    def _adjust(self, server: Server, now: float) -> None:
        if reason := server.concurrency.tend(now, server.in_flight):
            self._tell_capacity(f"{server.url}: {reason}")

    def _delay_s(self, counted: int) -> float:
        ceiling = min(BACKOFF_MAX_S, self._spec.backoff_s * 2.0 ** min(20, max(0, counted - 1)))
        return random.uniform(ceiling / 2, ceiling)

    def _hopeless(self, tries: int, began_s: float) -> bool:
        """Even what does not count as a try ends some time, and later than a server that refuses everything does."""
        return tries >= _TRIES_PER_ATTEMPT * self._spec.attempts and self._now() - began_s > 2 * self._spec.patience_s

    # who may send ------------------------------------------------------------------------------

    async def _acquire(self, n_tokens: float) -> Ticket:
        if self._fault is not None:
            raise self._fault
        if not self._waiting and (server := self._choose(self._now(), n_tokens)) is not None:
            return server.take(self._now(), n_tokens)
        future: asyncio.Future[Ticket] = asyncio.get_running_loop().create_future()
        self._waiting.append((future, n_tokens))
        self._dispatch()
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                future.result().server.release(future.result())
                self._dispatch()
            raise

    def _choose(self, now: float, n_tokens: float) -> Server | None:
        """The least loaded of the servers that may be asked now."""
        ready = [s for s in self._servers if s.wait_s(now, n_tokens) <= 0]
        return min(ready, key=lambda s: s.in_flight / s.concurrency.limit, default=None)

    def _dispatch(self) -> None:
        """Give tickets to those who wait, in their order; set the alarm for the next time at which one can be given."""
        now = self._now()
        while self._waiting:
            future, n_tokens = self._waiting[0]
            if not future.done():
                server = self._choose(now, n_tokens)
                if server is None:
                    break
                future.set_result(server.take(now, n_tokens))
            self._waiting.popleft()
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if self._waiting:
            wait_s = min(s.wait_s(now, self._waiting[0][1]) for s in self._servers)
            if wait_s < NEVER:
                self._alarm = asyncio.get_running_loop().call_later(wait_s + 1e-3, self._dispatch)

    async def _tend(self) -> None:
        """Once a second: judge what was measured, and give up on servers that do not come back."""
        while True:
            await asyncio.sleep(_TEND_EVERY_S)
            now = self._now()
            for server in self._servers:
                self._adjust(server, now)
            self._fault = self._out_of_patience(now)
            if self._fault is not None:
                for future, _ in self._waiting:
                    if not future.done():
                        future.set_exception(self._fault)
                self._waiting.clear()
            self._dispatch()

    def _out_of_patience(self, now: float) -> EndpointError | None:
        """What to stop the run with if every server is gone, or says nothing but 429, for too long."""
        since = [s.gone_s if s.gone_s is not None else s.refusing_s for s in self._servers]
        if any(at is None or now - at < self._spec.patience_s for at in since):
            return None
        states = [
            f"{s.url} {'is gone' if s.gone_s is not None else 'answers nothing but 429'} ({s.last_words})"
            for s in self._servers
        ]
        return EndpointError(f"{'; '.join(states)}: waited {self._spec.patience_s:g} s")

    def _tell(self, kind: EventKind, message: str, what: str = "") -> None:
        self._report(Event(kind=kind, message=self.label(message), what=what, value=float(self.capacity)))

    def _tell_capacity(self, reason: str) -> None:
        self._tell(EventKind.CONCURRENCY, f"concurrency {self.capacity}: {reason}")

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
