"""export.py as a user runs it: what it writes, what it says, what it refuses."""

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from tolerances import EXPORT

from mlp import Preparation, init_parameters, load_model
from mlp.classifier import Classifier
from mlp.commands import export
from mlp.model import map_arrays

ROOT = Path(__file__).resolve().parents[3]
# Keras, saving with NumPy 2, calls `np.array` on a tensor.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

LIBRARIES = {"onnx": ["onnx", "onnxruntime"], "keras": ["tensorflow"], "npz": [], "html": []}


@pytest.fixture
def model(tmp_path):
    """Return a function that writes a model of 6 x 4 images, or of rows, and gives its folder."""

    def write(*, images=True, dtype="float32"):
        folder = tmp_path / "run"
        folder.mkdir(exist_ok=True)
        parameters = init_parameters((24, 10, 3), seed=0, dtype=dtype)
        scale, shape = (1 / 255, (6, 4)) if images else (1.0, None)
        # As letters are, which alone the page to draw on takes.
        preparation = Preparation(("A", "B", "C"), shape, scale, ink="auto", crop=images)
        Classifier(parameters, preparation).save(folder / "model.safetensors")
        return folder

    return write


def run(capsys, *arguments):
    status = export.main([str(argument) for argument in arguments])
    done = capsys.readouterr()
    return status, done.out, done.err


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("images", [False, True])
@pytest.mark.parametrize("kind", export.FORMATS)
def test_the_file_lies_beside_the_model_and_is_checked(kind, images, dtype, model, need, capsys):
    for library in LIBRARIES[kind]:
        need(library)
    folder = model(images=images, dtype=dtype)
    status, out, err = run(capsys, folder, "--to", kind, "--json")
    if kind == "html" and not images:
        assert (status, out) == (2, "")
        assert "needs a model of pictures" in err
        return
    assert status == 0
    record = json.loads(out)
    assert record["path"] == str(folder / f"model.{kind}")
    assert 0 <= record["difference"] <= EXPORT["float32" if kind == "html" else dtype]
    assert err.splitlines() == [
        f"written to {folder / f'model.{kind}'}",
        f"checked on 64 random rows: logits differ by at most {record['difference']:.1e} of the "
        "largest",
    ]
    assert {path.name for path in folder.iterdir()} == {"model.safetensors", f"model.{kind}"}


@pytest.mark.parametrize("kind", ["onnx", "keras"])
def test_rows_may_be_asked_for(kind, model, need, tmp_path, capsys):
    for library in LIBRARIES[kind]:
        need(library)
    out = tmp_path / f"rows.{kind}"
    file = model() / "model.safetensors"
    assert run(capsys, file, "--to", kind, "--input", "rows", "--out", out)[0] == 0
    logits = {"onnx": export.onnx_logits, "keras": export.keras_logits}[kind]
    assert logits(out, np.ones((5, 24), np.float32)).shape == (5, 3)
    folder = model(images=False)
    status, _, err = run(capsys, folder, "--to", kind, "--input", "images")
    assert (status, err.count("\n")) == (2, 1)
    assert "takes rows of features, not images; leave out --input" in err


def test_a_wrong_file_is_not_passed_off_as_right(model, capsys, monkeypatch):
    """Write other biases than those of the model: the check must see it."""
    right = export.export_npz

    def wrong(path, classifier):
        *rest, last = classifier.parameters
        last = last._replace(bias=last.bias + np.float32(0.001))
        right(path, classifier._replace(parameters=(*rest, last)))

    monkeypatch.setattr(export, "export_npz", wrong)
    folder = model()
    status, out, err = run(capsys, folder, "--to", "npz", "--json")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.endswith(" of the largest, must by at most 1e-05; it is removed\n")
    assert [path.name for path in folder.iterdir()] == ["model.safetensors"]


@pytest.mark.parametrize("value", [0.0, 3e38])
@pytest.mark.parametrize("kind", LIBRARIES)
def test_a_model_that_cannot_be_compared_leaves_no_file(kind, value, model, need, capsys):
    for library in LIBRARIES[kind]:
        need(library)
    folder = model()
    classifier = load_model(folder)
    parameters = map_arrays(partial(np.full_like, fill_value=value), classifier.parameters)
    classifier._replace(parameters=parameters).save(folder / "model.safetensors")
    status, out, err = run(capsys, folder, "--to", kind)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "must have finite logits that are not all 0 to check a file by" in err
    assert [path.name for path in folder.iterdir()] == ["model.safetensors"]


def test_a_file_whose_check_breaks_off_is_removed(model, capsys, monkeypatch):
    def interrupted(path, rows):
        raise KeyboardInterrupt

    monkeypatch.setattr(export, "npz_logits", interrupted)
    folder = model()
    assert run(capsys, folder, "--to", "npz")[0] == 130
    assert [path.name for path in folder.iterdir()] == ["model.safetensors"]


@pytest.mark.parametrize(
    ("kind", "library", "extra"), [("onnx", "onnx", "onnx"), ("keras", "tensorflow", "tools")]
)
def test_an_absent_library_exits_2_with_the_command(
    kind, library, extra, model, capsys, monkeypatch
):
    monkeypatch.setitem(sys.modules, library, None)
    folder = model()
    status, out, err = run(capsys, folder, "--to", kind)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert f'pip install -e ".[{extra}]"' in err
    assert [path.name for path in folder.iterdir()] == ["model.safetensors"]


def test_without_onnxruntime_the_file_is_written_and_not_checked(model, need, capsys, monkeypatch):
    need("onnx")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    folder = model()
    status, out, err = run(capsys, folder, "--to", "onnx", "--json")
    assert (status, json.loads(out)["difference"]) == (0, None)
    expected = 'not checked: onnxruntime is not installed: pip install -e ".[onnx]"'
    assert err.splitlines()[1] == expected
    assert (folder / "model.onnx").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--to"),
        (["--to", "pickle"], "--to"),
        (["--to", "npz", "--out", "a.onnx"], "--out must end in .npz, got a.onnx"),
        (["--to", "npz", "--input", "rows"], "--input is for onnx and keras"),
        (["--to", "keras", "--logits-only"], "--logits-only is for onnx"),
    ],
)
def test_usage(arguments, message, model, capsys):
    with pytest.raises(SystemExit) as stop:
        export.main([str(model()), *arguments])
    done = capsys.readouterr()
    assert (stop.value.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert message in done.err


def test_no_model_and_no_place_are_one_line(model, tmp_path, capsys):
    for arguments, message in (
        ([tmp_path / "nowhere"], "no such model; name a run directory"),
        ([model(), "--out", tmp_path / "nowhere" / "m.npz"], "cannot be written"),
    ):
        status, out, err = run(capsys, *arguments, "--to", "npz")
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert message in err


def test_the_command_as_typed(model):
    folder = model()
    command = [sys.executable, str(ROOT / "scripts" / "export.py"), str(folder), "--to", "npz"]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT.parent, env=os.environ, timeout=120
    )
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.endswith("of the largest\n")
