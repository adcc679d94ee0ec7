"""Time to an accuracy, and the choice of a recipe."""

import pytest
from benchmarks import recipes

from mlp import load, train


def test_a_recipe_reads_back_what_it_writes():
    for text in ("full 0.1 constant 200", "128 0.05 one-cycle 5"):
        assert str(recipes.parse(text)) == text
    for text in ("128 0.05 one-cycle", "128 0.05 sawtooth 5", "128 -1 constant 5"):
        with pytest.raises(ValueError, match=r".+"):
            recipes.parse(text)


def test_the_time_to_an_accuracy_counts_whole_epochs():
    seconds, accuracies = [5.0, 1.0, 1.0, 1.0], [0.1, 0.5, 0.9, 0.8]
    assert recipes.first_reached(seconds, accuracies, 0.9, lag=0) == (3, 7.0)
    # With the full batch the third epoch measures the weights after two.
    assert recipes.first_reached(seconds, accuracies, 0.9, lag=1) == (2, 6.0)
    assert recipes.first_reached(seconds, accuracies, 0.91, lag=0) is None


def test_a_median_needs_most_runs_to_get_there():
    run = recipes.Reached(3, 2.0)
    assert recipes.median_seconds([run, run, None]) == 2.0
    assert recipes.median_seconds([run, None, None]) is None


def test_time_to_accuracy_takes_the_target_from_the_tasks_recipe(config):
    task = recipes.Recipe(None, 0.1, "constant", 10)
    fast = recipes.Recipe(20, 0.1, "one-cycle", 4)
    slow = recipes.Recipe(20, 0.1, "constant", 4)
    found = recipes.to_accuracy(
        ["ours", "notebook"], config, fast, slow, 1, None, lambda text: None, task
    )
    dataset = load(config.data, split=config.split)
    assert found["target"] == train(dataset, task.config(config, 421)).history[-1].test_accuracy
    assert set(found["task"]) == set(found["constant"]) == {"ours", "notebook"}
    assert set(found["recommended"]) == {"ours"}
    assert len(found["recommended"]["ours"]) == 1
    assert found["task"]["ours"][0].epoch <= 10
    used = {"task": task, "constant": slow, "recommended": fast}
    lines = recipes.accuracy_table(found, used).splitlines()
    assert len(lines) == 4
    assert {line.count("|") for line in lines} == {5}


def test_a_recipe_is_chosen_without_the_test_rows(config, monkeypatch):
    dataset = load(config.data, split=config.split)
    seen = []

    def watched(data, *arguments):
        seen.append(data.test)
        return train(data, *arguments)

    monkeypatch.setattr(recipes, "train", watched)
    monkeypatch.setattr(recipes, "CHOICE_SEEDS", (1,))
    monkeypatch.setattr(recipes, "BATCH_SIZES", (20,))
    task = recipes.Recipe(None, 0.1, "constant", 3)
    found = recipes.choose(dataset, config, lambda text: None, range(2, 5), task)
    assert set(found) == {"constant", "recommended"}
    assert found["constant"][0].schedule == "constant"
    assert seen
    assert not any(seen)
