"""The one place where aiohttp is used and where its errors become ours.

Policies, outermost first: `post` retries what a second attempt can mend (429, 5xx, resets, time-outs) with
exponential backoff and jitter, honouring Retry-After; `_attempt` maps every exception and status to a `Failure`.
Authentication failures raise, since no other request can succeed.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import random
import re
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TypeVar

import aiohttp

from evalkit.errors import AuthError, EndpointError
from evalkit.types import Failure

T = TypeVar("T")

Reader = Callable[[AsyncIterator[bytes], str, float], Awaitable[T]]
"""Gets the body's pieces, the content type, and when the request was sent (`time.perf_counter()` seconds)."""

_SECRET_CHARS = 8
_LISTING_BYTES = 4 * 2**20
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")

RETRYABLE_STATUS = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529})


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpPolicy:
    """Time-outs in seconds and retry limits."""

    connect_s: float = 10.0
    first_byte_s: float = 3600.0
    """Until the response head: a non-streaming answer takes as long as the generation does."""
    idle_s: float = 600.0
    """Between two pieces of a body; keep-alive comments count as life."""
    attempts: int = 6
    backoff_s: float = 0.5
    backoff_max_s: float = 60.0


class RequestFailed(Exception):
    """One attempt failed; carries the failure as data. Never leaves `clients/`."""

    def __init__(self, failure: Failure, retry_after_s: float | None = None) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.retry_after_s = retry_after_s


class HttpTransport:
    """A connection pool to one base URL. The key is held in memory only and sent as a bearer token."""

    def __init__(self, base_url: str, api_key: str | None, policy: HttpPolicy, connections: int) -> None:
        self.base_url = base_url.rstrip("/")
        self.policy = policy
        self._key = api_key
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Create the pool."""
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=self.policy.connect_s, sock_read=None)
        connector = aiohttp.TCPConnector(limit=self._connections, ttl_dns_cache=300)
        self._session = aiohttp.ClientSession(headers=headers, timeout=timeout, connector=connector)

    async def close(self) -> None:
        """Close the pool."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def get_json(self, path: str, timeout_s: float = 10.0) -> object | None:
        """GET once; None if the endpoint has no such page or this key may not see it (403: keys limited to chat).

        Raises `AuthError` on 401 and `EndpointError` if it cannot be reached.
        """
        session = self._require()
        try:
            async with asyncio.timeout(timeout_s), session.get(self.base_url + path) as response:
                if response.status == 401:
                    raise self._auth_error(response.status, await response.text())
                if response.status != 200:
                    return None
                listing: object = json.loads(await _read_some(response, _LISTING_BYTES))
                return listing
        except (ValueError, RecursionError):
            return None
        except (aiohttp.ClientError, OSError, TimeoutError) as fault:
            raise EndpointError(f"cannot reach {self.base_url}: {self.label(_reason(fault))}") from fault

    async def post(self, path: str, body: bytes, read: Reader[T]) -> tuple[T | None, int, Failure | None]:
        """POST JSON and let `read` make a result of the body; retried as the policy says.

        Returns (result, attempts, failure). `read` raises `RequestFailed` for bodies that are not an answer.
        """
        for attempt in range(1, self.policy.attempts + 1):
            try:
                return await self._attempt(path, body, read), attempt, None
            except RequestFailed as fault:
                if not fault.failure.retryable or attempt == self.policy.attempts:
                    said = self.label(fault.failure.message)
                    return None, attempt, dataclasses.replace(fault.failure, message=said)
                await asyncio.sleep(self._delay_s(attempt, fault.retry_after_s))
        raise AssertionError("attempts is at least 1")

    async def _attempt(self, path: str, body: bytes, read: Reader[T]) -> T:
        started_s = time.perf_counter()
        try:
            async with asyncio.timeout(None) as watch:
                loop = asyncio.get_running_loop()
                watch.reschedule(loop.time() + self.policy.first_byte_s)
                async with self._send(path, body) as response:
                    if response.status != 200:
                        raise self._status_failure(response, await _read_some(response))
                    pieces = self._pieces(response, watch)
                    return await read(pieces, response.headers.get("Content-Type", ""), started_s)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, ssl.SSLError) as fault:
            raise RequestFailed(Failure(kind="connect", message=_reason(fault), retryable=True)) from fault
        except TimeoutError:
            raise RequestFailed(Failure(kind="timeout", message="no data in time", retryable=True)) from None
        except (aiohttp.ClientError, OSError) as fault:
            raise RequestFailed(Failure(kind="reset", message=_reason(fault), retryable=True)) from fault

    def _send(self, path: str, body: bytes) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """Redirects are not followed: the key and the questions go where the user said, and nowhere else."""
        headers = {"Content-Type": "application/json"}
        return self._require().post(self.base_url + path, data=body, headers=headers, allow_redirects=False)

    async def _pieces(self, response: aiohttp.ClientResponse, watch: asyncio.Timeout) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        while True:
            watch.reschedule(loop.time() + self.policy.idle_s)
            piece = await response.content.readany()
            if not piece:
                return
            yield piece

    def _status_failure(self, response: aiohttp.ClientResponse, text: str) -> RequestFailed:
        if response.status in (401, 403):
            raise self._auth_error(response.status, text)
        said = error_message(text) or str(response.reason)
        if "Location" in response.headers:
            said = f"redirects to {response.headers['Location'][:200]}: give the final address as --base-url"
        failure = Failure(
            kind=f"http_{response.status}",
            message=said,
            retryable=response.status in RETRYABLE_STATUS,
        )
        return RequestFailed(failure, _retry_after_s(response.headers))

    def _auth_error(self, status: int, text: str) -> AuthError:
        said = self.label(error_message(text))
        return AuthError(
            f"{self.base_url} refused the key ({status}{': ' + said if said else ''}); "
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

    def _delay_s(self, attempt: int, retry_after_s: float | None) -> float:
        if retry_after_s is not None:
            return min(retry_after_s, 600.0) + random.uniform(0, 0.25)
        ceiling = min(self.policy.backoff_max_s, self.policy.backoff_s * 2 ** (attempt - 1))
        return random.uniform(ceiling / 2, ceiling)

    def _require(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise EndpointError("the client is not open")
        return self._session


def error_message(text: str) -> str:
    """The message inside an error body, in the shapes that providers use; else its first line."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return text.strip().splitlines()[0][:300] if text.strip() else ""
    if isinstance(data, dict):
        inner = data.get("error", data)
        if isinstance(inner, dict):
            inner = inner.get("message") or inner.get("msg") or inner.get("detail") or inner
        return str(inner)[:300]
    return str(data)[:300]


async def _read_some(response: aiohttp.ClientResponse, limit: int = 65_536) -> str:
    parts: list[bytes] = []
    size = 0
    while size < limit and (piece := await response.content.read(limit - size)):
        parts.append(piece)
        size += len(piece)
    return b"".join(parts).decode("utf-8", "replace")


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    try:
        return max(0.0, float(headers["Retry-After"]))
    except (KeyError, ValueError):
        return None


def _reason(fault: BaseException) -> str:
    if isinstance(fault, aiohttp.ClientConnectorError):  # its own words repeat the address
        number = fault.errno or 0
        return os.strerror(number) if number > 0 else str(fault.strerror)
    return (str(fault) or type(fault).__name__).splitlines()[0][:300]
