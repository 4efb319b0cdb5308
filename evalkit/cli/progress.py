"""Progress on standard error: a live line on a terminal, a plain line every 30 s elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

from evalkit.types import Generation, Score, Status

_PLAIN_EVERY_S = 30.0


class Progress:
    """Counts what the runner reports; subclasses show it."""

    def __init__(self) -> None:
        self.total = 0
        self.done = 0
        self.statuses: Counter[Status] = Counter()
        self.right = 0.0
        self.n_tokens = 0
        self._first_done = 0
        self._started_s = time.monotonic()

    def started(self, total: int, done: int) -> None:
        """The run begins with `done` samples from earlier."""
        self.total, self.done, self._first_done = total, done, done
        self._started_s = time.monotonic()
        self.show()

    def sample(self, task: str, generation: Generation, score: Score) -> None:
        """One more sample is graded."""
        self.done += 1
        self.statuses[score.status] += 1
        self.right += score.value or 0.0
        self.n_tokens += generation.usage.completion_tokens or 0
        self.show()

    def show(self) -> None:
        """Draw; silent here."""

    def line(self) -> str:
        """The state in one line."""
        elapsed_s = max(1e-9, time.monotonic() - self._started_s)
        fresh = self.done - self._first_done
        counted = fresh - self.statuses[Status.ERRORED]
        parts = [f"{self.done}/{self.total}"]
        if counted:
            parts.append(f"score so far {100 * self.right / counted:.1f} %")
        parts += [f"{n} {status}" for status, n in self.statuses.items() if status is not Status.SCORED]
        if self.n_tokens:
            parts.append(f"{self.n_tokens / elapsed_s:.0f} tokens/s")
        if fresh:
            parts.append(f"{_clock(elapsed_s * (self.total - self.done) / fresh)} left")
        return ", ".join(parts)


class PlainProgress(Progress):
    """For logs and pipes."""

    _shown_s = -_PLAIN_EVERY_S

    def show(self) -> None:
        """One line every 30 s, and at the end."""
        now = time.monotonic()
        if now - self._shown_s >= _PLAIN_EVERY_S or self.done == self.total:
            self._shown_s = now
            print(self.line(), file=sys.stderr, flush=True)


class LiveProgress(Progress):
    """For terminals."""

    def __init__(self, bar: Any) -> None:
        super().__init__()
        self._bar = bar
        self._row = bar.add_task("", total=1)

    def show(self) -> None:
        """Move the bar."""
        self._bar.update(self._row, total=max(1, self.total), completed=self.done, description=self.line())


@contextlib.contextmanager
def progress(quiet: bool) -> Iterator[Progress]:
    """The display that fits where standard error goes."""
    if quiet:
        yield Progress()
    elif not sys.stderr.isatty():
        yield PlainProgress()
    else:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bars

        console = Console(stderr=True)
        with Bars(BarColumn(bar_width=24), TextColumn("{task.description}"), console=console) as bar:
            yield LiveProgress(bar)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
