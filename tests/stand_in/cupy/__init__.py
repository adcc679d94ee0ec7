"""A `cupy` for whole processes: the stand-in of tests/kernels, and what scripts ask beyond it.

With this folder's parent and tests/kernels on PYTHONPATH, and the driver of libcuda.c on
LD_LIBRARY_PATH, a process and its children find a machine with a GPU. Times are the CPU's, and
there is no TF32.
"""

import sys
import time
import types

import fake_cupy
import numpy as np

_spec = sys.modules.pop("cupy").__spec__  # this module, which the stand-in replaces
_cupy = fake_cupy.install()
_cupy.__spec__ = _spec


class _Event:
    def record(self) -> None:
        self.seconds = time.perf_counter()

    def synchronize(self) -> None:
        return None


class _Pool:
    """Sums up what is allocated; nothing is given back before `free_all_blocks`."""

    total = 0

    def free_all_blocks(self) -> None:
        self.total = 0

    def total_bytes(self) -> int:
        return self.total


_pool = _Pool()
_guarded = fake_cupy.cuda_on_cpu.guarded


def _counted(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    array = _guarded(shape, dtype)
    _pool.total += array.nbytes
    return array


fake_cupy.cuda_on_cpu.guarded = _counted
_cupy.get_default_memory_pool = lambda: _pool
_cupy.cuda.Event = _Event
_cupy.cuda.get_elapsed_time = lambda start, stop: 1e3 * (stop.seconds - start.seconds)
_cupy.cuda.nvrtc = types.SimpleNamespace(getVersion=lambda: (12, 9))
_cupy.cuda.runtime.driverGetVersion = lambda: 12_080
_cupy.cuda.runtime.runtimeGetVersion = lambda: 12_090
_cupy.cuda.runtime.getDeviceProperties = lambda number: {
    "name": b"Stand-in",
    "major": 9,
    "minor": 0,
    "totalGlobalMem": 2**30,
}
# By CUDA's numbers: multiprocessors, memory clock in kHz, width of the bus in bits, second cache.
_cupy.cuda.runtime.deviceGetAttribute = lambda name, number: {
    16: 4,
    36: 1_000_000,
    37: 64,
    38: 2**18,
}[name]
_cupy.cuda.runtime.deviceGetPCIBusId = lambda number: f"0000:0{number}:00.0"
_cupy.cuda.set_allocator = _cupy.cuda.set_pinned_memory_allocator = lambda allocator: None
