# ruff: noqa: N803, N806 (scikit-learn's name for the rows is X)
"""The network as a classifier of scikit-learn's. `import mlp` does not load this module.

from mlp.estimator import MLPClassifier

MLPClassifier(hidden_layer_sizes=(500,), device="auto").fit(X, y).score(X_test, y_test)
"""

import warnings
from dataclasses import KW_ONLY, dataclass, replace
from numbers import Integral
from typing import Any, Self

import numpy as np
from sklearn.preprocessing import LabelEncoder
from sklearn.utils import check_random_state, multiclass

from .config import TrainingConfig
from .datasets import Dataset, Rows, ScaleWarning
from .datasets.scale import hopeless
from .datasets.statistics import moments
from .device import to_numpy
from .estimator_parameters import hold_out, row_weights, training_config
from .estimator_prediction import DTYPES, FittedClassifier, validate
from .history import History
from .model import Parameters, layer_sizes, map_arrays
from .state import TrainingState
from .training import train


@dataclass(eq=False, repr=False)
class MLPClassifier(FittedClassifier):
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
        shorter it keeps that coefficient; scikit-learn divides by its own rows there. Of rows that
        have weights, n is their average weight times as many.
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
        Share of the rows that `early_stopping` holds out, the same of each class; the only row of
        a class is trained on. In (0, 1).
    n_iter_no_change : int, default 10
        See `early_stopping`.
    warm_start : bool, default False
        Let `fit` go on from where the last call ended, for `max_iter` more epochs: with the same
        rows it is one longer call, to the bit, but for a schedule that is not constant. After
        `early_stopping` it goes on from the weights that were kept, without momentum.
    class_weight : dict, "balanced" or None, default None
        What a row counts, by its label; labels that are not named count 1. "balanced" is
        ``n / (K * count of the class)`` over the rows of `fit`, or over their weights. It is
        multiplied by `sample_weight`.
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
        Average cross-entropy of every epoch, over its batches as they were seen, weighted as the
        rows are; no penalty.
    loss_ : float
        The last of them.
    validation_scores_ : list of float or None
        With `early_stopping`, the accuracy on the held-out rows after every epoch: a share of
        rows, whatever they count. (Their loss, which decides, is weighted.)
    n_iter_ : int
        Epochs so far, with those of the calls that were gone on from.
    n_features_in_, n_layers_, n_outputs_ : int
        Features; layers with the input and the output; classes, also where there are two.
    out_activation_ : "softmax"
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
    class_weight: Any = None
    random_state: Any = None
    device: str = "auto"
    threads: int | None = None

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train for `max_iter` epochs, from new weights unless `warm_start` is set.

        Parameters
        ----------
        X : (N, D) real numbers, dense and finite
            The network computes in float32 where X has it, else in float64.
        y : (N,) labels of any kind: numbers, strings, bools
        sample_weight : (N,) numbers, optional
            What each row counts: its loss and gradient are multiplied by it, those of a batch
            divided by their sum. Finite, not negative, not all zero; by default all count 1. Rows
            that are held out are weighted, too.

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
        return self._train(X, y, sample_weight, training_config(self), y, fresh)

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Train for one epoch over these rows, from where the last call ended.

        N calls with the same rows are one `fit` with ``max_iter=N``, to the bit.

        Parameters
        ----------
        X, y
            See `fit`. Not every class needs to be in `y`.
        classes : sequence of all labels
            Needed in the first call.
        sample_weight
            See `fit`.

        Raises
        ------
        ValueError, TypeError, DivergedError, DeviceError
            See `fit`; also with `early_stopping` or balanced classes, which need all rows at
            once.
        """
        fresh = not hasattr(self, "coefs_")
        if self.early_stopping:
            raise ValueError("partial_fit cannot hold rows out; set early_stopping=False")
        if isinstance(self.class_weight, str):
            raise ValueError(
                "partial_fit cannot balance classes, of which it sees some rows at a time; pass "
                "their weights as a dict: sklearn.utils.class_weight.compute_class_weight"
            )
        if fresh and classes is None:
            raise ValueError("classes must be passed on the first call to partial_fit")
        if not (fresh or classes is None or np.array_equal(np.unique(classes), self.classes_)):
            raise ValueError(f"classes must stay {self.classes_.tolist()}, got {classes}")
        config = replace(training_config(self), epochs=1, schedule="constant")
        return self._train(X, y, sample_weight, config, classes, fresh)

    def _train(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        config: TrainingConfig,
        classes: Any,
        fresh: bool,
    ) -> Self:
        """Train for `config.epochs` epochs, from new weights or from those that are there."""
        X, y = validate(self, X, y, dtype=DTYPES, order="C", reset=fresh)
        multiclass.check_classification_targets(y)
        encoder = LabelEncoder().fit(np.unique(np.asarray(classes)) if fresh else self.classes_)
        labels = encoder.transform(y)
        weights = row_weights(labels, encoder.classes_, sample_weight, self.class_weight)
        rows, held_out = Rows(X, labels, weights), None
        seed = self._draw_seed() if fresh else self._seed
        if self.early_stopping:
            rows, held_out = hold_out(rows, self.validation_fraction, seed)
        self.classes_: Any = encoder.classes_
        if fresh:
            self._warn_of_scale(rows)
        dataset, device = Dataset(rows, held_out, None, self._preparation()), self._device()
        history, dtype = (History(), X.dtype) if fresh else (self._history, self.coefs_[0].dtype)
        past, size = max(0, len(history) - 1), min(config.batch_size or 1, len(rows.labels))
        # scikit-learn divides the penalty by the sum of a batch's weights.
        n = size if rows.weights is None else size * float(rows.weights.mean())
        config = replace(config, batch_size=size, l2=config.l2 / n, dtype=dtype.name, seed=seed)
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
        self.loss_ = self._history[-1].train_loss
        self.n_layers_, self.n_outputs_ = len(self.coefs_) + 1, len(self.classes_)
        self.out_activation_ = "softmax"
        scores = [row.valid_accuracy for row in self._history[1:]]
        self.validation_scores_ = scores if self.early_stopping else None
        return self

    def _warn_of_scale(self, rows: Rows) -> None:
        names = getattr(self, "feature_names_in_", None)
        if what := hopeless(*moments(rows, 1.0), names):
            mend = "put sklearn.preprocessing.StandardScaler before it"
            warnings.warn(ScaleWarning(what, mend), stacklevel=4)

    def _draw_seed(self) -> int:
        """Draw a seed; a `random_state` that is a number is the seed itself."""
        drawn = check_random_state(self.random_state).randint(2**31 - 1)
        return int(self.random_state if isinstance(self.random_state, Integral) else drawn)
