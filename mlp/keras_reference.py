"""The same network and the same training job in tf.keras: an implementation to compare with.

TensorFlow is imported when a function here is called, never by importing this module.
"""

import os
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from typing import Any

import numpy as np

from .agreement import check_trainable
from .config import TrainingConfig
from .datasets import Dataset, Preparation, Rows
from .device import Device, DeviceError, to_numpy
from .epochs import Epoch
from .model import Layer, Parameters, Sums, init_parameters, layer_sizes
from .row_weights import host_weights, total_weight, weighted
from .state import TrainingState, states_of
from .training import last_state, network_sizes
from .work import epoch_order, learning_rate, make_optimizer


def build(parameters: Parameters, config: TrainingConfig) -> Any:
    """Build and compile the Keras model (a ``keras.Sequential``), ready for the first step.

    Its outputs are logits. Keras' velocity is the negative of ours and would start at 0: it is
    preset. Keras rounds momentum and l2 to float32 in a float64 model too; the learning rate is
    given as a variable of the model's dtype and is not rounded.
    """
    keras = tensorflow().keras
    sizes = layer_sizes(parameters)
    options: dict[str, Any] = {"dtype": config.dtype}
    if config.l2:  # ours is the coefficient of half the squared norm
        options["kernel_regularizer"] = keras.regularizers.L2(config.l2 / 2)
    hidden = [keras.layers.Dense(units, activation="relu", **options) for units in sizes[1:-1]]
    inputs = keras.Input((sizes[0],), dtype=config.dtype)
    model = keras.Sequential([inputs, *hidden, keras.layers.Dense(sizes[-1], **options)])
    model.set_weights([to_numpy(array) for layer in parameters for array in layer])
    rate = keras.Variable(config.learning_rate, dtype=config.dtype, trainable=False)
    optimizer = keras.optimizers.SGD(lambda: rate, float(config.momentum), config.nesterov)
    optimizer.build(model.trainable_variables)
    for velocity in optimizer.momentums:
        velocity.assign(np.full(velocity.shape, -config.velocity_init, config.dtype))
    # Without a dtype of its own the loss would be computed in float32.
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, dtype=config.dtype)
    model.compile(optimizer, loss, metrics=["accuracy"])
    return model


def to_parameters(model: Any) -> Parameters:
    """Copy the weights of a model of `build` to NumPy arrays."""
    return _layers([variable.numpy() for variable in model.trainable_variables])


def compile_functions(model: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Compile ``evaluate(x, labels)`` and ``step(x, labels)`` over a model of `build`.

    Both take the rows' weights as a third argument where they have any. Both return the sum of the
    losses and the number of correct predictions, of the weights before the step; then `step`
    returns its logits and gradients. (`Model.fit` adds losses up in float32.)
    """
    tf = tensorflow()

    def forward(x: Any, labels: Any, weights: Any) -> tuple[Any, Any, Any, Any]:
        logits = model(x, training=True)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        if weights is None:
            mean = tf.reduce_mean(losses)
        else:
            # As Keras' reduction "mean_with_sample_weight" does it, which Keras has from 3.7 on.
            losses *= weights
            mean = tf.reduce_sum(losses) / tf.reduce_sum(weights)
        correct = tf.argmax(logits, axis=1, output_type=labels.dtype) == labels
        sums = [tf.reduce_sum(tf.cast(values, tf.float64)) for values in (losses, correct)]
        return *sums, logits, mean

    def evaluate(x: Any, labels: Any, weights: Any = None) -> tuple[Any, Any]:
        return forward(x, labels, weights)[:2]

    def step(x: Any, labels: Any, weights: Any = None) -> tuple[Any, Any, Any, Any]:
        with tf.GradientTape() as tape:
            loss, correct, logits, mean = forward(x, labels, weights)
            objective = tf.add_n([mean, *model.losses])
        gradients = tape.gradient(objective, model.trainable_variables)
        model.optimizer.apply(gradients)
        return loss, correct, logits, gradients

    # Keras found out, when the model was compiled, whether XLA is to be had here.
    jit = model.jit_compile
    return tf.function(evaluate, jit_compile=jit), tf.function(step, jit_compile=jit)


def keras_epochs(
    dataset: Dataset, config: TrainingConfig, parameters: Parameters, velocity: Parameters
) -> Iterator[Epoch]:
    """Train with Keras; see `mlp.epochs`. The model keeps the weights: what is yielded are copies.

    With the full batch it does its step where its gradients are found, before the row is yielded.
    """
    tf, model = tensorflow(), build(parameters, config)
    evaluate, step = compile_functions(model)
    dataset = weighted(dataset, config)
    splits = {}
    for name, rows in dataset.splits.items():
        x = tf.constant(host_input(rows, config.dtype, dataset.preparation))
        splits[name] = [x, tf.constant(to_numpy(rows.labels), tf.int32)]
        if (counts := host_weights(rows, config.dtype)) is not None:
            splits[name].append(tf.constant(counts))
    n_train = dataset.train.labels.shape[0]
    batch = config.batch_size or n_train
    done, steps = count(), config.epochs * -(-n_train // batch)

    def train(*rows: Any) -> Sums:
        model.optimizer.learning_rate.assign(learning_rate(config, next(done), steps))
        # Of rows that count nothing there is no step, where Keras would go on with its momentum.
        nothing = len(rows) == 3 and not rows[2].numpy().any()
        return _sums(evaluate if nothing else step, *rows)

    seen: list[Sums] = []
    for epoch in count():
        momentums = [-variable.numpy() for variable in model.optimizer.momentums]
        weights = to_parameters(model), _layers(momentums) or velocity
        more = epoch < config.epochs
        sums = {
            name: [_sums(evaluate, *split)] for name, split in splits.items() if name != "train"
        }
        if not seen:
            first = train if more and config.batch_size is None else partial(_sums, evaluate)
            sums["train"] = [first(*splits["train"])]
        yield Epoch(*weights, {"train": seen, **sums})
        if not more:
            return
        if config.batch_size is not None:
            order = epoch_order(config.seed, epoch, n_train)
            starts = range(0, n_train, batch)
            parts = (order[start : start + batch] for start in starts)
            seen = [train(*(tf.gather(array, part) for array in splits["train"])) for part in parts]


def train_keras(
    dataset: Dataset,
    config: TrainingConfig,
    *,
    on_epoch: Callable[[TrainingState], object] | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> TrainingState:
    """Do the whole job of `mlp.train` with Keras: same weights, batches, history and stopping.

    The state's arrays are NumPy's. TensorFlow chooses device and threads itself. `stop` is asked
    after every epoch.
    """
    check_trainable(dataset, config)
    sizes = network_sizes(dataset, config)
    parameters = init_parameters(sizes, seed=config.seed, dtype=config.dtype)
    velocity = make_optimizer(config).init_velocity(parameters, config.velocity_init)
    epochs = keras_epochs(dataset, config, parameters, velocity)
    state = TrainingState(parameters, velocity)
    return last_state(states_of(epochs, state, config, lambda _: stop()), 0, on_epoch)


def keras_device(requested: str, *, strict: bool = False) -> Device:
    """Describe what TensorFlow computes on: it takes a GPU that it can use by itself.

    Raises
    ------
    DeviceError
        A GPU was asked for, TensorFlow sees none, and `strict` is set.
    """
    tf = tensorflow()
    used = "gpu" if tf.config.list_physical_devices("GPU") else "cpu"
    reason, notice = "TensorFlow chooses its own device", ""
    if requested.startswith("cuda") and used == "cpu":
        reason = "TensorFlow sees no GPU that it can use"
        if strict:
            raise DeviceError(f"device {requested} cannot be used: {reason}")
        notice = f"device: {requested} requested, cpu used: {reason}"
    return Device(tf, None, "cpu", requested, used, reason, notice)


def host_input(rows: Rows, dtype: str, preparation: Preparation) -> np.ndarray:
    """Read all rows, wherever they are, as the network's input in host memory."""
    features = to_numpy(rows.take(slice(None)).features)
    return np.asarray(preparation.input(features, np.dtype(dtype)))


def tensorflow() -> Any:
    """Import TensorFlow without what it says on stderr before its log level takes effect."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    kept, sink = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 2)
    try:
        import tensorflow as tf
    except ModuleNotFoundError as error:
        message = 'the Keras reference needs TensorFlow: pip install -e ".[tools]"'
        raise ModuleNotFoundError(message, name=error.name) from error
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(sink)
    return tf


def _layers(arrays: list[np.ndarray]) -> Parameters:
    return tuple(map(Layer, arrays[::2], arrays[1::2]))


def _sums(function: Callable[..., Any], x: Any, labels: Any, weights: Any = None) -> Sums:
    arguments = (x, labels) if weights is None else (x, labels, weights)
    loss, correct, *_ = function(*arguments)
    total = None if weights is None else total_weight(weights.numpy())
    return Sums(loss.numpy(), correct.numpy(), len(labels), None, total)
