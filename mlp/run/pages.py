"""What the pages of a run and of a sweep are made of: template and style, curves, pictures.

A page loads nothing and runs no script; whatever a name or a path holds is taken for text.
"""

import base64
import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ..figure import new_figure
from ..files import without_home

_HERE = Path(__file__).parent


def render(template: str, **values: Any) -> str:
    """Fill in a template of this folder. Strings are escaped, but for what `svg` has drawn.

    The user's home folder becomes ``~``: pages are there to be shown to others.

    The template has besides ``style``, the style sheet of all pages.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        loader=FileSystemLoader(_HERE, encoding="utf-8"),
    )
    style = Markup((_HERE / "style.css").read_text(encoding="utf-8"))
    return without_home(environment.get_template(template).render(values, style=style))


def svg(draw: Callable[[Any], object], size: tuple[float, float], salt: str) -> str:
    """Draw a figure as an SVG element whose text is text.

    Colours become variables, ``#0072b2`` is ``var(--ink-0072b2)``: the style sheet gives them their
    values on light and dark ground. An artist's gid ``title:TEXT`` becomes a ``<title>``, which is
    shown when a pointer rests on it.

    Parameters
    ----------
    draw : callable
        Draws into an empty figure.
    size : (float, float)
        Width and height in inches.
    salt : str
        What the names of the drawing's parts are made from: the same bytes for the same curves.
    """
    figure, buffer = new_figure(size), io.StringIO()
    from markupsafe import Markup
    from matplotlib import rc_context  # new_figure imports it as it must be

    with rc_context({"svg.fonttype": "none", "svg.hashsalt": salt}):
        draw(figure)
        nameless = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(buffer, format="svg", transparent=True, metadata=nameless)
    drawn = re.sub(r'<g id="title:([^"]*)">', r"<g><title>\1</title>", buffer.getvalue())
    # A hundredth of a point is finer than any screen.
    drawn = re.sub(r' d="[^"]*"', lambda path: re.sub(r"(\.\d\d)\d+", r"\1", path[0]), drawn)
    # HTML knows SVG's namespaces; a page's figures must not share ids, and these have no use.
    drawn = re.sub(r' (xmlns[:\w]*="[^"]*"|id="[\w.]+_\d+")', "", drawn)
    return Markup(re.sub("#([0-9a-f]{6})", r"var(--ink-\1)", drawn[drawn.index("<svg") :]))


@contextmanager
def optional(path: Path, warn: Callable[[str], object]) -> Iterator[None]:
    """Warn where a picture or a page cannot be written: no training is lost for want of it."""
    try:
        yield
    except Exception as error:  # the libraries that draw raise whatever they trip over
        reason = " ".join((str(error) or type(error).__name__).split())
        warn(f"warning: {path.name} is missing: {reason}")


def png(pixels: np.ndarray) -> str:
    """Encode greys from 0 to 1, (H, W), or with opacities (H, W, 2), as the data URI of a PNG."""
    from PIL import Image

    image = Image.fromarray(np.rint(255 * np.clip(pixels, 0, 1)).astype(np.uint8))
    image.thumbnail((1200, 1200))  # no more than a screen shows
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
