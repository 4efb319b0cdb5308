"""The statements that write samples and scores, the columns they name, and scores as columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evalkit.codec import decode, encode
from evalkit.types import Score, Status

SAMPLE_COLUMNS = (
    "task, sample, item, owed, finish_reason, served_model, prompt_tokens, completion_tokens, reasoning_tokens, "
    "reasoning_estimated, latency_s, ttft_s, finished_s, attempts, cached, dropped, text_digest"
)
MARKS = ",".join(f"?{n}" for n in range(1, 1 + len(SAMPLE_COLUMNS.split(","))))
PUT_SAMPLE = f"INSERT OR REPLACE INTO samples({SAMPLE_COLUMNS}) VALUES({MARKS})"
PUT_GENERATION = "INSERT OR REPLACE INTO generations VALUES(?,?,?,?)"
UNLESS_ANSWERED = """
WHERE NOT EXISTS (SELECT 1 FROM samples WHERE task=?1 AND sample=?2 AND item=?3 AND text_digest NOT NULL)
"""
PUT_FAILED_SAMPLE = f"""
INSERT OR REPLACE INTO samples({SAMPLE_COLUMNS}) SELECT {MARKS} {UNLESS_ANSWERED}
"""
PUT_FAILED_GENERATION = f"INSERT OR REPLACE INTO generations SELECT ?1,?2,?3,?4 {UNLESS_ANSWERED}"
PUT_SCORE = """
UPDATE samples SET status=?, value=?, answer=?, step=?, reason=?, scorer=?, erratum=?, detail=?
WHERE task=? AND sample=? AND item=?
"""
PUT_FAILED_SCORE = f"{PUT_SCORE} AND text_digest IS NULL"
SPEND = """
INSERT INTO spent VALUES(0, ?1, ?2, ?3) ON CONFLICT(id) DO UPDATE
SET requests = requests + ?1, prompt = prompt + ?2, completion = completion + ?3
"""
SCORE_COLUMNS = "status, value, answer, step, reason, scorer, erratum, detail"


def score_columns(score: Score) -> tuple[Any, ...]:
    """A score as `SCORE_COLUMNS` hold it."""
    *plain, detail = (getattr(score, name) for name in SCORE_COLUMNS.split(", "))
    return (*plain, encode(detail).decode() if detail else None)


def score_of(row: Sequence[Any]) -> Score:
    """The score that `SCORE_COLUMNS` hold; raises `ValueError` for what is none."""
    found = dict(zip(SCORE_COLUMNS.split(", "), row, strict=True))
    detail = decode(found["detail"].encode()) if found["detail"] else {}
    return Score(**{**found, "status": Status(found["status"]), "scorer": found["scorer"] or "", "detail": detail})
