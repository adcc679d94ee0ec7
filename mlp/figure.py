"""An empty figure to draw into, on any machine: without a screen, without a backend."""

import io
import os
import sys
import warnings
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BACKEND = "MPLBACKEND"


def new_figure(size: tuple[float, float]) -> "Figure":
    """Return an empty figure of a width and a height in inches; saving it needs no backend.

    As the last value of a notebook's cell it is shown, also where nobody has imported pyplot.
    """
    if "matplotlib" not in sys.modules:
        _import()
    return _shown_figure()(figsize=size, layout="constrained")


@cache
def _shown_figure() -> "type[Figure]":
    from matplotlib.figure import Figure

    class ShownFigure(Figure):
        def savefig(self, *given: Any, **options: Any) -> None:
            with warnings.catch_warnings():
                # A letter that the font lacks, in the name of a data set say, is an empty box.
                warnings.filterwarnings("ignore", message="Glyph .* missing from")
                super().savefig(*given, **options)

        def _repr_png_(self) -> bytes:
            return as_png(self)

    return ShownFigure


def as_png(figure: "Figure") -> bytes:
    """Return a figure as the bytes of a PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


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
