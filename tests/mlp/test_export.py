"""Files for other programs give our logits from raw features."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
from bits import assert_same_bits
from tolerances import EXPORT, ROUNDING

from mlp import Preparation, export, init_parameters
from mlp.classifier import Classifier
from mlp.datasets.preparation import to_input
from mlp.export import export_keras, export_npz, export_onnx, of_rows
from mlp.files import FileError
from mlp.functional import softmax
from mlp.model import forward

# Keras, saving with NumPy 2, calls `np.array` on a tensor.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

HIDDEN = [(), (40,), (50, 30, 20)]
DTYPES = ["float32", "float64"]
KINDS = {
    "features": {"images": False},
    "images": {"images": True},
    "standardised features": {"images": False, "standardised": True},
    "standardised images": {"images": True, "standardised": True},
}


@pytest.fixture
def tensorflow(need):
    need("tensorflow")


def make(hidden, dtype, *, images, standardised=False):
    """Draw a classifier of 9 x 7 images, or of rows of 63 features without a scale."""
    parameters = init_parameters((63, *hidden, 5), seed=3, dtype=dtype)
    biased = tuple(layer._replace(bias=layer.weight[0] / 2) for layer in parameters)
    names = ("A", "Б", "c d", '"', "e")
    preparation = Preparation(names, (9, 7) if images else None, 1 / 255 if images else 1.0)
    if standardised:
        columns = np.random.default_rng(4).uniform(0.1, 0.6, (2, 63)).tolist()
        mean, deviation = map(tuple, columns)
        preparation = replace(preparation, mean=mean, deviation=deviation)
    return Classifier(biased, preparation)


def raw(classifier, count=17):
    """Draw raw features as the file takes them."""
    rng = np.random.default_rng(0)
    shape = (count, *classifier.input_shape)
    if classifier.image_shape:
        return rng.integers(0, 256, shape).astype(np.uint8)
    return rng.standard_normal(shape).astype(classifier.parameters[0].weight.dtype)


def our_logits(classifier, features):
    dtype = classifier.parameters[0].weight.dtype
    rows = features.reshape(len(features), -1)
    x = to_input(rows, rows.dtype if rows.dtype == "float64" else dtype, classifier.scale)
    if classifier.preparation.mean is not None:
        x = (x - np.array(classifier.preparation.mean)) / np.array(classifier.preparation.deviation)
    return forward(classifier.parameters, x.astype(dtype))[0]


def assert_equal_logits(theirs, ours):
    """Compare relative to the largest logit: a small one is a difference of large terms."""
    assert theirs.dtype == ours.dtype
    assert theirs.shape == ours.shape
    assert np.abs(theirs - ours).max() <= EXPORT[str(ours.dtype)] * np.abs(ours).max()


def run_onnx(need, path, features):
    runtime = need("onnxruntime")
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    outputs = [output.name for output in session.get_outputs()]
    (given,) = session.get_inputs()
    return dict(zip(outputs, session.run(outputs, {given.name: features}), strict=True))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("kind", KINDS)
def test_onnx(hidden, dtype, kind, need, tmp_path):
    need("onnx")
    classifier = make(hidden, dtype, **KINDS[kind])
    export_onnx(tmp_path / "m.onnx", classifier)
    for count in (1, 17):
        features = raw(classifier, count)
        ours, theirs = (
            our_logits(classifier, features),
            run_onnx(need, tmp_path / "m.onnx", features),
        )
        assert_equal_logits(theirs["logits"], ours)
        np.testing.assert_allclose(theirs["probabilities"], softmax(ours), **ROUNDING[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
def test_onnx_takes_the_pixels_as_rows_too(dtype, need, tmp_path):
    need("onnx")
    classifier = make((40,), dtype, images=True)
    features = raw(classifier)
    export_onnx(tmp_path / "m.onnx", of_rows(classifier), probabilities=False)
    rows = features.reshape(len(features), -1).astype(dtype)
    theirs = run_onnx(need, tmp_path / "m.onnx", rows)
    assert list(theirs) == ["logits"]
    assert_equal_logits(theirs["logits"], our_logits(classifier, features))


def test_onnx_says_what_it_is_in_standard_nodes(need, tmp_path):
    onnx = need("onnx")
    classifier = make((40, 20), "float32", images=True)
    export_onnx(tmp_path / "m.onnx", classifier)
    model = onnx.load(tmp_path / "m.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert [node.op_type for node in model.graph.node] == [
        "Flatten",
        "Cast",
        "Mul",
        "Gemm",
        "Relu",
        "Gemm",
        "Relu",
        "Gemm",
        "Softmax",
    ]
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 13)]
    (given,) = model.graph.input
    assert given.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    sizes = given.type.tensor_type.shape.dim
    assert (given.name, sizes[0].dim_param, [size.dim_value for size in sizes[1:]]) == (
        "images",
        "rows",
        [9, 7],
    )
    notes = {entry.key: json.loads(entry.value) for entry in model.metadata_props}
    assert notes.pop("preparation")["ground"] == classifier.preparation.ground
    assert notes == {
        "class_names": list(classifier.class_names),
        "image_shape": [9, 7],
        "scale": 1 / 255,
    }


def test_parameters_too_large_for_onnx_are_refused(need, tmp_path, monkeypatch):
    need("onnx")
    classifier = make((40,), "float32", images=True)
    monkeypatch.setattr(export, "ONNX_LIMIT", 11_059)
    with pytest.raises(ValueError, match=r"at most 11059 bytes, got 11060; export to npz"):
        export_onnx(tmp_path / "m.onnx", classifier)
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("tensorflow")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("kind", KINDS)
def test_keras(hidden, dtype, kind, tmp_path):
    from mlp.keras_reference import tensorflow

    classifier = make(hidden, dtype, **KINDS[kind])
    export_keras(tmp_path / "m.keras", classifier)
    model = tensorflow().keras.models.load_model(tmp_path / "m.keras")
    features = raw(classifier)
    assert_equal_logits(np.asarray(model(features)), our_logits(classifier, features))
    if features.dtype != np.float64:  # which `predict` rounds to float32 before the model sees it
        assert_equal_logits(model.predict(features, verbose=0), our_logits(classifier, features))
    assert [path.name for path in tmp_path.iterdir()] == ["m.keras"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("images", [False, True])
def test_npz_holds_plain_arrays(dtype, images, tmp_path):
    classifier = make((50, 30, 20), dtype, images=images)
    export_npz(tmp_path / "m.npz", classifier)
    with np.load(tmp_path / "m.npz", allow_pickle=False) as file:
        arrays = dict(file)
    shape = {"image_shape"} if images else set()
    layers = {f"layers.{k}.{name}" for k in range(4) for name in ("weight", "bias")}
    assert set(arrays) == layers | {"scale", "class_names", "preparation"} | shape
    for index, layer in enumerate(classifier.parameters):
        for name, array in layer._asdict().items():
            assert_same_bits(arrays[f"layers.{index}.{name}"], array)
    assert (arrays["scale"], arrays["scale"].dtype) == (classifier.scale, np.float64)
    assert json.loads(arrays["preparation"].item())["crop"] is False
    assert tuple(arrays["class_names"].tolist()) == classifier.class_names
    assert not images or arrays["image_shape"].tolist() == [9, 7]


@pytest.mark.parametrize("write", [export_onnx, export_keras, export_npz])
def test_a_file_that_cannot_be_written_leaves_nothing(write, need, tmp_path):
    for library in {export_onnx: ["onnx"], export_keras: ["tensorflow"]}.get(write, []):
        need(library)
    with pytest.raises(FileError, match="cannot be written"):
        write(tmp_path / "nowhere" / "m.x", make((40,), "float32", images=True))
    (tmp_path / "m.x").mkdir()
    with pytest.raises(FileError, match="cannot be written"):
        write(tmp_path / "m.x", make((40,), "float32", images=True))
    assert [path.name for path in tmp_path.iterdir()] == ["m.x"]


@pytest.mark.parametrize(
    ("write", "library", "extra"),
    [(export_onnx, "onnx", "onnx"), (export_keras, "tensorflow", "tools")],
)
def test_an_absent_library_is_named_with_the_command(write, library, extra, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ModuleNotFoundError) as error:
        write(tmp_path / "m.x", make((40,), "float32", images=True))
    assert f'pip install -e ".[{extra}]"' in str(error.value)
    assert not list(tmp_path.iterdir())


def test_plain_arrays_keep_columns_that_lie_far_from_zero(tmp_path):
    plain = make((40,), "float32", images=False)
    columns = {"mean": (1e8,) * 63, "deviation": (0.5,) * 63}
    classifier = plain._replace(preparation=replace(plain.preparation, **columns))
    export_npz(tmp_path / "m.npz", classifier)
    rows = 1e8 + np.random.default_rng(1).standard_normal((9, 63))
    with np.load(tmp_path / "m.npz") as arrays:
        x = (rows * arrays["scale"] - arrays["mean"]) * arrays["factor"]
    theirs = forward(plain.parameters, x.astype("float32"))[0]
    assert_equal_logits(theirs, our_logits(classifier, rows))
