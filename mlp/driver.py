"""What the NVIDIA driver itself answers, so that a missing or broken CuPy cannot hide a device.

Standard library only.
"""

import ctypes
from typing import Any, NamedTuple

_NO_DEVICE = (34, 100)  # CUDA_ERROR_STUB_LIBRARY, CUDA_ERROR_NO_DEVICE


class Driver(NamedTuple):
    """The driver of this machine.

    Attributes
    ----------
    release : (int, int)
        The newest CUDA release that it supports.
    devices : int
        How many it has. A driver that fails for another reason than finding none counts as having
        one, so that whoever uses it finds out what is wrong.
    status : int
        What ``cuInit`` gives; 0 where all is well.
    """

    release: tuple[int, int]
    devices: int
    status: int


def read_driver() -> Driver | None:
    """Ask the NVIDIA driver through ctypes; None where there is no driver."""
    try:
        cuda = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return None
    number = ctypes.c_int(0)
    cuda.cuDriverGetVersion(ctypes.byref(number))
    release, status = split_release(number.value), int(cuda.cuInit(0))
    if status in _NO_DEVICE:
        return Driver(release, 0, status)
    if status != 0 or cuda.cuDeviceGetCount(ctypes.byref(number)) != 0:
        return Driver(release, 1, status or -1)
    return Driver(release, number.value, 0)


def describe_devices(count: int) -> list[str]:
    """Return a line for each device: its name, memory and compute capability.

    Raises
    ------
    RuntimeError
        The driver does not answer.
    """
    cuda, number = ctypes.CDLL("libcuda.so.1"), ctypes.c_int(0)

    def ask(name: str, *arguments: Any) -> int:
        status = getattr(cuda, name)(ctypes.byref(number), *arguments)
        if status != 0:
            raise RuntimeError(f"{name} gives CUDA error {status}")
        return number.value

    lines = []
    for index in range(count):
        device = ask("cuDeviceGet", index)
        name, size = ctypes.create_string_buffer(256), ctypes.c_size_t(0)
        cuda.cuDeviceGetName(name, len(name), device)
        cuda.cuDeviceTotalMem_v2(ctypes.byref(size), device)
        # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR
        capability = ".".join(str(ask("cuDeviceGetAttribute", key, device)) for key in (75, 76))
        lines.append(
            f"cuda:{index} {name.value.decode(errors='replace')}, {size.value / 2**30:.1f} GiB, "
            f"compute capability {capability}"
        )
    return lines


def split_release(number: int) -> tuple[int, int]:
    """Split CUDA's number of a release: 12040 is 12.4."""
    return number // 1000, number % 1000 // 10
