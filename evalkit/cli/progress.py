"""Progress on standard error: a live panel on a terminal, a plain line every 30 s elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from typing import Any

from evalkit.budget import Spending
from evalkit.types import Event, EventKind, Generation, Score, Status

_PLAIN_EVERY_S = 30.0
_RECENT_S = 120.0
"""Rates and the time left are judged by so much of the past: concurrency changes, and so does a server's load."""
_Z = 1.96


class Progress:
    """Counts what the runner reports; subclasses show it."""

    def __init__(self) -> None:
        self.total = 0
        self.done = 0
        self.in_flight = 0
        self.concurrency = 0
        self.statuses: Counter[Status] = Counter()
        self.retries: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.right = 0.0
        self.n_tokens = 0
        self.change = ""
        self._spent: Spending | None = None
        self._past: deque[tuple[float, int, int]] = deque()

    def started(self, total: int, done: int, spent: Spending) -> None:
        """The run begins with `done` samples from earlier."""
        self.total, self.done, self._spent = total, done, spent
        self._past.append((time.monotonic(), done, 0))
        self.show()

    def sample(self, task: str, generation: Generation, score: Score) -> None:
        """One more sample is graded."""
        self.done += 1
        self.statuses[score.status] += 1
        if generation.failure is not None:
            self.failures[generation.failure.kind] += 1
        self.right += score.value or 0.0
        if not generation.cached:
            self.n_tokens += generation.n_tokens

    def event(self, event: Event) -> None:
        """Something changed at the endpoint, or less is wanted than before."""
        if event.kind is EventKind.RETRY:
            self.retries[event.what] += 1
            return
        if event.kind is EventKind.CONCURRENCY:
            self.concurrency = int(event.value)
        if event.kind in (EventKind.DECIDED, EventKind.ROUND):
            self.total -= int(event.value)
        self.change = event.message

    def tick(self, in_flight: int) -> None:
        """Twice a second."""
        self.in_flight = in_flight
        now = time.monotonic()
        self._past.append((now, self.done, self.n_tokens))
        while now - self._past[0][0] > _RECENT_S:
            self._past.popleft()
        self.show()

    def show(self) -> None:
        """Draw; silent here."""

    def score(self) -> str:
        """The running score with its error bar, or nothing yet.

        The bar is that of a share of so many samples (Agresti and Coull 1998), an upper bound of the noise of sampling
        on the same items; the table at the end has both error bars.
        """
        n = sum(self.statuses.values()) - self.statuses[Status.ERRORED]
        if not n:
            return ""
        p = (self.right + _Z**2 / 2) / (n + _Z**2)
        half = _Z * (p * (1 - p) / (n + _Z**2)) ** 0.5
        return f"score so far {100 * self.right / n:.1f} % ± {100 * half:.1f}"

    def rates(self) -> list[str]:
        """Tokens a second, requests in flight, cost."""
        elapsed_s, _, tokens = self._recent()
        parts = [f"{tokens / elapsed_s:,.0f} tokens/s"] if tokens else []
        if self.concurrency:
            parts.append(f"{self.in_flight} of {self.concurrency} requests in flight")
        if self._spent is not None and self._spent.cost is not None:
            parts.append(f"cost {self._spent.cost:.4g} {self._spent.currency}")
        return parts

    def troubles(self) -> list[str]:
        """Samples without a score, and requests tried again, by kind."""
        parts = [f"{n:,} {status}" for status, n in self.statuses.items() if status is not Status.SCORED]
        if self.failures:
            parts.append("failed: " + ", ".join(f"{kind} {n:,}" for kind, n in self.failures.most_common(6)))
        if self.retries:
            parts.append("tried again: " + ", ".join(f"{kind} {n:,}" for kind, n in self.retries.most_common(6)))
        return parts

    def left(self) -> str:
        """The time left at the recent pace."""
        elapsed_s, done, _ = self._recent()
        return f"{_clock(elapsed_s * (self.total - self.done) / done)} left" if done and self.total > self.done else ""

    def _recent(self) -> tuple[float, int, int]:
        """(seconds, samples, tokens) of the recent past."""
        if not self._past:
            return 1.0, 0, 0
        then, done, tokens = self._past[0]
        return max(1e-3, time.monotonic() - then), self.done - done, self.n_tokens - tokens


class PlainProgress(Progress):
    """For logs and pipes."""

    _shown_s = float("-inf")

    def show(self) -> None:
        """One line every 30 s."""
        if time.monotonic() - self._shown_s >= _PLAIN_EVERY_S:
            self.write()

    def write(self) -> None:
        """The state in one line."""
        self._shown_s = time.monotonic()
        done = f"{self.done:,}/{self.total:,}"
        parts = [done, self.score(), *self.rates(), *self.troubles(), self.left(), self.change]
        print(", ".join(part for part in parts if part), file=sys.stderr, flush=True)


class LiveProgress(Progress):
    """For terminals: redrawn in place."""

    def __init__(self, live: Any) -> None:
        super().__init__()
        self._live = live

    def show(self) -> None:
        """Redraw."""
        self._live.update(self.panel(), refresh=True)

    def panel(self) -> Any:
        """A bar and up to three lines."""
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        head = Table.grid(padding=(0, 2))
        share = self.done / self.total if self.total else 0.0
        bar = ProgressBar(total=max(1, self.total), completed=self.done, width=24)
        head.add_row(bar, f"{self.done:,}/{self.total:,}", f"{100 * share:.0f} %", self.score(), self.left())
        lines = [", ".join(self.rates()), ", ".join(self.troubles()), self.change]
        texts = [Text(line, style="dim", no_wrap=True, overflow="ellipsis") for line in lines if line]
        return Group(head, *texts)


@contextlib.contextmanager
def progress(quiet: bool) -> Iterator[Progress]:
    """The display that fits where standard error goes."""
    if quiet:
        yield Progress()
    elif not sys.stderr.isatty():
        plain = PlainProgress()
        yield plain
        plain.write()
    else:
        from rich.console import Console
        from rich.live import Live

        with Live(console=Console(stderr=True), auto_refresh=False) as live:
            shown = LiveProgress(live)
            yield shown
            shown.show()


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
