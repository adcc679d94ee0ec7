"""Numbers and arrays as an example shows them."""

from typing import Any

import numpy as np

from .child.wire import Other

LONGEST = 90


def text(value: Any) -> str:
    """Write a value as Python would, with four digits; large ones by their shape."""
    if isinstance(value, Other):
        return f"a {value.name}"
    if isinstance(value, np.ndarray | list | tuple):
        try:
            array = np.asarray(value)
        except ValueError:
            array = np.empty(0, object)
        if array.dtype.kind in "biuf":
            whole = _nested(array.tolist())
            return whole if len(whole) <= LONGEST else f"an array of shape {array.shape}"
        inner = ", ".join(text(part) for part in value[:6])
        return f"({inner})" if isinstance(value, tuple) else f"[{inner}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {text(part)}" for key, part in value.items()) + "}"
    return _number(value) if isinstance(value, float) else str(value)


def call(name: str, arguments: list[Any]) -> str:
    """Write a call."""
    return f"{name}({', '.join(map(text, arguments))})"


def _nested(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_nested, value))}]"
    return _number(value)


def _number(value: Any) -> str:
    if isinstance(value, float) and np.isfinite(value):
        return f"{value + 0.0:.4g}"  # without the sign of -0.0
    return str(value)
