"""A contestant: nothing but the matrix products of an epoch, cut and spread as ours are."""

from collections.abc import Sequence
from typing import Any

from benchmarks.link import Link, read
from mlp.device import choose_device
from mlp.keras_reference import host_input
from mlp.model import Parameters, init_parameters, map_arrays
from mlp.sharding import Job, evaluation_piece_rows, row_pieces, unit_pieces
from mlp.team import Team
from mlp.training import network_sizes
from mlp.work import divides_units, training_piece_rows


def run_floor(link: Link) -> None:
    """Do nothing but an epoch's matrix products, on the same pieces and threads as ours."""
    dataset, config = read(link.job)
    size = config.batch_size
    device = choose_device(config.device, strict=True)
    host = init_parameters(network_sizes(dataset, config), seed=0, dtype=config.dtype)
    parameters = map_arrays(device.put, host)
    weights = weights_of(parameters)
    # Where members train narrow networks instead of pieces of rows: their weights.
    narrow = unit_pieces(config.hidden[0]) if divides_units(config, device.kind) else []
    (first, *_), (second, *_), *above = parameters
    splits = dataset.splits.values()
    train, *held_out = (
        device.put(host_input(rows, config.dtype, dataset.preparation)) for rows in splits
    )
    del dataset, splits
    step = size or len(train)
    piece_rows = training_piece_rows(config, len(train), device.kind)
    evaluation_rows = evaluation_piece_rows(piece_rows, device.kind)

    def job(x: Any, start: int, stop: int, rows: int, products: Any) -> Any:
        def compute(piece: slice) -> int:
            products(weights, x[piece])
            return 0  # there is nothing to sum

        return Job(compute, row_pieces(start, min(stop, len(x)), rows))

    queue = [job(x, 0, len(x), evaluation_rows, forward_products) for x in held_out]
    steps = [
        job(train, at, at + step, piece_rows, train_products) for at in range(0, len(train), step)
    ]
    # With the full batch, training and evaluation share one queue, as they do in ours.
    queues = [[one] for one in steps] + [queue] if size else [[*steps, *queue]]

    def train_narrow(mine: Sequence[int]) -> None:
        some = slice(narrow[mine[0]].start, narrow[mine[-1]].stop)
        own = [first[:, some].copy(), second[some, :].copy()]
        upper = weights_of(tuple(above)) if mine[0] == 0 else []  # one member does what is above
        for at in range(0, len(train), step):
            _, z = train_products(own, train[at : at + step])
            if upper:
                train_products(upper, z)

    team = Team(config.threads or 1)

    def run(_: int) -> None:
        with team:
            if narrow:
                team.together(train_narrow, range(len(narrow)))
            for some in [queue] if narrow else queues:
                team.fold(some, lambda left, right: left)
        if device.kind == "cuda":
            device.handle.synchronize()

    link.compete(run, len(train), {device.library: device.version})


def weights_of(parameters: Parameters) -> list[Any]:
    """Return a network's weights, without its biases."""
    return [layer.weight for layer in parameters]


def forward_products(weights: list[Any], x: Any) -> list[Any]:
    """Multiply through the layers; return what enters each, and the result."""
    entering = [x]
    for weight in weights:
        entering.append(entering[-1] @ weight)
    return entering


def train_products(weights: list[Any], x: Any) -> tuple[list[Any], Any]:
    """Do the products of `mlp.model.loss_and_gradients`.

    Returns
    -------
    gradients : list
        Of the weights, from the last to the first.
    z
        What comes out of the last layer.
    """
    *entering, z = forward_products(weights, x)
    gradients, dz = [], z
    for index in reversed(range(len(weights))):
        gradients.append(entering[index].T @ dz)
        if index > 0:
            dz = dz @ weights[index].T
    return gradients, z
