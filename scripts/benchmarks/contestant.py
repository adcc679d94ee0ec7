"""A contestant's process: it trains when asked to and says how long every epoch took.

`benchmarks.process` starts it. What a contestant needs is imported here only once it is known, so
that its memory and its start are its own.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from benchmarks.link import Link, read

# Errors whose message says all.
TOLD = ("PeerError", "DataError", "DivergedError")


def run_ours(link: Link) -> None:
    """Train as `mlp train` does, through `mlp.training.states`.

    From one state to the next the weights advance and are measured: an epoch. Scores are those that
    a peer has at that time (see `peers.Peer.epoch`): with the full batch, of the weights before
    the step.
    """
    from mlp import choose_device
    from mlp.training import states

    dataset, config = read(link.job)
    device = choose_device(config.device, strict=True)
    dataset = dataset.to(device)
    rows = len(dataset.train.labels)
    seen, lag = states(dataset, config), int(config.batch_size is None)
    next(seen)

    def run(_: int) -> list[float]:
        state = next(seen)
        return list(state.history[state.epoch - lag][1:7])

    link.compete(run, rows, {device.library: device.version}, device_bytes(device))


def device_bytes(device: Any) -> Callable[[], int] | None:
    """Return what tells the memory that CuPy has taken, of which it gives nothing back."""
    if device.kind == "cpu":
        return None
    pool = device.xp.get_default_memory_pool()
    return lambda: int(pool.total_bytes())


def run_peer(link: Link) -> None:
    """Train by `peers`, through the methods that `parity.py` compares."""
    from peers import Task, load

    from mlp import Rows, init_parameters
    from mlp.keras_reference import host_input
    from mlp.training import network_sizes
    from mlp.work import epoch_order

    name = link.job["contestant"]
    dataset, config = read(link.job)
    parameters = init_parameters(
        network_sizes(dataset, config), seed=config.seed, dtype=config.dtype
    )
    splits = [
        Rows(host_input(rows, config.dtype, dataset.preparation), rows.labels)
        for rows in dataset.splits.values()
    ]
    del dataset
    task = Task(parameters, splits[0], tuple(splits[1:]), config, config.device)
    # Plain NumPy is the notebook's way in the precision of the task.
    make: Any = load("notebook" if name == "numpy" else name)
    peer = make(task, dtype=config.dtype) if name == "numpy" else make(task)
    # The peer has placed its inputs; those of the task would only count as its memory.
    labels = [rows._replace(features=None) for rows in splits]
    peer.task = replace(peer.task, train=labels[0], held_out=tuple(labels[1:]))
    del splits
    n_train = len(labels[0].labels)

    def run(epoch: int) -> list[float]:
        order = epoch_order(config.seed, epoch, n_train) if config.batch_size else None
        return [float(value) for score in peer.epoch(order) for value in score]

    memory = peer.device_bytes if config.device == "cuda" else None
    link.compete(run, n_train, peer.versions(), memory)


def main() -> None:
    """Serve the parent until it closes the pipe."""
    # Whatever a framework prints goes to stderr: stdout is the parent's.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    link = Link(sys.stdin, answers)
    try:
        match link.job["contestant"]:
            case "ours":
                run_ours(link)
            case "floor":
                from benchmarks.floor import run_floor

                run_floor(link)
            case _:
                run_peer(link)
    except (KeyboardInterrupt, BrokenPipeError):  # the parent says why
        pass
    except Exception as error:
        # Whatever a framework raises is told in one line, by the parent.
        detail, kind = " ".join(str(error).split())[:300], type(error).__name__
        told = detail if kind in TOLD else f"{kind}: {detail}"
        link.answer(error=told, kind=kind)


if __name__ == "__main__":
    main()
