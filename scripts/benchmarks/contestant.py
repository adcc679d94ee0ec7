"""A contestant's process: it trains when asked to and says how long every epoch took.

`benchmarks.process` starts it. Its first line on stdin is the job, every other a number of epochs;
it answers with a line of JSON on stdout each time. What a contestant needs is imported here only
once it is known, so that its memory and its start are its own.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TextIO

Run = Callable[[int], list[float] | None]  # an epoch's number to its losses and accuracies


def peak_bytes() -> int:
    """Give the largest resident memory of this process so far (``ru_maxrss``)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


class Link:
    """The way to the parent."""

    def __init__(self, requests: TextIO, answers: TextIO) -> None:
        self._requests, self._answers = requests, answers
        self._start_bytes = peak_bytes()
        self.job: dict[str, Any] = json.loads(requests.readline())

    def answer(self, **values: Any) -> None:
        """Send a line."""
        self._answers.write(json.dumps(values | {"peak_bytes": peak_bytes()}) + "\n")
        self._answers.flush()

    def ready(self, versions: dict[str, str]) -> None:
        """Say that training can begin, with which versions and which BLAS."""
        from threadpoolctl import threadpool_info

        names = ("internal_api", "version", "architecture", "threading_layer")
        blas = [{name: library.get(name) for name in names} for library in threadpool_info()]
        self.answer(start_bytes=self._start_bytes, versions=versions, blas=blas)

    def asked(self) -> int:
        """Wait for a number of epochs; 0 means that no more is wanted."""
        return int(self._requests.readline() or 0)


def compete(link: Link, run: Run, versions: dict[str, str]) -> None:
    """Run epochs as often as asked to."""
    link.ready(versions)
    done = 0
    while epochs := link.asked():
        seconds: list[float] = []
        scores: list[list[float] | None] = []
        for epoch in range(done, done + epochs):
            started = time.perf_counter()
            scores.append(run(epoch))
            seconds.append(time.perf_counter() - started)
        done += epochs
        link.answer(seconds=seconds, scores=scores)


class Finished(Exception):  # noqa: N818 - it is no error
    """The parent wants no more epochs."""


class Pace:
    """An ``on_epoch`` that lets `mlp.train` go on for as many epochs as the parent asks for.

    From one call to the next `train` advances the weights and measures them: an epoch. Scores are
    those a peer has at that time (see `peers.Peer.epoch`): with the full batch, of the weights
    before the step.
    """

    def __init__(self, link: Link, full_batch: bool, versions: dict[str, str]) -> None:
        self._link, self._lag, self._versions = link, int(full_batch), versions
        self._seconds: list[float] = []
        self._scores: list[list[float]] = []
        self._asked = 0
        self._since = 0.0

    def __call__(self, state: Any) -> None:
        """Note an epoch; where it was the last one asked for, answer and wait."""
        if state.epoch == 0:
            self._link.ready(self._versions)
        else:
            self._seconds.append(time.perf_counter() - self._since)
            self._scores.append(list(state.history[state.epoch - self._lag][1:7]))
        if len(self._seconds) == self._asked:
            if self._asked:
                self._link.answer(seconds=self._seconds, scores=self._scores)
            self._seconds, self._scores = [], []
            self._asked = self._link.asked()
            if not self._asked:
                raise Finished
        self._since = time.perf_counter()


def read(job: dict[str, Any]) -> tuple[Any, Any]:
    """Give the data set and the configuration of a job."""
    from mlp import TrainingConfig, load

    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in job["config"].items()
    }
    config = TrainingConfig(**values)
    dataset = load(config.data, split=config.split, split_seed=config.split_seed)
    return resize(dataset, job["rows"]) if job["rows"] else dataset, config


def resize(dataset: Any, rows: int) -> Any:
    """Take `rows` training rows, and as large a part of the others: the first, or all repeatedly.

    Examples
    --------
    8 times the 10,000 training rows go with 8 times the 6,000 validation rows.
    """
    import numpy as np

    from mlp import DataError, Rows
    from mlp.datasets.on_disk import FileRows

    of = len(dataset.train.labels)
    if rows == of:
        return dataset
    if isinstance(dataset.train.features, FileRows):
        raise DataError(f"{dataset.path}: --rows needs data in memory, and this stays on disk")

    def take(split: Any) -> Any:
        if split is None:
            return None
        index = np.arange(-(-len(split.labels) * rows // of)) % len(split.labels)
        return Rows(split.features[index], split.labels[index])

    return replace(
        dataset, train=take(dataset.train), valid=take(dataset.valid), test=take(dataset.test)
    )


def run_ours(link: Link) -> None:
    """Train as `scripts/train.py` does, by `mlp.train`."""
    import numpy as np

    from mlp import train

    dataset, config = read(link.job)
    pace = Pace(link, config.batch_size is None, {"numpy": np.__version__})
    try:
        train(dataset, config, on_epoch=pace)
    except Finished:
        pass


def run_peer(link: Link) -> None:
    """Train by `peers`, through the methods that `parity.py` compares."""
    from peers import Peer, Task, load

    from benchmarks.numpy_peer import NumpyPeer
    from mlp import Rows, init_parameters
    from mlp.epochs import epoch_order
    from mlp.keras_reference import host_input
    from mlp.training import network_sizes

    name = link.job["contestant"]
    peer_class: type[Peer] = NumpyPeer if name == "numpy" else load(name)
    dataset, config = read(link.job)
    parameters = init_parameters(
        network_sizes(dataset, config), seed=config.seed, dtype=config.dtype
    )
    splits = [
        Rows(host_input(rows, config.dtype, dataset.scale), rows.labels)
        for rows in (dataset.train, dataset.valid, dataset.test)
        if rows is not None
    ]
    del dataset
    peer = peer_class(Task(parameters, splits[0], tuple(splits[1:]), config))
    # The peer has placed its inputs; those of the task would only count as its memory.
    labels = [rows._replace(features=None) for rows in splits]
    peer.task = replace(peer.task, train=labels[0], held_out=tuple(labels[1:]))
    del splits
    n_train = len(labels[0].labels)

    def run(epoch: int) -> list[float]:
        order = epoch_order(config.seed, epoch, n_train) if config.batch_size else None
        return [float(value) for score in peer.epoch(order) for value in score]

    compete(link, run, peer.versions())


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
        detail = " ".join(str(error).split())[:300]
        named = type(error).__name__
        link.answer(
            error=detail if named in ("PeerError", "DataError") else f"{named}: {detail}",
            kind=named,
        )


if __name__ == "__main__":
    main()
