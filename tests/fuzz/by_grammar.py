"""Texts in the shapes of answers (TeX, JSON, prose), bent and broken, by hypothesis.

python tests/fuzz/by_grammar.py --seconds 150
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from trial import TARGETS, Trial

COMMANDS = r"""
\frac \dfrac \sqrt \boxed \fbox \text \mathrm \left( \right) \left[ \right. \begin{pmatrix} \end{pmatrix} \\ \cdot \pi
\times \infty \cup \cap \pm \circ \le \ge \in \{ \} \, \! \; \$ \% \overline \binom \log \sin \lim \sum \int & \hline
\def \newcommand \input{/etc/passwd} \write18{id} \csname \expandafter \begin{array}{cc} \text{and} \text{or} \mathbf
"""
WORDS = (
    "The answer is",
    "**Answer:**",
    "####",
    "Final Answer",
    "答案是",
    "Die Antwort ist",
    "<think>",
    "</think>",
    "Answer:",
)
ODD = (
    "\0",
    "\u202e",
    "\u200b",
    "\ufeff",
    "\ud800",
    "٣",
    "½",
    "²",
    "１",
    "＋",
    "−",
    "\u2028",
    "\N{COMBINING ACUTE ACCENT}",
)
PYTHON = ("__import__('os')", "9**9**9", "lambda: 0", "exec", "sqrt", "factorial(10**8)", "Symbol('x')", "().__class__")

atoms = st.one_of(
    st.sampled_from(COMMANDS.split()),
    st.sampled_from(ODD),
    st.sampled_from(PYTHON),
    st.sampled_from(list("{}()[]$^_!=<>+-*/|,;:.%&'\"\\#~ \n")),
    st.sampled_from("xyabinme"),
    st.integers(-(10**6), 10**30).map(str),
    st.floats(allow_nan=True).map(str),
)


def nested(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Texts around texts."""
    shapes = (
        "{{{}}}",
        "({})",
        "[{}]",
        "\\frac{{{0}}}{{{0}}}",
        "\\sqrt[{0}]{{{0}}}",
        "{0}^{{{0}}}",
        "\\boxed{{{}}}",
        "${}$",
    )
    more = (
        "\\left({}\\right)",
        "{}!",
        "{0}, {0}",
        "{0} = {0}",
        "\\begin{{pmatrix}} {0} & {0} \\\\ {0} \\end{{pmatrix}}",
    )
    whole = st.tuples(st.sampled_from(shapes + more), inner).map(lambda both: both[0].format(both[1]))
    return st.one_of(
        whole, st.lists(inner, max_size=6).map("".join), st.lists(inner, min_size=1, max_size=4).map(" ".join)
    )


tex = st.recursive(atoms, nested, max_leaves=40)
repeated = st.tuples(tex.filter(lambda t: len(t) < 40), st.sampled_from([2, 30, 1_000, 20_000])).map(
    lambda t: t[0] * t[1]
)
jsons = st.dictionaries(st.sampled_from(["answer", "reasoning", "Answer", "final_answer"]), tex, max_size=3).flatmap(
    lambda found: st.sampled_from(
        [json.dumps(found), f"```json\n{json.dumps(found, indent=1)}\n```", json.dumps(found).replace("\\\\", "\\")]
    )
)
prose = st.lists(st.one_of(st.sampled_from(WORDS), tex, st.text(max_size=12)), max_size=8).map(" ".join)
wholes = st.one_of(tex, tex.map(lambda t: rf"\boxed{{{t}}}"), jsons, prose, repeated, st.text(max_size=200))


@st.composite
def texts(draw: st.DrawFn) -> str:
    """A whole text, maybe cut off or with a piece of another in it."""
    text = draw(wholes)
    bent = draw(st.sampled_from(("", "cut", "joined", "inserted")))
    at = draw(st.integers(0, 200))
    if bent == "cut":
        return text[:at]
    if bent == "joined":
        return text + draw(wholes)
    return text[:at] + draw(st.sampled_from(ODD)) + text[at:] if bent == "inserted" else text


def batch(trial: Trial, number: int, until: float) -> None:
    """Some hundreds of texts; the first that raises is made as short as it can be."""
    last: list[tuple[str, str, str]] = []

    @seed(number)
    @settings(
        max_examples=400,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    @given(text=texts(), target=st.sampled_from(TARGETS))
    def grade(text: str, target: str) -> None:
        if time.monotonic() > until:
            return
        fault = trial.fault(text, target)
        if fault is None:
            return
        if fault.endswith("slow"):  # shortening what is slow would take the rest of the time
            trial.tell(text, target, fault)
            return
        last.append((text, target, fault))
        raise AssertionError(fault)

    try:
        grade()
    except Exception:  # also what hypothesis says of a fault that comes and goes
        if not last:
            raise
        trial.tell(*last[-1])


def main() -> int:
    """Batches until the time is over; 1 if anything was found."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=150)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    args = parser.parse_args()
    warnings.simplefilter("ignore")  # of the size of these strategies
    until = time.monotonic() + args.seconds
    trial = Trial()
    number = args.seed
    while time.monotonic() < until:
        batch(trial, number, until)
        number += 1
    trial.close()
    print(f"hypothesis: {trial.n_texts} texts from seed {args.seed}, {trial.findings} findings", file=sys.stderr)
    return int(bool(trial.findings))


if __name__ == "__main__":
    sys.exit(main())
