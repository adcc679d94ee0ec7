"""What training starts from: the scale of the weights, the biases, the velocities."""

import ast
import re
from collections.abc import Iterator

from ..scopes import Scope, last_name, number
from ..verdict import Remark

_BIAS = re.compile(
    r"^b(ias)?(es)?(_?[a-z0-9]{1,3}|_?(hidden|out|output|outer|inner|\d))?$", re.IGNORECASE
)
_RANDOM = ("normal", "randn", "standard_normal", "uniform", "rand", "random", "random_sample")
_UNIT = ("randn", "standard_normal")  # of variance 1
_SMALL = re.compile(r"\b10(?:\.0*)?e-0?5\b", re.IGNORECASE)


def read_start(scope: Scope, lines: list[str]) -> Iterator[Remark]:
    """Read the initialisations of a scope."""
    values = {ast.unparse(target): value for target, value, _ in scope.assignments()}
    for target, value, statement in scope.assignments():
        draws = [n for n in ast.walk(value) if isinstance(n, ast.Call) and _is_draw(n)]
        if draws and _BIAS.match(last_name(target)):
            yield Remark(statement.lineno, "bias not zero", last_name(target))
            continue
        for draw in draws:
            yield from _scale(draw, value, values, statement.lineno)
    for node in scope.nodes:
        if isinstance(node, ast.Return) and node.value is not None:
            for draw in (
                n for n in ast.walk(node.value) if isinstance(n, ast.Call) and _is_draw(n)
            ):
                yield from _scale(draw, node.value, values, node.lineno)
        if isinstance(node, ast.Constant) and node.value == 1e-4:
            if _SMALL.search(lines[node.lineno - 1]):
                yield Remark(node.lineno, "ten times a power", "10e-5 is 1e-4")
        if isinstance(node, ast.Call) and last_name(node.func) == "exp" and node.args:
            if number(node.args[0]) == -5:
                yield Remark(node.lineno, "ten times a power", "exp(-5) is 0.0067")


def _is_draw(call: ast.Call) -> bool:
    name = last_name(call.func)
    return name in _RANDOM and ("random" in ast.unparse(call.func) or name in _UNIT)


def _scale(
    draw: ast.Call, whole: ast.expr, values: dict[str, ast.expr], line: int
) -> Iterator[Remark]:
    """Judge the factor, or the deviation, of random numbers."""
    name = last_name(draw.func)
    if name == "normal":
        keywords = {k.arg: k.value for k in draw.keywords}
        deviation = keywords.get("scale") or (draw.args[1] if len(draw.args) > 1 else None)
        size = keywords.get("size") or (draw.args[2] if len(draw.args) > 2 else None)
        unit = deviation is None or number(deviation) == 1
    else:
        deviation, unit = None, name in _UNIT
        size = ast.Tuple(draw.args, ast.Load())
        if len(draw.args) == 1 and isinstance(draw.args[0], ast.Tuple):
            size = draw.args[0]
    if unit:
        deviation = _factor(draw, whole)
    if deviation is None:
        return
    deviation = _resolved(deviation, values)
    root = _under_root(deviation)
    fraction = _fraction(_resolved(root, values) if root is not None else deviation, values)
    if fraction is None:
        return
    numerator, units = fraction
    if root is None:
        yield Remark(line, "deviation", ast.unparse(deviation))
    elif numerator == 1:
        yield Remark(line, "numerator", ast.unparse(deviation))
    if isinstance(size, ast.Tuple) and len(size.elts) == 2:
        shape = {ast.unparse(_resolved(one, values)) for one in size.elts}
        if {ast.unparse(_resolved(one, values)) for one in units} != shape:
            told = " + ".join(map(ast.unparse, units))
            yield Remark(line, "unit counts", f"{told} for {ast.unparse(size)}")


def _factor(draw: ast.Call, whole: ast.expr) -> ast.expr | None:
    """Return what random numbers are multiplied by, or divided by, in an expression."""
    for node in ast.walk(whole):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
            if node.left is draw:
                return node.right
            if node.right is draw:
                return node.left
        if isinstance(node, ast.Call) and last_name(node.func) == "multiply" and draw in node.args:
            return next(argument for argument in node.args if argument is not draw)
    return None


def _resolved(node: ast.expr, values: dict[str, ast.expr]) -> ast.expr:
    """Follow a name to what was assigned to it."""
    for _ in range(3):
        if not isinstance(node, ast.Name) or ast.unparse(node) not in values:
            break
        node = values[ast.unparse(node)]
    return node


def _under_root(node: ast.expr) -> ast.expr | None:
    """Return what a square root is taken of."""
    if isinstance(node, ast.Call) and last_name(node.func) == "sqrt" and node.args:
        return node.args[0]
    if (
        isinstance(node, ast.Call)
        and last_name(node.func) in ("power", "pow")
        and len(node.args) == 2
    ):
        return node.args[0]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        return node.left
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        top, below = _under_root(node.left), _under_root(node.right)  # sqrt(2) / sqrt(a + b)
        if below is not None:
            return ast.BinOp(top if top is not None else node.left, ast.Div(), below)
    return None


def _fraction(node: ast.expr, values: dict[str, ast.expr]) -> tuple[float, list[ast.expr]] | None:
    """Return c and [a, b] of c / (a + b), or of (1 / (a + b)) * c."""
    if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)):
        return None
    numerator, below = number(_resolved(node.left, values)), _resolved(node.right, values)
    if numerator is None or not (isinstance(below, ast.BinOp) and isinstance(below.op, ast.Add)):
        return None
    if numerator not in (1.0, 2.0):
        return None
    return numerator, [below.left, below.right]
