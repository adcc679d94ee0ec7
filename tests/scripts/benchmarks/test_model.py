"""The model of more ranks."""

import pytest
from benchmarks import model

from mlp import TrainingConfig


def model_of(step, steps, held_out=(6, 3)):
    shape = model.Shape(step, steps, held_out, 100, 50, 4_000_000, 0)
    costs = model.Costs(exchange=1e-4, bandwidth=1e9, update=1e-3)
    return [model.predict(shape, 1.0, costs, ranks) for ranks in (1, 2, 3, 4, 20)]


def test_the_model_of_ranks_takes_the_longest_share_and_counts_every_node():
    one, two, three, four, many = model_of(step=10, steps=1)
    # 10 pieces of 100 rows trained (twice the work) and 6 + 3 of 50 rows evaluated: 2450 in all.
    assert one == model.Prediction(pytest.approx(1.0), 0)
    assert two.compute == pytest.approx(0.999 * (1000 + 150 + 100) / 2450 + 0.001)
    assert three.compute == pytest.approx(0.999 * (800 + 100 + 50) / 2450 + 0.001)
    # On two ranks s0-3, s4 | s5, s6-7, s8-9; each of 4 MB.
    assert two.communicate == pytest.approx(1e-4 + 5 * 4e-3)
    # More ranks than pieces: ten leaves, and nobody has less than one.
    assert many.compute == pytest.approx(0.999 * (200 + 50 + 50) / 2450 + 0.001)
    assert many.communicate == pytest.approx(19 * 1e-4 + 10 * 4e-3)
    assert four.seconds == four.compute + four.communicate
    mini = model_of(step=2, steps=5)[1]  # and an evaluation
    assert mini.communicate == pytest.approx(6 * 1e-4 + 5 * 2 * 4e-3)


def test_the_model_of_divided_units_divides_the_update_and_exchanges_weights_once_an_epoch():
    shape = model.Shape(2, 5, (6, 3), 64, 50, 5_120, 8_000_000)
    two = model.predict(shape, 1.0, model.Costs(1e-4, 1e9, 1e-3), 2)
    # 5 steps of 2 pieces, each the work of 64 rows trained, and 9 pieces of 50 rows evaluated.
    assert two.compute == pytest.approx((640 + 250) / (1280 + 450))
    assert two.communicate == pytest.approx(6 * 1e-4 + (5 * 2 * 5_120 + 8_000_000) / 1e9)


@pytest.mark.parametrize(("batch_size", "step", "rows", "epoch_bytes"), [
    (None, 10, 1000, 0), (128, 8, 16, 2 * 4 * 795_010), (2000, 2, 1000, 0),
])  # fmt: skip
def test_the_model_cuts_a_training_as_training_does(batch_size, step, rows, epoch_bytes):
    config = TrainingConfig(batch_size=batch_size)
    shape = model.shape(config, None)
    assert (shape.step, shape.shard_rows, shape.epoch_bytes) == (step, rows, epoch_bytes)
    assert shape.node_bytes == (4 * 128 * 10 if epoch_bytes else 4 * 795_010)


def test_over_ethernet_nodes_pass_both_memory_and_network():
    costs = model.Costs(1e-5, 3e9, 1e-3).over_ethernet()
    assert costs == (pytest.approx(4e-5), pytest.approx(1.5e9), 1e-3)
