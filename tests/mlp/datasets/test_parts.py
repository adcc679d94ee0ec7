"""The same pictures give the same rows, whatever their layout and dtype; what is said of it."""

import numpy as np
import pytest
from bits import assert_same_bits
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mlp import DataError, Dataset
from mlp.datasets.parts import take

LAYOUTS = {
    "(N, H, W)": lambda a: a,
    "(N, H, W, 1)": lambda a: a[..., None],
    "(N, 1, H, W)": lambda a: a[:, None],
    "flat": lambda a: a.reshape(len(a), -1),
    "RGB last": lambda a: np.repeat(a[..., None], 3, axis=-1),
    "RGB first": lambda a: np.repeat(a[:, None], 3, axis=1),
    "grey and alpha": lambda a: np.stack([a, np.full_like(a, 255)], axis=-1),
    "RGBA first": lambda a: np.stack([a, a, a, np.full_like(a, 255)], axis=1),
}
DTYPES = {
    "bytes": lambda a: a,
    "int16": lambda a: a.astype(np.int16),
    ">u4": lambda a: a.astype(">u4"),
    "int64": lambda a: a.astype(np.int64),
    "whole float32": lambda a: a.astype(np.float32),
    "whole >f8": lambda a: a.astype(">f8"),
    "whole float16": lambda a: a.astype(np.float16),
    "unit float16": lambda a: (a / 255).astype(np.float16),
    "unit float32": lambda a: a * np.float32(1 / 255),
    "unit >f4": lambda a: (a / 255).astype(">f4"),
    "unit float64": lambda a: a / 255,
    "unit longdouble": lambda a: a.astype(np.longdouble) / 255,
}


@given(
    seed=st.integers(0, 2**32 - 1),
    lying=st.sampled_from(sorted(LAYOUTS)),
    kind=st.sampled_from(sorted(DTYPES)),
    transpose=st.booleans(),
    order=st.sampled_from("CF"),
)
def test_pictures_of_every_layout_and_dtype_give_the_same_rows(seed, lying, kind, transpose, order):
    pictures = np.random.default_rng(seed).integers(0, 256, (7, 6, 5)).astype(np.uint8)
    pictures[0, 0, :2] = 0, 255  # without them bytes may all be fractions of 1
    stored = pictures.swapaxes(1, 2) if transpose else pictures
    array = np.asarray(LAYOUTS[lying](DTYPES[kind](stored)), order=order)
    if "A" in lying or "alpha" in lying:
        # Opaque is the largest number that a pixel may be.
        axis = 1 if "first" in lying else -1
        np.moveaxis(array, axis, 0)[-1] = 1 if "unit" in kind else 255
    taken = take({"train": array}, "a", size=(6, 5), transpose=transpose)
    assert_same_bits(np.asarray(taken.rows["train"]), pictures)
    assert (taken.transposed, taken.ground) == (transpose, "")
    assert not [note for note in taken.notes if "rounded" in note]


@given(seed=st.integers(0, 2**32 - 1), permute=st.permutations(range(30)))
def test_the_order_of_rows_changes_no_row(seed, permute):
    colours = np.random.default_rng(seed).random((30, 3, 4, 4)).astype(np.float32)
    one, other = (
        take({"train": array}, "a").rows["train"] for array in (colours, colours[permute])
    )
    assert_same_bits(np.asarray(other), np.asarray(one)[permute])


def test_colours_become_the_grey_of_the_reader_of_pictures():
    colours = np.random.default_rng(0).integers(0, 256, (500, 8, 8, 3)).astype(np.uint8)
    grey = np.stack([np.asarray(Image.fromarray(one).convert("L")) for one in colours])
    for array in (colours, np.moveaxis(colours, -1, 1)):
        taken = take({"train": array}, "a")
        assert_same_bits(np.asarray(taken.rows["train"]), grey)
        assert taken.notes == (
            f"a: rows of uint8 {array.shape[1:]}: colours become grey as ITU-R 601 weighs them",
        )


@pytest.mark.parametrize(("opaque", "expected"), [(250, "white"), (3, "black"), (None, "black")])
def test_transparent_pictures_are_laid_on_one_ground_as_those_of_files_are(opaque, expected):
    """On what opaque ones have at their borders, else on what the ink stands out from."""
    pictures = np.zeros((6, 5, 4, 4), np.uint8)
    pictures[:, 1:3, 1:3] = [200, 210, 220, 255]  # bright ink, and all around it nothing
    if opaque is not None:
        pictures[:2, ..., :3], pictures[:2, ..., 3] = opaque, 255
    taken = take({"train": pictures[:4], "test": pictures[4:]}, "a")
    assert taken.ground == expected
    for part, some in (("train", pictures[:4]), ("test", pictures[4:])):
        on = Image.new("RGBA", (4, 5), expected)
        theirs = [
            np.asarray(Image.alpha_composite(on, Image.fromarray(one)).convert("L")) for one in some
        ]
        assert_same_bits(np.asarray(taken.rows[part]), np.stack(theirs))
    assert f"transparency is laid on {expected}" in taken.notes[0]
    dataset = Dataset.from_arrays(pictures, np.arange(6) % 2)
    assert dataset.preparation.ground == expected


def test_fractions_have_one_range_in_all_parts():
    """Alone the test pictures would be fractions of 1, beside the training pictures levels."""
    train, test = np.full((4, 2, 2), 200.0), np.ones((4, 2, 2))
    taken = take({"train": train, "test": test}, "a")
    assert_same_bits(np.asarray(taken.rows["test"]), np.ones((4, 2, 2), np.uint8))
    alone = take({"train": test}, "a").rows["train"]
    assert_same_bits(np.asarray(alone), np.full((4, 2, 2), 255, np.uint8))


NOTES = [
    (np.full((3, 2, 2), 0.3), "rows of float64 (2, 2): 0 to 1 becomes 0 to 255, rounded to whole"),
    (np.full((3, 2, 2), 0.2), "rows of float64 (2, 2): 0 to 1 becomes 0 to 255"),
    (np.ones((3, 2, 2), bool), "rows of bool (2, 2): False becomes 0, True 255"),
    (
        np.full((3, 2, 2), 16.0),
        "16 to 16 are levels of 0 to 255, all of them dark; scale them if 16 is",
    ),
    (
        np.full((3, 2, 2), 16),
        "rows of int64 (2, 2): 16 to 16 are levels of 0 to 255, all of them d",
    ),
    (np.full((3, 2, 2), 160.0), "rows of float64 (2, 2): 160 to 160 are levels of 0 to 255"),
    (np.full((3, 2, 2), 160), ""),
    (np.full((3, 2, 2), 16, np.uint8), ""),
    (np.full((3, 8, 8, 1), 16, np.uint8), ""),
    (np.full((3, 3, 8, 3), 16, np.uint8), "taken as 3 x 8 pictures whose channels come last; col"),
    (np.full((3, 16), 255, np.uint8), "rows of uint8 (16,): taken as features; --image-size 4 4, "),
    (np.full((3, 16), 255.0), ""),
    (np.full((3, 16), 256), ""),
    (np.full((3, 15), 255), ""),
    (np.full((3, 15, 1), 25.5), "rows of float64 (15, 1): taken as features"),
]


@pytest.mark.parametrize(("array", "note"), NOTES, ids=[note or "-" for _, note in NOTES])
def test_what_is_lost_or_guessed_is_said_in_one_line(array, note):
    said = take({"train": array}, "a").notes
    assert len(said) == bool(note)
    assert not note or (note in said[0] and said[0].startswith("a: ") and "\n" not in said[0])


def test_one_note_for_each_part_that_is_like_nothing_else():
    unit, levels = np.full((3, 2, 2), 0.2), np.full((3, 2, 2), 9, np.uint8)
    said = take({"train": levels, "test": unit}, "a").notes
    assert said == ("a: test set: rows of float64 (2, 2): 0 to 1 becomes 0 to 255",)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint8, np.int16, ">i4", np.int64, np.float16])
def test_whole_numbers_as_features_are_float32(dtype):
    features = (np.arange(35).reshape(5, 7) % 2).astype(dtype)
    assert_same_bits(
        np.asarray(take({"train": features}, "a").rows["train"]), features.astype(np.float32)
    )


def test_numbers_that_float32_does_not_hold_are_float64_in_all_parts():
    large, small = np.full((5, 7), 2**24 + 1), np.ones((5, 7), np.float32)
    taken = take({"train": large, "test": small}, "a").rows
    assert_same_bits(np.asarray(taken["train"]), large.astype(np.float64))
    assert_same_bits(np.asarray(taken["test"]), np.ones((5, 7)))
    floats = np.ones((5, 7), np.longdouble)
    assert np.asarray(take({"train": floats}, "a").rows["train"]).dtype == np.float64


@pytest.mark.parametrize(
    "array", [np.zeros((3, 4, 4), np.uint8), np.zeros((3, 4)), np.zeros((3, 16))]
)
def test_rows_as_training_takes_them_are_not_copied(array):
    assert np.shares_memory(np.asarray(take({"train": array}, "a").rows["train"]), array)


def test_an_array_of_another_size_than_asked_for_is_refused():
    for shape in ((3, 4, 4), (3, 17), (3, 4, 4, 3), (3, 3, 5, 4), (3, 48)):
        message = (
            rf"pictures in folders can be resized; .* \({shape[1]},.*\), asked for was \(4, 5\)"
        )
        with pytest.raises(DataError, match=message):
            take({"train": np.zeros(shape, np.uint8)}, "a", size=(4, 5))
    with pytest.raises(
        DataError, match=r"reshape them to \(N, 4, 5, 3\) or \(N, 3, 4, 5\), as they"
    ):
        take({"train": np.zeros((3, 60), np.uint8)}, "a", size=(4, 5))


BAD = [
    (np.full((3, 2, 2), np.nan), "pixels must be finite, row 0 holds NaN or inf"),
    (np.where(np.arange(12).reshape(3, 2, 2) == 9, np.inf, 0.5), "row 2 holds NaN or inf"),
    (np.full((3, 2, 2), 256), "got int64 from 256 to 256; divide 16 bits by 257"),
    (np.full((3, 2, 2), -1), "got int64 from -1 to -1; add 1 and halve"),
    (np.linspace(-1, 1, 12).reshape(3, 2, 2), "got float64 from -1 to 1, with fractions; add 1"),
    (np.full((3, 2, 2), 1.5), "from 1.5 to 1.5, with fractions; round them with numpy.rint"),
    (np.full((3, 2, 2), 1e30), "scale them, or give rows of features (N, D)"),
    (np.full((3, 2, 2), 2**63, np.uint64), "scale them, or give rows of features (N, D)"),
]


@pytest.mark.parametrize(("array", "message"), BAD)
def test_numbers_that_are_no_pixels_are_refused_in_one_line(array, message):
    with pytest.raises(DataError) as caught:
        take({"train": array}, "a")
    assert message in str(caught.value)
    assert str(caught.value).startswith("a: pixels must be ")
    assert "\n" not in str(caught.value)
