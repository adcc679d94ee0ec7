"""Compile CUDA source for any architecture without a GPU: NVRTC from its wheel, through ctypes."""

import ctypes
import functools
import importlib.util
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import kernels.sources

# The project's own, what CuPy itself adds, and the request for ptxas' report of every kernel.
OPTIONS = (
    *kernels.sources.OPTIONS,
    "-ftz=true",
    "--device-as-default-execution-space",
    "--ptxas-options=-v",
)


@dataclass(frozen=True)
class Usage:
    """What ptxas says of one kernel, in registers and bytes."""

    registers: int
    stack: int
    spill_stores: int
    spill_loads: int
    shared: int


class CompileError(Exception):
    """NVRTC refused the source; its log is the message."""


def library_paths() -> list[Path]:
    """Find the NVRTC of every wheel in this environment: CUDA 12's, CUDA 13's, both or none."""
    spec = importlib.util.find_spec("nvidia")
    folders = spec.submodule_search_locations if spec else None
    return sorted(
        path
        for folder in folders or ()
        for path in Path(folder).glob("**/libnvrtc.so.*")
        if path.suffix[1:].isdigit()
    )


class Nvrtc:
    """One NVRTC library."""

    def __init__(self, path: Path) -> None:
        # NVRTC opens its built-in headers by name, which are not on the loader's path.
        builtins = next(path.parent.glob("libnvrtc-builtins.so.*"))
        ctypes.CDLL(str(builtins), mode=ctypes.RTLD_GLOBAL)
        self._library = ctypes.CDLL(str(path))
        major, minor = ctypes.c_int(), ctypes.c_int()
        self._call("nvrtcVersion", ctypes.byref(major), ctypes.byref(minor))
        self.version = (major.value, minor.value)
        self.release = f"{major.value}.{minor.value}"

    def _call(self, function: str, *arguments: object) -> None:
        status = getattr(self._library, function)(*arguments)
        if status != 0:
            raise CompileError(f"{function} gives status {status}")

    def _text(self, what: str, program: ctypes.c_void_p) -> str:
        size = ctypes.c_size_t()
        self._call(f"nvrtcGet{what}Size", program, ctypes.byref(size))
        buffer = ctypes.create_string_buffer(size.value)
        self._call(f"nvrtcGet{what}", program, buffer)
        return buffer.value.decode()

    def architectures(self) -> set[int]:
        """Return the compute capabilities this release can compile for, e.g. 75 for 7.5."""
        count = ctypes.c_int()
        self._call("nvrtcGetNumSupportedArchs", ctypes.byref(count))
        archs = (ctypes.c_int * count.value)()
        self._call("nvrtcGetSupportedArchs", archs)
        return set(archs)

    def compile(
        self, source: str, names: Sequence[str], architecture: int
    ) -> tuple[dict[str, Usage], str]:
        """Compile the kernels that the name expressions ask for.

        Returns
        -------
        dict
            Usage by name expression.
        str
            Whatever the log holds besides ptxas' report: warnings, notes, remarks.
        """
        lowered, log, _ = self._compiled(source, names, f"sm_{architecture}")
        usages, rest = _parse(log)
        return {name: usages[mangled] for name, mangled in lowered.items()}, rest

    def ptx(self, source: str, names: Sequence[str], architecture: int) -> dict[str, str]:
        """Return the PTX of the kernels that the name expressions ask for."""
        lowered, _, text = self._compiled(source, names, f"compute_{architecture}")
        bodies = dict(re.findall(r"\.entry (\w+)(\(.*?^\})", text, re.DOTALL | re.MULTILINE))
        return {name: bodies[mangled] for name, mangled in lowered.items()}

    def _compiled(
        self, source: str, names: Sequence[str], target: str
    ) -> tuple[dict[str, str], str, str]:
        """Return the kernels' mangled names, the compiler's log and the program's PTX."""
        program = ctypes.c_void_p()
        self._call(
            "nvrtcCreateProgram", ctypes.byref(program), source.encode(), b"k.cu", 0, None, None
        )
        try:
            for name in names:
                self._call("nvrtcAddNameExpression", program, name.encode())
            options = [option.encode() for option in (f"-arch={target}", *OPTIONS)]
            array = (ctypes.c_char_p * len(options))(*options)
            status = self._library.nvrtcCompileProgram(program, len(options), array)
            log = self._text("ProgramLog", program)
            if status != 0:
                raise CompileError(log)
            lowered = {}
            for name in names:
                pointer = ctypes.c_char_p()
                self._call("nvrtcGetLoweredName", program, name.encode(), ctypes.byref(pointer))
                lowered[name] = (pointer.value or b"").decode()
            return lowered, log, self._text("PTX", program)
        finally:
            self._library.nvrtcDestroyProgram(ctypes.byref(program))


_ENTRY = re.compile(r"ptxas info\s*: Compiling entry function '(\w+)' for 'sm_\w+'")
_FRAME = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
_USED = re.compile(r"ptxas info\s*: Used (\d+) registers")
_SHARED = re.compile(r"(\d+) bytes smem")
_KNOWN = re.compile(
    r"ptxas info\s*: (\d+ bytes gmem|Function properties for \w+|Compile time = .*)|\s*$"
    # NVRTC 12.9 on sm_70, about its own next release.
    r"|nvrtc: warning: Architectures prior to '<compute/sm>_75' are deprecated"
)


def _parse(log: str) -> tuple[dict[str, Usage], str]:
    usages: dict[str, Usage] = {}
    rest = []
    entry, frame = "", (0, 0, 0)
    for line in log.splitlines():
        if found := _ENTRY.match(line):
            entry = found.group(1)
        elif found := _FRAME.search(line):
            frame = tuple(map(int, found.groups()))  # type: ignore[assignment]
        elif found := _USED.match(line):
            shared = _SHARED.search(line)
            usages[entry] = Usage(
                int(found.group(1)), *frame, shared=int(shared.group(1)) if shared else 0
            )
        elif not _KNOWN.match(line):
            rest.append(line)
    return usages, "\n".join(rest)


@functools.cache
def libraries() -> tuple[Nvrtc, ...]:
    """Load every NVRTC of this environment, lowest release first."""
    return tuple(sorted(map(Nvrtc, library_paths()), key=lambda library: library.version))
