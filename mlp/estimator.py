# ruff: noqa: N803, N806 (scikit-learn's name for the rows is X)
"""The network as a classifier of scikit-learn's. `import mlp` does not load this module.

from .estimator import MLPClassifier

MLPClassifier(hidden_layer_sizes=(500,), device="auto").fit(X, y).score(X_test, y_test)
"""

import warnings
from dataclasses import KW_ONLY, dataclass, replace
from numbers import Integral
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import LabelEncoder
from sklearn.utils import check_random_state, multiclass, validation

from .classifier import Classifier
from .config import TrainingConfig
from .datasets import Dataset, Preparation, Rows, ScaleWarning
from .datasets.scale import hopeless
from .datasets.statistics import moments
from .device import Device, choose_device, to_numpy
from .history import History
from .model import Layer, Parameters, layer_sizes, map_arrays
from .sharding import default_piece_rows, row_pieces
from .state import TrainingState
from .training import train

# A method of every estimator in scikit-learn 1.5, a function since.
_validate = getattr(validation, "validate_data", None) or BaseEstimator._validate_data
# Options of training, and scikit-learn's names for them.
_NAMES = {
    "hidden": "hidden_layer_sizes",
    "epochs": "max_iter",
    "learning_rate": "learning_rate_init",
    "schedule": "learning_rate",
    "nesterov": "nesterovs_momentum",
    "l2": "alpha",
    "early_stopping": "n_iter_no_change",
    **{name: name for name in ("batch_size", "momentum", "device", "threads")},
}
_DTYPES = (np.float64, np.float32)  # the first is what others are converted to


@dataclass(eq=False, repr=False)
class MLPClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A multilayer perceptron, trained by gradient descent with momentum on a CPU or a GPU.

    Parameters and attributes have the names of ``sklearn.neural_network.MLPClassifier`` where
    they mean the same. X is used as it is: scale it to about [0, 1], or to mean 0 and variance 1
    (``make_pipeline(StandardScaler(), MLPClassifier())``), or training may diverge.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default (100,)
        Units of each hidden layer, at least one layer.
    alpha : float, default 1e-4
        Strength of the L2 penalty as scikit-learn counts it: a batch of n rows adds
        ``alpha / (2 * n) * sum(W ** 2)`` to its average loss, over all weights but no biases. This
        project's ``l2`` is the coefficient of half the squared norm, so ``l2 = alpha / n`` with n
        the smaller of `batch_size` and the rows to train on. Where an epoch's last batch is
        shorter it keeps that coefficient; scikit-learn divides by its own rows there.
    batch_size : int or "auto", default "auto"
        Rows of a step, at most all; "auto" is 200.
    learning_rate : {"constant", "cosine", "one-cycle"}, default "constant"
        How the rate goes over the epochs of `fit`; `partial_fit` keeps it constant.
    learning_rate_init : float, default 0.01
        The rate. scikit-learn's 0.001 suits Adam; this is gradient descent.
    momentum : float, default 0.9
        In [0, 1).
    nesterovs_momentum : bool, default True
        Look ahead along the velocity.
    max_iter : int, default 200
        Epochs. There is no `tol`: without `early_stopping` all of them are trained.
    early_stopping : bool, default False
        Hold out rows, stop when their loss (scikit-learn: their accuracy) has not become lower
        for `n_iter_no_change` epochs, and keep the weights of the epoch where it was lowest.
    validation_fraction : float, default 0.1
        Share of the rows that `early_stopping` holds out, the same of each class. In (0, 1).
    n_iter_no_change : int, default 10
        See `early_stopping`.
    warm_start : bool, default False
        Let `fit` go on from where the last call ended, for `max_iter` more epochs: with the same
        rows it is one longer call, to the bit, but for a schedule that is not constant. After
        `early_stopping` it goes on from the weights that were kept, without momentum.
    random_state : int, RandomState or None, default None
        Seeds the weights, the order of the rows and the choice of those held out.
    device : {"auto", "cpu", "cuda", "cuda:N"}, default "auto"
        "auto" takes a usable GPU, else the CPU. "cuda" goes on with the CPU where the machine has
        no GPU at all, and a `UserWarning` says so.
    threads : int or None, default None
        Threads to train with on a CPU; by default all cores. The weights do not depend on it.
        Give 1 where scikit-learn runs several fits at once (``n_jobs``).

    Attributes
    ----------
    classes_ : (K,) array
        The labels, sorted.
    coefs_, intercepts_ : list of NumPy arrays
        Weights (n_in, n_out) and biases (n_out,) of every layer. The last layer has a column for
        every class, also where there are two.
    loss_curve_ : list of float
        Average cross-entropy of every epoch, over its batches as they were seen; no penalty.
    validation_scores_ : list of float or None
        With `early_stopping`, the accuracy on the held-out rows after every epoch.
    n_iter_ : int
        Epochs so far, with those of the calls that were gone on from.
    n_features_in_ : int
    feature_names_in_ : (n_features_in_,) array
        Where X is a data frame whose columns have names.
    """

    hidden_layer_sizes: Any = (100,)
    _: KW_ONLY
    alpha: float = 1e-4
    batch_size: Any = "auto"
    learning_rate: str = "constant"
    learning_rate_init: float = 0.01
    momentum: float = 0.9
    nesterovs_momentum: bool = True
    max_iter: int = 200
    early_stopping: bool = False
    validation_fraction: float = 0.1
    n_iter_no_change: int = 10
    warm_start: bool = False
    random_state: Any = None
    device: str = "auto"
    threads: int | None = None

    def fit(self, X: Any, y: Any) -> Self:
        """Train for `max_iter` epochs, from new weights unless `warm_start` is set.

        Parameters
        ----------
        X : (N, D) real numbers, dense and finite
            The network computes in float32 where X has it, else in float64.
        y : (N,) labels of any kind: numbers, strings, bools

        Raises
        ------
        ValueError, TypeError
            A parameter out of its range, or rows or labels that cannot be used.
        DivergedError
            The loss or a weight is not finite.
        DeviceError
            See `mlp.choose_device`.

        Warns
        -----
        mlp.ScaleWarning
            X is scaled so that gradient descent will hardly learn.
        """
        fresh = not (self.warm_start and hasattr(self, "coefs_"))
        return self._train(X, y, self._config(), y, fresh)

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> Self:
        """Train for one epoch over these rows, from where the last call ended.

        N calls with the same rows are one `fit` with ``max_iter=N``, to the bit.

        Parameters
        ----------
        X, y
            See `fit`. Not every class needs to be in `y`.
        classes : sequence of all labels
            Needed in the first call.

        Raises
        ------
        ValueError, TypeError, DivergedError, DeviceError
            See `fit`; also with `early_stopping`, which needs all rows at once.
        """
        fresh = not hasattr(self, "coefs_")
        if self.early_stopping:
            raise ValueError("partial_fit cannot hold rows out; set early_stopping=False")
        if fresh and classes is None:
            raise ValueError("classes must be passed on the first call to partial_fit")
        if not (fresh or classes is None or np.array_equal(np.unique(classes), self.classes_)):
            raise ValueError(f"classes must stay {self.classes_.tolist()}, got {classes}")
        config = replace(self._config(), epochs=1, schedule="constant")
        return self._train(X, y, config, classes, fresh)

    def predict(self, X: Any) -> Any:
        """Return every row's most probable class, (N,) with the dtype of `classes_`."""
        columns = self.predict_proba(X).argmax(axis=1)
        return self.classes_[columns]

    def predict_proba(self, X: Any) -> Any:
        """Return every row's class probabilities, (N, K) in the order of `classes_`."""
        validation.check_is_fitted(self)
        X = _validate(self, X, dtype=_DTYPES, order="C", reset=False)
        device = self._device()
        placed = map_arrays(device.put, self._parameters())
        classifier = Classifier(placed, self._preparation())
        pieces = row_pieces(0, len(X), default_piece_rows(1000, device.kind))  # in bounded memory
        parts = (classifier.predict_probabilities(device.put(X[rows])) for rows in pieces)
        return np.concatenate([to_numpy(part) for part in parts])

    def to_classifier(self) -> Classifier:
        """Return what was fitted as `mlp.load_model` does: to be saved, exported, and asked.

        Its class names are those of `classes_`, as texts.
        """
        validation.check_is_fitted(self)
        return Classifier(self._parameters(), self._preparation())

    def _config(self) -> TrainingConfig:
        """Check the parameters. `l2` is still `alpha`, and a batch may have more rows than X."""
        values = {option: getattr(self, name) for option, name in _NAMES.items()}
        values["hidden"] = tuple(np.ravel(self.hidden_layer_sizes).tolist())
        values["batch_size"] = 200 if self.batch_size == "auto" else self.batch_size
        for option in ("hidden", "epochs", "batch_size", "early_stopping"):
            if not all(isinstance(value, Integral) for value in np.ravel(values[option]).tolist()):
                raise TypeError(f"{_NAMES[option]} must be whole numbers, got {values[option]!r}")
        if not self.early_stopping:
            values["early_stopping"] = None
        elif not 0 < self.validation_fraction < 1:
            raise ValueError(f"validation_fraction must be in (0, 1): {self.validation_fraction}")
        try:
            return TrainingConfig(**values, velocity_init=0.0)
        except ValueError as error:  # it begins with the name of the command line's option
            option, rest = str(error).split(" ", 1)
            name = _NAMES[option.removeprefix("--").replace("-", "_")]
            raise ValueError(f"{name} {rest}") from error

    def _train(self, X: Any, y: Any, config: TrainingConfig, classes: Any, fresh: bool) -> Self:
        """Train for `config.epochs` epochs, from new weights or from those that are there."""
        X, y = _validate(self, X, y, dtype=_DTYPES, order="C", reset=fresh)
        multiclass.check_classification_targets(y)
        encoder = LabelEncoder().fit(np.unique(np.asarray(classes)) if fresh else self.classes_)
        rows, held_out = Rows(X, encoder.transform(y)), None
        seed = self._draw_seed() if fresh else self._seed
        if self.early_stopping:
            share, strata = self.validation_fraction, rows.labels
            parts = train_test_split(*rows, test_size=share, random_state=seed, stratify=strata)
            rows, held_out = Rows(*parts[::2]), Rows(*parts[1::2])
        self.classes_: Any = encoder.classes_
        if fresh:
            self._warn_of_scale(rows)
        dataset, device = Dataset(rows, held_out, None, self._preparation()), self._device()
        history, dtype = (History(), X.dtype) if fresh else (self._history, self.coefs_[0].dtype)
        past, size = max(0, len(history) - 1), min(config.batch_size or 1, len(rows.labels))
        config = replace(config, batch_size=size, l2=config.l2 / size, dtype=dtype.name, seed=seed)
        config, start = replace(config, epochs=past + config.epochs), None
        if not fresh:  # without its last row the state is measured anew, on these rows
            start = TrainingState(self._parameters(), self._velocity, past, History(history[:past]))
            if (kept := layer_sizes(start.parameters)[1:-1]) != config.hidden:
                raise ValueError(f"hidden_layer_sizes must stay {kept}, got {config.hidden}")
        # The device may have fallen back: training is where the rows are.
        state = train(dataset.to(device), replace(config, device="auto"), state=start)
        self._seed: int = seed
        self._history: History = History((*history, *state.history[len(history) :]))
        self._velocity: Parameters = map_arrays(to_numpy, state.velocity)
        if state.best is not None:  # nothing is known of the velocity at the best epoch
            self._velocity = map_arrays(np.zeros_like, self._velocity)
        self.n_iter_ = state.epoch
        self.coefs_: list[Any] = [to_numpy(layer.weight) for layer in state.result_parameters]
        self.intercepts_ = [to_numpy(layer.bias) for layer in state.result_parameters]
        self.loss_curve_ = [row.train_loss for row in self._history[1:]]
        scores = [row.valid_accuracy for row in self._history[1:]]
        self.validation_scores_ = scores if self.early_stopping else None
        return self

    def _parameters(self) -> Parameters:
        return tuple(map(Layer, self.coefs_, self.intercepts_))

    def _preparation(self) -> Preparation:
        columns = getattr(self, "feature_names_in_", None)
        return Preparation(
            tuple(map(str, self.classes_)),
            feature_names=None if columns is None else tuple(map(str, columns)),
        )

    def _warn_of_scale(self, rows: Rows) -> None:
        names = getattr(self, "feature_names_in_", None)
        if what := hopeless(*moments(rows, 1.0), names):
            mend = "put sklearn.preprocessing.StandardScaler before it"
            warnings.warn(ScaleWarning(what, mend), stacklevel=4)

    def _draw_seed(self) -> int:
        """Draw a seed; a `random_state` that is a number is the seed itself."""
        drawn = check_random_state(self.random_state).randint(2**31 - 1)
        return int(self.random_state if isinstance(self.random_state, Integral) else drawn)

    def _device(self) -> Device:
        device = choose_device(self.device)
        if device.notice and device.requested != "auto":
            warnings.warn(device.notice, UserWarning, stacklevel=4)
        return device
