"""What the numbers of an array mean as pixels."""

import numpy as np
import pytest
from bits import assert_same_bits
from PIL import Image

from mlp import DataError
from mlp.datasets.pixels import Values, pieces, to_bytes, to_grey


def test_values_are_those_of_all_blocks_and_name_the_row():
    values = Values()
    for start in (0, 2):
        values.see(np.full((2, 3), start / 2.0), "a", start)
    assert (values.low, values.high, values.whole) == (0, 1, True)
    bad = np.array([[1.0], [np.nan]])
    with pytest.raises(DataError, match="row 5 holds NaN"):
        values.see(bad, "a", 4)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_every_level_comes_back_from_its_fraction_in_any_precision(dtype):
    levels = np.arange(256, dtype=np.uint8)[:, None]
    for fractions in ((levels / 255).astype(dtype), levels.astype(dtype) / dtype(255)):
        values = Values()
        values.see(fractions, "a", 0)
        assert (values.unit, values.exact) == (True, True)
        assert_same_bits(to_bytes(fractions, values), levels)
    between = ((levels[:-1] + 0.3) / 255).astype(dtype)
    values = Values()
    values.see(between, "a", 0)
    assert not values.exact
    assert_same_bits(to_bytes(between, values), levels[:-1])


def test_booleans_are_black_and_white():
    found = to_bytes(np.array([[True, False]]), Values())
    assert_same_bits(found, np.array([[255, 0]], np.uint8))


def test_all_grey_stays_and_colours_are_those_of_pillow():
    level = np.arange(256, dtype=np.uint8)
    assert_same_bits(to_grey(level, level, level), level)
    colours = np.random.default_rng(0).integers(0, 256, (300, 300, 3)).astype(np.uint8)
    theirs = np.asarray(Image.fromarray(colours).convert("L"))
    assert_same_bits(to_grey(*np.moveaxis(colours, -1, 0)), theirs)


@pytest.mark.parametrize("shape", [(0, 5), (3, 0), (7,), (3, 2**20), (2**20 + 5, 1)])
def test_pieces_are_all_rows_in_order_and_small(shape):
    found = list(pieces(np.broadcast_to(np.zeros((1,) * len(shape), np.uint8), shape)))
    assert sum(map(len, found)) == shape[0]
    assert all(len(one) == 1 or one.size <= 2**20 for one in found)
