"""Small changes to Python code, each of which a good test of that code notices."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator

_OPERATORS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Mod: ast.FloorDiv, ast.FloorDiv: ast.Mod,
    ast.Div: ast.Mult, ast.Pow: ast.Mult,
}  # fmt: skip
_FUNCTIONS = {"min": "max", "max": "min", "sum": "len", "any": "all", "all": "any"}


def mutants(source: str, function: str) -> Iterator[tuple[str, str]]:
    """(what is changed, code) for each change of one place in `function`; nothing else is touched."""
    tree = ast.parse(source)
    body = _body_of(tree, function).body
    if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        del body[0]  # the docstring: changing it changes nothing
    for place, node in enumerate(ast.walk(_body_of(tree, function))):
        for what, _ in _changes(node):
            changed = copy.deepcopy(tree)
            twin = list(ast.walk(_body_of(changed, function)))[place]
            dict(_changes(twin))[what]()
            yield f"line {getattr(node, 'lineno', '?')}: {what}", ast.unparse(changed)


def _body_of(tree: ast.Module, function: str) -> ast.FunctionDef:
    return next(n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == function)


def _changes(node: ast.AST) -> Iterator[tuple[str, object]]:
    """(what, a function that does it) for each way of changing this node."""

    def put(field: str, value: object) -> object:
        return lambda: setattr(node, field, value)

    match node:
        case ast.Compare(ops=[operator]) if type(operator) in _OPERATORS:
            other = _OPERATORS[type(operator)]
            yield f"{type(operator).__name__} -> {other.__name__}", put("ops", [other()])
        case ast.BinOp(op=operator) | ast.BoolOp(op=operator) if type(operator) in _OPERATORS:
            other = _OPERATORS[type(operator)]
            yield f"{type(operator).__name__} -> {other.__name__}", put("op", other())
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield "not X -> not not X", put("operand", ast.UnaryOp(ast.Not(), operand))
        case ast.Constant(value=bool() as value):
            yield f"{value} -> {not value}", put("value", not value)
        case ast.Constant(value=int() | float() as value):
            yield f"{value} -> {value + 1}", put("value", value + 1)
        case ast.Constant(value=str() as value):
            yield f"{value!r} -> {value + '~'!r}", put("value", value + "~")
        case ast.Name(id=name) if name in _FUNCTIONS:
            yield f"{name} -> {_FUNCTIONS[name]}", put("id", _FUNCTIONS[name])
        case ast.Return(value=ast.expr()):
            yield "return nothing", put("value", None)
        case ast.If(test=test):
            yield "the other way", put("test", ast.UnaryOp(ast.Not(), test))
