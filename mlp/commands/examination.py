"""What is installed and usable for training, and the one command that mends what is not."""

import ctypes
import importlib
import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..driver import Driver, describe_devices, read_driver, split_release
from ..installation import (
    CUPY,
    __version__,
    cupy_command,
    installed,
    is_installed,
    is_there,
    problem,
)

TENSORFLOW = ("tensorflow", "tensorflow-cpu", "tensorflow-macos")
MPI = ("mpich", "openmpi", "impi-rt")


@dataclass(frozen=True)
class Finding:
    """What is known of one thing.

    Attributes
    ----------
    name : str
    state : {"ok", "absent", "not needed", "broken", "fallback"}
        ``absent`` is what could be used here and is not there; ``not needed`` is what could not;
        ``fallback`` is a GPU that is there while training would use the CPU.
    text : str
        One line.
    mend : str
        The command that brings it, or nothing.
    """

    name: str
    state: str
    text: str
    mend: str = ""


def examine() -> list[Finding]:
    """Look at everything; what raises is reported, not raised."""
    driver = read_driver()
    gpu = driver is not None and driver.devices > 0
    install_cupy = cupy_command(driver.release if driver else (12, 0))
    looks: dict[str, Callable[[], Finding]] = {
        "Python": _python,
        "mlp": _package,
        "NumPy": _numpy,
        "Threads": _threads,
        "Driver": lambda: _driver(driver),
        "Devices": lambda: _devices(driver),
        "CuPy": lambda: _cupy(gpu, install_cupy),
        "NVRTC": lambda: _nvrtc(gpu, install_cupy),
        "CUDA headers": lambda: _headers(gpu, install_cupy),
        "MPI": _mpi,
        "TensorFlow": _tensorflow,
        "--device auto": _auto,
    }
    findings = []
    for name, look in looks.items():
        try:
            findings.append(look())
        except Exception as error:  # whatever a broken library raises when it is imported
            findings.append(Finding(name, "broken", _one_line(error), _MEND.get(name, "")))
    return findings


_INSTALL = "pip install -e ."
_INSTALL_MPI = "pip install mpi4py mpich"
_MEND = {
    "NumPy": "pip install --force-reinstall numpy",
    "Threads": _INSTALL,
    "--device auto": _INSTALL,
    "MPI": _INSTALL_MPI,
}


def _python() -> Finding:
    text = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    return Finding("Python", "ok", text)


def _package() -> Finding:
    name, where = "mlp", Path(__file__).resolve().parents[1]
    if wrong := problem():
        return Finding(name, "broken", wrong)
    copy = "" if is_installed() else ", not installed: a copy on Python's path"
    return Finding(name, "ok", f"{__version__} in {where}{copy}")


def _numpy() -> Finding:
    numpy = importlib.import_module("numpy")
    from threadpoolctl import threadpool_info

    libraries = [library for library in threadpool_info() if library["user_api"] == "blas"]
    text = str(numpy.__version__)
    for library in libraries:
        details = [
            f"{library['internal_api']} {library['version'] or ''}".strip(),
            f"{library['architecture']} kernels" if library.get("architecture") else "",
            f"{library['num_threads']} threads",
        ]
        text += "; " + ", ".join(filter(None, details))
    if not libraries:
        blas = numpy.show_config(mode="dicts")["Build Dependencies"]["blas"]["name"]
        text += f"; {blas}, which cannot be held to one thread: weights may depend on --threads"
    return Finding("NumPy", "ok", text)


def _threads() -> Finding:
    from ..device import available_threads

    return Finding("Threads", "ok", f"{available_threads()} usable of {os.cpu_count()} cores")


def _driver(driver: Driver | None) -> Finding:
    if driver is not None and driver.devices and driver.status:
        text = f"driver for CUDA {_dotted(driver.release)}: cuInit gives {driver.status}"
        return Finding("Driver", "broken", f"{text}; common after an update", "sudo reboot")
    if driver is not None:
        return Finding("Driver", "ok", f"up to CUDA {_dotted(driver.release)}")
    if _nvidia_card():
        mend = "sudo ubuntu-drivers install" if shutil.which("ubuntu-drivers") else ""
        how = "" if mend else "; install it from your system's packages, in a container --gpus all"
        return Finding("Driver", "absent", f"an NVIDIA card is there, its driver is not{how}", mend)
    return Finding("Driver", "not needed", "no NVIDIA driver, and no NVIDIA card to drive")


def _nvidia_card() -> bool:
    """Look for a display controller (PCI class 3) of NVIDIA's (vendor 10de)."""
    for device in Path("/sys/bus/pci/devices").glob("*"):
        vendor, kind = ((device / name).read_text().strip() for name in ("vendor", "class"))
        if vendor == "0x10de" and kind.startswith("0x03"):
            return True
    return False


def _devices(driver: Driver | None) -> Finding:
    if driver is None or driver.devices == 0:
        return Finding("Devices", "not needed", "no GPU: training uses the CPU")
    if driver.status:
        return Finding("Devices", "broken", "not known: the driver does not answer")
    return Finding("Devices", "ok", "; ".join(describe_devices(driver.devices)))


def _cuda_part(name: str, gpu: bool, found: str, missing: str, install: str) -> Finding:
    """Judge what only a GPU needs: `found` where it is there, else `missing`."""
    if not gpu:
        return Finding(name, "not needed", f"{found or 'not found'}; not needed without a GPU")
    return Finding(name, "ok", found) if found else Finding(name, "absent", missing, install)


def _cupy(gpu: bool, install: str) -> Finding:
    there = installed(CUPY)
    text = ", ".join(f"{one} {number}" for one, number in there.items())
    if len(there) > 1:
        return Finding("CuPy", "broken", f"{text}: only one can be installed", install)
    found = (text or "of unknown version") if is_there("cupy") else ""
    if found and gpu:
        importlib.import_module("cupy")
    return _cuda_part("CuPy", gpu, found, "not installed", install)


def _nvrtc(gpu: bool, install: str) -> Finding:
    return _cuda_part("NVRTC", gpu, _dotted(_nvrtc_version()), _NO_COMPILER, install)


_NO_COMPILER = "not found: CuPy cannot compile kernels"


def _nvrtc_version() -> tuple[int, ...]:
    """Load NVRTC from where CuPy takes it; empty where it is not."""
    if not is_there("cuda.pathfinder"):
        return ()
    pathfinder = importlib.import_module("cuda.pathfinder")
    try:
        library = ctypes.CDLL(pathfinder.load_nvidia_dynamic_lib("nvrtc").abs_path)
    except pathfinder.DynamicLibNotFoundError:
        return ()
    major, minor = ctypes.c_int(0), ctypes.c_int(0)
    library.nvrtcVersion(ctypes.byref(major), ctypes.byref(minor))
    return major.value, minor.value


def _headers(gpu: bool, install: str) -> Finding:
    """Find the headers that CuPy gives to NVRTC; another major release than NVRTC's breaks it."""
    name, folder, text = "CUDA headers", None, ""
    if is_there("cuda.pathfinder"):
        folder = importlib.import_module("cuda.pathfinder").find_nvidia_header_directory("cudart")
    if folder is not None:
        header = (Path(folder) / "cuda_runtime_api.h").read_text("utf-8", errors="replace")
        release = split_release(int(header.partition("#define CUDART_VERSION")[2].split()[0]))
        text, compiler = f"{_dotted(release)} in {folder}", _nvrtc_version()
        if gpu and compiler and compiler[0] != release[0]:
            return Finding(name, "broken", f"{text}, but NVRTC is {_dotted(compiler)}", install)
    return _cuda_part(name, gpu, text, _NO_COMPILER, install)


def _mpi() -> Finding:
    if not is_there("mpi4py"):
        return Finding("MPI", "absent", "mpi4py is not installed", _INSTALL_MPI)
    mpi4py = importlib.import_module("mpi4py")
    mpi4py.rc.initialize = False  # only the library's name is asked for
    library = str(importlib.import_module("mpi4py.MPI").Get_library_version())
    text = f"mpi4py {mpi4py.__version__}, {library.splitlines()[0].strip()}"
    # The wheels put it beside the interpreter, which need not be on the path.
    folders = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    if shutil.which("mpiexec", path=folders) is None:
        return Finding("MPI", "broken", f"{text}, but no mpiexec", "pip install mpich")
    return Finding("MPI", "ok", text)


def _tensorflow() -> Finding:
    """Read the version from its metadata: importing it takes seconds."""
    there = installed(TENSORFLOW)
    if not is_there("tensorflow"):
        x86_linux = (platform.system(), platform.machine()) == ("Linux", "x86_64")
        package = "tensorflow-cpu" if x86_linux else "tensorflow"
        text = "not installed: no --reference keras"
        return Finding("TensorFlow", "absent", text, f"pip install {package}")
    text = ", ".join(f"{one} {number}" for one, number in there.items())
    return Finding("TensorFlow", "ok", f"{text or 'of unknown version'} (not imported)")


def _auto() -> Finding:
    from ..device import choose_device

    device = choose_device("auto")
    # The notice of a fallback ends with the command that mends it.
    state = "fallback" if device.notice else "ok"
    return Finding("--device auto", state, f"uses {device.used}: {device.reason}")


def _dotted(release: tuple[int, ...]) -> str:
    return ".".join(map(str, release))


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
