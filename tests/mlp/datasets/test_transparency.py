"""What transparent pictures are laid on, one by one and as a set."""

import numpy as np
import pytest
from bits import assert_same_bits
from PIL import Image

from mlp.datasets.transparency import choose_ground, lay_on


@pytest.mark.parametrize("ground", ["white", "black"])
def test_pictures_are_laid_on_a_ground_as_pillow_composes_them(ground):
    grey, alpha = np.random.default_rng(0).integers(0, 256, (2, 9, 20, 20)).astype(np.uint8)
    found = lay_on(grey, alpha, ground)
    for one, clear, mixed in zip(grey, alpha, found, strict=True):
        level = 255 if ground == "white" else 0
        plain = Image.new("L", (20, 20), level)
        plain.paste(Image.fromarray(one), mask=Image.fromarray(clear))
        assert_same_bits(mixed, np.asarray(plain))
    opaque = np.full_like(alpha, 255)
    assert_same_bits(lay_on(grey, opaque, ground), grey)
    assert set(np.unique(lay_on(grey, opaque * np.uint8(0), ground))) == {level}


def test_the_ground_is_that_of_opaque_pictures_else_what_ink_stands_out_from():
    ink = np.full((4, 5, 5), 250, np.uint8)
    clear = np.zeros_like(ink)
    clear[:, 2, 2] = 255
    assert choose_ground([(ink, clear)]) == "black"
    assert choose_ground([(255 - ink, clear)]) == "white"
    for level, ground in ((250, "white"), (3, "black")):
        some = np.full((1, 5, 5), level, np.uint8)
        assert choose_ground([(ink, clear), (some, None)]) == ground
        both = np.concatenate([ink, some]), np.concatenate([clear, np.full_like(some, 255)])
        assert choose_ground([both]) == ground
