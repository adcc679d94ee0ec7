"""The CUDA sources and their launches, executed: on a CPU, and on a GPU where there is one.

Without a GPU `kernels.cuda` itself runs in a process whose `cupy` is the stand-in of
`fake_cupy.py`, which builds the same `.cu` files with g++ and checks every launch argument.
"""

import importlib
import importlib.util
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor

import cases
import cuda_on_cpu
import pytest


@pytest.fixture(scope="module")
def stand_in() -> Iterator[ProcessPoolExecutor]:
    """Return a process whose `cupy` is the stand-in."""
    if reason := cuda_on_cpu.why_not():
        pytest.skip(reason)
    context = cases.fresh_processes()
    with ProcessPoolExecutor(1, mp_context=context, initializer=cases.start) as pool:
        yield pool


@pytest.fixture(params=["cpu", "gpu"])
def run_case(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Run a case by name, on the stand-in or on a real device."""
    if request.param == "cpu":
        pool = request.getfixturevalue("stand_in")
        return lambda name: pool.submit(cases.run, name).result()
    if importlib.util.find_spec("cupy") is None:
        pytest.skip("CuPy is not installed")
    cupy = importlib.import_module("cupy")
    if not cupy.cuda.is_available():
        pytest.skip("CuPy finds no NVIDIA device")
    return lambda name: cases.CASES[name](cupy)


@pytest.mark.parametrize("name", cases.ORDINARY)
def test_kernel_agrees_with_float64(name: str, run_case: Callable[[str], None]) -> None:
    run_case(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", cases.HEAVY_NAMES)
def test_kernel_agrees_with_float64_at_full_size(
    name: str, run_case: Callable[[str], None]
) -> None:
    run_case(name)


@pytest.mark.parametrize("name", cases.STAND_IN_ONLY)
def test_offsets_pass_32_bits(name: str, stand_in: ProcessPoolExecutor) -> None:
    stand_in.submit(cases.run, name).result()


def _launches(operation: str) -> list[str]:
    """Call the public function on device arrays and give the names of the kernels it ran."""
    import cupy
    import fake_cupy
    import numpy as np

    import kernels

    ones = [cupy.asarray(np.ones((6, 4), np.float32)) for _ in range(3)]
    row = cupy.asarray(np.ones(4, np.float32))
    labels = cupy.asarray(np.zeros(6, np.uint8))
    fake_cupy.recorded.clear()
    if operation == "softmax_cross_entropy":
        kernels.softmax_cross_entropy(ones[0], labels)
    elif operation == "bias_relu":
        kernels.bias_relu(ones[0], row)
    elif operation == "relu_backward":
        kernels.relu_backward(*ones[:2])
    else:
        kernels.momentum_update(*ones, 0.1, 0.9)
    others = {kind for kind, _ in fake_cupy.recorded} - {"launch", "allocation", "view"}
    assert not others, others
    return [name.partition("<")[0] for kind, name in fake_cupy.recorded if kind == "launch"]


@pytest.mark.parametrize(
    ("operation", "launched"),
    [
        ("softmax_cross_entropy", ["softmax_cross_entropy_row"]),
        ("bias_relu", ["bias_relu"]),
        ("relu_backward", ["relu_backward", "sum_partials"]),
        ("momentum_update", ["momentum_update"]),
    ],
)
def test_public_function_launches_only_its_kernels(
    operation: str, launched: list[str], stand_in: ProcessPoolExecutor
) -> None:
    assert stand_in.submit(_launches, operation).result() == launched


def _on_another_device(operation: str) -> set[int]:
    """Call the public function in a new thread, and give the numbers of the results' devices."""
    import threading

    import cupy
    import numpy as np

    import kernels

    with cupy.cuda.Device(1):
        ones = [cupy.asarray(np.ones((6, 4), np.float32)) for _ in range(3)]
        row, labels = cupy.asarray(np.ones(4, np.float32)), cupy.asarray(np.zeros(6, np.uint8))
        order = cupy.asarray(np.arange(6))
        square = [cupy.asarray(np.ones((4, 4), np.float32)) for _ in range(4)]
    layers = [(weight, row) for weight in square]
    results: list[object] = []
    calls: dict[str, Callable[[], object]] = {
        "softmax_cross_entropy": lambda: kernels.softmax_cross_entropy(ones[0], labels),
        "bias_relu": lambda: (kernels.bias_relu(ones[0], row),),
        "relu_backward": lambda: kernels.relu_backward(*ones[:2]),
        "momentum_update": lambda: kernels.momentum_update(*ones, 0.1, 0.9),
        "minibatch_steps": lambda: next(
            kernels.minibatch_steps(
                *(ones[0], labels, order, [(slice(0, 6), 0.1)], layers[:2], layers[2:]),
                momentum=0.9,
            )
        )[2:],
    }
    thread = threading.Thread(target=lambda: results.extend(calls[operation]()))
    thread.start()
    thread.join()
    return {array.device.id for array in results}


@pytest.mark.parametrize("operation", [*cases.OPERATIONS, "minibatch_steps"])
def test_kernels_run_on_the_device_of_their_arrays_in_any_thread(
    operation: str, stand_in: ProcessPoolExecutor
) -> None:
    assert stand_in.submit(_on_another_device, operation).result() == {1}


def _launches_on_transposed() -> int:
    import cupy
    import fake_cupy
    import numpy as np

    import kernels

    dh, h = np.arange(12.0).reshape(4, 3), np.ones((3, 4))
    h[1, 2] = 0
    fake_cupy.recorded.clear()
    dz, db = kernels.relu_backward(cupy.asarray(dh).T, cupy.asarray(h))
    assert (dz.get() == dh.T * h).all()
    assert (db.get() == (dh.T * h).sum(axis=0)).all()
    return sum(kind == "launch" for kind, _ in fake_cupy.recorded)


def test_public_function_computes_what_the_kernels_cannot_take(
    stand_in: ProcessPoolExecutor,
) -> None:
    assert stand_in.submit(_launches_on_transposed).result() == 0
