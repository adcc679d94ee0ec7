"""One letter on a picture of any size, made into a row as the data set's were."""

import io
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from ..files import read_bytes
from .errors import DataError, named

SUFFIXES = (".png", ".jpg", ".jpeg")
FORMATS = ("PNG", "JPEG")
FILE_LIMIT = 2**26  # bytes of one file
PIXEL_LIMIT = 2**26  # pixels of one image: more than most cameras have
WORKING_SIDE = 512  # a larger picture is reduced first, which also takes out a sensor's noise
CONTRAST = 24  # grey levels between ink and paper; less is a blank page
BRIGHT_BORDER = 0.75  # share of the border that makes the paper bright
INKS = ("auto", "light", "dark")


def read_image(path: Path, shape: tuple[int, int], ink: str = "auto") -> np.ndarray:
    """Read a PNG or JPEG as a bright letter on black that fills the image.

    A picture without transparency that has exactly `shape` is taken as it is (inverted if `ink` is
    dark). Any other is turned upright (EXIF), laid on white where it is transparent, inverted if
    its ink is dark, stretched in contrast, cropped to the ink and resized, as
    ``scripts/make_glyphs.py`` does it.

    Parameters
    ----------
    path : Path
    shape : (int, int)
        Height and width of the result.
    ink : {"auto", "light", "dark"}
        What the letter is, compared with its background. ``auto``: dark, if three quarters of the
        picture's border are bright. A letter that touches the border can deceive it.

    Returns
    -------
    (height, width) uint8

    Raises
    ------
    DataError
        The file is no PNG or JPEG, damaged, too large, or blank.
    """
    side = max(WORKING_SIDE, *shape)
    with named(path):
        content = read_bytes(path, FILE_LIMIT)
    try:
        with (
            warnings.catch_warnings(action="ignore"),
            Image.open(io.BytesIO(content), formats=FORMATS) as image,
        ):
            if image.width * image.height > PIXEL_LIMIT:
                raise DataError(
                    f"{path}: must have at most {PIXEL_LIMIT} pixels, has "
                    f"{image.width} x {image.height}"
                )
            image.draft(None, (2 * side, 2 * side))  # a JPEG is decoded no larger than needed
            ImageOps.exif_transpose(image, in_place=True)
            clear = image.has_transparency_data
            flat = _sixteen_bits(image) if image.mode.startswith("I") else image
            flat = flat.convert("RGBA" if clear else "L")
            flat.thumbnail((side, side), Image.Resampling.BOX)
    except DataError:
        raise
    except Exception as error:  # decoders raise whatever a damaged file makes them trip over
        reason = str(error) or type(error).__name__
        reason = reason.partition(" <")[0]  # Pillow names its buffer there
        raise DataError(f"{path}: is no whole PNG or JPEG ({reason})") from error
    grey = _over(flat, "white") if clear else flat
    if clear and _contrast(grey) < CONTRAST:  # a white letter
        grey = _over(flat, "black")
    if (grey.height, grey.width) == shape and not clear:
        return np.asarray(ImageOps.invert(grey) if ink == "dark" else grey)
    if _contrast(grey) < CONTRAST:
        raise DataError(f"{path}: is blank; ink and paper must differ by {CONTRAST} grey levels")
    return fill(np.asarray(grey, np.float32), shape, ink)


def fill(pixels: np.ndarray, shape: tuple[int, int], ink: str) -> np.ndarray:
    """Crop grey pixels, float32 in [0, 255], to their ink and stretch it to `shape`, as uint8."""
    if ink == "dark" or (ink == "auto" and _border_is_bright(pixels)):
        pixels = 255 - pixels
    # The levels of ink and paper are medians: specks and uneven light leave them alone.
    bright = pixels > _middle(pixels)
    paper, letter = np.median(pixels[~bright]), np.median(pixels[bright])
    levels = np.clip((pixels - paper) / (letter - paper), 0, 1) * 255
    canvas = Image.fromarray(levels.round().astype(np.uint8))
    box = canvas.point([0] * 128 + [255] * 128).getbbox()
    size = (shape[1], shape[0])
    return np.asarray(canvas.resize(size, Image.Resampling.BILINEAR, box=box))


def _sixteen_bits(image: Image.Image) -> Image.Image:
    """Keep the upper 8 of 16 bits, where `Image.convert` would clip."""
    return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))


def _over(image: Image.Image, paper: str) -> Image.Image:
    """Lay an image with transparency on paper, and make it grey."""
    return Image.alpha_composite(Image.new("RGBA", image.size, paper), image).convert("L")


def _contrast(grey: Image.Image) -> int:
    pixels = np.asarray(grey)
    return int(pixels.max()) - int(pixels.min())


def _middle(pixels: np.ndarray) -> float:
    return (float(pixels.min()) + float(pixels.max())) / 2


def _border_is_bright(pixels: np.ndarray) -> bool:
    edges = (pixels[0], pixels[-1], pixels[1:-1, 0], pixels[1:-1, -1])
    return float(np.mean(np.concatenate(edges) > _middle(pixels))) >= BRIGHT_BORDER
