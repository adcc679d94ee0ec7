"""A trained classifier in other programs' formats: ONNX, Keras, plain arrays.

All three take raw features, and scale and standardise them themselves. ONNX and Keras take uint8
images (N, height, width) where the classifier has an `image_shape`, else rows (N, D) of the
parameters' dtype; N is free. For a file that takes the pixels as rows, give `of_rows(classifier)`.
How pictures of other sizes become such images, the metadata state as ``preparation``.

Libraries are imported when a function here is called; one that is absent raises
`ModuleNotFoundError`, which names the command, and a file that cannot be written
`mlp.FileError`.
"""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from .classifier import Classifier
from .config import TrainingConfig
from .files import replacing, write
from .keras_reference import build, tensorflow
from .model_file import contiguous_arrays, metadata

# The oldest operator set with today's Softmax, and the file format of its time: what reads ONNX
# at all reads these.
ONNX_OPSET, ONNX_IR = 13, 7
ONNX_LIMIT = 2**31 - 2**20  # bytes of parameters: protobuf's limit, less the names and nodes


def export_onnx(path: Path, classifier: Classifier, *, probabilities: bool = True) -> None:
    """Write standard nodes: Flatten and Cast of images, Mul by the scale, Gemm, Relu, Softmax.

    Where rows were standardised, Sub and Mul follow the scale. The input is ``images`` or
    ``features``; outputs are ``logits`` and, unless switched off, ``probabilities``. The metadata
    hold ``scale``, ``class_names``, ``image_shape`` and ``preparation`` as JSON.

    Raises
    ------
    ValueError
        The parameters are too large for an ONNX file.
    """
    try:
        import onnx
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError('ONNX export needs onnx: pip install -e ".[onnx]"') from error
    arrays, last = contiguous_arrays(classifier.parameters), len(classifier.parameters) - 1
    if (size := sum(array.nbytes for array in arrays.values())) > ONNX_LIMIT:
        raise ValueError(f"ONNX must have at most {ONNX_LIMIT} bytes, got {size}; export to npz")
    arrays |= constants(classifier)
    real = given = onnx.helper.np_dtype_to_tensor_dtype(arrays["scale"].dtype)
    nodes: list[Any] = []

    def add(operation: str, inputs: list[str], result: str, **attributes: int) -> None:
        nodes.append(onnx.helper.make_node(operation, inputs, [result], **attributes))

    if classifier.image_shape is not None:
        given = onnx.TensorProto.UINT8
        add("Flatten", ["images"], "pixels", axis=1)
        add("Cast", ["pixels"], "features", to=real)
    standardised = "mean" in arrays
    add("Mul", ["features", "scale"], "scaled" if standardised else "hidden.0")
    if standardised:
        add("Sub", ["scaled", "mean"], "centred")
        add("Mul", ["centred", "factor"], "hidden.0")
    for index in range(last + 1):
        sums = "logits" if index == last else f"sums.{index}"
        add("Gemm", [f"hidden.{index}", f"layers.{index}.weight", f"layers.{index}.bias"], sums)
        if index < last:
            add("Relu", [sums], f"hidden.{index + 1}")
    if probabilities:
        add("Softmax", ["logits"], "probabilities", axis=1)
    info = onnx.helper.make_tensor_value_info
    outputs = ("logits", "probabilities")[: 1 + probabilities]
    graph = onnx.helper.make_graph(
        nodes,
        "classifier",
        [info(nodes[0].input[0], given, ["rows", *classifier.input_shape])],
        [info(name, real, ["rows", len(classifier.class_names)]) for name in outputs],
        [onnx.numpy_helper.from_array(array, key) for key, array in arrays.items()],
    )
    opset = onnx.helper.make_opsetid("", ONNX_OPSET)
    model = onnx.helper.make_model(graph, opset_imports=[opset], ir_version=ONNX_IR)
    onnx.helper.set_model_props(model, _metadata(classifier))
    onnx.checker.check_model(model, full_check=True)
    write(path, model.SerializeToString())


def export_keras(path: Path, classifier: Classifier) -> None:
    """Write a model for ``keras.models.load_model``; its outputs are logits.

    Call the model on float64 rows: Keras' ``predict`` rounds them to float32 before it does.
    """
    keras = tensorflow().keras
    dtype = str(classifier.parameters[0].weight.dtype)
    inputs = keras.Input(classifier.input_shape, dtype="uint8" if classifier.image_shape else dtype)
    x = keras.layers.Flatten(dtype=dtype)(inputs)  # leaves integers as they are
    # A Rescaling layer would round the scale to float32 in a float64 model.
    x = keras.ops.cast(x, dtype) * classifier.scale
    columns = constants(classifier)
    if "mean" in columns:
        x = (x - columns["mean"]) * columns["factor"]
    for layer in build(classifier.parameters, TrainingConfig(dtype=dtype)).layers:
        x = layer(x)
    with TemporaryDirectory() as folder:
        keras.Model(inputs, x).save(f"{folder}/model.keras")  # Keras goes by the name's end
        write(path, Path(folder, "model.keras").read_bytes())


def export_npz(path: Path, classifier: Classifier) -> None:
    """Write arrays for ``numpy.load``: ``layers.0.weight``, ..., ``scale``, ``class_names``.

    Names are a unicode array, so no pickle is needed; ``image_shape`` is there for images; where
    rows were standardised, ``mean`` and ``factor`` are: ``(x * scale - mean) * factor``, to be
    computed in their float64, since a mean may be large beside its deviation. What else is known of
    the rows is the JSON text ``preparation``.
    """
    notes: dict[str, Any] = {
        "class_names": np.array(classifier.class_names),
        "preparation": np.array(_metadata(classifier)["preparation"]),
    }
    if classifier.image_shape is not None:
        notes["image_shape"] = np.array(classifier.image_shape)
    with replacing(path) as file:
        columns = constants(classifier, "float64")
        np.savez_compressed(file, **contiguous_arrays(classifier.parameters) | columns | notes)


def of_rows(classifier: Classifier) -> Classifier:
    """Return the classifier whose input is rows of pixels (N, D) where it was images."""
    return classifier._replace(preparation=replace(classifier.preparation, image_size=None))


def constants(classifier: Classifier, dtype: str | None = None) -> dict[str, np.ndarray]:
    """Return what makes rows input: ``scale``, ``mean``, ``factor``; as the parameters by default.

    Parameters
    ----------
    classifier : Classifier
    dtype : {"float32", "float64"}, optional
    """
    preparation = classifier.preparation
    dtype = dtype or str(classifier.parameters[0].weight.dtype)
    arrays = {"scale": np.array(preparation.scale, dtype)}
    if preparation.mean is not None and preparation.deviation is not None:
        arrays["mean"] = np.array(preparation.mean, dtype)
        arrays["factor"] = (1 / np.array(preparation.deviation)).astype(dtype)
    return arrays


def _metadata(classifier: Classifier) -> dict[str, str]:
    """Return what the file of the model says besides its arrays, but for what is null."""
    said = metadata(classifier.preparation, None)
    return {key: text for key, text in said.items() if text != "null"}
