"""How a submission uses its functions: what it calls, and how it changes its weights."""

import ast
import re
from enum import Enum

PARAMETER = re.compile(r"^(w|b|v?bias|weight|theta|params?)", re.IGNORECASE)


def called(tree: ast.AST) -> set[str]:
    """Return the names of everything that is called, or given to something else."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            for part in (node.func, *node.args, *(k.value for k in node.keywords)):
                if isinstance(part, ast.Name | ast.Attribute):
                    names.add(last_name(part))
    return names


def last_name(node: ast.expr) -> str:
    """Return ``relu`` of ``relu``, ``self.relu`` and ``helpers.relu``."""
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


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


def wrapped(tree: ast.AST, name: str) -> tuple[bool, bool]:
    """Whether results of a function are negated, and whether they are divided."""
    negated = divided = False
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
    return negated, divided


def _is_name(node: ast.AST, names: set[str]) -> bool:
    return isinstance(node, ast.Name | ast.Attribute) and ast.unparse(node) in names


def _calls(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Call) and last_name(node.func) == name


def ascends(tree: ast.AST) -> bool:
    """Whether what is called a gradient is added to the weights, directly or by a velocity."""
    signs: set[type[ast.operator]] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.AugAssign) and is_parameter(node.target):
            if isinstance(node.op, ast.Add | ast.Sub):
                signs.add(type(node.op))
        elif isinstance(node, ast.Assign):
            pairs = [(t, node.value) for t in node.targets]
            if isinstance(node.targets[0], ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = list(zip(node.targets[0].elts, node.value.elts, strict=False))
            signs |= {type(v.op) for t, v in pairs if isinstance(v, ast.BinOp) and _is_step(t, v)}
    if len(signs & {ast.Add, ast.Sub}) != 1:
        return False
    return (ast.Add in signs) != _subtracts_from_velocity(tree)


def is_parameter(node: ast.expr) -> bool:
    """Whether an expression is named like weights or a bias."""
    name = last_name(node.value if isinstance(node, ast.Subscript) else node)
    return bool(PARAMETER.match(name)) and not name.lower().startswith("batch")


def _is_step(target: ast.expr, value: ast.BinOp) -> bool:
    if not (is_parameter(target) and isinstance(value.op, ast.Add | ast.Sub)):
        return False
    first = ast.unparse(target)[:1]
    return is_parameter(value.left) and ast.unparse(value.left)[:1] == first


def _subtracts_from_velocity(tree: ast.AST) -> bool:
    """Whether velocities are made by subtracting the gradient, as Keras does."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.BinOp):
            target = node.targets[0]
            inside = ast.unparse(node.value.left)
            if isinstance(node.value.op, ast.Sub) and ast.unparse(target) in inside:
                if "*" in inside and not is_parameter(target):
                    return True
    return False
