r"""Is this answer the target? A cascade, cheapest step first; the step that decides is named on the score.

| step | compares |
|---|---|
| `text` | the same characters, spacing and letter case of words aside |
| `number` | two numbers, exactly, with or without a unit, percent sign, or words around the answer's one |
| `base` | digits with a base written under them |
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
from evalkit.scoring.notation import MAX_ANSWER, plain_characters, tidy, unwrap
from evalkit.scoring.numbers import as_programs_print, european_number, only_number, plain_number
from evalkit.scoring.structures import equal
from evalkit.scoring.symbols import Node, NotRead
from evalkit.scoring.units import Measured, measured, other_unit
from evalkit.scoring.values import NoValue, same, value

Symbolic = Callable[[str, str], Judged]
"""The last step: (target, answer) in TeX."""

_MAX_SYMBOLIC = 300
_LISTED = re.compile(r"(?<=\d),\s+(?=\d{3}(?!\d))")
_SPACE_BETWEEN_DIGITS = re.compile(r"(?<=\d)(?:\s|\\[,;: ])+(?=\d)")
_SPACES = re.compile(r"\s|\\[,;: ]|\\left\b|\\right\b|\$|\\!")
_BASED = re.compile(r"\(?([0-9A-Za-z.]+)\)?_\{?(\d{1,2}|[a-z]+)\}?(?:\s*\(?base.*)?")
_BASE_WORDS = re.compile(r"\(?([0-9A-Za-z.]+)\)?\s*\(?(?:in )?base[ -](\d{1,2}|[a-z]+)\)?")
_BASES = {"two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9",
          "ten": "10", "eleven": "11", "twelve": "12", "sixteen": "16"}  # fmt: skip
_CLOCK = re.compile(r"(\d{1,2})(?:\s*[:.]\s*(\d\d))?\s*([ap])\.?\s?m\.?|(\d{1,2})\s*:\s*(\d\d)", re.IGNORECASE)
_GROUPS = re.compile(r"\d,\d{3}(?!\d)")
_TURNED = re.compile(r"([\[\]])([^\[\]]+)([\[\]])")
_SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_PARTS = re.compile(r"(\d+(?:\.\d+)?)\s*(days?|hours?|hrs?|h|minutes?|mins?|m|seconds?|secs?|s)\b", re.IGNORECASE)
_ALSO = re.compile(r"(\d[\d.,]*\s[a-z]+)\s*(?:=|,? or|,? i\.e\.,?)\s*\d.*[a-z]", re.IGNORECASE)
_SHARE = re.compile(r"(\d{1,9}) (?:in|out of|over) (\d{1,9})(?: [a-z ]+)?", re.IGNORECASE)
_PROSE = re.compile(
    r"^[^=<>\\\d(\[{|]{0,80}?(?:\b(?:is|are|was|were|be|equals?|equal to|by|as)\b|:)\s*(?=\S)", re.IGNORECASE
)
_SAME_WORDS = [
    {"no solution", "no solutions", "none", "no real solution", "no real solutions", r"\emptyset", r"\varnothing",
     "empty set", r"\{\}", r"\{ \}", "there are no solutions", "there is no solution", "{}", "no such values"},
    {"does not exist", "dne", "undefined", "limit does not exist"},
    {r"\infty", "infinity", "infinite", "infinitely many", "infinitely many solutions"},
]  # fmt: skip
_ARTICLES = re.compile(r"\b(?:the|a|an)\s+(?=[a-z]{2,})")
_FORMULA = re.compile(r"[\\^_{}+=/<>|*]|\d[a-z]|[a-z]\d")
_NAME = re.compile(r"[a-z]{2,40}")
_LETTER = re.compile(r"\(?([A-J])\)?")
_LETTERED = re.compile(r"\(([A-J])\)(?:\s|$)|([A-J])(?:[).:]\s*\S|[).:]?$)")
_LABEL = re.compile(r"^\([A-J]\)\s*(?=\S)")
_BUILDER = re.compile(
    r"\\\{\s*([a-zA-Z])(?:\s*\\in\s*(?:\\mathbb\s*\{?\s*R\s*\}?|R))?\s*(?:\||:|\\mid|\\colon)\s*(.+)\\\}"
)
_EXCEPT = re.compile(
    r"all real (?:numbers|values)(?: of [a-z])? (?:except|but|other than)(?: for)? (?:[a-z] = )?(.+)", re.I
)
_CONDITION = re.compile(
    r"[,;]?\s*(?:\(\s*)?(?:(?:for|where|with|when|if)\b\s*(?:all|any|every|some|each)?\s*)?[a-zA-Z](?:_\w)?\s*"
    r"(?:\\in|\\geq?|\\leq?|\\neq?|>|<)(?![a-z]).*$|\s+for (?:all|any|every) [a-z]$"
)
_APPROX = re.compile(r"\s*(?:\\approx|\\simeq|\\doteq)(?![A-Za-z])\s*")
_MEMBER_UNIT = re.compile(r"(?<=\d)\s*(?:[a-z]{3,}|[cmk]?m|ft|in|kg|g)(?=\s*(?:,|;|and\b|$))")


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far from the target a number may be; only tasks set one."""

    relative: float = 0.0
    absolute: float = 0.0

    def allows(self, target: float, answer: float) -> bool:
        return abs(target - answer) <= max(self.absolute, self.relative * abs(target))


@dataclass(slots=True)
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


# the steps --------------------------------------------------------------------------------------


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


def in_base(text: str) -> tuple[str, str | None] | None:
    """(digits, base) of `52_8`, `(52)_{8}`, `52 base 8`, or (digits, None); None for other texts."""
    found = _BASED.fullmatch(text.replace(" ", "")) or _BASE_WORDS.fullmatch(text)
    if found is not None:
        base = _BASES.get(found[2], found[2])
        return (found[1].upper(), base) if base.isdecimal() and _in_digits_of(found[1], int(base)) else None
    return (text.upper(), None) if re.fullmatch(r"\d[0-9A-Za-z.]*", text) else None


def _in_digits_of(text: str, base: int) -> bool:
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"[:base] + "."
    return 2 <= base <= 36 and all(c in digits for c in text.lower())


def _clock(pair: _Pair) -> Judged | None:
    """Times of the day; that of the day's half is left out where the question says it."""
    wanted, given = _CLOCK.fullmatch(pair.wanted), _CLOCK.fullmatch(pair.given)
    if given is not None and pair.wanted.isdecimal() and ":" in pair.given:
        return Judged(float(_time(given)[:2] == (int(pair.wanted), 0)), "clock")
    if wanted is None or given is None:
        return None
    one, two = _time(wanted), _time(given)
    return Judged(float(one[:2] == two[:2] and (one[2] == two[2] or None in (one[2], two[2]))), "clock")


def _time(found: re.Match[str]) -> tuple[int, int, str | None]:
    half = (found[3] or "").lower() or None
    return int(found[1] or found[4]), int(found[2] or found[5] or 0), half


def _quantity(pair: _Pair) -> Judged | None:
    """A number with a unit, a percent sign, or words around it."""
    target = measured(pair.wanted)
    wanted = _exact(target)
    if wanted is None:
        return None
    answer = measured(pair.given)
    given = _exact(answer)
    if given is None:
        readings = (_in_phrase(pair.given), european_number(answer.body), _share(pair.given, wanted))
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
    parts = _PARTS.findall(pair.given)
    if wanted is None or len(parts) < 2 or re.sub(r"[\s,]|and", "", _PARTS.sub("", pair.given)):
        return None
    seconds = sum(Fraction(amount) * _SECONDS[unit[0].lower()] for amount, unit in parts)
    return Judged(float(any(wanted == seconds / size for size in _SECONDS.values())), "duration")


def exact_value(text: str) -> Fraction | None:
    """The number that a text is, in any notation, with or without a unit."""
    return _exact(measured(tidy(text)))


def _exact(measured_: Measured) -> Fraction | None:
    body = measured_.body
    found = plain_number(body)
    if found is None:
        if re.search(r"[A-DF-Za-df-z,;=]", body.replace(r"\frac", "").replace(r"\times", "").replace(r"\cdot", "")):
            return None
        try:
            exact = value(parse(body))
        except (NotRead, NoValue):
            return None
        found = exact if isinstance(exact, Fraction) else None
    return None if found is None else found * measured_.scale


def _in_phrase(text: str) -> Fraction | None:
    """The one number of a phrase; of a sentence about it, of the part that says what it is."""
    if (also := _ALSO.fullmatch(text)) is not None:  # `160 minutes = 2 hours 40 minutes`
        return only_number(also[1])
    said = _PROSE.sub("", text, count=1)
    found = only_number(said)
    return only_number(text) if found is None and said != text else found


def _share(text: str, wanted: Fraction) -> Fraction | None:
    """`1 in 4`, `3 out of 8`, `3 over 4`, where a fraction is asked for."""
    found = _SHARE.fullmatch(text)
    if found is None or wanted.denominator == 1 or not int(found[2]):
        return None
    return Fraction(int(found[1]), int(found[2]))


def _structure(pair: _Pair) -> Judged | None:
    """Trees: everything that the grammar of answers can read."""
    units = measured(pair.wanted), measured(pair.given)
    targets = _readings(pair, pair.wanted, units[0], is_target=True)
    for given in _readings(pair, pair.given, units[1]):
        for wanted in targets:
            try:
                outcome = equal(wanted, given, functools.partial(_same, pair.tolerance))
            except NoValue as fault:
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
        except (NoValue, OverflowError):
            pass
    if answer.op == "number" and len(str(answer.args[0])) >= 12:
        wanted = value(target)
        if not isinstance(wanted, complex) and as_programs_print(wanted, answer.args[0]):
            return True
    return same(target, answer)


def _readings(pair: _Pair, text: str, unit: Measured, is_target: bool = False) -> list[Node]:
    """What a text may mean: as it stands, without its unit, without the sentence before it, commas as separators."""
    texts = [text]
    if unit.body != text:
        texts.append(unit.body)
    if (said := _PROSE.sub("", text, count=1)) != text:
        texts += [said, measured(said).body]
    if not is_target:
        texts += _loose_readings(pair, text)
    if _GROUPS.search(text):
        texts = [re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", t) for t in texts] + texts
    texts += _set_readings(text)
    found = list[Node]()
    for candidate in dict.fromkeys(texts):
        try:
            tree = parse(candidate)
        except NotRead as fault:
            pair.symbolic |= fault.symbolic
            pair.why = str(fault)
            continue
        scaled = unit.scale != 1 and candidate == unit.body
        found.append(Node("*", (tree, Node("number", (Fraction(unit.scale),)))) if scaled else tree)
    return found


def _loose_readings(pair: _Pair, text: str) -> list[str]:
    """What an answer says beside the target: an approximation, a condition, the letter of a choice, units of members."""
    found = list[str]()
    sides = _APPROX.split(text)
    if len(sides) > 1 and all(sides):
        found += sides
    if not _CONDITION.search(pair.wanted) and (bare := _CONDITION.sub("", text)) not in ("", text):
        found.append(bare)
    if (bare := _LABEL.sub("", text)) != text:
        found.append(bare)
    if "," in text and (bare := _MEMBER_UNIT.sub("", text)) != text:
        found.append(bare)
    return found


def _set_readings(text: str) -> list[str]:
    r"""`\{x : x > 3\}` is its condition, `]1, 2[` an open interval, `all real numbers except 2` the line without it."""
    if (builder := _BUILDER.fullmatch(text)) is not None:
        return [builder[2]]
    if (turned := _TURNED.fullmatch(text)) is not None:
        return [{"]": "("}.get(turned[1], "[") + turned[2] + {"[": ")"}.get(turned[3], "]")]
    if (holes := _EXCEPT.fullmatch(text)) is not None:
        return [rf"\mathbb{{R}} \setminus \{{{holes[1].replace(' and ', ',')}\}}"]
    return []


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
    bare = re.sub(r"(?<=\d)(?:st|nd|rd|th)\b", "", bare).removeprefix("x = ").removeprefix("x=")
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


def normal_words(text: str) -> str:
    """Text as words: typography, spacing and letter case aside."""
    return _spoken(plain_characters(text))
