"""PyTorch with its steps captured in CUDA graphs: a launch a step instead of some thirty."""

from collections.abc import Callable

import numpy as np
import torch
from torch.nn import functional

from peers import PeerError, Score, Task
from peers.torch_peer import Placed, TorchPeer

DEVICE = "cuda"  # nothing else has graphs
WARM_UP = 3  # steps outside the graph, which PyTorch asks for


class TorchGraphPeer(TorchPeer):
    """The eager peer, whose steps are captured once for every number of rows and then replayed."""

    def __init__(self, task: Task) -> None:
        if task.device != DEVICE:
            raise PeerError("CUDA graphs need a GPU; leave torch-graph out")
        super().__init__(task)
        loss = torch.zeros((), dtype=getattr(torch, task.config.dtype), device=task.device)
        correct = torch.zeros((), dtype=torch.int64, device=task.device)
        self._sums = (loss, correct)
        self._replays: dict[int, tuple[Callable[[], object], torch.Tensor]] = {}

    def epoch(self, order: np.ndarray | None = None) -> list[Score]:
        """See `Peer`: of every batch only its row numbers are copied, before its graph."""
        size = self.task.config.batch_size or len(self.train[1])
        # Every row in its place is the full batch, which is scored before its step.
        rows = np.arange(len(self.train[1])) if order is None else order
        index = torch.from_numpy(rows).to(self.task.device)
        held_out = [] if order is not None else list(map(self.score, self.held_out))
        for batch in index.split(size):
            if len(batch) not in self._replays:
                self._replays[len(batch)] = self._capture(len(batch))
        for one in self._sums:
            one.zero_()
        for batch in index.split(size):
            replay, place = self._replays[len(batch)]
            place.copy_(batch)
            replay()
        return self._scores([self._sums, *(held_out or map(self.score, self.held_out))])

    def _capture(self, rows: int) -> tuple[Callable[[], object], torch.Tensor]:
        """Return what repeats a step of so many rows, and where it reads their numbers."""
        place = torch.zeros(rows, dtype=torch.int64, device=self.task.device)
        buffers = [self._optimizer.state[p]["momentum_buffer"] for p in self._model.parameters()]
        changed = [*self._model.parameters(), *buffers, *self._sums]
        before = [tensor.detach().clone() for tensor in changed]
        features, labels = self.train
        replay = captured(lambda: self._add_step((features[place], labels[place])))
        with torch.no_grad():
            for tensor, old in zip(changed, before, strict=True):
                tensor.copy_(old)  # in place: the graph has its address
        return replay, place

    def _add_step(self, rows: Placed) -> None:
        x, labels = rows
        self._optimizer.zero_grad(set_to_none=True)
        logits = self._model(x)
        loss = functional.cross_entropy(logits, labels)
        loss.backward()
        self._optimizer.step()
        with torch.no_grad():
            self._sums[0].add_(loss * len(labels))
            self._sums[1].add_((logits.argmax(dim=1) == labels).sum())


def captured(function: Callable[[], object]) -> Callable[[], object]:
    """Run a function a few times, as PyTorch asks for, and return what repeats its launches."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP):
            function()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        function()
    replay: Callable[[], object] = graph.replay
    return replay


PEER = TorchGraphPeer
