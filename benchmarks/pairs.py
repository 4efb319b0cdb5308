"""Labelled pairs from real golds: the same answer in every notation in which models write it, and near misses.

    python benchmarks/pairs.py --data-dir DIR --task math500 --output pairs.jsonl

A row is `{id, target, question, kind, label}` with `prediction` (a bare answer) or `output` (all that a model wrote).
The label is 1 (right), 0 (wrong) or null (there is no answer: it must get no value); it is what mathematics says,
checked at three points by a reader of its own (`expressions`), and what that is not sure of is left out. Everything is
deterministic.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from answers import Unsure, understand
from misses import misses
from notations import notations
from outputs import outputs

__all__ = ["TASKS", "golds", "outputs", "pairs", "perturbed", "rewrites", "wrapped"]


def rewrites(gold: str, question: str = "") -> list[tuple[str, str]]:
    """(name, text) of the same answer in other notations; `question` tells which unit or order is meant."""
    try:
        found = notations(understand(gold), question)
    except Unsure:
        found = []
    return _distinct([("gold", gold), *found, *wrapped(gold)])


def perturbed(gold: str) -> list[tuple[str, str]]:
    """(name, text) of answers close to the gold that are other answers."""
    try:
        return _distinct(misses(understand(gold)))
    except Unsure:
        return []


def wrapped(gold: str) -> list[tuple[str, str]]:
    """What may be put around any text."""
    text = gold.strip()
    if "$" in text.replace(r"\$", "") or re.search(r"[A-Za-z]{2,} [a-z]{2,}", text) or text != gold:
        return [("full-stop", f"{text}.")] if text[-1:] == "$" else []
    return [
        ("full-stop", f"{text}."),
        ("dollars", f"${text}$"),
        ("dollars-full-stop", f"${text}$."),
        ("display-dollars", f"$${text}$$"),
        ("parentheses", rf"\({text}\)"),
        ("brackets", rf"\[{text}\]"),
        ("brackets-lines", f"\\[\n{text}\n\\]"),
        ("boxed", rf"\boxed{{{text}}}"),
        ("boxed-dollars", rf"$\boxed{{{text}}}$"),
        ("displaystyle", rf"\displaystyle {text}"),
        ("spaces", f"  {text} "),
        ("thin-space", rf"{text}\,"),
        ("bold", rf"**{text}**"),
        *([] if re.search(r"\\text|\\mbox|\\begin|\\\$", text) else [("mathbf", rf"\mathbf{{{text}}}")]),
    ]


def _distinct(found: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The first of those with the same text; a name that comes again gets a number."""
    texts: dict[str, str] = {}
    for name, text in found:
        texts.setdefault(text, name)
    names: dict[str, int] = {}
    kept = []
    for text, name in texts.items():
        names[name] = names.get(name, 0) + 1
        kept.append((name if names[name] == 1 else f"{name}-{names[name]}", text))
    return kept


def _last_box(row: dict[str, Any]) -> str:
    found = row["solution"].rfind(r"\boxed")
    text, depth = row["solution"][found + len(r"\boxed") :], 0
    if not text.startswith("{"):
        return str(text.split("$")[0].split(".")[0].strip())
    for at, char in enumerate(text):
        depth += (char == "{") - (char == "}")
        if depth == 0:
            return str(text[1:at])
    return ""


def _plain(row: dict[str, Any]) -> str:
    return str(row["answer"])


TASKS: dict[str, tuple[tuple[str, ...], Callable[[dict[str, Any]], str]]] = {
    "math500": (("math500",), _plain),
    "gsm8k": (("gsm8k",), lambda row: row["answer"].rsplit("#### ", 1)[1].strip()),
    "hendrycks_math": (("hendrycks_math",), _last_box),
    "olympiadbench": (("olympiadbench",), lambda row: row["final_answer"][0]),
    "minerva_math": (("minerva_math",), _plain),
    "college_math": (("college_math",), _plain),
    "gaokao2023en": (("gaokao2023en",), _plain),
    "aime": (("aime24", "aime25"), _plain),
    "amc23": (("amc23",), lambda row: str(int(row["answer"]))),
}
"""Task -> folders of its items, and where a row has its gold."""
_MANY_BOXES = {91, 333, 414, 2152, 2549, 2656, 2703, 2716, 2912, 2936, 3837, 4060, 4559, 4562, 4860}
"""Rows of hendrycks_math whose answer is not the last box alone."""


def golds(data_dir: Path, task: str) -> Iterator[tuple[str, str, str]]:
    """(id, gold, question) of the items of a task."""
    folders, gold = TASKS[task]
    for folder in folders:
        with (data_dir / folder / "test.jsonl").open(encoding="utf-8") as lines:
            for place, line in enumerate(lines):
                row = json.loads(line)
                if task == "hendrycks_math" and place in _MANY_BOXES:
                    continue
                answer = gold(row)
                if answer:
                    yield f"{folder}-{place}", answer, str(row.get("problem") or row.get("question") or "")


def pairs(item: tuple[str, str, str], per_gold: int = 8) -> list[dict[str, Any]]:
    """At most so many rewrites, as many perturbations, and a few whole outputs of one gold, drawn by its text."""
    name, gold, question = item
    made = random.Random(hashlib.sha256(f"{name}\n{gold}".encode()).digest())

    def some(found: list[Any], count: int) -> list[Any]:
        return found if len(found) <= count else [found[i] for i in sorted(made.sample(range(len(found)), count))]

    around = wrapped(gold)
    right, wrong = [one for one in rewrites(gold, question) if one not in around], perturbed(gold)
    chosen = some(right, per_gold - per_gold // 4) + some(around, per_gold // 4)
    rows = [(kind, {"prediction": text}, 1) for kind, text in chosen]
    rows += [(f"not-{kind}", {"prediction": text}, 0) for kind, text in some(wrong, per_gold)]
    if len(gold) < 200 and "\n" not in gold and not re.search(r"[a-z]{3,} (?:[a-z]+|\$|\d)", gold):
        rows += _whole(gold, "", 1, some(outputs(gold, made.getrandbits(32)), 3))
    if wrong:
        kind, text = made.choice(wrong)
        rows += _whole(text, f"not-{kind}/", 0, some(outputs(text, made.getrandbits(32)), 2))
    shared = {"target": gold, "question": question}
    return [{"id": f"{name}/{n}", **shared, **text, "kind": k, "label": v} for n, (k, text, v) in enumerate(rows)]


def _whole(text: str, prefix: str, label: int, found: list[Any]) -> list[tuple[str, dict[str, str], int | None]]:
    rows = []
    for name, output, gradable in found:
        finish = {"finish_reason": "length"} if name in ("cut-off", "json-cut-off") else {}
        rows.append((f"{prefix}output-{name}", {"output": output, **finish}, label if gradable else None))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--task", action="append", choices=sorted(TASKS), required=True, help="may be repeated")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument(
        "--per-gold", type=int, default=8, help="rewrites of one gold, and perturbations of it, at most"
    )
    parser.add_argument("--golds", type=int, help="so many of a task's distinct golds, drawn with a fixed seed")
    args = parser.parse_args()
    with args.output.open("w", encoding="utf-8") as out:
        for task in args.task:
            items = list({gold: (name, gold, question) for name, gold, question in golds(args.data_dir, task)}.values())
            if args.golds and len(items) > args.golds:
                items = random.Random(task).sample(items, args.golds)
            for item in items:
                out.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in pairs(item, args.per_gold))


if __name__ == "__main__":
    main()
