"""How a submission uses its functions: with what, in which order, and what becomes of results."""

import ast
import re
from collections import Counter
from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from .scopes import Scope, last_name

_DEEPEST = 3  # names that are followed one after another
_TURNS = ("transpose", "swapaxes", "moveaxis", "rollaxis")
_PREDICTION = re.compile(r"pred|prob|softmax|y_?hat|output$|^p$", re.IGNORECASE)
_TARGET = re.compile(r"target|label|one_?hot|truth", re.IGNORECASE)
_CLASSES = re.compile(r"argmax|predict(ed)?_?(class|label)|class_?num", re.IGNORECASE)


def called(tree: ast.AST) -> set[str]:
    """Return the names of everything that is called, or given to something else."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            for part in (node.func, *node.args, *(k.value for k in node.keywords)):
                if isinstance(part, ast.Name | ast.Attribute):
                    names.add(last_name(part))
    return names


class Use(Enum):
    """What a function is called with, as far as can be seen."""

    ROWS = "one row or column at a time"
    UNCLEAR = "rows or matrices"
    MATRICES = "matrices"


def use_of(tree: ast.AST, name: str) -> Use:
    """Return what a function is called with; MATRICES where no call of it is seen."""
    counters, items = _loops(tree)
    for node in ast.walk(tree):  # row = matrix[i]
        if isinstance(node, ast.Assign) and _is_row(node.value):
            items |= {t.id for t in node.targets if isinstance(t, ast.Name)}
    seen = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        if any(last_name(a) == name for a in node.args if isinstance(a, ast.Name | ast.Attribute)):
            seen.add(Use.ROWS)  # given to map, vectorize or apply_along_axis
        elif last_name(node.func) == name and node.args:
            inside = {n.id for n in ast.walk(node.args[0]) if isinstance(n, ast.Name)}
            row = isinstance(node.args[0], ast.Name) and inside <= items
            if row or _is_row(node.args[0]):
                seen.add(Use.ROWS)
            else:  # what is made of an item may be a row, or a batch
                seen.add(Use.UNCLEAR if inside & items - counters else Use.MATRICES)
    if len(seen) == 1:
        return seen.pop()
    return Use.MATRICES if Use.MATRICES in seen or not seen else Use.UNCLEAR


def _loops(tree: ast.AST) -> tuple[set[str], set[str]]:
    """Return the names that count in loops, and all names that run through something."""
    counters, names = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.For | ast.comprehension):
            here = {n.id for n in ast.walk(node.target) if isinstance(n, ast.Name)}
            names |= here
            if "range(" in ast.unparse(node.iter):
                counters |= here
    return counters, names


def _is_row(node: ast.expr) -> bool:
    """Whether an expression takes a row or a column of something."""
    if not isinstance(node, ast.Subscript):
        return False
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    return any(isinstance(p, ast.Name | ast.BinOp) or _is_whole(p) for p in parts)


def _is_whole(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is int


class Made(Enum):
    """What an argument is, by what made it."""

    CLASSES = "class numbers"
    PROBABILITIES = "the result of softmax"
    LOGITS = "the result of a layer"
    UNKNOWN = "anything"


class Wrapped(NamedTuple):
    """What is done to the results of a function, and to its arguments."""

    negated: bool
    divided: bool
    turned: bool  # a result or an argument is transposed


def wrapped(tree: ast.AST, name: str) -> Wrapped:
    """Return whether results of a function are negated, divided or transposed."""
    negated = divided = turned = False
    kept = {
        ast.unparse(target)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and _calls(node.value, name)
        for target in node.targets
    }

    def results(node: ast.AST) -> bool:
        return any(_calls(n, name) or _is_name(n, kept) for n in ast.walk(node))

    for node in ast.walk(tree):
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            negated |= results(node.operand)
        elif isinstance(node, ast.BinOp):
            divided |= isinstance(node.op, ast.Div) and results(node.left)
            if isinstance(node.op, ast.Mult):
                for call, factor in ((node.left, node.right), (node.right, node.left)):
                    divided |= results(call) and "/" in ast.unparse(factor)
                    negated |= results(call) and "-" in ast.unparse(factor)
        elif isinstance(node, ast.expr) and _is_turned(node):
            turned |= results(node)
        if isinstance(node, ast.Call) and _calls(node, name):
            turned |= any(map(_is_turned, node.args))
    return Wrapped(negated, divided, turned)


def _is_turned(node: ast.expr) -> bool:
    """Whether an expression transposes something."""
    if isinstance(node, ast.Call):
        return last_name(node.func) in _TURNS
    return isinstance(node, ast.Attribute) and node.attr == "T"


def calls_of(scope: Scope, name: str) -> list[ast.Call]:
    """Return the calls of a function in a scope."""
    return [call for call in scope.calls() if _calls(call, name)]


def given(found: list[Scope], name: str) -> list[list[ast.expr]]:
    """Return the arguments of every call of a function.

    In the place of a name stands what was assigned to it, where that is one call or calls of one
    function.
    """
    arguments = []
    for scope in found:
        values = _values(scope)
        for call in calls_of(scope, name):
            arguments.append([_followed(argument, values) for argument in call.args])
    return arguments


def made_of(node: ast.expr, makers: Mapping[str, Made]) -> Made:
    """Return what an argument is: by the function that made it, or because it says so itself."""
    name = last_name(node.func) if isinstance(node, ast.Call) else ""
    if name not in makers and _CLASSES.search(ast.unparse(node)):
        return Made.CLASSES
    return makers.get(name, Made.UNKNOWN)


def uses_result(found: list[Scope], name: str) -> bool:
    """Return whether anything is done with the result of a function."""
    alone = {id(n.value) for scope in found for n in scope.nodes if isinstance(n, ast.Expr)}
    return any(id(call) not in alone for scope in found for call in calls_of(scope, name))


def target_first(call: ast.Call) -> bool | None:
    """Return whether the first of two arguments is the target, where their names say it."""
    names = [last_name(a.func if isinstance(a, ast.Call) else a) for a in call.args]
    for pair in (names, names[::-1]) if len(names) == 2 else ():
        says = [(bool(_TARGET.search(n)), bool(_PREDICTION.search(n))) for n in pair]
        if says == [(True, False), (False, True)]:
            return pair is names
    return None


def _values(scope: Scope) -> dict[str, ast.expr]:
    """Return the calls that names stand for in a scope, if nothing else gives them a value."""
    values: dict[str, list[ast.expr]] = {}
    for target, value, _ in scope.assignments():
        values.setdefault(ast.unparse(target), []).append(value)
    stored = Counter(
        ast.unparse(node)
        for node in scope.nodes
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store)
    )
    parameters = getattr(scope.node, "args", ast.Pass())
    stored.update(node.arg for node in ast.walk(parameters) if isinstance(node, ast.arg))
    return {
        target: given[-1]
        for target, given in values.items()
        if stored[target] == len(given)
        and len({last_name(v.func) if isinstance(v, ast.Call) else "" for v in given}) == 1
    }


def _followed(node: ast.expr, values: dict[str, ast.expr]) -> ast.expr:
    for _ in range(_DEEPEST):
        if not isinstance(node, ast.Name | ast.Attribute) or ast.unparse(node) not in values:
            break
        node = values[ast.unparse(node)]
    return node


def _is_name(node: ast.AST, names: set[str]) -> bool:
    return isinstance(node, ast.Name | ast.Attribute) and ast.unparse(node) in names


def _calls(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Call) and last_name(node.func) == name
