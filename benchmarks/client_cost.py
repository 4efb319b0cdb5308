"""What a request costs the client, beside lm-eval in the same run. Prints JSON.

    python benchmarks/client_cost.py [--items 1319] [--samples 4] [--concurrency 256] [--repeats 3]
        [--without-lm-eval]

CPU is user + system time of the client process and its children. Marginal cost = (CPU of items x samples requests -
CPU of items requests) / difference, so that start-up does not enter; `first_request` is the CPU from the start of the
process until the first of items requests reaches the endpoint, which holds its answer back meanwhile; `start` is the
CPU of a whole run of one request. All is included: render, send, parse, store, extract, grade, summarise. lm-eval runs
`local-chat-completions` on the same questions (no streaming, no store), with as many questions instead of samples.
Every figure is the median of so many repeats, after one run that is not counted.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

from support import Endpoint, Process, about, cpu_s, evalkit, finish, lm_eval, yardstick_s

Command = Callable[[str, int, int], list[str]]
"""From the endpoint's address, items and samples."""


def first_request_cpu_s(command: Command, folder: Path, n_items: int) -> float:
    """CPU seconds of a client from its start until its first chat request."""
    with Endpoint("--hold-first") as endpoint:
        process = Process(command(endpoint.url, n_items, 1), folder)
        if endpoint.line() != "first request":
            raise SystemExit("the endpoint ended")
        used_s = cpu_s(process.pid)
        endpoint.release()
        process.end()
    return used_s


def figures(command: Command, url: str, folder: Path, n_items: int, samples: int) -> dict[str, float]:
    """Start, marginal cost and memory of one client, once."""
    first_s = first_request_cpu_s(command, folder, n_items)
    start, once, often = (finish(command(url, *size), folder) for size in ((1, 1), (n_items, 1), (n_items, samples)))
    return {
        "first_request_cpu_s": first_s,
        "start_cpu_s": start.cpu_s,
        "marginal_cpu_ms_a_request": 1e3 * (often.cpu_s - once.cpu_s) / (n_items * (samples - 1)),
        "peak_rss_mb": often.peak_rss_mb,
        "yardstick_s": yardstick_s(),
    }


def medians(found: list[dict[str, float]]) -> dict[str, float | list[float]]:
    """The median of each figure, and all values of the first one."""
    result: dict[str, float | list[float]] = {name: statistics.median(one[name] for one in found) for name in found[0]}
    return {**result, "first_request_cpu_s_all": [one["first_request_cpu_s"] for one in found]}


def main() -> None:
    """All clients against one endpoint, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--items", type=int, default=1319)
    parser.add_argument("--samples", type=int, default=4)
    parser.add_argument("--concurrency", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--without-lm-eval", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, Endpoint() as endpoint:
        folder, n = Path(name), args.concurrency
        clients: dict[str, Command] = {
            "evalkit": lambda url, items, samples: evalkit(folder, url, items, samples, n, "--no-stream"),
            "evalkit, streaming 32 chunks": lambda url, items, samples: evalkit(
                folder, url, items, samples, n, "--stream"
            ),
        }
        if not args.without_lm_eval:
            clients["lm-eval local-chat-completions"] = lambda url, items, samples: lm_eval(
                folder, url, items * samples, n
            )
        found: dict[str, list[dict[str, float]]] = {client: [] for client in clients}
        for command in clients.values():
            finish(command(endpoint.url, 1, 1), folder)
        for _ in range(args.repeats):
            for client, command in clients.items():
                found[client].append(figures(command, endpoint.url, folder, args.items, args.samples))
    setting = {"items": args.items, "samples": args.samples, "concurrency": n, "repeats": args.repeats}
    results = {client: medians(several) for client, several in found.items()}
    print(json.dumps({**about("client_cost"), **setting, "clients": results}, indent=2))


if __name__ == "__main__":
    main()
