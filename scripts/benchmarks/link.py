"""A contestant's end of the pipe to `benchmarks.process`: its job, and epochs when asked for.

The first line on stdin is the job, every other a number of epochs; a line of JSON answers each, and
the end of stdin ends the process. Every answer tells the processor time that this process had used
when it was asked and when it answered: from 0 epochs nothing else is learnt.
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

Run = Callable[[int], list[float] | None]  # an epoch's number to its losses and accuracies


def peak_bytes() -> int:
    """Return the largest resident memory of this process so far (``ru_maxrss``)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


class Link:
    """The way to the parent."""

    def __init__(self, requests: TextIO, answers: TextIO) -> None:
        self._requests, self._answers = requests, answers
        self._memory = peak_bytes
        self._start_bytes = peak_bytes()
        self.job: dict[str, Any] = json.loads(requests.readline())

    def answer(self, **values: Any) -> None:
        """Send a line."""
        self._answers.write(json.dumps(values | {"peak_bytes": self._memory()}) + "\n")
        self._answers.flush()

    def compete(
        self,
        run: Run,
        rows: int,
        versions: dict[str, str],
        memory: Callable[[], int] | None = None,
    ) -> None:
        """Say that training of so many rows can begin, and run epochs as often as asked to.

        `memory` tells the most bytes of a GPU that were taken, which are told instead of the
        process' own.
        """
        from threadpoolctl import threadpool_info

        names = ("internal_api", "version", "architecture", "threading_layer")
        blas = [{name: library.get(name) for name in names} for library in threadpool_info()]
        self.answer(start_bytes=self._start_bytes, rows=rows, versions=versions, blas=blas)
        self._memory = memory or peak_bytes
        done = 0
        for line in iter(self._requests.readline, ""):
            used = time.process_time()
            seconds: list[float] = []
            scores: list[list[float] | None] = []
            for epoch in range(done, done + int(line)):
                started = time.perf_counter()
                scores.append(run(epoch))
                seconds.append(time.perf_counter() - started)
            done += len(seconds)
            processor = [used, time.process_time()]
            self.answer(seconds=seconds, scores=scores, processor=processor)


def read(job: dict[str, Any]) -> tuple[Any, Any]:
    """Return the data set and the configuration of a job.

    Its `batches` leave at most so many batches of the first training rows, and as large a part of
    the others.
    """
    from mlp import TrainingConfig, load

    config = TrainingConfig.from_json(json.dumps(job["config"]))
    dataset = load(config.data, split=config.split, split_seed=config.split_seed)
    if job["rows"]:
        dataset = resize(dataset, job["rows"])
    if job.get("batches") and config.batch_size:
        dataset = first_rows(dataset, job["batches"] * config.batch_size)
    return dataset, config


def first_rows(dataset: Any, rows: int) -> Any:
    """Take at most `rows` training rows into memory, and as large a part of the others."""
    import numpy as np

    of = len(dataset.train.labels)
    if rows >= of:
        return dataset
    # Copies: rows that are read from disk are valid until the next ones are.
    return dataset.map(
        lambda split: split.take(slice(0, -(-len(split.labels) * rows // of))).map(np.array)
    )


def resize(dataset: Any, rows: int) -> Any:
    """Take `rows` training rows, and as large a part of the others: the first, or all repeatedly.

    Examples
    --------
    8 times the 10,000 training rows go with 8 times the 6,000 validation rows.
    """
    import numpy as np

    from mlp import DataError
    from mlp.datasets.on_disk import FileRows

    of = len(dataset.train.labels)
    if rows == of:
        return dataset
    if isinstance(dataset.train.features, FileRows):
        raise DataError(f"{dataset.path}: --rows needs data in memory, and this stays on disk")
    return dataset.map(
        lambda split: split.take(np.arange(-(-len(split.labels) * rows // of)) % len(split.labels))
    )
