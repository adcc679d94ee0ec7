"""Which array library computes, and where; the only host<->device transfers.

Fallback is for machines with nothing to fall back from: without an NVIDIA device, `cuda` goes on
with the CPU and says so. Where a device is there but cannot be used, that is an error with the
command that mends it, because nobody wants a GPU idle while the CPU trains.
"""

import importlib
import importlib.util
import os
import re
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import array_api_compat
import numpy as np

from kernels import Array, array_namespace

from .driver import read_driver
from .installation import cupy_command

_FIRST_WITH_TF32 = 80  # compute capability 8.0


class DeviceError(RuntimeError):
    """The device asked for cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class Device:
    """An array library and one of its devices.

    Attributes
    ----------
    xp : namespace
        The library, through array-api-compat.
    handle : object
        What the library's ``device=`` takes.
    kind : {"cpu", "cuda"}
    requested, used : str
        What was asked for, and what it came to, e.g. ``"cuda"`` and ``"cuda:0"``.
    reason : str
        Why `used` is what it is.
    notice : str
        One line for the user where a GPU was asked for, or is there, and the CPU is used.
    """

    xp: Any
    handle: Any
    kind: str
    requested: str
    used: str
    reason: str
    notice: str = ""

    @property
    def tf32(self) -> bool:
        """Whether float32 products are rounded to TF32, as CuPy itself says now."""
        return self.kind == "cuda" and _rounds_to_tf32()

    @property
    def library(self) -> str:
        """The library's name, e.g. ``"numpy"``."""
        return str(self.xp.__name__.removeprefix("array_api_compat."))

    @property
    def version(self) -> str:
        """The library's version (which array-api-compat's view of CuPy does not have)."""
        return str(importlib.import_module(self.library).__version__)

    def put(self, array: np.ndarray) -> Array:
        """Copy a host array to the device; NumPy on the CPU gets the array itself."""
        if self.kind == "cpu":
            return array
        return self.xp.asarray(np.asarray(array), device=self.handle)  # rows on disk are read


def choose_device(
    requested: str = "auto", *, strict: bool = False, tf32: bool = False, rank_on_host: int = 0
) -> Device:
    """Find the device to compute on.

    Parameters
    ----------
    requested : {"auto", "cpu", "cuda", "cuda:N"}
        ``auto`` takes a usable GPU, else the CPU.
    strict : bool
        Never fall back.
    tf32 : bool
        Let float32 products on a GPU that can do so be rounded to TF32: 10 bits of mantissa
        instead of 23. CuPy has one setting for the process: the last call's holds.
    rank_on_host : int
        Number of this process among those that share the machine: without a ``:N`` it takes the
        GPU of this number, counted around.

    Raises
    ------
    ValueError
        `requested` is none of these.
    DeviceError
        A GPU is there but cannot be used, the GPU of that number does not exist, or there is none
        and `strict` is set.
    """
    match = re.fullmatch(r"auto|cpu|cuda(?::(\d+))?", requested)
    if match is None:
        raise ValueError(f"device must be auto, cpu, cuda or cuda:N, got {requested!r}")
    if requested == "cpu":
        return _cpu(requested, "asked for")
    driver = read_driver()
    if driver is None or driver.devices == 0:
        why = f"the NVIDIA driver finds no device (cuInit gives {driver and driver.status})"
        if driver is None:
            why = "no NVIDIA driver is installed (libcuda.so.1 is not there)"
        why = f"{why}; training on a GPU needs a machine with an NVIDIA device and its driver"
        if strict and requested != "auto":
            raise DeviceError(f"device {requested} cannot be used: {why}")
        return _cpu(requested, why, notice=requested != "auto")
    number = int(match.group(1) or rank_on_host % driver.devices)
    if number >= driver.devices:
        raise DeviceError(
            f"device {requested} does not exist: this machine has {driver.devices} NVIDIA "
            f"device(s); use cuda:0 to cuda:{driver.devices - 1}"
        )
    try:
        xp = _probe_cupy(number, tf32, cupy_command(driver.release))
    except DeviceError as error:
        if requested == "auto" and not strict:
            return _cpu(requested, str(error), notice=True)
        raise
    handle = xp.cuda.Device(number)
    return Device(xp, handle, "cuda", requested, f"cuda:{number}", "probed")


def device_current(array: Array) -> AbstractContextManager[Any]:
    """Make an array's device the one that CuPy uses in this thread, as long as the context lasts.

    `choose_device` does so in the thread that calls it; in every other one CuPy creates arrays on
    device 0. Libraries whose arrays know their device need nothing.
    """
    return array.device if array_api_compat.is_cupy_array(array) else nullcontext()


def available_threads() -> int:
    """Return the cores that this process may use: its affinity and its cgroup's CPU quota."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    with suppress(OSError, ValueError):
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        if quota != "max":
            cores = min(cores, max(1, int(quota) // int(period)))
    return cores


def to_numpy(array: Array) -> np.ndarray:
    """Copy an array of any library and device to the host (a NumPy array is returned itself)."""
    if array_api_compat.is_cupy_array(array):
        return np.asarray(array.get())
    xp = array_namespace(array)
    host = xp.__array_namespace_info__().default_device()
    return np.asarray(array if host is None else array_api_compat.to_device(array, host))


def copy_like(host: np.ndarray, array: Array) -> Array:
    """Copy a host array to another array's library and device; it never shares memory."""
    xp = array_namespace(array)
    return xp.asarray(host, device=array_api_compat.device(array), copy=True)


def copied(array: Array, like: Array = None) -> Array:
    """Copy an array; one of NumPy to the library and device of another, if one is given."""
    if array_api_compat.is_numpy_array(array):
        # Contiguous, so that the update's flat blocks are views.
        fresh = np.array(array, order="C")
        return fresh if like is None else copy_like(fresh, like)
    return array_namespace(array).asarray(array, copy=True)


def float_dtype(array: Array, name: str) -> Array:
    """Return the dtype ``"float32"`` or ``"float64"`` of an array's library.

    Raises
    ------
    ValueError
        The library has no float64 on the array's device, where a JAX with its default settings
        would only warn and compute in float32.
    """
    xp = array_namespace(array)
    where = array_api_compat.device(array)
    if name not in xp.__array_namespace_info__().dtypes(device=where, kind="real floating"):
        advice = (
            'jax.config.update("jax_enable_x64", True) before the first array'
            if array_api_compat.is_jax_namespace(xp)
            else "dtype float32"
        )
        raise ValueError(f"{xp.__name__} has no {name} on device {where}; use {advice}")
    return getattr(xp, name)


def device_kind(array: Array) -> str:
    """Return whether an array lives on the ``"cpu"`` or on ``"cuda"``."""
    return "cuda" if "cuda" in str(array_api_compat.device(array)).lower() else "cpu"


def _products() -> Any:
    """Return CuPy's module of products, which has their precision; there is no public name."""
    return importlib.import_module("cupy._core._routines_linalg")


def _rounds_to_tf32() -> bool:
    products = _products()
    chosen = products.get_compute_type(np.dtype(np.float32))
    return bool(chosen == products.COMPUTE_TYPE_TF32)


def _cpu(requested: str, reason: str, *, notice: bool = False) -> Device:
    line = f"device: {requested} requested, cpu used: {reason}" if notice else ""
    return Device(np, "cpu", "cpu", requested, "cpu", reason, line)


def _probe_cupy(number: int, tf32: bool, command: str) -> Any:
    """Use the device a little: import, allocate, compile and run a kernel, multiply.

    `command` is the one that installs CuPy with its CUDA libraries. Products of float32 are rounded
    as `tf32` says from here on.

    Returns
    -------
    namespace
        array-api-compat's view of CuPy.

    Raises
    ------
    DeviceError
        The first of these that fails, and what to do.
    """
    install = f"install CuPy with its CUDA libraries: {command}"
    if importlib.util.find_spec("cupy") is None:
        raise DeviceError(f"an NVIDIA device is there but CuPy is not installed; {install}")
    step, mend = "CuPy cannot be imported", install
    try:
        xp = importlib.import_module("array_api_compat.cupy")
        step, mend = "CuPy cannot use the driver", "update it, and see that nvidia-smi runs"
        if not xp.cuda.is_available():
            raise DeviceError(f"an NVIDIA device is there but {step}; {mend}")
        step, mend = "an allocation on it fails", "free its memory: nvidia-smi shows who uses it"
        xp.cuda.Device(number).use()
        ones = xp.ones((2, 2), dtype=xp.float64)
        step, mend = "CuPy cannot compile a kernel", install
        twos = ones + ones
        step, mend = "a matrix product on it fails", install
        product = float((twos @ ones)[0, 0])
        step, mend = "CuPy does not let the precision of products be set", install
        # Not by the variable CUPY_TF32, which CuPy reads once, at the first float32 product.
        products = _products()
        rounded = tf32 and int(xp.cuda.Device(number).compute_capability) >= _FIRST_WITH_TF32
        kind = products.COMPUTE_TYPE_TF32 if rounded else products.COMPUTE_TYPE_DEFAULT
        products.set_compute_type(np.dtype(np.float32), kind)
    except DeviceError:
        raise
    except Exception as error:
        # Whatever a CUDA library raises here means the same: this device cannot be used.
        detail = " ".join(str(error).split())[:200]
        raise DeviceError(
            f"an NVIDIA device is there but {step} ({type(error).__name__}: {detail}); {mend}"
        ) from error
    if product != 4.0:
        raise DeviceError(f"an NVIDIA device is there but computes 2 x 2 = {product}; {mend}")
    return xp
