"""A contestant: nothing but the matrix products of an epoch, cut and spread as ours are."""

from typing import Any

import numpy as np

from benchmarks.contestant import Link, compete, read
from mlp.epochs import divides_units, training_piece_rows
from mlp.executor import Executor
from mlp.keras_reference import host_input
from mlp.model import Parameters, cut, init_parameters
from mlp.sharding import Job, evaluation_piece_rows, row_pieces, unit_pieces
from mlp.training import network_sizes


def run_floor(link: Link) -> None:
    """Do nothing but an epoch's matrix products, on the same pieces and threads as ours."""
    dataset, config = read(link.job)
    threads, size = config.threads or 1, config.batch_size
    parameters = init_parameters(network_sizes(dataset, config), seed=0, dtype=config.dtype)
    weights = weights_of(parameters)
    narrow = []  # where threads train narrower networks instead of pieces of rows
    if divides_units(config, "cpu"):
        narrow = [weights_of(one) for one in cut(parameters, unit_pieces(config.hidden[0]))]
    train, *held_out = (
        host_input(rows, config.dtype, dataset.scale)
        for rows in (dataset.train, dataset.valid, dataset.test)
        if rows is not None
    )
    del dataset
    step = size or len(train)
    shard_rows = training_piece_rows(config, len(train), "cpu")
    evaluation_rows = evaluation_piece_rows(shard_rows, "cpu")

    def job(x: Any, start: int, stop: int, rows: int, products: Any) -> Any:
        def compute(piece: slice) -> None:
            products(weights, x[piece])

        return Job(compute, row_pieces(start, min(stop, len(x)), rows))

    evaluation = [job(x, 0, len(x), evaluation_rows, forward_products) for x in held_out]
    if narrow:
        queues = [evaluation]
    else:
        steps = [
            [job(train, at, at + step, shard_rows, train_products)]
            for at in range(0, len(train), step)
        ]
        # With the full batch, training and evaluation share one queue, as they do in ours.
        queues = [*steps, evaluation] if size else [[*steps[0], *evaluation]]

    def train_narrow(network: list[Any]) -> None:
        for at in range(0, len(train), step):
            train_products(network, train[at : at + step])

    with Executor(threads) as executor:

        def run(_: int) -> None:
            executor.for_each(train_narrow, narrow)
            for queue in queues:
                executor.fold(queue, lambda left, right: left)

        compete(link, run, {"numpy": np.__version__})


def weights_of(parameters: Parameters) -> list[Any]:
    """List a network's weights, without its biases."""
    return [layer.weight for layer in parameters]


def forward_products(weights: list[Any], x: Any) -> list[Any]:
    """Multiply through the layers; give what enters each, and the result."""
    entering = [x]
    for weight in weights:
        entering.append(entering[-1] @ weight)
    return entering


def train_products(weights: list[Any], x: Any) -> list[Any]:
    """Do the products of `mlp.model.loss_and_gradients`; give the gradients of the weights."""
    *entering, dz = forward_products(weights, x)
    gradients = []
    for index in reversed(range(len(weights))):
        gradients.append(entering[index].T @ dz)
        if index > 0:
            dz = dz @ weights[index].T
    return gradients
