"""Texts that atheris makes of the cases of the tests, guided by which lines of the scorers they reach.

python tests/fuzz/by_coverage.py --seconds 150
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import atheris

CASES = Path(__file__).parents[1] / "cases" / "scoring"
TOKENS = r"""
\boxed{ \frac{ \sqrt{ \text{ \left( \right) \begin{pmatrix} \end{pmatrix} \cup \infty \pi \pm \circ \cdot \times
^{ _{ {,} #### </think> <think> "answer": ```json ```output ** $ \( \[ \% \$ answer Answer:
"""


def seeds(folder: Path) -> None:
    """The outputs of the cases, a target's number in front of each."""
    texts = [
        json.loads(line) for file in CASES.glob("*.jsonl") for line in file.read_text(encoding="utf-8").splitlines()
    ]
    outputs = [row["output"] for row in texts if isinstance(row.get("output"), str)]
    for number, text in enumerate(outputs):
        (folder / f"{number}").write_bytes(bytes([number % 256]) + text.encode("utf-8", "surrogatepass"))


def main() -> None:
    """Ends the process: 1 if anything was found."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=150)
    parser.add_argument("--seed", type=int, default=0, help="0: another one each time")
    args = parser.parse_args()
    with atheris.instrument_imports(include=["evalkit.scoring", "evalkit.clients.reasoning"]):
        from trial import TARGETS, Trial

        trial = Trial()

    until = time.monotonic() + args.seconds

    def one(data: bytes) -> None:
        if time.monotonic() > until:  # libFuzzer would end the process without us
            print(f"atheris: {trial.n_texts} texts, {trial.findings} findings", file=sys.stderr, flush=True)
            trial.close()
            os._exit(bool(trial.findings))
        target = TARGETS[data[0] % len(TARGETS)] if data else TARGETS[0]
        text = data[1:].decode("utf-8", "replace")
        fault = trial.fault(text, target)
        if fault is not None:
            trial.tell(text, target, fault)

    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    corpus = folder / "corpus"
    corpus.mkdir()
    seeds(corpus)
    words = folder / "tokens"
    words.write_text("".join(json.dumps(token) + "\n" for token in TOKENS.split()))

    options = [f"-dict={words}", "-max_len=4096", f"-seed={args.seed}"]
    options += [f"-artifact_prefix={folder}/", "-report_slow_units=600"]
    atheris.Setup([sys.argv[0], *options, "-verbosity=0", "-print_final_stats=0", str(corpus)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
