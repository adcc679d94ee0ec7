"""Exponential and logarithm of the kernels: within 2 ulp over all numbers, executed on the CPU."""

import cuda_on_cpu
import numpy as np
import pytest

from kernels.sources import included

pytestmark = pytest.mark.skipif(bool(cuda_on_cpu.why_not()), reason=cuda_on_cpu.why_not())

# One thread computes all, because a thread a number would be a switch of fibers a number.
SOURCE = included(
    """#include "elementary.cuh"
template <typename Real>
__global__ void elementary(const Real* x, Real* exponentials, Real* logarithms, long long size) {
    for (long long i = 0; i < size; ++i) {
        exponentials[i] = exponential(x[i]);
        logarithms[i] = logarithm(x[i]);
    }
}
"""
)
# Of every number of float32 one in 1,009, a prime, so that every exponent and both signs come; of
# float64 as many, over every exponent.
BITS = {
    "float32": np.arange(0, 2**32, 1009, dtype=np.uint64).astype(np.uint32),
    "float64": np.random.default_rng(0).integers(0, 2**64, 2**21, dtype=np.uint64),
}
SPECIAL = [0.0, -0.0, 1.0, np.inf, -np.inf, np.nan, 88.7, 709.7, -87.3, -103.9, -708.3, -745.0]
C_TYPES = {"float32": "float", "float64": "double"}


def computed(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    name = f"elementary<{C_TYPES[str(x.dtype)]}>"
    arrays = [cuda_on_cpu.guarded(x.shape, x.dtype) for _ in range(3)]
    arrays[0][:] = x
    pointers = [np.uint64(array.ctypes.data) for array in arrays]
    cuda_on_cpu.Library(SOURCE, [name]).launch(name, (1,), (1,), (*pointers, np.int64(len(x))))
    return arrays[1], arrays[2]


def numbers(dtype: str) -> np.ndarray:
    """Return numbers of every size; near 0 and 1, where networks work, a million more."""
    near = np.random.default_rng(1).uniform(-30, 30, 2**19)
    parts = (near, np.exp(near / 30), np.array(SPECIAL))
    return np.concatenate([BITS[dtype].view(dtype), *(part.astype(dtype) for part in parts)])


def flushed(values: np.ndarray, dtype: str) -> np.ndarray:
    """Replace what float32 holds as denormals by zeros, as CuPy's -ftz=true does."""
    if dtype == "float64":
        return values
    return np.where(np.abs(values) < np.finfo(np.float32).tiny, 0 * values, values)


def assert_within_2_ulp(actual: np.ndarray, exact: np.ndarray) -> None:
    """Compare with exact values: units in the last place, of denormals their distance."""
    expected = exact.astype(actual.dtype)
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(actual[~finite], expected[~finite])  # NaN equals NaN
    ulp = np.spacing(np.abs(expected[finite]))
    assert (np.abs(actual[finite] - exact[finite]) / ulp).max() < 2


@pytest.mark.parametrize("dtype", C_TYPES)
def test_exponential_and_logarithm_are_within_2_ulp(dtype: str) -> None:
    wider = np.float64 if dtype == "float32" else np.longdouble
    if np.finfo(wider).nmant <= np.finfo(dtype).nmant:
        pytest.skip("long double is no wider than double here")
    x = numbers(dtype)
    assert len(x) > 3_000_000
    exponentials, logarithms = computed(x)
    with np.errstate(all="ignore"):  # signalling NaNs, overflow, logarithms of negative numbers
        wide = flushed(x.astype(wider), dtype)
        assert_within_2_ulp(exponentials, flushed(np.exp(wide), dtype))
        assert_within_2_ulp(logarithms, np.log(wide))
