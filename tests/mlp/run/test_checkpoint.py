"""States on disk: whole, checked, and never worse than the one before."""

import errno
import json
import os
from dataclasses import replace

import numpy as np
import pytest
from bits import bits_of
from safetensors.numpy import save_file

from mlp import DivergedError, Layer, TrainingConfig, train
from mlp.files import FileError
from mlp.model import parameters_sha256
from mlp.run import checkpoint
from mlp.tensors import read_tensors

CONFIG = TrainingConfig(hidden=(8, 5), epochs=3, early_stopping=9, shard_rows=64)
ENVIRONMENT = {"arithmetic": "1", "cpu": "this one"}
BIAS, WEIGHT = "parameters.layers.0.bias", "parameters.layers.0.weight"


@pytest.fixture
def states(make_dataset):
    """Train for three epochs, and give copies of the states after 0 to 3 of them."""
    dataset, copies = make_dataset(), []

    def keep(state):
        copies.append(
            replace(state, parameters=copied(state.parameters), velocity=copied(state.velocity))
        )

    train(dataset, CONFIG, on_epoch=keep)
    return copies


def copied(parameters):
    return tuple(Layer(*(array.copy() for array in layer)) for layer in parameters)


def save(directory, state):
    return checkpoint.save(directory, state, CONFIG, "data", ENVIRONMENT)


def assert_same(got, expected):
    assert got.epoch == expected.epoch
    assert bits_of(got.history) == bits_of(expected.history)
    assert [row.seconds for row in got.history] == [row.seconds for row in expected.history]
    for a, b in (
        (got.parameters, expected.parameters),
        (got.velocity, expected.velocity),
        (got.best.parameters, expected.best.parameters),
    ):
        assert parameters_sha256(a) == parameters_sha256(b)
        assert a[0].weight.dtype == b[0].weight.dtype
    assert got.best[:2] == expected.best[:2]


def test_a_state_comes_back_as_it_was(tmp_path, states):
    states[2].parameters[0].weight[0, 0] = -0.0
    save(tmp_path, states[2])
    found = checkpoint.load(tmp_path)
    assert_same(found.state, states[2])
    assert found[1:] == (CONFIG, "data", ENVIRONMENT, ())


def test_no_checkpoint_is_none(tmp_path):
    assert checkpoint.load(tmp_path) is None


def test_the_last_two_are_kept_and_nothing_else(tmp_path, states):
    (tmp_path / "checkpoint").mkdir()
    (tmp_path / "checkpoint" / ".epoch-000000000.safetensors.0123456789abcdef.part").write_bytes(
        b""
    )
    (tmp_path / "checkpoint" / ".epoch-000000000.safetensors.part").write_bytes(b"version 0.1")
    paths = [save(tmp_path, state) for state in states]
    assert sorted((tmp_path / "checkpoint").iterdir()) == paths[-2:]
    assert_same(checkpoint.load(tmp_path).state, states[-1])
    checkpoint.remove(tmp_path)
    assert list(tmp_path.iterdir()) == []


NAMES = [
    "epoch-1-backup.safetensors",
    "epoch-2.safetensors",
    "epoch-00000009x.safetensors",
    "epoch-000000009.safetensors.old",
    "copy of epoch-000000009.safetensors",
    "EPOCH-000000009.safetensors",
    "epoch-000000009.safetensors\n",
    "notes.txt",
]


def test_files_of_other_names_are_neither_read_nor_removed_nor_counted(tmp_path, states):
    save(tmp_path, states[0])
    for name in NAMES:
        (tmp_path / "checkpoint" / name).write_bytes(b"precious")
    paths = [save(tmp_path, state) for state in states]
    assert {path.name for path in (tmp_path / "checkpoint").iterdir()} == {
        *NAMES,
        *(path.name for path in paths[-2:]),
    }
    found = checkpoint.load(tmp_path)
    assert (found.state.epoch, found.warnings) == (3, ())
    checkpoint.remove(tmp_path)
    assert sorted(path.name for path in (tmp_path / "checkpoint").iterdir()) == sorted(NAMES)


@pytest.mark.parametrize("higher", [True, False])
def test_damaged_files_do_not_count_among_those_that_are_kept(tmp_path, states, higher):
    folder = tmp_path / "checkpoint"
    save(tmp_path, states[0])
    save(tmp_path, states[1])
    numbers = (7, 8, 123_456_789_012) if higher else (2,)
    for number in numbers:
        (folder / f"epoch-{number:09d}.safetensors").write_bytes(b"damaged")
    path = save(tmp_path, states[3])
    assert path.exists()
    found = checkpoint.load(tmp_path)
    assert (found.state.epoch, len(found.warnings)) == (3, 3 if higher else 0)
    path.write_bytes(b"damaged")  # and the whole one before it is there still
    assert checkpoint.load(tmp_path).state.epoch == 1


def test_epochs_are_compared_as_numbers(tmp_path, states):
    path = save(tmp_path, states[2])
    path.rename(path.with_name("epoch-1000000000.safetensors"))
    path = save(tmp_path, states[3])
    path.rename(path.with_name("epoch-999999999.safetensors"))
    assert checkpoint.load(tmp_path).state.epoch == 2


def test_a_link_in_the_place_of_the_folder_is_refused_and_not_followed(tmp_path, states):
    elsewhere, run = tmp_path / "elsewhere", tmp_path / "run"
    for folder in (elsewhere, run):
        folder.mkdir()
    path = save(elsewhere, states[1])
    (run / "checkpoint").symlink_to(elsewhere / "checkpoint")
    for call in (lambda: checkpoint.load(run), lambda: save(run, states[2])):
        with pytest.raises(FileError, match="checkpoint: must be a folder of the run, is a link"):
            call()
    checkpoint.remove(run)
    assert list((elsewhere / "checkpoint").iterdir()) == [path]


def test_values_that_are_not_finite_come_back_and_are_no_odd_json(tmp_path, states):
    row = states[1].history[1]._replace(valid_loss=float("inf"), test_loss=float("nan"))
    state = replace(states[1], history=type(states[1].history)([states[1].history[0], row]))
    path = save(tmp_path, state)
    _, metadata = read_tensors(path)
    json.loads(metadata["state"], parse_constant=pytest.fail)
    assert bits_of(checkpoint.load(tmp_path).state.history) == bits_of(state.history)


def damages(content):
    generator = np.random.default_rng(3)
    for length in (0, 1, 8, 9, len(content) - 1, *generator.integers(0, len(content), 20)):
        yield f"cut to {length} bytes", content[:length]
    for position in generator.integers(0, len(content), 60):
        damaged = bytearray(content)
        damaged[position] ^= 1 << generator.integers(8)
        yield f"a bit of byte {position} turned", bytes(damaged)
    yield "more", content + b"\0"
    yield "other content", b'{"epoch": 3}'


def test_a_damaged_file_is_seen_and_the_one_before_it_taken(tmp_path, states):
    save(tmp_path, states[1])
    newest = save(tmp_path, states[2])
    for name, content in damages(newest.read_bytes()):
        newest.write_bytes(content)
        found = checkpoint.load(tmp_path)
        assert found.state.epoch == 1, name
        (warning,) = found.warnings
        assert newest.name in warning, name
        assert "\n" not in warning, name


def test_if_all_are_damaged_that_is_an_error(tmp_path, states):
    for state in states[:2]:
        path = save(tmp_path, state)
        path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(FileError, match="all checkpoints are damaged; start anew"):
        checkpoint.load(tmp_path)


def crafted(change):
    """Return what writes a checkpoint with content of the attacker's and a checksum that fits."""

    def write(path):
        arrays, metadata = read_tensors(path)
        content = json.loads(metadata["state"])
        change(content, arrays)
        text = content if isinstance(content, str) else json.dumps(content)
        checksum = checkpoint._checksum(text, arrays)
        save_file(arrays, path, {"state": text, "sha256": checksum})

    return write


@pytest.mark.parametrize(
    "change",
    [
        lambda content, arrays: content.clear(),
        lambda content, arrays: content.update(epoch=-1, history=[]),
        lambda content, arrays: content.update(epoch="two"),
        lambda content, arrays: content.update(epoch=10**12),
        lambda content, arrays: content.update(epoch=float("inf")),
        lambda content, arrays: content.update(history=[[0]]),
        lambda content, arrays: content.update(history=3),
        lambda content, arrays: content["history"][0].__setitem__(1, "nought"),
        lambda content, arrays: content.update(best=[1]),
        lambda content, arrays: content["config"].update(epochs=-5),
        lambda content, arrays: content["config"].update(danger="os.system"),
        lambda content, arrays: content.update(config=[]),
        lambda content, arrays: content.update(environment=3),
        lambda content, arrays: arrays.clear(),
        lambda content, arrays: arrays.pop("velocity.layers.1.weight"),
        lambda content, arrays: arrays.update({"parameters.layers.0.bias": np.zeros((2, 2))}),
        lambda content, arrays: arrays.update({"parameters.layers.0.weight": np.zeros(3, "f4")}),
        lambda content, arrays: arrays.update({"velocity.layers.0.weight": np.zeros((2, 8), "f4")}),
        lambda content, arrays: arrays.update({"parameters.layers.0.bias": np.zeros(8, "i4")}),
        lambda content, arrays: arrays.update(
            {"parameters.layers.0.bias": np.full(8, np.nan, "f4")}
        ),
    ],
)
def test_a_crafted_file_is_damaged_too(tmp_path, states, change):
    path = save(tmp_path, states[2])
    crafted(change)(path)
    with pytest.raises(FileError, match="all checkpoints are damaged"):
        checkpoint.load(tmp_path)


def test_a_pipe_is_not_waited_for(tmp_path, states):
    save(tmp_path, states[1])
    os.mkfifo(tmp_path / "checkpoint" / "epoch-000000009.safetensors")
    found = checkpoint.load(tmp_path)
    assert found.state.epoch == 1
    assert "is no file" in found.warnings[0]


def test_a_hollow_file_is_passed_over_for_the_one_before_it(tmp_path, states):
    """Where an allocation fails safetensors ends in an exception that nobody expects."""
    save(tmp_path, states[1])
    os.truncate(save(tmp_path, states[2]), 60 * 2**30)
    found = checkpoint.load(tmp_path)
    assert found.state.epoch == 1
    assert "but hardly any are written in it" in found.warnings[0]


def test_deep_json_is_no_crash(tmp_path, states):
    path, text = save(tmp_path, states[1]), "[" * 100_000
    save_file({}, path, {"state": text, "sha256": checkpoint._checksum(text, {})})
    with pytest.raises(FileError, match="all checkpoints are damaged"):
        checkpoint.load(tmp_path)


def test_it_must_be_of_the_same_data_network_and_dtype(tmp_path, states):
    save(tmp_path, states[2])
    found = checkpoint.load(tmp_path)
    checkpoint.check_fits(found, (20, 8, 5, 4), "float32", "data")
    for sizes, dtype, data, message in (
        ((20, 8, 5, 4), "float32", "other", "is of data with SHA-256 data, this run of other"),
        ((20, 9, 5, 4), "float32", "data", "of a network of 20 - 8 - 5 - 4, this run of 20 - 9"),
        ((20, 8, 5, 4), "float64", "data", "is of dtype float32, this run of float64"),
    ):
        with pytest.raises(FileError, match=message):
            checkpoint.check_fits(found, sizes, dtype, data)


def test_parameters_that_overflowed_are_not_saved(tmp_path, states):
    save(tmp_path, states[1])
    states[2].parameters[1].bias[0] = np.inf
    with pytest.raises(DivergedError, match=r"layers\.1\.bias is not finite after 2 epochs; lower"):
        save(tmp_path, states[2])
    assert_same(checkpoint.load(tmp_path).state, states[1])


def failure_of(call):
    try:
        call()
    except FileError as error:
        return str(error)
    return None


OPERATIONS = [(os, "open"), (os, "fdopen"), (os, "fsync"), (os, "replace")]


class FullDisk:
    """A file that takes half of what is written to it."""

    def __init__(self, file, error):
        self._file, self._error = file, error

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self):
        self._file.close()

    def write(self, content):
        self._file.write(content[: len(content) // 2])
        raise self._error


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.EACCES])
@pytest.mark.parametrize(("owner", "name"), OPERATIONS, ids=[name for _, name in OPERATIONS])
def test_a_failure_at_any_operation_leaves_a_checkpoint(
    tmp_path, states, monkeypatch, owner, name, error
):
    """Let the n-th call fail, for every n there is."""
    original = getattr(owner, name)
    for failing in range(10):
        directory = tmp_path / str(failing)
        directory.mkdir()
        save(directory, states[0])
        save(directory, states[1])
        calls = 0

        def fail(*arguments, **options):
            nonlocal calls
            calls += 1
            if calls - 1 != failing:  # noqa: B023 - called in this round only
                return original(*arguments, **options)
            if name == "fdopen":  # a full disk takes a part of it
                return FullDisk(original(*arguments, **options), OSError(error, os.strerror(error)))
            raise OSError(error, os.strerror(error))

        with monkeypatch.context() as patch:
            patch.setattr(owner, name, fail)
            failure = failure_of(lambda: save(directory, states[2]))  # noqa: B023
        if failure is not None:
            assert calls > failing
            assert os.strerror(error) in failure
            assert "\n" not in failure
        found = checkpoint.load(directory)
        assert found.warnings == ()
        assert_same(found.state, states[found.state.epoch])
        # A failure after the name was given is reported, and the new file may be there. Where an
        # older one cannot be read to see whether it is whole, more of them are kept.
        assert found.state.epoch in ((2,) if failure is None else (1, 2))
        if calls <= failing:
            break
    assert failing >= 1
    save(directory, states[3])
    assert checkpoint.load(directory).state.epoch == 3


@pytest.mark.parametrize(
    "change",
    [
        lambda arrays: {name.replace("s.1.bias", "s.1.bibs"): a for name, a in arrays.items()},
        lambda arrays: arrays | {BIAS: arrays[BIAS].view(np.int32)},
        lambda arrays: arrays | {BIAS: arrays[BIAS].reshape(2, -1)},
        lambda arrays: arrays | {WEIGHT: arrays[WEIGHT].reshape(arrays[WEIGHT].shape[::-1])},
    ],
    ids=["name", "dtype", "shape", "shape of a weight"],
)
def test_the_checksum_is_over_names_dtypes_and_shapes_besides_the_bytes(tmp_path, states, change):
    path = save(tmp_path, states[2])
    arrays, metadata = read_tensors(path)
    save_file(arrays, path, metadata)  # written anew it is whole
    assert_same(checkpoint.load(tmp_path).state, states[2])
    changed = change(arrays)
    assert b"".join(map(bytes, changed.values())) == b"".join(map(bytes, arrays.values()))
    save_file(changed, path, metadata)
    with pytest.raises(ValueError, match="its checksum does not fit"):
        checkpoint._read(path)
