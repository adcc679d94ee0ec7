"""A letter on a picture, made to look as the embedded letters do: cropped, light, stretched."""

import numpy as np
from PIL import Image

WORKING_SIDE = 512  # a larger picture is reduced first, which also takes out a sensor's noise
CONTRAST = 24  # grey levels between ink and paper; less is a blank page
_BRIGHT_BORDER = 0.75  # share of the border that makes the paper bright


def fill(pixels: np.ndarray, shape: tuple[int, int], ink: str) -> np.ndarray:
    """Crop grey pixels, float32 in [0, 255], to their ink and stretch it to `shape`, as uint8.

    As ``scripts/make_glyphs.py`` does it.

    Parameters
    ----------
    pixels : (H, W) float32
        Ink and paper differ by at least `CONTRAST`.
    shape : (int, int)
    ink : {"auto", "light", "dark"}
        What the letter is, compared with its paper. ``auto``: dark, if three quarters of the
        picture's border are bright. A letter that touches the border can deceive it.
    """
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


def contrast(grey: np.ndarray) -> int:
    """Return the grey levels between the darkest and the brightest pixel."""
    return int(grey.max()) - int(grey.min())


def _middle(pixels: np.ndarray) -> float:
    return (float(pixels.min()) + float(pixels.max())) / 2


def _border_is_bright(pixels: np.ndarray) -> bool:
    edges = (pixels[0], pixels[-1], pixels[1:-1, 0], pixels[1:-1, -1])
    return float(np.mean(np.concatenate(edges) > _middle(pixels))) >= _BRIGHT_BORDER
