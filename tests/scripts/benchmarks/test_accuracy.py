"""Time to an accuracy."""

from benchmarks import accuracy, recipes

from mlp import load, train


def test_the_time_to_an_accuracy_counts_whole_epochs():
    seconds, accuracies = [5.0, 1.0, 1.0, 1.0], [0.1, 0.5, 0.9, 0.8]
    assert accuracy.first_reached(seconds, accuracies, 0.9, lag=0) == (3, 7.0)
    # With the full batch the third epoch measures the weights after two.
    assert accuracy.first_reached(seconds, accuracies, 0.9, lag=1) == (2, 6.0)
    assert accuracy.first_reached(seconds, accuracies, 0.91, lag=0) is None


def test_a_median_needs_most_runs_to_get_there():
    run = accuracy.Reached(3, 2.0)
    assert accuracy.median_seconds([run, run, None]) == 2.0
    assert accuracy.median_seconds([run, None, None]) is None


def test_time_to_accuracy_takes_the_target_from_the_tasks_recipe(config):
    task = recipes.Recipe(None, 0.1, "constant", 10)
    fast = recipes.Recipe(20, 0.1, "one-cycle", 4)
    slow = recipes.Recipe(20, 0.1, "constant", 4)
    found = accuracy.to_accuracy(
        ["ours", "notebook"], config, fast, slow, 1, None, lambda text: None, task
    )
    dataset = load(config.data, split=config.split)
    assert found["target"] == train(dataset, task.config(config, 421)).history[-1].test_accuracy
    assert set(found["task"]) == set(found["constant"]) == {"ours", "notebook"}
    assert set(found["recommended"]) == {"ours"}
    assert len(found["recommended"]["ours"]) == 1
    assert found["task"]["ours"][0].epoch <= 10
    used = {"task": task, "constant": slow, "recommended": fast}
    lines = accuracy.accuracy_table(found, used).splitlines()
    assert len(lines) == 4
    assert {line.count("|") for line in lines} == {5}
