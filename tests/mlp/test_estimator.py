"""The classifier as scikit-learn's users meet it."""

import ast
import pickle
import re
from dataclasses import replace

import array_api_strict
import numpy as np
import pytest
from bits import assert_same_bits, bits_of
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.neural_network import MLPClassifier as ScikitLearns
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import has_fit_parameter
from tolerances import ROUNDING, TRAINING

from mlp import (
    Dataset,
    DivergedError,
    Preparation,
    Rows,
    ScaleWarning,
    TrainingConfig,
    estimator,
    estimator_prediction,
    load_model,
    train,
)
from mlp import device as devices
from mlp.device import Device
from mlp.estimator import MLPClassifier
from mlp.export import export_npz
from mlp.model import Layer, parameters_sha256

SMALL = {"hidden_layer_sizes": (8,), "max_iter": 7, "batch_size": 32, "random_state": 3}


def blobs(n=150, n_features=6, n_classes=3, seed=0, dtype=np.float64):
    """Draw rows around one centre a class, some of them nearer to another's."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % n_classes
    centres = 2 * rng.standard_normal((n_classes, n_features))
    return (centres[labels] + rng.standard_normal((n, n_features))).astype(dtype), labels


def weights_of(rows, seed=0):
    """Draw what rows count; a third of them nothing."""
    rng = np.random.default_rng(seed)
    return rng.uniform(0.1, 3.0, len(rows)) * (rng.uniform(size=len(rows)) < 2 / 3)


def weights_hash(classifier):
    layers = zip(classifier.coefs_, classifier.intercepts_, strict=True)
    return parameters_sha256(tuple(Layer(*layer) for layer in layers))


def dataset_of(train_rows, valid=None, n_classes=3):
    return Dataset(
        train=Rows(*train_rows),
        valid=valid,
        test=None,
        preparation=Preparation(tuple(map(str, range(n_classes)))),
    )


@pytest.mark.filterwarnings("ignore::mlp.ScaleWarning")  # some checks give rows far from 0
@parametrize_with_checks([MLPClassifier()])
def test_it_passes_every_check_of_scikit_learns(estimator, check):
    check(estimator)


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_fit_is_train_on_the_same_rows(dtype, schedule):
    x, y = blobs(dtype=dtype)
    classifier = MLPClassifier(
        (8, 5),
        alpha=0.5,
        batch_size=32,
        learning_rate=schedule,
        learning_rate_init=0.05,
        momentum=0.8,
        max_iter=7,
        random_state=3,
    ).fit(x, y)
    config = TrainingConfig(
        hidden=(8, 5),
        l2=0.5 / 32,
        batch_size=32,
        schedule=schedule,
        learning_rate=0.05,
        momentum=0.8,
        nesterov=True,
        epochs=7,
        seed=3,
        dtype=dtype,
        velocity_init=0.0,
    )
    state = train(dataset_of((x, y)), config)
    assert weights_hash(classifier) == parameters_sha256(state.parameters)
    assert classifier.loss_curve_ == [row.train_loss for row in state.history[1:]]
    assert bits_of(classifier._history) == bits_of(state.history)
    assert classifier.n_iter_ == len(classifier.loss_curve_) == 7
    assert classifier.validation_scores_ is None


def test_a_number_is_one_hidden_layer_and_auto_is_200_rows_a_step():
    x, y = blobs(n=450)
    written = MLPClassifier(8, max_iter=3, random_state=0).fit(x, y)
    meant = MLPClassifier((8,), batch_size=200, max_iter=3, random_state=0).fit(x, y)
    assert [w.shape for w in written.coefs_] == [(6, 8), (8, 3)]
    assert [b.shape for b in written.intercepts_] == [(8,), (3,)]
    assert weights_hash(written) == weights_hash(meant)


@pytest.mark.parametrize("weighted", [False, True])
def test_its_steps_are_scikit_learns_sgd_with_the_same_alpha(weighted):
    """From the same weights, on all rows a step, with three classes: softmax in both."""
    if weighted and not has_fit_parameter(ScikitLearns, "sample_weight"):
        pytest.skip("scikit-learn's MLPClassifier takes weights of rows from 1.7 on")
    x, y = blobs()
    given = {"sample_weight": weights_of(x)} if weighted else {}
    options = {
        "hidden_layer_sizes": (8,),
        "alpha": 3.0,
        "batch_size": len(x),
        "random_state": 3,
        "learning_rate_init": 0.05,
        "momentum": 0.8,
        "nesterovs_momentum": True,
    }
    ours = MLPClassifier(max_iter=0, warm_start=True, **options).fit(x, y)
    theirs = ScikitLearns(solver="sgd", **options).partial_fit(x, y, classes=[0, 1, 2])
    for mine, copy in zip(
        [*ours.coefs_, *ours.intercepts_], [*theirs.coefs_, *theirs.intercepts_], strict=True
    ):
        copy[...] = mine
    for velocity in theirs._optimizer.velocities:
        velocity[...] = 0
    for _ in range(20):
        theirs.partial_fit(x, y, **given)
    ours.set_params(max_iter=20).fit(x, y, **given)
    for mine, other in zip(ours.coefs_, theirs.coefs_, strict=True):
        np.testing.assert_allclose(mine, other, **TRAINING["float64"])
    np.testing.assert_allclose(
        ours.predict_proba(x), theirs.predict_proba(x), **TRAINING["float64"]
    )


@pytest.mark.parametrize("random_state", [3, np.random.RandomState(3)])
def test_warm_starts_and_partial_fits_are_one_uninterrupted_fit(random_state):
    """A generator gives another seed whenever it is asked: the first one must be kept."""
    x, y = blobs()
    whole = MLPClassifier(**SMALL | {"random_state": random_state})
    warm = clone(whole).set_params(warm_start=True)
    pieces = clone(whole)
    whole.fit(x, y)
    warm.set_params(max_iter=3).fit(x, y)
    warm.set_params(max_iter=4).fit(x, y)
    for _ in range(7):
        pieces.partial_fit(x, y, classes=[2, 0, 1])
    assert weights_hash(warm) == weights_hash(pieces) == weights_hash(whole)
    assert bits_of(warm._history[1:]) == bits_of(pieces._history[1:]) == bits_of(whole._history[1:])
    assert warm.n_iter_ == pieces.n_iter_ == whole.n_iter_ == 7


def test_without_warm_start_fit_begins_anew():
    x, y = blobs()
    once = MLPClassifier(**SMALL).fit(x, y)
    twice = clone(once).fit(x[:90, :4], y[:90] % 2).fit(x, y)
    assert weights_hash(twice) == weights_hash(once)
    assert twice.n_iter_ == 7


def test_partial_fit_learns_from_rows_that_come_in_pieces():
    x, y = blobs(n=600)
    classifier = MLPClassifier((16,), random_state=0)
    for _ in range(10):
        for start in range(0, 500, 50):
            part = slice(start, start + 50)
            classifier.partial_fit(x[part], y[part], classes=[0, 1, 2])
    assert classifier.n_iter_ == len(classifier.loss_curve_) == 100
    assert classifier.score(x[500:], y[500:]) > 0.9


def test_early_stopping_holds_rows_out_and_keeps_the_weights_of_the_lowest_loss():
    x, y = blobs(n=120)
    y[::4] = (y[::4] + 1) % 3  # noise that training cannot learn: validation turns up
    classifier = MLPClassifier(
        (32,),
        early_stopping=True,
        validation_fraction=0.25,
        n_iter_no_change=5,
        max_iter=500,
        learning_rate_init=0.1,
        batch_size=30,
        random_state=3,
        alpha=0.0,
    ).fit(x, y)
    parts = train_test_split(x, y, test_size=0.25, random_state=3, stratify=y)
    config = TrainingConfig(
        hidden=(32,),
        early_stopping=5,
        epochs=500,
        learning_rate=0.1,
        batch_size=30,
        seed=3,
        nesterov=True,
        dtype="float64",
        velocity_init=0.0,
    )
    dataset = dataset_of(parts[::2], Rows(*parts[1::2]))
    state = train(dataset, config)
    assert 0 < state.result_epoch == state.epoch - 5 < 490
    assert weights_hash(classifier) == parameters_sha256(state.result_parameters)
    assert classifier.validation_scores_ == [row.valid_accuracy for row in state.history[1:]]
    assert classifier.n_iter_ == len(classifier.validation_scores_) == state.epoch
    kept = classifier.validation_scores_[state.result_epoch - 1]
    assert classifier.score(*parts[1::2]) == kept

    # A warm start goes on from those weights, at rest; they stay where nothing better is found.
    start = replace(
        state,
        parameters=state.result_parameters,
        history=state.history[:-1],
        best=None,
        velocity=tuple(Layer(*map(np.zeros_like, layer)) for layer in state.velocity),
    )
    on = train(dataset, replace(config, epochs=state.epoch + 6, early_stopping=9), state=start)
    classifier.set_params(warm_start=True, max_iter=6, n_iter_no_change=9)
    further = pickle.loads(pickle.dumps(classifier)).fit(x, y)
    assert weights_hash(further) == parameters_sha256(on.result_parameters)
    assert further.n_iter_ == len(further.validation_scores_) == state.epoch + 6
    assert bits_of(further._history[: state.epoch + 1]) == bits_of(classifier._history)
    classifier.set_params(learning_rate_init=20.0, max_iter=1).fit(x, y)
    assert weights_hash(classifier) == parameters_sha256(state.result_parameters)


LABELS = {
    "strings": np.array(["cat", "bird", "ant"]),
    "objects": np.array(["cat", "bird", "ant"], dtype=object),
    "floats": np.array([2.0, -1.0, 0.0]),
    "numbers": np.array([7, -3, 1000]),
    "bools": np.array([True, False]),
}


@pytest.mark.parametrize("kind", LABELS)
def test_labels_may_be_of_any_type(kind):
    names = LABELS[kind]
    x, y = blobs(n_classes=len(names))
    classifier = MLPClassifier((16,), max_iter=60, random_state=0).fit(x, names[y])
    assert classifier.classes_.tolist() == sorted(names.tolist())
    predicted = classifier.predict(x)
    assert predicted.dtype == names.dtype
    assert (predicted == names[y]).mean() == classifier.score(x, names[y]) > 0.9
    probabilities = classifier.predict_proba(x)
    assert probabilities.shape == (len(x), len(names))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, **ROUNDING["float64"])
    assert (classifier.classes_[probabilities.argmax(axis=1)] == predicted).all()


def test_one_class_is_always_predicted():
    x, _ = blobs()
    classifier = MLPClassifier(**SMALL).fit(x, ["only"] * len(x))
    assert set(classifier.predict(x)) == {"only"}
    assert (classifier.predict_proba(x) == 1).all()


@pytest.mark.filterwarnings("ignore::mlp.ScaleWarning")  # bytes are not scaled
@pytest.mark.parametrize(
    ("given", "computed"),
    [("float32", "float32"), ("float64", "float64"), ("float16", "float64"), ("uint8", "float64")],
)
def test_it_computes_in_the_dtype_of_x_or_in_float64(given, computed):
    x, y = blobs()
    x = np.clip(10 * x + 100, 0, 255).astype(given) / np.asarray(100 if given != "uint8" else 1)
    classifier = MLPClassifier(**SMALL, learning_rate_init=1e-4).fit(x.astype(given), y)
    arrays = [*classifier.coefs_, *classifier.intercepts_]
    assert {array.dtype.name for array in arrays} == {computed}
    other = x.astype("float32" if computed == "float64" else "float64")
    assert classifier.predict_proba(other).dtype == computed
    classifier.partial_fit(other, y)
    assert {array.dtype.name for array in classifier.coefs_} == {computed}


def test_predictions_of_many_rows_are_those_of_each_row():
    x, y = blobs(n=1700)
    classifier = MLPClassifier(**SMALL).fit(x, y)
    some = [0, 499, 500, 999, 1000, 1699]
    each = np.concatenate([classifier.predict_proba(x[[row]]) for row in some])
    np.testing.assert_allclose(classifier.predict_proba(x)[some], each, **ROUNDING["float64"])


def test_it_works_in_a_pipeline_and_a_grid_search():
    x, y = blobs(n=300)
    x = 1000 * x + 5000
    pipeline = make_pipeline(StandardScaler(), MLPClassifier((16,), max_iter=40, random_state=0))
    assert cross_val_score(pipeline, x, y, cv=3).min() > 0.9
    rates = np.array([1e-6, 1e-2])
    search = GridSearchCV(pipeline, {"mlpclassifier__learning_rate_init": rates}, cv=3).fit(x, y)
    assert search.best_params_ == {"mlpclassifier__learning_rate_init": 1e-2}
    assert search.score(x, y) > 0.9


def test_a_pickled_classifier_predicts_and_goes_on_the_same():
    x, y = blobs()
    classifier = MLPClassifier(**SMALL).fit(x, y)
    copy = pickle.loads(pickle.dumps(classifier))
    assert_same_bits(copy.predict_proba(x), classifier.predict_proba(x))
    assert weights_hash(copy.partial_fit(x, y)) == weights_hash(classifier.partial_fit(x, y))
    assert not hasattr(clone(classifier), "coefs_")
    assert clone(classifier).get_params() == classifier.get_params()


BAD_PARAMETERS = {
    "hidden_layer_sizes": [(), (0,), (10, 2.5)],
    "alpha": [-1.0, np.nan],
    "batch_size": [0, "full"],
    "learning_rate": ["adaptive"],
    "learning_rate_init": [0.0],
    "momentum": [1.0],
    "max_iter": [-1, 2.5],
    "validation_fraction": [0.0, 1.5],
    "n_iter_no_change": [0],
    "device": ["gpu"],
    "threads": [0],
}


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, values in BAD_PARAMETERS.items() for value in values],
)
def test_a_bad_parameter_is_named_in_one_line(name, value):
    with pytest.raises((ValueError, TypeError), match=rf"^{name} must be .*") as caught:
        MLPClassifier(early_stopping=True).set_params(**{name: value}).fit(*blobs())
    assert "\n" not in str(caught.value)


def test_partial_fit_wants_the_classes_once_and_no_early_stopping():
    x, y = blobs()
    classifier = MLPClassifier(**SMALL)
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        classifier.partial_fit(x, y)
    classifier.partial_fit(x[:2], y[:2], classes=[0, 1, 2])
    with pytest.raises(ValueError, match=r"classes must stay \[0, 1, 2\], got \[0, 1\]"):
        classifier.partial_fit(x, y, classes=[0, 1])
    with pytest.raises(ValueError, match=r"unseen labels: .*3"):
        classifier.partial_fit(x, y + 1)
    with pytest.raises(ValueError, match=r"hidden_layer_sizes must stay \(8,\), got \(9,\)"):
        classifier.set_params(hidden_layer_sizes=(9,)).partial_fit(x, y)
    with pytest.raises(ValueError, match="set early_stopping=False"):
        classifier.set_params(early_stopping=True).partial_fit(x, y)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch_size", [32, 150])
def test_a_weighted_fit_is_train_on_the_same_rows_and_weights(dtype, batch_size):
    x, y = blobs(dtype=dtype)
    weights = weights_of(x)
    options = SMALL | {"batch_size": batch_size, "alpha": 0.5}
    fitted = MLPClassifier(**options).fit(x, y, sample_weight=weights.tolist())
    config = TrainingConfig(
        hidden=(8,),
        l2=0.5 / (batch_size * weights.mean()),
        batch_size=batch_size,
        learning_rate=0.01,
        nesterov=True,
        epochs=7,
        seed=3,
        dtype=dtype,
        velocity_init=0.0,
    )
    state = train(dataset_of((x, y, weights)), config)
    assert weights_hash(fitted) == parameters_sha256(state.parameters)
    assert fitted.loss_curve_ == [row.train_loss for row in state.history[1:]]
    pieces = MLPClassifier(**options)
    for _ in range(7):
        pieces.partial_fit(x, y, [0, 1, 2], weights)
    assert weights_hash(pieces) == weights_hash(fitted)
    assert weights_hash(MLPClassifier(**options).fit(x, y)) != weights_hash(fitted)


def test_class_weights_are_weights_of_the_rows():
    x, y = blobs()
    few = (y > 0) | (np.arange(len(y)) % 7 == 0)
    x, y, names = x[few], y[few], np.array(["red", "green", "blue"])
    own = weights_of(x)
    by_name = {"red": 3, "blue": 0.5}
    cases = [
        (by_name, None, np.array([3, 1, 0.5])[y]),
        (by_name, own, np.array([3, 1, 0.5])[y] * own),
        ({**by_name, "green": 1.0, "grey": 9.0}, None, np.array([3, 1, 0.5])[y]),
        ({}, own, own),
        ("balanced", None, compute_sample_weight("balanced", y)),
        # Of weighted rows the sums of their weights take the place of the counts.
        ("balanced", own, own * (own.sum() / (3 * np.bincount(y, own)))[y]),
    ]
    for given, sample_weight, expected in cases:
        one = MLPClassifier(**SMALL, class_weight=given).fit(x, names[y], sample_weight)
        other = MLPClassifier(**SMALL).fit(x, names[y], expected)
        for mine, theirs in zip(one.coefs_, other.coefs_, strict=True):
            np.testing.assert_allclose(mine, theirs, **TRAINING["float64"])
    pieces = MLPClassifier(**SMALL, class_weight=by_name)
    pieces.set_params(max_iter=1).fit(x, names[y])
    again = clone(pieces).partial_fit(x, names[y], classes=names)
    assert weights_hash(again) == weights_hash(pieces)


@pytest.mark.parametrize(
    ("class_weight", "sample_weight", "message"),
    [
        ("even", None, "class_weight must be a dict, 'balanced' or None, got 'even'"),
        ([1, 2, 3], None, "class_weight must be a dict, .* got \\[1, 2, 3\\]"),
        ({7: 2.0}, None, r"class_weight must name classes of y, \[0, 1, 2\], got \[7\]"),
        ({0: -1.0}, None, r"class_weight must be finite and not negative, got \[-1.0, 1.0, 1.0\]"),
        ({1: np.inf}, None, "class_weight must be finite and not negative"),
        ({1: "much"}, None, "class_weight must give numbers, got .*'much'"),
        ({0: 0, 1: 0, 2: 0}, None, "sample_weight and class_weight must not be zero together"),
        (None, np.zeros(150), "fit: sample_weight must not be zero for all rows"),
        (None, np.ones(149), r"fit: sample_weight must be real numbers of shape \(150,\), .*149"),
        (None, -np.ones(150), "fit: sample_weight must be finite and not negative, row 0 has -1"),
        (None, np.full(150, 1e-200), "sample_weight must be 0 or from .*; divide all of them by"),
    ],
)
def test_bad_weights_are_one_line(class_weight, sample_weight, message):
    with pytest.raises(ValueError, match=message) as caught:
        MLPClassifier(class_weight=class_weight).fit(*blobs(), sample_weight)
    assert "\n" not in str(caught.value)


def test_classes_cannot_be_balanced_a_piece_at_a_time():
    with pytest.raises(ValueError, match=r"partial_fit cannot balance classes, .* as a dict"):
        MLPClassifier(class_weight="balanced").partial_fit(*blobs(), classes=[0, 1, 2])


def test_rows_that_are_held_out_keep_their_weights():
    x, y = blobs()
    weights = weights_of(x)
    options = SMALL | {"early_stopping": True, "validation_fraction": 0.2}
    fitted = MLPClassifier(**options).fit(x, y, weights)
    *_, held_x, _, held_y, _, held = train_test_split(
        x, y, weights, test_size=0.2, random_state=3, stratify=y
    )
    losses = -fitted.predict_log_proba(held_x)[np.arange(30), held_y]
    # The weights that were kept are those of the lowest loss.
    np.testing.assert_allclose(
        min(row.valid_loss for row in fitted._history),
        np.average(losses, weights=held),
        **TRAINING["float64"],
    )
    best = int(np.argmin([row.valid_loss for row in fitted._history[1:]]))
    assert fitted.validation_scores_[best] == fitted.score(held_x, held_y)
    there = np.isin(x, held_x).all(axis=1)
    for zero, words in ((there, "held out"), (~there, "to train on")):
        with pytest.raises(ValueError, match=f"must not be zero for all rows {words}"):
            MLPClassifier(**options).fit(x, y, np.where(zero, 0.0, 1.0))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_only_row_of_a_class_is_trained_on(n_classes):
    """scikit-learn 1.9 refuses two classes, and of three leaves to chance where it comes to lie."""
    x, y = blobs(n=60, n_classes=n_classes)
    one = np.append(np.flatnonzero(y > 0), 0)
    x, y = x[one], y[one]
    seen = []
    for seed in range(5):
        fitted = MLPClassifier(
            (8,), early_stopping=True, validation_fraction=0.3, max_iter=300, random_state=seed
        ).fit(x, y)
        assert fitted.classes_.tolist() == list(range(n_classes))
        seen.append(fitted.predict_proba(x[y == 0])[0, 0])
    # A row that was held out would not be known.
    assert min(seen) > 2 * (y == 0).mean()
    theirs = ScikitLearns(early_stopping=True, validation_fraction=0.3, random_state=0, max_iter=2)
    if n_classes == 2:
        with pytest.raises(ValueError, match=r"least populated class.* only 1 member"):
            theirs.fit(x, y)
    else:
        with pytest.warns(ConvergenceWarning):
            theirs.fit(x, y)


def test_what_is_known_of_a_fit_has_scikit_learns_names():
    x, y = blobs()
    fitted = MLPClassifier((8, 5), max_iter=3, random_state=0).fit(x, y)
    assert (fitted.n_layers_, fitted.n_outputs_, fitted.out_activation_) == (4, 3, "softmax")
    assert fitted.loss_ == fitted.loss_curve_[-1]
    assert_same_bits(fitted.predict_log_proba(x), np.log(fitted.predict_proba(x)))
    assert fitted.predict_log_proba(1e6 * x).min() == -np.inf
    with pytest.warns(ConvergenceWarning):
        theirs = ScikitLearns((8, 5), max_iter=3, random_state=0).fit(x, y)
    for name in ("n_layers_", "n_outputs_", "out_activation_", "n_iter_", "n_features_in_"):
        assert getattr(fitted, name) == getattr(theirs, name), name
    assert type(fitted.loss_) is float
    untrained = MLPClassifier(max_iter=0, random_state=0).fit(x, y)
    assert untrained.loss_ == untrained._history[0].train_loss


@pytest.mark.parametrize("method", ["fit", "predict"])
def test_sparse_rows_are_refused_in_one_sentence(method):
    x, y = blobs()
    fitted = MLPClassifier(**SMALL).fit(x, y)
    arguments = (csr_array(x), y) if method == "fit" else (csr_array(x),)
    with pytest.raises(TypeError, match=r"^Sparse data was passed for X, but dense .*\.") as caught:
        getattr(fitted, method)(*arguments)
    assert "\n" not in str(caught.value)


def test_divergence_is_an_error_and_leaves_nothing_fitted():
    x, y = blobs()
    classifier = MLPClassifier(**SMALL, learning_rate_init=1e30)
    with pytest.raises(DivergedError, match="training diverged"):
        classifier.fit(x, y)
    assert not hasattr(classifier, "coefs_")


def test_a_fallback_is_a_warning_where_a_gpu_was_asked_for(monkeypatch):
    monkeypatch.setattr(devices, "read_driver", lambda: None)
    x, y = blobs()
    with pytest.warns(UserWarning, match="cuda requested, cpu used: no NVIDIA driver") as seen:
        classifier = MLPClassifier(**SMALL, device="cuda").fit(x, y)
    assert [warning.filename for warning in seen] == [__file__]
    silent = MLPClassifier(**SMALL, device="auto").fit(x, y)
    assert weights_hash(silent) == weights_hash(classifier)


def test_rows_and_weights_go_to_the_device_and_come_back(monkeypatch):
    """On a strict library's second device; an array left behind would mix two devices."""
    handle = array_api_strict.Device("device1")

    def choose(requested):
        return Device(array_api_strict, handle, "cuda", requested, "cuda:0", "for the test")

    options = SMALL | {"early_stopping": True, "warm_start": True}
    x, y = blobs()
    expected = MLPClassifier(**options).fit(x, y).fit(x, y)
    monkeypatch.setattr(estimator_prediction, "choose_device", choose)
    classifier = MLPClassifier(**options).fit(x, y).fit(x, y)
    for mine, other in zip(classifier.coefs_, expected.coefs_, strict=True):
        assert isinstance(mine, np.ndarray)
        np.testing.assert_allclose(mine, other, **TRAINING["float64"])
    np.testing.assert_allclose(
        classifier.predict_proba(x), expected.predict_proba(x), **TRAINING["float64"]
    )
    pickle.loads(pickle.dumps(classifier))


def documented_defaults():
    """Read ``name : type, default X`` out of the docstring, up to its attributes."""
    text = MLPClassifier.__doc__.partition("Attributes\n")[0]
    found = re.findall(r"^    (\w+) : .*, default (.+)$", text, flags=re.MULTILINE)
    return {name: ast.literal_eval(value) for name, value in found}


def test_the_documented_defaults_are_those_of_the_fields():
    defaults = MLPClassifier().get_params()
    assert documented_defaults() == defaults
    assert {name: type(value) for name, value in documented_defaults().items()} == {
        name: type(value) for name, value in defaults.items()
    }


@pytest.mark.parametrize("stopping", [False, True])
def test_the_defaults_are_what_training_gets(monkeypatch, stopping):
    given = {}

    class Enough(Exception):  # noqa: N818 - it is no error
        pass

    def note(dataset, config, *, state):
        given.update(dataset=dataset, config=config, state=state)
        raise Enough

    monkeypatch.setattr(estimator, "train", note)
    asked = []
    choose = estimator_prediction.choose_device
    monkeypatch.setattr(
        estimator_prediction, "choose_device", lambda name: asked.append(name) or choose(name)
    )
    default = documented_defaults()
    with pytest.raises(Enough):
        MLPClassifier(early_stopping=stopping).fit(*blobs(n=300))
    assert given["config"] == TrainingConfig(
        hidden=default["hidden_layer_sizes"],
        l2=default["alpha"] / 200,
        batch_size=200,
        schedule=default["learning_rate"],
        learning_rate=default["learning_rate_init"],
        momentum=default["momentum"],
        nesterov=default["nesterovs_momentum"],
        epochs=default["max_iter"],
        threads=default["threads"],
        dtype="float64",
        velocity_init=0.0,
        early_stopping=default["n_iter_no_change"] if stopping else None,
        seed=given["config"].seed,
    )
    assert (given["state"], asked) == (None, [default["device"]])
    held_out = given["dataset"].valid
    assert (held_out is not None) == stopping
    if stopping:
        assert len(held_out.labels) == 300 * default["validation_fraction"]


def test_badly_scaled_rows_are_warned_of_where_they_are_given():
    x, y = blobs()
    x[:, 2] *= 1000
    with pytest.warns(ScaleWarning, match=r"column 2 .*; put sklearn\.\S*StandardScaler befo") as w:
        MLPClassifier(**SMALL, learning_rate_init=1e-9).fit(x, y)
    assert [one.filename for one in w] == [__file__]
    make_pipeline(StandardScaler(), MLPClassifier(**SMALL)).fit(x, y)


def test_what_was_fitted_can_be_asked_saved_and_exported_as_a_classifier(tmp_path):
    x, y = blobs()
    names = np.array(["red", "green", "blue"])
    fitted = MLPClassifier(**SMALL).fit(x, names[y])
    classifier = fitted.to_classifier()
    assert classifier.class_names == ("blue", "green", "red")
    assert_same_bits(classifier.predict_proba(x), fitted.predict_proba(x))
    classifier.save(tmp_path / "model.safetensors")
    found = load_model(tmp_path)
    assert found.preparation == classifier.preparation
    said = [found.class_names[k] for k in found.predict(x)]
    assert said == fitted.predict(x).tolist()
    export_npz(tmp_path / "model.npz", found)
    with pytest.raises(ValueError, match="not fitted"):
        MLPClassifier().to_classifier()
