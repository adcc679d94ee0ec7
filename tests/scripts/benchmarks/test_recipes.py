"""The choice of a recipe."""

import pytest
from benchmarks import recipes

from mlp import load, train


def test_a_recipe_reads_back_what_it_writes():
    for text in ("full 0.1 constant 200", "128 0.05 one-cycle 5"):
        assert str(recipes.parse(text)) == text
    for text in ("128 0.05 one-cycle", "128 0.05 sawtooth 5", "128 -1 constant 5"):
        with pytest.raises(ValueError, match=r".+"):
            recipes.parse(text)


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
