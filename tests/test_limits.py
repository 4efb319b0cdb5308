"""How much an endpoint is asked: the rules against simulated servers and given times, without any waiting."""

from __future__ import annotations

import heapq
import random
from typing import Any

import pytest

from evalkit.clients.limits import START, Concurrency, PerMinute, pause_s, seconds


class Simulated:
    """A server that works on `slots` requests at once; each takes `latency_s`, and streams while it is worked on.

    `refuses_above` answers 429 at once to what comes beyond it; `fails(now)` ends a request as a fault.
    """

    def __init__(self, slots: int, latency_s: float, *, stream: bool = True, refuses_above: int | None = None) -> None:
        self.slots, self.latency_s, self.stream, self.refuses_above = slots, latency_s, stream, refuses_above
        self.now = 0.0
        self.in_flight = 0
        self.n_done = self.n_refused = 0
        self.limits: list[int] = []
        self._dice = random.Random(1)
        self._free = [0.0] * slots
        self._finishing: list[float] = []

    def run(self, concurrency: Concurrency, duration_s: float, fails: Any = lambda now: False) -> None:
        """Keep the concurrency's limit of requests in flight for so long."""
        tick, until = self.now, self.now + duration_s
        while self.now < until:
            tick += 0.1
            self._send(concurrency)
            while self._finishing and self._finishing[0] <= tick:
                self.now = heapq.heappop(self._finishing)
                if fails(self.now):
                    concurrency.faulted()
                else:
                    self.n_done += 1
                    concurrency.done()
                    concurrency.received(0 if self.stream else 100_000)
                concurrency.tend(self.now, self.in_flight)
                self.in_flight -= 1
                self._send(concurrency)
            self.now = tick
            for _ in range(min(self.in_flight, self.slots) if self.stream else 0):  # all that is worked on delivers
                concurrency.received(int(1e5 * 0.1 / self.latency_s))
            concurrency.tend(self.now, self.in_flight)
            self.limits.append(concurrency.limit)

    def _send(self, concurrency: Concurrency) -> None:
        while self.in_flight < concurrency.limit:
            if self.refuses_above is not None and self.in_flight >= self.refuses_above:
                self.n_refused += 1
                concurrency.refused(self.now, self.now)
                return
            self.in_flight += 1
            concurrency.sent(self.now, self.in_flight)
            ends = max(self.now, heapq.heappop(self._free)) + self.latency_s * self._dice.uniform(0.8, 1.2)
            heapq.heappush(self._free, ends)
            heapq.heappush(self._finishing, ends)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(("slots", "latency_s"), [(4, 1.0), (32, 2.0), (256, 1.0), (64, 300.0)])
def test_auto_finds_what_a_server_can_do(slots: int, latency_s: float, stream: bool) -> None:
    concurrency = Concurrency()
    server = Simulated(slots, latency_s, stream=stream)
    server.run(concurrency, max(300.0, 40 * latency_s))
    before = server.n_done
    settled = server.limits[len(server.limits) // 2 :]
    assert min(settled) >= 0.9 * slots, "it never starves the server again"
    assert sum(settled) / len(settled) <= 2.6 * max(slots, START), "it does not pile up requests"
    server.run(concurrency, 20 * latency_s)
    assert server.n_done - before >= 0.9 * slots * 20 * 0.95, "the server is kept busy"


def test_long_answers_are_judged_while_they_stream() -> None:
    """Answers of half an hour: the number of requests grows long before the first is complete."""
    concurrency = Concurrency()
    server = Simulated(512, 1800.0)
    server.run(concurrency, 600.0)
    assert server.n_done == 0 and concurrency.limit >= 256


def test_429_lowers_it_and_more_is_tried_later() -> None:
    concurrency = Concurrency()
    server = Simulated(1000, 1.0, refuses_above=40)
    server.run(concurrency, 600.0)
    settled = server.limits[3000:]
    assert 20 <= sum(settled) / len(settled) <= 40
    assert server.n_refused < 0.02 * server.n_done


def test_one_burst_of_429_counts_once_and_the_more_the_more() -> None:
    concurrency = Concurrency()
    concurrency.limit = 100
    assert concurrency.refused(10.0, sent_s=9.0) is None, "one may be chance"
    assert concurrency.refused(10.0, sent_s=9.0) is None, "two, too"
    assert concurrency.refused(10.0, sent_s=9.0) is not None and concurrency.limit == 91
    for _ in range(50):
        concurrency.refused(10.1, sent_s=9.5)
    assert concurrency.limit == 70
    assert concurrency.refused(12.0, sent_s=11.0) is not None and concurrency.limit == 67


def test_a_rare_429_does_not_strangle_it() -> None:
    """One request in a hundred is refused whatever the number in flight is."""
    concurrency = Concurrency()
    server, dice = Simulated(1000, 1.0), random.Random(9)

    def sometimes(now: float) -> bool:
        if dice.random() < 0.01:
            concurrency.refused(now, now - 1.0)
        return False

    server.run(concurrency, 600.0, fails=sometimes)
    settled = server.limits[3000:]
    assert sum(settled) / len(settled) >= 30


def test_after_a_time_of_429_it_comes_back() -> None:
    concurrency = Concurrency()
    server = Simulated(64, 1.0, refuses_above=4)
    server.run(concurrency, 60.0)
    assert concurrency.limit <= 5
    server.refuses_above = None
    server.run(concurrency, 120.0)
    assert concurrency.limit >= 40


def test_faults_lower_it_only_where_they_are_many() -> None:
    few, many = Concurrency(), Concurrency()
    dice = random.Random(3)
    Simulated(64, 1.0).run(few, 120.0, fails=lambda now: dice.random() < 0.05)
    Simulated(64, 1.0).run(many, 120.0, fails=lambda now: dice.random() < 0.6)
    assert few.limit >= 48 and many.limit <= 8


def test_a_fixed_number_never_changes() -> None:
    concurrency = Concurrency(5)
    Simulated(64, 1.0, refuses_above=3).run(concurrency, 60.0)
    assert concurrency.limit == 5


@pytest.mark.parametrize("limit", [1, 7, 100])
def test_no_minute_has_more_than_its_limit(limit: int) -> None:
    rate, dice, now = PerMinute(limit), random.Random(limit), 0.0
    spent: list[tuple[float, float]] = []
    for _ in range(2000):
        now += dice.expovariate(limit / 30)
        amount = dice.choice([1.0, 1.0, min(2.0, limit)])
        now += rate.wait_s(now, amount)
        rate.spend(now, amount)
        spent.append((now, amount))
    for at, _ in spent:
        assert sum(amount for then, amount in spent if at - 60 + 1e-6 < then <= at) <= limit + 1e-9


def test_what_exceeds_a_minute_on_its_own_waits_for_an_empty_one() -> None:
    rate = PerMinute(100)
    assert rate.wait_s(0.0, 500) == 0
    rate.spend(0.0, 500)
    assert rate.wait_s(1.0, 1) == pytest.approx(59.0)
    assert rate.wait_s(60.0, 500) == 0


def test_the_true_amount_replaces_the_expected_one() -> None:
    rate = PerMinute(100)
    entry = rate.spend(0.0, 90)
    assert rate.wait_s(1.0, 50) > 0
    rate.correct(1.0, entry, 20)
    assert rate.wait_s(1.0, 50) == 0
    assert rate.wait_s(61.0, 100) == 0
    rate.correct(61.0, entry, 90)
    assert rate.wait_s(61.0, 30) == 0 and rate.wait_s(61.0, 40) > 0, "what is known late burdens the present minute"


NOW = 1_764_000_000.0  # 2025-11-24T16:00:00Z
DURATIONS = [
    ("2", 2), ("0.25", 0.25), ("12ms", 0.012), ("6m0s", 360), ("1h30m", 5400), ("1d", 86400), ("1.5s", 1.5),
    (str(int(NOW) + 30), 30), (str(int(NOW + 30) * 1000), 30), (str(int(NOW) - 5), 0),
    ("Mon, 24 Nov 2025 16:00:07 GMT", 7), ("2025-11-24T16:00:09Z", 9), ("2025-11-24T16:00:09", 9),
    ("soon", None), ("", None), ("-3", None), ("nan", None), ("inf", None), ("3 apples", None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), DURATIONS)
def test_durations_as_servers_write_them(text: str, expected: float | None) -> None:
    found = seconds(text, NOW)
    assert found == (expected if expected is None else pytest.approx(expected, abs=1e-6))


HEADERS: list[tuple[dict[str, str], float | None]] = [
    ({}, None),
    ({"retry-after": "3"}, 3),
    ({"retry-after-ms": "250"}, 0.25),
    ({"retry-after": "soon"}, None),
    ({"retry-after": "99999"}, 600),
    ({"x-ratelimit-remaining-requests": "10", "x-ratelimit-reset-requests": "1s"}, None),
    ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m0s"}, 60),
    ({"x-ratelimit-remaining-requests": "0"}, None),
    ({"x-ratelimit-remaining-tokens": "499", "x-ratelimit-reset-tokens": "4s"}, 4),
    ({"x-ratelimit-remaining-tokens": "501", "x-ratelimit-reset-tokens": "4s"}, None),
    ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW) + 20)}, 20),
    ({"ratelimit-remaining": "0", "ratelimit-reset": "5"}, 5),
    (
        {"retry-after": "1", "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "9s"},
        1,
    ),
]


@pytest.mark.parametrize(("headers", "expected"), HEADERS)
def test_pauses_that_headers_ask_for(headers: dict[str, str], expected: float | None) -> None:
    assert pause_s(headers, NOW, n_tokens=500) == expected
