"""The one reader of pictures: for training and for prediction, so that both see the same rows."""

import io
import logging
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from ..files import read_bytes
from .errors import DataError, named
from .letters import CONTRAST, WORKING_SIDE, contrast, fill
from .preparation import Preparation
from .transparency import lay_on

SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif"),
    *(".bmp", ".gif", ".webp", ".tif", ".tiff"),
)
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF")
# What it logs of damaged files would else be written to stderr.
logging.getLogger("PIL").addHandler(logging.NullHandler())

FILE_LIMIT = 2**26  # bytes of one file
PIXEL_LIMIT = 2**26  # pixels of one image: more than most cameras have


class Picture(NamedTuple):
    """A picture as it was read."""

    grey: np.ndarray  # (H, W) uint8
    alpha: np.ndarray | None  # (H, W) uint8: how opaque it is; None where all of it is
    resized: bool

    def on(self, ground: str) -> np.ndarray:
        """Lay it on a ground, ``"white"`` or ``"black"``: (H, W) uint8."""
        if self.alpha is None:
            return self.grey
        return lay_on(self.grey, self.alpha, ground)


def read_picture(
    path: Path, size: tuple[int, int] | None = None, *, at_most: int | None = None
) -> Picture:
    """Read a PNG, JPEG, BMP, GIF (its first frame), WebP or TIFF as grey.

    Turned upright (EXIF); of 16 bits the upper 8 are kept. Reducing it averages whole pixels
    (Pillow's BOX), enlarging interpolates (BILINEAR).

    Parameters
    ----------
    path : Path
    size : (int, int), optional
        Height and width to resize it to.
    at_most : int, optional
        Reduce it until no side is longer.

    Raises
    ------
    DataError
        The file is no such picture, damaged, or too large.
    """
    with named(path):
        return decode(read_bytes(path, FILE_LIMIT), str(path), size, at_most=at_most)


def decode(
    content: bytes, name: str, size: tuple[int, int] | None = None, *, at_most: int | None = None
) -> Picture:
    """Read a picture from a file's bytes; see `read_picture`."""
    side = at_most or max(size or (0,))
    try:
        with (
            warnings.catch_warnings(action="ignore"),
            Image.open(io.BytesIO(content), formats=FORMATS) as image,
        ):
            if image.width * image.height > PIXEL_LIMIT:
                raise DataError(
                    f"{name}: must have at most {PIXEL_LIMIT} pixels, has "
                    f"{image.width} x {image.height}"
                )
            if side:  # a JPEG is decoded no larger than needed
                image.draft(None, (2 * side, 2 * side))
            ImageOps.exif_transpose(image, in_place=True)
            flat = _grey(image, name)
            resized = False
            if size is not None and size != (flat.height, flat.width):
                resized = True
                reduce = flat.height >= size[0] and flat.width >= size[1]
                kind = Image.Resampling.BOX if reduce else Image.Resampling.BILINEAR
                flat = flat.resize((size[1], size[0]), kind)
            elif at_most:
                flat.thumbnail((at_most, at_most), Image.Resampling.BOX)
    except DataError:
        raise
    except Exception as error:  # decoders raise whatever a damaged file makes them trip over
        reason = str(error) or type(error).__name__
        reason = reason.partition(" <")[0]  # Pillow names its buffer there
        raise DataError(
            f"{name}: is no whole PNG, JPEG, BMP, GIF, WebP or TIFF ({reason})"
        ) from error
    grey = np.asarray(flat)
    if flat.mode == "L":
        return Picture(grey, None, resized)
    grey, alpha = np.ascontiguousarray(np.moveaxis(grey, -1, 0))
    return Picture(grey, None if alpha.min() == 255 else alpha, resized)


def read_row(path: Path, preparation: Preparation, ink: str = "auto") -> np.ndarray:
    """Read a picture as the rows were made that a model was trained on.

    Where those were cropped to their ink, so is this one. Where ink was looked for in each of
    them, as in the embedded letters, a picture of exactly their size and without transparency is
    taken for such a row.

    Parameters
    ----------
    path : Path
    preparation : Preparation
        With an `image_size`.
    ink : {"auto", "light", "dark"}
        What the picture shows against its ground; it is inverted where the training rows show the
        other. ``auto``: what they show; where those were cropped, what the border tells.

    Returns
    -------
    (height, width) uint8

    Raises
    ------
    DataError
        See `read_picture`; also a blank picture that is to be cropped.
    """
    size = preparation.image_size
    if size is None:
        raise ValueError("rows of features cannot be read from pictures")
    if not preparation.crop:
        row = read_picture(path, size).on(preparation.ground)
        return 255 - row if ink not in ("auto", preparation.ink) else row
    picture = read_picture(path, at_most=max(WORKING_SIDE, *size))
    grey = picture.on(preparation.ground)
    if preparation.ink == "auto" and picture.alpha is None and grey.shape == size:
        return 255 - grey if ink == "dark" else grey
    if picture.alpha is not None and contrast(grey) < CONTRAST:  # a white letter on white
        grey = picture.on("black" if preparation.ground == "white" else "white")
    if contrast(grey) < CONTRAST:
        raise DataError(f"{path}: is blank; ink and paper must differ by {CONTRAST} grey levels")
    row = fill(np.asarray(grey, np.float32), size, ink)
    return 255 - row if preparation.ink == "dark" else row


def _grey(image: Image.Image, name: str) -> Image.Image:
    """Make an image grey (L), or grey with its transparency (LA)."""
    if image.mode == "F" or (image.mode == "I" and image.format == "TIFF"):
        raise DataError(f"{name}: must have 1, 8 or 16 bits a channel, got 32")
    if image.mode.startswith("I"):  # `Image.convert` would clip
        values = np.asarray(image)
        grey = Image.fromarray((values >> 8).astype(np.uint8))
        clear = image.info.get("transparency")
        if clear is None:
            return grey
        grey.putalpha(Image.fromarray(np.where(values == clear, 0, 255).astype(np.uint8)))
        return grey
    if image.has_transparency_data:
        return image.convert("RGBA").convert("LA")
    return image.convert("L")
