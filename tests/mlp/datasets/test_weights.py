"""What the rows of a class count."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight
from tolerances import ROUNDING

from mlp.datasets.weights import balanced


@given(labels=st.lists(st.integers(0, 4), min_size=1, max_size=60))
def test_balanced_classes_are_scikit_learns(labels):
    labels = np.array(labels, np.uint8)
    there = np.unique(labels)
    found = balanced(labels, 5)
    expected = compute_class_weight("balanced", classes=there, y=labels)
    np.testing.assert_allclose(found[there], expected, **ROUNDING["float64"])
    assert found.shape == (5,)
    assert np.count_nonzero(found) == len(there)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), min_size=1).filter(dict))
def test_of_rows_with_weights_every_class_comes_to_the_same_sum(rows):
    labels, weights = (np.array(column) for column in zip(*rows, strict=True))
    if not weights.any():
        weights = weights + 1
    found = balanced(labels, 4, weights.astype(float))
    sums = np.bincount(labels, found[labels] * weights, 4)
    counted = np.unique(labels[weights > 0])
    np.testing.assert_allclose(sums[counted], weights.sum() / len(counted), **ROUNDING["float64"])
    repeated = balanced(np.repeat(labels, weights), 4)
    np.testing.assert_allclose(found, repeated, **ROUNDING["float64"])
