"""What predict.py says of pictures, rows and hostile files."""

import csv
import gzip
import json
import os
import shutil
import subprocess
import sys
import tracemalloc
from pathlib import Path

import array_api_strict
import numpy as np
import pytest
from data_files import claimed_png, deep_folder, idx, jpeg, png
from PIL import Image
from safetensors.numpy import save
from tolerances import ROUNDING

import mlp
from mlp import Layer, init_parameters
from mlp.classifier import contiguous_arrays
from mlp.commands import predict, train
from mlp.commands.answers import share
from mlp.datasets import blocks
from mlp.device import Device
from mlp.run.directory import create

ROOT = Path(__file__).resolve().parents[3]
GLYPHS = ROOT / "data" / "glyphs.npz"


@pytest.fixture
def rows_model(tmp_path):
    """Write an untrained model of 6 features and 3 classes; give its path and parameters."""
    parameters = init_parameters((6, 5, 3), seed=1, dtype="float64")
    return write_model(tmp_path / "rows.safetensors", parameters), parameters


def write_model(path, parameters, **metadata):
    n_classes = parameters[-1].bias.shape[0]
    names = json.dumps([chr(ord("A") + k) for k in range(n_classes)])
    metadata = {"scale": "1.0", "class_names": names, "image_shape": "null"} | metadata
    path.write_bytes(save(contiguous_arrays(parameters), metadata))
    return path


def run(capsys, *arguments):
    status = predict.main([str(argument) for argument in (*arguments, "--device", "cpu")])
    done = capsys.readouterr()
    return status, done.out, done.err


def ask(capsys, *arguments):
    """Return the JSON object of a run without complaints."""
    status, out, err = run(capsys, *arguments, "--json")
    assert (status, "error" in err) == (0, False)
    return json.loads(out)


def test_the_data_sets_own_rows_get_the_class_of_mlp_predict(trained, embedded, tmp_path, capsys):
    folder, parameters = trained
    rows = embedded.test.features[:600]
    images, labels = rows.reshape(-1, 28, 28), embedded.test.labels[:600]
    np.savez_compressed(tmp_path / "set.npz", images=images, labels=labels)
    found = ask(capsys, folder, tmp_path / "set.npz", "--top", 99)
    x = rows.astype(np.float32) * np.float32(1 / 255)
    probabilities = mlp.predict_probabilities(parameters, x)
    classes = mlp.predict(parameters, x)
    assert len(found["predictions"]) == 600
    for row, one in enumerate(found["predictions"]):
        assert (one["row"], one["index"]) == (row, classes[row])
        assert one["class"] == one["top"][0]["class"] == embedded.class_names[classes[row]]
        assert one["label"] == embedded.class_names[labels[row]]
        assert [entry["probability"] for entry in one["top"]] == sorted(
            (entry["probability"] for entry in one["top"]), reverse=True
        )
        theirs = {entry["class"]: entry["probability"] for entry in one["top"]}
        for name, probability in zip(embedded.class_names, probabilities[row], strict=True):
            np.testing.assert_allclose(theirs[name], probability, **ROUNDING["float32"])
    assert (found["labelled"], found["accuracy"]) == (600, np.mean(classes == labels))
    assert found["errors"] == []


def test_a_line_for_every_input_in_order(trained, embedded, tmp_path, capsys):
    glyphs = embedded.test.features.reshape(-1, 28, 28)
    (tmp_path / "folder" / "deeper").mkdir(parents=True)
    for index, name in enumerate(["b.png", "a.PNG", "deeper/c.jpg"]):
        (tmp_path / "folder" / name).write_bytes(png(Image.fromarray(glyphs[index])))
    (tmp_path / "folder" / "notes.txt").write_text("not a picture, and not asked for")
    (tmp_path / "folder" / "link.png").symlink_to("b.png")
    (tmp_path / "folder" / "__MACOSX").mkdir()
    (tmp_path / "last.jpg").write_bytes(jpeg(Image.fromarray(255 - glyphs[3]).resize((60, 90))))
    status, out, err = run(capsys, trained[0], tmp_path / "folder", tmp_path / "last.jpg")
    left_out = f"{tmp_path / 'folder'}: 2 files that are no pictures, or hidden, are left out"
    assert (status, err) == (0, f"note: {left_out}\n")
    lines = out.splitlines()
    names = [line.partition(": ")[0].removeprefix(f"{tmp_path}/") for line in lines]
    assert names == [f"folder/{n}" for n in ("a.PNG", "b.png", "link.png", "deeper/c.jpg")] + [
        "last.jpg"
    ]
    x = glyphs[[1, 0, 0, 2]].reshape(4, -1).astype(np.float32) / 255
    for line, row in zip(lines, mlp.predict_probabilities(trained[1], x), strict=False):
        order = np.argsort(-row)[:3]
        expected = "  ".join(f"{'ABCDEFGHIJ'[k]} {share(row[k], exact=False)}" for k in order)
        assert line.endswith(f": {expected}")
    assert len(run(capsys, trained[0], tmp_path / "last.jpg", "--top", 1)[1].split()) == 3


def test_bad_inputs_are_named_and_the_others_go_on(trained, embedded, tmp_path, capsys):
    glyph = embedded.test.features[0].reshape(28, 28)
    whole = png(Image.fromarray(glyph))
    (tmp_path / "a.png").write_bytes(whole)
    (tmp_path / "b.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "c.jpg").write_bytes(b"hello")
    (tmp_path / "d.png").write_bytes(png(Image.new("L", (90, 90), 255)))
    (tmp_path / "e\n\x1b[31m.png").write_bytes(b"")
    (tmp_path / "f.png").write_bytes(whole)
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "round").symlink_to(tmp_path)
    inputs = (tmp_path, tmp_path / "empty", tmp_path / "nowhere", tmp_path / "pipe.png")
    status, out, err = run(capsys, trained[0], *inputs, "--json")
    assert status == 2
    found = json.loads(out)
    assert [Path(one["input"]).name for one in found["predictions"]] == ["a.png", "f.png"]
    lines = err.splitlines()
    expected = [
        "b.png: is no whole PNG",
        "c.jpg: is no whole PNG, JPEG, BMP, GIF, WebP or TIFF (cannot identify image file)",
        "d.png: is blank",
        "e\\n\\x1b[31m.png: is no whole PNG",
        "pipe.png: is no file",
        "round: is a link to a folder that was read before",
        "empty: holds no file named .png, .jpg, .jpeg",
        "nowhere: no such file or folder",
        "pipe.png: is no file",
    ]
    for line, want, error in zip(lines, expected, found["errors"], strict=True):
        assert line == f"mlp predict: error: {error}"
        assert want in line
        assert line.isprintable()


@pytest.mark.parametrize("side", [9_000, 10_000, 60_000])  # Pillow warns from 9,460, refuses later
def test_a_picture_that_unpacks_to_a_multiple_is_refused(side, trained, tmp_path, capsys):
    (tmp_path / "bomb.png").write_bytes(claimed_png(side, side))
    tracemalloc.start()
    status, out, err = run(capsys, trained[0], tmp_path / "bomb.png")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "pixels" in err
    assert peak < 2**24


# Files of rows.


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("labelled", [False, True])
def test_idx_files(zipped, labelled, trained, embedded, tmp_path, capsys):
    rows, labels = embedded.test.features[:300], embedded.test.labels[:300]
    pack, end = (gzip.compress, ".gz") if zipped else (bytes, "")
    path = tmp_path / f"t10k-images-idx3-ubyte{end}"
    path.write_bytes(pack(idx(rows.reshape(-1, 28, 28))))
    if labelled:
        (tmp_path / f"t10k-labels-idx1-ubyte{end}").write_bytes(pack(idx(labels)))
    found = ask(capsys, trained[0], path)
    classes = mlp.predict(trained[1], rows.astype(np.float32) / 255)
    assert [one["index"] for one in found["predictions"]] == classes.tolist()
    assert found["accuracy"] == (np.mean(classes == labels) if labelled else None)


def test_features(rows_model, tmp_path, capsys):
    path, parameters = rows_model
    features = np.random.default_rng(0).standard_normal((600, 6))
    np.savez(tmp_path / "set.npz", features=features)
    found = ask(capsys, path, tmp_path / "set.npz")
    classes = mlp.predict(parameters, features)
    assert [one["index"] for one in found["predictions"]] == classes.tolist()
    assert (found["labelled"], found["accuracy"]) == (0, None)


def test_rows_that_are_not_finite_are_named(rows_model, tmp_path, capsys):
    features = np.ones((5, 6))
    features[1, 2], features[3, 0] = np.nan, -np.inf
    np.savez(tmp_path / "set.npz", features=features)
    status, out, err = run(capsys, rows_model[0], tmp_path / "set.npz")
    assert status == 2
    assert [line.partition(":")[0][-3:] for line in out.splitlines()] == ["[0]", "[2]", "[4]"]
    assert [line.partition("]")[0][-1] for line in err.splitlines()] == ["1", "3"]


def test_what_comes_before_the_damage_is_predicted(trained, tmp_path, capsys):
    images = np.random.default_rng(0).integers(0, 256, (600, 28, 28)).astype(np.uint8)
    (tmp_path / "images").write_bytes(idx(images)[:-1])
    status, out, err = run(capsys, trained[0], tmp_path / "images")
    assert (status, out.count("\n"), err.count("\n")) == (2, 2 * blocks.ROWS, 1)
    assert "claims 600 rows" in err


@pytest.mark.parametrize("kind", ["folder", "npz", "idx.gz"])
def test_memory_does_not_grow_with_the_rows(kind, tmp_path, capsys, monkeypatch):
    """Rows are 10,000 bytes, so that 450 more of them, or their floats, would be seen."""
    parameters = init_parameters((10_000, 4, 2), seed=0, dtype="float32")
    path = write_model(tmp_path / "m.safetensors", parameters, image_shape="[100, 100]")
    monkeypatch.setattr(predict, "ROWS", 64)
    monkeypatch.setattr(blocks, "ROWS", 64)

    def peak(count):
        images = np.random.default_rng(0).integers(0, 256, (count, 100, 100)).astype(np.uint8)
        given = tmp_path / f"{kind}-{count}"
        if kind == "folder":
            given.mkdir()
            for index, image in enumerate(images):
                (given / f"{index}.png").write_bytes(png(Image.fromarray(image), compress_level=0))
        elif kind == "npz":
            with given.open("wb") as file:
                np.savez_compressed(file, images=images)
        else:
            given.write_bytes(gzip.compress(idx(images), 1))
        del images
        tracemalloc.start()
        status, out, _ = run(capsys, path, given)
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert (status, out.count("\n")) == (0, count)
        return used

    peak(65)  # what is loaded once is loaded before the first measure
    few, many = peak(150), peak(600)
    assert few > 64 * 10_000 * 4
    assert many < few + 20 * 10_000


def test_a_folder_of_folders_is_searched_to_any_depth(trained, embedded, tmp_path, capsys):
    with deep_folder(tmp_path, create) as deep:
        Image.fromarray(embedded.test.features[0].reshape(28, 28)).save(deep / "a.png")
        status, out, _ = run(capsys, trained[0], tmp_path)
        (deep / "a.png").unlink()
    assert (status, out.count("\n")) == (0, 1)


def test_memory_is_bounded_by_the_models_file_however_wide_it_is(tmp_path, capsys):
    """Two million units fit into 32 MB; of 100 rows at once they are 0.8 GB."""
    units = 2_000_000
    parameters = (
        Layer(np.ones((1, units), np.float32), np.zeros(units, np.float32)),
        Layer(np.ones((units, 2), np.float32), np.zeros(2, np.float32)),
    )
    path = write_model(tmp_path / "m.safetensors", parameters, image_shape="[1, 1]")
    del parameters
    np.savez(tmp_path / "rows.npz", images=np.ones((100, 1, 1), np.uint8))
    tracemalloc.start()
    status, out, _ = run(capsys, path, tmp_path / "rows.npz")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (status, out.count("\n")) == (0, 100)
    assert peak < 2**29


# Hostile models and usage.


def test_a_model_that_is_refused_is_one_line_without_its_control_codes(tmp_path, capsys):
    parameters = init_parameters((6, 5, 3), seed=1, dtype="float32")
    model = write_model(tmp_path / "m.safetensors", parameters, scale="\x1b[31m\n" * 99)
    status, out, err = run(capsys, model, tmp_path)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "'scale' must be a finite number above 0, got \\x1b[31m\\n" in err
    assert err[:-1].isprintable()
    assert len(err) < 500


def test_a_model_that_overflows_gives_an_error_for_the_row(tmp_path, capsys):
    parameters = init_parameters((6, 5, 3), seed=1, dtype="float32")
    huge = tuple(layer._replace(weight=np.full_like(layer.weight, 3e38)) for layer in parameters)
    np.savez(tmp_path / "set.npz", features=np.ones((1, 6)))
    model = write_model(tmp_path / "m.safetensors", huge)
    status, out, err = run(capsys, model, tmp_path / "set.npz")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "set.npz[0]: its features or the model's outputs are not finite" in err


def test_class_names_cannot_reach_the_terminal_as_control_codes(tmp_path, capsys):
    parameters = init_parameters((6, 5, 2), seed=1, dtype="float32")
    names = ["\x1b[31mA\nB", "\ud800"]
    model = write_model(tmp_path / "m.safetensors", parameters, class_names=json.dumps(names))
    np.savez(tmp_path / "set.npz", features=np.ones((1, 6)))
    out = run(capsys, model, tmp_path / "set.npz")[1]
    assert out.count("\n") == 1
    assert out[:-1].isprintable()
    top = ask(capsys, model, tmp_path / "set.npz")["predictions"][0]["top"]
    assert {entry["class"] for entry in top} == set(names)


def test_a_model_of_rows_takes_no_pictures(rows_model, tmp_path, capsys):
    (tmp_path / "a.png").write_bytes(png(Image.new("L", (3, 2))))
    status, _, err = run(capsys, rows_model[0], tmp_path / "a.png")
    assert status == 2
    assert "takes rows of 6 features, not pictures; give an .npz with 'features'" in err


def test_another_device_gives_the_same_classes(trained, embedded, tmp_path, monkeypatch, capsys):
    """On array-api-strict's second device, where an array left on the host is an error."""
    np.savez(tmp_path / "set.npz", images=embedded.test.features[:300].reshape(-1, 28, 28))
    ours = ask(capsys, trained[0], tmp_path / "set.npz")
    there = array_api_strict.Device("device1")
    device = Device(array_api_strict, there, "cuda", "cuda", "cuda:0", "a stand-in")
    monkeypatch.setattr(predict, "choose_device", lambda *_, **__: device)
    theirs = ask(capsys, trained[0], tmp_path / "set.npz")
    for one, other in zip(ours["predictions"], theirs["predictions"], strict=True):
        assert one["index"] == other["index"]


def test_a_device_that_does_not_exist_exits_3(trained, capsys):
    arguments = [str(trained[0]), str(GLYPHS), "--device", "cuda:99", "--strict-device"]
    assert predict.main(arguments) == 3
    assert capsys.readouterr().err.startswith("mlp predict: error: device cuda:99 ")


def test_usage(trained, capsys):
    for arguments, message in (
        ((trained[0],), "INPUT; see --help"),
        (
            (trained[0], GLYPHS, "--top", "0"),
            "--top: invalid number of at least 1 value: '0'",
        ),
        ((trained[0], GLYPHS, "--ink", "red"), "--ink"),
    ):
        with pytest.raises(SystemExit) as stop:
            predict.main([str(argument) for argument in arguments])
        done = capsys.readouterr()
        assert (stop.value.code, done.out, done.err.count("\n")) == (2, "", 1)
        assert message in done.err
    assert predict.main([str(trained[0]), str(GLYPHS), "--device", "gpu"]) == 2
    assert "device must be auto, cpu, cuda or cuda:N, got 'gpu'" in capsys.readouterr().err


def test_the_command_as_typed_ends_quietly_when_its_reader_does(trained):
    script = [sys.executable, str(ROOT / "scripts" / "predict.py")]
    process = subprocess.Popen(
        [*script, str(trained[0]), str(GLYPHS), "--device", "cpu"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT.parent,
    )
    assert "glyphs.npz (test)[0]: " in process.stdout.readline()
    process.stdout.close()
    said = process.stderr.read()
    assert said.startswith("note: ")
    assert said.count("\n") == 1
    process.stderr.close()
    assert process.wait(timeout=60) == 0


# What the model was trained on, folders named after classes, pictures unlike the training ones.


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    """Train on class folders of dark strokes on white; return the run, the folder, the data set."""
    folder, rng = tmp_path_factory.mktemp("scans"), np.random.default_rng(0)
    for index in range(120):
        image = np.full((12, 12), 255, np.uint8)
        label, shift = index % 2, rng.integers(0, 4)
        stroke = slice(3 + shift, 5 + shift), slice(3, 9)
        image[stroke if label else stroke[::-1]] = 0
        path = folder / "data" / ("lying" if label else "standing") / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = rng.integers(0, 30, image.shape).astype(np.uint8)
        path.write_bytes(png(Image.fromarray(np.where(image, 255 - noise, noise))))
    options = ["--data", folder / "data", "--hidden", 30, "--epochs", 40, "--batch-size", 16]
    options += [
        "--learning-rate",
        0.02,
        "--quiet",
        "--no-report",
        "--device",
        "cpu",
        "--out",
        folder / "run",
    ]
    assert train.main([*map(str, options)]) == 0
    return folder / "run", folder / "data", mlp.load(folder / "data")


def test_of_its_own_data_the_test_rows_are_scored(scans, trained, capsys):
    run_folder, folder, dataset = scans
    status, out, err = run(capsys, run_folder, folder)
    record = json.loads((run_folder / "run.json").read_text())["result"]
    count = len(dataset.test.labels)
    assert (status, out.count("\n")) == (0, count)
    assert err.splitlines() == [
        f"note: {folder}: is the data that this model was trained on; only its {count} test rows "
        "are predicted",
        f"accuracy {record['test_accuracy']:.4f} over {count} labelled rows",
    ]
    found = ask(capsys, trained[0], GLYPHS)
    assert found["labelled"] == 18_724 - 7_000  # it was trained with another split than the task's


def test_over_class_folders_the_accuracy_is_told(scans, tmp_path, capsys):
    run_folder, folder, _ = scans
    shutil.copytree(folder, tmp_path / "some")
    (tmp_path / "some" / "lying" / "1.png").rename(tmp_path / "some" / "standing" / "wrong.png")
    (tmp_path / "some" / "1.png").write_bytes((folder / "lying" / "3.png").read_bytes())
    found = ask(capsys, run_folder, tmp_path / "some")
    labels = {Path(one["input"]).name: one.get("label") for one in found["predictions"]}
    assert (labels["wrong.png"], labels["3.png"], labels["1.png"]) == ("standing", "lying", None)
    assert found["labelled"] == 120
    assert found["accuracy"] == 119 / 120  # all but the one in the wrong folder
    (one,) = ask(capsys, run_folder, tmp_path / "some" / "lying" / "3.png")["predictions"]
    assert "label" not in one


def test_a_table_is_written_instead_of_lines(scans, tmp_path, capsys):
    run_folder, folder, _ = scans
    shutil.copytree(folder / "lying", tmp_path / "in" / "lying")
    table = tmp_path / "predictions.csv"
    status, out, err = run(capsys, run_folder, tmp_path / "in", "--out", table)
    assert (status, out) == (0, "")
    assert err == "accuracy 1.0000 over 60 labelled rows\n"
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    expected = ask(capsys, run_folder, tmp_path / "in")["predictions"]
    for row, one in zip(rows, expected, strict=True):
        assert (row["input"], row["row"], row["class"]) == (one["input"], "", one["class"])
        assert (float(row["probability"]), row["label"]) == (one["probability"], "lying")
    parameters = init_parameters((6, 5, 1), seed=1, dtype="float32")
    names = json.dumps(["\udcff,"])  # no text, and a comma
    model = write_model(tmp_path / "m.safetensors", parameters, class_names=names)
    np.savez(tmp_path / "set.npz", features=np.ones((1, 6)))
    assert run(capsys, model, tmp_path / "set.npz", "--out", table)[0] == 0
    assert table.read_text().endswith('set.npz,0,"\\udcff,",1.0,\n')
    status, _, err = run(capsys, run_folder, tmp_path / "in", "--out", tmp_path / "no" / "p.csv")
    assert (status, err.count("\n")) == (2, 1)
    assert "cannot be written" in err


def test_pictures_unlike_the_training_pictures_are_warned_of_once_and_the_option_mends_it(
    scans, tmp_path, capsys
):
    run_folder, folder, _ = scans
    for kind in ("lying", "standing"):
        for path in sorted((folder / kind).iterdir())[:5]:
            (tmp_path / "in" / kind).mkdir(parents=True, exist_ok=True)
            turned = Image.fromarray(255 - np.asarray(Image.open(path))).resize((36, 36))
            (tmp_path / "in" / kind / path.name).write_bytes(png(turned))
    status, _, err = run(capsys, run_folder, tmp_path / "in")
    assert status == 0
    warnings = [line for line in err.splitlines() if line.startswith("warning: ")]
    first, others = warnings
    assert first.endswith("; --ink light inverts it")
    assert others == "warning: 9 other pictures are unlike the training pictures too"
    status, _, err = run(capsys, run_folder, tmp_path / "in", "--ink", "light")
    assert (status, err) == (0, "accuracy 1.0000 over 10 labelled rows\n")


def test_ground_and_crop_override_what_the_model_says(scans, tmp_path, capsys):
    run_folder, folder, _ = scans
    dark = 255 - np.asarray(Image.open(folder / "lying" / "1.png"))
    clear = np.stack([255 - dark, dark], axis=-1)  # dark strokes on nothing
    (tmp_path / "a.png").write_bytes(png(Image.fromarray(clear)))
    assert run(capsys, run_folder, tmp_path / "a.png", "--top", 1)[1].split()[1] == "lying"
    _, _, err = run(capsys, run_folder, tmp_path / "a.png", "--ground", "black")
    assert "warning: " in err
    top = [
        ask(capsys, run_folder, tmp_path / "a.png", *options)["predictions"][0]["top"]
        for options in ((), ("--no-crop",), ("--crop",))
    ]
    assert top[0] == top[1] != top[2]


def test_a_model_of_version_0_1_says_how_its_pictures_are_prepared(tmp_path, capsys):
    parameters = init_parameters((6, 5, 3), seed=1, dtype="float32")
    model = write_model(tmp_path / "m.safetensors", parameters, image_shape="[2, 3]")
    for name in "ab":
        (tmp_path / f"{name}.png").write_bytes(png(Image.new("L", (3, 2), 9)))
    status, _, err = run(capsys, model, tmp_path / "a.png", tmp_path / "b.png")
    assert (status, err.count("\n")) == (0, 1)
    assert err.startswith("note: this model is of version 0.1, which did not record how its ")


def test_what_rounds_to_0_or_1_is_not_written_as_it():
    shown = [share(value, exact=False) for value in (0.0, 1e-9, 0.00005, 0.5, 0.99994, 0.99996, 1)]
    assert shown == ["<0.0001", "<0.0001", "0.0001", "0.5000", "0.9999", ">0.9999", ">0.9999"]
    exact = [share(value, exact=True) for value in (0.0, 1 / 99_999, 99_998 / 99_999, 1.0)]
    assert exact == ["0.0000", "<0.0001", ">0.9999", "1.0000"]


# Arrays and labels in the forms that people have.


@pytest.fixture(scope="module")
def upright(tmp_path_factory):
    """Train on float pictures on their side with labels from 1; return the run and its data."""
    folder, rng = tmp_path_factory.mktemp("upright"), np.random.default_rng(0)
    labels = np.arange(90) % 3
    images = rng.integers(0, 60, (90, 6, 5)).astype(np.uint8)
    images[np.arange(90), labels * 2] += 190
    np.savez(folder / "data.npz", images=images.swapaxes(1, 2) / 255, labels=labels + 1)
    options = "--transpose --hidden 9 --epochs 9 --batch-size 8 --quiet --no-report --device cpu"
    where = ["--data", str(folder / "data.npz"), "--out", str(folder / "run")]
    assert train.main([*options.split(), *where]) == 0
    return folder / "run", images, labels


def test_of_its_own_data_the_test_rows_are_scored_in_whatever_form_they_are(upright, capsys):
    folder, _, _ = upright
    found = ask(capsys, folder, folder.with_name("data.npz"))
    record = json.loads((folder / "run.json").read_text())
    assert found["accuracy"] == record["result"]["test_accuracy"]
    assert {one["label"] for one in found["predictions"]} == {"1", "2", "3"}
    assert record["data"]["preparation"]["labels"] == ["1", "2", "3"]
    notes = record["data"]["notes"]
    assert any(note.endswith("labels 1 to 3 are classes 0 to 2") for note in notes)


@pytest.mark.parametrize(
    ("make", "label"),
    [
        (lambda images: images.swapaxes(1, 2), lambda labels: labels + 1),
        (
            lambda images: images.swapaxes(1, 2)[:, None] / np.float32(255),
            lambda labels: labels + 1.0,
        ),
        (lambda images: np.repeat(images.swapaxes(1, 2)[..., None], 3, -1), lambda n: np.eye(3)[n]),
        (
            lambda images: images.swapaxes(1, 2).reshape(90, 30) / 255,
            lambda labels: labels[:, None] + 1,
        ),
    ],
)
def test_the_same_pictures_in_any_form_get_the_same_classes(upright, make, label, tmp_path, capsys):
    folder, images, labels = upright
    np.savez(tmp_path / "a.npz", images=make(images), labels=label(labels))
    found = ask(capsys, folder, tmp_path / "a.npz")
    expected = mlp.load_model(folder).predict(images.swapaxes(1, 2))
    assert [one["index"] for one in found["predictions"]] == expected.tolist()
    assert found["accuracy"] == np.mean(expected == labels)


def test_labels_that_the_model_does_not_know_are_left_out_with_one_note(upright, tmp_path, capsys):
    folder, images, labels = upright
    np.savez(tmp_path / "a.npz", images=images.swapaxes(1, 2), labels=labels)
    status, out, err = run(capsys, folder, tmp_path / "a.npz")
    assert (status, out.count("\n")) == (0, 90)
    said = "the model knows no label 0; such rows are predicted without one"
    assert err.splitlines()[0] == f"note: {tmp_path / 'a.npz'}: {said}"
    assert "over 60 labelled rows" in err


def test_class_folders_are_known_by_their_own_names_and_by_given_ones(scans, tmp_path, capsys):
    _, folder, _ = scans
    options = "--hidden 3 --epochs 1 --quiet --no-report --device cpu --class-names flat upright"
    where = ["--data", str(folder), "--out", str(tmp_path / "run")]
    assert train.main([*options.split(), *where]) == 0
    for name, label in (("lying", "flat"), ("standing", "upright"), ("flat", "flat"), ("x", None)):
        (tmp_path / "in" / name).mkdir(parents=True)
        shutil.copy(folder / "lying" / "1.png", tmp_path / "in" / name)
        (one,) = ask(capsys, tmp_path / "run", tmp_path / "in")["predictions"]
        assert one.get("label") == label
        shutil.rmtree(tmp_path / "in")
    assert ask(capsys, tmp_path / "run", folder)["labelled"] == 18  # its test rows


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--ink", "dark"), "--ink"),
        (("--crop", "--ground", "white"), "--ground, --crop"),
        (("--no-crop",), "--no-crop"),
    ],
)
def test_options_of_pictures_are_said_to_change_no_other_rows(
    upright, options, said, tmp_path, capsys
):
    folder, images, _ = upright
    np.savez(tmp_path / "a.npz", images=images.swapaxes(1, 2))
    for path in (tmp_path / "a.npz", folder.with_name("data.npz")):
        plain, changed = run(capsys, folder, path), run(capsys, folder, path, *options)
        assert changed[:2] == plain[:2]
        line = (
            f"note: {path}: {said}: only for files of pictures; these rows are taken as those of "
            "training were"
        )
        assert sorted(changed[2].splitlines()) == sorted([*plain[2].splitlines(), line])


def test_the_ground_that_is_asked_for_is_not_that_of_arrays(scans, tmp_path, capsys):
    clear = np.zeros((1, 12, 12, 4), np.uint8)
    np.savez(tmp_path / "a.npz", images=clear)
    answers = [
        run(capsys, scans[0], tmp_path / "a.npz", *options)[1]
        for options in ((), ("--ground", "black"))
    ]
    assert answers[0] == answers[1]


def test_names_in_another_order_are_the_order_in_training_and_in_prediction(tmp_path, capsys):
    """Of folders, of labels that are 0, 1, ..., and of digits that a file names from 1 to 0."""
    rng = np.random.default_rng(0)
    labels = np.arange(90) % 3
    images = rng.integers(0, 60, (90, 5, 5)).astype(np.uint8)
    images[np.arange(90), labels] += 150
    for index, (image, label) in enumerate(zip(images, labels, strict=True)):
        folder = tmp_path / "fold" / ("2", "9", "10")[label]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{index}.png")
    np.savez(tmp_path / "a.npz", images=images, labels=labels)
    np.savez(tmp_path / "b.npz", images=images, labels=labels, class_names=["1", "2", "0"])
    less = ["--hidden", "8", "--epochs", "30", "--device", "cpu", "--quiet", "--no-report"]
    for name, options, wanted in (
        ("fold", ["--class-names", "2", "9", "10"], ["2", "9", "10"]),
        ("a.npz", ["--class-names", "2", "0", "1"], ["0", "1", "2"]),
        ("b.npz", [], ["1", "2", "0"]),
    ):
        path, out = tmp_path / name, tmp_path / f"run {name}"
        assert train.main(["--data", str(path), *options, *less, "--out", str(out)]) == 0
        model = mlp.load_model(out)
        assert [model.predict(images[labels == k][:1])[0] for k in range(3)] == [
            model.class_names.index(one) for one in wanted
        ]
        capsys.readouterr()
        assert predict.main([str(out), str(path)]) == 0
        assert "accuracy 1.0000 over" in capsys.readouterr().err
    assert predict.main([str(tmp_path / "run fold"), str(tmp_path / "fold" / "10")]) == 0
