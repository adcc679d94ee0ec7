"""The contract of `minibatch_steps`: what defines it is what training by rows does, to the bit."""

from dataclasses import replace

import array_api_strict
import numpy as np
import pytest
from bits import assert_same_bits
from tolerances import LOSS, STEP

import kernels
from kernels import minibatch_steps
from mlp import TrainingConfig, init_parameters
from mlp.epochs import by_rows, fused
from mlp.model import map_arrays, named_arrays
from mlp.team import Team
from mlp.work import Work


def work_and_weights(make_dataset, **changes):
    config = TrainingConfig(
        hidden=(33,), batch_size=64, shard_rows=64, dtype="float64", learning_rate=0.05, epochs=3
    )
    dataset, config = make_dataset(), replace(config, **changes)
    parameters = init_parameters((20, 33, 4), seed=1, dtype=config.dtype)
    work = Work(dataset, config, Team(1))
    return work, parameters, map_arrays(lambda array: 0 * array + 1e-3, parameters)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"nesterov": True, "l2": 1e-2, "schedule": "one-cycle"},
        {"batch_size": 77, "shard_rows": 77, "momentum": 0.0},
        {"dtype": "float32"},
    ],
    ids=["plain", "nesterov-l2-one-cycle", "ragged", "float32"],
)
def test_the_definition_is_training_by_rows_to_the_bit(make_dataset, changes):
    work, parameters, velocity = work_and_weights(make_dataset, **changes)
    results = [one(work, parameters, velocity, *work.steps(1)) for one in (by_rows, fused)]
    for theirs, mine in zip(results[0][:2], results[1][:2], strict=True):
        for name, array in named_arrays(theirs).items():
            assert_same_bits(named_arrays(mine)[name], array)
    for index in (0, 1):  # the losses and the correct predictions, added in another order
        total = sum(float(sums[index]) for sums in results[0][2])
        np.testing.assert_allclose(float(results[1][2][0][index]), total, **LOSS)
    assert sum(sums.rows for sums in results[0][2]) == results[1][2][0].rows == 300


def test_every_step_says_what_it_has_seen_and_leaves_the_rest(make_dataset):
    work, parameters, velocity = work_and_weights(make_dataset)
    order, steps = work.steps(0)
    before = None
    for (batch, *_), (_, _, losses, correct) in zip(
        steps, work.fused_steps(parameters, velocity, order, steps), strict=True
    ):
        assert losses.shape == correct.shape == (300,)
        assert (losses[batch] > 0).all()
        if before is not None:
            assert_same_bits(losses[: batch.start], before)
        before = losses[: batch.stop]


def test_it_runs_on_any_library():
    xp = array_api_strict
    rng = np.random.default_rng(0)
    features, labels = rng.random((8, 3)), rng.integers(0, 2, 8)
    arrays = [rng.random(shape) for shape in ((3, 5), (5,), (5, 2), (2,))]

    def steps(put):
        rows = [put(array) for array in (features, labels, np.arange(8))]
        layers = [put(array.copy()) for array in arrays]
        zeros = [put(0 * array) for array in arrays]
        pairs = [(some[:2], some[2:]) for some in (layers, zeros)]
        *_, last = minibatch_steps(*rows, [(slice(0, 8), 0.5)], *pairs, momentum=0.5)
        return last[0][0][0]

    np.testing.assert_allclose(steps(xp.asarray), steps(np.array), **STEP)


X, Y, ORDER = np.zeros((4, 3), np.uint8), np.zeros(4, np.int64), np.arange(4)
LAYERS = ((np.zeros((3, 5)), np.zeros(5)), (np.zeros((5, 2)), np.zeros(2)))
STEPS = [(slice(0, 4), 0.5)]


@pytest.mark.parametrize(
    ("error", "message", "changes"),
    [
        (ValueError, "layers and velocity must be two pairs each, got 3 and 2",
         {"layers": (*LAYERS, LAYERS[1])}),
        (ValueError, r"features must have shape \(M, D\), got \(4,\)", {"features": Y}),
        (ValueError, r"labels must have shape \(4,\), got \(4, 1\); pass class indices",
         {"labels": Y[:, None]}),
        (ValueError, r"weight must have shape \(3, 2\), got \(5, 2\)",
         {"layers": (LAYERS[1], LAYERS[1])}),
        (ValueError, r"velocity of last_bias must have shape \(2,\), got \(5,\)",
         {"velocity": (LAYERS[0], (LAYERS[1][0], LAYERS[0][1]))}),
        (TypeError, "velocity of bias must be float64 like the others, got float32",
         {"velocity": ((LAYERS[0][0], np.zeros(5, np.float32)), LAYERS[1])}),
        (TypeError, "labels must be uint8, int32 or int64, got float64", {"labels": Y * 1.0}),
        (TypeError, "features must be uint8, float32 or float64, got int64",
         {"features": X.astype(np.int64)}),
        (TypeError, r"order must be \(N,\) int64, got \(4,\) int32",
         {"order": ORDER.astype(np.int32)}),
        (ValueError, r"a step's rows must be some of 0 to 4, got slice\(2, 5",
         {"steps": [(slice(2, 5), 0.5)]}),
        (ValueError, r"a step's rows must be some of 0 to 4, got slice\(2, 2",
         {"steps": [(slice(2, 2), 0.5)]}),
    ],
)  # fmt: skip
def test_wrong_arguments_are_named_before_the_first_step(error, message, changes):
    arguments = {
        "features": X,
        "labels": Y,
        "order": ORDER,
        "steps": STEPS,
        "layers": LAYERS,
        "velocity": LAYERS,
        **changes,
    }
    with pytest.raises(error, match=message):
        minibatch_steps(**arguments, momentum=0.5)


def test_no_library_but_cupy_has_fused_steps():
    assert not kernels.fuses_minibatch(X, Y, 2, 4)
    strict = [array_api_strict.asarray(array) for array in (X, Y)]
    assert not kernels.fuses_minibatch(*strict, 2, 4)
