"""Forms in which people have data, each written as their tools write it: what is read of it."""

import gzip
import shutil
import struct

import numpy as np
import pytest
from bits import assert_same_bits
from data_files import images_and_labels, refuse, write_folders

from mlp import DataError, TrainingConfig, load, load_model, train
from mlp.commands.train import main
from mlp.datasets.content import read, sha256_of
from mlp.datasets.reading import Reading
from mlp.run.record import read_record

TRAIN, VALID, TEST = (images_and_labels(n, seed=n) for n in (60, 12, 15))
NAMES = ("zero", "one", "two")
IDX_TYPES = {"u1": 8, "i1": 9, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def idx(array):
    """Return an IDX file of any of the format's types."""
    kind = IDX_TYPES[array.dtype.str[1:]]
    header = struct.pack(f">4B{array.ndim}I", 0, 0, kind, array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def put(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content) if path.name.lower().endswith(".gz") else content)


def archive(save=np.savez, **arrays):
    """Write an .npz of these arrays."""

    def write(folder):
        save(folder / "a.npz", **arrays)
        return folder / "a.npz"

    return write


def parts(*names):
    """Write an .npz whose arrays are so named: rows and labels of training, test and validation."""
    arrays = (array for pair in (TRAIN, TEST, VALID) for array in pair)
    return archive(**dict(zip(names, arrays, strict=False)))


def single(*names, shown=""):
    """Write files of one array each, .npy or .npz; the path is the folder or one of them."""

    def write(folder):
        arrays = (array for pair in (TRAIN, TEST, VALID) for array in pair)
        for name, array in zip(names, arrays, strict=False):
            save = np.savez_compressed if name.endswith(".npz") else np.save
            save(folder / name, array)
        return folder / shown

    return write


def files(*names, shown="", more=()):
    """Write IDX files: images and labels of training, then of test."""

    def write(folder):
        arrays = (array for pair in (TRAIN, TEST) for array in pair)
        for name, array in zip(names, arrays, strict=False):
            put(folder / name, idx(array))
        for name in more:
            put(folder / name, b"what a Mac leaves")
        return folder / shown

    return write


KMNIST = [f"kmnist-{of}.npz" for of in ("train-imgs", "train-labels", "test-imgs", "test-labels")]
MNIST = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"]
MNIST += ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]
EMNIST = [f"emnist-letters-{name}.gz".replace("t10k", "test") for name in MNIST]

# What is written; which parts it has.
FORMS = {
    "images, labels": (parts("images", "labels"), "train"),
    "features, labels": (parts("features", "labels"), "train"),
    "X, y": (parts("X", "y"), "train"),
    "data, target": (parts("data", "target"), "train"),
    "imgs, targets": (parts("imgs", "targets"), "train"),
    "x, classes": (parts("x", "classes"), "train"),
    "Keras": (parts("x_train", "y_train", "x_test", "y_test"), "train test"),
    "Keras, capital": (parts("X_train", "y_train", "X_test", "y_test"), "train test"),
    "Keras, three parts": (
        parts("x_train", "y_train", "x_test", "y_test", "x_val", "y_val"),
        "train valid test",
    ),
    "MedMNIST": (
        parts(
            *("train_images", "train_labels", "test_images", "test_labels"),
            *("val_images", "val_labels"),
        ),
        "train valid test",
    ),
    "parts behind": (
        parts(
            *("images_train", "labels_train", "images_test", "labels_test"),
            *("images_valid", "labels_valid"),
        ),
        "train valid test",
    ),
    "validation, testing": (
        parts(
            *("training-data", "training-target", "testing-data", "testing-target"),
            *("validation-data", "validation-target"),
        ),
        "train valid test",
    ),
    "camel case": (parts("trainImages", "trainLabels", "testImages", "testLabels"), "train test"),
    "no underscore": (parts("xtrain", "ytrain", "xtest", "ytest", "xdev", "ydev"), "*"),
    "own test part": (parts("images", "labels", "test_images", "test_labels"), "train test"),
    "KMNIST, folder": (single(*KMNIST), "train test"),
    **{f"KMNIST, {name}": (single(*KMNIST, shown=name), "train test") for name in KMNIST},
    "KMNIST, train": (single(*KMNIST[:2]), "train"),
    "npy, folder": (single("x_train.npy", "y_train.npy", "x_test.npy", "y_test.npy"), "train test"),
    "npy, file": (
        single("train_images.npy", "train_labels.npy", shown="train_labels.npy"),
        "train",
    ),
    "npy, no part": (single("X.npy", "y.npy"), "train"),
    "npy and npz": (single("x_train.npz", "y_train.npy", "x_test.npy", "y_test.npz"), "train test"),
    "folder of an archive": (
        lambda folder: parts("x_train", "y_train", "x_test", "y_test")(folder).parent,
        "train test",
    ),
    "folder of an archive a part": (
        lambda folder: (
            [
                np.savez(folder / f"set_{name}.npz", images=of[0], labels=of[1], class_names=NAMES)
                for name, of in (("train", TRAIN), ("val", VALID), ("test", TEST))
            ]
            and folder
        ),
        "train valid test",
    ),
    "MNIST": (files(*MNIST), "train test"),
    "MNIST, gzip": (files(*(f"{name}.gz" for name in MNIST)), "train test"),
    "MNIST, points": (
        files(*(name.replace("-idx", ".idx") for name in MNIST)),
        "train test",
    ),
    "MNIST, mixed": (
        files("train-images.idx3-ubyte", MNIST[1], MNIST[2] + ".gz", "t10k-labels.idx1-ubyte"),
        "train test",
    ),
    "MNIST, upper case": (files(*(f"{name}.gz".upper() for name in MNIST)), "train test"),
    "MNIST, folders": (files(*(f"{name}/{name}" for name in MNIST)), "train test"),
    "MNIST, one of the folders' files": (
        files(*(f"{name}/{name}" for name in MNIST), shown=f"{MNIST[0]}/{MNIST[0]}"),
        "train",
    ),
    "MNIST, folders with points": (
        files(*(f"{name}/{name.replace('-idx', '.idx')}" for name in MNIST)),
        "train test",
    ),
    "torchvision": (files(*(f"raw/{name}" for name in MNIST)), "train test"),
    "MNIST from a Mac": (
        files(*MNIST, more=[f"._{name}" for name in MNIST] + [".DS_Store"]),
        "train test",
    ),
    "MNIST, test for t10k": (files(*(n.replace("t10k", "test") for n in MNIST)), "train test"),
    "MNIST, one file": (files(*MNIST, shown=MNIST[0]), "train"),
    "EMNIST": (files(*EMNIST), "train test"),
    "EMNIST, one file": (files(*EMNIST, shown=EMNIST[0]), "train test"),
    "EMNIST, one of several": (
        lambda folder: (
            files(*(name.replace("letters", "digits") for name in EMNIST))(folder)
            and files(*(f"gzip/{name}" for name in EMNIST), shown=f"gzip/{EMNIST[0]}")(folder)
        ),
        "train test",
    ),
    "EMNIST, zip": (files(*(f"gzip/{name}" for name in EMNIST)), "train test"),
}
# Where a file stands for others too.
FORMS_OF_FILES = {"EMNIST, one file", "EMNIST, one of several", "npy, file"}
FORMS_OF_FILES |= {f"KMNIST, {name}" for name in KMNIST}


@pytest.mark.parametrize("form", FORMS)
def test_rows_and_labels_are_found_whatever_they_are_called(tmp_path, form):
    write, wanted = FORMS[form]
    path = write(tmp_path)
    content = read(path, Reading(transpose=True))
    expected = {"train": TRAIN, "valid": VALID, "test": TEST}
    assert list(content.parts) == (list(expected) if wanted == "*" else wanted.split())
    for part, pair in content.parts.items():
        for found, array in zip(pair[:2], expected[part], strict=True):
            assert_same_bits(found, array)
    told = form in FORMS_OF_FILES
    assert [note[: len(f"{path}: read together with ")] for note in content.notes] == [
        f"{path}: read together with "
    ] * told
    assert content.sha256() == sha256_of(path)


@pytest.mark.parametrize("dtype", ["<U5", "S5"])
@pytest.mark.parametrize("key", ["class_names", "classes", "label_names", "target_names"])
def test_class_names_in_the_file_are_used_and_labels_may_be_texts(tmp_path, key, dtype):
    images, labels = TRAIN
    texts = np.array(NAMES, dtype)
    path = archive(images=images, labels=texts[labels], **{key: texts})(tmp_path)
    content = read(path, Reading())
    assert (content.class_names, content.notes) == (NAMES, ())
    assert content.parts["train"].labels.tolist() == [NAMES[label] for label in labels]
    for name in ("images.npz", "labels.npy", "class_names.npy"):
        array = {"i": images, "l": texts[labels], "c": texts}[name[0]]
        (np.savez if name.endswith("z") else np.save)(tmp_path / name, array)
    beside = read(tmp_path / "images.npz", Reading())
    assert beside.class_names == NAMES
    assert beside.parts["train"].labels.tolist() == content.parts["train"].labels.tolist()


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (np.array(["a", None]), "must hold texts, got dtype object; save texts as numpy.array(te"),
        (np.arange(3), "must hold texts, got dtype int64; save texts as numpy.array(texts, dt"),
        (np.array([["a", "b"]]), "must have shape (K,), K at most 131072, got (1, 2)"),
        (np.full(2**17 + 1, b"a"), "must have shape (K,), K at most 131072, got (131073,)"),
        (np.full(9, "a" * 2**19), "claims 18874368 bytes, the limit is 16777216"),
        (np.array([0x110000], "u4").view("<U1"), "holds texts that are no Unicode"),
        (np.array([0xD800], "u4").view("<U1"), "holds texts that are no Unicode"),
        (np.array([b"\xff"]), "holds texts that are no Unicode"),
    ],
    ids=["objects", "numbers", "axes", "many", "long", "no code point", "surrogate", "no UTF-8"],
)
def test_names_that_cannot_be_used_are_left_out_with_a_note(tmp_path, names, said):
    images, labels = TRAIN
    path = archive(images=images, labels=labels, class_names=names)(tmp_path)
    content = read(path, Reading())
    assert content.class_names == ()
    (note,) = content.notes
    assert note.startswith(f"{path}: class_names: {said}")
    assert note.endswith("; its class names are left out")


def test_what_scikit_learn_returns_can_be_saved_as_it_is(tmp_path):
    sets = pytest.importorskip("sklearn.datasets")
    iris = sets.load_iris()
    np.savez(tmp_path / "iris.npz", **iris)
    content = read(tmp_path / "iris.npz", Reading())
    assert_same_bits(content.parts["train"].rows, iris.data)
    assert_same_bits(content.parts["train"].labels, iris.target)
    assert content.class_names == tuple(iris.target_names)
    assert content.feature_names == tuple(iris.feature_names)
    left_out = f"{tmp_path / 'iris.npz'}: left out: frame, DESCR, filename, data_module"
    assert content.notes == (left_out,)


def test_feature_names_that_do_not_fit_are_left_out(tmp_path):
    rows, labels = TRAIN[0].reshape(60, 20) / 255.0, TRAIN[1]
    path = archive(X=rows, y=labels, columns=np.array(["a", "b"]))(tmp_path)
    content = read(path, Reading())
    assert content.feature_names == ()
    assert content.notes == (f"{path}: its 2 feature names do not fit the rows: left out",)


LEFT_OUT = {
    "more": (dict(images=TRAIN[0], labels=TRAIN[1], ids=np.arange(60)), "left out: ids"),
    "long": (
        dict(images=TRAIN[0], labels=TRAIN[1], **{f"{k}{'z' * 99}": k for k in range(12)}),
        "left out: " + ", ".join(f"{k}{'z' * 59}..." for k in range(9)) + " and 3 more",
    ),
    "unlabelled": (
        dict(x_train=TRAIN[0], y_train=TRAIN[1], x_test=TEST[0]),
        "x_test is left out: there are no labels for it",
    ),
    "rowless": (
        dict(x_train=TRAIN[0], y_train=TRAIN[1], y_test=TEST[1]),
        "y_test is left out: there are no rows for it",
    ),
    "alone": (
        dict(x_test=TRAIN[0], y_test=TRAIN[1]),
        "x_test is divided: there are no training rows beside it",
    ),
    "classes": (
        dict(images=TRAIN[0], labels=TRAIN[1], class_names=np.array(NAMES), classes=np.arange(3)),
        "left out: classes",
    ),
    "features": (
        dict(images=TRAIN[0], labels=TRAIN[1], features=np.zeros((60, 2))),
        "left out: features",
    ),
}


@pytest.mark.parametrize("name", LEFT_OUT)
def test_what_is_left_out_is_said(tmp_path, name):
    arrays, note = LEFT_OUT[name]
    path = archive(**arrays)(tmp_path)
    content = read(path, Reading())
    assert content.notes == (f"{path}: {note}",)
    assert list(content.parts) == ["train"]
    assert_same_bits(content.parts["train"].rows, TRAIN[0])


def several(folder):
    for name in ("letters", "digits"):
        files(*(one.replace("letters", name) for one in EMNIST))(folder)
    return folder


REFUSED = {
    "two for rows": (
        archive(x=TRAIN[0], X=TRAIN[0], y=TRAIN[1]),
        "both x and X are named as the r",
    ),
    "two for labels": (
        archive(images=TRAIN[0], labels=TRAIN[1], y=TRAIN[1]),
        "both labels and y are named as the labels of the training part; leave one of them out",
    ),
    "plain and with a part": (
        parts("images", "labels", "x_test", "y_test", "x_train", "y_train"),
        "both images and x_train are named as the rows of the training part",
    ),
    "no training rows": (
        archive(x_test=TEST[0], y_test=TEST[1], x_val=TEST[0], y_val=TEST[1]),
        r"must have arrays named as rows .*; got x_test \(15, 5, 4\), x_val",
    ),
    "many": (
        archive(**{f"array{k:02}": np.zeros(k) for k in range(30)}),
        r"got array00 \(0,\), array01 \(1,\), .*, array08 \(8,\) and 21 more$",
    ),
    "nothing": (archive(), "must have arrays named as rows"),
    "one array": (archive(arr_0=TRAIN[0]), r"got arr_0 \(60, 5, 4\)$"),
    "npy that says nothing": (single("a.npy", shown="a.npy"), "one in each .npy or .npz file"),
    "rows alone": (single("x_train.npy"), "one in each .npy or .npz file"),
    "two sets": (
        single("a_train_x.npy", "a_train_y.npy", "b_x.npy"),
        "holds several data sets; name a file of one of them: a_train_x.npy, b_x.npy",
    ),
    "the same twice": (
        single("x_train.npy", "y_train.npy", "x_train.npz"),
        r"both x_train\.npy and x_train\.npz are named as the rows",
    ),
    "several archives": (
        lambda folder: (
            [np.savez(folder / f"{name}.npz", images=TRAIN[0], labels=TRAIN[1]) for name in "ab"]
            and folder
        ),
        r"both a\.npz: images and b\.npz: images are named as the rows of the training part",
    ),
    "a damaged archive beside": (
        lambda folder: (
            (parts("images", "labels")(folder) and put(folder / "test.npz", b"PK")) or folder
        ),
        r"test\.npz: must be a whole \.npz archive",
    ),
    "several EMNIST sets": (
        several,
        r"several data sets; name .*: emnist-digits-train-.*, emnist-letters-train-images-.*gz$",
    ),
    "IDX without training": (
        files(*(name.replace("train", "val") for name in MNIST)),
        "holds valid and test images, but none to train on",
    ),
    "labels missing in folders": (
        files(f"{MNIST[0]}/{MNIST[0]}"),
        "the labels beside it are missing: train-labels-idx1-ubyte or",
    ),
    "labels as objects": (
        archive(x=TRAIN[0], y=np.array([*"ab", None] * 20)),
        r"y: must hold numbers or texts, got dtype object; save texts as numpy\.array\(texts, dt",
    ),
    "labels that expand": (
        archive(np.savez_compressed, x=TRAIN[0], y=np.full(9, "a" * 2**19)),
        "y: claims 18874368 bytes, the limit is 16777216",
    ),
    "labels that are no text": (
        archive(x=TRAIN[0], y=np.full(60, 0xFFFFFFFF, "u4").view("<U1")),
        "y: holds texts that are no Unicode",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_told_apart_is_named_in_one_line(tmp_path, name):
    write, message = REFUSED[name]
    refuse(write(tmp_path), message)


@pytest.mark.parametrize("dtype", IDX_TYPES)
def test_idx_files_hold_any_of_the_formats_types(tmp_path, dtype):
    images = (TRAIN[0] // 2).astype(dtype)
    put(tmp_path / "train-images-idx3-ubyte", idx(images))
    put(
        tmp_path / f"train-labels-idx1-{'int' if 'i' in dtype else 'float'}",
        idx(TRAIN[1].astype(dtype)),
    )
    rows, labels, _ = read(tmp_path, Reading()).parts["train"]
    assert_same_bits(rows, images)
    assert_same_bits(labels, TRAIN[1].astype(dtype))


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_of_qmnists_columns_the_first_is_the_class(tmp_path, suffix):
    for part, of in (("train", TRAIN), ("test", TEST)):
        images, labels = of
        columns = np.tile(np.array([0, 4, 2703, 5, 37, 29, 0, 0], "i4"), (len(labels), 1))
        columns[:, 0] = labels
        put(tmp_path / f"qmnist-{part}-images-idx3-ubyte{suffix}", idx(images))
        put(tmp_path / f"qmnist-{part}-labels-idx2-int{suffix}", idx(columns))
    content = read(tmp_path, Reading())
    assert list(content.parts) == ["train", "test"]
    assert_same_bits(content.parts["test"].labels, TEST[1].astype("i4"))
    assert [note.partition(": ")[2] for note in content.notes] == [
        "of 8 columns the first is the class; the others are left out"
    ] * 2


def test_one_hot_rows_of_eight_classes_stay_whole(tmp_path):
    onehot = np.eye(8, dtype="i4")[np.arange(60) % 8]
    put(tmp_path / "images-idx3-ubyte", idx(TRAIN[0]))
    put(tmp_path / "labels-idx2-int", idx(onehot))
    assert_same_bits(read(tmp_path, Reading()).parts["train"].labels, onehot)


def test_emnist_is_hinted_to_lie_on_its_side_unless_it_is_transposed(tmp_path):
    path = files(*EMNIST)(tmp_path)
    hint = f"{path}: EMNIST's pictures lie on their side; --transpose stands them up"
    assert read(path, Reading()).notes == (hint,)
    assert read(path, Reading(transpose=True)).notes == ()


def test_pictures_in_class_folders_come_before_arrays_beside_them(tmp_path):
    write_folders(tmp_path)
    single("features.npy", "labels.npy")(tmp_path)
    assert read(tmp_path, Reading()).class_names == ("A", "B", "C")
    for name in "ABC":
        shutil.rmtree(tmp_path / name)
    (tmp_path / "runs").mkdir()
    assert_same_bits(read(tmp_path, Reading()).parts["train"].rows, TRAIN[0])


def test_arrays_of_files_are_hashed_as_idx_files_are(tmp_path):
    folder = single(*KMNIST)(tmp_path)
    assert sha256_of(folder) == sha256_of(folder / KMNIST[2])
    (folder / KMNIST[3]).write_bytes(b"")
    with pytest.raises(DataError, match=f"{KMNIST[3]}: must be a whole .npz archive"):
        read(folder, Reading())


@pytest.mark.parametrize("form", FORMS)
def test_every_form_trains(tmp_path, form):
    write, wanted = FORMS[form]
    dataset = load(write(tmp_path), transpose="EMNIST" in form)
    sizes = [len(rows.labels) for rows in dataset.splits.values()]
    if "test" not in wanted and wanted != "*":
        assert sizes == [42, 9, 9]
    else:
        assert sizes == ([60, 12, 15] if wanted in ("train valid test", "*") else [51, 9, 15])
    assert dataset.image_shape == ((4, 5) if "EMNIST" in form else (5, 4))
    assert dataset.class_names == (NAMES if "a part" in form else ("0", "1", "2"))
    state = train(dataset, TrainingConfig(hidden=(3,), epochs=1))
    assert np.isfinite([row.train_loss for row in state.history]).all()


RNG = np.random.default_rng(0)
COLOURS = RNG.integers(0, 256, (60, 5, 4, 3)).astype("u1")
ODD = TRAIN[1] * 2 + 1
DIVIDED = {"train": slice(0, 50), "val": slice(50, 60)}
# What is written, what is said when it is read, the classes, whether rows are pictures.
TOLD = {
    "MedMNIST": (
        archive(
            **{f"{part}_images": COLOURS[rows] for part, rows in DIVIDED.items()},
            **{f"{part}_labels": ODD[rows, None] for part, rows in DIVIDED.items()},
        ),
        ["colours become grey", "labels 1, 3, 5 are classes 0 to 2"],
        ("1", "3", "5"),
        (5, 4),
    ),
    "texts": (
        archive(X=TRAIN[0] / 255, y=np.array(NAMES)[TRAIN[1]]),
        ["0 to 1 becomes 0 to 255", "labels one, two, zero are classes 0 to 2"],
        ("one", "two", "zero"),
        (5, 4),
    ),
    "texts in the order of their names": (
        archive(X=TRAIN[0], y=np.array(NAMES)[TRAIN[1]], class_names=np.array(NAMES, "S4")),
        ["labels zero, one, two are classes 0 to 2"],
        NAMES,
        (5, 4),
    ),
    "features": (
        archive(data=RNG.normal(size=(60, 4)), target=TRAIN[1], target_names=np.array(NAMES)),
        [],
        NAMES,
        None,
    ),
    "EMNIST": (
        files(*EMNIST),
        ["EMNIST's pictures lie on their side; --transpose stands them up"],
        ("0", "1", "2"),
        (5, 4),
    ),
}


@pytest.mark.parametrize("form", TOLD)
def test_what_is_mapped_is_said_when_a_form_trains(tmp_path, form, capsys):
    write, said, names, size = TOLD[form]
    path, run = write(tmp_path), tmp_path / "run"
    options = ["--epochs", "1", "--hidden", "3", "--device", "cpu", "--out", str(run)]
    assert main(["--data", str(path), *options, "--no-report"]) == 0
    record = read_record(run)
    notes = [note for note in record["data"]["notes"] if "SHA-256" not in note]
    assert len(notes) == len(said)
    assert [text for text, note in zip(said, notes, strict=True) if text not in note] == []
    model = load_model(run)
    assert (model.class_names, model.image_shape) == (names, size)
    capsys.readouterr()
