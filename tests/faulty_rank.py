"""scripts/train.py, one rank of which fails; run as ``python -m mpi4py faulty_rank.py HOW ...``."""

import sys
from dataclasses import replace

from mpi4py import MPI

import mlp.narrow
import mlp.work
from mlp.commands import train
from mlp.run import ranks


def fail_later(rank, module, name):
    """Let the sixth call of a function raise what nobody expects."""
    function, calls = getattr(module, name), iter(range(10**9))

    def failing(*arguments):
        if next(calls) == 5:
            raise RuntimeError(f"rank {rank} breaks down")
        return function(*arguments)

    setattr(module, name, failing)


def break_down(rank):
    """Let a piece of rows fail, some steps into training."""
    fail_later(rank, mlp.work, "loss_and_gradients")


def break_down_in_a_narrower_network(rank):
    """Let a piece of hidden units fail, in the middle of a step."""
    fail_later(rank, mlp.narrow, "relu_backward")


def find_other_labels(rank):
    """Let the data differ in one label."""
    load = ranks.load

    def other(*arguments, **options):
        dataset = load(*arguments, **options)
        labels = dataset.train.labels.copy()
        labels[0] = (labels[0] + 1) % dataset.n_classes
        return replace(dataset, train=dataset.train._replace(labels=labels))

    ranks.load = other


def lose_the_data(rank):
    """Let the rank look for the data where they are not."""
    load = ranks.load
    ranks.load = lambda path, **options: load(f"{path}.elsewhere", **options)


def find_a_gpu(rank):
    """Let the rank compute on another kind of device."""
    choose = ranks.choose_device
    ranks.choose_device = lambda *given, **options: replace(
        choose("cpu"), kind="cuda", used="cuda:0"
    )


if __name__ == "__main__":
    how, faulty = sys.argv.pop(1), MPI.COMM_WORLD.Get_size() - 1
    if MPI.COMM_WORLD.Get_rank() == faulty:
        globals()[how](faulty)
    sys.exit(train.main(prog="train.py"))
