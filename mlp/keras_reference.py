"""The same network and the same training job in tf.keras: an implementation to compare with.

TensorFlow is imported when a function here is called, never by importing this module.
"""

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from .config import TrainingConfig
from .datasets import Dataset, Rows
from .device import Device, DeviceError, to_numpy
from .epochs import Measured, epoch_order, learning_rate, make_optimizer
from .model import Layer, Parameters, ShardSums, init_parameters, layer_sizes, to_input
from .training import TrainingState, network_sizes, run_epochs


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

    Both give the sum of the losses and the number of correct predictions, of the weights before
    the step; then `step` gives its logits and gradients. (`Model.fit` adds losses up in float32.)
    """
    tf = tensorflow()

    def forward(x: Any, labels: Any) -> tuple[Any, Any, Any, Any]:
        logits = model(x, training=True)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        correct = tf.argmax(logits, axis=1, output_type=labels.dtype) == labels
        sums = [tf.reduce_sum(tf.cast(values, tf.float64)) for values in (losses, correct)]
        return *sums, logits, tf.reduce_mean(losses)

    def evaluate(x: Any, labels: Any) -> tuple[Any, Any]:
        return forward(x, labels)[:2]

    def step(x: Any, labels: Any) -> tuple[Any, Any, Any, Any]:
        with tf.GradientTape() as tape:
            loss, correct, logits, mean = forward(x, labels)
            objective = tf.add_n([mean, *model.losses])
        gradients = tape.gradient(objective, model.trainable_variables)
        model.optimizer.apply(gradients)
        return loss, correct, logits, gradients

    # Keras found out, when the model was compiled, whether XLA is to be had here.
    jit = model.jit_compile
    return tf.function(evaluate, jit_compile=jit), tf.function(step, jit_compile=jit)


class KerasEpochs:
    """The epochs of a run as Keras computes them; see `mlp.epochs.Epochs`.

    The model keeps the weights: arrays passed in and out are copies of them.
    """

    def __init__(self, dataset: Dataset, config: TrainingConfig, parameters: Parameters) -> None:
        self._tf, self._config, self._model = tensorflow(), config, build(parameters, config)
        self._evaluate, self._step = compile_functions(self._model)
        tf, self._splits = self._tf, {}
        for name, rows in dataset.splits.items():
            x = tf.constant(host_input(rows, config.dtype, dataset.scale))
            self._splits[name] = x, tf.constant(to_numpy(rows.labels), tf.int32)
        n_train = dataset.train.labels.shape[0]
        self._n_steps = config.epochs * -(-n_train // (config.batch_size or n_train))
        self._steps_done = 0
        self._seen: list[ShardSums] = []

    def measure(self, parameters: Parameters, *, gradients: bool) -> Measured:
        """See `Epochs`. With the full batch the model does its step here; the copies lag behind."""
        steps = gradients and self._config.batch_size is None
        measured: Measured = {"train": self._seen} if self._seen else {}
        for name in self._splits.keys() - measured.keys() - {"train"}:
            measured[name] = [_sums(self._evaluate, *self._splits[name])]
        if "train" not in measured:
            function = self._train if steps else self._evaluate
            measured["train"] = [_sums(function, *self._splits["train"])]
        return measured

    def _train(self, x: Any, labels: Any) -> Any:
        rate = learning_rate(self._config, self._steps_done, self._n_steps)
        self._model.optimizer.learning_rate.assign(rate)
        self._steps_done += 1
        return self._step(x, labels)

    def advance(
        self, parameters: Parameters, velocity: Parameters, epoch: int
    ) -> tuple[Parameters, Parameters]:
        """See `Epochs`."""
        if size := self._config.batch_size:
            tensors, gather = self._splits["train"], self._tf.gather
            order = epoch_order(self._config.seed, epoch, len(tensors[1]))
            batches = (order[start : start + size] for start in range(0, len(order), size))
            self._seen = [
                _sums(self._train, *(gather(tensor, batch) for tensor in tensors))
                for batch in batches
            ]
        momentums = [-variable.numpy() for variable in self._model.optimizer.momentums]
        return to_parameters(self._model), _layers(momentums) or velocity


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
    sizes = network_sizes(dataset, config)
    parameters = init_parameters(sizes, seed=config.seed, dtype=config.dtype)
    velocity = make_optimizer(config).init_velocity(parameters, config.velocity_init)
    epochs = KerasEpochs(dataset, config, parameters)
    return run_epochs(TrainingState(parameters, velocity), config, epochs, on_epoch, stop)


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


def host_input(rows: Rows, dtype: str, scale: float) -> np.ndarray:
    """Read all rows, wherever they are, as the network's input in host memory."""
    features = to_numpy(rows.take(slice(None)).features)
    return np.asarray(to_input(features, np.dtype(dtype), scale))


def tensorflow() -> Any:
    """Import TensorFlow without what it says on stderr before its log level takes effect."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    kept, sink = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 2)
    try:
        import tensorflow as tf
    except ModuleNotFoundError as error:
        message = 'the Keras reference needs TensorFlow: pip install -e ".[test]"'
        raise ModuleNotFoundError(message, name=error.name) from error
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(sink)
    return tf


def _layers(arrays: list[np.ndarray]) -> Parameters:
    return tuple(map(Layer, arrays[::2], arrays[1::2]))


def _sums(function: Callable[..., Any], x: Any, labels: Any) -> ShardSums:
    loss, correct, *_ = function(x, labels)
    return ShardSums(loss.numpy(), correct.numpy(), len(labels), None)
