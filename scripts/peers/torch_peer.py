"""PyTorch: eager modules and `torch.optim.SGD`, fused as its documentation advises for speed."""

from collections.abc import Iterable

import numpy as np
import torch
from torch.nn import functional

from mlp import Layer, Parameters, Rows
from peers import Observation, Peer, PeerError, Sums, Task

Placed = tuple[torch.Tensor, torch.Tensor]


class TorchPeer(Peer):
    """A `torch.nn.Sequential` of linear layers, whose weights are (n_out, n_in)."""

    def __init__(self, task: Task) -> None:
        if task.device == "cuda" and not torch.cuda.is_available():
            raise PeerError("torch finds no CUDA device; use --peer-device cpu")
        torch.backends.cuda.matmul.allow_tf32 = False
        super().__init__(task)
        config = task.config
        modules: list[torch.nn.Module] = []
        for weight, bias in task.parameters:
            linear = torch.nn.utils.skip_init(
                torch.nn.Linear,
                *weight.shape,
                dtype=getattr(torch, config.dtype),
                device=task.device,
            )
            with torch.no_grad():
                linear.weight.copy_(torch.from_numpy(weight.T))
                linear.bias.copy_(torch.from_numpy(bias))
            modules += [linear, torch.nn.ReLU()]
        self._model = torch.nn.Sequential(*modules[:-1])
        named = list(self._model.named_parameters())
        self._optimizer = torch.optim.SGD(
            [
                {"params": [p for name, p in named if "weight" in name], "weight_decay": config.l2},
                {"params": [p for name, p in named if "bias" in name]},
            ],
            lr=config.learning_rate,
            momentum=config.momentum,
            nesterov=config.nesterov,
            fused=True,
        )
        for parameter in self._model.parameters():
            # PyTorch's buffer leaves the learning rate out: it is our velocity / learning rate.
            buffer = torch.full_like(parameter, config.velocity_init / config.learning_rate)
            self._optimizer.state[parameter]["momentum_buffer"] = buffer

    @staticmethod
    def versions() -> dict[str, str]:
        """See `Peer`."""
        return {"torch": torch.__version__}

    def place(self, rows: Rows) -> Placed:
        """See `Peer`."""
        return (
            torch.tensor(rows.features, device=self.task.device),
            torch.tensor(rows.labels, dtype=torch.int64, device=self.task.device),
        )

    def select(self, rows: Placed, order: np.ndarray) -> Placed:
        """See `Peer`."""
        index = torch.from_numpy(order).to(self.task.device)
        return rows[0][index], rows[1][index]

    def step(self, rows: Placed) -> Sums:
        """See `Peer`."""
        x, labels = rows
        logits = self._model(x)
        loss = functional.cross_entropy(logits, labels)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self._optimizer.step()
        self._logits = logits.detach()
        return loss.detach() * len(labels), (self._logits.argmax(dim=1) == labels).sum()

    @torch.inference_mode()
    def score(self, rows: Placed) -> Sums:
        """See `Peer`."""
        x, labels = rows
        logits = self._model(x)
        loss = functional.cross_entropy(logits, labels, reduction="sum")
        return loss, (logits.argmax(dim=1) == labels).sum()

    def parameters(self) -> Parameters:
        """See `Peer`."""
        return _layers(self._model.parameters())

    def device_bytes(self) -> int:
        """See `Peer`."""
        return int(torch.cuda.max_memory_reserved())

    def observe(self) -> Observation:
        """See `Peer`."""
        gradients = (p.grad for p in self._model.parameters() if p.grad is not None)
        return Observation(self._logits.cpu().numpy(), _layers(gradients))


def _layers(tensors: Iterable[torch.Tensor]) -> Parameters:
    arrays = [tensor.detach().cpu().numpy().T.copy() for tensor in tensors]
    return tuple(map(Layer, arrays[::2], arrays[1::2]))


PEER = TorchPeer
