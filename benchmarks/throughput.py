"""How much of a saturated server's throughput a run gets. Prints JSON.

    python benchmarks/throughput.py [--items 1600] [--samples 16] [--slots 256] [--latency-s 0.2]
        [--lm-eval-requests 5120] [--without-lm-eval]

endpoint.py works on `slots` answers at once, each for `latency-s`, and queues what comes beyond: at most slots /
latency answers a second. Each client sends items x samples requests, lm-eval fewer. `share` is what was answered
between the first request and the last answer, as the endpoint sees them, over that maximum; `share_second_half` the
same over the second half of that time, for `--concurrency auto` finds its concurrency in the first.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from support import Endpoint, about, evalkit, finish, lm_eval, yardstick_s

Command = Callable[[Path, str], list[str]]
"""From a folder and the endpoint's address."""


def second_half(stats: dict[str, Any]) -> float:
    """Answers a second in the second half of the time between the first request and the last answer."""
    span_s = stats["last_s"] - stats["first_s"]
    n = 0.0
    for number, count in enumerate(stats["bins"]):
        begin_s, end_s = number * stats["bin_s"], min((number + 1) * stats["bin_s"], span_s)
        n += count * max(0.0, end_s - max(begin_s, span_s / 2)) / max(end_s - begin_s, 1e-9)
    return n / (span_s / 2)


def each_second(stats: dict[str, Any]) -> list[int]:
    """Answers in each whole second, and in what is left at the end."""
    width = round(1 / stats["bin_s"])
    return [sum(stats["bins"][i : i + width]) for i in range(0, len(stats["bins"]), width)]


def limits(folder: Path) -> list[int]:
    """The numbers of requests in flight that the run's log tells of, in order."""
    return [
        int(n) for log in folder.glob("runs/*/run.log") for n in re.findall(r" concurrency (\d+):", log.read_text())
    ]


def measure(command: Command, options: list[str], maximum: float) -> dict[str, Any]:
    """One client on an endpoint of its own."""
    with tempfile.TemporaryDirectory() as name, Endpoint(*options) as endpoint:
        usage = finish(command(Path(name), endpoint.url), Path(name))
        stats = endpoint.stats()
        concurrency = limits(Path(name))
    span_s = stats["last_s"] - stats["first_s"]
    found = {
        "requests": stats["answered"],
        "span_s": span_s,
        "answers_a_s": stats["answered"] / span_s,
        "share": stats["answered"] / span_s / maximum,
        "share_second_half": second_half(stats) / maximum,
        "answers_in_each_second": each_second(stats),
        "client_cpu_s": usage.cpu_s,
        "yardstick_s": yardstick_s(),
    }
    return {**found, **({"concurrency": concurrency} if concurrency else {})}


def main() -> None:
    """All clients, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--items", type=int, default=1600)
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--slots", type=int, default=256)
    parser.add_argument("--latency-s", type=float, default=0.2)
    parser.add_argument("--lm-eval-requests", type=int, default=5120)
    parser.add_argument("--without-lm-eval", action="store_true")
    args = parser.parse_args()

    def run(concurrency: int | str) -> Command:
        return lambda folder, url: evalkit(folder, url, args.items, args.samples, concurrency, "--no-stream")

    clients = {f"evalkit, --concurrency {concurrency}": run(concurrency) for concurrency in (args.slots, "auto")}
    if not args.without_lm_eval:
        clients["lm-eval local-chat-completions"] = lambda folder, url: lm_eval(
            folder, url, args.lm_eval_requests, args.slots
        )
    options = ["--latency-s", str(args.latency_s), "--slots", str(args.slots)]
    maximum = args.slots / args.latency_s
    found = {client: measure(command, options, maximum) for client, command in clients.items()}
    setting = {"slots": args.slots, "latency_s": args.latency_s, "maximum_answers_a_s": maximum}
    print(json.dumps({**about("throughput"), **setting, "clients": found}, indent=2))


if __name__ == "__main__":
    main()
