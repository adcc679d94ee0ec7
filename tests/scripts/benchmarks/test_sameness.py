"""Whether contestants do the same training."""

import json
from dataclasses import replace

import numpy as np
import pytest
from benchmarks import link, sameness
from benchmarks.process import Entry
from benchmarks.sameness import TOLERANCE, LossError, check_training, largest_gap

from mlp import DivergedError, TrainingConfig


def quiet(text):
    pass


# Losses of these differ by 1e-2 in float32, or overflow: nothing of the sort is seen in the check.
@pytest.mark.parametrize(
    ("batch_size", "learning_rate", "hidden"),
    [(None, 0.1, (8,)), (64, 0.1, (300, 30)), (7, 30.0, (16, 8)), (999, 1.0, (8,))],
)
def test_any_configuration_of_the_same_training_passes(config, batch_size, learning_rate, hidden):
    config = replace(config, batch_size=batch_size, learning_rate=learning_rate, hidden=hidden)
    entries = {name: Entry(name, config) for name in ("ours", "floor", "numpy", "notebook")}
    gaps = check_training(entries, quiet)
    assert set(gaps) == {"numpy", "notebook"}
    assert max(gaps.values()) < TOLERANCE / 10


@pytest.mark.slow
@pytest.mark.parametrize("name", ["torch", "jax", "keras", "sklearn"])
@pytest.mark.parametrize("batch_size", [None, 64])
def test_every_library_does_the_same_training(config, need, name, batch_size):
    need({"keras": "tensorflow", "jax": "optax"}.get(name, name))
    config = replace(config, batch_size=batch_size, hidden=(300, 30), learning_rate=0.5)
    check_training({one: Entry(one, config) for one in ("ours", name)}, quiet)


@pytest.mark.parametrize("batch_size", [None, 64])
@pytest.mark.parametrize(
    "wrong",
    [{"momentum": 0.9 + 1e-6}, {"learning_rate": 0.009}, {"velocity_init": 0.0}, {"seed": 1}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_contestant_that_trains_otherwise_is_found_out(config, batch_size, wrong):
    ours = replace(config, batch_size=batch_size, learning_rate=0.01)
    entries = {"ours": Entry("ours", ours), "notebook": Entry("notebook", replace(ours, **wrong))}
    with pytest.raises(LossError, match=r"^notebook: \w+ loss .* in epoch \d in float64, ours .*"):
        check_training(entries, quiet)


def test_a_library_is_compared_with_ours_as_it_takes_its_options(config, monkeypatch):
    seen = []

    def scores(entry):
        seen.append((entry.contestant, entry.config.momentum))
        return [[1.0] * 6]

    monkeypatch.setattr(sameness, "_scores", scores)
    check_training({name: Entry(name, config) for name in ("ours", "keras", "torch", "jax")}, quiet)
    rounded = float(np.float32(0.9))
    assert seen == [("ours", rounded), ("keras", 0.9), ("ours", 0.9), ("torch", 0.9), ("jax", 0.9)]


@pytest.mark.parametrize("wrong", [1 + 2 * TOLERANCE, float("nan")])
@pytest.mark.parametrize("column", [0, 2, 4])
def test_each_splits_loss_is_checked_but_not_the_accuracy(column, wrong):
    ours = [[1.0] * 6] * 2
    other = [[1.0] * 6, [wrong if index == column else 1.0 for index in range(6)]]
    with pytest.raises(LossError, match="not the same training"):
        largest_gap("torch", ours, other)
    # scikit-learn has no training accuracy
    assert largest_gap("torch", ours, [[1.0] * 6, [1.0, np.nan, 1.0, 0.0, 1.0, 0.0]]) == 0


def test_losses_of_0_are_equal_to_0_only():
    assert largest_gap("torch", [[0.0] * 6], [[0.0] * 6]) == 0
    with pytest.raises(LossError):
        largest_gap("torch", [[0.0] * 6], [[1e-30] * 6])


def test_ours_that_diverges_is_told_as_such(config, tmp_path):
    features = np.full((90, 4), 1e200)
    np.savez(tmp_path / "far.npz", features=features, labels=np.arange(90) % 3)
    far = replace(config, data=str(tmp_path / "far.npz"), split=(60, 15), standardize=False)
    with pytest.raises(DivergedError, match=r"^ours: training diverged: the loss is nan"):
        check_training({name: Entry(name, far) for name in ("ours", "notebook")}, quiet)


def test_few_batches_are_a_part_of_every_split(config):
    job = {"config": json.loads(replace(config, batch_size=10).to_json()), "rows": None}
    sizes = [
        [len(rows.labels) for rows in link.read(job | {"batches": batches})[0].splits.values()]
        for batches in (8, 40, 99)
    ]
    assert sizes == [[80, 20, 20], [400, 100, 100], [400, 100, 100]]
    whole, _ = link.read({**job, "config": job["config"] | {"batch_size": None}, "batches": 8})
    assert len(whole.train.labels) == 400


def test_rows_on_disk_are_taken_as_copies(tmp_path):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "images.npy", rng.integers(0, 255, (90, 4, 3)).astype(np.uint8))
    np.save(tmp_path / "labels.npy", np.arange(90) % 3)
    config = TrainingConfig(data=str(tmp_path), split=(60, 15), batch_size=10)
    job = {"config": json.loads(config.to_json()), "rows": None, "batches": 2}
    few, whole = link.read(job)[0], link.read(job | {"batches": None})[0]
    for some, all_ in zip(few.splits.values(), whole.splits.values(), strict=True):
        count = len(some.labels)
        np.testing.assert_array_equal(some.features, all_.take(slice(0, count)).features)
        np.testing.assert_array_equal(some.labels, all_.labels[:count])
    assert len(few.train.labels) == 20
