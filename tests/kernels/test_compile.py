"""Every kernel compiles for every architecture, with no warning, no spill and few registers.

NVRTC needs no GPU. Its wheel is in the `test` extra on Linux x86-64; elsewhere these tests skip.
"""

import re

import cases
import nvrtc
import pytest

pytestmark = pytest.mark.optional  # one release of NVRTC more is one compiler more

ARCHITECTURES = (70, 75, 80, 86, 89, 90, 100, 120)

# Registers a thread. A multiprocessor has 65,536.
MOST_REGISTERS = {
    "softmax_cross_entropy_row": 128,  # 64 double values of a row live at K = 32; 512 threads fit
    "softmax_cross_entropy_warp": 48,  # 1,280 threads fit
    "bias_relu": 48,  # 1,280 threads fit, each with four loads in flight
    "relu_backward": 64,  # 1,024 threads fit, each with eight loads in flight
    "sum_partials": 64,  # its blocks have 1,024 threads: with more it could not be launched
    "momentum_update": 32,  # 2,048 threads fit: all that the hardware holds
    # In float64 both hold twice 16 sums; two and three blocks fit.
    "minibatch_forward": 128,
    "minibatch_update": 136,
    "minibatch_loss": 64,  # four blocks fit
    "minibatch_backward": 64,  # four blocks fit
}
# In float32 three blocks of the forward product fit, and six of the update's.
MOST_REGISTERS_FLOAT = {"minibatch_forward": 83, "minibatch_update": 80}
# What the network of the task needs: K = 10, float32. 1,280 threads fit.
MOST_REGISTERS_10_CLASSES = 48

LIBRARIES = nvrtc.libraries()


@pytest.fixture(
    params=LIBRARIES or [None],
    ids=lambda library: f"nvrtc-{library.release}" if library else "no-nvrtc",
)
def library(request: pytest.FixtureRequest) -> nvrtc.Nvrtc:
    if request.param is None:
        pytest.skip("no NVRTC wheel (nvidia-cuda-nvrtc-cu12 or nvidia-cuda-nvrtc) is installed")
    return request.param


def _check(library: nvrtc.Nvrtc, names: list[str], operation: str, architecture: int) -> None:
    if architecture == 70 and library.version >= (13, 0):
        pytest.skip("CUDA 13 dropped sm_70")
    usages, rest = library.compile(cases.source(operation), names, architecture)
    assert rest == ""
    assert set(usages) == set(names)
    for name, usage in usages.items():
        assert usage.stack == usage.spill_stores == usage.spill_loads == 0, (name, usage)
        base, _, types = name.partition("<")
        assert usage.registers <= MOST_REGISTERS[base], (name, usage)
        if types.startswith("float"):
            assert usage.registers <= MOST_REGISTERS_FLOAT.get(base, usage.registers), (name, usage)
        if name.startswith("softmax_cross_entropy_row<float") and ", 10, " in name:
            assert usage.registers <= MOST_REGISTERS_10_CLASSES, (name, usage)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("operation", ["bias_relu", "relu_backward", "momentum_update"])
def test_operation_compiles(library: nvrtc.Nvrtc, operation: str, architecture: int) -> None:
    _check(library, cases.specialisations(operation), operation, architecture)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_softmax_compiles(library: nvrtc.Nvrtc, architecture: int) -> None:
    """A few numbers of classes, odd and even; the slow test has all 32."""
    names = cases.specialisations("softmax_cross_entropy", (2, 3, 10))
    _check(library, names, "softmax_cross_entropy", architecture)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("operation", cases.MINIBATCH)
def test_minibatch_compiles(library: nvrtc.Nvrtc, operation: str, architecture: int) -> None:
    """For the rows and labels of a data set of images; the slow test has all."""
    names = cases.specialisations(operation)
    names = [name for name in names if "," not in name or "unsigned char" in name]
    _check(library, names, operation, architecture)


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("operation", cases.MINIBATCH)
def test_every_minibatch_compiles(library: nvrtc.Nvrtc, operation: str, architecture: int) -> None:
    _check(library, cases.specialisations(operation), operation, architecture)


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_softmax_compiles(library: nvrtc.Nvrtc, architecture: int) -> None:
    names = cases.specialisations("softmax_cross_entropy", tuple(range(1, 33)))
    _check(library, names, "softmax_cross_entropy", architecture)


@pytest.mark.parametrize("operation", [*cases.OPERATIONS, *cases.MINIBATCH])
def test_numbers_are_rounded_in_one_way(library: nvrtc.Nvrtc, operation: str) -> None:
    """No approximation, and nothing without a rounding of its own: the compiler may fuse that."""
    names = cases.specialisations(operation, (10,))
    for name, text in library.ptx(cases.source(operation), names, 90).items():
        arithmetic = re.findall(r"\b(?:add|sub|mul|mad|fma|div|rcp)[\w.]*\.f(?:32|64)", text)
        assert arithmetic, name
        assert all(".rn." in instruction for instruction in arithmetic), name
        assert not re.search(r"\.approx|\b(?:ex2|lg2|sqrt|rsqrt|sin|cos)\.", text), name
    multiply_add = sum("fma" in instruction for instruction in arithmetic)
    assert (multiply_add == 0) == (operation in ("bias_relu", "relu_backward", "momentum_update"))


def test_warnings_and_errors_are_seen(library: nvrtc.Nvrtc) -> None:
    """The checks above would notice: the log of a poor kernel is not empty."""
    source = "template <typename T> __global__ void poor(T* x) { int unused; x[0] = 1; }"
    _, rest = library.compile(source, ["poor<float>"], 90)
    assert "unused" in rest
    spilling = """template <int N> __global__ void poor(float* x, int i) {
        float v[N];
        for (int k = 0; k < N; ++k) v[k] = x[k];
        for (int k = 0; k < N; ++k) v[(i * k) % N] += v[(i + k) % N];
        for (int k = 0; k < N; ++k) x[k] = v[k];
    }"""
    usages, _ = library.compile(spilling, ["poor<64>"], 90)
    assert usages["poor<64>"].stack > 0
    with pytest.raises(nvrtc.CompileError, match="undefined"):
        library.compile("__global__ void poor() { y = 1; }", ["poor"], 90)
