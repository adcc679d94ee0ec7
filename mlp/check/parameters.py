"""Weights and biases in a submission's code: how they are named, and how they are changed."""

import ast
import re
from dataclasses import dataclass

from .scopes import Scope, last_name

# Errors that are carried back.
ERROR = re.compile(r"^(d|g)[a-z_0-9]*$|delta|grad|err|back", re.IGNORECASE)
_PARAMETER = re.compile(r"^(w|b|v?bias|weight|theta|params?)", re.IGNORECASE)


@dataclass
class Update:
    """A line that changes a weight or a bias by adding or subtracting something."""

    name: str  # as it is written: W1, self.W1
    step: ast.expr
    line: int
    sign: int
    statement: ast.stmt


def updates(scope: Scope) -> list[Update]:
    """Return the updates of parameters in a scope, ``W = W - v`` and ``W -= v``."""
    changes: list[tuple[ast.expr, ast.operator, ast.expr, ast.stmt]] = []
    for node in scope.nodes:
        if isinstance(node, ast.AugAssign) and is_parameter(node.target):
            changes.append((node.target, node.op, node.value, node))
    for target, value, statement in scope.assignments():
        if isinstance(value, ast.BinOp) and _is_step(target, value):
            changes.append((target, value.op, value.right, statement))
    found = [
        Update(ast.unparse(target), step, line.lineno, 1 if isinstance(op, ast.Add) else -1, line)
        for target, op, step, line in changes
        if isinstance(op, ast.Add | ast.Sub)
    ]
    return sorted(found, key=lambda update: update.line)


def changes_parameters(scope: Scope) -> bool:
    """Whether a scope changes weights, or returns changed ones."""
    returned = [n.value for n in scope.nodes if isinstance(n, ast.Return) and n.value is not None]
    return bool(updates(scope)) or any(
        isinstance(n, ast.BinOp) and isinstance(n.op, ast.Add | ast.Sub) and is_parameter(n.left)
        for value in returned
        for n in ast.walk(value)
    )


def ascends(found: list[Scope]) -> bool:
    """Whether what is called a gradient is added to the weights, directly or by a velocity."""
    signs = {update.sign for scope in found for update in updates(scope)}
    return len(signs) == 1 and (1 in signs) != any(map(_subtracts_from_velocity, found))


def is_parameter(node: ast.expr) -> bool:
    """Whether an expression is named like weights or a bias."""
    name = last_name(node.value if isinstance(node, ast.Subscript) else node)
    return bool(_PARAMETER.match(name)) and not name.lower().startswith("batch")


def _is_step(target: ast.expr, value: ast.BinOp) -> bool:
    if not (is_parameter(target) and is_parameter(value.left)):
        return False
    return ast.unparse(target)[:1] == ast.unparse(value.left)[:1]


def _subtracts_from_velocity(scope: Scope) -> bool:
    """Whether velocities are made by subtracting the gradient, as Keras does."""
    return any(
        isinstance(value, ast.BinOp)
        and isinstance(value.op, ast.Sub)
        and "*" in ast.unparse(value.left)
        and ast.unparse(target) in ast.unparse(value.left)
        and not is_parameter(target)
        for target, value, _ in scope.assignments()
    )
