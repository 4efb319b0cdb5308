"""Cost and correctness of graders on the same pairs: evalkit, math-verify, lm-eval's, and equal text.

Golds come from the benchmarks in about the proportion of their items (gsm8k and aime: integers; math500;
olympiadbench), one pair of each, right three times out of five, in a notation drawn with a fixed seed (`pairs.py`).
Each grader runs in a process of its own, after a pair that starts its workers and imports its libraries. CPU
counts worker processes; evalkit's caches of texts are emptied before each pair unless `--cache` is given. lm-eval's
Minerva grader needs an older ANTLR than math-verify does: `pip install --target DIR antlr4-python3-runtime==4.11.1` and
`--antlr DIR`; without it, it is left out.

Then evalkit alone: whole outputs of 30 KB whose answer is a plain number, split into reasoning and answer, and graded.
"""

from __future__ import annotations

import argparse
import functools
import gc
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from outputs import outputs
from pairs import golds, perturbed, rewrites
from support import about, cpu_s, yardstick_s

MIX = {"gsm8k": 0.52, "aime": 0.02, "math500": 0.20, "olympiadbench": 0.26}
"""Task -> share of the pairs."""
RIGHT = 0.6
WARM_UP = (r"\frac{x}{2}+\sin(x)^2", r"\sin(x)^2+0.5x")
OUTPUT_BYTES = 30_000
AIMS = {"cpu_ratio_to_math_verify": 20, "p99_ms": 5, "outputs_a_s": 2000}
Grade = Callable[[str, str], bool]
"""Whether a prediction (second) equals a target."""


def mix(data_dir: Path, n_pairs: int, seed: int) -> list[dict[str, Any]]:
    """So many pairs with their labels."""
    made = random.Random(seed)
    rows = []
    for task, share in MIX.items():
        found = list(golds(data_dir, task))
        wanted = round(share * n_pairs)
        while wanted > 0:
            some = made.sample(found, min(wanted, len(found)))
            wanted -= len(some)
            rows += [pair for item in some if (pair := drawn(item, made))]
    made.shuffle(rows)
    return rows[:n_pairs]


def drawn(item: tuple[str, str, str], made: random.Random) -> dict[str, Any]:
    """One pair of a gold; a gold without near misses gives a right one."""
    name, gold, question = item
    wrong = perturbed(gold) if made.random() > RIGHT else []
    kind, text = made.choice(wrong or rewrites(gold, question))
    return {"id": name, "target": gold, "prediction": text, "kind": kind, "label": int(not wrong)}


def evalkit_grader(options: argparse.Namespace) -> tuple[Grade, Callable[[], None]]:
    """Through the scorer; without its caches, unless they are asked for."""
    from evalkit.grading import Grader, make_row
    from evalkit.types import Score

    grader = Grader("math", json.loads(options.scorer_args))

    def score(target: str, prediction: str) -> Score:
        return grader.grade(make_row({"target": target, "prediction": prediction}, "-"))

    bare = score("7", "7").value is not None

    def judge(target: str, prediction: str) -> bool:
        text = prediction if bare or r"\boxed" in prediction else rf"\boxed{{{prediction}}}"
        return score(target, text).value == 1.0

    judge(*WARM_UP)
    caches = [one for one in gc.get_objects() if isinstance(one, functools._lru_cache_wrapper)]
    # What is kept without bound is made once, such as a table; it is no memory of earlier answers.
    kept = [one for one in caches if one.__module__.startswith("evalkit.scoring")]
    own = [one for one in kept if one.cache_parameters()["maxsize"] is not None]

    def forget() -> None:
        for cache in own:
            cache.cache_clear()

    return judge, (lambda: None) if options.cache else forget


def math_verify_grader() -> Grade:
    """As its documentation calls it; a text that names no delimiter stands between dollar signs."""
    import math_verify

    def parsed(text: str) -> Any:
        whole = any(sign in text.replace(r"\$", "") for sign in ("$", r"\boxed", r"\(", r"\["))
        return math_verify.parse(text if whole else f"${text}$")

    return lambda target, prediction: bool(math_verify.verify(parsed(target), parsed(prediction)))


def minerva_grader() -> Grade:
    """lm-eval's `minerva_math`: its normalisation, then sympy."""
    from lm_eval.tasks.minerva_math import utils

    normal = utils.normalize_final_answer
    return lambda target, prediction: bool(utils.is_equiv(normal(prediction), normal(target)))


def hendrycks_grader() -> Grade:
    """lm-eval's `hendrycks_math`: its normalisation, then equal text."""
    from lm_eval.tasks.hendrycks_math import utils

    return lambda target, prediction: bool(utils.is_equiv(prediction, target))


def text_grader() -> Grade:
    """Equal up to outer spaces."""
    return lambda target, prediction: target.strip() == prediction.strip()


GRADERS: dict[str, Callable[[], Grade]] = {
    "math_verify": math_verify_grader,
    "lm_eval_minerva": minerva_grader,
    "lm_eval_hendrycks": hendrycks_grader,
    "text": text_grader,
}


def judge_all(options: argparse.Namespace) -> dict[str, Any]:
    """What one grader says of all pairs, and what it costs; in this process."""
    rows = [json.loads(line) for line in options.pairs.read_text(encoding="utf-8").splitlines()]
    if options.only == "evalkit":
        judge, forget = evalkit_grader(options)
    else:
        judge, forget = GRADERS[options.only](), lambda: None
    judge(*WARM_UP)
    starting_s = cpu_s(os.getpid())
    seconds, verdicts, failures = [], [], 0
    for row in rows:
        forget()
        started = time.perf_counter()
        try:
            verdicts.append(bool(judge(row["target"], row["prediction"])))
        except Exception:  # others' graders raise on some answers; that is no verdict
            verdicts.append(False)
            failures += 1
        seconds.append(time.perf_counter() - started)
    used_s = cpu_s(os.getpid()) - starting_s
    wrong = [row for row, verdict in zip(rows, verdicts, strict=True) if verdict != bool(row["label"])]
    cuts = sorted(seconds)
    return {
        "cpu_ms_a_pair": 1e3 * used_s / len(rows),
        "cpu_s_until_the_first_pair": starting_s,
        "p50_ms": 1e3 * cuts[len(cuts) // 2],
        "p99_ms": 1e3 * cuts[int(len(cuts) * 0.99)],
        "max_ms": 1e3 * cuts[-1],
        "raised": failures,
        "false_positives": sum(not row["label"] for row in wrong),
        "false_negatives": sum(bool(row["label"]) for row in wrong),
        "wrong": [{name: row[name] for name in ("target", "prediction", "label", "kind")} for row in wrong],
    }


def whole_outputs(data_dir: Path, n_outputs: int, seed: int) -> list[tuple[str, str]]:
    """(target, output) of so many bytes, most of them reasoning: a trace between tags, or prose before the answer."""
    made = random.Random(seed)
    found = list(golds(data_dir, "gsm8k"))
    thought = "Then $3x + 5 = 17$, so $x = \\frac{12}{3} = 4$; the answer to part %d is 4, not 7. Wait, check again.\n"
    times = OUTPUT_BYTES // len(thought) + 1
    pages = ["".join(thought % made.randint(1, 999) for _ in range(times))[:OUTPUT_BYTES] + "\n" for _ in range(4)]
    rows = []
    for _ in range(n_outputs):
        _, gold, _ = made.choice(found)
        named = [(name, text) for name, text, gradable in outputs(gold, made.getrandbits(32)) if gradable]
        name, text = made.choice(
            [one for one in named if one[0].startswith(("boxed", "think", "bold", "answer", "hash"))]
        )
        inside = text.replace("<think>\n", "<think>\n" + made.choice(pages), 1)
        rows.append((gold, inside if name.startswith("think-b") or name == "think" else made.choice(pages) + text))
    return rows


def throughput(options: argparse.Namespace) -> dict[str, Any]:
    """Whole outputs a second in one thread; in this process."""
    from evalkit.grading import Grader, make_row

    grader = Grader("math", json.loads(options.scorer_args))
    rows = whole_outputs(options.data_dir, options.outputs, options.seed)
    grader.grade(make_row({"target": "7", "output": r"\boxed{7}"}, "-"))
    cpu, wall = cpu_s(os.getpid()), time.perf_counter()
    values = [grader.grade(make_row({"target": target, "output": text}, "-")).value for target, text in rows]
    wall, cpu = time.perf_counter() - wall, cpu_s(os.getpid()) - cpu
    grader.close()
    sizes = [len(text.encode()) for _, text in rows]
    return {
        "outputs": len(rows),
        "mean_bytes": statistics.mean(sizes),
        "outputs_a_s": len(rows) / wall,
        "outputs_a_cpu_s": len(rows) / cpu,
        "graded_right": sum(value == 1.0 for value in values),
    }


def apart(options: argparse.Namespace, only: str, pairs: Path) -> dict[str, Any] | None:
    """A grader in a process of its own; None if it cannot be loaded."""
    env = dict(os.environ)
    if only == "lm_eval_minerva":
        if options.antlr is None:
            return None
        env["PYTHONPATH"] = os.pathsep.join([str(options.antlr), env.get("PYTHONPATH", "")])
    command = [sys.executable, __file__, "--data-dir", str(options.data_dir), "--only", only, "--pairs", str(pairs)]
    command += ["--outputs", str(options.outputs), "--seed", str(options.seed), "--scorer-args", options.scorer_args]
    done = subprocess.run(
        [*command, *(["--cache"] if options.cache else [])], env=env, stdout=subprocess.PIPE, text=True
    )
    if done.returncode:
        raise SystemExit(f"{only} failed")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """All graders, one after the other, on the same pairs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--n-pairs", type=int, default=1500)
    parser.add_argument("--outputs", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=20261124)
    parser.add_argument("--cache", action="store_true", help="leave evalkit's caches as they are")
    parser.add_argument("--scorer-args", default="{}", help="of evalkit's math scorer, as JSON")
    parser.add_argument(
        "--antlr", type=Path, help="folder with antlr4-python3-runtime 4.11, for lm-eval's Minerva grader"
    )
    parser.add_argument("--examples", type=int, default=0, help="also print so many wrong judgements of each grader")
    parser.add_argument("--only", help=argparse.SUPPRESS)
    parser.add_argument("--pairs", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        print(json.dumps(throughput(options) if options.only == "throughput" else judge_all(options)))
        return
    rows = mix(options.data_dir, options.n_pairs, options.seed)
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pairs.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        for name in ("evalkit", *GRADERS):
            found[name] = apart(options, name, file)
        whole = apart(options, "throughput", file)
    for result in found.values():
        if result is not None:
            result["wrong"] = result["wrong"][: options.examples]
    right = sum(row["label"] for row in rows)
    setting = {"n_pairs": len(rows), "right": right, "mix": MIX, "seed": options.seed, "cache": options.cache}
    ratio = found["math_verify"]["cpu_ms_a_pair"] / found["evalkit"]["cpu_ms_a_pair"]
    measured = {"graders": found, "cpu_ratio_to_math_verify": ratio, "whole_outputs": whole}
    print(json.dumps({**about("grading"), **setting, "aims": AIMS, "yardstick_s": yardstick_s(), **measured}, indent=2))


if __name__ == "__main__":
    main()
