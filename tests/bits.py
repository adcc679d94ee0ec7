"""Equal to the bit: for ``==`` 0.0 is -0.0, and NaN is not itself."""

import numpy as np

from mlp.device import to_numpy


def assert_same_bits(actual, expected):
    """Compare dtype, shape and bytes of two arrays, of any library and device."""
    actual, expected = (
        array if isinstance(array, np.ndarray) else to_numpy(array) for array in (actual, expected)
    )
    assert (actual.dtype, actual.shape) == (expected.dtype, expected.shape)
    if actual.tobytes() != expected.tobytes():
        np.testing.assert_array_equal(actual, expected)  # says where
        raise AssertionError("equal numbers, but other bits: 0.0 and -0.0, or another NaN")


def bits_of(history):
    """Return the rows of a history without their seconds, every number to the bit."""
    return [[float(value).hex() for value in row[:-1]] for row in history]
