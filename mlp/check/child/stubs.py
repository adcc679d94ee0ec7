"""Stand-ins for the modules that are not loaded: inert, and they remember that they were used."""

import builtins
import functools
import importlib
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

LOADED = frozenset(
    "__future__ abc cmath collections copy dataclasses decimal enum fractions functools itertools "
    "math numbers numpy operator random re statistics string time typing warnings".split()
)
# Names that NumPy has had, with what they meant.
FORMER = {
    "float": float,
    "int": int,
    "bool": bool,
    "object": object,
    "str": str,
    "complex": complex,
    "float_": np.float64,
    "infty": np.inf,
    "Inf": np.inf,
    "Infinity": np.inf,
    "NaN": np.nan,
    "NAN": np.nan,
    "product": np.prod,
    "cumproduct": np.cumprod,
    "alltrue": np.all,
    "sometrue": np.any,
    "mat": np.asmatrix,
}


# Names that Python 2 had.
PYTHON_2 = {
    "xrange": range,
    "unicode": str,
    "long": int,
    "reduce": functools.reduce,
}


class Stub:
    """Answers everything with itself; as a decorator it leaves the function as it is."""

    touched = False

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        Stub.touched = True
        return self

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Return a lone function or class, which it decorates; else itself."""
        decorates = len(arguments) == 1 and not keywords
        if decorates and isinstance(arguments[0], types.FunctionType | type):
            return arguments[0]
        Stub.touched = True
        return self

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        return ()

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def __iter__(self) -> Any:
        Stub.touched = True
        return iter(())

    def __bool__(self) -> bool:
        Stub.touched = True
        return False

    __array_ufunc__ = None


def _answer(self: Stub, *others: object) -> Stub:
    Stub.touched = True
    return self


for _name in "add sub mul truediv floordiv mod pow matmul and or xor".split():
    setattr(Stub, f"__{_name}__", _answer)
    setattr(Stub, f"__r{_name}__", _answer)
for _name in "neg pos abs invert lt le gt ge getitem setitem".split():
    setattr(Stub, f"__{_name}__", _answer)


def _same(iterable: Iterable[Any], *arguments: object, **keywords: object) -> Iterable[Any]:
    return iterable


def restore_former_names() -> None:
    """Let NumPy have the names again that students' code of its time uses."""
    for name, value in FORMER.items():
        if name not in vars(np):
            setattr(np, name, value)


def importer(stub: Stub, own: Mapping[str, types.ModuleType]) -> Callable[..., Any]:
    """Return an ``__import__`` that knows the harmless modules and the submission's own ones.

    In place of others it returns `stub`.
    """

    def load(
        name: str,
        globals: Any = None,
        locals: Any = None,
        fromlist: Any = (),
        level: int = 0,
    ) -> Any:
        root, _, rest = name.partition(".")
        if name in own and (fromlist or not rest):
            return own[name]
        if level == 0 and root in LOADED:
            try:
                return builtins.__import__(name, None, None, fromlist, 0)
            except ImportError:
                return stub
        if root == "tqdm":  # a bar around a loop changes nothing
            bars = {"tqdm": _same, "tqdm_notebook": _same, "trange": range}
            return types.SimpleNamespace(**bars, notebook=types.SimpleNamespace(**bars), auto=stub)
        return stub

    return load


def preload() -> None:
    """Load what a student's code may import, while files may still be read."""
    for name in sorted(LOADED):
        importlib.import_module(name)
    for name in ("fft", "linalg", "random"):
        importlib.import_module(f"numpy.{name}")
