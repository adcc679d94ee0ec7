"""How threads and ranks divide a mini-batch: by hidden units, not by rows.

A network with one hidden layer is the sum of narrower ones, each with some of the hidden units:

    logits = bias + sum over s of relu(x @ W_0[:, s] + b_0[s]) @ W_1[s, :]

So every thread trains narrower networks of its own, all of the batch's rows through each, and all
that it needs from the others is the sum of the logits: one meeting a step. Shards of rows would
give every thread gradients of all weights, to be written, added up and waited for.

Which units a narrower network has, and the order in which logits are added, depend on the width of
the hidden layer alone: the weights are bitwise the same for any number of threads and ranks.
"""

import threading
from collections.abc import Sequence
from contextlib import suppress
from itertools import cycle

from array_api_compat import device

from kernels import Array, array_namespace, softmax_cross_entropy

from .config import TrainingConfig
from .epochs import MiniBatches, Passes, make_optimizer
from .model import (
    Layer,
    Parameters,
    ShardSums,
    backward,
    cut,
    donated_sum,
    forward,
    join,
    shard_sums,
)
from .sharding import Node, Tree, share, unit_shards


class DividedUnits(MiniBatches):
    """Many steps an epoch, as `MiniBatches` does them, of a network cut into narrower ones."""

    def advance(
        self, parameters: Parameters, velocity: Parameters, epoch: int
    ) -> tuple[Parameters, Parameters] | None:
        """See `Epochs`."""
        order, steps = self._epoch(epoch)
        units = unit_shards(self._config.hidden[0])
        networks, velocities = cut(parameters, units), cut(velocity, units)
        team = _Team(self._passes, self._config, networks, velocities, order, steps)
        team.run()
        self._seen = team.seen
        if len(team.seen) < len(steps):
            return None
        return join(networks), join(velocities)


class _Team:
    """The threads of this rank, which with those of the others train the narrower networks.

    What they share is written by one of them at a time: at a meeting, while all others wait, or
    before it, by the first who comes, for the time after it.

    Parameters
    ----------
    networks, velocities : list of Parameters
        Replaced by what they become.
    order : (N,) integers
        Of the training rows.
    steps : list of (slice, float)
        Each some rows of `order`, and a learning rate.

    Attributes
    ----------
    seen : list of ShardSums
        What every step measured, without its gradients.
    """

    def __init__(
        self,
        passes: Passes,
        config: TrainingConfig,
        networks: list[Parameters],
        velocities: list[Parameters],
        order: Array,
        steps: list[tuple[slice, float]],
    ) -> None:
        self._passes = passes
        self._optimizer = make_optimizer(config)
        self._networks, self._velocities = networks, velocities
        self._order, self._steps = order, steps
        self.seen: list[ShardSums] = []
        # The input of the last even step and of the last odd one, which a slow thread may still
        # need when the first has come to the next meeting.
        self._inputs = {0: self._input(0)}
        self._logits = self._new_tree(0)  # the coming meeting's sum
        self._dlogits: Array = None  # the last meeting's, times the learning rate, for the mean

    def run(self) -> None:
        """Take the networks through all steps, or until training is to stop."""
        executor, communicator = self._passes.executor, self._passes.communicator
        count = len(self._networks)
        own = share(count, communicator.rank, communicator.size)
        threads = executor.threads if communicator.any_thread else 1
        members = min(threads, max(1, len(own)))
        meeting = threading.Barrier(members, self._meet)
        self._is_first = cycle([True] + [False] * (members - 1))  # of those who come to a meeting

        def work(member: int) -> None:
            mine = share(len(own), member, members)
            with suppress(threading.BrokenBarrierError):  # the member that has failed says why
                self._train(own[mine.start : mine.stop], meeting)

        executor.for_each(work, range(members), meeting.abort)
        for rank in range(communicator.size):
            for shard in share(count, rank, communicator.size):
                pair = self._networks[shard], self._velocities[shard]
                self._networks[shard], self._velocities[shard] = communicator.broadcast(pair, rank)

    def _input(self, step: int) -> tuple[Array, Array]:
        """Give a batch as the network's input, and its labels."""
        rows, _ = self._steps[step]
        return self._passes.input(self._passes.dataset.train, rows, self._order)

    def _new_tree(self, step: int) -> Tree[Array]:
        """Make room for the sum of all networks' logits."""
        rows, _ = self._steps[step]
        bias = self._networks[0][-1].bias
        shape = rows.stop - rows.start, bias.shape[0]
        like = array_namespace(bias).zeros(shape, dtype=bias.dtype, device=device(bias))
        return Tree(len(self._networks), donated_sum, like)

    def _train(self, shards: Sequence[int], meeting: threading.Barrier) -> None:
        """Be a member: take some of the networks through all steps."""
        for step, (_, rate) in enumerate(self._steps):
            x, _ = self._inputs[step % 2]
            entered = {}
            for shard in shards:
                logits, entered[shard] = forward(self._networks[shard], x)
                self._logits.put(Node(0, shard), logits)
            # The first to come has time for the next batch, while the others are still computing.
            if next(self._is_first) and step + 1 < len(self._steps):
                self._inputs[(step + 1) % 2] = self._input(step + 1)
            meeting.wait()
            if len(self.seen) == step:
                return
            for shard in shards:
                network, velocity = self._networks[shard], self._velocities[shard]
                gradients = backward(network, entered[shard], self._dlogits)
                if shard > 0:
                    gradients = _without_output_bias(gradients)
                self._networks[shard], self._velocities[shard] = self._optimizer.step_scaled(
                    network, velocity, gradients, rate
                )

    def _meet(self) -> None:
        """Add up a step's logits and find the loss, once, while all members wait.

        The step is seen only if training is to go on.
        """
        passes, step = self._passes, len(self.seen)
        passes.combine([self._logits])
        _, labels = self._inputs[step % 2]
        losses, dlogits, correct = softmax_cross_entropy(self._logits.root, labels)
        rows, rate = self._steps[step]
        dlogits *= rate / (rows.stop - rows.start)
        self._dlogits = dlogits
        if step + 1 < len(self._steps):
            self._logits = self._new_tree(step + 1)
        if not passes.stopping():
            self.seen.append(shard_sums(losses, correct, None))


def _without_output_bias(gradients: Parameters) -> Parameters:
    """Let an output bias stay at the zeros that it is."""
    hidden, (weight, bias) = gradients
    return hidden, Layer(weight, array_namespace(bias).zeros_like(bias))
