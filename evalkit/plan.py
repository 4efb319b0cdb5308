"""What a run could show against published numbers, and what it would cost: before a token is bought.

Policy: every number says where it comes from. The spread of difficulty is measured by a pilot run or is the stated
prior, and the bound stands beside it; lengths and pace are measured or given, or else the token limit is the upper
bound and the rest unknown. A number that cannot be compared afterwards is not planned for.
"""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evalkit import audit, references
from evalkit.errors import UsageError
from evalkit.protocols import Items, run_and_reference
from evalkit.scores import one_sample_each, task_scores
from evalkit.stats import STATUSES, power
from evalkit.store import RunStore, Totals
from evalkit.types import Prices, Reference, Severity, Status, TaskSpec

PRIOR = "prior: difficulty Beta(a, b), a + b = 1; within-item variance p(1-p)/2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pilot:
    """What a run with some samples of a task says about a larger one."""

    run: str
    share: float
    """Share of p(1-p) that is sampling noise (`stats.power.pilot_share`)."""
    difficulty: str
    """Where `share` comes from, in words."""
    tokens_per_answer: float | None
    """None where the endpoint reported no usage; so is the next."""
    tokens_per_prompt: float | None
    tokens_per_s: float | None
    """Answer tokens a second of the whole run, from its first answer to its last; None for cached answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is asked for besides tasks and references; None keeps what the task declares, or leaves it unknown."""

    model: str
    """KIND:NAME, for the commands."""
    power: float = 0.8
    margin: float | None = None
    alpha: float | None = None
    n_items: int | None = None
    tokens_per_answer: float | None = None
    tokens_per_prompt: float | None = None
    tokens_per_s: float | None = None
    prices: Prices | None = None


_WORTH_LOOKING = 2
"""Rounds at most for each sample of the fixed k, up to which stopping once decided is proposed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What can be shown if the sampling noise is this share of p(1-p). Fractions, at the power that is asked for."""

    share: float
    margin_at_k: float
    """Smallest margin within which the planned k shows parity, if the true difference is 0."""
    lead_at_k: float | None
    """Smallest true lead that the planned k shows; None if there is no room above the reference."""
    samples_needed: int | None
    """k for parity within the declared margin; None if no k is enough."""
    rounds_needed: int | None
    """The same as most rounds of `run --until-decided`."""
    margin_at_any_k: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferencePlan:
    """One task against one reference model."""

    model: str
    reference: Reference | None
    not_comparable: str
    """Why no run could be compared with it; empty if one can."""
    informal: tuple[str, ...]
    """Protocol fields that make every verdict against it informal."""
    reference_arm: float | None = None
    """Half the width of the reference's own interval: within a smaller margin no run ever shows parity."""
    reach: Reach | None = None
    bound: Reach | None = None
    """The same if all items are equally hard: the most noise there can be."""
    margin_new_items: float | None = None
    """Smallest margin for questions like these at any k."""

    sentence: str = ""
    """What the plan can and cannot show."""
    commands: tuple[str, ...] = ()
    """The run to start for it, with a fixed k and until it is decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What k samples of each item take; None where it is unknown."""

    samples: int
    n_answers: int
    prompt_tokens: float | None
    answer_tokens: float | None
    price: float | None
    """In the currency of the plan's prices; without the prompts where their length is unknown."""
    hours: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPlan:
    """One task: what can be shown, and the cost of each k that is spoken of."""

    task: str
    title: str
    n_items: int | None
    samples: int
    margin: float
    alpha: float
    difficulty: str
    tokens_per_answer: float | None
    tokens_source: str
    tokens_per_prompt: float | None
    tokens_per_s: float | None
    pace_source: str
    references: tuple[ReferencePlan, ...]
    costs: tuple[Cost, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The answer of `evalkit plan`."""

    model: str
    power: float
    pilot: str | None
    prices: Prices | None
    tasks: tuple[TaskPlan, ...]


def read_pilot(store: RunStore, names: Sequence[str]) -> dict[str, Pilot]:
    """What a run says about these tasks; raises `UsageError` for one that it does not have or has no answer of."""
    spec = store.record.spec
    tasks = {task.name: task for task in spec.tasks}
    for name in names:
        if name not in tasks:
            raise UsageError(f"--pilot {store.folder} has no task {name}, only: {', '.join(tasks)}")
    totals = {name: store.totals(name) for name in tasks}
    copied = audit.copied(spec.tasks, totals)
    pace = _pace(list(totals.values()))
    return {n: _pilot(store, tasks[n], totals[n], copied=n in copied, tokens_per_s=pace) for n in names}


def _pilot(store: RunStore, task: TaskSpec, totals: Totals, *, copied: bool, tokens_per_s: float | None) -> Pilot:
    scores = task_scores(store, task)
    scores = one_sample_each(scores) if copied else scores
    left_out = (scores.statuses < 0) | (scores.statuses == STATUSES.index(Status.ERRORED))
    values = np.where(left_out, np.nan, np.nan_to_num(scores.values))
    counts = (~left_out).sum(axis=1)
    if not counts.any():
        raise UsageError(f"--pilot {store.folder} has no answer of {task.name} that can be counted")
    n, k = int((counts > 0).sum()), int(counts.max())
    where = f"pilot {store.record.id}: {n} items, k {k}"
    share = power.pilot_share(values)
    if share is not None:
        difficulty = f"{where}; within-item variance {share:.2f} p(1-p)"
    elif k == 1:
        share, difficulty = power.BOUND_SHARE, f"{where}; one sample shows no spread, hence the bound p(1-p)"
    else:
        share, difficulty = power.PRIOR_SHARE, f"{where}, all alike: they show no spread, hence the {PRIOR}"
    n_counted = totals.n_answered - totals.n_without_usage
    return Pilot(
        run=store.record.id,
        share=share,
        difficulty=difficulty,
        tokens_per_answer=totals.completion_tokens / n_counted if n_counted else None,
        tokens_per_prompt=totals.prompt_tokens / n_counted if n_counted else None,
        tokens_per_s=tokens_per_s,
    )


def _pace(totals: Sequence[Totals]) -> float | None:
    """Answer tokens a second between the first and the last answer; the first one was under way before that."""
    served = [s for t in totals for s in t.served]
    n = sum(t.n_answered for t in totals)
    tokens = sum(t.completion_tokens for t in totals)
    if n < 2 or not served or not tokens or any(t.n_cached for t in totals):
        return None
    took_s = max(s.last_s for s in served) - min(s.first_s for s in served)
    return tokens * (n - 1) / n / took_s if took_s > 0 else None


def plan_task(
    task: TaskSpec, models: Sequence[str], refs: Sequence[Reference], terms: Terms, pilot: Pilot | None = None
) -> TaskPlan:
    """Plan one task, whose `samples` is the planned k, against reference models by their short names.

    Raises `UsageError` for a margin, alpha, power or count out of range.
    """
    if terms.n_items is not None and task.n_items not in (None, terms.n_items):
        raise UsageError(f"--items {terms.n_items}: {task.name} has {task.n_items}, and a part of it is never compared")
    task = dataclasses.replace(
        task,
        margin=terms.margin or task.margin,
        alpha=terms.alpha or task.alpha,
        n_items=task.n_items or terms.n_items,
    )
    share = pilot.share if pilot else power.PRIOR_SHARE
    found = [_against(task, references.default(refs, m, task.name), m, refs, terms.power, share) for m in models]
    per_answer, tokens_source = _answer_length(task, terms, pilot)
    pace, pace_source = _speed(terms, pilot)
    planned = TaskPlan(
        task=task.name,
        title=task.title,
        n_items=task.n_items,
        samples=task.samples,
        margin=task.margin,
        alpha=task.alpha,
        difficulty=pilot.difficulty if pilot else PRIOR,
        tokens_per_answer=per_answer,
        tokens_source=tokens_source,
        tokens_per_prompt=terms.tokens_per_prompt or (pilot.tokens_per_prompt if pilot else None),
        tokens_per_s=pace,
        pace_source=pace_source,
        references=tuple(_in_words(task, r, terms) for r in found),
        costs=(),
        notes=tuple(_notes(task)),
    )
    needed = {k for r in found for reach in (r.reach, r.bound) if reach and (k := reach.samples_needed)}
    ks = sorted({task.samples, *needed}) if task.n_items else []
    return dataclasses.replace(planned, costs=tuple(_cost(planned, k, terms.prices) for k in ks))


def _against(
    task: TaskSpec, reference: Reference | None, model: str, refs: Sequence[Reference], wanted: float, share: float
) -> ReferencePlan:
    if reference is None:
        others = sorted({r.metric for r in references.find(refs, model=model, task=task.name)})
        why = f"it has no published mean accuracy, only: {', '.join(others)}" if others else "it has no published score"
        return ReferencePlan(model=model, reference=None, not_comparable=why, informal=())
    if task.n_items is None:
        why = "the task does not say how many items it has: give --items N"
        return ReferencePlan(model=model, reference=reference, not_comparable=why, informal=())
    items = Items.of_benchmark(task, n_corrected=len(task.errata.items) if task.errata else 0)
    mismatches = list(run_and_reference(task, items, reference))
    fatal = [m.note for m in mismatches if m.severity is Severity.FATAL]
    informal = tuple(m.field for m in mismatches if m.severity is Severity.MAJOR)
    if fatal:
        return ReferencePlan(model=model, reference=reference, not_comparable="; ".join(fatal), informal=informal)
    design = power.Design(
        value=reference.value / 100,
        n_items=task.n_items,
        alpha=task.alpha,
        power=wanted,
        share=share,
        reference_items=reference.size,
        reference_samples=reference.samples,
        exact=reference.exact,
    )
    return ReferencePlan(
        model=model,
        reference=reference,
        not_comparable="",
        informal=informal,
        reference_arm=power.reference_arm(design),
        reach=_reach(design, task),
        bound=_reach(dataclasses.replace(design, share=power.BOUND_SHARE), task),
        margin_new_items=power.best_margin(dataclasses.replace(design, kind="population")),
    )


def _reach(design: power.Design, task: TaskSpec) -> Reach:
    return Reach(
        share=design.share,
        margin_at_k=power.parity_margin(design, task.samples),
        lead_at_k=power.smallest_lead(design, task.samples),
        samples_needed=power.samples_needed(design, task.margin),
        rounds_needed=power.rounds_needed(design, task.margin),
        margin_at_any_k=power.best_margin(design),
    )


def _in_words(task: TaskSpec, plan: ReferencePlan, terms: Terms) -> ReferencePlan:
    """The plan with its sentence and the commands to run for it."""
    start = f"evalkit run {shlex.quote(task.name)} -m {shlex.quote(terms.model)} --against {plan.model}"
    if plan.reach is None or plan.bound is None:
        return dataclasses.replace(plan, sentence=f"{task.name} against {plan.model}: {plan.not_comparable}")
    parity = _parity(task, plan, plan.reach, plan.bound, terms.power)
    sentence = f"{task.name} against {plan.model}: {parity}. {_lead(task, plan.reach)}. {_beyond(task, plan)}"
    k = plan.reach.samples_needed
    commands = [f"{start} --margin {task.margin:g} --samples {k or task.samples}"]
    most = plan.reach.rounds_needed
    if k and most and most <= _WORTH_LOOKING * k:
        commands.append(f"{start} --margin {task.margin:g} --until-decided --max-samples {most}")
    elif k:
        rounds = f"up to {most} rounds" if most else "more rounds than there can be"
        sentence += f". To stop once decided would take {rounds} for the same power: a fixed k is cheaper unless the"
        sentence += " scores are far apart"
    return dataclasses.replace(plan, sentence=sentence, commands=tuple(commands))


def _parity(task: TaskSpec, plan: ReferencePlan, reach: Reach, bound: Reach, wanted: float) -> str:
    goal = f"parity within {_points(task.margin)} points"
    if reach.samples_needed is None:
        return f"{goal} is {_why_not(task, plan, reach, bound, wanted)}"
    at_k = f"k {task.samples} shows parity within {_points(reach.margin_at_k)} points"
    if reach.margin_at_k <= task.margin:
        sure = "also" if bound.margin_at_k <= task.margin else "but not"
        return f"{at_k}, which is enough for {_points(task.margin)}, {sure} if all items are equally hard"
    worst = bound.samples_needed
    at_most = f"k {worst} if all items are equally hard" if worst else "no k is enough if all items are equally hard"
    return f"{at_k} only; {goal} takes k {reach.samples_needed} ({at_most})"


def _why_not(task: TaskSpec, plan: ReferencePlan, reach: Reach, bound: Reach, wanted: float) -> str:
    """Why no k is enough, and what would help."""
    reference = plan.reference
    if reference is None or plan.reference_arm is None:
        return "not reachable"
    n = reference.size or task.n_items
    k = "k not stated" if reference.samples is None else f"k {reference.samples}"
    never = plan.reference_arm >= task.margin
    how = "shown by no run, whatever its score" if never else f"not reachable with power {100 * wanted:g} %"
    more = "A stated k or more" if reference.samples is None else "More"
    return (
        f"{how}: {plan.model}'s own number ({n:,} items, {k}) is known to ±{_points(plan.reference_arm)} points only; "
        f"the smallest margin any k reaches is {_points(reach.margin_at_any_k)} points "
        f"({_points(bound.margin_at_any_k)} if all items are equally hard). {more} samples behind it, or its results "
        "per item, would help"
    )


def _lead(task: TaskSpec, reach: Reach) -> str:
    if reach.lead_at_k is None:
        return f"A lead cannot be shown with k {task.samples}: there is no room for it below 100 %"
    return f"A lead is shown with k {task.samples} from {_points(reach.lead_at_k)} points on"


def _beyond(task: TaskSpec, plan: ReferencePlan) -> str:
    """What more samples do not change."""
    new = plan.margin_new_items
    items = f"{task.n_items:,} items say nothing closer than {_points(new or 1)} points about questions like these"
    informal = f"; whatever k is, the verdict is informal: {', '.join(plan.informal)}" if plan.informal else ""
    return f"At any k, {items}{informal}"


def _points(fraction: float) -> str:
    """Percentage points, without a digit that says nothing."""
    return f"{100 * fraction:.3g}"


def _answer_length(task: TaskSpec, terms: Terms, pilot: Pilot | None) -> tuple[float | None, str]:
    """(tokens per answer, where that comes from)."""
    if terms.tokens_per_answer is not None:
        return terms.tokens_per_answer, "given"
    if pilot and pilot.tokens_per_answer is not None:
        return pilot.tokens_per_answer, f"mean of pilot {pilot.run}"
    if task.sampling.max_tokens is not None:
        return task.sampling.max_tokens, "upper bound: the token limit"
    return None, "unknown: give --tokens-per-answer or --pilot"


def _speed(terms: Terms, pilot: Pilot | None) -> tuple[float | None, str]:
    """(answer tokens per second, where that comes from)."""
    if terms.tokens_per_s is not None:
        return terms.tokens_per_s, "given"
    if pilot and pilot.tokens_per_s is not None:
        return pilot.tokens_per_s, f"as in pilot {pilot.run}"
    return None, "unknown: give --tokens-per-s"


def _cost(task: TaskPlan, k: int, prices: Prices | None) -> Cost:
    n = (task.n_items or 0) * k
    prompts = None if task.tokens_per_prompt is None else n * task.tokens_per_prompt
    answers = None if task.tokens_per_answer is None else n * task.tokens_per_answer
    price = None if prices is None or answers is None else prices.cost(round(prompts or 0), round(answers))
    hours = None if answers is None or task.tokens_per_s is None else answers / task.tokens_per_s / 3600
    return Cost(samples=k, n_answers=n, prompt_tokens=prompts, answer_tokens=answers, price=price, hours=hours)


def _notes(task: TaskSpec) -> list[str]:
    notes = []
    if task.n_items is None:
        notes.append("the number of items is unknown: give --items N")
    elif 1 / (task.n_items * task.samples) > task.margin / 2:
        step = 100 / (task.n_items * task.samples)
        notes.append(f"one answer moves a score with k {task.samples} by {step:.2g} points: too coarse for this margin")
    if task.sampling.temperature == 0 and task.samples > 1:
        notes.append("at temperature 0 the samples of an item may be one text, and then count as one sample")
    return notes
