"""A data set of a run: split as the task splits it, told from others, moved to a device."""

import hashlib
from dataclasses import replace

import array_api_strict
import numpy as np
import pytest
from bits import assert_same_bits
from data_files import (
    SPLIT,
    assert_split_like_the_task,
    images_and_labels,
    write_npz,
)
from tolerances import ROUNDING

from mlp import (
    DataError,
    Dataset,
    Rows,
    TrainingConfig,
    choose_device,
    functional,
    init_parameters,
    load,
    train,
)
from mlp.datasets import fingerprint
from mlp.datasets.dataset import pick
from mlp.datasets.judge import Pair
from mlp.datasets.on_disk import FileRows
from mlp.device import Device
from mlp.model import forward


def test_rows_are_split_as_the_task_splits_them(tmp_path):
    images, labels = images_and_labels()
    path = write_npz(tmp_path / "a.npz", images=images, labels=labels.astype(np.int64))
    dataset = load(path, split=SPLIT)
    assert_split_like_the_task(dataset, images, labels)
    assert (dataset.n_classes, dataset.n_features, dataset.image_shape) == (3, 20, (5, 4))
    assert dataset.train.features.dtype == np.uint8
    assert dataset.scale == 1 / 255
    assert dataset.class_names == ("0", "1", "2")
    assert dataset.path == str(path)
    assert dataset.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert dataset.notes == (f"{path}: data set with SHA-256 {dataset.sha256}",)


def test_a_hash_that_is_known_already_is_taken_and_not_computed(tmp_path, monkeypatch):
    images, labels = images_and_labels()
    path = write_npz(tmp_path / "a.npz", images=images, labels=labels)
    monkeypatch.setattr("mlp.datasets.content._sha256", pytest.fail)
    assert load(path, split=SPLIT, sha256="known").sha256 == "known"


def test_a_class_without_training_rows_is_named(tmp_path):
    images, labels = images_and_labels()
    labels[:] = 0
    labels[np.random.RandomState(521).permutation(60)[-1]] = 1
    path = write_npz(tmp_path / "a.npz", images=images, labels=labels + 7)
    message = r"a\.npz: class 8 has no training rows; the split must give more"
    with pytest.raises(DataError, match=message):
        load(path, split=SPLIT)


def test_the_embedded_set_is_known():
    dataset = load()
    sizes = [len(rows.labels) for rows in (dataset.train, dataset.valid, dataset.test)]
    assert sizes == [10_000, 6_000, 2_724]
    assert dataset.class_names == tuple("ABCDEFGHIJ")
    assert dataset.notes == ()


def test_the_split_seed_changes_the_split(tmp_path):
    images, labels = images_and_labels()
    path = write_npz(tmp_path / "a.npz", images=images, labels=labels)
    one, two = load(path, split=SPLIT), load(path, split=SPLIT, split_seed=7)
    assert (one.train.features != two.train.features).any()


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ((50, 20), "the split into 50 and 20 rows must fit into 60"),
        ((40, 20), "the split into 40 and 20 rows must fit into 60 and leave some to test"),
        ((40, 0), "the split must be two counts of at least 1, or two shares of .*, got "),
    ],
)
def test_a_split_that_does_not_fit_is_refused(tmp_path, split, message):
    path = tmp_path / "a.npz"
    images, labels = images_and_labels()
    write_npz(path, images=images, labels=labels)
    with pytest.raises(DataError, match=message):
        load(path, split=split)


def test_arrays_bring_weights_for_the_splits_that_they_are_given_for():
    images, labels = images_and_labels()
    weights = np.arange(len(labels)) % 4
    held_out = images[::-1], labels[::-1], weights[::-1].tolist()
    dataset = Dataset.from_arrays(
        images, labels, sample_weight=weights, valid=held_out, test=(images, labels)
    )
    assert_same_bits(dataset.train.weights, weights.astype(np.float64))
    assert_same_bits(dataset.valid.weights, weights[::-1].astype(np.float64))
    assert dataset.test.weights is None
    assert Dataset.from_arrays(images, labels).train.weights is None
    pair = Pair(images, labels, weights.astype(np.float64))
    assert_same_bits(pick(pair, np.array([5, 2]), 3).weights, np.array([1.0, 2.0]))
    message = r"^the arrays: validation set: sample_weight must be real numbers of shape \(60,\)"
    with pytest.raises(DataError, match=message):
        Dataset.from_arrays(images, labels, valid=(images, labels, weights[1:]))


def assert_other_fingerprint(dataset, **changes):
    assert fingerprint(replace(dataset, **changes)) != fingerprint(dataset)


def test_the_fingerprint_is_another_for_whatever_ranks_must_find_alike(make_dataset):
    dataset = make_dataset()
    features, labels, _ = dataset.train
    for row in (0, len(labels) - 1):
        other = labels.copy()
        other[row] = (other[row] + 1) % dataset.n_classes
        assert_other_fingerprint(dataset, train=Rows(features, other))
    other = dataset.test.labels.copy()
    other[-1] = (other[-1] + 1) % dataset.n_classes
    assert_other_fingerprint(dataset, test=Rows(dataset.test.features, other))
    assert_other_fingerprint(dataset, train=Rows(features[:, :-1], labels))
    assert_other_fingerprint(dataset, train=Rows(features.astype(np.float32), labels))
    for change in ({"scale": 1.0}, {"class_names": tuple("abcde")}, {"mean": (0.0,) * 20}):
        assert_other_fingerprint(dataset, preparation=replace(dataset.preparation, **change))
    weights = np.ones(len(labels))
    weighted = replace(dataset, train=Rows(features, labels, weights))
    assert_other_fingerprint(dataset, train=weighted.train)
    other = weights.copy()
    other[-1] = 2.0
    assert_other_fingerprint(weighted, train=Rows(features, labels, other))
    assert_other_fingerprint(dataset, test=None)
    assert_other_fingerprint(dataset, train=dataset.valid, valid=dataset.train)


def test_the_fingerprint_tells_every_pixel_but_not_where_it_was_read(make_dataset):
    dataset = make_dataset()
    for place in (0, -1):
        features = dataset.valid.features.copy()
        features.flat[place] ^= 1
        assert_other_fingerprint(dataset, valid=Rows(features, dataset.valid.labels))
    same = replace(dataset, path="elsewhere", notes=("a note",))
    assert fingerprint(same) == fingerprint(dataset)


def test_the_fingerprint_of_rows_on_disk_reads_some_of_them(tmp_path):
    images, labels = images_and_labels(2000)
    prints = []
    for change in (None, 0, slice(None), slice(1000, 1900)):
        changed = images.copy()
        if change is not None:
            changed[change] ^= 1
        np.save(tmp_path / "images.npy", changed)
        np.save(tmp_path / "labels.npy", labels)
        prints.append(fingerprint(load(tmp_path, split=(1500, 400))))
    assert prints[0] != prints[2] != prints[3] != prints[0]
    read = load(tmp_path, split=(1500, 400)).train.features.read
    assert len(read(slice(0, 3))) == 3  # and they can be read again


@pytest.mark.parametrize(("n_classes", "dtype"), [(256, np.uint8), (257, np.int32)])
@pytest.mark.parametrize("batch_size", [None, 100])
def test_as_many_classes_as_a_byte_holds_and_one_more_are_read_and_learned(
    tmp_path, n_classes, dtype, batch_size
):
    labels = np.arange(4 * n_classes) % n_classes
    features = np.stack([np.sin(labels), np.cos(labels), labels / n_classes], axis=1)
    path = write_npz(tmp_path / "a.npz", features=features, labels=labels)
    dataset = load(path, split=(4 * n_classes - 20, 10), split_seed=3)
    assert {rows.labels.dtype for rows in dataset.splits.values()} == {np.dtype(dtype)}
    assert dataset.n_classes == len(dataset.class_names) == n_classes
    order = np.random.RandomState(3).permutation(4 * n_classes)
    np.testing.assert_array_equal(dataset.train.labels, labels[order[:-20]])
    config = TrainingConfig(hidden=(8,), epochs=3, batch_size=batch_size, dtype="float64")
    first, *_, last = train(dataset, config).history
    assert last.train_loss < first.train_loss
    parameters = init_parameters((3, 8, n_classes), seed=421, dtype="float64")
    logits = forward(parameters, dataset.train.features)[0]
    targets = functional.one_hot(labels[order[:-20]], n_classes)
    expected = functional.average_cross_entropy(targets, functional.softmax(logits))
    np.testing.assert_allclose(first.train_loss, expected, **ROUNDING["float64"])


DEVICE = Device(
    array_api_strict, array_api_strict.Device("device1"), "cuda", "cuda", "cuda:0", "a stand-in"
)


def test_a_data_set_has_the_splits_that_are_there(make_dataset):
    dataset = make_dataset()
    assert list(dataset.splits) == ["train", "valid", "test"]
    assert dataset.splits["valid"] is dataset.valid
    assert list(replace(dataset, valid=None).splits) == ["train", "test"]
    assert dataset.n_features == 20


@pytest.mark.parametrize("absent", [{}, {"valid": None}, {"test": None}])
def test_a_function_is_applied_to_every_split_that_is_there_and_the_rest_stays(
    make_dataset, absent
):
    dataset = replace(make_dataset(), **absent)
    halved = dataset.map(lambda rows: rows.map(lambda array: array[::2]))
    assert list(halved.splits) == list(dataset.splits)
    for name, rows in dataset.splits.items():
        assert_same_bits(halved.splits[name].features, rows.features[::2].copy())
        assert_same_bits(halved.splits[name].labels, rows.labels[::2].copy())
    rest = {name: getattr(dataset, name) for name in ("scale", "n_classes", "path", "notes")}
    assert {name: getattr(halved, name) for name in rest} == rest


def test_all_rows_are_copied_to_a_device_and_numpy_keeps_its_own(make_dataset):
    dataset = make_dataset(weighted=True)
    moved = dataset.to(DEVICE)
    for name, rows in dataset.splits.items():
        for array, there in zip(rows, moved.splits[name], strict=True):
            if array is None:
                assert (there, name) == (None, "test")
                continue
            assert there.device == DEVICE.handle
            assert_same_bits(there, array)
    same = dataset.to(choose_device("cpu"))
    assert same.train.features is dataset.train.features


def test_rows_are_taken_by_a_slice_as_views_and_by_number_as_copies(make_dataset):
    rows = make_dataset(weighted=True).train
    view = rows.take(slice(3, 9))
    assert np.shares_memory(view.features, rows.features)
    assert_same_bits(view.labels, rows.labels[3:9])
    index = np.array([7, 0, 7, 299])
    copy = rows.take(index)
    assert not np.shares_memory(copy.features, rows.features)
    assert_same_bits(copy.features, rows.features[index])
    there = rows.map(DEVICE.put)
    for chosen, expected in (
        (slice(3, 9), rows.take(slice(3, 9))),
        (array_api_strict.asarray(index, device=DEVICE.handle), copy),
    ):
        for array, other in zip(there.take(chosen), expected, strict=True):
            assert array.device == DEVICE.handle
            assert_same_bits(array, other)


def test_rows_on_disk_stay_there_for_numpy_and_are_read_for_others(tmp_path):
    images, labels = images_and_labels()
    np.save(tmp_path / "images.npy", images)
    np.save(tmp_path / "labels.npy", labels)
    dataset = load(tmp_path, split=SPLIT)
    assert isinstance(dataset.train.features, FileRows)
    assert dataset.to(choose_device("cpu")).train.features is dataset.train.features
    order = np.random.RandomState(521).permutation(60)[:30]
    expected = images.reshape(60, 20)[order]
    moved = dataset.to(DEVICE)
    assert moved.train.features.device == DEVICE.handle
    assert_same_bits(moved.train.features, expected)
    for index in (slice(4, 11), np.array([3, 0, 29])):
        taken = dataset.train.take(index)
        assert_same_bits(taken.features, np.ascontiguousarray(expected[index]))
        assert_same_bits(taken.labels, labels[order][index].copy())


def test_arrays_in_memory_are_judged_as_those_of_a_file_are():
    images, labels = images_and_labels()
    dataset = Dataset.from_arrays(
        images, labels, valid=(images[:9], labels[:9]), class_names=["a", "b", "c"]
    )
    assert (dataset.image_shape, dataset.scale) == ((5, 4), 1 / 255)
    assert dataset.class_names == ("a", "b", "c")
    assert list(dataset.splits) == ["train", "valid"]
    assert_same_bits(dataset.train.features, images.reshape(60, 20))
    assert train(dataset, TrainingConfig(hidden=(3,), epochs=1)).epoch == 1
    features = images.reshape(60, 20) / 255
    assert Dataset.from_arrays(features.tolist(), labels.tolist()).class_names == ("0", "1", "2")
    for arguments, options, message in (
        ((images, labels[:50]), {}, "the arrays: holds 60 rows but 50 labels"),
        ((np.where(features > 0.99, np.nan, features), labels), {}, "must be finite, row"),
        ((images, labels), {"class_names": ["a", "b"]}, "class_names must be 3 for .*, got 2"),
        (
            (images, labels),
            {"class_names": "abc"},
            "class_names must be a list of names, got 'abc'",
        ),
        ((images, labels), {"class_names": 3}, "class_names must be a list of names, got 3"),
        ((images, labels), {"image_size": 2}, "image_size must be a height and a width .*, got 2"),
        ((images, labels), {"image_size": (5, 4, 1)}, r"image_size must be .*, got \(5, 4, 1\)"),
        ((images, labels), {"image_size": "54"}, "image_size must be a height and .*, got '54'"),
        ((images, labels), {"valid": (images,)}, r"validation set: must be \(X, y\) .* tuple of 1"),
        ((images, labels), {"test": (images,) * 4}, r"test set: must be \(X, y\) or .* tuple of 4"),
        ((images, labels), {"valid": dataset}, r"validation set: must be .*, got Dataset"),
        ((images, labels), {"test": (images[:, 1:], labels)}, r"test rows must be uint8 of shape"),
        ((images, labels), {"test": (features, labels)}, r"got float64 of shape \(20,\)"),
        (
            (images, labels),
            {"valid": (images, labels + 1)},
            "validation set: labels must be among .* 0 to 2; got 3$",
        ),
        ((images[0, 0], labels), {}, r"got uint8 of shape \(4,\); one feature a row"),
    ):
        with pytest.raises(DataError, match=message) as caught:
            Dataset.from_arrays(*arguments, **options)
        assert "--" not in str(caught.value)


def test_a_data_frames_columns_are_the_features_names():
    class Frame(np.ndarray):  # what counts is the attribute
        columns = ("age", "income")

    frame = np.arange(40.0).reshape(20, 2).view(Frame) / 40
    dataset = Dataset.from_arrays(frame, np.arange(20) % 2)
    assert dataset.preparation.feature_names == ("age", "income")


def test_a_data_set_is_written_in_one_short_line(make_dataset):
    assert repr(make_dataset()) == (
        "Dataset('memory', 300 + 90 + 60 rows of 20 features, 4 classes)"
    )
    images, labels = images_and_labels()
    assert repr(Dataset.from_arrays(images, labels)) == (
        "Dataset('memory', 60 rows of 5 x 4 pixels, 3 classes)"
    )


def test_any_set_is_divided_by_class_and_known_ones_as_the_task_does(tmp_path):
    images, labels = images_and_labels(200)
    path = write_npz(tmp_path / "a.npz", images=images, labels=labels)
    dataset = load(path)
    assert [len(rows.labels) for rows in dataset.splits.values()] == [140, 30, 30]
    shares = load(path, split=(0.5, 0.25))
    assert [len(rows.labels) for rows in shares.splits.values()] == [100, 50, 50]
    assert (dataset.split, shares.split) == (None, (0.5, 0.25))
