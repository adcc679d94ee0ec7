"""How a CUDA kernel is compiled and launched through CuPy.

CuPy checks nothing about a raw kernel's arguments: it passes a Python float as 8 bytes whatever
the kernel declares, and a view as if it were its base. So every scalar must be a NumPy scalar of
the width that the kernel declares, and every array C-contiguous.
"""

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

import cupy
import numpy as np

from .namespace import Array
from .sources import OPTIONS, cuda_source

# By the dtype itself: to make its name a string takes longer than all else a launch needs.
# int64 is `long long`: `long` has 4 bytes for some compilers.
_C_TYPES = {
    np.dtype(np.float32): "float",
    np.dtype(np.float64): "double",
    np.dtype(np.uint8): "unsigned char",
    np.dtype(np.int32): "int",
    np.dtype(np.int64): "long long",
}


_P = ParamSpec("_P")
_R = TypeVar("_R")


def on_its_device(
    operation: Callable[Concatenate[Array, _P], _R],
) -> Callable[Concatenate[Array, _P], _R]:
    """Run an operation with the device of its first array current, whichever thread calls.

    CuPy has a current device for every thread, 0 at first: there a kernel would be launched, with
    addresses of the arrays' device.
    """

    @functools.wraps(operation)
    def run(array: Array, /, *arguments: _P.args, **options: _P.kwargs) -> _R:
        with array.device:
            return operation(array, *arguments, **options)

    return run


def supports(*arrays: Array) -> bool:
    """Return whether the kernels take these arrays: dtypes they know, C-contiguous memory."""
    return all(array.dtype in _C_TYPES and array.flags.c_contiguous for array in arrays)


def c_type(array: Array) -> str:
    """Return the C++ type of an array's elements."""
    return _C_TYPES[array.dtype]


def ceil_div(count: int, size: int) -> int:
    """Return how many pieces of a size hold a count."""
    return -(-count // size)


def launch(
    source: str,
    name: str,
    grid: tuple[int, ...],
    block: tuple[int, ...],
    arguments: tuple[Array | np.generic, ...],
) -> None:
    """Run one specialisation; its compile errors propagate.

    Raises
    ------
    ValueError
        An array is not C-contiguous: the kernel would read other elements than the caller's.
    """
    for array in arguments:
        if isinstance(array, cupy.ndarray) and not array.flags.c_contiguous:
            raise ValueError(
                f"{source} needs C-contiguous arrays, got shape {array.shape} with strides "
                f"{array.strides}; call kernels.{source}, or pass cupy.ascontiguousarray(...)"
            )
    kernel(source, name)(grid, block, arguments)


def kernel(source: str, name: str) -> Array:
    """Return one specialisation for the current device, compiled at its first use.

    It is launched as ``kernel(grid, block, arguments)``; who does so checks the arrays.
    """
    return _compiled(source, name, cupy.cuda.runtime.getDevice())


@functools.cache
def _compiled(source: str, name: str, device: int) -> Array:
    module = cupy.RawModule(code=cuda_source(source), options=OPTIONS, name_expressions=(name,))
    return module.get_function(name)
