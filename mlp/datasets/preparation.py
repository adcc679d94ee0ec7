"""How raw things become a network's input: kept in the data set and in the model, done alike."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from array_api_compat import device

from kernels import Array, array_namespace

from .errors import DataError
from .rows import Rows
from .scale import ScaleWarning, hopeless
from .statistics import borders, extents, moments, some_pictures, usual

GROUNDS, INKS = ("white", "black"), ("light", "dark", "auto")
NAMES_LIMIT = 2**24  # characters of all class names, or labels, were they as long as the longest


@dataclass(frozen=True)
class Preparation:
    """How pictures become rows, and rows the network's input.

    A row is multiplied by `scale`; where the rows were standardised, ``mean`` is subtracted and the
    difference divided by ``deviation``.

    Attributes
    ----------
    class_names : tuple of str
        One for every class.
    image_size : (int, int) or None
        Height and width of the pictures that rows are; None where rows are features.
    scale : float
        1/255 for pictures, else 1.
    ground : {"white", "black"}
        What transparent pictures are laid on.
    ink : {"light", "dark", "auto"}
        What the training rows show against their ground: decided once for the set, by their
        borders. ``auto``, where `crop` is set: it is looked for in every picture.
    crop : bool
        Whether pictures were cropped to their ink, made light and stretched, before they were rows.
    mean, deviation : tuple of float, or None
        Of every scaled column of the training rows; a deviation of 0 counts as 1.
    feature_names : tuple of str, or None
    labels : tuple of str, or None
        What the data's own labels say, as texts, where that is not the number of the class.
    label_column : str or None
        The column of a table that holds the labels: its name, or ``#`` and its number from 1 on.
    transposed : bool
        Whether rows and columns of pictures in arrays change places.
    border : (float, float) or None
        What a picture's border is like, in [0, 255]: quantiles of the mean of a training row's.
    extent : (float, float) or None
        What share of a picture the box around its ink takes: quantiles over the training rows.
    """

    class_names: tuple[str, ...]
    image_size: tuple[int, int] | None = None
    scale: float = 1.0
    ground: str = "white"
    ink: str = "light"
    crop: bool = False
    mean: tuple[float, ...] | None = None
    deviation: tuple[float, ...] | None = None
    feature_names: tuple[str, ...] | None = None
    labels: tuple[str, ...] | None = None
    label_column: str | None = None
    transposed: bool = False
    border: tuple[float, float] | None = None
    extent: tuple[float, float] | None = None

    def to_input(self, like: Array, dtype: Array) -> Callable[[Array], Array]:
        """Return the function that makes rows (N, D) the network's input, as a copy.

        Parameters
        ----------
        like : array
            Its library and device are those of the rows.
        dtype
            Floating dtype of that library.
        """
        xp = array_namespace(like)
        if self.mean is None or self.deviation is None:
            return lambda features: to_input(features, dtype, self.scale)
        columns = np.asarray(self.mean), 1 / np.asarray(self.deviation)

        @cache  # on the device once
        def constants(wide: Array) -> list[Array]:
            return [xp.asarray(one, dtype=wide, device=device(like)) for one in columns]

        def standardised(features: Array) -> Array:
            # float64 in its own precision: a mean may be large beside its deviation.
            wide = features.dtype if features.dtype == xp.float64 else dtype
            x = to_input(features, wide, self.scale)
            mean, factor = constants(wide)
            x -= mean
            x *= factor
            return xp.astype(x, dtype, copy=False)

        return standardised

    def input(self, features: Array, dtype: Array) -> Array:
        """Return rows of features (N, D) as the network's input; see `to_input`."""
        return self.to_input(features, dtype)(features)


def to_input(features: Array, dtype: Array, scale: float) -> Array:
    """Cast rows of features (N, D) of any real dtype to `dtype` and multiply by `scale`."""
    xp = array_namespace(features)
    x = xp.astype(features, dtype)
    if scale != 1.0:
        x *= scale
    return x


def learn(
    preparation: Preparation, train: Rows, *, standardize: bool, ground: str = ""
) -> Preparation:
    """Fill in what the training rows tell: scale, moments, ground, ink, border and extent.

    Parameters
    ----------
    preparation : Preparation
        What is known without them.
    train : Rows
        On the host.
    standardize : bool
        Whether to keep the columns' mean and deviation.
    ground : str
        What transparent pictures were laid on; where there were none, new ones will be laid on
        what the rows have at their borders.

    Warns
    -----
    ScaleWarning
        See there; not where the rows are standardised.
    """
    size = preparation.image_size
    if size is not None:
        preparation = _like_pictures(preparation, some_pictures(train, size), ground)
    if standardize:
        with np.errstate(over="ignore", invalid="ignore"):  # told below
            mean, deviation = moments(train, preparation.scale)
        if not (np.isfinite(mean).all() and np.isfinite(deviation).all()):
            column = int(np.argmin(np.isfinite(mean) & np.isfinite(deviation)))
            raise DataError(
                f"column {column} has values so large that their deviation overflows; scale them"
            )
        # The mean of equal numbers may be another number: what is left is rounding.
        deviation = np.where(deviation > 1e-12 * np.abs(mean), deviation, 1.0)
        return replace(preparation, mean=tuple(mean.tolist()), deviation=tuple(deviation.tolist()))
    if size is None:
        with np.errstate(over="ignore", invalid="ignore"):  # what is so large is told
            what = hopeless(*moments(train, 1.0), preparation.feature_names)
        if what:
            warnings.warn(ScaleWarning(what), stacklevel=3)
    return preparation


def _like_pictures(preparation: Preparation, pictures: np.ndarray, ground: str) -> Preparation:
    edges, ink = borders(pictures), preparation.ink
    if not preparation.crop:  # where it is, letters are dark on white as a rule
        bright = float(np.median(edges)) >= 128
        ink, behind = ("dark", "white") if bright else ("light", "black")
        preparation = replace(preparation, ink=ink, ground=ground or behind)
    return replace(
        preparation,
        scale=1 / 255,
        border=usual(edges),
        extent=usual(extents(pictures, "light" if ink == "auto" else ink)),
    )


_BORDER_MARGIN, _EXTENT_MARGIN = 16.0, 0.1


def why_unlike(picture: np.ndarray, preparation: Preparation) -> str:
    """Return why a picture is unlike the training pictures and what may mend it, else nothing.

    Parameters
    ----------
    picture : (H, W) uint8
        As the network is given it.
    preparation : Preparation
        Of cropped pictures nothing is said: cropping makes all alike.
    """
    if preparation.crop or preparation.border is None or preparation.extent is None:
        return ""
    border = float(borders(picture[None])[0])
    if not _within(border, preparation.border, _BORDER_MARGIN):
        low, high = preparation.border
        why = f"its border has brightness {border:.0f}, those in training {low:.0f} to {high:.0f}"
        if _within(255 - border, preparation.border, _BORDER_MARGIN):
            return f"{why}; --ink {'dark' if preparation.ink == 'light' else 'light'} inverts it"
        return f"{why}; --ground, --ink and --crop change what is seen"
    extent = float(extents(picture[None], preparation.ink)[0])
    if not _within(extent, preparation.extent, _EXTENT_MARGIN):
        low, high = preparation.extent
        return (
            f"its ink takes {extent:.2f} of the picture, in training {low:.2f} to {high:.2f}; "
            "--crop cuts it out"
        )
    return ""


def _within(value: float, usual: tuple[float, float], margin: float) -> bool:
    return usual[0] - margin <= value <= usual[1] + margin
