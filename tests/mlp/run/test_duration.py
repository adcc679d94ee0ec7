"""What is said of a duration before anything is trained."""

import pytest

from mlp import TrainingConfig
from mlp.run import duration
from mlp.run.duration import expected_seconds, rounded


def test_it_grows_with_the_epochs(letters, monkeypatch):
    monkeypatch.setattr(duration, "_AROUND", 0.0)
    config = TrainingConfig(data=str(letters), split=(400, 100), hidden=(5,), device="cpu")
    counted = []

    def epoch(config, dataset):
        counted.append((config.epochs, dataset.n_features))
        return 0.5

    monkeypatch.setattr(duration, "_epoch_seconds", epoch)
    assert expected_seconds([config, config]) == 2 * 200 * 0.5
    assert counted == [(200, 30)] * 2


def test_it_is_measured_on_the_data(letters):
    config = TrainingConfig(
        data=str(letters), split=(400, 100), hidden=(5,), device="cpu", epochs=1000
    )
    assert duration._AROUND < expected_seconds([config]) < 1000


def test_other_programs_and_a_gpu_are_not_timed(letters):
    config = TrainingConfig(data=str(letters), split=(400, 100), reference="keras")
    assert expected_seconds([config]) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.1, "1 s"),
        (89, "89 s"),
        (90, "2 min"),
        (3599, "60 min"),
        (5400, "1.5 h"),
        (86400, "24.0 h"),
    ],
)
def test_a_duration_is_rounded(seconds, text):
    assert rounded(seconds) == text


def test_the_data_are_read_as_the_runs_read_them(letters, monkeypatch):
    seen = []

    def load_as(config, sha256=None):
        seen.append((config.image_size, config.standardize))

    monkeypatch.setattr(duration, "load_as", load_as)
    monkeypatch.setattr(duration, "_epoch_seconds", lambda config, dataset: 0.5)
    config = TrainingConfig(data=str(letters), image_size=(8, 8), device="cpu")
    other = TrainingConfig(data=str(letters), standardize=True, device="cpu")
    expected_seconds([config, other, config])
    assert seen == [((8, 8), None), (None, True)]
