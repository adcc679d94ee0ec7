"""Models of more ranks and threads."""

import json

import pytest
from benchmarks import job, model

from mlp import TrainingConfig, initial_state, load
from mlp.communicator import Communicator
from mlp.units import by_units
from mlp.work import Work


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


def threads_of(shape, **costs):
    parts = {"above": 0.0, "evaluation": 0.0, "update": 0.0, "meeting": 0.0} | costs
    found = model.ThreadCosts(**parts)
    return [model.predict_threads(shape, found, threads) for threads in model.THREADS]


def test_threads_of_divided_units_take_a_narrower_step_and_meet_in_every_one():
    shape = model.Shape(4, 10, (6, 3), 32, 500, 5_120, 8_000_000)
    found = threads_of(
        shape, steps=(8e-3, 5e-3, 3e-3, 3e-3), evaluation=1e-3, meeting=1e-4, above=1e-3
    )
    # 9 pieces of evaluation on 1, 2, 4, 8 threads; of 8 threads only 4 have units.
    expected = [80 + 9, 50 + 5 + 1, 30 + 3 + 3, 30 + 2 + 3]
    assert found == pytest.approx([value / 1e3 for value in expected])


def test_threads_of_the_full_batch_share_a_queue_with_its_evaluation():
    shape = model.Shape(10, 1, (2, 1), 1000, 500, 4_000_000, 0)
    found = threads_of(
        shape, steps=(40e-3, 20e-3, 12e-3, 8e-3), evaluation=1e-3, update=8e-3, meeting=1e-4
    )
    # Of 10 pieces of 4 ms two threads do 5 each; of four, two do 3 and two do 2 and the evaluation.
    expected = [40 + 3 + 8, 20 + 2 + 4 + 0.1, 12 + 2 + 0.3, 8 + 1 + 0.7]
    assert found == pytest.approx([value / 1e3 for value in expected])


def test_pieces_go_to_whoever_is_free():
    assert model.makespan([], 4) == 0
    assert model.makespan([3, 1, 1, 1], 2) == 3
    assert model.makespan([1, 1, 1, 3], 2) == 4


@pytest.mark.parametrize(
    ("batch_size", "pieces", "parts"),
    [(64, [8, 4, 2, 1], (True, False)), (None, [2, 1, 1, 1], (False, True))],
)
def test_what_threads_cost_is_measured_by_the_functions_that_train(
    letters, batch_size, pieces, parts
):
    config = TrainingConfig(
        data=str(letters), split=(400, 100), hidden=(1000,), batch_size=batch_size, threads=1
    )
    given = {"config": json.loads(config.to_json()), "rows": None}
    found = model.ThreadCosts.of(job.thread_costs(Communicator(), given)["costs"])
    shape = model.shape(config, None)
    assert [-(-shape.step // threads) for threads in model.THREADS] == pieces
    assert (found.above > 0, found.update > 0) == parts
    assert min(*found.steps, found.evaluation, found.meeting) > 0
    assert f" of its {pieces[0]} pieces " in found.described(shape)


def test_a_part_of_the_units_trains_as_long_as_it_is_asked_to(letters):
    config = TrainingConfig(data=str(letters), split=(400, 100), hidden=(1000,), batch_size=64)
    dataset = load(letters, split=(400, 100))
    state, team = initial_state(dataset, config), job.Part(4, 5)
    work = Work(dataset, config, team)
    assert by_units(work, state.parameters, state.velocity, *work.steps(0)) is None
    assert (len(team.met), len(team.above)) == (5, 5)
    assert team.own(8) == range(2)
