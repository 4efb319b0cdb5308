"""How much one endpoint is asked at once and a minute: pure rules, told the time by the caller, no I/O.

`Concurrency` looks for the smallest number of requests in flight at which throughput no longer grows: it doubles while
doubling pays, goes back to the last number that paid, and tries a quarter more now and then, since a server's load
changes. Throughput is bytes received a second, so that answers which take an hour guide it while they stream. A 429 is
an instruction and, unless it is a rare one, takes effect at once, the more of them the more; what was lost is won back
in steps, up to just below where the 429 came. Faults (5xx, time-outs) lower the number only where they are a good part
of what comes back.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum

START = 8
TOP = 1024
_PAYS = 1.1
"""Throughput must grow by this factor for more requests in flight to be kept."""
_SLOW_WINDOW_S = 10.0
"""How long throughput is measured where requests take longer than that."""
_SETTLE_S = 2.0
_PIECES = 8
"""Pieces for each request in flight that make a stream."""
_FEWEST_DONE = 16
_CUT_BY_429 = 0.3
_MANY_429 = 0.1
"""Share of the requests in flight whose refusal cuts in full."""
_BELOW_429 = 0.9
_RARE_429 = 0.02
"""Share of answers, over the last hundred or so, up to which a 429 only pauses: some servers refuse at random."""
_SHARE_STEP = 0.01
_BURST = 3
"""So many together are never at random."""
_FAULTY_SHARE = 0.3
_FEWEST_FAULTS = 4
_PROBE_EVERY = 8
_PROBE_RAREST = 64
MAX_PAUSE_S = 600.0
"""Longest wait that an endpoint can impose before it is asked again."""


class _Phase(Enum):
    DOUBLING = 1
    STEADY = 2
    PROBING = 3
    """A quarter more than what was steady."""
    RECOVERING = 4
    """On the way back up to `_ceiling`."""


class Concurrency:
    """Requests in flight at one endpoint; `fixed` never changes."""

    def __init__(self, fixed: int | None = None) -> None:
        self.limit = fixed or START
        self._fixed = fixed is not None
        self._phase = _Phase.DOUBLING
        self._best: tuple[int, float] | None = None
        """Last number that was kept, and its throughput (0 if it was not measured)."""
        self._ceiling = TOP
        self._windows_to_probe = self._probe_every = _PROBE_EVERY
        self._burst_s = float("-inf")
        self._burst = (0, 0)
        """Limit before the last burst of 429, and how many there were in it."""
        self._share_429 = 0.0
        self._restart(None)

    def sent(self, now: float, in_flight: int) -> None:
        """One more request went out; `in_flight` counts it. Measuring begins when the limit is reached."""
        if self._began_s is None and in_flight >= self.limit:
            self._restart(now)

    def received(self, n_bytes: int) -> None:
        """A piece of an answer came."""
        self._n_bytes += n_bytes
        self._n_pieces += 1

    def done(self) -> None:
        """A request was answered."""
        self._n_done += 1
        self._share_429 -= _SHARE_STEP * self._share_429

    def faulted(self) -> None:
        """A request ended in a 5xx, a reset or a time-out."""
        self._n_faults += 1

    def refused(self, now: float, sent_s: float) -> str | None:
        """A 429 for a request sent at `sent_s`; the reason if the limit was lowered.

        Those sent before the first one came back are one burst, and count together.
        """
        if self._fixed:
            return None
        if sent_s > self._burst_s:
            self._burst_s, self._burst = now, (self.limit, 0)
        before, n = self._burst[0], self._burst[1] + 1
        self._burst = before, n
        self._share_429 += _SHARE_STEP * (1 - self._share_429)
        if n < _BURST and self._share_429 < _RARE_429:
            return None
        severity = min(1.0, n / max(4.0, _MANY_429 * before))
        limit = max(1, min(before - 1, int(before * (1 - _CUT_BY_429 * severity))))
        return self._lower(limit, int(_BELOW_429 * before), "the endpoint answered 429") if limit < self.limit else None

    def tend(self, now: float, in_flight: int) -> str | None:
        """Look at what was measured; the reason if the limit was changed."""
        if self._fixed:
            return None
        n = self._n_done + self._n_faults
        if self._n_faults >= _FEWEST_FAULTS and self._n_faults > _FAULTY_SHARE * n:
            reason = f"{self._n_faults} of {n} requests failed"
            self._restart(None)
            return self._lower(max(1, self.limit // 2), self.limit, reason)
        if self._began_s is None or not self._is_measured(now - self._began_s, now):
            return None
        if in_flight < 0.8 * self.limit:  # too little was sent to say anything: the end of a run, or a pause
            self._restart(None)
            return None
        throughput = self._n_bytes / max(now - self._began_s, 1e-9)
        self._restart(now)
        return self._judge(throughput)

    def _is_measured(self, elapsed_s: float, now: float) -> bool:
        if self._n_done >= (self.limit if self._phase is _Phase.RECOVERING else max(self.limit, _FEWEST_DONE)):
            return True
        if not self._settled and elapsed_s >= _SETTLE_S:  # the newest requests have begun to deliver by now
            self._restart(now, settled=True)
            return False
        # Whole answers tell nothing before most of them are there; a stream does.
        return elapsed_s >= _SLOW_WINDOW_S and self._n_pieces >= _PIECES * max(self.limit, self._n_done)

    def _judge(self, throughput: float) -> str | None:
        if self._phase is _Phase.RECOVERING:
            return self._recover(throughput)
        if self._phase is _Phase.STEADY:
            return self._stay(throughput)
        best, figures = self._best, f"{throughput / 1e3:,.0f} kB/s"
        if best is not None:
            figures = f"{best[1] / 1e3:,.0f} to {figures}"
        if best is None or throughput > _PAYS * best[1]:
            self._best = (self.limit, throughput)
            self._probe_every = _PROBE_EVERY
            step = self.limit if self._phase is _Phase.DOUBLING else max(1, self.limit // 4)
            return self._set(min(TOP, self.limit + step), f"throughput grew, {figures}")
        self._phase = _Phase.STEADY
        self._windows_to_probe = self._probe_every
        self._probe_every = min(_PROBE_RAREST, 2 * self._probe_every)
        return self._set(best[0], f"throughput did not grow, {figures}")

    def _stay(self, throughput: float) -> str | None:
        before = self._best[1] if self._best else 0.0
        self._best = (self.limit, 0.7 * before + 0.3 * throughput if before else throughput)
        self._windows_to_probe -= 1
        if self._windows_to_probe > 0 or self.limit >= TOP:
            return None
        self._phase = _Phase.PROBING
        return self._set(min(TOP, self.limit + max(1, self.limit // 4)), "trying whether more pays")

    def _recover(self, throughput: float) -> str | None:
        if self.limit >= self._ceiling:
            self._phase = _Phase.STEADY
            self._best = (self.limit, throughput)
            return None
        return self._set(min(self._ceiling, self.limit + max(1, self.limit // 10)), "recovering")

    def _lower(self, limit: int, ceiling: int, reason: str) -> str | None:
        self._phase = _Phase.RECOVERING
        self._ceiling = ceiling
        self._windows_to_probe = self._probe_every = _PROBE_EVERY
        return self._set(limit, reason)

    def _set(self, limit: int, reason: str) -> str | None:
        if limit == self.limit:
            return None
        self.limit = limit
        self._restart(None)
        return reason

    def _restart(self, began_s: float | None, settled: bool = False) -> None:
        self._began_s = began_s
        self._settled = settled
        self._n_bytes = self._n_pieces = self._n_done = self._n_faults = 0


class PerMinute:
    """At most `limit` units (requests, tokens) in any 60 seconds; None has no limit."""

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._spent: deque[list[float]] = deque()
        self._total = 0.0

    def wait_s(self, now: float, amount: float) -> float:
        """Seconds until `amount` may be spent. What exceeds the limit on its own waits for an empty minute."""
        if self._limit is None:
            return 0.0
        while self._spent and self._spent[0][0] <= now - 60.0:
            self._total -= self._spent.popleft()[1]
        excess = self._total + min(amount, self._limit) - self._limit
        for at, spent in self._spent if excess > 0 else ():
            excess -= spent
            if excess <= 0:
                return at + 60.0 - now
        return 0.0

    def spend(self, now: float, amount: float) -> list[float]:
        """Enter `amount`; keep the entry to correct it."""
        entry = [now, amount]
        if self._limit is not None:
            self._spent.append(entry)
            self._total += amount
        return entry

    def correct(self, now: float, entry: list[float], amount: float) -> None:
        """Put the true amount in place of the expected one; what is known too late burdens the present minute."""
        if self._limit is None:
            return
        if entry[0] <= now - 60.0:
            if amount > entry[1]:
                self.spend(now, amount - entry[1])
        else:
            self._total += amount - entry[1]
            entry[1] = amount


_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_EPOCH = 1e9
"""A plain number above this is a time of day, not a duration."""


def duration_s(text: str) -> float | None:
    """Seconds out of `90`, `90s`, `15m`, `1h30m`; None for anything else."""
    if _DURATION.fullmatch(text):
        return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text))
    return float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else None


def seconds(text: str, clock: float) -> float | None:
    """Seconds from `clock` (Unix time) that a header means: `2`, `1m30s`, `250ms`, a Unix time, a date; else None."""
    text = text.strip()
    if _DURATION.fullmatch(text):
        return duration_s(text)
    try:
        value = float(text)
    except ValueError:
        when = _date(text)
        return None if when is None else max(0.0, when - clock)
    if not 0 <= value < float("inf"):
        return None
    if value > _EPOCH:
        return max(0.0, (value / 1e3 if value > 1e3 * _EPOCH else value) - clock)
    return value


def pause_s(headers: Mapping[str, str], clock: float, n_tokens: float = 0) -> float | None:
    """How long the endpoint asks to be left alone, in any of the usual headers; None if it does not.

    `n_tokens` is what the next request will need: less than that left in the current period is nothing left.
    """
    for name, unit in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        if name in headers and (wait := seconds(headers[name], clock)) is not None:
            return min(MAX_PAUSE_S, wait * unit)
    waits = []
    for name, needed in (("requests", 1.0), ("tokens", max(1.0, n_tokens)), ("", 1.0)):
        for prefix in ("x-ratelimit", "ratelimit"):
            ending = f"-{name}" if name else ""
            left = _number(headers.get(f"{prefix}-remaining{ending}"))
            if left is not None and left < needed:
                waits.append(seconds(headers.get(f"{prefix}-reset{ending}", ""), clock))
    known = [wait for wait in waits if wait is not None]
    return min(MAX_PAUSE_S, max(known)) if known else None


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


def _date(text: str) -> float | None:
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            when = read(text)
        except (ValueError, TypeError):
            continue
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    return None
