"""What transparent pictures are laid on: decided once for a set, done to every picture alike."""

from collections.abc import Iterable

import numpy as np

from .statistics import borders


def lay_on(grey: np.ndarray, alpha: np.ndarray, ground: str) -> np.ndarray:
    """Lay pictures on a ground.

    Parameters
    ----------
    grey : (..., H, W) uint8
    alpha : (..., H, W) uint8
        How opaque they are.
    ground : {"white", "black"}

    Returns
    -------
    (..., H, W) uint8
    """
    level = 255 if ground == "white" else 0
    opaque = alpha.astype(np.uint16)
    # Each product is at most 255 * 255, and so is their sum: they share 255 parts.
    mixed = grey * opaque + level * (255 - opaque)
    return np.asarray(((mixed + 127) // 255).astype(np.uint8))


def choose_ground(pictures: Iterable[tuple[np.ndarray, np.ndarray | None]]) -> str:
    """Decide what a set's transparent pictures are laid on, ``"white"`` or ``"black"``.

    On what opaque ones have at their borders; where there are none, on what their ink stands out
    from.

    Parameters
    ----------
    pictures : iterable of (grey, alpha)
        (n, H, W) uint8 each; no alpha where all of them are opaque.
    """
    edges: list[np.ndarray] = []
    ink = weight = 0
    for grey, alpha in pictures:
        opaque = np.ones(len(grey), bool)
        if alpha is not None:
            opaque = alpha.min(axis=(1, 2)) == 255
            ink += int((grey[~opaque] * alpha[~opaque].astype(np.int64)).sum())
            weight += int(alpha[~opaque].sum(dtype=np.int64))
        if opaque.any():
            edges.append(borders(grey[opaque]))
    if edges:
        return "white" if float(np.median(np.concatenate(edges))) >= 128 else "black"
    return "white" if ink < 128 * weight else "black"
