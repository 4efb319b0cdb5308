"""The servers of one model: which of them gets a request, when, and what happens when it fails.

One policy per method, outermost first: `post` tries again, `_acquire` waits for a server that may be asked, `Server`
counts and decides whether it may. Failures are told apart by what they speak of:

- the pace (429): the server is left alone as long as it says, and asked less at once; no try of the request is used;
- the server (refused, reset, timed out, 502, 503, 504): if it delivered nothing since the request was sent, it is
  looked for with a GET. One that cannot be reached gets no requests until it can, and no try is used. One that can be
  reached is not the cause, unless many different requests fail in a row;
- the request: it is tried again if that may help, at most `attempts` times.

When no server works for `patience_s` and nothing is under way, the run stops: what it has is stored, and nothing is
marked as failed that was never answered.
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
from evalkit.clients.server import BACKOFF_MAX_S, NEVER, Server, Ticket
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
_LISTING = "/models"
_SUSPECT = UNAVAILABLE | {"http_500", "protocol", "endpoint"}
"""Kinds of failure after which a server that fails in everything counts as broken."""


class Pool:
    """All servers of one model."""

    def __init__(self, spec: EndpointSpec, key: str | None) -> None:
        self._spec = spec
        self._servers = [Server(HttpTransport(url, key, spec), spec) for url in spec.base_urls]
        self._waiting: deque[tuple[asyncio.Future[Ticket], float]] = deque()
        self._alarm: asyncio.TimerHandle | None = None
        self._tending: asyncio.Task[None] | None = None
        self._report: Callable[[Event], None] = lambda event: None
        self._mean_tokens = 0.0
        self._n_posts = 0
        self._fault: EndpointError | None = None

    @property
    def in_flight(self) -> int:
        """Requests under way."""
        return sum(s.in_flight for s in self._servers)

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

    async def listings(self) -> list[tuple[str, object | None]]:
        """(address, its list of models or None) of every server that can be reached; `EndpointError` if none can."""
        pages: list[tuple[str, object | None]] = []
        fault: EndpointError | None = None
        for server in self._servers:
            try:
                pages.append((server.url, await server.transport.get_json(_LISTING)))
            except EndpointError as unreachable:
                if len(self._servers) == 1 or isinstance(unreachable, AuthError):
                    raise
                fault = unreachable
                server.unreachable(self._now())
                self._tell(EventKind.ENDPOINT, f"left out for now: {unreachable}", what=server.url)
        if fault is not None and not pages:
            raise fault
        self._tell_capacity("at the start")
        return pages

    async def post(
        self, path: str, body: bytes, read: Reader[T], max_tokens: int
    ) -> tuple[T | None, int, Failure | None]:
        """POST JSON and let `read` make a result of the body, as often as it takes.

        `max_tokens` is what an answer takes at most, for as long as it is not known what they take on average. Returns
        (result, tries, failure). Raises `EndpointError` when no further request can succeed.
        """
        expected = self._mean_tokens or len(body) / 4 + max_tokens
        began_s = self._now()
        counted = tries = 0
        self._n_posts += 1
        request = self._n_posts
        while True:
            ticket = await self._acquire(expected)
            tries += 1
            try:
                result = await ticket.server.transport.attempt(path, body, read, _Watched(self, ticket), expected)
            except RequestFailed as fault:
                failure = fault.failure
                counted += await self._failed(ticket, failure, fault.wait_s, request)
                if not failure.retryable or counted >= self._spec.attempts or self._hopeless(tries, began_s):
                    return None, tries, dataclasses.replace(failure, message=self.shown(failure.message))
                message = f"{ticket.server.url}: {failure.kind}: {failure.message}"
                self._report(Event(kind=EventKind.RETRY, message=message, what=failure.kind))
            else:
                self._answered(ticket, result.tokens_used)
                return result, tries, None
            finally:
                ticket.server.release(ticket)
                self._dispatch()
            if failure.kind not in SLOW_DOWN:  # who is too fast waits with everybody else, for the server's pause
                await asyncio.sleep(self._delay_s(counted))

    def redact(self, text: str) -> str:
        """See `HttpTransport.redact`; all servers get the same key."""
        return self._servers[0].transport.redact(text)

    def label(self, text: str) -> str:
        """See `HttpTransport.label`."""
        return self._servers[0].transport.label(text)

    def shown(self, text: str) -> str:
        """See `HttpTransport.shown`."""
        return self._servers[0].transport.shown(text)

    # what came back ----------------------------------------------------------------------------

    def _answered(self, ticket: Ticket, n_tokens: int) -> None:
        server, now = ticket.server, self._now()
        if n_tokens:
            self._mean_tokens = 0.95 * self._mean_tokens + 0.05 * n_tokens if self._mean_tokens else float(n_tokens)
            server.used(now, ticket, n_tokens)
        self.delivers(server)
        server.concurrency.done()
        self._adjust(server, now)

    def delivers(self, server: Server) -> None:
        """A server delivered a token or an answer."""
        if server.delivers(self._now()):
            self._tell_back(server)

    async def _failed(self, ticket: Ticket, failure: Failure, wait_s: float | None, request: int) -> int:
        """Draw the consequences for the server; 1 if this counts as a try of the request, else 0."""
        server, now = ticket.server, self._now()
        server.last_words = f"{failure.kind}: {self.shown(failure.message)}"
        server.used(now, ticket, 0)
        if failure.kind in SLOW_DOWN:
            own_s = server.refused(now, ticket.sent_s)
            self.pause(server, wait_s or own_s, "429")
            if reason := server.concurrency.refused(now, ticket.sent_s):
                self._tell_capacity(f"{server.url}: {reason}")
            self._check_patience(now, under_way=1)
            return 0
        if wait_s is not None and failure.retryable:
            self.pause(server, wait_s, failure.kind)
        if self._is_useless(server, failure):
            if server.broken(now, ticket):
                self._tell_gone(server)
            self._check_patience(now, under_way=1)
            return 0
        delivered_since = server.last_answer_s is not None and server.last_answer_s > ticket.sent_s
        if failure.kind in UNAVAILABLE and not delivered_since and not await self._is_reachable(server):
            if server.unreachable(self._now()):
                self._tell_gone(server)
            self._check_patience(self._now(), under_way=1)
            return 0
        if failure.kind not in _SUSPECT:
            if server.is_there():
                self._tell_back(server)
        elif server.failed(now, request, ticket):
            self._tell_gone(server)
        self._adjust(server, now)
        self._check_patience(now, under_way=1)
        return 1

    def _is_useless(self, server: Server, failure: Failure) -> bool:
        """Whether this server does not have what it is asked for; raises if it is the only one, or refuses the key."""
        works = server.last_answer_s is not None
        server.n_denied += failure.kind == "http_403"
        if failure.kind == "http_403" and (not works or server.n_denied >= _DENIED_AFTER):
            raise server.transport.refused_key(f"403: {failure.message}")
        if failure.kind != "http_404" or works:
            return False
        if len(self._servers) == 1:
            raise EndpointError(f"{server.url} knows no such page or model (404: {self.shown(failure.message)})")
        return True

    async def _is_reachable(self, server: Server) -> bool:
        """Look for a server; requests that fail together look once."""
        now = self._now()
        if server.look is None or (server.look.done() and now - server.looked_s > _TEND_EVERY_S):
            server.looked_s = now
            server.look = asyncio.ensure_future(server.transport.reachable(_LISTING))
        return await asyncio.shield(server.look)

    def _check_patience(self, now: float, under_way: int) -> None:
        """Raise if no server has worked for too long, and no request is under way but those that are known to fail."""
        since = [s.gone_s if s.gone_s is not None else s.refusing_s for s in self._servers]
        if self.in_flight > under_way or any(at is None or now - at < self._spec.patience_s for at in since):
            return
        states = [
            f"{s.url} {'is gone' if s.gone_s is not None else 'answers nothing but 429'} ({s.last_words})"
            for s in self._servers
        ]
        self._fault = EndpointError(f"{'; '.join(states)}: waited {self._spec.patience_s:g} s")
        raise self._fault

    def pause(self, server: Server, wait_s: float, why: str) -> None:
        """Send nothing to a server for so long."""
        if server.pause(self._now(), wait_s):
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
        """Once a second: judge what was measured, and look for servers that are gone."""
        while True:
            await asyncio.sleep(_TEND_EVERY_S)
            for server in self._servers:
                if server.is_sought(self._now()):
                    await self._seek(server)
                self._adjust(server, self._now())
            self._dispatch()

    async def _seek(self, server: Server) -> None:
        if await server.transport.reachable(_LISTING):
            if server.is_there():
                self._tell_back(server)
            return
        server.not_found(self._now())
        with contextlib.suppress(EndpointError):
            self._check_patience(self._now(), under_way=0)
        if self._fault is not None:
            for future, _ in self._waiting:
                if not future.done():
                    future.set_exception(self._fault)
            self._waiting.clear()

    # what is told ------------------------------------------------------------------------------

    def _tell(self, kind: EventKind, message: str, what: str = "") -> None:
        self._report(Event(kind=kind, message=self.label(message), what=what, value=float(self.capacity)))

    def _tell_capacity(self, reason: str) -> None:
        self._tell(EventKind.CONCURRENCY, f"concurrency {self.capacity}: {reason}")

    def _tell_back(self, server: Server) -> None:
        self._tell(EventKind.ENDPOINT, f"{server.url} is back", what=server.url)
        self._tell_capacity("a server is back")

    def _tell_gone(self, server: Server) -> None:
        self._tell(EventKind.ENDPOINT, f"{server.url} is gone ({server.last_words})", what=server.url)
        self._tell_capacity("a server is gone")

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


class _Watched:
    """Tells the pool what happens to one request while it is on its way."""

    __slots__ = ("_pool", "_server")

    def __init__(self, pool: Pool, ticket: Ticket) -> None:
        self._pool = pool
        self._server = ticket.server

    def paused(self, wait_s: float) -> None:
        self._pool.pause(self._server, wait_s, "its rate limit is used up")

    def received(self, n_bytes: int) -> None:
        self._server.concurrency.received(n_bytes)

    def delivers(self) -> None:
        self._pool.delivers(self._server)
