"""Names that nothing defines, results that nobody keeps, shuffles, and figures."""

import ast
import builtins
import difflib
from collections.abc import Iterator

from ..child.stubs import PYTHON_2
from ..scopes import Scope, last_name, local_names
from ..verdict import Remark

_PURE = set(
    "maximum minimum exp log dot matmul add subtract multiply divide sum mean reshape transpose "
    "where clip abs square sqrt argmax concatenate vstack hstack".split()
)
_PURE_METHODS = {"astype", "dot", "reshape", "transpose"}  # of arrays and of little else
_ALWAYS = {
    *vars(builtins),
    *PYTHON_2,
    "raw_input",
    "__file__",
    "__name__",
    "get_ipython",
    "display",
    "np",
    "__doc__",
}


def read_names(
    found: list[Scope], known: set[str] | None, keeps_results: set[str], notebook: bool
) -> Iterator[Remark]:
    """Read all scopes.

    Parameters
    ----------
    known : set of str or None
        Names that come from files beside the submission; None if others come from unseen modules.
    keeps_results : set of str
        Functions of the submission whose result is all that they do.
    notebook : bool
        A cell's last line is shown, and so not thrown away.
    """
    module = local_names(found[0])
    for scope in found:
        module |= {n for node in scope.nodes if isinstance(node, ast.Global) for n in node.names}
    for scope in found:
        if known is not None and "*" not in module:
            yield from _undefined(scope, module | known)
        if scope.is_function or not notebook:
            yield from _discarded(scope, keeps_results)
    yield from _shuffles(found)
    yield from _figures(found)


def _undefined(scope: Scope, module: set[str]) -> Iterator[Remark]:
    own = local_names(scope) | scope.inside | module | _ALWAYS
    seen: set[str] = set()
    for node in scope.nodes:
        if (
            isinstance(node, ast.Name)
            and isinstance(node.ctx, ast.Load)
            and node.id not in own | seen
        ):
            seen.add(node.id)
            alike = difflib.get_close_matches(node.id, own - _ALWAYS, 1, 0.8)
            if scope.is_function or alike:  # a module may be a part of something
                yield Remark(
                    node.lineno, "undefined", f"{node.id} ({alike[0]}?)" if alike else node.id
                )


def _discarded(scope: Scope, keeps_results: set[str]) -> Iterator[Remark]:
    for node in scope.nodes:
        if not isinstance(node, ast.Expr):
            continue
        value = node.value
        if isinstance(value, ast.BinOp | ast.Compare) and not isinstance(value, ast.Constant):
            yield Remark(node.lineno, "discarded", ast.unparse(value)[:40], certain=True)
        elif isinstance(value, ast.Call):
            name = last_name(value.func)
            owner = ast.unparse(value.func).rpartition(".")[0]
            numpy = owner in ("np", "numpy")
            pure = name in _PURE if numpy else bool(owner) and name in _PURE_METHODS
            in_place = numpy and len(value.args) > _arguments(name)
            if (pure and not in_place and not value.keywords) or name in keeps_results:
                yield Remark(node.lineno, "discarded", f"{name}(...)", certain=True)


def _arguments(name: str) -> int:
    """Return after how many arguments NumPy's function takes where to write."""
    return 1 if name in ("exp", "log", "abs", "square", "sqrt") else 2


def _shuffles(found: list[Scope]) -> Iterator[Remark]:
    # NumPy has a function of this name, too.
    names = {
        last_name(c.func) for s in found for c in s.calls() if "random" not in ast.unparse(c.func)
    }
    for scope in found:
        if not isinstance(scope.node, ast.FunctionDef) or "shuffle" not in scope.node.name.lower():
            continue
        if scope.node.name not in names:
            yield Remark(scope.node.lineno, "shuffle not called", scope.node.name)
        for call in scope.calls():
            if last_name(call.func) == "seed":
                yield Remark(call.lineno, "shuffle reseeds", scope.node.name)


def _figures(found: list[Scope]) -> Iterator[Remark]:
    calls = [(last_name(c.func), c.lineno) for scope in found for c in scope.calls()]
    names = {name for name, _ in calls}
    for name, line in calls:
        if name == "show" and not names & {"savefig", "imsave", "save"}:
            yield Remark(line, "figure saved")
            return
