r"""Is this answer the target? A cascade, cheapest step first; the step that decides is named on the score.

| step | compares |
|---|---|
| `text` | the same characters, spacing and letter case of words aside |
| `number` | two numbers, exactly, with or without a unit, percent sign, or words around the answer's one |
| `base`, `clock`, `duration`, `choice` | digits in a base, times of the day, durations, option letters |
| `list`, `set`, `tuple`, `matrix`, `interval`, `equation`, ... | member by member (`structures`) |
| `value`, `identity` | closed forms with fifty digits; expressions with variables at fixed points (`values`) |
| `words` | answers that are words |
| `math-verify` | what only a computer algebra system can read, in a worker |

A step that cannot decide passes on. Where none can, the answer is wrong, and the reason says why.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction

from evalkit.scoring.expressions import parse
from evalkit.scoring.grade import Judged
from evalkit.scoring.notation import MAX_ANSWER, tidy, unwrap
from evalkit.scoring.numbers import as_programs_print, european_number, plain_number
from evalkit.scoring.quantities import durations, exact, in_base, number_in_phrase, share, time_of_day
from evalkit.scoring.readings import readings
from evalkit.scoring.structures import equal
from evalkit.scoring.symbols import Node, NotRead
from evalkit.scoring.units import Measured, measured, other_unit
from evalkit.scoring.values import same, value

Symbolic = Callable[[str, str], Judged]
"""The last step: (target, answer) in TeX."""
_MAX_SYMBOLIC = 300
_LISTED = re.compile(r"(?<=\d),\s+(?=\d{3}(?!\d))")
_SPACE_BETWEEN_DIGITS = re.compile(r"(?<=\d)(?:\s|\\[,;: ])+(?=\d)")
_SPACES = re.compile(r"\s|\\[,;: ]|\\left\b|\\right\b|\$|\\!")
_SAME_WORDS = [
    {"no solution", "no solutions", "none", "no real solution", "no real solutions", r"\emptyset", r"\varnothing",
     "empty set", r"\{\}", r"\{ \}", "there are no solutions", "there is no solution", "{}", "no such values"},
    {"does not exist", "dne", "undefined", "limit does not exist"},
    {r"\infty", "infinity", "infinite", "infinitely many", "infinitely many solutions"},
]  # fmt: skip
_ARTICLES = re.compile(r"\b(?:the|a|an)\s+(?=[a-z]{2,})")
_FORMULA = re.compile(r"[\\^_{}+=/<>|*]|\d[a-z]|[a-z]\d")
_NAME = re.compile(r"[a-z]{3,40}|no")
_LETTER = re.compile(r"\(?([A-J])\)?")
_LETTERED = re.compile(
    r"(?:(?:[Oo]ption|[Cc]hoice) )?\(([A-J])\)(?:\s|$)|(?:[Oo]ption |[Cc]hoice )?([A-J])(?:[).:]\s*\S|[).:]?$)"
)


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far from the target a number may be; only tasks set one."""

    relative: float = 0.0
    absolute: float = 0.0

    def allows(self, target: float, answer: float) -> bool:
        return abs(target - answer) <= max(self.absolute, self.relative * abs(target))


@dataclass
class _Pair:
    """Both sides, in the forms that the steps need."""

    target: str
    answer: str
    tolerance: Tolerance | None
    symbolic: bool = False
    """Something in it is mathematics beyond our grammar."""
    why: str | None = None
    compared: str | None = None
    """What of the two was compared and found different."""
    wanted: str = field(init=False)
    given: str = field(init=False)

    def __post_init__(self) -> None:
        self.wanted, self.given = _tidied(self.target), tidy(self.answer)

    @functools.cached_property
    def units(self) -> tuple[Measured, Measured]:
        """Target and answer, each with its unit apart."""
        return measured(self.wanted), measured(self.given)


_tidied = functools.lru_cache(maxsize=4096)(tidy)

Step = Callable[[_Pair], Judged | None]


def compare(
    target: str,
    answer: str,
    *,
    tolerance: Tolerance | None = None,
    symbolic: Symbolic | None = None,
    trail: list[tuple[str, str]] | None = None,
) -> Judged:
    """Judge `answer` against `target`; each step tried is appended to `trail` with what came of it."""
    if squeeze(target) == squeeze(answer):
        return _told(trail, "text", Judged(1.0, "text"))
    if len(answer) > MAX_ANSWER or len(target) > MAX_ANSWER:
        return _told(trail, "text", Judged(0.0, "too_long", f"the answer has {len(answer)} characters"))
    pair = _Pair(target, answer, tolerance)
    for name, step in _STEPS:
        found = step(pair)
        if found is not None:
            return _told(trail, name, found)
        if trail is not None:
            trail.append((name, pair.why or (f"different: {pair.compared}" if pair.compared else "not decided")))
    if symbolic is not None and _for_algebra(pair):
        return _told(trail, "math-verify", symbolic(target, answer))
    if pair.compared is not None:
        return Judged(0.0, pair.compared)
    return Judged(0.0, "unlike", pair.why)


def _told(trail: list[tuple[str, str]] | None, name: str, judged: Judged) -> Judged:
    if trail is not None:
        trail.append(
            (name, ("equal" if judged.value else "different") + (f": {judged.reason}" if judged.reason else ""))
        )
    return judged


def squeeze(text: str) -> str:
    """Without spaces that mean nothing; between two digits a space means something."""
    return _SPACES.sub("", _SPACE_BETWEEN_DIGITS.sub("\N{SYMBOL FOR SPACE}", _LISTED.sub(";", text)))


def _text(pair: _Pair) -> Judged | None:
    return Judged(1.0, "text") if pair.wanted == pair.given and pair.given else None


def _number(pair: _Pair) -> Judged | None:
    """Two numbers and nothing else."""
    wanted, given = plain_number(pair.wanted), plain_number(pair.given)
    if wanted is None or given is None:
        return None
    agree = _numbers_agree(pair, wanted, given) or european_number(pair.given) == wanted
    return Judged(float(agree), "number")


def _numbers_agree(pair: _Pair, wanted: Fraction, given: Fraction) -> bool:
    if wanted == given or pair.tolerance is None:
        return wanted == given or as_programs_print(wanted, given)
    try:
        return pair.tolerance.allows(float(wanted), float(given))
    except OverflowError:
        return False


def _base(pair: _Pair) -> Judged | None:
    wanted, given = in_base(pair.wanted), in_base(pair.given)
    if wanted is None or given is None or (wanted[1] is None and given[1] is None):
        return None
    if wanted[1] is None and len(wanted[0]) == 1:
        return None  # `5_6` is not how anybody writes 5
    # `52` for `52_8` leaves out what the question said.
    agree = wanted[0] == given[0] and (None in (wanted[1], given[1]) or wanted[1] == given[1])
    return Judged(float(agree), "base")


def _clock(pair: _Pair) -> Judged | None:
    """Times of the day; that of the day's half is left out where the question says it."""
    wanted, given = time_of_day(pair.wanted), time_of_day(pair.given)
    if given is not None and pair.wanted.isdecimal() and ":" in pair.given:
        return Judged(float((given[0] - int(pair.wanted)) % 12 == 0 and given[1] == 0), "clock")
    if wanted is None or given is None:
        return None
    turn = 12 if None in (wanted[2], given[2]) else 24
    return Judged(float((wanted[0] - given[0]) % turn == 0 and wanted[1] == given[1]), "clock")


def _quantity(pair: _Pair) -> Judged | None:
    """A number with a unit, a percent sign, or words around it."""
    target, answer = pair.units
    wanted = exact(target)
    if wanted is None:
        return None
    given = exact(answer)
    if given is None:
        readings = (number_in_phrase(pair.given), european_number(answer.body), share(pair.given, wanted))
        given = next((reading for reading in readings if reading is not None), None)
        answer = Measured(pair.given, percent=bool(re.search(r"%|percent", pair.given)))
        if given is None:
            return None
    if other_unit(target, answer):
        return Judged(0.0, "number", f"{answer.unit} is not {target.unit}")
    agree = _numbers_agree(pair, wanted, given)
    if not agree and answer.scale == 12:
        agree = _numbers_agree(pair, wanted, given / 12)  # `7 dozen`, where dozens are asked for
    if not agree and target.percent != answer.percent:  # `50%` and `0.5` are the same, and `50%` may answer `50`
        agree = _numbers_agree(pair, wanted / (100 if target.percent else 1), given / (100 if answer.percent else 1))
    if not agree and (european := european_number(answer.body)) is not None:
        agree = _numbers_agree(pair, wanted, european)
    return Judged(float(agree), "number")


def _duration(pair: _Pair) -> Judged | None:
    """`2 hours 40 minutes` is 160 where minutes are asked for; the question says which unit is."""
    wanted = plain_number(pair.wanted)
    given = durations(pair.given) if wanted is not None else []
    return Judged(float(wanted in given), "duration") if given else None


def _structure(pair: _Pair) -> Judged | None:
    """Trees: everything that the grammar of answers can read."""
    units = pair.units
    targets = _trees(pair, readings(pair.wanted, units[0]), units[0])
    for given in _trees(pair, readings(pair.given, units[1], pair.wanted), units[1]):
        for wanted in targets:
            try:
                outcome = equal(wanted, given, functools.partial(_same, pair.tolerance))
            except ArithmeticError as fault:
                pair.why = str(fault)
                continue
            except RecursionError:
                pair.why = "too deeply nested"
                continue
            if outcome.equal:
                if other_unit(*units):
                    return Judged(0.0, outcome.step, f"{units[1].unit} is not {units[0].unit}")
                return Judged(1.0, outcome.step)
            pair.compared = outcome.step
    return None


def _same(tolerance: Tolerance | None, target: Node, answer: Node) -> bool:
    if tolerance is not None:
        try:
            wanted, given = value(target), value(answer)
            if not isinstance(wanted, complex) and not isinstance(given, complex):
                return tolerance.allows(float(wanted), float(given))
        except ArithmeticError:
            pass
    if answer.op == "number" and len(str(answer.args[0])) >= 12:
        wanted = value(target)
        if not isinstance(wanted, complex) and as_programs_print(wanted, answer.args[0]):
            return True
    return same(target, answer)


def _trees(pair: _Pair, texts: list[str], unit: Measured) -> list[Node]:
    """The trees of those readings that the grammar has."""
    found = list[Node]()
    for candidate in texts:
        try:
            tree = parse(candidate)
        except NotRead as fault:
            pair.symbolic |= fault.symbolic
            pair.why = str(fault)
            continue
        scaled = unit.scale != 1 and candidate == unit.body
        found.append(Node("*", (tree, Node("number", (Fraction(unit.scale),)))) if scaled else tree)
    return found


def _words(pair: _Pair) -> Judged | None:
    wanted, given = _spoken(pair.wanted), _spoken(pair.given)
    if any(wanted in group and given in group for group in _SAME_WORDS):
        return Judged(1.0, "words")
    if _FORMULA.search(wanted) or _FORMULA.search(given) or not _NAME.search(wanted):
        return None
    if wanted == given:
        return Judged(1.0, "words")
    begun = (
        re.match(rf"{wanted}([,.;:]| (?:is|was|has|had|will|does)\b)(.*)", given) if _NAME.fullmatch(wanted) else None
    )
    if begun is not None and re.search(r"[a-z]{3,}", begun[2]):
        contrary = re.search(r"\b(?:not|or|neither|never)\b", given) and begun[1][0] == " "
        return None if contrary else Judged(1.0, "words")
    return None


def _spoken(text: str) -> str:
    """Words in one spelling: letter case, articles and brackets around them aside."""
    bare = re.sub(r"\s+", " ", text).strip().lower()
    if not _FORMULA.search(bare):
        bare = _ARTICLES.sub("", bare)
    bare = re.sub(r"(?<=\d)(?:st|nd|rd|th)\b|^(?:on|in|at) (?=[a-z]{3,})", "", bare)
    bare = bare.removeprefix("x = ").removeprefix("x=")
    inside = re.fullmatch(r"\((.*)\)", bare)
    return unwrap((inside[1] or "") if inside and "," not in bare else bare)


def _choice(pair: _Pair) -> Judged | None:
    """A letter of a choice, alone or with its text after it: `(B)` and `B. 12`."""
    wanted = _LETTER.fullmatch(pair.wanted)
    given = _LETTERED.match(pair.given) if wanted is not None else None
    if wanted is None or given is None:
        return None
    return Judged(float(wanted[1] == (given[1] or given[2])), "choice")


_STEPS: list[tuple[str, Step]] = [
    ("text", _text),
    ("number", _number),
    ("base", _base),
    ("clock", _clock),
    ("duration", _duration),
    ("choice", _choice),
    ("quantity", _quantity),
    ("structure", _structure),
    ("words", _words),
]


def _for_algebra(pair: _Pair) -> bool:
    """Whether a computer algebra system may know more; sentences are not for it, nor is what we could read."""
    return (
        pair.symbolic
        and max(len(pair.wanted), len(pair.given)) <= _MAX_SYMBOLIC
        and not re.search(r"(?<![\\A-Za-z])[A-Za-z]{4,}", pair.given)
    )
