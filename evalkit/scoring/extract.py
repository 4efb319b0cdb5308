r"""Find the final answer in a text, most explicit form first; the step that found it is named on the score.

| step | finds |
|---|---|
| `json` | the value of `"answer"` in a JSON reply, also in a code fence or badly escaped |
| `tagged` | what stands in `<answer>` tags |
| `boxed` | the last `\boxed{}` or `\fbox{}` |
| `boxes` | several boxes in a row, where the target is a list |
| `hashes` | `#### X`, the form of GSM8K's own solutions |
| `answer_line` | what follows "the answer is", "**Answer:**", "答案是", "Respuesta:", ... |
| `printed` | the printed result of a program |
| `final_sentence` | the value that the last sentence with one ends up saying |
| `last_number`, `last_line` | guesses that a task may ask for instead: `scorer_args: {fallback: ...}` |

Every step reads from the end and is linear in the length of the text. What stands at the very end of a text that was
cut off is not conclusive; neither are the last sentence and the guesses.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Callable, Mapping

from evalkit.errors import UsageError
from evalkit.scoring import jsontext
from evalkit.scoring.announced import announced
from evalkit.scoring.grade import Extracted
from evalkit.scoring.last_sentence import A_VALUE, Wanted, last_value, value_of
from evalkit.scoring.notation import closing_brace
from evalkit.scoring.prose import FORMULA, ended, other_questions, sentence_end
from evalkit.types import Json

_BOXES = (r"\boxed", r"\fbox", r"\framebox")
_MAX_BOX = 20_000
_MAX_TRIES = 64
_TAIL = 6_000
_TOKEN = re.compile(r"[^\s$\\{}]+")
_PLACEHOLDER = re.compile(
    r"\W*(?:\\text\{)?\W*(?:your |the |final |numerical |correct )*"
    r"(?:answer|result|value|solution|x{3}|\?+|\.\.\.|\\[lc]?dots)(?: here)?\W*",
    re.IGNORECASE,
)
_HASHES = re.compile(
    r"#{4}[ \t]*(?![ \t]|#|\d+[.)][ \t]+[A-Za-z*]|[*_]*(?:step|part|case)\b)([^\n]{1,200})", re.IGNORECASE
)
_FENCE = re.compile(r"```[ \t]*(\w*)[^\n]*\n(.*?)(?:```|\Z)", re.DOTALL)
_OUTPUT = re.compile(
    r"(?:^[ \t]*(?:#+[ \t]*|>+[ \t]*)?(?:output|prints?|result|stdout)[ \t]*[:：]"
    r"|^[ \t]*print\([^\n]*\)[ \t]*\n?#(?:[ \t]*\w+:)?)[ \t]*(\S[^\n]*)",
    re.IGNORECASE | re.MULTILINE,
)
_WORD = re.compile(r"(?!and\b)[^\W\d_]{3,}")
_TEX = re.compile(r"\\(?:begin|end)\{\w+\*?\}|\\[A-Za-z]+")
_CLOSING_TAG = re.compile(r"(?:</?[a-z_]{1,20}>\s*)+$")
_GLOSSED = re.compile(r"([$€£]?[\d.,]+%?(?: [^\W\d_]+){0,3})\s+\([^()]*\d[^()]*\)")
_SEVERAL = re.compile(r"\D{0,15}?\d[\d.,]*\s[^\W\d_]+(?:\s[^\W\d_]+)?\s*(?:,|;|and|&)\s+\d[\d.,]*\s[^\W\d_]+[.!]?$")
"""Two things that are counted: no one number is the answer."""
_THAN = re.compile(r"\b(?:more|less|fewer|greater|higher|lower) than\b", re.IGNORECASE)
_EUROPEAN = re.compile(
    r"\b(?:der|die|das|und|ist|el|los|las|es|que|para|le|les|est|pour|il|che|per|são|por|het|een|og|la|hay"
    r"|lo|una?|y|del|con|en|cada|respuesta|antwort|réponse|risposta|resposta|ein)\b"
)
_POINTS = re.compile(r"(?<![\d.,])\d{1,3}(?:\.\d{3})+(?![\d.])")
_DIGITS = re.compile(r"\d[\d.,]*")
_SESSION = re.compile(r"^>>> [^\n]*\n(?!>>>|```)([^\n]+)\s*(?:```)?\s*\Z", re.MULTILINE)
_PRINTS = frozenset(["output", "text", "console", "stdout", "plaintext", "result", "bash", "shell", "sh", ""])
_NUMBER = re.compile(r"(?<![\w.])[-−]?\$?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:/\d+)?|(?<![\w.])[-−]?\.\d+")
_CONNECTED = re.compile(
    r"[\s{}$.)\]\\]*(?:,|;|and|or|&|\\text\{\s*(?:and|or),?\s*\})[\s,$(\[\\]*(?:and|or)?[\s$]*(?:\w+\s*=\s*)?"
)
"""What may stand between two boxes that give one answer together."""
_EMPTY = frozenset(["[]", "()", "{}", r"\{\}", "∅"])
_CONTENT = re.compile(r"[^\W_]")
Step = Callable[[str], Extracted | None]


def boxed(text: str, several: bool = False) -> Extracted | None:
    """Content of the last box whose braces balance; of all boxes at the end of the text if `several` are wanted."""
    found = list[tuple[int, str]]()
    end = len(text)
    for _ in range(_MAX_TRIES):
        at = max(text.rfind(name, 0, end) for name in _BOXES)
        if at < 0:
            break
        name = next(name for name in _BOXES if text.startswith(name, at))
        inner = _box_content(text, at + len(name))
        empty = inner is None or not (_CONTENT.search(inner) or inner in _EMPTY)
        if inner is not None and not empty and not _PLACEHOLDER.fullmatch(inner):
            if found and not _CONNECTED.fullmatch(text, text.index(inner, at) + len(inner), found[-1][0]):
                break
            found.append((at, inner))
            if not several:
                break
        end = at
    if len(found) > 1:
        return Extracted(", ".join(dict.fromkeys(inner for _, inner in reversed(found))), "boxes")
    return Extracted(found[0][1], "boxed") if found else None


def json_answer(text: str) -> Extracted | None:
    """The `"answer"` of a JSON reply; an answer of "" if it says that it has none."""
    found = jsontext.answer(text)
    if found is None:
        return None
    inner = boxed(found) or hashes(found)
    return Extracted(inner.answer if inner else _value(found), "json")


def tagged(text: str) -> Extracted | None:
    """What stands between `<answer>` tags."""
    close = max(text.rfind("</answer>"), text.rfind("</final_answer>"))
    start = text.rfind("answer>", 0, close) if close >= 0 else -1
    inner = text[start + len("answer>") : close].strip() if start >= 0 else ""
    if not inner:
        return None
    found = boxed(inner) or hashes(inner) or answer_line(inner)
    if found is not None:
        return Extracted(found.answer, "tagged")
    return Extracted(_value(inner), "tagged") if len(inner) < 300 else None


def hashes(text: str) -> Extracted | None:
    """The form that GSM8K's own solutions use; not a Markdown heading."""
    at = text.rfind("####")
    while at > 0 and text[at - 1] == "#":
        at -= 1
    found = (
        _HASHES.match(text, at)
        if at >= 0 and text[max(0, at - 3) : at].rstrip(" \t*")[-1:] in ("", "\n", ".")
        else None
    )
    if found is None or len(text) - found.end() > 400:
        return None
    answer = found[1].strip().strip("*").strip()
    if not answer or (not re.search(r"\d", answer) and text[found.end() :].strip()):
        return None
    return Extracted(answer, "hashes", conclusive=found.end() < len(text))


def answer_line(text: str) -> Extracted | None:
    """The answer that a sentence or a heading announces."""
    found = announced(text[-_TAIL:])
    return Extracted(_value(found[0]), "answer_line", conclusive=found[1]) if found is not None else None


def _value(answer: str) -> str:
    """An announced answer; where it is a sentence with more in it than its value, the value."""
    answer = _CLOSING_TAG.sub("", answer)
    if (glossed := _GLOSSED.fullmatch(answer)) is not None:
        return glossed[1]
    if len(answer) > 1_000:
        return answer
    if _SEVERAL.match(answer) or _THAN.search(answer):
        return answer
    words = _WORD.findall(_TEX.sub(" ", FORMULA.sub(" ", answer) if "$" in answer or "\\" in answer else answer))
    emphasised = "**" in answer.strip("*") and words
    if emphasised or (len(words) > 1 and len(_DIGITS.findall(answer)) > 1):
        return value_of(answer) or answer
    return answer


def printed(text: str) -> Extracted | None:
    """The last line that a program in the text printed, where nothing that could be the answer comes after it."""
    tail = text[-_TAIL:]
    if "```" not in tail and "print(" not in tail:
        return None
    blocks = list(_FENCE.finditer(tail))
    if (
        blocks
        and len(blocks) > 1
        and blocks[-1][1].lower() in _PRINTS
        and not re.search(r"\d", tail[blocks[-1].end() :])
    ):
        lines = blocks[-1][2].strip().split("\n")
        if lines[-1].strip():
            return Extracted(lines[-1].strip(), "printed", conclusive=False)
    session = _SESSION.search(tail)
    if session is not None:
        return Extracted(session[1].strip(), "printed", conclusive=False)
    outputs = list(_OUTPUT.finditer(tail))
    if outputs and not re.search(r"\d", tail[outputs[-1].end() :]):
        return Extracted(outputs[-1][1].strip().strip("`").strip(), "printed", conclusive=False)
    return None


def final_sentence(text: str, wanted: Wanted = A_VALUE) -> Extracted | None:
    """What the last sentence with a value says; nothing from a text that stops in the middle of one."""
    found = last_value(text, wanted)
    return Extracted(found[0], "final_sentence", conclusive=False) if found is not None and found[1] else None


def last_number(text: str) -> Extracted | None:
    """The last number in the text: a guess."""
    for start in dict.fromkeys((max(0, len(text) - 2_000), 0)):
        numbers = _NUMBER.findall(text[start:])
        if numbers:
            return Extracted(numbers[-1], "last_number", conclusive=False)
    return None


def last_line(text: str) -> Extracted | None:
    """The last line that is not empty: a guess."""
    lines = text.rstrip().rsplit("\n", 1)
    line = sentence_end(lines[-1][-2_000:])
    return Extracted(line, "last_line", conclusive=False) if line else None


FALLBACKS: dict[str, Step | None] = {
    "final_sentence": final_sentence,
    "last_number": last_number,
    "last_line": last_line,
    "none": None,
}
"""What may be read where no answer is announced: `scorer_args: {fallback: NAME}`."""


def allowed_fallback(scorer: str, args: Mapping[str, Json], *further: str, default: str | None = None) -> str | None:
    """The fallback that `scorer_args` ask for; raises `UsageError` for arguments that `scorer` does not have."""
    known = {"fallback", *further}
    if set(args) - known:
        unknown = ", ".join(sorted(set(args) - known))
        raise UsageError(f"scorer {scorer}: unknown scorer_args {unknown}; known: {', '.join(sorted(known))}")
    fallback: str | None = args.get("fallback", default)
    if fallback is not None and fallback not in FALLBACKS:
        raise UsageError(f"scorer {scorer}: fallback must be one of {', '.join(FALLBACKS)}, not {fallback!r}")
    return fallback


def explicit_answer(text: str, several: bool = False, trail: list[tuple[str, str]] | None = None) -> Extracted | None:
    """First of the steps that look for an announced answer; each one tried is told to `trail`."""
    if jsontext.breaks_off(text):  # whatever it says before its answer is reasoning
        return _first([("json", json_answer)], text, trail)
    steps: list[tuple[str, Step]] = [
        ("json", json_answer),
        ("tagged", tagged),
        ("boxed", lambda t: boxed(t, several)),
        ("hashes", hashes),
        ("answer_line", answer_line),
        ("printed", printed),
    ]
    return _first(steps, text, trail)


def final_answer(
    text: str,
    fallback: str | None = None,
    *,
    wanted: Wanted = A_VALUE,
    trail: list[tuple[str, str]] | None = None,
) -> Extracted | None:
    """The answer that the whole text comes to; None from a JSON reply or a box that breaks off, or that is empty."""
    text = ended(text)
    for place in other_questions(text):
        before = text[:place]
        if explicit_answer(before) is not None or (fallback == "final_sentence" and final_sentence(before) is not None):
            text = before
            break
    found = explicit_answer(text, wanted.several, trail)
    if found is None and not _breaks_off(text):
        step = FALLBACKS[fallback or "none"]
        if fallback == "final_sentence":
            step = functools.partial(final_sentence, wanted=wanted)
        found = _first([(fallback or "none", step)], text, trail) if step is not None else None
    if found is None or not found.answer:
        return None
    if _POINTS.search(found.answer) and _is_european(text):  # `57.500` there is fifty-seven thousand five hundred
        return dataclasses.replace(found, answer=_POINTS.sub(lambda m: m.group().replace(".", ""), found.answer))
    return found


def _is_european(text: str) -> bool:
    """Whether the end of a text is in a language that has points between thousands."""
    tail = text[-600:].lower()
    return len(set(_EUROPEAN.findall(tail))) > 1 and not re.search(r"\b(?:the|and|is|of)\b", tail)


def _first(steps: list[tuple[str, Step]], text: str, trail: list[tuple[str, str]] | None) -> Extracted | None:
    for name, step in steps:
        found = step(text)
        if trail is not None:
            trail.append((name, "nothing" if found is None else found.answer))
        if found is not None:
            return found
    return None


def _breaks_off(text: str) -> bool:
    """Whether the text ends within a box, or a JSON reply before its answer."""
    if jsontext.breaks_off(text):
        return True
    at = text.rfind(r"\boxed{", max(0, len(text) - 2_000))
    return at >= 0 and closing_brace(text, at + 6, len(text)) < 0


def _box_content(text: str, start: int) -> str | None:
    r"""Text between the braces after a box command, or the single token of the brace-less form `\boxed 5`."""
    while start < len(text) and text[start].isspace():
        start += 1
    if start >= len(text):
        return None
    if text[start] != "{":
        token = _TOKEN.match(text, start) if text[start - 1].isspace() or text[start].isdigit() else None
        return str(token.group()).rstrip(".,") if token else None
    end = closing_brace(text, start, min(len(text), start + _MAX_BOX))
    return text[start + 1 : end].strip() if end >= 0 else None
