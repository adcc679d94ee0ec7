"""The tests of the CUDA path bite: each deliberate fault below makes one of their cases fail."""

from pathlib import Path

import cases
import cuda_on_cpu
import minibatch_faults
import pytest
from faults import Fault, assert_caught, copy_package, run_with_package

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
        "labels.cuh",
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
        "momentum.cuh",
        "rule.momentum * new_velocity + gradient",
        "rule.momentum * *velocity + gradient",
        "momentum_update-float32-True-0.125",
        "parameter",
    ),
    Fault(
        "l2-of-infinity",
        "momentum.cuh",
        "if (rule.decay != 0) gradient",
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
        "(ceil_div(rows, LAYOUT.ROWS_PER_BLOCK),)",
        "(max(1, rows // LAYOUT.ROWS_PER_BLOCK),)",
        ORDINARY_10,
        slow=True,
    ),
    Fault(
        "view-not-refused",
        "cuda_launch.py",
        "and not array.flags.c_contiguous:",
        "and False:",
        "refuses_views",
        slow=True,
    ),
    *minibatch_faults.FAULTS,
)


@pytest.fixture(autouse=True)
def _needs_compiler() -> None:
    if reason := cuda_on_cpu.why_not():
        pytest.skip(reason)


@pytest.mark.parametrize("fault", [fault.test for fault in FAULTS])
def test_fault_is_caught(fault: Fault, tmp_path: Path) -> None:
    assert_caught(fault, tmp_path)


@pytest.mark.slow
def test_unchanged_copy_passes_every_case_that_catches_a_fault(tmp_path: Path) -> None:
    copy_package(tmp_path)
    run_with_package(tmp_path, sorted({fault.case for fault in FAULTS}))
