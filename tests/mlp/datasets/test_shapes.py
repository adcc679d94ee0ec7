"""What an array is by its shape and dtype alone."""

import numpy as np
import pytest

from mlp import DataError, Preparation
from mlp.datasets.shapes import read_shape, shape_for

UINT8 = np.dtype(np.uint8)


def layout(shape, dtype=np.uint8, **options):
    return read_shape(shape, np.dtype(dtype), "a", **options)


@pytest.mark.parametrize(
    ("shape", "size", "channels", "first"),
    [
        ((9, 5, 4), (5, 4), 1, False),
        ((9, 5, 4, 1), (5, 4), 1, False),
        ((9, 1, 5, 4), (5, 4), 1, True),
        ((9, 5, 6, 3), (5, 6), 3, False),
        ((9, 3, 5, 6), (5, 6), 3, True),
        ((9, 32, 32, 4), (32, 32), 4, False),
        ((9, 4, 32, 32), (32, 32), 4, True),
        ((9, 32, 32, 2), (32, 32), 2, False),
        # Of two readings the one that is nearer to a square; of two alike the channels last.
        ((9, 3, 8, 3), (3, 8), 3, False),
        ((9, 1, 8, 4), (8, 4), 1, True),
        ((9, 3, 28, 1), (3, 28), 1, False),
        ((9, 1, 1, 1), (1, 1), 1, False),
        ((9, 3, 3, 3), (3, 3), 3, False),
    ],
)
def test_the_shape_tells_what_pictures_are(shape, size, channels, first):
    found = layout(shape)
    assert (found.size, found.channels, found.first) == (size, channels, first)
    assert found.guessed == (
        shape[1] in range(1, 5) and shape[-1] in range(1, 5) and len(shape) > 3
    )
    assert layout(shape, transpose=True).size == size[::-1]


def test_the_size_asked_for_decides_between_two_readings():
    for size, first in (((3, 8), False), ((8, 3), True)):
        found = layout((9, 3, 8, 3), size=size)
        assert (found.size, found.first, found.guessed) == (size, first, False)
    assert layout((9, 3, 8, 3), size=(8, 3), transpose=True).first is False
    assert layout((9, 3, 3, 3), size=(3, 3)).guessed


@pytest.mark.parametrize(
    ("shape", "dtype", "options"),
    [
        ((9, 6), np.uint8, {}),
        ((9, 6), np.float64, {"size": (2, 2)}),
        ((9, 6, 1), np.float32, {}),  # a signal; no picture has a side of 1
        ((9, 1, 6), np.int64, {}),
        ((9, 6), bool, {"transpose": True}),
    ],
)
def test_what_features_are(shape, dtype, options):
    found = layout(shape, dtype, **options)
    assert (found.size, found.transposed) == (None, False)


def test_bytes_in_three_axes_are_pictures_whatever_their_sides():
    assert layout((9, 6, 1)).size == (6, 1)
    assert layout((9, 6), size=(2, 3)).size == (2, 3)
    assert layout((9, 6, 1), np.float32, size=(6, 1)).size == (6, 1)


@pytest.mark.parametrize(
    ("shape", "dtype", "message"),
    [
        ((), np.uint8, "got uint8 of shape ()"),
        ((9,), np.float64, "one feature a row has shape (N, 1)"),
        ((9, 5, 5, 5), np.uint8, "with 1 to 4 channels, or features of shape (N, D), got uint8 of"),
        ((9, 28, 28, 3, 1), np.uint8, "got uint8 of shape (9, 28, 28, 3, 1); numpy.reshape makes"),
        ((9, 4), complex, "rows must be numbers, got complex128"),
        ((9, 4), "U3", "rows must be numbers, got <U3"),
        ((9, 4), "M8[s]", "rows must be numbers, got datetime64[s]"),
    ],
)
def test_what_rows_cannot_be_is_refused_by_its_header(shape, dtype, message):
    with pytest.raises(DataError) as caught:
        layout(shape, dtype)
    assert str(caught.value).startswith("a: rows must be ")
    assert message in str(caught.value)


def test_a_model_takes_what_fits_it():
    pictures, features = Preparation(("a", "b"), (2, 3)), Preparation(("a", "b"))
    for shape in ((9, 2, 3), (9, 6), (9, 2, 3, 3), (9, 1, 2, 3)):
        assert shape_for(shape, UINT8, "a", pictures, 6).size == (2, 3)
    assert shape_for((9, 6, 1), np.dtype(float), "a", features, 6).size is None
    for shape, dtype, model, wanted in (
        ((9, 3, 2), UINT8, pictures, r"pictures of shape \(N, 2, 3\) or \(N, 6\), got uint8"),
        ((9, 7), UINT8, pictures, "pictures of shape"),
        ((9, 2, 3), UINT8, features, r"features of shape \(N, 6\), got uint8 of shape \(9, 2, 3\)"),
        ((9, 5), UINT8, features, "features of shape"),
    ):
        with pytest.raises(DataError, match=f"^a: this model takes {wanted}"):
            shape_for(shape, dtype, "a", model, 6)
