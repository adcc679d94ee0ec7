"""What names of arrays and files say: role, part and set."""

import pytest

from mlp.datasets.naming import Name, is_systems, understand

ROWS = "images image imgs img X x data features".split()
LABELS = "labels label y target targets".split()
TRAIN, VALID, TEST = (
    "train training".split(),
    "val valid validation dev".split(),
    "test t10k".split(),
)


@pytest.mark.parametrize(
    ("words", "role"), [(ROWS, "rows"), (LABELS, "labels")], ids=["rows", "labels"]
)
@pytest.mark.parametrize(
    ("parts", "part"), [(TRAIN, "train"), (VALID, "valid"), ([*TEST, "testing"], "test")]
)
def test_a_role_and_a_part_are_joined_in_either_order_and_case(words, role, parts, part):
    for word in words:
        assert understand(word) == Name(role, "train", "")
        for of in parts:
            for join in ("_", "-", ".", ""):
                for name in (f"{of}{join}{word}", f"{word}{join}{of}"):
                    assert understand(name) == Name(role, part, ""), name
                    assert understand(name.upper()) == Name(role, part, ""), name
    assert understand("trainImages") == Name("rows", "train", "")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("kmnist-test-imgs", Name("rows", "test", "kmnist")),
        ("emnist-letters-train-labels", Name("labels", "train", "emnist-letters")),
        ("lettersimages", Name("rows", "train", "letters")),
        ("image_labels", Name("labels", "train", "")),
        ("x_train_images", Name("rows", "train", "")),
        ("label_data", Name("labels", "train", "")),
        ("classes_train", Name("labels", "train", "")),
        ("classes", Name("classes", "train", "")),
        ("Target_Names", Name("class names", "train", "")),
        ("feature_names", Name("feature names", "train", "")),
    ],
)
def test_the_last_word_for_a_role_decides_and_other_words_name_the_set(name, expected):
    assert understand(name) == expected


@pytest.mark.parametrize("name", ["arr_0", "DESCR", "", "train", "train_test_x", "weights", "max"])
def test_other_names_are_not_understood(name):
    assert understand(name) is None


@pytest.mark.parametrize(
    "name", [".git", ".DS_Store", "__MACOSX", "Thumbs.db", "@eaDir", "._a.png"]
)
def test_what_systems_leave_is_known_by_its_name(name):
    assert is_systems(name)


@pytest.mark.parametrize("name", ["A", "_a", "train", "a.png", "0"])
def test_other_names_are_meant(name):
    assert not is_systems(name)
