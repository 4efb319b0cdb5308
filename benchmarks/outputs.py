"""Whole outputs of models around an answer, as reasoning models of several families write them."""

from __future__ import annotations

import json
import random
import re

_REASONING = (
    "Let me work through this step by step. First I set up the equation, then I simplify both sides.",
    "We are given several quantities. Suppose the result were 17; checking, that fails, so it is not 17.",
    "Okay, so I need to find the value. Hmm, wait. Let me check $2 \\cdot 3 = 6$ again. Yes, that holds.",
    "Step 1: rewrite the condition.\nStep 2: substitute 3 and 5.\nStep 3: collect the terms.",
)
_LANGUAGES = {
    "chinese": "因此，答案是 {x}。",
    "chinese-boxed": "所以最终答案为 $\\boxed{{{x}}}$。",
    "german": "Die Antwort ist {x}.",
    "spanish": "La respuesta es {x}.",
    "french": "La réponse est {x}.",
    "japanese": "答えは {x} です。",
    "russian": "Ответ: {x}.",
    "thai": "คำตอบคือ {x}",
    "bengali": "উত্তর হল {x}।",
    "swahili": "Jibu ni {x}.",
    "telugu": "సమాధానం {x}.",
}


def outputs(gold: str, seed: int) -> list[tuple[str, str, bool]]:
    """(name, text, gradable) for an answer; what is not gradable was cut off before its answer."""
    made = random.Random(seed)
    text = gold.strip()
    if "$" in text.replace(r"\$", ""):
        text = re.sub(r"(?<!\\)\$", "", text)
    before = made.choice(_REASONING)
    math = text if re.fullmatch(r"[\w .,%-]+", text) and not re.search(r"_|\d \d", text) else f"${text}$"
    found = _prose(before, text, math) + _json(before, text)
    if re.fullmatch(r"-?\d+(?:\.\d+)?", text):
        found += [(name, f"{before}\n\n{line.format(x=text)}") for name, line in _LANGUAGES.items()]
        found += _programs(before, text)
    boxed = f"{before} So the answer is $\\boxed{{{text}}}$."
    found += [
        ("think", f"<think>\n{before} Maybe 99? No.\n</think>\n\n{boxed}"),
        ("think-boxed-inside", f"<think>\nPerhaps \\boxed{{99}}.\n</think>\n\nThe answer is \\boxed{{{text}}}."),
        ("think-orphan", f"{before} Maybe \\boxed{{99}}? No.\n</think>\n\n{boxed}"),
    ]
    cut = [
        ("think-unclosed", f"<think>\n{before} Maybe \\boxed{{{text}}}, but let me check"),
        ("cut-off", f"{before} Now we only need to"),
        ("cut-off-in-box", f"{before} The result is \\boxed{{{text[:1]}"),
        ("json-cut-off", json.dumps({"reasoning": before, "answer": text}).split('", "answer"')[0]),
    ]
    return [(name, whole, True) for name, whole in found] + [(name, whole, False) for name, whole in cut]


def _prose(before: str, text: str, math: str) -> list[tuple[str, str]]:
    return [
        ("boxed", f"{before}\n\nThe final answer is $\\boxed{{{text}}}$."),
        ("boxed-display", f"{before}\n\n\\[\n\\boxed{{{text}}}\n\\]"),
        ("boxed-twice", f"{before} A first guess is $\\boxed{{99}}$. Correcting it: $\\boxed{{{text}}}$."),
        ("boxed-spaces", f"{before}\n\n$$\n\\boxed{{ {text} }}\n$$\n"),
        ("boxed-trailing", f"{before} \\boxed{{{text}}}\n\nHope this helps! Let me know if you have any questions."),
        ("bold-label", f"{before}\n\n**Answer:** {math}"),
        ("bold-label-inside", f"{before}\n\n**Final Answer: {math}**"),
        ("bold-answer", f"{before}\n\nThe answer is **{math}**."),
        ("minerva", f"{before}\nFinal Answer: The final answer is {math}. I hope it is correct."),
        ("hashes", f"{before}\n#### {text}"),
        ("heading", f"{before}\n\n### Final Answer\n\n{math}"),
        ("heading-bold", f"{before}\n\n**Final Answer**\n\n{math}"),
        ("heading-boxed", f"{before}\n\n## Final Answer\n\n$$\\boxed{{{text}}}$$"),
        ("answer-colon", f"{before}\nAnswer: {math}"),
        ("answer-is", f"{before} Therefore, the answer is {math}."),
        ("answer-trailing", f"{before} Therefore, the final answer is {math}.\n\nHope this helps!"),
        ("display-answer", f"{before}\nThe answer is:\n\n\\[ {text} \\]"),
        ("last-sentence", f"{before}\n\nHence the value that was asked for is {math}."),
    ]


def _json(before: str, text: str) -> list[tuple[str, str]]:
    plain = json.dumps({"reasoning": before.replace("\\", ""), "answer": text})
    pretty = json.dumps({"reasoning": before, "answer": text}, indent=2)
    raw = '{"reasoning": "' + before.replace("\n", " ") + '", "answer": "' + text + '"}'
    found = [
        ("json", plain),
        ("json-fence", f"```json\n{pretty}\n```"),
        ("json-after-prose", f"{before}\n\n{plain}"),
        ("json-trailing", f"```json\n{plain}\n```\nHope this helps!"),
    ]
    return [*found, ("json-bad-escapes", raw)] if "\\" in raw and '"' not in text else found


def _programs(before: str, text: str) -> list[tuple[str, str]]:
    code = "def solution():\n    total = 3 + 5\n    return total\n\nprint(solution())"
    return [
        ("program", f"{before}\n```python\n{code}\n```\n```output\n{text}\n```\nThe answer is {text}."),
        ("program-output-only", f"{before}\n```python\n{code}\n```\n```output\n{text}\n```"),
        ("program-boxed", f"```python\n{code}\n```\n```output\n{text}\n```\nThus the result is $\\boxed{{{text}}}$."),
    ]
