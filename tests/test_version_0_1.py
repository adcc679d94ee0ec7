"""Files of the version before: models, configurations, records and checkpoints still load.

tests/data/version-0.1 holds two runs that version 0.1.0 has made, and their data set.
"""

import json
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from tolerances import TRAINING

from mlp import Preparation, load, load_model, predict
from mlp.commands.train import main
from mlp.device import choose_device
from mlp.history import read_history
from mlp.installation import ARITHMETIC
from mlp.model import parameters_sha256
from mlp.run import checkpoint
from mlp.run.directory import read_config
from mlp.run.environment import describe_environment
from mlp.run.record import read_record

DATA = Path(__file__).parent / "data" / "version-0.1"
RUNS = {"full": ((30, 7, 3), "float32"), "mini": ((30, 6, 5, 3), "float64")}
runs = pytest.mark.parametrize("name", RUNS)


@runs
def test_a_model_loads_with_what_its_input_means(name):
    sizes, dtype = RUNS[name]
    classifier = load_model(DATA / name)
    shapes = [weight.shape for weight, _ in classifier.parameters]
    assert shapes == list(pairwise(sizes))
    assert {str(array.dtype) for layer in classifier.parameters for array in layer} == {dtype}
    assert classifier.preparation == Preparation(
        ("0", "1", "2"), (6, 5), 1 / 255, ink="auto", crop=True
    )
    assert "is of version 0.1" in classifier.note
    record = read_record(DATA / name)
    assert parameters_sha256(classifier.parameters) == record["parameters_sha256"]
    test = load(DATA / "letters.npz", split=(60, 15)).test
    said = predict(classifier.parameters, classifier.input(test.features))
    assert np.mean(said == test.labels) == record["result"]["test_accuracy"]


@runs
def test_a_configuration_starts_a_run_of_the_same_options(name, tmp_path):
    config = read_config(DATA / name / "config.json")
    assert config.hidden == RUNS[name][0][1:-1]
    options = ["--config", str(DATA / name / "config.json"), "--data", str(DATA / "letters.npz")]
    assert main([*options, "--out", str(tmp_path / "run"), "--no-report", "--quiet"]) == 0
    ours, theirs = (read_history(one / "metrics.csv") for one in (tmp_path / "run", DATA / name))
    tolerance = TRAINING[config.dtype]
    np.testing.assert_allclose(np.array(ours)[:, :-1], np.array(theirs)[:, :-1], **tolerance)


@runs
@pytest.mark.parametrize("newest_is_there", [True, False])
def test_an_unfinished_run_goes_on_to_the_same_bits(name, newest_is_there, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(DATA / name, run)
    (run / "run.json").unlink()
    *_, newest = sorted((run / "checkpoint").iterdir())
    if not newest_is_there:
        newest.unlink()
    found = checkpoint.load(run)
    expected = read_record(DATA / name)
    last = expected["result"]["epochs_trained"]
    assert found.state.epoch == last - (not newest_is_there)
    options = ["--resume", str(run), "--data", str(DATA / "letters.npz"), "--no-report", "--quiet"]
    assert main(options) == 0
    assert f"going on after epoch {found.state.epoch}" in capsys.readouterr().err
    ours, theirs = (
        np.array(read_history(one / "metrics.csv"))[:, :-1] for one in (run, DATA / name)
    )
    record = json.loads((run / "run.json").read_text())
    if found.environment.items() <= describe_environment(choose_device("cpu")).items():
        assert record["parameters_sha256"] == expected["parameters_sha256"]
        assert ours.tobytes() == theirs.tobytes()
    else:  # another processor or library, on which bits are not promised
        np.testing.assert_allclose(ours, theirs, **TRAINING[found.config.dtype])


@runs
def test_a_finished_run_is_finished(name, tmp_path, capsys):
    shutil.copytree(DATA / name, tmp_path / "run")
    assert main(["--resume", str(tmp_path / "run")]) == 0
    assert "finished after" in capsys.readouterr().err


def test_a_run_begun_with_other_arithmetic_is_warned_of(tmp_path, capsys, monkeypatch):
    run = tmp_path / "run"
    shutil.copytree(DATA / "full", run)
    (run / "run.json").unlink()
    options = ["--resume", str(run), "--data", str(DATA / "letters.npz"), "--no-report", "--quiet"]
    assert main(options) == 0
    unknown = "did not record: CPU features, arithmetic, sample of NumPy's bits: the last bits may"
    assert unknown in capsys.readouterr().err
    (run / "run.json").unlink()  # the checkpoint that it left is of now
    monkeypatch.setattr("mlp.run.environment.ARITHMETIC", {"cpu": ARITHMETIC["cpu"] + 1})
    assert main([*options, "--epochs", "9"]) == 0
    now = ARITHMETIC["cpu"]
    assert f"arithmetic was {now} and is {now + 1}: the last bits may" in capsys.readouterr().err
