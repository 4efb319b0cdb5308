"""The one place where aiohttp is used and where its errors become ours: one attempt at one address.

Every exception and status becomes a `RequestFailed` with a `Failure`. What no other request can mend either (a refused
key, no credit, an unknown model) raises instead. Time is limited by signs of life, never in total: see `Arrival`.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import ssl
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeVar

import aiohttp

from evalkit.clients.limits import pause_s
from evalkit.errors import AuthError, EndpointError
from evalkit.types import EndpointSpec, Failure

T = TypeVar("T")

_SECRET_CHARS = 8
_LISTING_BYTES = 4 * 2**20
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_NO_CREDIT = ("insufficient_quota", "insufficient balance")
"""What providers write beside a 429 that waiting does not mend."""

_SHOWN = 300
"""Characters of what an endpoint says that are kept; cut after the key is taken out, never before."""
SLOW_DOWN = frozenset({"http_429"})
UNAVAILABLE = frozenset(
    {"connect", "reset", "timeout"} | {f"http_{status}" for status in (404, 502, 503, 504, 520, 522, 524, 529)}
)
"""Kinds of failure that speak of the server rather than of one request. 404 is what a gateway says while the server
behind it restarts; from a server that never answered, it stops the run."""
RETRYABLE_STATUS = frozenset({404, 408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529})


class RequestFailed(Exception):
    """One attempt failed; carries the failure as data. Never leaves `clients/`."""

    def __init__(self, failure: Failure, wait_s: float | None = None) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.wait_s = wait_s
        """How long the endpoint asks to be left alone."""


class Ward(Protocol):
    """Who answers for a request while it is on its way."""

    def paused(self, wait_s: float) -> None:
        """The headers ask for a pause."""

    def received(self, n_bytes: int) -> None:
        """A piece of the body came."""

    def delivers(self) -> None:
        """The first token came."""


class Arrival:
    """A response body on its way, piece by piece, and the clock that runs meanwhile.

    The reader says what counts as life (`alive`: a whole line, not a byte, or an endpoint could keep a request for
    ever) and when the first token has come (`began`), from when on the limit between tokens holds.
    """

    __slots__ = ("_loop", "_response", "_rewound_s", "_spec", "_ward", "_watch", "has_token", "started_s")

    def __init__(
        self,
        response: aiohttp.ClientResponse,
        spec: EndpointSpec,
        watch: asyncio.Timeout,
        started_s: float,
        ward: Ward,
    ) -> None:
        self._response = response
        self._spec = spec
        self._watch = watch
        self._ward = ward
        self._loop = asyncio.get_running_loop()
        self._rewound_s = self._loop.time()
        self.started_s = started_s
        """`time.perf_counter()` when the request was sent."""
        self.has_token = False

    @property
    def content_type(self) -> str:
        """As the endpoint states it."""
        return self._response.headers.get("Content-Type", "")

    @property
    def limit_s(self) -> float:
        """Longest silence at this point."""
        return self._spec.idle_s if self.has_token else self._spec.first_token_s

    def began(self, delivers: bool = True) -> None:
        """The first token came, or (`delivers` is False) the first byte of what may be anything."""
        self.has_token = True
        self._rewind(self._loop.time())
        if delivers:
            self._ward.delivers()

    def alive(self) -> None:
        """A sign of life came: the clock starts anew."""
        now = self._loop.time()
        if now - self._rewound_s > min(1.0, self.limit_s / 10):  # moving a timer costs more than comparing
            self._rewind(now)

    def _rewind(self, now: float) -> None:
        self._rewound_s = now
        self._watch.reschedule(now + self.limit_s)

    async def piece(self) -> bytes:
        """The next bytes of the body; none at its end. Raises `RequestFailed` if the connection breaks."""
        try:
            piece: bytes = await self._response.content.readany()
        except (aiohttp.ClientError, ConnectionError) as fault:
            raise RequestFailed(Failure(kind="reset", message=_reason(fault), retryable=True)) from fault
        self._ward.received(len(piece))
        return piece


Reader = Callable[[Arrival], Awaitable[T]]
"""Makes a result of a body; raises `RequestFailed` for one that is no answer."""


class HttpTransport:
    """A connection pool to one base URL. The key is held in memory only and sent as a bearer token."""

    def __init__(self, base_url: str, api_key: str | None, spec: EndpointSpec) -> None:
        self.base_url = base_url.rstrip("/")
        self.spec = spec
        self._key = api_key
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Create the pool. How many connections there are is decided by who calls `attempt`."""
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=self.spec.connect_s, sock_read=None)
        connector = aiohttp.TCPConnector(limit=0, ttl_dns_cache=300, force_close=not self.spec.keep_alive)
        self._session = aiohttp.ClientSession(headers=headers, timeout=timeout, connector=connector)

    async def close(self) -> None:
        """Close the pool."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def get_json(self, path: str) -> object | None:
        """GET once; None if the endpoint has no such page or this key may not see it (403: keys limited to chat).

        Raises `AuthError` on 401 and `EndpointError` if it cannot be reached.
        """
        session = self._require()
        try:
            async with asyncio.timeout(self.spec.connect_s), session.get(self.base_url + path) as response:
                if response.status == 401:
                    raise self._auth_error(response.status, await response.text())
                if response.status != 200:
                    return None
                text = await _read_some(response, _LISTING_BYTES)
        except (aiohttp.ClientError, OSError, TimeoutError) as fault:
            raise EndpointError(f"cannot reach {self.base_url}: {self.shown(_reason(fault))}") from fault
        try:
            listing: object = json.loads(text)
        except (ValueError, RecursionError):
            return None
        return listing

    async def reachable(self, path: str) -> bool:
        """Whether anything answers a GET, other than a gateway that finds nothing behind it."""
        try:
            async with asyncio.timeout(self.spec.connect_s), self._require().get(self.base_url + path) as response:
                return response.status < 500
        except (aiohttp.ClientError, OSError, TimeoutError):
            return False

    async def attempt(self, path: str, body: bytes, read: Reader[T], ward: Ward, n_tokens: float = 0) -> T:
        """POST JSON once and let `read` make a result of the body; `n_tokens` is what it will take, about.

        Raises `RequestFailed`, `AuthError` or `EndpointError`.
        """
        started_s = time.perf_counter()
        arrival: Arrival | None = None
        try:
            async with asyncio.timeout(self.spec.first_token_s) as watch, self._send(path, body) as response:
                if response.status != 200:
                    raise self._status_failure(response, await _read_some(response))
                if (wait_s := pause_s(response.headers, time.time(), n_tokens)) is not None:
                    ward.paused(wait_s)
                arrival = Arrival(response, self.spec, watch, started_s, ward)
                return await read(arrival)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, ssl.SSLError) as fault:
            raise RequestFailed(self._failure("connect", _reason(fault))) from fault
        except TimeoutError:
            raise RequestFailed(self._failure("timeout", _silence(arrival, self.spec))) from None
        except (aiohttp.ClientError, OSError) as fault:
            raise RequestFailed(self._failure("reset", _reason(fault))) from fault

    def _send(self, path: str, body: bytes) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """Redirects are not followed: the key and the questions go where the user said, and nowhere else."""
        headers = {"Content-Type": "application/json"}
        return self._require().post(self.base_url + path, data=body, headers=headers, allow_redirects=False)

    def _status_failure(self, response: aiohttp.ClientResponse, text: str) -> RequestFailed:
        status, said = response.status, error_message(text) or str(response.reason)
        if status == 401:
            raise self._auth_error(status, text)
        if status == 402 or (status == 429 and any(words in text.casefold() for words in _NO_CREDIT)):
            raise EndpointError(f"{self.base_url} has no credit left for this key ({status}: {self.shown(said)})")
        if "Location" in response.headers:
            said = f"give the final address as --base-url: this one redirects to {response.headers['Location']}"
        failure = self._failure(f"http_{status}", said, retryable=status in RETRYABLE_STATUS)
        return RequestFailed(failure, pause_s(response.headers, time.time()))

    def _failure(self, kind: str, message: str, retryable: bool = True) -> Failure:
        return Failure(kind=kind, message=self.shown(message), retryable=retryable)

    def _auth_error(self, status: int, text: str) -> AuthError:
        return self.refused_key(f"{status}: {error_message(text)}".removesuffix(": "))

    def refused_key(self, said: str) -> AuthError:
        """What to raise when the key is not accepted."""
        return AuthError(
            f"{self.base_url} refused the key ({self.shown(said)}); "
            f"set the key's environment variable (see --api-key-env)"
        )

    def redact(self, text: str) -> str:
        """What an endpoint says without the key that it may echo. Apply to all that is kept or shown.

        Placeholders such as `EMPTY`, which local servers are given, are words that an answer may hold: they stay.
        """
        return text.replace(self._key, "***") if self._key and len(self._key) >= _SECRET_CHARS else text

    def label(self, text: str) -> str:
        """`redact`, without control characters: for what is shown in a terminal."""
        return _CONTROL.sub(" ", self.redact(text))

    def shown(self, text: str) -> str:
        """`label`, and short."""
        return self.label(text)[:_SHOWN]

    def _require(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise EndpointError("the client is not open")
        return self._session


def error_message(text: str) -> str:
    """The message inside an error body, in the shapes that providers use; else its first line."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return text.strip().splitlines()[0] if text.strip() else ""
    if isinstance(data, dict):
        inner = data.get("error", data)
        if isinstance(inner, dict):
            inner = inner.get("message") or inner.get("msg") or inner.get("detail") or inner
        return str(inner)
    return str(data)


async def _read_some(response: aiohttp.ClientResponse, limit: int = 65_536) -> str:
    parts: list[bytes] = []
    size = 0
    while size < limit and (piece := await response.content.read(limit - size)):
        parts.append(piece)
        size += len(piece)
    return b"".join(parts).decode("utf-8", "replace")


def _silence(arrival: Arrival | None, spec: EndpointSpec) -> str:
    if arrival is None or not arrival.has_token:
        return f"no token within {spec.first_token_s:g} s"
    return f"no sign of life for {spec.idle_s:g} s in the middle of the answer"


def _reason(fault: BaseException) -> str:
    if isinstance(fault, aiohttp.ClientSSLError):  # its number is that of the library, not of the system
        cause = getattr(fault, "certificate_error", None) or getattr(fault, "os_error", None)
        return f"TLS: {cause or type(fault).__name__}"
    if isinstance(fault, aiohttp.ClientConnectorError):  # its own words repeat the address
        number = fault.errno or 0
        return os.strerror(number) if number > 0 else str(fault.strerror)
    return (str(fault) or type(fault).__name__).splitlines()[0]
