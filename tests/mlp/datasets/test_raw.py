"""Rows and labels in the forms that people have, from a file and from memory, to the network."""

import numpy as np
import pytest
from bits import assert_same_bits
from data_files import SPLIT, images_and_labels, write_folders, write_npz
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mlp import DataError, Dataset, TrainingConfig, load, train

IMAGES, LABELS = images_and_labels()

SAME_PICTURES = {
    "floats": (IMAGES / 255, {}),
    "an axis of 1": (IMAGES[..., None].astype(np.int64), {}),
    "channels first": (IMAGES[:, None] / np.float32(255), {}),
    "flat": (IMAGES.reshape(60, 20), {"image_size": (5, 4)}),
    "on their side": (IMAGES.swapaxes(1, 2), {"transpose": True}),
    "flat floats on their side": (
        IMAGES.swapaxes(1, 2).reshape(60, 20) / 255,
        {"transpose": True, "image_size": (5, 4)},
    ),
}


def both(images, labels, tmp_path, **options):
    """Return a data set as it is read from a file, and as it is made in memory."""
    path = write_npz(tmp_path / "a.npz", images=images, labels=labels)
    read = load(path, split=SPLIT, **options)
    return read, Dataset.from_arrays(images, labels, **options)


@pytest.mark.parametrize("name", SAME_PICTURES)
def test_the_same_pictures_are_the_same_rows(name, tmp_path):
    images, options = SAME_PICTURES[name]
    expected = load(write_npz(tmp_path / "b.npz", images=IMAGES, labels=LABELS), split=SPLIT)
    for found in both(images, LABELS, tmp_path, **options):
        assert found.image_shape == (5, 4)
        assert found.preparation.transposed == options.get("transpose", False)
    read, made = both(images, LABELS, tmp_path, **options)
    for part, rows in expected.splits.items():
        assert_same_bits(read.splits[part].features, rows.features)
        assert_same_bits(read.splits[part].labels, rows.labels)
        assert read.splits[part].features.flags.c_contiguous
    assert_same_bits(made.train.features, IMAGES.reshape(60, 20))
    said = [note.partition(": ")[2] for note in read.notes[:-1]]
    assert [note.partition(": ")[2] for note in made.notes] == said
    assert ["become" in note for note in said] == ([True] if images.dtype.kind == "f" else [])


@pytest.mark.parametrize(
    ("labels", "names", "own"),
    [
        (LABELS[:, None], ("0", "1", "2"), None),
        (np.eye(3)[LABELS], ("0", "1", "2"), None),
        (LABELS.astype(float) + 1, ("1", "2", "3"), ("1", "2", "3")),
        (LABELS.astype(np.int64) * 5 - 5, ("-5", "0", "5"), ("-5", "0", "5")),
    ],
)
def test_labels_of_any_form_are_classes_and_their_own_words_are_kept(labels, names, own, tmp_path):
    for found in both(IMAGES, labels, tmp_path):
        assert (found.class_names, found.preparation.labels) == (names, own)
        assert bool([note for note in found.notes if "are classes 0 to 2" in note]) == bool(own)
    read, made = both(IMAGES, labels, tmp_path, class_names=("x", "y", "z"))
    order = np.random.RandomState(521).permutation(60)
    assert_same_bits(read.train.labels, LABELS[order[:30]])
    assert_same_bits(made.train.labels, LABELS)
    assert read.class_names == made.class_names == ("x", "y", "z")


def test_texts_are_classes_and_are_trained():
    labels = np.array(["no", "yes ", "maybe"])[LABELS]
    dataset = Dataset.from_arrays(IMAGES / 255, labels.tolist(), test=(IMAGES / 255, labels))
    assert dataset.class_names == dataset.preparation.labels == ("maybe", "no", "yes")
    assert dataset.notes == (
        "the arrays: rows of float64 (5, 4): 0 to 1 becomes 0 to 255",
        "the arrays: labels maybe, no, yes are classes 0 to 2",
    )
    assert train(dataset, TrainingConfig(hidden=(3,), epochs=1)).epoch == 1


def test_rows_and_labels_as_before_are_not_spoken_of(tmp_path):
    read, made = both(IMAGES, LABELS.astype(np.int64), tmp_path)
    assert made.notes == ()
    assert [note.partition(": ")[2][:22] for note in read.notes] == ["data set with SHA-256 "]
    assert (read.preparation.labels, read.preparation.transposed) == (None, False)


def test_regression_is_refused_unless_names_say_that_they_are_classes(tmp_path):
    quantities = np.arange(60) // 2 * 2
    path = write_npz(tmp_path / "a.npz", images=IMAGES, labels=quantities)
    with pytest.raises(DataError, match=r"a\.npz: labels must be classes, got 30 distinct numbers"):
        load(path)
    names = [f"class {number}" for number in range(30)]
    with pytest.raises(DataError, match="every class must have at least 3 rows"):
        load(path, class_names=names)
    assert Dataset.from_arrays(IMAGES, quantities, class_names=names).n_classes == 30
    assert load(path, split=(58, 1), label_column="x").n_classes == 30


def test_few_rows_train_whatever_share_of_them_is_distinct(tmp_path):
    path = write_npz(tmp_path / "a.npz", images=IMAGES[:20], labels=LABELS[:20] * 7)
    assert load(path).class_names == ("0", "7", "14")


def test_class_folders_of_other_names_are_still_known_by_their_own(tmp_path):
    folder = write_folders(tmp_path / "set")
    assert load(folder, split=SPLIT).preparation.labels is None
    found = load(folder, split=SPLIT, class_names=("x", "y", "z"))
    assert (found.class_names, found.preparation.labels) == (("x", "y", "z"), ("A", "B", "C"))


def test_what_cannot_be_transposed_is_said_in_one_line(tmp_path):
    folder = write_folders(tmp_path / "set")
    expected = load(folder, split=SPLIT)
    found = load(folder, split=SPLIT, transpose=True)
    said = "only pictures in arrays can be transposed"
    assert f"{folder}: {said}; pictures in files stand as they are" in found.notes
    assert_same_bits(found.train.features, expected.train.features)
    features = Dataset.from_arrays(IMAGES.reshape(60, 20) / 255, LABELS, transpose=True)
    assert features.notes == (f"the arrays: {said}; these are features",)
    assert not found.preparation.transposed
    assert not features.preparation.transposed


def test_bytes_that_may_be_pictures_are_features_with_a_hint(tmp_path):
    pictures = np.random.default_rng(0).integers(0, 256, (60, 64)).astype(np.uint8)
    for found in both(pictures, LABELS, tmp_path, standardize=True):
        assert (found.image_shape, found.train.features.dtype) == (None, np.float32)
        assert "--image-size 8 8" in found.notes[0]
        assert "image_size=(8, 8)" in found.notes[0]


def test_a_data_frames_columns_are_the_names_of_features_only():
    class Frame(np.ndarray):
        columns = tuple(range(20))

    pixels = IMAGES.reshape(60, 20).view(Frame)
    assert Dataset.from_arrays(pixels, LABELS, image_size=(5, 4)).preparation.feature_names is None


KINDS = st.one_of(
    hnp.boolean_dtypes(),
    hnp.integer_dtypes(endianness="?"),
    hnp.unsigned_integer_dtypes(endianness="?"),
    hnp.floating_dtypes(endianness="?"),
    hnp.complex_number_dtypes(),
    hnp.unicode_string_dtypes(max_len=3),
    hnp.byte_string_dtypes(max_len=3),
)
VALUES = st.sampled_from([0, 1, 2.5, None, "a", ""])


@st.composite
def arrays(draw):
    """Draw an array of 12 rows, or of none, of any shape, of any dtype or of objects."""
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=4))
    shape = (12, *shape[1:]) if shape else shape
    if draw(st.booleans()):
        return draw(hnp.arrays(object, shape, elements=VALUES))
    return draw(hnp.arrays(draw(KINDS), shape))


@pytest.mark.filterwarnings("ignore::mlp.ScaleWarning")
@settings(max_examples=400, deadline=None)
@given(
    rows=st.one_of(arrays(), st.just(np.arange(24.0).reshape(12, 2) / 24)),
    labels=st.one_of(arrays(), st.just(np.arange(12) % 3)),
    transpose=st.booleans(),
    image_size=st.sampled_from([None, (2, 1)]),
)
def test_any_arrays_are_trained_on_or_refused_in_one_line(rows, labels, transpose, image_size):
    message, dataset = "the arrays: ", None
    try:
        dataset = Dataset.from_arrays(rows, labels, transpose=transpose, image_size=image_size)
    except DataError as error:
        message = str(error)
    assert message.startswith("the arrays: ")
    assert message.isprintable()
    if dataset is not None:
        features, numbers, _ = dataset.train
        assert features.dtype in (np.uint8, np.float32, np.float64)
        assert np.isfinite(features).all()
        assert (features.dtype == np.uint8) == (dataset.image_shape is not None)
        assert len(features) == len(numbers) == 12
        assert set(numbers.tolist()) == set(range(dataset.n_classes))
