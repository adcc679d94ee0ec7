"""A submission's code as the places where it runs: the module, and every function."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass
class Scope:
    """The module, or one function, without the functions inside of it."""

    node: ast.Module | Function
    nodes: list[ast.AST] = field(default_factory=list)  # in the order of the text
    inside: set[str] = field(default_factory=set)  # names that the functions around it bind

    @property
    def is_function(self) -> bool:
        """Whether it is a function."""
        return not isinstance(self.node, ast.Module)

    def assignments(self) -> Iterator[tuple[ast.expr, ast.expr, ast.stmt]]:
        """Yield the targets with their values, one by one where a line has several."""
        for node in self.nodes:
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    if isinstance(target, ast.Tuple | ast.List) and isinstance(
                        node.value, ast.Tuple | ast.List
                    ):
                        pairs = zip(target.elts, node.value.elts, strict=False)
                        yield from ((one, value, node) for one, value in pairs)
                    else:
                        yield target, node.value, node
            elif isinstance(node, ast.AnnAssign) and node.value is not None:
                yield node.target, node.value, node

    def calls(self) -> Iterator[ast.Call]:
        """Yield all calls."""
        yield from (node for node in self.nodes if isinstance(node, ast.Call))

    def loop_names(self) -> set[str]:
        """Return the names that run through something."""
        targets = [n.target for n in self.nodes if isinstance(n, ast.For | ast.comprehension)]
        return {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)}


def scopes(tree: ast.Module) -> list[Scope]:
    """Return the module's scope and those of all functions."""
    found = [Scope(tree)]
    _fill(found, found[0], tree)
    return found


def _fill(found: list[Scope], scope: Scope, node: ast.AST) -> None:
    for child in ast.iter_child_nodes(node):
        scope.nodes.append(child)
        if isinstance(child, Function):
            inner = Scope(
                child, inside=scope.inside | (local_names(scope) if scope.is_function else set())
            )
            found.append(inner)
            for part in child.body:
                inner.nodes.append(part)
                _fill(found, inner, part)
        else:
            _fill(found, scope, child)


def local_names(scope: Scope) -> set[str]:
    """Return the names that a scope binds, its parameters too."""
    names = set()
    for node in (scope.node, *scope.nodes, *ast.walk(getattr(scope.node, "args", ast.Pass()))):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names.add(node.id)
        elif isinstance(node, Function | ast.ClassDef) and node is not scope.node:
            names.add(node.name)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.alias):
            names.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.ExceptHandler) and node.name:
            names.add(node.name)
        elif isinstance(node, ast.Global | ast.Nonlocal):
            names.update(node.names)
    return names


def names_in(node: ast.AST) -> set[str]:
    """Return the names that an expression reads, attributes as they are written."""
    return {ast.unparse(n) for n in ast.walk(node) if isinstance(n, ast.Name | ast.Attribute)}


def number(node: ast.AST | None) -> float | None:
    """Return the number that an expression of literals stands for."""
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return float(node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = number(node.operand)
        return None if value is None else -value
    return None


def last_name(node: ast.expr) -> str:
    """Return ``relu`` of ``relu``, ``self.relu`` and ``helpers.relu``."""
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
