"""The original notebook's defects, numbered as in mlp/README.md: none may come back."""

import math

import numpy as np
import pytest
from tolerances import ROUNDING, TRAINING

from mlp import TrainingConfig, functional, init_parameters, train
from mlp.model import Layer, evaluate, loss_and_gradients
from mlp.optimizer import Momentum
from mlp.team import Team
from mlp.training import initial_state
from mlp.work import Work


def small_problem(n=40):
    rng = np.random.default_rng(0)
    return rng.uniform(size=(n, 6)), rng.integers(0, 3, n)


def test_defect_1_the_gradient_takes_logits_and_applies_softmax_once():
    """With softmax applied twice the gradient at a confident, right prediction is far from 0."""
    logits, targets = np.array([[20.0, 0.0, 0.0]]), np.array([[1.0, 0.0, 0.0]])
    once = functional.grad_cross_entropy(targets, logits)
    twice = functional.grad_cross_entropy(targets, functional.softmax(logits))
    assert np.abs(once).max() < 1e-8
    assert np.abs(twice).max() > 0.4


def test_defect_2_accuracy_compares_row_by_row():
    """Over the flattened array one index is compared with one index: 1 or 0, nothing between."""
    targets = functional.one_hot(np.array([0, 1, 2, 0]), 3)
    predictions = targets.copy()
    predictions[1] = [1.0, 0.0, 0.0]
    assert np.argmax(predictions) == np.argmax(targets)
    assert functional.accuracy(targets, predictions) == 0.75


def test_defect_3_weights_have_xavier_variance_not_its_square_and_biases_are_zero():
    (layer,) = init_parameters((784, 1000), seed=421, dtype="float64")
    variance = 2 / (784 + 1000)
    assert abs(layer.weight.std() / math.sqrt(variance) - 1) < 0.01
    assert layer.weight.std() / variance > 20
    assert not layer.bias.any()


def test_defect_4_a_step_follows_the_average_gradient_whatever_the_number_of_rows(make_dataset):
    """Every row twice: the sum doubles, the average and the step do not."""
    parameters = init_parameters((6, 5, 3), seed=1, dtype="float64")
    x, labels = small_problem()
    stepped = []
    for repeats in (1, 2):
        sums = loss_and_gradients(parameters, np.tile(x, (repeats, 1)), np.tile(labels, repeats))
        copies = tuple(Layer(*(array.copy() for array in layer)) for layer in parameters)
        velocity = Momentum().init_velocity(copies, 0.0)
        work = Work(make_dataset(), TrainingConfig(momentum=0.9), Team(1))
        stepped.append(work.update(copies, velocity, sums, 0.1)[0])
    for one, two, before in zip(*stepped, parameters, strict=True):
        np.testing.assert_allclose(one.weight, two.weight, **ROUNDING["float64"])
        assert (one.weight != before.weight).any()
    config = TrainingConfig()
    assert (config.learning_rate, config.batch_size) == (0.1, None)


def test_defect_5_momentum_acts_on_every_array():
    """Without gradients a velocity moves its array by gamma * nu: the output bias too."""
    parameters = init_parameters((6, 5, 3), seed=1, dtype="float64")
    before = [array.copy() for layer in parameters for array in layer]
    zeros = Momentum().init_velocity(parameters, 0.0)
    velocity = Momentum().init_velocity(parameters, 0.5)
    parameters, velocity = Momentum(0.5).update(parameters, velocity, zeros, 0.1, 0.1)
    after = [array for layer in parameters for array in layer]
    assert len(after) == 4
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(new, old - 0.25)


def test_defect_6_an_underflowing_probability_costs_no_infinite_loss():
    targets, logits = np.array([[0.0, 1.0]]), np.array([[2000.0, 0.0]])
    probabilities = functional.softmax(logits)
    assert probabilities[0, 1] == 0.0
    assert math.isfinite(functional.average_cross_entropy(targets, probabilities))
    # The training loss is computed from logits and does not even saturate.
    identity = (Layer(np.eye(2), np.zeros(2)),)
    assert evaluate(identity, logits, np.array([1])).loss == 2000.0


def test_defect_7_the_mask_is_taken_from_the_pre_activation():
    """The rectifier's output is never negative: a mask `h >= 0` would let everything through."""
    parameters = (
        Layer(np.array([[1.0, -1.0]]), np.zeros(2)),
        Layer(np.array([[1.0, 0.0], [1.0, 0.0]]), np.zeros(2)),
    )
    sums = loss_and_gradients(parameters, np.array([[3.0]]), np.array([1]))
    assert sums.gradients[0].weight[0, 0] != 0.0  # z = 3
    assert sums.gradients[0].weight[0, 1] == 0.0  # z = -3
    assert sums.gradients[0].bias[1] == 0.0


def test_defect_8_every_epoch_has_an_order_of_its_own(make_dataset):
    """A shuffle that reseeds itself gives two epochs one order; one never called gives none."""
    dataset = make_dataset()
    config = TrainingConfig(hidden=(8,), batch_size=50, epochs=1, dtype="float64")
    state = initial_state(dataset, config)
    first = train(dataset, config, state=state).history[-1].train_loss
    # The same start, told that one epoch has passed: another order, another trajectory.
    later = (
        train(
            dataset,
            TrainingConfig(hidden=(8,), batch_size=50, epochs=2, dtype="float64"),
            state=type(state)(state.parameters, state.velocity, epoch=1, history=(None,)),
        )
        .history[-1]
        .train_loss
    )
    assert first != later
    assert first == pytest.approx(later, rel=0.2)


def test_defect_10_velocities_start_at_one_hundred_thousandth(make_dataset):
    config = TrainingConfig(hidden=(8,))
    for layer in initial_state(make_dataset(), config).velocity:
        for array in layer:
            np.testing.assert_allclose(array, 1e-5, **TRAINING["float32"])
