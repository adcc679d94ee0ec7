"""A trained network and what its input means: its file, and prediction."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from kernels import Array

from .datasets import Dataset, Preparation
from .datasets.given import check_columns, given_rows
from .datasets.pixels import Values
from .datasets.shapes import shape_for
from .device import device_current, to_numpy
from .files import FileError, exists, write
from .model import Parameters, layer_sizes, map_arrays, predict_probabilities
from .model_file import Origin, contiguous_arrays, metadata, read_metadata, read_parameters
from .tensors import read_tensors

_PIECE = 1000  # rows that are predicted at once
_OF_BEFORE = (
    "this model is of version 0.1, which did not record how its pictures were prepared: as then, "
    "every picture is taken for a letter, cropped to its ink and stretched"
)


class Classifier(NamedTuple):
    """What turns raw features into named classes.

    Attributes
    ----------
    parameters : Parameters
    preparation : Preparation
        How raw things become the network's input.
    origin : Origin or None
        Which rows it was trained on, where that is known.
    note : str
        What its user should know before it is given pictures.
    """

    parameters: Parameters
    preparation: Preparation
    origin: Origin | None = None
    note: str = ""

    @classmethod
    def of(cls, parameters: Parameters, dataset: Dataset) -> "Classifier":
        """Return what a network trained on a data set is; the parameters are copied to the host."""
        origin = Origin(dataset.sha256, dataset.split, dataset.split_seed)
        host = map_arrays(to_numpy, parameters)
        return cls(host, dataset.preparation, origin if dataset.sha256 else None)

    def __repr__(self) -> str:
        sizes, dtype = layer_sizes(self.parameters), self.parameters[0].weight.dtype
        names = ", ".join(self.class_names[:5]) + (", ..." if len(self.class_names) > 5 else "")
        return f"Classifier({' - '.join(map(str, sizes))}, {dtype}, classes {names})"

    @property
    def scale(self) -> float:
        """What raw features are multiplied by first."""
        return self.preparation.scale

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the outputs."""
        return self.preparation.class_names

    @property
    def image_shape(self) -> tuple[int, int] | None:
        """Height and width, where a row is an image of uint8."""
        return self.preparation.image_size

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one image, or of one row where it is none."""
        return self.image_shape or layer_sizes(self.parameters)[:1]

    def input(self, features: Array) -> Array:
        """Return rows of raw features (N, D) as the network's input."""
        with device_current(features):
            return self.preparation.input(features, self.parameters[0].weight.dtype)

    def predict_probabilities(self, features: Array) -> Array:
        """Return every row's class probabilities, (N, K), from raw features (N, D), all at once.

        The rows have the parameters' library, and have been judged.
        """
        return predict_probabilities(self.parameters, self.input(features))

    def predict(self, raw: Array) -> np.ndarray:
        """Return every row's class, (N,) integers: numbers of `class_names`.

        Parameters
        ----------
        raw : (N, H, W), (N, H, W, C), (N, C, H, W), (N, H * W) or (N, D) numbers
            As in the data set: pixels from 0 to 255 or from 0 to 1, with up to 4 channels, or
            features as they were, not scaled.

        Raises
        ------
        ValueError, TypeError
            They have another shape, another dtype, other columns, or hold NaN or inf.
        """
        return np.asarray(self.predict_proba(raw).argmax(axis=1))

    def predict_proba(self, raw: Array) -> np.ndarray:
        """Return every row's class probabilities, (N, K); see `predict`."""
        check_columns(raw, self.preparation.feature_names, "raw rows")
        rows = self._judged(given_rows(raw, "raw rows"))
        with np.errstate(all="ignore"):  # what overflows is told below
            pieces = [
                self.predict_probabilities(rows[start : start + _PIECE])
                for start in range(0, len(rows), _PIECE)
            ]
        none = np.empty((0, len(self.class_names)), self.parameters[0].weight.dtype)
        found = np.concatenate([none, *pieces])
        if not np.isfinite(found).all():
            row = int(np.argmin(np.isfinite(found).all(axis=1)))
            raise ValueError(f"row {row} is so large that the model's outputs are not finite")
        return found

    def _judged(self, raw: np.ndarray) -> np.ndarray:
        if raw.dtype.kind not in "biuf":
            raise TypeError(f"raw rows must be numbers, got {raw.dtype}")
        preparation, n_features = self.preparation, layer_sizes(self.parameters)[0]
        layout = shape_for(raw.shape, raw.dtype, "raw rows", preparation, n_features)
        values = Values()
        if layout.needs_look:
            values.see(raw, layout.name, 0)
            layout.check(values)
        rows = layout.rows_of(raw, values, preparation.ground).reshape(len(raw), n_features)
        if rows.dtype.kind == "f" and not np.isfinite(rows).all():
            row = int(np.argmin(np.isfinite(rows).all(axis=1)))
            raise ValueError(f"features must be finite, row {row} holds NaN or inf")
        return rows

    def save(self, path: Path) -> None:
        """Write the parameters as safetensors, and what a prediction needs besides as metadata.

        Raises
        ------
        FileError
            It cannot be written.
        """
        from safetensors.numpy import save

        said = metadata(self.preparation, self.origin)
        write(path, save(contiguous_arrays(self.parameters), said))


def load_model(path: str | Path) -> Classifier:
    """Read a run directory, or its ``model.safetensors``, and judge all that it says.

    The parameters are NumPy arrays, finite, and all of float32 or all of float64.

    Raises
    ------
    FileError
        The file is missing, damaged, or no classifier; the message is one line.
    """
    path = Path(path)
    file = path / "model.safetensors" if exists(path) and path.is_dir() else path
    if not exists(file):
        raise FileError(f"{file}: no such model; name a run directory or a model.safetensors")
    arrays, said = read_tensors(file)
    try:
        parameters = read_parameters(arrays)
        preparation, origin, assumed = read_metadata(said, layer_sizes(parameters))
    except ValueError as error:
        raise FileError(f"{file}: {error}") from error
    return Classifier(parameters, preparation, origin, _OF_BEFORE if assumed else "")
