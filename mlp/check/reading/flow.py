"""Where values come from: softmax of a softmax, masks, argmax, swapped and mistaken rows."""

import ast
import re
from collections.abc import Iterator, Sequence

from ..parameters import ERROR, changes_parameters, is_parameter
from ..scopes import Scope, last_name, names_in, number
from ..usage import calls_of, given, target_first
from ..verdict import Remark

_DERIVATIVE = re.compile(
    r"relu.*(grad|deriv|prime|back|mask)|(grad|deriv|d|back)_?relu|mask|heaviside|sign",
    re.IGNORECASE,
)


def read_flow(
    scope: Scope,
    softmaxes: set[str],
    layers: set[str],
    take_logits: dict[str, bool],
    first: dict[str, bool],
) -> Iterator[Remark]:
    """Read a scope for values that come from the wrong place.

    Parameters
    ----------
    softmaxes, layers : set of str
        The functions that are softmax, and those that are X W + b.
    take_logits : dict
        The functions of predictions, and whether they apply softmax to them.
    first : dict
        The functions of targets and predictions, and whether they take the target first.
    """
    yield from _twice(scope, softmaxes, {name for name, logits in take_logits.items() if logits})
    for name, logits in take_logits.items():
        for call, arguments in zip(calls_of(scope, name), given([scope], name), strict=True):
            makers = {last_name(a.func) for a in arguments if isinstance(a, ast.Call)}
            if not logits and makers & layers:
                yield Remark(call.lineno, "softmax missing", name, certain=True)
    yield from _mask(scope)
    yield from _argmax(scope)
    yield from _swapped(scope, first)
    yield from _test_rows(scope)


def _twice(scope: Scope, softmaxes: set[str], take_logits: set[str]) -> Iterator[Remark]:
    last: dict[str, int] = {}  # the block in which a name got probabilities, as the text goes on
    block = _blocks(scope)
    for node in scope.nodes:
        if isinstance(node, ast.Assign):
            here = block.get(id(node), 0)
            for call in (n for n in ast.walk(node.value) if isinstance(n, ast.Call)):
                yield from _call_twice(call, last, here, softmaxes, take_logits)
            _forget(last, node.targets)
            if isinstance(node.value, ast.Call) and last_name(node.value.func) in softmaxes:
                last |= {ast.unparse(target): here for target in node.targets}
        elif isinstance(node, ast.For | ast.AugAssign | ast.AnnAssign):
            _forget(last, [node.target])
        elif isinstance(node, ast.With):
            _forget(last, [item.optional_vars for item in node.items if item.optional_vars])


def _forget(last: dict[str, int], targets: Sequence[ast.expr]) -> None:
    for target in targets:
        for node in ast.walk(target):
            last.pop(ast.unparse(node), None)


def _blocks(scope: Scope) -> dict[int, int]:
    """Return the number of the block in which every statement stands, by its identity."""
    found: dict[int, int] = {}
    for count, node in enumerate(ast.walk(scope.node)):
        for place, name in enumerate(("body", "orelse", "finalbody")):
            statements = getattr(node, name, None)
            for one in statements if isinstance(statements, list) else ():
                found[id(one)] = 3 * count + place + 1
    return found


def _call_twice(
    call: ast.Call, last: dict[str, int], here: int, softmaxes: set[str], take_logits: set[str]
) -> Iterator[Remark]:
    name = last_name(call.func)
    if name not in softmaxes | take_logits:
        return
    for argument in call.args:
        direct = isinstance(argument, ast.Call) and last_name(argument.func) in softmaxes
        since = last.get(ast.unparse(argument))
        if direct or since is not None:
            # In another block it may be another way through the program.
            yield Remark(call.lineno, "softmax twice", name, certain=direct or since == here)


def _mask(scope: Scope) -> Iterator[Remark]:
    """Find an error that is carried back through weights and meets no mask."""
    carried = [
        node for node in scope.nodes if isinstance(node, ast.BinOp | ast.Call) and _goes_back(node)
    ]
    if not carried or not changes_parameters(scope):
        return
    compared = any(isinstance(n, ast.Compare) and _with_zero(n) for n in scope.nodes)
    derived = any(_DERIVATIVE.search(last_name(c.func)) for c in scope.calls())
    derived |= any(isinstance(n, ast.Name) and _DERIVATIVE.search(n.id) for n in scope.nodes)
    if not compared and not derived:
        kind, line = "mask absent", carried[0].lineno
        for node in scope.nodes:
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
                if any(
                    isinstance(s, ast.Call) and "relu" in last_name(s.func).lower()
                    for s in (node.left, node.right)
                ):
                    kind, line = "relu as mask", node.lineno
        yield Remark(line, kind)
        return
    rectified = {
        ast.unparse(target)
        for target, value, _ in scope.assignments()
        if isinstance(value, ast.Call) and "relu" in last_name(value.func).lower()
    }
    for node in scope.nodes:
        if isinstance(node, ast.Compare) and _with_zero(node) and isinstance(node.ops[0], ast.GtE):
            if ast.unparse(node.left) in rectified:
                yield Remark(node.lineno, "mask open", ast.unparse(node))


def _goes_back(node: ast.BinOp | ast.Call) -> bool:
    left: ast.expr | None = None
    if isinstance(node, ast.BinOp):
        left, right = node.left, node.right if isinstance(node.op, ast.MatMult) else None
    else:
        right = node.args[-1] if last_name(node.func) in ("dot", "matmul") and node.args else None
        if right is not None:
            left = node.args[0]
            if len(node.args) == 1 and isinstance(node.func, ast.Attribute):
                left = node.func.value
    if left is not None and right is not None and is_parameter(right):
        return bool(ERROR.match(last_name(left)))  # weights that lie the other way
    if isinstance(right, ast.Attribute) and right.attr == "T":
        return is_parameter(right.value)
    return (
        isinstance(right, ast.Call)
        and last_name(right.func) == "transpose"
        and any(is_parameter(a) for a in right.args)
    )


def _with_zero(node: ast.Compare) -> bool:
    return any(number(side) == 0 for side in (node.left, *node.comparators))


def _argmax(scope: Scope) -> Iterator[Remark]:
    """Find two single indices that are compared as if they were one a row."""
    loops = scope.loop_names()
    for node in scope.nodes:
        sides: list[ast.expr] = []
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq):
            sides = [node.left, *node.comparators]
        elif isinstance(node, ast.Call) and last_name(node.func) == "equal":
            sides = node.args
        names = [_of_flat_argmax(side) for side in sides]
        if len(names) == 2 and all(names) and not loops & set(names) and isinstance(node, ast.expr):
            yield Remark(node.lineno, "argmax axis")  # uncertain: each may be one row


def _of_flat_argmax(node: ast.expr) -> str:
    """Return the name of an array whose argmax is taken without an axis, else nothing."""
    if not (isinstance(node, ast.Call) and last_name(node.func) == "argmax") or node.keywords:
        return ""
    if len(node.args) == 1 and ast.unparse(node.func) in ("np.argmax", "numpy.argmax", "argmax"):
        argument = node.args[0]
    elif not node.args and isinstance(node.func, ast.Attribute):
        argument = node.func.value
    else:
        return ""
    return ast.unparse(argument) if isinstance(argument, ast.Name | ast.Attribute) else ""


def _swapped(scope: Scope, first: dict[str, bool]) -> Iterator[Remark]:
    for call in scope.calls():
        wanted, found = first.get(last_name(call.func)), target_first(call)
        if wanted is not None and found is not None and wanted is not found:
            yield Remark(call.lineno, "swapped", last_name(call.func), certain=True)


def _test_rows(scope: Scope) -> Iterator[Remark]:
    for target, value, statement in scope.assignments():
        name = last_name(target).lower()
        read = {n.lower() for n in names_in(value)}
        if "test" not in name or "valid" in name or any("test" in n for n in read):
            continue
        if any("valid" in n for n in read) and isinstance(value, ast.Call):
            yield Remark(statement.lineno, "test from valid", last_name(target))
