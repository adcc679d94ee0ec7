"""NumPy's BLAS, asked for the product that NumPy itself has not: one that is added to an array.

``total <- factor * total + left.T @ right`` is one call of BLAS, and the product is never an array
of its own. It is only used where it gives the bits of the three steps, which is tried once.
"""

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info

_ROW_MAJOR, _AS_IT_IS, _TRANSPOSED = 101, 111, 112  # of the C interface to BLAS
# Multiplications. Smaller products may go to kernels of their own, which round once less.
_LEAST = 2**21
# Rows, the largest first, whose products BLAS may sum in one part; more of them in several.
_ROWS = (256, 128, 64)


def accumulate(
    total: np.ndarray[Any, Any],
    factor: float,
    left: np.ndarray[Any, Any],
    right: np.ndarray[Any, Any],
) -> bool:
    """Set ``total`` to ``factor * total + left.T @ right``, rounded as in three steps.

    Parameters
    ----------
    total : (M, H) float32 or float64
        Written in place.
    factor : float
    left : (N, M) dtype of total
    right : (N, H) dtype of total

    Returns
    -------
    bool
        Whether it was done; if not, nothing was.
    """
    rows = right.shape[0]
    # One row or column is another kernel's product in NumPy; with a factor of 0 BLAS would not look
    # at what was there, which may be infinite.
    if min(total.shape) < 2 or factor == 0 or total.size * rows < _LEAST:
        return False
    flags = [one.flags for one in (total, left, right)]
    if not (total.flags.writeable and all(one.c_contiguous and one.aligned for one in flags)):
        return False
    if not total.dtype == left.dtype == right.dtype or rows > _most_rows(total.dtype.char):
        return False
    _gemm(total.dtype.char)(total, factor, left, right)
    return True


@cache
def _most_rows(kind: str) -> int:
    """Return of how many rows the bits are those of three steps; 0 without such a BLAS."""
    if _gemm(kind) is None:
        return 0
    rng = np.random.default_rng(0)

    def same(rows: int) -> bool:
        left, right, total = (
            rng.standard_normal(shape).astype(kind)
            for shape in ((rows, 272), (rows, 131), (272, 131))
        )
        plain = total * np.array(0.9, kind)
        plain += left.T @ right
        _gemm(kind)(total, 0.9, left, right)
        return bool((total == plain).all())

    return next((rows for rows in _ROWS if same(rows)), 0)


@cache
def _gemm(kind: str) -> Any:
    """Return a function of arrays that calls BLAS' product, of OpenBLAS alone; else None."""
    name, real = {"f": ("sgemm", ctypes.c_float), "d": ("dgemm", ctypes.c_double)}[kind]
    for one in threadpool_info():
        if one["internal_api"] != "openblas":
            continue
        library = ctypes.CDLL(one["filepath"])
        for prefix in ("scipy_", ""):  # NumPy's wheels give all names a prefix
            # Only names that end so have 64-bit sizes for certain.
            if function := getattr(library, f"{prefix}cblas_{name}64_", None):
                return _taking_arrays(function, real)
    return None


def _taking_arrays(function: Any, real: Any) -> Callable[..., None]:
    size, pointer, number = ctypes.c_int64, ctypes.c_void_p, ctypes.c_int
    matrix = [pointer, size]
    function.argtypes = [*3 * [number], *3 * [size], real, *matrix, *matrix, real, *matrix]
    function.restype = None

    def gemm(
        total: np.ndarray[Any, Any],
        factor: float,
        left: np.ndarray[Any, Any],
        right: np.ndarray[Any, Any],
    ) -> None:
        (rows, inputs), units = left.shape, right.shape[1]
        a, b, c = (one.__array_interface__["data"][0] for one in (left, right, total))
        shape = (_ROW_MAJOR, _TRANSPOSED, _AS_IT_IS, inputs, units, rows)
        function(*shape, 1.0, a, inputs, b, units, factor, c, units)

    return gemm
