"""What `minibatch_steps` must do on CUDA: the cases, by name, as those of `cases.py`.

A case trains a few steps on arrays of `xp` and compares every array with the definition in float64
on NumPy.
"""

import functools
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from tolerances import FUSED_EPOCH, FUSED_STEP, LOSS

FLOATS = ("float32", "float64")
NAMES = ("weight", "bias", "last_weight", "last_bias")
NAMES = (*NAMES, *(f"velocity of {name}" for name in NAMES))
# Rows, inputs, units, classes of one step: every edge of a tile, and none.
SHAPES = (
    (1, 1, 1, 2),
    (2, 783, 31, 10),
    (33, 31, 65, 32),
    (64, 32, 64, 2),
    (129, 64, 33, 10),
    (512, 20, 31, 3),
)
FULL_SHAPES = tuple(
    itertools.chain(
        itertools.product((1, 128, 512), (784,), (1000,), (10,)),
        itertools.product((128,), (1, 783), (31, 1025), (2, 32)),
    )
)


def problem(
    rows: int, inputs: int, units: int, classes: int, dtype: str, feature: str, label: str
) -> dict[str, Any]:
    """Draw training rows and a network whose arrays are of distinct sizes."""
    rng = np.random.default_rng([rows, inputs, units, classes])
    features = rng.integers(0, 256, (rows, inputs)).astype(feature)
    shapes = ((inputs, units), (units,), (units, classes), (classes,))
    arrays = [
        (rng.standard_normal(shape) * np.sqrt(2 / sum(shape))).astype(dtype) for shape in shapes
    ]
    velocity = [(0.01 * rng.standard_normal(shape)).astype(dtype) for shape in shapes]
    return {
        "features": features,
        "labels": rng.integers(0, classes, rows).astype(label),
        "order": rng.permutation(rows),
        "arrays": [*arrays, *velocity],
    }


def open_away_from_zero(drawn: dict[str, Any]) -> None:
    """Shift the biases so that no unit's pre-activation is near the rectifier's edge.

    There float32 and float64 may decide differently, and neither is wrong.
    """
    z = np.sort(drawn["features"] @ drawn["arrays"][0].astype(np.float64) / 255, axis=0)
    if len(z) > 1:
        gaps = np.diff(z, axis=0)
        widest = gaps.argmax(axis=0)
        columns = np.arange(z.shape[1])
        drawn["arrays"][1][:] = -(z[widest, columns] + gaps[widest, columns] / 2)


def steps_of(rows: int, batch: int) -> list[tuple[slice, float]]:
    """Cut rows into batches, the last of which may be shorter, at falling rates."""
    starts = range(0, rows, batch)
    return [
        (slice(start, min(start + batch, rows)), 0.125 / (1 + i)) for i, start in enumerate(starts)
    ]


def trained(
    steps: Iterator[tuple[Any, ...]],
) -> tuple[dict[str, Any], Any, Any]:
    """Take every step; return the arrays by name, the losses and the correct predictions."""
    *_, (layers, velocity, losses, correct) = steps
    arrays = [array for layer in (*layers, *velocity) for array in layer]
    return dict(zip(NAMES, arrays, strict=True)), losses, correct


def train(xp: Any, drawn: dict[str, Any], batch: int, **options: Any) -> dict[str, np.ndarray]:
    """Train on the device and compare with float64 on the host; return what the device gave."""
    from kernels import cuda_minibatch, minibatch_steps, reference

    steps = steps_of(len(drawn["order"]), batch)
    options = {"scale": 1 / 255, "momentum": 0.875, "l2": 0.0, "nesterov": False, **options}
    rows = [drawn[name] for name in ("features", "labels", "order")]
    first = drawn["arrays"]

    def pairs(arrays: list[Any]) -> list[Any]:
        places = [tuple(arrays[i : i + 2]) for i in range(0, 8, 2)]
        return [places[:2], places[2:]]

    wide = [array.astype(np.float64) for array in first]
    with np.errstate(all="ignore"):
        exact, exact_losses, exact_correct = trained(
            reference.minibatch_steps(*rows, steps, *pairs(wide), **options)
        )
    device = [xp.asarray(array) for array in (*rows, *first)]
    assert cuda_minibatch.supports(device[0], device[1], first[3].shape[0], batch)
    results, losses, correct = trained(
        minibatch_steps(*device[:3], steps, *pairs(device[3:]), **options)
    )
    for before, after in zip(rows, device[:3], strict=True):
        assert after.get().tobytes() == before.tobytes()
    for given, returned in zip(device[3:], results.values(), strict=True):
        assert given is returned  # in place
    host = {name: array.get() for name, array in results.items()}
    host["losses"] = losses.get()
    dtype = first[0].dtype
    bound = (FUSED_STEP if len(steps) == 1 else FUSED_EPOCH)[str(dtype)]
    for name, expected in {**exact, "losses": exact_losses}.items():
        assert host[name].dtype == dtype, name
        assert host[name].shape == expected.shape, name
        np.testing.assert_array_equal(np.isnan(host[name]), np.isnan(expected), err_msg=name)
        error = np.linalg.norm(np.nan_to_num(host[name] - expected))
        assert error <= bound * np.linalg.norm(np.nan_to_num(expected)), (name, error)
    np.testing.assert_array_equal(correct.get(), exact_correct, err_msg="correct")
    return host


def minibatch_step(xp: Any, dtype: str, shape: tuple[int, ...]) -> None:
    drawn = problem(*shape, dtype, "uint8", "uint8")
    open_away_from_zero(drawn)
    train(xp, drawn, shape[0], nesterov=True, l2=0.25)
    train(xp, drawn, shape[0])


def minibatch_epoch(xp: Any, dtype: str, feature: str, label: str) -> None:
    """Every dtype of rows, a ragged last batch, rows in another order than they lie."""
    drawn = problem(70, 37, 45, 10, dtype, feature, label)
    train(xp, drawn, 32, nesterov=True, l2=0.25)


def minibatch_odd_rows(xp: Any, dtype: str) -> None:
    """A bad label, or a feature that is not finite, makes the row's loss NaN, and all weights."""
    for label in (-1, 5, 2**32 + 1):
        drawn = problem(9, 6, 7, 5, dtype, "float32", "int64")
        drawn["labels"][4] = label
        host = train(xp, drawn, 9)
        assert np.flatnonzero(np.isnan(host["losses"])).tolist() == [
            int(np.flatnonzero(drawn["order"] == 4)[0])
        ]
        assert np.isnan(host["last_weight"]).any()
    for value in (np.nan, np.inf):
        drawn = problem(9, 6, 7, 5, dtype, "float32", "uint8")
        drawn["features"][3, 2] = value
        host = train(xp, drawn, 9)
        assert np.isnan(host["losses"]).sum() == 1


def minibatch_ties(xp: Any, dtype: str) -> None:
    """Of equal logits the first class is the prediction: with zero weights, class 0."""
    drawn = problem(33, 6, 7, 5, dtype, "uint8", "uint8")
    for array in drawn["arrays"][:4]:
        array[...] = 0
    train(xp, drawn, 33)


# ---- offsets beyond 32 bits: only the last block runs, over memory that is never filled


def last_block(xp: Any, part: str) -> None:
    """Place data at the end of arrays of more than 2**31 elements. Stand-in only."""
    {
        "minibatch_forward": _far_forward,
        "minibatch_loss": _far_loss,
        "minibatch_backward": _far_backward,
        "minibatch_update": _far_update,
    }[part]()


INPUTS, UNITS, ROWS = 33, 2**26 + 33, 40  # a weight, and a batch's hidden layer, pass 2**31
FAR_UNITS = 2**22 + 2**14 + 9  # a hidden layer of 512 rows does, and a block can read its units


def _launch(name: str, grid: tuple[int, ...], block: tuple[int, ...], *values: Any) -> None:
    import cuda_on_cpu

    from kernels.sources import cuda_source

    library = cuda_on_cpu.Library(cuda_source(name.partition("<")[0]), [name])
    arguments = [
        np.uint64(value.ctypes.data) if isinstance(value, np.ndarray) else value for value in values
    ]
    library.launch(name, grid, block, arguments, last_block_only=True)


def _guarded(shape: tuple[int, ...], dtype: type) -> np.ndarray:
    import cuda_on_cpu

    return cuda_on_cpu.guarded(shape, np.dtype(dtype))


def _rows_at_the_end() -> tuple[np.ndarray, np.ndarray]:
    """Return features of more than 2**31 elements, and an order of their last rows."""
    features = _guarded((2**31 // INPUTS + 100, INPUTS), np.uint8)
    features[-ROWS:] = np.arange(ROWS)[:, None]
    order = _guarded((ROWS,), np.int64)
    order[:] = np.arange(len(features) - ROWS, len(features))
    return features, order


def _far_forward() -> None:
    features, order = _rows_at_the_end()
    weight, bias = _guarded((INPUTS, UNITS), np.float32), _guarded((UNITS,), np.float32)
    hidden = _guarded((ROWS, UNITS), np.float32)
    weight[:, -1], bias[-1] = 0.5, 1
    _launch(
        "minibatch_forward<float, unsigned char>",
        (-(-UNITS // 32), 2),
        (8, 8, 4),
        *(features, order, np.int64(0), np.int32(ROWS), np.float32(2), weight, bias, hidden),
        *(np.int32(INPUTS), np.int32(UNITS)),
    )
    assert (hidden[32:, -1] == INPUTS * np.arange(32, ROWS) + 1).all()


def _far_loss() -> None:
    hidden = _guarded((512, FAR_UNITS), np.float32)
    hidden[-1] = 0
    hidden[-1, 0] = 3
    weight, bias = _guarded((FAR_UNITS, 2), np.float32), _guarded((2,), np.float32)
    weight[...], bias[...] = (1, -1), 0
    labels, order = _guarded((512,), np.uint8), _guarded((512,), np.int64)
    labels[...], order[...] = 1, np.arange(512)
    dlogits, losses = _guarded((512, 2), np.float32), _guarded((512,), np.float32)
    correct = _guarded((512,), np.int32)
    _launch(
        "minibatch_loss<float, unsigned char>",
        (512,),
        (64,),
        *(hidden, weight, bias, labels, order, np.int64(0), dlogits, losses, correct),
        *(np.int32(FAR_UNITS), np.int32(2)),
    )
    np.testing.assert_allclose(losses[-1], np.log1p(np.exp(-6.0)) + 6, **LOSS)
    assert correct[-1] == 0


def _far_backward() -> None:
    rows, units = 512, FAR_UNITS
    hidden, dlogits = _guarded((rows, units), np.float32), _guarded((rows, 2), np.float32)
    hidden[:, -1], dlogits[...] = np.arange(rows), (1, 0.5)
    arrays = [_guarded((units, 2), np.float32) for _ in range(2)]
    arrays += [_guarded((2,), np.float32) for _ in range(2)]
    for array in arrays:
        array[-2:] = 1
    tiles = -(-(units + 1) // 8)
    rule = (np.float32(0), np.float32(1), np.float32(0), np.int32(0))
    _launch(
        "minibatch_backward<float>",
        (tiles,),
        (8, 32),
        *(hidden, dlogits, np.int32(rows), np.int32(units), np.int32(2), *arrays, *rule),
    )
    total = rows * (rows - 1) / 2
    assert hidden[:, -1].tolist() == [0.0, *[1.5] * (rows - 1)]
    assert arrays[0][-1].tolist() == [1 - total, 1 - total / 2]
    assert arrays[2].tolist() == [1.0 - rows, 1 - rows / 2]


def _far_update() -> None:
    features, order = _rows_at_the_end()
    dz = _guarded((ROWS, UNITS), np.float32)
    dz[:, -1] = 1
    weight, velocity = (_guarded((INPUTS, UNITS), np.float32) for _ in range(2))
    bias, bias_velocity = (_guarded((UNITS,), np.float32) for _ in range(2))
    for array in (weight, velocity, bias, bias_velocity):
        array[..., -1] = 1
    rule = (np.float32(0), np.float32(1), np.float32(0), np.int32(0))
    _launch(
        "minibatch_update<float, unsigned char>",
        (2 * -(-UNITS // 64),),
        (16, 8),
        *(features, order, np.int64(0), np.int32(ROWS), np.float32(1), dz),
        *(weight, velocity, bias, bias_velocity, np.int32(INPUTS), np.int32(UNITS), *rule),
    )
    assert weight[-1, -1] == 1 - ROWS * (ROWS - 1) / 2
    assert bias[-1] == 1 - ROWS


# ---- the table

CASES: dict[str, Callable[[Any], None]] = {}


def _add(function: Callable[..., None], *axes: Any) -> None:
    for values in itertools.product(*axes):
        text = "-".join(
            "x".join(map(str, value)) if isinstance(value, tuple) else value for value in values
        )
        CASES[f"{function.__name__}-{text}"] = functools.partial(_call, function, values)


def _call(function: Callable[..., None], values: tuple[Any, ...], xp: Any) -> None:
    function(xp, *values)


_add(minibatch_step, FLOATS, SHAPES)
_add(minibatch_epoch, FLOATS, ("uint8", *FLOATS), ("uint8", "int32", "int64"))
_add(minibatch_odd_rows, FLOATS)
_add(minibatch_ties, FLOATS)
ORDINARY = tuple(CASES)
_add(minibatch_step, FLOATS, FULL_SHAPES)
HEAVY_NAMES = tuple(name for name in CASES if name not in ORDINARY)
_add(last_block, tuple(f"minibatch_{part}" for part in ("forward", "loss", "backward", "update")))
STAND_IN_ONLY = tuple(name for name in CASES if name.startswith("last_block"))
