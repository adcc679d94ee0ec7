"""What a submission defines: the pieces that are run, and the functions among them."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from .child.stubs import LOADED
from .literals import is_harmless
from .source import SUFFIXES, Source, UnreadableError, read_source

FOLLOWED = 2  # files deep

_BINDS = re.compile(r"\s*%+(pylab|run|load|store|macro)\b")

Callable = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass
class Function:
    """A function of the submission, or a method.

    ``name`` is what the child process calls it by: ``relu``, ``Net.relu``, ``helpers.relu``.
    """

    name: str
    node: Callable | None  # None where only its name is known
    line: int
    required: list[str]
    optional: list[str] = field(default_factory=list)
    named_only: list[str] = field(default_factory=list)  # required too, after a star
    any_number: bool = False  # it takes *arguments
    owner: str = ""  # the class of a method
    file: Path | None = None  # beside the submission, where it is imported from
    before: list[int] = field(default_factory=list)  # lines of definitions that this one replaces

    @property
    def short(self) -> str:
        """The name without its class or module."""
        return self.name.rpartition(".")[2]


@dataclass
class Definitions:
    """What is loaded, in order, and what can be called then."""

    chunks: list[tuple[str, str]] = field(default_factory=list)  # module, source
    functions: dict[str, Function] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)  # every name that the submission binds anywhere
    open_ended: bool = False  # it also imports names that are not to be seen


def define(source: Source, depth: int = 0) -> Definitions:
    """Collect the definitions of a source and of the files beside it that it imports."""
    found = Definitions()
    module = source.path.stem if depth else ""
    nested: list[ast.stmt] = []
    for statement in _statements(source.tree.body):
        if isinstance(statement, ast.Import | ast.ImportFrom):
            _import(source, statement, found, module, depth)
        elif isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            _function(found, statement, module)
            nested += _within(statement)
        elif isinstance(statement, ast.ClassDef):
            _class(found, statement, module)
        elif isinstance(statement, ast.Assign | ast.AnnAssign):
            _constant(found, statement, module)
    for statement in nested:  # which nothing outside their function can call
        assert isinstance(statement, ast.FunctionDef)
        if statement.name not in found.functions:
            _function(found, statement, module)
    found.known |= _bound(source.tree)
    # What does not parse, and some magics, may bind names that are not seen.
    found.open_ended |= bool(source.problems) or any(map(_BINDS.match, source.lines))
    return found


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a module, those in its conditions and loops too."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.If | ast.For | ast.While | ast.With | ast.Try):
            for name in ("body", "orelse", "finalbody"):
                yield from _statements(getattr(statement, name, []))


def _within(function: ast.AST) -> Iterator[ast.stmt]:
    """Yield the functions defined inside of a function."""
    for node in ast.walk(function):
        if isinstance(node, ast.FunctionDef) and node is not function:
            yield node


def _function(
    found: Definitions, node: ast.FunctionDef | ast.AsyncFunctionDef, module: str
) -> None:
    if node.args.args and node.args.args[0].arg == "self":  # of a class that does not parse
        del node.args.args[0]
    found.chunks.append((module, ast.unparse(node)))
    _note(found, node.name, node, node.lineno, node.args)


def _class(found: Definitions, node: ast.ClassDef, module: str) -> None:
    found.chunks.append((module, ast.unparse(node)))
    for part in node.body:
        if isinstance(part, ast.FunctionDef):
            static = any("staticmethod" in ast.unparse(d) for d in part.decorator_list)
            name = f"{node.name}.{part.name}"
            _note(found, name, part, part.lineno, part.args, node.name, bound=not static)


def _note(
    found: Definitions,
    name: str,
    node: Callable | None,
    line: int,
    arguments: ast.arguments,
    owner: str = "",
    bound: bool = False,
) -> None:
    names = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)]
    count = len(names) - len(arguments.defaults)
    required, optional = names[:count], names[count:]
    if bound and required[:1] in (["self"], ["cls"], ["this"], ["_"]):
        required = required[1:]
    starred = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    named_only = [argument.arg for argument, default in starred if default is None]
    earlier = found.functions.pop(name, None)
    before = [*earlier.before, earlier.line] if earlier else []
    found.functions[name] = Function(
        name,
        node,
        line,
        required,
        optional,
        named_only,
        arguments.vararg is not None,
        owner,
        before=before,
    )


def _constant(found: Definitions, node: ast.Assign | ast.AnnAssign, module: str) -> None:
    """Take an assignment of literals, or of a function made of others."""
    value = node.value
    if value is None or not is_harmless(value):
        return
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    if not all(isinstance(t, ast.Name | ast.Tuple) for t in targets):
        return
    found.chunks.append((module, ast.unparse(node)))
    if not isinstance(targets[0], ast.Name):
        return
    name = targets[0].id
    if isinstance(value, ast.Lambda):
        _note(found, name, value, node.lineno, value.args)
    elif isinstance(value, ast.Call) and ast.unparse(value.func).endswith("vectorize"):
        found.functions[name] = Function(name, None, node.lineno, ["x"])
    elif other := found.functions.get(ast.unparse(value)):
        found.functions[name] = replace(other, name=name, line=node.lineno, before=[])


def _import(
    source: Source,
    node: ast.Import | ast.ImportFrom,
    found: Definitions,
    module: str,
    depth: int,
) -> None:
    """Follow an import to a file beside the submission; keep the line itself."""
    names = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""]
    star = any(alias.name == "*" for alias in node.names)
    for name in names:
        followed = depth < FOLLOWED and name.partition(".")[0] not in LOADED
        beside = _beside(source.path, name) if followed else None
        if beside is None:
            found.open_ended |= star and not name.startswith(("numpy", "math"))
            continue
        other = define(beside, depth + 1)
        found.chunks += [(m or name, chunk) for m, chunk in _renamed(other, beside, name)]
        found.known |= other.known
        found.open_ended |= other.open_ended
        for function in other.functions.values():
            for visible in _visible(node, name, function.name):
                file = function.file or beside.path
                found.functions[visible] = replace(function, name=visible, file=file)
    found.chunks.append((module, ast.unparse(node)))


def _renamed(other: Definitions, beside: Source, name: str) -> Iterator[tuple[str, str]]:
    for module, chunk in other.chunks:
        yield (name if module == beside.path.stem else module), chunk


def _visible(node: ast.Import | ast.ImportFrom, module: str, function: str) -> Iterator[str]:
    """Yield the names by which an import makes a function of a module visible."""
    for alias in node.names:
        if isinstance(node, ast.Import):
            if alias.name == module and ("." not in module or alias.asname):
                yield f"{alias.asname or module}.{function}"
        elif alias.name == "*":
            yield function
        elif function.partition(".")[0] == alias.name:
            yield (alias.asname or alias.name) + function[len(alias.name) :]


def _beside(path: Path, module: str) -> Source | None:
    """Read the file of a module in the submission's own folder, if there is one."""
    folder = path.resolve().parent
    for suffix in SUFFIXES:
        place = folder.joinpath(*module.split(".")).with_suffix(suffix) if module else folder
        inside = place.resolve().is_relative_to(folder)  # no link leads out of the folder
        if place.is_file() and inside and place.resolve() != path.resolve():
            try:
                return read_source(place)
            except UnreadableError:
                return None
    return None


def _bound(tree: ast.AST) -> set[str]:
    """Return the names that a function may find outside of itself."""
    names = set()
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
            names |= {name for n in ast.walk(node) if isinstance(n, ast.Global) for name in n.names}
            if any(_within(node)) and not isinstance(node, ast.ClassDef):
                names |= _bound(node)  # its functions see its names
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            names |= _bound(node)
    return names
