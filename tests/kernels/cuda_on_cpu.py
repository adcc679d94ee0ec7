"""Build the `.cu` sources with g++ and run them on guarded memory.

`Library` compiles a source behind `cuda_on_cpu.h` and launches its kernels. `guarded` gives
memory between two pages without permission, so that an access outside an array is a report and
not a wrong number. A report is a `KernelFaultError`.
"""

import ctypes
import hashlib
import mmap
import os
import re
import shutil
import subprocess
import tempfile
import weakref
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np


def _has_fma() -> bool:
    """Return whether this processor is an x86 with fused multiply-add."""
    with suppress(OSError):
        return " fma " in Path("/proc/cpuinfo").read_text()
    return False


HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".pytest_cache" / "cuda_on_cpu"
FLAGS = (
    "-std=c++17",
    "-O1",
    "-shared",
    "-fPIC",
    "-ffp-contract=off",
    "-fno-strict-aliasing",
    "-Wall",
    "-Werror",
    "-Wno-unknown-pragmas",
    "-Wno-unused-function",
    "-fsanitize=alignment,bounds,signed-integer-overflow",
    "-fsanitize-undefined-trap-on-error",
    # A fused multiply-add has one result wherever it is computed; as an instruction it takes a
    # twentieth of the time.
    *(["-mfma"] if _has_fma() else []),
)


class BuildError(Exception):
    """g++ refused the source; its messages are the message."""


class KernelFaultError(AssertionError):
    """A kernel did what CUDA forbids: the header's report."""


def why_not() -> str:
    """Say what this machine lacks to run kernels on its CPU, or nothing."""
    if os.uname().sysname != "Linux":
        return "kernels run on the CPU under Linux only (guard pages, ucontext)"
    return "" if shutil.which("g++") else "g++ is not installed"


# ---- signatures


@dataclass(frozen=True)
class Parameter:
    """A parameter of one specialisation: the element's dtype, and whether it is a pointer."""

    name: str
    dtype: np.dtype
    pointer: bool


_DTYPES = {
    "float": np.dtype(np.float32),
    "double": np.dtype(np.float64),
    "unsigned char": np.dtype(np.uint8),
    "int": np.dtype(np.int32),
    "long long": np.dtype(np.int64),
}
_KERNEL = re.compile(r"template\s*<([^>]*)>\s*__global__\s+void\s+(\w+)\s*\(([^)]*)\)", re.DOTALL)


def parameters(source: str, name: str) -> list[Parameter]:
    """Read the parameters of a specialisation, e.g. ``bias_relu<float, 4>``, from its source."""
    base, _, values = name.rstrip(">").partition("<")
    for template, kernel, declared in _KERNEL.findall(source):
        if kernel == base:
            names = [part.split()[-1] for part in template.split(",")]
            types = dict(zip(names, (v.strip() for v in values.split(",")), strict=True))
            return [_parameter(text, types) for text in declared.split(",")]
    raise LookupError(f"the source has no kernel {base}")


def _parameter(text: str, types: dict[str, str]) -> Parameter:
    words = text.replace("*", " * ").split()
    c_type = " ".join(word for word in words[:-1] if word not in ("const", "*"))
    return Parameter(words[-1], _DTYPES[types.get(c_type, c_type)], "*" in words)


# ---- memory

_PAGE = mmap.PAGESIZE
_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
_libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
_libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
_MAP_NORESERVE = 0x4000  # memory is taken when it is touched: a mapping may exceed the machine's
_CANARY = 0xFF  # as floats NaN: reading it shows in the result, writing it in `check`
_ALIGNMENT = 16  # the widest load of the kernels; a GPU's allocations are aligned to 256
_POISONED = 1 << 26  # larger arrays stay unwritten, or a sparse mapping would become real


@dataclass(frozen=True)
class _Guards:
    """The canaries around one array."""

    before: ctypes.Array
    after: ctypes.Array


_guards: dict[int, _Guards] = {}  # by the address of the array


def guarded(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Allocate an array whose end, up to 16 bytes of alignment, meets a forbidden page.

    It starts with canary bytes (NaN, -1 or 255), as nothing may rely on fresh memory.
    """
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    body = -(-size // _ALIGNMENT) * _ALIGNMENT
    pages = max(1, -(-body // _PAGE)) * _PAGE
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_NORESERVE
    start = _libc.mmap(None, pages + 2 * _PAGE, 0, flags, -1, 0)
    if start == ctypes.c_void_p(-1).value:
        raise MemoryError(f"cannot map {pages} bytes")
    first = start + _PAGE
    _libc.mprotect(first, pages, mmap.PROT_READ | mmap.PROT_WRITE)
    address = first + pages - body
    before = (ctypes.c_ubyte * (address - first)).from_address(first)
    after = (ctypes.c_ubyte * (body - size)).from_address(address + size)
    poisoned = pages if size <= _POISONED else address - first
    ctypes.memset(first, _CANARY, poisoned)
    ctypes.memset(address + size, _CANARY, body - size)
    memory = (ctypes.c_ubyte * size).from_address(address)
    _guards[address] = _Guards(before, after)
    release = weakref.finalize(memory, _release, address, start, pages + 2 * _PAGE)
    release.atexit = False  # at exit an array may outlive its memory
    return np.frombuffer(memory, dtype).reshape(shape)


def _release(address: int, start: int, size: int) -> None:
    _guards.pop(address, None)
    _libc.munmap(start, size)


def check_canaries() -> None:
    """Raise a fault where something wrote beside an array."""
    for address, guards in _guards.items():
        for side, canaries in (("before", guards.before), ("after", guards.after)):
            data = bytes(canaries)
            if data.count(_CANARY) != len(data):
                raise KernelFaultError(f"out-of-range write {side} the array at {address:#x}")


# ---- building and launching


class _Launch(ctypes.Structure):
    _fields_ = (
        ("grid", ctypes.c_uint * 3),
        ("block", ctypes.c_uint * 3),
        ("first_block", ctypes.c_ulonglong),
        ("block_count", ctypes.c_ulonglong),
        ("descending", ctypes.c_int),
        ("flush_denormals", ctypes.c_int),
        ("arguments", ctypes.POINTER(ctypes.c_void_p)),
    )


class _Report(ctypes.Structure):
    _fields_ = (("address", ctypes.c_ulonglong), ("text", ctypes.c_char * 400))


class Library:
    """Some specialisations of one source, compiled for the CPU."""

    descending = False  # the order in which the threads of a block run

    def __init__(self, source: str, names: Sequence[str]) -> None:
        self._index = {name: index for index, name in enumerate(names)}
        self._library = ctypes.CDLL(str(_build(source, names)))
        self._library.launch.argtypes = [
            ctypes.c_int,
            ctypes.POINTER(_Launch),
            ctypes.POINTER(_Report),
        ]

    def launch(
        self,
        name: str,
        grid: Sequence[int],
        block: Sequence[int],
        values: Sequence[np.generic],
        *,
        last_block_only: bool = False,
    ) -> None:
        """Run a grid of blocks. Pointers are passed as uint64 addresses.

        Raises
        ------
        KernelFaultError
            The header reported something, or canaries changed.
        """
        holders = [np.array(value) for value in values]
        pointers = (ctypes.c_void_p * len(holders))(*[holder.ctypes.data for holder in holders])
        grid3, block3 = ((*sizes, 1, 1)[:3] for sizes in (grid, block))
        blocks = int(np.prod(grid3, dtype=np.int64))
        launch = _Launch(
            (ctypes.c_uint * 3)(*grid3),
            (ctypes.c_uint * 3)(*block3),
            blocks - 1 if last_block_only else 0,
            1 if last_block_only else blocks,
            Library.descending,
            "<float" in name,  # the first type of a kernel is the one it computes in
            pointers,
        )
        report = _Report()
        if self._library.launch(self._index[name], launch, report) != 0:
            where = f" at {report.address:#x}" if report.address else ""
            raise KernelFaultError(f"{name}: {report.text.decode()}{where}")
        check_canaries()


def _build(source: str, names: Sequence[str]) -> Path:
    """Compile into the cache, unless the same text was compiled before."""
    entries = "\n".join(
        f"    [](void** values) {{ cuda_on_cpu::call(&{name}, values); }}," for name in names
    )
    text = f"""#include "cuda_on_cpu.h"
#line 1 "kernel.cu"
{source}
#line 1 "entries"
static void (*const entries[])(void**) = {{
{entries}
}};
extern "C" int launch(int index, const cuda_on_cpu::Launch* launch, cuda_on_cpu::Report* report) {{
    return cuda_on_cpu::run(entries[index], *launch, report);
}}
"""
    headers = "".join((HERE / name).read_text() for name in ("cuda_on_cpu.h", "fibers.h"))
    key = hashlib.sha256("\0".join((text, headers, *FLAGS)).encode()).hexdigest()[:20]
    library = CACHE / f"{key}.so"
    if not library.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            unit, built = Path(folder) / "unit.cpp", Path(folder) / "unit.so"
            unit.write_text(text)
            command = ["g++", *FLAGS, f"-I{HERE}", str(unit), "-o", str(built)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise BuildError(done.stderr)
            built.replace(library)
    return library
