"""An empty figure to draw into, on any machine: without a screen, without a backend."""

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BACKEND = "MPLBACKEND"


def new_figure(size: tuple[float, float]) -> "Figure":
    """Return an empty figure of a width and a height in inches; saving it needs no backend."""
    if "matplotlib" not in sys.modules:
        _import()
    from matplotlib.figure import Figure

    return Figure(figsize=size, layout="constrained")


def _import() -> None:
    """Import matplotlib, whatever backend it is told to use.

    A notebook sets MPLBACKEND for every program that it starts, also for one of another
    environment, which may lack that backend: the import fails, and cannot be tried again. So the
    variable is hidden meanwhile, and afterwards obeyed where it can be.
    """
    backend = os.environ.pop(_BACKEND, "")
    try:
        import matplotlib
    finally:
        if backend:
            os.environ[_BACKEND] = backend
    if backend:
        with suppress(ValueError):  # not installed
            matplotlib.rcParams["backend"] = backend
