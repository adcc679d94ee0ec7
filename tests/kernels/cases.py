"""What every implementation of the operations must do: the cases, by name.

`CASES[name](xp)` runs `kernels.cuda` on arrays of `xp`, which is CuPy or its stand-in, and raises
an AssertionError where the result differs from the float64 reference on NumPy. `start` and `run`
are for a process that has the stand-in instead of CuPy.
"""

import itertools
import multiprocessing
import multiprocessing.context
import sys
from collections.abc import Callable
from typing import Any

import minibatch_cases
import numpy as np
from tolerances import COLUMN_SUM, KERNEL

ROWS = (0, 1, 31, 127, 128, 129)
CLASSES = (2, 3, 9, 10, 16, 32, 33, 257, 1000)
FLOATS = {"float32": "float", "float64": "double"}
FEATURES = {"uint8": "unsigned char", **FLOATS}
LABELS = {"uint8": "unsigned char", "int32": "int", "int64": "long long"}
SHAPES = ((1, 1), (1, 1000), (31, 33), (32, 128), (33, 130), (129, 257), (1025, 64))


def widths(dtype: str, columns: int | None = None) -> list[int]:
    """Return the pack widths that a kernel is compiled for."""
    most = 16 // np.dtype(dtype).itemsize
    return [v for v in (1, 2, 4) if v <= most and (columns is None or columns % v == 0)]


def specialisations(operation: str, classes: tuple[int, ...] = CLASSES) -> list[str]:
    """Name every specialisation that cuda.py can ask for, for these numbers of classes."""
    names = []
    for dtype, real in FLOATS.items():
        if operation == "softmax_cross_entropy":
            for label in LABELS.values():
                names += [
                    f"softmax_cross_entropy_row<{real}, {label}, {k}, {v}>"
                    for k in classes
                    if k <= 32
                    for v in widths(dtype, k)
                ]
                names.append(f"softmax_cross_entropy_warp<{real}, {label}>")
        elif operation in ("momentum_update", "minibatch_backward"):
            names.append(f"{operation}<{real}>")
        elif operation == "minibatch_loss":
            names += [f"{operation}<{real}, {label}>" for label in LABELS.values()]
        elif operation in ("minibatch_forward", "minibatch_update"):
            names += [f"{operation}<{real}, {feature}>" for feature in FEATURES.values()]
        else:
            names += [f"{operation}<{real}, {v}>" for v in widths(dtype)]
    if operation == "relu_backward":
        names += [f"sum_partials<{real}>" for real in FLOATS.values()]
    return names


OPERATIONS = ("softmax_cross_entropy", "bias_relu", "relu_backward", "momentum_update")
MINIBATCH = tuple(f"minibatch_{part}" for part in ("forward", "loss", "backward", "update"))


def source(operation: str) -> str:
    """Read the CUDA source of the package that this process imports."""
    from kernels.sources import cuda_source

    return cuda_source(operation)


# ---- running in a process of its own


def fresh_processes() -> multiprocessing.context.BaseContext:
    """Return processes that have NumPy, but no CuPy and no `kernels` from their parent."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["array_api_compat", "numpy"])
    return context


def start(package_parent: str | None = None) -> None:
    """Make the stand-in this process' `cupy`; optionally import `kernels` from another folder."""
    import fake_cupy

    if package_parent is not None:
        sys.path.insert(0, package_parent)
    fake_cupy.install()
    if package_parent is None:  # another package's few kernels are built one by one
        known = {
            source(operation): specialisations(operation) for operation in (*OPERATIONS, *MINIBATCH)
        }
        fake_cupy.RawModule.prebuilt = staticmethod(lambda code: known.get(code, ()))


def run(name: str) -> None:
    """Run a case on the stand-in, with the threads of a block in both orders."""
    import cuda_on_cpu
    import cupy

    for descending in (False, True):
        cuda_on_cpu.Library.descending = descending
        CASES[name](cupy)


# ---- helpers


def _put(xp: Any, host: np.ndarray, *, offset: int = 0) -> Any:
    """Copy to the device, `offset` elements past an aligned address."""
    if offset == 0:
        return xp.asarray(host)
    base = xp.empty(host.size + offset, dtype=host.dtype)
    view = base[offset:].reshape(host.shape)
    view[...] = xp.asarray(host)
    return view


def _close(actual: np.ndarray, expected: np.ndarray, dtype: str, name: str) -> None:
    assert actual.dtype == dtype, name
    assert actual.shape == expected.shape, name
    np.testing.assert_allclose(actual, expected, **KERNEL[dtype], err_msg=name)


def _same_bits(actual: np.ndarray, expected: np.ndarray) -> None:
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    assert actual.tobytes() == expected.tobytes()


# ---- softmax_cross_entropy


def _cross_entropy(
    xp: Any, logits: np.ndarray, labels: np.ndarray, *, offset: int = 0
) -> tuple[np.ndarray, ...]:
    """Run the kernel and compare with the reference in float64."""
    from kernels import cuda, reference

    device_logits, device_labels = _put(xp, logits, offset=offset), xp.asarray(labels)
    results = [a.get() for a in cuda.softmax_cross_entropy(device_logits, device_labels)]
    _same_bits(device_logits.get(), logits)
    _same_bits(device_labels.get(), labels)
    with np.errstate(all="ignore"):
        expected = reference.softmax_cross_entropy(logits.astype(np.float64), labels)
    dtype = str(logits.dtype)
    _close(results[0], expected[0], dtype, "losses")
    _close(results[1], expected[1], dtype, "dlogits")
    assert results[2].dtype == np.int32
    np.testing.assert_array_equal(results[2], expected[2], err_msg="correct")
    return tuple(results)


def _logits(rows: int, classes: int, dtype: str, label_dtype: str) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng([rows, classes])
    labels = rng.integers(0, min(classes, np.iinfo(label_dtype).max + 1), rows)
    logits = 3 * rng.standard_normal((rows, classes))
    # Every second row is predicted well, so that `correct` holds ones whatever the classes.
    logits[np.arange(0, rows, 2), labels[::2]] += 12
    return logits.astype(dtype), labels.astype(label_dtype)


def cross_entropy_ordinary(xp: Any, dtype: str, label_dtype: str, classes: int) -> None:
    for rows in ROWS:
        logits, labels = _logits(rows, classes, dtype, label_dtype)
        losses, dlogits, _ = _cross_entropy(xp, logits, labels)
        assert (losses >= 0).all()
        np.testing.assert_allclose(dlogits.sum(axis=1), 0, **KERNEL[dtype])


def cross_entropy_large(xp: Any, dtype: str, classes: int) -> None:
    _cross_entropy(xp, *_logits(10_000, classes, dtype, "uint8"))


def cross_entropy_special(xp: Any, dtype: str, classes: int) -> None:
    """One row for every rule; the last class is the target unless said otherwise."""
    last = classes - 1
    nan, inf = float("nan"), float("inf")
    rows = {
        "NaN first": ([(0, nan)], last),
        "NaN at the target": ([(last, nan)], last),
        "+inf": ([(0, inf)], last),
        "+inf at the target": ([(last, inf)], last),
        "only -inf": ([(k, -inf) for k in range(classes)], last),
        "label -1": ([], -1),
        "label K": ([], classes),
        "label 2**32": ([], 2**32),
        "-inf at the target": ([(last, -inf)], last),
        "-inf beside the target": ([(0, -inf)], last),
        "1e4": ([(0, 1e4)], 0),
        "1e4 against -1e4": ([(0, 1e4), (last, -1e4)], last),
        "all -1e4": ([(k, -1e4) for k in range(classes)], 0),
        "tie, first": ([(k, 1.0) for k in range(classes)], 0),
        "tie, last": ([(k, 1.0) for k in range(classes)], last),
    }
    logits = np.random.default_rng(classes).standard_normal((len(rows), classes)).astype(dtype)
    labels = np.array([label for _, label in rows.values()])
    for row, (changes, _) in enumerate(rows.values()):
        for k, value in changes:
            logits[row, k] = value
    losses, dlogits, correct = _cross_entropy(xp, logits, labels)
    named = dict(zip(rows, zip(losses, dlogits, correct, strict=True), strict=True))
    for name in list(rows)[:8]:
        loss, gradient, right = named[name]
        assert np.isnan(loss), name
        assert np.isnan(gradient).all(), name
        assert right == 0, name
    assert named["-inf at the target"][0] == inf
    for name in list(rows)[8:]:
        assert np.isfinite(named[name][1]).all(), name
    assert named["tie, first"][2] == 1
    assert named["tie, last"][2] == 0
    # 255 is a class only of networks with more than 255.
    _cross_entropy(xp, logits[:1] * 0 + 1, np.array([255], np.uint8))


def cross_entropy_misaligned(xp: Any, dtype: str, classes: int) -> None:
    """A view that starts anywhere gives the same bits as an aligned array."""
    logits, labels = _logits(70, classes, dtype, "uint8")
    aligned = _cross_entropy(xp, logits, labels)
    for offset in (1, 2):
        shifted = _cross_entropy(xp, logits, labels, offset=offset)
        for a, b in zip(aligned, shifted, strict=True):
            _same_bits(a, b)


# ---- bias_relu and relu_backward


def _matrix(seed: int, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(dtype)


def bias_relu(xp: Any, dtype: str, shape: tuple[int, int]) -> None:
    from kernels import cuda, reference

    z, bias = _matrix(0, shape, dtype), _matrix(1, shape[1:], dtype)
    if z.size > 20:
        z.flat[[0, 7, 9]] = np.nan, np.inf, -np.inf
    expected = reference.bias_relu(z.copy(), bias)
    for z_offset, bias_offset in ((0, 0), (1, 0), (2, 0), (0, 1)):
        device_z = _put(xp, z, offset=z_offset)
        result = cuda.bias_relu(device_z, _put(xp, bias, offset=bias_offset))
        np.testing.assert_array_equal(result.get(), expected)  # NaN equals NaN
        np.testing.assert_array_equal(device_z.get(), expected)  # in place


def relu_backward(xp: Any, dtype: str, shape: tuple[int, int]) -> None:
    from kernels import cuda

    # The mask is 1 where h is positive; a rectified h holds exact zeros.
    dh, h = _matrix(2, shape, dtype), np.maximum(_matrix(3, shape, dtype), 0)
    expected = dh * (h > 0)
    exact = expected.sum(axis=0, dtype=np.float64)
    size = np.abs(expected).sum(axis=0, dtype=np.float64)
    sums = []
    for dh_offset, h_offset in ((0, 0), (1, 0), (0, 2)):
        device_dh = _put(xp, dh, offset=dh_offset)
        dz, db = cuda.relu_backward(device_dh, _put(xp, h, offset=h_offset))
        np.testing.assert_array_equal(dz.get(), expected)
        np.testing.assert_array_equal(device_dh.get(), expected)  # in place
        assert db.dtype == dtype
        assert db.shape == shape[1:]
        assert (np.abs(db.get() - exact) <= COLUMN_SUM[dtype] * size).all()
        sums.append(db.get())
    for other in sums[1:]:
        _same_bits(other, sums[0])  # the order of the sum does not depend on the alignment


def relu_backward_not_finite(xp: Any, dtype: str) -> None:
    """A gradient that has blown up shows itself, also behind a closed unit."""
    from kernels import cuda

    dh, h = _matrix(2, (70, 36), dtype), np.ones((70, 36), dtype)
    dh[3, 1] = dh[5, 9] = np.inf
    dh[64, 2] = np.nan
    h[5, 9] = h[64, 2] = h[6, 20] = 0
    dz, db = (a.get() for a in cuda.relu_backward(xp.asarray(dh), xp.asarray(h)))
    assert dz[3, 1] == np.inf
    assert np.isnan([dz[5, 9], dz[64, 2]]).all()
    assert dz[6, 20] == 0
    assert db[1] == np.inf
    assert np.flatnonzero(np.isnan(db)).tolist() == [2, 9]


def empty_batch(xp: Any, dtype: str) -> None:
    from kernels import cuda

    z, bias = np.empty((0, 5), dtype), np.ones(5, dtype)
    assert cuda.bias_relu(xp.asarray(z), xp.asarray(bias)).shape == (0, 5)
    dz, db = cuda.relu_backward(xp.asarray(z), xp.asarray(z))
    assert dz.shape == (0, 5)
    _same_bits(db.get(), np.zeros(5, dtype))
    nothing = cuda.momentum_update(*(xp.asarray(z) for _ in range(3)), 0.1, 0.9)
    assert [a.shape for a in nothing] == [(0, 5), (0, 5)]


# ---- momentum_update


def momentum_update(xp: Any, dtype: str, nesterov: bool, l2: float) -> None:
    from kernels import cuda, reference

    options = {"gradient_scale": 1 / 37, "l2": l2, "nesterov": nesterov}
    for shape in ((1,), (255,), (256,), (257,), (13, 47)):
        # Distinct sizes of the three arrays and of the factors: no two can be exchanged unseen.
        hosts = [scale * _matrix(4 + i, shape, dtype) for i, scale in enumerate((1, 0.3, 9))]
        hosts = [host.astype(dtype) for host in hosts]
        expected = reference.momentum_update(
            *(host.astype(np.float64) for host in hosts), 0.25, 0.875, **options
        )
        # Odd offsets: momentum_update is called on blocks of a flat view.
        arrays = [_put(xp, host, offset=3 * i) for i, host in enumerate(hosts)]
        results = cuda.momentum_update(*arrays, 0.25, 0.875, **options)
        for name, array, result, exact in zip(
            ("parameter", "velocity"), arrays, results, expected, strict=False
        ):
            _close(result.get(), exact, dtype, name)
            _same_bits(array.get(), result.get())


def momentum_update_keeps_infinity(xp: Any, dtype: str) -> None:
    """Without l2 an overflowed parameter stays infinite, as in the reference."""
    from kernels import cuda

    parameter = np.array([np.inf, 1.0], dtype)
    arrays = [xp.asarray(host) for host in (parameter, parameter * 0 + 1, np.ones(2, dtype))]
    arrays[1] = xp.asarray(np.ones(2, dtype))
    assert cuda.momentum_update(*arrays, 0.5, 0.5)[0].get().tolist() == [np.inf, 0.0]


def momentum_update_denormals(xp: Any, dtype: str) -> None:
    """Single precision takes denormals for zeros, double precision computes with them."""
    from kernels import cuda

    tiny = np.finfo(dtype).smallest_subnormal
    hosts = np.array([0.0, tiny], dtype), np.array([tiny, 0.0], dtype), np.zeros(2, dtype)
    results = cuda.momentum_update(*map(xp.asarray, hosts), 0.5, 0.875)
    expected = [0.0, 0.0] if dtype == "float32" else [-tiny, tiny]
    assert results[0].get().tolist() == expected


# ---- refusals


def refuses_views(xp: Any) -> None:
    """A transposed array would be read in another order, so it is refused, not computed."""
    from kernels import cuda

    square = xp.asarray(np.ones((4, 4), np.float32))
    assert cuda.supports(square, xp.asarray(np.zeros(4, np.uint8)))
    assert not cuda.supports(square, square.T)
    assert not cuda.supports(xp.asarray(np.ones(4, np.float16)))
    message = ""
    try:
        cuda.relu_backward(square.T, square)
    except ValueError as error:
        message = str(error)
    assert "ascontiguousarray" in message


# ---- offsets beyond 32 bits: only the last block runs, over memory that is never filled


def last_block(xp: Any, operation: str) -> None:
    """Place data in the last rows of arrays of more than 2**31 elements. Stand-in only."""
    import cuda_on_cpu

    real = np.dtype(np.float32)
    columns = 10 if operation == "softmax_cross_entropy" else 1000
    rows = 2**31 // columns + 100
    length = 2**31 + 512

    def pointer(array: np.ndarray) -> np.uint64:
        return np.uint64(array.ctypes.data)

    def launch(name: str, grid: tuple, block: tuple, *values: Any) -> None:
        library = cuda_on_cpu.Library(source(operation), [name])
        library.launch(name, grid, block, values, last_block_only=True)

    if operation == "momentum_update":
        arrays = [cuda_on_cpu.guarded((length,), real) for _ in range(3)]
        for value, array in enumerate(arrays):
            array[-256:] = value
        factors = [real.type(value) for value in (0.5, 0.5, 1.0, 0.0)]
        launch(
            "momentum_update<float>",
            (length // 256,),
            (256,),
            *map(pointer, arrays),
            *factors,
            np.int32(0),
            np.int64(length),
        )
        assert (arrays[1][-256:] == 1.5).all()
        assert (arrays[0][-256:] == -1.5).all()
        return
    matrix = cuda_on_cpu.guarded((rows, columns), real)
    matrix[-64:] = np.arange(columns)
    other = cuda_on_cpu.guarded((rows, columns), real)
    other[-64:] = 1
    if operation == "softmax_cross_entropy":
        labels = cuda_on_cpu.guarded((rows,), np.dtype(np.uint8))
        labels[-64:] = columns - 1
        losses = cuda_on_cpu.guarded((rows,), real)
        correct = cuda_on_cpu.guarded((rows,), np.dtype(np.int32))
        launch(
            "softmax_cross_entropy_row<float, unsigned char, 10, 2>",
            (-(-rows // 64),),
            (64,),
            *map(pointer, (matrix, labels, losses, other, correct)),
            np.int64(rows),
        )
        done = (rows - 1) % 64 + 1
        assert (correct[-done:] == 1).all()
        assert (other[-done:].argmin(axis=1) == columns - 1).all()
        return
    tiles = -(-rows // 32)
    done = (rows - 1) % 32 + 1
    owned = slice(896, 1000)  # the last tile of columns: 128 of them, 104 there
    if operation == "bias_relu":
        bias = cuda_on_cpu.guarded((columns,), real)
        bias[...] = -950
        launch(
            "bias_relu<float, 4>",
            (tiles, 8),
            (32, 8),
            pointer(matrix),
            pointer(bias),
            np.int64(rows),
            np.int32(columns),
        )
        expected = np.maximum(np.arange(columns) - 950, 0)[owned]
        assert (matrix[-done:, owned] == expected).all()
    else:
        partial = cuda_on_cpu.guarded((tiles, columns), real)
        launch(
            "relu_backward<float, 4>",
            (tiles, 8),
            (32, 8),
            *map(pointer, (matrix, other, partial)),
            np.int64(rows),
            np.int32(columns),
        )
        assert (partial[-1, owned] == done * np.arange(columns)[owned]).all()


# ---- the table

CASES: dict[str, Callable[[Any], None]] = {}


def _add(function: Callable[..., None], *axes: Any) -> None:
    for values in itertools.product(*axes):
        text = "-".join(
            "x".join(map(str, value)) if isinstance(value, tuple) else str(value)
            for value in values
        )

        def case(xp: Any, values: tuple[Any, ...] = values) -> None:
            function(xp, *values)

        CASES[f"{function.__name__}-{text}".rstrip("-")] = case


_add(cross_entropy_ordinary, FLOATS, LABELS, CLASSES)
_add(cross_entropy_large, FLOATS, (10, 33))
_add(cross_entropy_special, FLOATS, CLASSES)
_add(cross_entropy_misaligned, FLOATS, (2, 3, 10, 16, 32, 33))
_add(bias_relu, FLOATS, SHAPES)
_add(relu_backward, FLOATS, SHAPES)
_add(relu_backward_not_finite, FLOATS)
_add(empty_batch, FLOATS)
_add(momentum_update, FLOATS, (False, True), (0.0, 0.125))
_add(momentum_update_keeps_infinity, FLOATS)
_add(momentum_update_denormals, FLOATS)
_add(refuses_views)

CASES.update(minibatch_cases.CASES)
ORDINARY = tuple(name for name in CASES if name not in minibatch_cases.CASES)
ORDINARY += minibatch_cases.ORDINARY
_add(bias_relu, ("float32",), ((10_000, 1000),))
_add(relu_backward, ("float32",), ((10_000, 1000),))
_add(cross_entropy_large, FLOATS, (257, 1000))
_add(last_block, OPERATIONS)
STAND_IN_ONLY = tuple(name for name in CASES if name.startswith("last_block"))
HEAVY_NAMES = tuple(name for name in CASES if name not in (*ORDINARY, *STAND_IN_ONLY))
