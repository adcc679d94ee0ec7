"""The array libraries and devices that the same code must run on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from types import ModuleType
from typing import Any

import array_api_compat
import numpy as np
import pytest

from mlp.device import to_numpy


class Library(Enum):
    NUMPY = "numpy"
    TORCH = "torch"
    JAX = "jax-x64"
    JAX_FLOAT32 = "jax-default"  # without x64, as JAX comes
    # Mixing two of its devices raises, so a creation function that forgot its device is found.
    STRICT_1 = "strict-device1"
    STRICT_2 = "strict-device2"
    STRICT_FLOAT32 = "strict-no_float64"
    CUPY = "cupy"

    @property
    def dtypes(self):
        if self is Library.JAX:  # its float32 is that of JAX_FLOAT32
            return ("float64",)
        only_float32 = (Library.JAX_FLOAT32, Library.STRICT_FLOAT32)
        return ("float32",) if self in only_float32 else ("float32", "float64")


CASES = [
    pytest.param((library, dtype), id=f"{library.value}-{dtype}")
    for library in Library
    for dtype in library.dtypes
]


@dataclass(frozen=True)
class Backend:
    xp: Any  # through array-api-compat
    device: Any
    dtype: str

    @property
    def float(self):
        return getattr(self.xp, self.dtype)

    def put(self, array):
        """Copy a NumPy array of any dtype; floats are cast to the case's dtype."""
        if array.dtype.kind == "f":
            array = array.astype(self.dtype)
        return self.xp.asarray(array.copy(), device=self.device)

    def assert_close(self, actual, expected, *, rtol, atol):
        """Compare values, and see that library, dtype and device are the case's."""
        assert array_api_compat.array_namespace(actual) is self.xp
        assert array_api_compat.device(actual) == self.device
        assert actual.shape == np.shape(expected)
        host = to_numpy(actual)
        if np.asarray(expected).dtype.kind == "f":
            assert actual.dtype == self.float
        np.testing.assert_allclose(host, expected, rtol=rtol, atol=atol)


@contextmanager
def use(library: Library, dtype: str, need: Callable[[str], ModuleType]) -> Iterator[Backend]:
    """Return a library's namespace and device, with its settings for the time of a test."""
    name = library.value.partition("-")[0]
    if name == "jax":
        jax = need("jax")
        before = jax.config.jax_enable_x64
        jax.config.update("jax_enable_x64", library is Library.JAX)
        try:
            yield _backend(jax.numpy.zeros(1, dtype="float32"), dtype)
        finally:
            jax.config.update("jax_enable_x64", before)
    elif name == "strict":
        strict = need("array_api_strict")
        device = strict.Device(library.value.partition("-")[2])
        yield _backend(strict.zeros(1, dtype=strict.float32, device=device), dtype)
    elif name == "cupy":
        cupy = need("cupy")
        if not cupy.cuda.is_available():
            pytest.skip("cupy finds no CUDA device")
        yield _backend(cupy.zeros(1), dtype)
    else:
        yield _backend(need(name).zeros(1), dtype)


def _backend(array, dtype):
    xp = array_api_compat.array_namespace(array)
    return Backend(xp, array_api_compat.device(array), dtype)
