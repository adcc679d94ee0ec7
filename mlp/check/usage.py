"""How a submission uses its functions: what it calls, and how it changes its weights."""

import ast
import re

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


def wrapped(tree: ast.AST, name: str) -> tuple[bool, bool]:
    """Whether calls of a function are negated, and whether they are divided."""
    negated = divided = False
    for node in ast.walk(tree):
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            negated |= _calls(node.operand, name)
        elif isinstance(node, ast.BinOp):
            divided |= isinstance(node.op, ast.Div) and _calls(node.left, name)
            if isinstance(node.op, ast.Mult):
                for call, factor in ((node.left, node.right), (node.right, node.left)):
                    divided |= _calls(call, name) and "/" in ast.unparse(factor)
                    negated |= _calls(call, name) and "-" in ast.unparse(factor)
    return negated, divided


def _calls(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Call) and last_name(node.func) == name


def ascends(tree: ast.AST) -> bool:
    """Whether weights are changed by adding what has the gradient's own sign."""
    added = subtracted = False
    for node in ast.walk(tree):
        if isinstance(node, ast.AugAssign) and _is_parameter(node.target):
            added |= isinstance(node.op, ast.Add)
            subtracted |= isinstance(node.op, ast.Sub)
        elif isinstance(node, ast.Assign):
            pairs = [(t, node.value) for t in node.targets]
            if isinstance(node.targets[0], ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = list(zip(node.targets[0].elts, node.value.elts, strict=False))
            for target, value in pairs:
                if isinstance(value, ast.BinOp) and _is_parameter(target):
                    same = ast.unparse(target) in (ast.unparse(value.left), ast.unparse(value.right))
                    added |= same and isinstance(value.op, ast.Add)
                    subtracted |= same and isinstance(value.op, ast.Sub)
    return added and not subtracted and not _keras_velocity(tree)


def _is_parameter(node: ast.expr) -> bool:
    name = last_name(node.value if isinstance(node, ast.Subscript) else node)
    return bool(PARAMETER.match(name))


def _keras_velocity(tree: ast.AST) -> bool:
    """Whether velocities are made by subtracting the gradient, as Keras does."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.BinOp):
            name = ast.unparse(node.targets[0])
            if isinstance(node.value.op, ast.Sub) and name in ast.unparse(node.value.left):
                if "*" in ast.unparse(node.value) and not PARAMETER.match(name):
                    return True
    return False
