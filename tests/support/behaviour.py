"""Whether a changed solution gives other results than the original, on the arguments that an item's tests call with."""

from __future__ import annotations

from evalkit.scoring.sandbox import Examination, Failed, Limits, Sandbox, Source

_LIMITS = Limits(cpu_s=2, wall_s=10)

# Runs inside. Results are compared as tests compare them, with ==; what raises has the name of its exception as result.
_COMPARE = '''
import copy

def defined(code):
    names = {"__name__": "solution"}
    exec(code, names)
    return names

def calls(code, tests, name):
    """The arguments of all calls in the tests, and what the code gives for them."""
    names = defined(code)
    function, found = names[name], []
    def recorded(*args, **named):
        found.append((copy.deepcopy(args), copy.deepcopy(named), result(function, args, named)))
        return function(*args, **named)
    exec(tests, {**names, name: recorded})
    return found

def result(function, args, named):
    try:
        value = function(*copy.deepcopy(args), **copy.deepcopy(named))
        return list(value) if hasattr(value, "__next__") else value
    except Exception as fault:
        return type(fault).__name__

def same(original, changed, tests, name):
    asked = calls(original, tests, name)
    try:
        function = defined(changed)[name]
    except Exception:
        return False
    for args, named, expected in asked:
        value = result(function, args, named)
        if not (value == expected or repr(value) == repr(expected)):
            return False
    return bool(asked)
'''


def changes(sandbox: Sandbox, original: str, changed: str, tests: str, name: str) -> bool:
    """True too if the changed code does not end or breaks down."""
    found = sandbox.examine(
        Examination(
            source=Source(variants=(_COMPARE,)),
            tests=f"assert same({original!r}, {changed!r}, {tests!r}, {name!r}) is True",
            limits=_LIMITS,
        )
    )
    return found.kind is not None


def passes(sandbox: Sandbox, code: str, tests: str, given: str, name: str) -> bool:
    """Whether code passes an item's tests as the scorer runs them."""
    source = Source(variants=(code,))
    job = Examination(source=source, tests=tests, given=given, entry_point=name, limits=_LIMITS)
    try:
        return sandbox.examine(job).kind is None
    except Failed:
        return False
