"""Damaged and crafted files of a run: one line, no crash, no hang, no great allocation.

The readers of data sets are fuzzed in tests/mlp/datasets/.
"""

import random
import time
import tracemalloc

import numpy as np
import pytest
from data_files import images_and_labels
from fuzzing import damage_at_random, damaged
from hypothesis import given, settings

from mlp import DataError, load
from mlp.classifier import load_model
from mlp.commands.train import main
from mlp.files import FileError
from mlp.run.checkpoint import load as load_checkpoint
from mlp.run.directory import read_config
from mlp.run.record import read_record

IMAGES, LABELS = images_and_labels()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Make a small run with a checkpoint, beside its data as files that stay on disk."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "disk").mkdir()
    np.save(folder / "disk" / "images.npy", IMAGES)
    np.save(folder / "disk" / "labels.npy", LABELS)
    options = ["--data", str(folder / "disk"), "--split", "30", "20", "--hidden", "3"]
    options += ["--epochs", "2", "--checkpoint-every", "2", "--early-stopping", "9"]
    assert main([*options, "--device", "cpu", "--out", str(folder / "run"), "--quiet"]) == 0
    return folder


# A file of the run, and what reads it.
READERS = {
    "model": ("run/model.safetensors", lambda folder: load_model(folder / "run")),
    "checkpoint": (
        "run/checkpoint/epoch-000000002.safetensors",
        lambda folder: load_checkpoint(folder / "run"),
    ),
    "config": ("run/config.json", lambda folder: read_config(folder / "run/config.json")),
    "record": ("run/run.json", lambda folder: read_record(folder / "run")),
    "images on disk": ("disk/images.npy", lambda folder: load(folder / "disk", split=(30, 20))),
    "labels on disk": ("disk/labels.npy", lambda folder: load(folder / "disk", split=(30, 20))),
}


class Reading:
    """Reads a damaged file again and again, and sees how that goes."""

    def __init__(self, run, name):
        self.file, self._read = run / READERS[name][0], READERS[name][1]
        self.whole = self.file.read_bytes()
        self._run, self._messages = run, []

    def __enter__(self):
        self._read(self._run)
        return self

    def __exit__(self, *exception):
        self.file.write_bytes(self.whole)

    def check(self, content):
        self.file.write_bytes(content)
        tracemalloc.start()  # for the reading alone: hypothesis would take thrice the time
        started = time.process_time()
        try:
            self._read(self._run)
        except (DataError, FileError) as error:
            self._messages.append(str(error))
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert time.process_time() - started < 1.0
        assert peak < 2**26

    def check_messages(self, examples):
        assert len(self._messages) > examples // 5
        assert [one for one in self._messages if not one.isprintable()] == []


@pytest.mark.parametrize("name", ["model", "checkpoint", "images on disk"])
def test_damaged_files_that_hypothesis_thinks_of_are_refused_in_one_line(run, name):
    with Reading(run, name) as reading:

        @settings(max_examples=500, deadline=None, database=None)
        @given(content=damaged(reading.whole))
        def check(content):
            reading.check(content)

        check()
        reading.check_messages(500)


def damage(run, name, examples):
    choose = random.Random(examples)
    with Reading(run, name) as reading:
        for _ in range(examples):
            reading.check(damage_at_random(reading.whole, choose))
        reading.check_messages(examples)


@pytest.mark.parametrize("name", READERS)
def test_damaged_files_are_refused_in_one_line(run, name):
    damage(run, name, 500)


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_many_damaged_files_are_refused_in_one_line(run, name):
    damage(run, name, 10_000)
