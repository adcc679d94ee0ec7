"""Deliberate faults of the CUDA path, and how one is shown to be caught.

A fault counts only if the text to replace stands in the source exactly once, the changed source
still compiles (g++, and NVRTC where it is installed), and a case of `cases.py` then fails by an
assertion, a report of the CPU's CUDA, or a refused launch argument.
"""

import shutil
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cases
import cuda_on_cpu
import nvrtc
import pytest

import kernels
from kernels.sources import included


@dataclass(frozen=True)
class Fault:
    """One change of one file, the case that must fail, and a word of what it must say."""

    name: str
    file: str
    old: str
    new: str
    case: str
    says: str = ""
    slow: bool = False

    @property
    def test(self) -> object:
        """The fault as a parameter of a test."""
        marks = [pytest.mark.slow] if self.slow else []
        return pytest.param(self, id=f"{self.file}:{self.name}", marks=marks)


# Specialisations that hold every line of a source.
COMPILED = {
    "softmax_cross_entropy": (
        "softmax_cross_entropy_row<float, unsigned char, 10, 2>",
        "softmax_cross_entropy_warp<float, unsigned char>",
    ),
    "bias_relu": ("bias_relu<float, 4>",),
    "relu_backward": ("relu_backward<float, 4>", "sum_partials<float>"),
    "momentum_update": ("momentum_update<float>",),
    "minibatch_forward": ("minibatch_forward<float, unsigned char>",),
    "minibatch_loss": ("minibatch_loss<float, unsigned char>",),
    "minibatch_backward": ("minibatch_backward<float>",),
    "minibatch_update": ("minibatch_update<float, unsigned char>",),
}


def assert_caught(fault: Fault, folder: Path) -> None:
    """Plant a fault in a copy of the package, and check that its case fails."""
    path = copy_package(folder) / fault.file
    text = path.read_text()
    assert text.count(fault.old) == 1
    changed = text.replace(fault.old, fault.new)
    path.write_text(changed)
    if path.suffix == ".py":
        compile(changed, str(path), "exec")
    for operation, names in COMPILED.items():
        source = path.with_name(f"{operation}.cu").read_text()
        if path.name == f"{operation}.cu" or f'"{path.name}"' in source:
            whole = included(source, path.parent)
            cuda_on_cpu.Library(whole, names)
            for library in nvrtc.libraries():
                library.compile(whole, names, 90)
    # A fault that breaks the build instead would raise BuildError, which is neither of these.
    with pytest.raises((AssertionError, TypeError), match=fault.says or None):
        run_with_package(folder, [fault.case])


def copy_package(folder: Path) -> Path:
    origin = Path(kernels.__file__).parent
    ignore = shutil.ignore_patterns("__pycache__")
    return shutil.copytree(origin, folder / "kernels", ignore=ignore)


def run_with_package(folder: Path, names: list[str]) -> None:
    context = cases.fresh_processes()
    with ProcessPoolExecutor(
        1, mp_context=context, initializer=cases.start, initargs=(str(folder),)
    ) as pool:
        assert pool.submit(_package_folder).result() == str(folder / "kernels")
        for name in names:
            pool.submit(cases.run, name).result()


def _package_folder() -> str:
    import kernels

    return str(Path(kernels.__file__).parent)
