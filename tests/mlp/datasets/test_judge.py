"""What rows and labels must be, and the one line where they are not."""

import numpy as np
import pytest
from bits import assert_same_bits
from data_files import N, images_and_labels

from mlp import DataError, Dataset, Preparation, Rows, TrainingConfig, train
from mlp.datasets.judge import Pair, check, check_all, check_rows, count_classes

IMAGES, LABELS = images_and_labels()
FEATURES = IMAGES.reshape(N, -1).astype(np.float32)


def with_value(value, row):
    changed = FEATURES.copy()
    changed[row, 3] = value
    return changed


BAD = {
    "float images": (
        IMAGES / 255,
        LABELS,
        r"images must be uint8 of shape \(N, H, W\), .* got float64 of shape \(60, 5, 4\)",
    ),
    "flat images": (
        IMAGES.reshape(N, -1),
        LABELS,
        r"images must be uint8 of shape .* got uint8 of shape \(60, 20\)",
    ),
    "colour images": (IMAGES[..., None], LABELS, r"got uint8 of shape \(60, 5, 4, 1\)"),
    "half features": (FEATURES.astype(np.float16), LABELS, "got float16"),
    "float labels": (
        IMAGES,
        LABELS * 1.0,
        r"labels must be integers of shape \(N,\), got float64 of shape \(60,\)",
    ),
    "bool labels": (IMAGES, LABELS > 0, "labels must be integers"),
    "texts": (IMAGES, LABELS.astype(str), r"labels must be integers .* got <U3 of shape \(60,\)"),
    "one-hot labels": (
        IMAGES,
        np.eye(3, dtype=np.uint8)[LABELS],
        r"labels must be integers .* shape \(60, 3\)",
    ),
    "other counts": (IMAGES, LABELS[:-1], "60 rows but 59 labels$"),
    "rows along the last axis": (
        np.moveaxis(IMAGES, 0, -1),
        LABELS,
        r"5 rows but 60 labels; rows lie along the first axis, where numpy.moveaxis\(rows, -1, 0\)",
    ),
    "negative labels": (
        IMAGES,
        LABELS.astype(np.int32) - 1,
        "labels must be class indices from 0, got -1 to 1",
    ),
    "huge labels": (
        IMAGES,
        LABELS.astype(np.uint64) + np.uint64(2**63),
        "labels must be class indices from 0, got 9223372036854775808",
    ),
    "a label of 32 bits": (IMAGES, LABELS.astype(np.int64) + 2**31 - 2, "from 0, got 2147483646"),
    "NaN": (with_value(np.nan, 7), LABELS, "features must be finite, row 7 holds NaN or inf"),
    "inf": (with_value(-np.inf, 59), LABELS, "features must be finite, row 59 holds NaN or inf"),
    "no rows": (IMAGES[:0], LABELS[:0], "holds no data, its rows have shape"),
    "no pixels": (IMAGES[:, :0], LABELS, "holds no data"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_trained_on_is_one_line(name):
    rows, labels, message = BAD[name]
    with pytest.raises(DataError, match=f"^a.npz: .*{message}") as caught:
        check(Pair(rows, labels), "a.npz")
    assert "\n" not in str(caught.value)


def with_weight(value, row=7):
    return np.where(np.arange(N) == row, value, 1.0)


BAD_WEIGHTS = {
    "one for each class": (
        np.ones(3),
        r"be real numbers of shape \(60,\), .*got float64 of shape \(3,\)",
    ),
    "a column": (np.ones((N, 1)), r".*got float64 of shape \(60, 1\)"),
    "one number": (np.asarray(2.0), r".*got float64 of shape \(\)"),
    "texts": (np.full(N, "1"), ".*got <U1"),
    "complex": (np.ones(N, complex), ".*got complex128"),
    "NaN": (with_weight(np.nan), "be finite and not negative, row 7 has nan"),
    "inf": (with_weight(np.inf), ".*row 7 has inf"),
    "negative": (with_weight(-0.5), "be finite and not negative, row 7 has -0.5"),
    "all zero": (np.zeros(N), "not be zero for all rows"),
}


@pytest.mark.parametrize("name", BAD_WEIGHTS)
def test_weights_that_cannot_be_used_are_one_line(name):
    weights, message = BAD_WEIGHTS[name]
    with pytest.raises(DataError, match=f"^a.npz: sample_weight must {message}") as caught:
        check(Pair(IMAGES, LABELS, weights), "a.npz")
    assert "\n" not in str(caught.value)
    # Where nobody has judged them before, training does.
    with pytest.raises(DataError, match=f"^rows: sample_weight must {message}"):
        check_rows(Rows(FEATURES, LABELS, weights), 3, "float32", "rows")
    both = {"train": Pair(IMAGES, LABELS), "valid": Pair(IMAGES, LABELS, weights)}
    with pytest.raises(DataError, match=f"^a.npz: validation set: sample_weight must {message}"):
        check_all(both, "a.npz")


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float16", "float32"])
def test_good_weights_come_back_in_float64(dtype):
    given = (np.arange(N) % 3).astype(dtype)
    found = check(Pair(IMAGES, LABELS, given), "a.npz").weights
    assert_same_bits(found, given.astype(np.float64))
    assert not np.shares_memory(found, given)


@pytest.mark.parametrize(
    ("weight", "dtype", "fits"),
    [
        (1e-18, "float32", True),
        (1e-20, "float32", False),
        (1e-20, "float64", True),
        (1e19, "float32", True),
        (1e20, "float32", False),
        (1e150, "float64", True),
        (1e160, "float64", False),
    ],
)
def test_weights_must_leave_gradients_their_precision(weight, dtype, fits):
    rows = Rows(FEATURES, LABELS, with_weight(weight, 3) * (np.arange(N) != 5))
    if fits:
        check_rows(rows, 3, dtype, "rows")
        dataset = Dataset(rows, None, None, Preparation(("0", "1", "2"), scale=1 / 255))
        config = TrainingConfig(hidden=(4,), epochs=2, batch_size=1, dtype=dtype)
        assert np.isfinite([row.train_loss for row in train(dataset, config).history]).all()
        return
    with pytest.raises(DataError, match=f"0 or from .* to .* in {dtype}, .*divide all of them by"):
        check_rows(rows, 3, dtype, "rows")


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", ">i4", "int64", "uint64"])
@pytest.mark.parametrize("rows", [IMAGES, FEATURES, FEATURES.astype(np.float64)])
def test_good_rows_pass_untouched_and_labels_come_back_as_bytes(rows, dtype):
    found = check(Pair(rows, LABELS.astype(dtype)), "a.npz")
    assert found.rows is rows
    assert_same_bits(found.labels, LABELS)


@pytest.mark.parametrize(("largest", "dtype"), [(255, np.uint8), (256, np.int64)])
def test_labels_that_no_byte_holds_come_back_wider(largest, dtype):
    labels = LABELS.astype(np.int32)
    labels[0] = largest
    assert_same_bits(check(Pair(IMAGES, labels), "a").labels, labels.astype(dtype))


def test_classes_are_counted_and_must_be_without_a_gap():
    assert count_classes(LABELS, "a") == 3
    assert count_classes(np.array([1, 0]), "a") == 2
    for labels, message in (
        (LABELS * 2, "a: labels must be exactly 0 to 2 for 3 distinct ones, got 0 to 4"),
        (LABELS + 1, "a: labels must be exactly 0 to 2 for 3 distinct ones, got 1 to 3"),
        (LABELS * 0, "a: labels must name at least 2 classes, got 1"),
    ):
        with pytest.raises(DataError, match=f"^{message}$"):
            count_classes(labels, "a")
