import numpy as np
import pytest
from tolerances import ROUNDING

from mlp.model import Layer
from mlp.optimizer import SCHEDULES, Momentum, schedule_factor


def layers(seed, shapes=((300, 250), (250, 3))):
    rng = np.random.default_rng(seed)
    return tuple(Layer(rng.normal(size=shape), rng.normal(size=shape[1])) for shape in shapes)


def copy(parameters):
    return tuple(Layer(weight.copy(), bias.copy()) for weight, bias in parameters)


@pytest.mark.parametrize("nesterov", [False, True])
def test_an_update_is_the_rule_for_every_array_and_l2_spares_the_biases(nesterov):
    parameters, velocity, gradients = layers(1), layers(2), layers(3)
    expected = []
    for layer, nu, total in zip(parameters, velocity, gradients, strict=True):
        for array, v, g, l2 in zip(layer, nu, total, (0.01, 0.0), strict=True):
            mean = g / 50 + l2 * array
            new_v = 0.9 * v + 0.1 * mean
            expected.append((array - (0.9 * new_v + 0.1 * mean if nesterov else new_v), new_v))
    scaled = tuple(Layer(weight * 0.002, bias * 0.002) for weight, bias in gradients)
    for given, factor in ((copy(gradients), 0.1 / 50), (scaled, 1.0)):
        stepped, moved = Momentum(0.9, nesterov, 0.01).update(
            copy(parameters), copy(velocity), given, 0.1, factor
        )
        actual = [
            pair
            for layer, nu in zip(stepped, moved, strict=True)
            for pair in zip(layer, nu, strict=True)
        ]
        for mine, theirs in zip(actual, expected, strict=True):
            np.testing.assert_allclose(mine[0], theirs[0], **ROUNDING["float64"])
            np.testing.assert_allclose(mine[1], theirs[1], **ROUNDING["float64"])


def test_velocities_start_where_they_are_told():
    parameters = layers(1)
    velocity = Momentum().init_velocity(parameters, 1e-5)
    for layer, nu in zip(parameters, velocity, strict=True):
        for array, v in zip(layer, nu, strict=True):
            assert v.shape == array.shape
            assert v.dtype == array.dtype
            assert (v == 1e-5).all()


def test_schedules_start_peak_and_end_where_they_say():
    progress = np.linspace(0, 1, 1001)
    factors = {
        schedule: np.array([schedule_factor(schedule, p) for p in progress])
        for schedule in SCHEDULES
    }
    assert (factors["constant"] == 1.0).all()
    np.testing.assert_allclose(
        factors["cosine"][[0, 500, 1000]], [1, 0.5, 0], **ROUNDING["float64"]
    )
    assert (np.diff(factors["cosine"]) < 0).all()
    one_cycle = factors["one-cycle"]
    np.testing.assert_allclose(
        one_cycle[[0, 150, 300, 650, 1000]],
        [0.04, 0.52, 1.0, 0.500002, 4e-6],
        **ROUNDING["float64"],
    )
    assert (np.diff(one_cycle[:301]) > 0).all()
    assert (np.diff(one_cycle[300:]) < 0).all()
