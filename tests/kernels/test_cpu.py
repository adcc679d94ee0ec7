import numpy as np
import pytest
from tolerances import COLUMN_SUM

import kernels
from kernels import cpu, reference

SHAPES = [(1, 1), (7, 3), (131, 1000), (300, 1000), (3, 200_000), (0, 4), (4, 0)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_blocks_give_what_the_whole_array_gives(shape, dtype):
    rng = np.random.default_rng(0)
    z, bias = rng.normal(size=shape).astype(dtype), rng.normal(size=shape[1]).astype(dtype)
    dh = rng.normal(size=shape).astype(dtype)
    h = cpu.bias_relu(z.copy(), bias)
    np.testing.assert_array_equal(h, reference.bias_relu(z.copy(), bias))
    dz, db = cpu.relu_backward(dh.copy(), h)
    expected_dz, expected_db = reference.relu_backward(dh.copy(), h)
    np.testing.assert_array_equal(dz, expected_dz)
    assert h.dtype == dz.dtype == db.dtype == dtype
    magnitude = np.abs(dz).sum(axis=0)
    assert (np.abs(db - expected_db) <= COLUMN_SUM[dtype] * magnitude).all()


def test_odd_values_are_those_of_the_reference():
    z = np.array([[np.nan, np.inf, -np.inf, 0.0, -0.0]])
    np.testing.assert_array_equal(
        cpu.bias_relu(z.copy(), np.zeros(5)), reference.bias_relu(z.copy(), np.zeros(5))
    )
    dh, h = np.array([[np.inf, np.nan, 1.0, np.inf]]), np.array([[0.0, 0.0, np.nan, 2.0]])
    with np.errstate(invalid="ignore"):
        for mine, theirs in zip(
            cpu.relu_backward(dh.copy(), h), reference.relu_backward(dh.copy(), h), strict=True
        ):
            np.testing.assert_array_equal(mine, theirs)


def test_numpy_arrays_come_here_and_are_changed_in_place(monkeypatch):
    z = np.ones((2, 3))
    assert kernels.bias_relu(z, np.zeros(3)) is z
    monkeypatch.setattr(cpu, "bias_relu", lambda z, bias: "here")
    assert kernels.bias_relu(z, np.zeros(3)) == "here"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("label_dtype", ["uint8", "int32", "int64"])
@pytest.mark.parametrize("shape", [(0, 10), (1, 1), (5, 2), (64, 10), (1000, 10), (33, 200)])
def test_cross_entropy_is_the_reference_bit_for_bit(shape, dtype, label_dtype):
    generator = np.random.default_rng(5)
    logits = (20 * generator.standard_normal(shape)).astype(dtype)
    labels = generator.integers(0, shape[1], shape[0]).astype(label_dtype)
    before = logits.copy()
    for got, expected in zip(
        cpu.softmax_cross_entropy(logits, labels),
        reference.softmax_cross_entropy(logits, labels),
        strict=True,
    ):
        assert got.dtype == expected.dtype
        np.testing.assert_array_equal(got, expected)
    np.testing.assert_array_equal(logits, before)


@pytest.mark.parametrize("labels", [[0, 1, 2, 0, 1], [0, 3, 2, -1, 1]])
def test_cross_entropy_of_odd_rows_is_the_reference(labels):
    inf, nan = np.inf, np.nan
    logits = np.asarray([[nan, 0, 1], [inf, 0, 1], [-inf] * 3, [-inf, 0, 0], [3, 3, -inf]], "f4")
    with np.errstate(all="ignore"):
        pairs = zip(
            cpu.softmax_cross_entropy(logits, np.asarray(labels)),
            reference.softmax_cross_entropy(logits, np.asarray(labels)),
            strict=True,
        )
        for got, expected in pairs:
            np.testing.assert_array_equal(got, expected)
