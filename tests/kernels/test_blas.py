"""A product that BLAS adds to an array: the bits of three steps, or not at all."""

import numpy as np
import pytest
from tolerances import ROUNDING

import kernels
from kernels import blas, reference

SHAPES = [(128, 784, 250), (32, 784, 1000), (256, 130, 131), (300, 784, 250), (4, 30, 20)]


def draw(rows, inputs, units, dtype):
    rng = np.random.default_rng(0)
    shapes = ((inputs, units), (inputs, units), (rows, inputs), (rows, units))
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("rule", [{}, {"nesterov": True}, {"l2": 0.01}], ids=str)
def test_the_bits_are_those_of_a_gradient_and_its_update(shape, dtype, rule):
    parameter, velocity, left, right = draw(*shape, dtype)
    expected = reference.momentum_update(
        parameter.copy(), velocity.copy(), left.T @ right, 1.0, 0.9, **rule
    )
    found = kernels.momentum_update_product(parameter, velocity, left, right, 0.9, **rule)
    assert found[0] is parameter
    assert found[1] is velocity
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == dtype
        np.testing.assert_array_equal(one, other)


def test_openblas_is_asked_where_it_is_numpys(monkeypatch):
    """Where NumPy's wheel brings OpenBLAS, as here, its product must be found and used."""
    if not any(one["internal_api"] == "openblas" for one in blas.threadpool_info()):
        pytest.skip("NumPy has another BLAS here")
    total, _, left, right = draw(128, 784, 250, "float32")
    expected = total * np.float32(0.5) + left.T @ right
    assert blas.accumulate(total, 0.5, left, right)
    np.testing.assert_array_equal(total, expected)


def test_what_cannot_be_added_is_left_alone(monkeypatch):
    total, _, left, right = draw(128, 784, 250, "float64")
    before = total.copy()
    wide = np.repeat(right, 2, axis=1)[:, ::2]
    assert not blas.accumulate(total, 0.5, left, wide)  # not contiguous
    assert not blas.accumulate(total[:20], 0.5, left[:, :20].copy(), right)  # small
    assert not blas.accumulate(total, 0.0, left, right)  # which BLAS takes for "ignore it"
    assert not blas.accumulate(total, 0.5, left.astype("float32"), right)
    one = np.zeros((1, 20_000))
    assert not blas.accumulate(one, 0.5, left[:, :1].copy(), np.zeros((128, 20_000)))
    many = np.repeat(left, 3, axis=0), np.repeat(right, 3, axis=0)
    assert not blas.accumulate(total, 0.5, *many)  # summed in several parts
    monkeypatch.setattr(blas, "_most_rows", lambda kind: 0)
    assert not blas.accumulate(total, 0.5, left, right)
    np.testing.assert_array_equal(total, before)


def test_what_may_not_be_written_is_not():
    parameter, velocity, left, right = draw(128, 784, 250, "float32")
    velocity.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        kernels.momentum_update_product(parameter, velocity, left, right, 0.9)


def test_a_product_with_other_bits_is_not_used(monkeypatch):
    def rounding_once(total, factor, left, right):
        total[...] = np.float64(total) * factor + np.float64(left).T @ np.float64(right)

    monkeypatch.setattr(blas, "_gemm", lambda kind: rounding_once)
    assert blas._most_rows.__wrapped__("f") == 0


def test_without_such_a_blas_the_steps_are_taken(monkeypatch):
    monkeypatch.setattr(blas, "threadpool_info", lambda: [{"internal_api": "mkl"}])
    assert blas._gemm.__wrapped__("f") is None
    monkeypatch.setattr(blas, "_gemm", lambda kind: None)
    assert blas._most_rows.__wrapped__("d") == 0


@pytest.mark.parametrize("rule", [{}, {"nesterov": True, "l2": 0.01}], ids=str)
def test_other_libraries_get_the_composition(rule):
    import array_api_strict as xp

    arrays = draw(4, 6, 5, "float64")
    expected = kernels.momentum_update_product(*(one.copy() for one in arrays), 0.9, **rule)
    found = kernels.momentum_update_product(*map(xp.asarray, arrays), 0.9, **rule)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(np.asarray(one), other, **ROUNDING["float64"])
