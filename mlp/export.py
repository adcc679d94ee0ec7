"""A trained classifier in other programs' formats: ONNX, Keras, plain arrays.

All three take raw features and scale them themselves. ONNX and Keras take uint8 images (N, height,
width) where the classifier has an `image_shape`, else rows (N, D) of the parameters' dtype; N is
free. For a file that takes the pixels as rows, give ``classifier._replace(image_shape=None)``.

Libraries are imported when a function here is called; one that is absent raises
`ModuleNotFoundError`, which names the command, and a file that cannot be written
`mlp.FileError`.
"""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from .classifier import Classifier, contiguous_arrays
from .config import TrainingConfig
from .files import replacing, write
from .keras_reference import build, tensorflow

# The oldest operator set with today's Softmax, and the file format of its time: what reads ONNX
# at all reads these.
ONNX_OPSET, ONNX_IR = 13, 7
ONNX_LIMIT = 2**31 - 2**20  # bytes of parameters: protobuf's limit, less the names and nodes


def export_onnx(path: Path, classifier: Classifier, *, probabilities: bool = True) -> None:
    """Write standard nodes: Flatten and Cast of images, Mul by the scale, Gemm, Relu, Softmax.

    The input is ``images`` or ``features``; outputs are ``logits`` and, unless switched off,
    ``probabilities``. The metadata hold ``scale``, ``class_names`` and ``image_shape`` as JSON.

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
    arrays["scale"] = np.array(classifier.scale, arrays["layers.0.weight"].dtype)
    real = given = onnx.helper.np_dtype_to_tensor_dtype(arrays["scale"].dtype)
    nodes: list[Any] = []

    def add(operation: str, inputs: list[str], result: str, **attributes: int) -> None:
        nodes.append(onnx.helper.make_node(operation, inputs, [result], **attributes))

    if classifier.image_shape is not None:
        given = onnx.TensorProto.UINT8
        add("Flatten", ["images"], "pixels", axis=1)
        add("Cast", ["pixels"], "features", to=real)
    add("Mul", ["features", "scale"], "hidden.0")
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
    onnx.helper.set_model_props(model, {k: json.dumps(v) for k, v in _notes(classifier).items()})
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
    for layer in build(classifier.parameters, TrainingConfig(dtype=dtype)).layers:
        x = layer(x)
    with TemporaryDirectory() as folder:
        keras.Model(inputs, x).save(f"{folder}/model.keras")  # Keras goes by the name's end
        write(path, Path(folder, "model.keras").read_bytes())


def export_npz(path: Path, classifier: Classifier) -> None:
    """Write arrays for ``numpy.load``: ``layers.0.weight``, ..., ``scale``, ``class_names``.

    Names are a unicode array, so no pickle is needed; ``image_shape`` is there for images.
    """
    notes: dict[str, Any] = {key: np.array(note) for key, note in _notes(classifier).items()}
    with replacing(path) as file:
        np.savez_compressed(file, **(contiguous_arrays(classifier.parameters) | notes))


def _notes(classifier: Classifier) -> dict[str, Any]:
    notes = classifier._asdict().items()
    return {key: note for key, note in notes if key != "parameters" and note is not None}
