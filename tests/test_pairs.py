"""The labelled pairs that graders are measured with: each label is what mathematics says."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))

from expressions import Unsure, read, same
from outputs import outputs
from pairs import TASKS, golds, pairs, perturbed, rewrites

RIGHT = [
    (r"\frac{1}{2}", ["1/2", "0.5", ".5", r"\dfrac{1}{2}", r"\frac12", r"\boxed{\frac{1}{2}}", r"x = \frac{1}{2}"]),
    (r"-\frac{4}{3}", [r"\frac{-4}{3}", r"-1\frac{1}{3}", r"-1.\overline{3}", "−4/3"]),
    ("10080", ["10,080", "10{,}080", r"10\,080", r"10,\!080", r"1.008 \times 10^{4}", "１００８０", "1.008e4"]),
    (r"\frac{\sqrt{3}}{3}", [r"\frac{1}{\sqrt{3}}", "sqrt(3)/3", "√3/3", r"\sqrt{\frac{1}{3}}"]),
    (r"11\sqrt2", [r"\sqrt{242}", "11√2", r"11 \cdot 2^{1/2}"]),
    ("(3,4]", [r"3 < x \le 4", r"\left(3, 4\right]", r"x \in (3, 4]"]),
    (
        r"(-\infty, 2) \cup (3, \infty)",
        [r"x < 2 \text{ or } x > 3", r"(3, \infty) \cup (-\infty, 2)", "(3, ∞) ∪ (-∞, 2)"],
    ),
    ("1,-2", ["-2, 1", "-2 and 1", r"\{-2, 1\}", "x=-2 or x=1"]),
    (r"1 \pm \sqrt{19}", [r"1 + \sqrt{19}, 1 - \sqrt{19}"]),
    (r"\text{Evelyn}", ["Evelyn", r"\textbf{Evelyn}"]),
    ("52_8", ["52_{8}", r"52_{\text{eight}}", "52"]),
    (r"90^\circ", ["90", "90°", r"90\text{ degrees}", r"90^{\circ}"]),
    ("x^2-1", ["(x - 1)*(x + 1)", r"-1 + x^{2}", "x² − 1", "x**2 - 1"]),
    ("y = 2x + 3", ["y = 3 + 2x", "2x + 3 = y", "2x + 3"]),
    (r"\begin{pmatrix} 1/2 \\ 3/2 \end{pmatrix}", [r"\frac{1}{2} \begin{pmatrix} 1 \\ 3 \end{pmatrix}"]),
    ("4.5e33", [r"4.5 \times 10^{33}", "4.5E+33"]),
]
WRONG = [
    (r"\frac{1}{3}", ["0.33", "0.333", r"\frac{3}{1}", r"\frac{1}{4}", r"-\frac{1}{3}"]),
    ("(3,4]", ["[3, 4]", "(3, 4)"]),
    ("(3,4)", ["(4, 3)", "(3)"]),
    ("2, 3", ["2", "3", "2, 3, 7919"]),
    (r"3\sqrt{13}", [r"3 \cdot 13"]),
    (r"12\pi", ["12"]),
    ("52_8", ["53_{8}", "52_{7}"]),
    ("3x^2", ["3x^{3}", "3x"]),
    (r"\text{(C)}", [r"\text{(D)}"]),
]


@pytest.mark.parametrize(("gold", "texts"), RIGHT, ids=[gold for gold, _ in RIGHT])
def test_right_answers_in_other_notations(gold: str, texts: list[str]) -> None:
    found = {text for _, text in rewrites(gold)}
    assert set(texts) <= found, found


@pytest.mark.parametrize(("gold", "texts"), WRONG, ids=[gold for gold, _ in WRONG])
def test_wrong_answers_nearby(gold: str, texts: list[str]) -> None:
    found = {text for _, text in perturbed(gold)}
    assert set(texts) <= found, found


@pytest.mark.parametrize(
    "text", ["f(x)", "u(t)", r"\frac{dx}{dt}", "5 or 9", "n!", "1/2x", "2 3", r"\sin^2 x", "a_{n+1}"]
)
def test_what_could_be_misread_is_refused(text: str) -> None:
    with pytest.raises(Unsure):
        read(text)
    assert perturbed(text) == []


def test_an_equation_is_not_made_wrong_by_a_factor() -> None:
    assert not {"-(x - y) = 0", "-x + y = 0"} & {text for _, text in perturbed("x - y = 0")}
    assert perturbed(r"y = c_1 x + 3") == [], "the constant may have either sign"


def test_units_come_from_the_question() -> None:
    assert ("percent", "18%") in rewrites("18", "What percent of them is red?")
    assert ("unit-word", "18 hours") in rewrites("18", "How many hours does it take?")
    assert not [name for name, _ in rewrites("18", "How many?") if name.startswith(("unit", "percent", "currency"))]


def test_outputs_end_in_their_answer_or_have_none() -> None:
    found = outputs("42", seed=3)
    assert found == outputs("42", seed=3)
    assert len({name for name, _, _ in found}) == len(found)
    for name, text, gradable in found:
        assert not gradable or "42" in text.rsplit("</think>", 1)[-1], name


@pytest.mark.slow
def test_labels_of_real_golds_hold(real_data: Path) -> None:
    """What the reader understands of a row, it finds equal or not as the row says."""
    checked = 0
    for task in TASKS:
        for item in list(golds(real_data, task))[::7]:
            rows = pairs(item)
            assert rows == pairs(item)
            for row in (
                r
                for r in rows
                if "prediction" in r and not re.search(r"base|thousands|mixed|scientific|repeating", r["kind"])
            ):
                try:
                    gold, given = read(row["target"].strip("$")), read(row["prediction"].strip("$"))
                    assert same(gold, given) is bool(row["label"]), row
                    checked += 1
                except Unsure:
                    continue
    assert checked > 2_000
