"""The tests of the CUDA path bite: each deliberate fault below makes one of their cases fail.

A fault counts only if the text to replace stands in the source exactly once, the changed source
still compiles (g++, and NVRTC where it is installed), and an ordinary case of `cases.py` then fails
by an assertion, a report of the CPU's CUDA, or a refused launch argument.
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


SOFTMAX, BIAS, BACKWARD, MOMENTUM = (f"{operation}.cu" for operation in cases.OPERATIONS)
ORDINARY_10 = "cross_entropy_ordinary-float32-uint8-10"
ORDINARY_33 = "cross_entropy_ordinary-float32-uint8-33"
PLAIN_MOMENTUM = "momentum_update-float32-False-0.0"

FAULTS = (
    # softmax_cross_entropy.cu
    Fault(
        "row-off-by-one",
        SOFTMAX,
        "    const long long row = global_thread();\n    if (row >= rows) return;",
        "    const long long row = global_thread();\n    if (row > rows) return;",
        ORDINARY_10,
        "out-of-range",
    ),
    Fault(
        "wrong-row-stride",
        SOFTMAX,
        "offset = row * K;",
        "offset = row * (K - V);",
        ORDINARY_10,
        slow=True,
    ),
    Fault(
        "32-bit-offset",
        SOFTMAX,
        "const long long offset = row * K;",
        "const int offset = static_cast<int>(row * K);",
        "last_block-softmax_cross_entropy",
    ),
    Fault(
        "tie-to-the-last-class",
        SOFTMAX,
        "if (z[k] > largest)",
        "if (z[k] >= largest)",
        "cross_entropy_special-float32-10",
        "correct",
    ),
    Fault(
        "tie-to-the-last-lane",
        SOFTMAX,
        "other_predicted < predicted",
        "other_predicted > predicted",
        "cross_entropy_special-float32-33",
        "correct",
        slow=True,
    ),
    Fault(
        "half-shuffle-mask",
        SOFTMAX,
        "0xffffffffu",
        "0x0000ffffu",
        ORDINARY_33,
        "mask",
    ),
    Fault(
        "lane-leaves-before-a-shuffle",
        SOFTMAX,
        "const Real* z = logits + row * classes;",
        "const Real* z = logits + row * classes;\n    if (lane == 31) return;",
        ORDINARY_33,
        "missing",
        slow=True,
    ),
    Fault(
        "minus-infinity-counts",
        SOFTMAX,
        "} else if (value != minus_infinity) {",
        "} else {",
        "cross_entropy_special-float32-33",
        "losses",
        slow=True,
    ),
    Fault(
        "label-not-checked",
        SOFTMAX,
        "wide >= 0 && wide < classes ?",
        "wide >= 0 ?",
        "cross_entropy_special-float32-10",
        "losses",
        slow=True,
    ),
    # bias_relu.cu
    Fault(
        "fmax-drops-nan",
        BIAS,
        "sum <= 0 ? Real(0) : sum",
        "fmax(sum, Real(0))",
        "bias_relu-float32-31x33",
        "nan",
    ),
    Fault(
        "column-off-by-one",
        BIAS,
        "if (column >= columns) return;",
        "if (column > columns) return;",
        "bias_relu-float32-33x130",
        slow=True,
    ),
    Fault(
        "wrong-row-stride",
        BIAS,
        "packs[i] = *reinterpret_cast<const Pack<Real, V>*>(z + row * columns + column);",
        "packs[i] = *reinterpret_cast<const Pack<Real, V>*>(z + row * (columns - V) + column);",
        "bias_relu-float32-32x128",
    ),
    Fault(
        "32-bit-offset",
        BIAS,
        "packs[i] = *reinterpret_cast<const Pack<Real, V>*>(z + row * columns + column);",
        "packs[i] = *reinterpret_cast<const Pack<Real, V>*>(z + int(row * columns) + column);",
        "last_block-bias_relu",
        slow=True,
    ),
    # relu_backward.cu
    Fault(
        "missing-barrier",
        BACKWARD,
        "    __syncthreads();\n",
        "",
        "relu_backward-float32-129x257",
    ),
    Fault(
        "barrier-in-a-branch",
        BACKWARD,
        "    __syncthreads();\n",
        "    if (threadIdx.y < 4) __syncthreads();\n",
        "relu_backward-float32-129x257",
        "divergent barrier",
    ),
    Fault(
        "threads-leave-before-the-barrier",
        BACKWARD,
        "// threads outside stay for the barrier",
        "\n    if (!inside) return;",
        "relu_backward-float32-129x257",
        "divergent barrier",
        slow=True,
    ),
    Fault(
        "mask-includes-zero",
        BACKWARD,
        "outputs[i].values[v] > 0)",
        "outputs[i].values[v] >= 0)",
        "relu_backward-float32-31x33",
        slow=True,
    ),
    Fault(
        "mask-selects",
        BACKWARD,
        "gradients[i].values[v] *= static_cast<Real>(outputs[i].values[v] > 0);",
        "if (!(outputs[i].values[v] > 0)) gradients[i].values[v] = 0;",
        "relu_backward_not_finite-float32",
        slow=True,
    ),
    Fault(
        "tile-skipped",
        BACKWARD,
        "tile += TILE_LANES",
        "tile += TILE_LANES + 1",
        "relu_backward-float32-1025x64",
        slow=True,
    ),
    Fault(
        "32-bit-offset",
        BACKWARD,
        "const long long offset = row * columns + column;",
        "const int offset = static_cast<int>(row * columns + column);",
        "last_block-relu_backward",
        slow=True,
    ),
    # momentum_update.cu
    Fault(
        "index-off-by-one",
        MOMENTUM,
        "if (index >= size) return;",
        "if (index > size) return;",
        PLAIN_MOMENTUM,
        "out-of-range",
    ),
    Fault(
        "32-bit-index",
        MOMENTUM,
        "static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x",
        "static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x)",
        "last_block-momentum_update",
        slow=True,
    ),
    Fault(
        "nesterov-with-the-old-velocity",
        MOMENTUM,
        "momentum * new_velocity + gradient",
        "momentum * velocity[index] + gradient",
        "momentum_update-float32-True-0.125",
        "parameter",
    ),
    Fault(
        "l2-of-infinity",
        MOMENTUM,
        "if (decay != 0) gradient",
        "gradient",
        "momentum_update_keeps_infinity-float32",
        slow=True,
    ),
    # cuda.py
    Fault(
        "python-float-as-argument",
        "cuda.py",
        "            real(momentum),",
        "            momentum,",
        PLAIN_MOMENTUM,
        "8 bytes",
    ),
    Fault(
        "python-int-as-argument",
        "cuda.py",
        "np.int32(classes)",
        "classes",
        ORDINARY_33,
        "8 bytes",
        slow=True,
    ),
    Fault(
        "narrow-count",
        "cuda.py",
        "np.int64(parameter.size)",
        "np.int32(parameter.size)",
        PLAIN_MOMENTUM,
        "4 bytes",
        slow=True,
    ),
    Fault(
        "swapped-arrays",
        "cuda.py",
        "(dh, h, partial,",
        "(h, dh, partial,",
        "relu_backward-float32-31x33",
    ),
    Fault(
        "swapped-factors",
        "cuda.py",
        "            real(momentum),\n            real(learning_rate * gradient_scale),",
        "            real(learning_rate * gradient_scale),\n            real(momentum),",
        PLAIN_MOMENTUM,
        slow=True,
    ),
    Fault(
        "missing-argument",
        "cuda.py",
        "            np.int32(nesterov),\n",
        "",
        PLAIN_MOMENTUM,
        "arguments",
        slow=True,
    ),
    Fault(
        "misaligned-vector-load",
        "cuda.py",
        "any(array.data.ptr % (width * array.dtype.itemsize) != 0 for array in arrays)",
        "False",
        "cross_entropy_misaligned-float32-16",
        "misaligned",
    ),
    Fault(
        "last-rows-left-out",
        "cuda.py",
        "(_ceil_div(rows, LAYOUT.ROWS_PER_BLOCK),)",
        "(max(1, rows // LAYOUT.ROWS_PER_BLOCK),)",
        ORDINARY_10,
        slow=True,
    ),
    Fault(
        "view-not-refused",
        "cuda.py",
        "and not array.flags.c_contiguous:",
        "and False:",
        "refuses_views",
        slow=True,
    ),
)

# Specialisations that hold every line of a source.
COMPILED = {
    SOFTMAX: (
        "softmax_cross_entropy_row<float, unsigned char, 10, 2>",
        "softmax_cross_entropy_warp<float, unsigned char>",
    ),
    BIAS: ("bias_relu<float, 4>",),
    BACKWARD: ("relu_backward<float, 4>", "sum_partials<float>"),
    MOMENTUM: ("momentum_update<float>",),
}


def _copy_package(folder: Path) -> Path:
    origin = Path(kernels.__file__).parent
    ignore = shutil.ignore_patterns("__pycache__")
    return shutil.copytree(origin, folder / "kernels", ignore=ignore)


def _run_with_package(folder: Path, names: list[str]) -> None:
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


@pytest.fixture(autouse=True)
def _needs_compiler() -> None:
    if reason := cuda_on_cpu.why_not():
        pytest.skip(reason)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(
            fault,
            id=f"{fault.file}:{fault.name}",
            marks=[pytest.mark.slow] if fault.slow else [],
        )
        for fault in FAULTS
    ],
)
def test_fault_is_caught(fault: Fault, tmp_path: Path) -> None:
    path = _copy_package(tmp_path) / fault.file
    text = path.read_text()
    assert text.count(fault.old) == 1
    changed = text.replace(fault.old, fault.new)
    path.write_text(changed)
    if path.suffix == ".cu":
        cuda_on_cpu.Library(included(changed), COMPILED[fault.file])
        for library in nvrtc.libraries():
            library.compile(included(changed), COMPILED[fault.file], 90)
    else:
        compile(changed, str(path), "exec")
    # A fault that breaks the build instead would raise BuildError, which is neither of these.
    with pytest.raises((AssertionError, TypeError), match=fault.says or None):
        _run_with_package(tmp_path, [fault.case])


@pytest.mark.slow
def test_unchanged_copy_passes_every_case_that_catches_a_fault(tmp_path: Path) -> None:
    _copy_package(tmp_path)
    _run_with_package(tmp_path, sorted({fault.case for fault in FAULTS}))
