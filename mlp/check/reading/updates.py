"""How training changes its parameters: momentum, which arrays, in which order, how far."""

import ast
import re
from collections.abc import Iterator, Sequence

from ..parameters import ERROR, Update, is_parameter, updates
from ..scopes import Scope, last_name, names_in, number
from ..verdict import Remark

ROWS = 10_000  # training rows of the task
LARGEST_RATE = 0.15  # of an average; the task's is 0.1
_RATE = re.compile(r"^(alpha|lr|eta|rate|learning_?rate|step(_?size)?|epsilon|a)$", re.IGNORECASE)
_SHORT = re.compile(r"^(self\.)?(w|b)_?[a-z0-9]{1,2}$", re.IGNORECASE)


def read_updates(
    scope: Scope, sums: set[str], averages: set[str], rates: dict[str, float]
) -> Iterator[Remark]:
    """Read the updates of a scope.

    Parameters
    ----------
    sums : set of str
        Functions whose gradient is a sum over the rows, as trying them has shown.
    averages : set of str
        Functions of gradients that divide or average.
    rates : dict
        Numbers that names stand for in the whole submission.
    """
    found = updates(scope)
    velocities = _velocities(scope)
    yield from _momentum(scope, found, velocities)
    yield from _left_out(scope, found, velocities)
    yield from _order(scope, found)
    if not any(last_name(call.func) in averages for call in scope.calls()):
        yield from _rate(scope, found, sums, rates)


def _velocities(scope: Scope) -> dict[str, int]:
    """Return the names that keep a share of themselves: ``v = gamma * v + ...``; their lines."""
    names = {}
    for target, value, statement in scope.assignments():
        name = ast.unparse(target)
        if is_parameter(target) and not name.lower().lstrip("self.").startswith("v"):
            continue
        if not isinstance(value, ast.BinOp) or not isinstance(value.op, ast.Add | ast.Sub):
            continue
        kept = [side for side in (value.left, value.right) if name in names_in(side)]
        if any(isinstance(n, ast.Mult) for side in kept for n in ast.walk(side)):
            names[name] = statement.lineno
    for node in scope.nodes:
        if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Mult):
            names[ast.unparse(node.target)] = node.lineno
    return names


def _momentum(scope: Scope, found: list[Update], velocities: dict[str, int]) -> Iterator[Remark]:
    """Find arrays without the momentum that others have, and velocities that are lost."""
    lost = list(_lost(scope, found, velocities))
    yield from lost
    named = {name for remark in lost for name in remark.detail.split(" = ... ")}
    with_it = [update for update in found if names_in(update.step) & velocities.keys()]
    for update in found if with_it else ():
        excused = isinstance(update.step, ast.Constant) or names_in(update.step) & named
        if update not in with_it and not excused:
            yield Remark(update.line, "no momentum", update.name)


def _lost(scope: Scope, found: list[Update], velocities: dict[str, int]) -> Iterator[Remark]:
    """Find what looks like ``v = gamma * v + ...`` with two names for v."""
    steps = {name for update in found for name in names_in(update.step)}
    for target, value, statement in scope.assignments():
        name = ast.unparse(target)
        if name in velocities or not isinstance(value, ast.BinOp):
            continue
        added = isinstance(value.op, ast.Add)
        if added and isinstance(value.left, ast.BinOp) and isinstance(value.left.op, ast.Mult):
            for other in map(ast.unparse, (value.left.left, value.left.right)):
                used = {name, other} & steps and _alike(name, other)
                if used and not _is_stored_later(scope, other, statement):
                    yield Remark(statement.lineno, "velocity lost", f"{name} = ... {other}")


def _alike(one: str, two: str) -> bool:
    """Whether two names seem to mean the same velocity."""
    if one == two or _RATE.match(one) or _RATE.match(two):
        return False
    return one in two or two in one or one[:2] == two[:2]


def _is_stored_later(scope: Scope, name: str, statement: ast.stmt) -> bool:
    lines = [s.lineno for target, _, s in scope.assignments() if ast.unparse(target) == name]
    return any(line >= statement.lineno for line in lines)


def _left_out(scope: Scope, found: list[Update], velocities: dict[str, int]) -> Iterator[Remark]:
    """Find velocities and parameters that never reach an update."""
    if not found:
        return
    read: dict[str, int] = {}
    for node in scope.nodes:
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
            name = ast.unparse(node)
            read[name] = read.get(name, 0) + 1
    for name, line in velocities.items():
        own = sum(
            ast.unparse(n) == name
            for target, value, _ in scope.assignments()
            if ast.unparse(target) == name
            for n in ast.walk(value)
            if isinstance(n, ast.Name | ast.Attribute)
        )
        if read.get(name, 0) <= own:
            yield Remark(line, "not updated", name)
    changed = {ast.unparse(t) for t, _, _ in scope.assignments()} | {u.name for u in found}
    for name in sorted(read):
        alike = [u for u in found if _SHORT.match(u.name) and _family(u.name) == _family(name)]
        if _SHORT.match(name) and alike and name not in changed:
            yield Remark(alike[0].line, "not updated", name)


def _family(name: str) -> str:
    return name.replace("self.", "")[:1]


def _order(scope: Scope, found: list[Update]) -> Iterator[Remark]:
    """Find weights that are changed before the gradient of the layer below has used them."""
    for update in found:
        if isinstance(update.statement, ast.Assign) and isinstance(
            update.statement.targets[0], ast.Tuple
        ):
            continue
        body = _block(scope, update.statement)
        for statement in body[body.index(update.statement) + 1 :]:
            if any(_carries_back(node, update.name) for node in ast.walk(statement)):
                yield Remark(statement.lineno, "update order", update.name, certain=True)
                break


def _block(scope: Scope, statement: ast.stmt) -> list[ast.stmt]:
    """Return the statements among which one stands."""
    for node in (scope.node, *scope.nodes):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list) and statement in block:
                return block
    return [statement]


def _carries_back(node: ast.AST, weight: str) -> bool:
    """Whether an expression takes an error through the weights, from outputs to inputs."""
    turned = {f"{weight}.T", f"np.transpose({weight})", f"{weight}.transpose()"}
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
        sides = [ast.unparse(node.left), ast.unparse(node.right)]
    elif isinstance(node, ast.Call) and last_name(node.func) in ("dot", "matmul"):
        sides = [ast.unparse(a) for a in node.args]
        if isinstance(node.func, ast.Attribute) and len(sides) == 1:
            sides.insert(0, ast.unparse(node.func.value))
    elif isinstance(node, ast.Call):
        named = last_name(node.func).lower()
        return "grad" in named and weight in map(ast.unparse, node.args)
    else:
        return False
    if len(sides) != 2:
        return False
    if sides[1] in turned or sides[1] == weight + ".T":
        error = ERROR.search(sides[0]) or " - " in sides[0]
        return bool(error) and not _is_forward(sides[0])
    return sides[0] == weight and bool(ERROR.match(sides[1]))


def _is_forward(name: str) -> bool:
    return bool(re.search(r"data|^x|^h|^a\d?$|valid|test|input", name, re.IGNORECASE))


def _rate(
    scope: Scope, found: list[Update], sums: set[str], rates: dict[str, float]
) -> Iterator[Remark]:
    """Find a sum over the rows that is multiplied by the learning rate of an average."""
    if not found or divides(_block(scope, found[0].statement)):
        return
    summed = any(last_name(c.func) in sums for c in scope.calls()) or any(
        isinstance(v, ast.BinOp) and isinstance(v.op, ast.Sub) and _is_error(v)
        for _, v, _ in scope.assignments()
    )
    used = {n.id for n in scope.nodes if isinstance(n, ast.Name) and _RATE.match(n.id)}
    known = {**rates, **_defaults(scope)}
    alphas = [known[name] for name in sorted(used) if name in known]
    if summed and len(alphas) == 1 and alphas[0] * ROWS > LARGEST_RATE:
        yield Remark(
            found[0].line, "rate of a sum", f"{alphas[0]:g} * {ROWS} = {alphas[0] * ROWS:g}"
        )


def divides(block: Sequence[ast.AST]) -> bool:
    """Whether anything in some statements is divided or averaged."""
    return any(
        (isinstance(n, ast.BinOp) and isinstance(n.op, ast.Div))
        or (isinstance(n, ast.AugAssign) and isinstance(n.op, ast.Div))
        or (isinstance(n, ast.Call) and last_name(n.func) in ("mean", "average", "divide"))
        for statement in block
        for n in ast.walk(statement)
    )


def _is_error(value: ast.BinOp) -> bool:
    text = ast.unparse(value).lower()
    return bool(re.search(r"target|label|\by\b|\bt\b", text)) and len(text) < 60


def _defaults(scope: Scope) -> dict[str, float]:
    """Return the numbers that parameters have by default."""
    arguments = getattr(scope.node, "args", None)
    if not isinstance(arguments, ast.arguments) or not arguments.defaults:
        return {}
    pairs = zip(arguments.args[-len(arguments.defaults) :], arguments.defaults, strict=True)
    return {a.arg: value for a, d in pairs if (value := number(d)) is not None}
