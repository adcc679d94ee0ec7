"""What contestants compute, on which rows and cores."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from benchmarks import floor, link
from benchmarks.process import limited_to, only_gpu
from peers import PeerError, Task
from tolerances import SUMMED_LOSSES

from mlp import Rows, init_parameters, load
from mlp.model import loss_and_gradients


def test_the_floor_does_the_products_that_give_our_gradients():
    parameters = init_parameters((5, 4, 3, 2), seed=0, dtype="float64")
    x = np.random.default_rng(0).standard_normal((6, 5))
    shapes = [g.weight.shape for g in loss_and_gradients(parameters, x, np.zeros(6, int)).gradients]
    weights = [layer.weight for layer in parameters]
    done, last = floor.train_products(weights, x)
    assert [gradient.shape for gradient in reversed(done)] == shapes
    np.testing.assert_allclose(last, x @ weights[0] @ weights[1] @ weights[2])


def test_rows_are_cut_or_repeated_in_all_splits_alike(make_dataset):
    dataset = make_dataset(n_train=30, n_valid=9, n_test=6)
    for count, valid, test in ((10, 3, 2), (60, 18, 12)):
        resized = link.resize(dataset, count)
        assert [len(s.labels) for s in (resized.train, resized.valid, resized.test)] == [
            count, valid, test
        ]  # fmt: skip
        np.testing.assert_array_equal(resized.train.features[:10], dataset.train.features[:10])
    np.testing.assert_array_equal(resized.train.labels[30:], dataset.train.labels)


def test_a_process_sees_the_one_gpu_that_it_is_to_use(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert only_gpu("cpu") == {}
    assert only_gpu("cuda") == {"CUDA_VISIBLE_DEVICES": "0"}
    assert only_gpu("cuda:2") == {"CUDA_VISIBLE_DEVICES": "2"}
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,GPU-3f")
    assert only_gpu("cuda:1") == {"CUDA_VISIBLE_DEVICES": "GPU-3f"}


@pytest.mark.parametrize("batch_size", [None, 64])
def test_replayed_steps_are_the_steps_of_the_eager_peer(config, monkeypatch, need, batch_size):
    """What PyTorch captures runs on a GPU only; here a replay calls the function again."""
    need("torch")
    from peers import torch_graph_peer
    from peers.torch_peer import TorchPeer

    def captured(function):
        for _ in range(torch_graph_peer.WARM_UP):
            function()
        return function

    monkeypatch.setattr(torch_graph_peer, "captured", captured)
    config = replace(config, batch_size=batch_size, nesterov=True, l2=1e-3, hidden=(9, 5))
    dataset = load(config.data, split=config.split)
    splits = [
        Rows((rows.features / 255).astype(np.float32), rows.labels)
        for rows in dataset.splits.values()
    ]
    start = init_parameters((30, 9, 5, 3), seed=1, dtype="float32")
    task = Task(start, splits[0], tuple(splits[1:]), config)
    with pytest.raises(PeerError, match="need a GPU"):
        torch_graph_peer.TorchGraphPeer(task)
    eager = TorchPeer(task)
    monkeypatch.setattr(torch_graph_peer, "DEVICE", "cpu")
    replayed = torch_graph_peer.TorchGraphPeer(task)
    for epoch in range(2):
        order = np.random.default_rng(epoch).permutation(400) if batch_size else None
        np.testing.assert_allclose(replayed.epoch(order), eager.epoch(order), **SUMMED_LOSSES)
    for mine, theirs in zip(replayed.parameters(), eager.parameters(), strict=True):
        np.testing.assert_array_equal(mine.weight, theirs.weight)
        np.testing.assert_array_equal(mine.bias, theirs.bias)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="only Linux has it")
def test_threads_are_cores_and_the_parent_keeps_its_own():
    mine = os.sched_getaffinity(0)
    with limited_to(1):
        code = "import os; print(len(os.sched_getaffinity(0)))"
        seen = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert seen.stdout.strip() == b"1"
    assert os.sched_getaffinity(0) == mine
    with pytest.raises(ValueError, match=r"^--threads must be at most"), limited_to(len(mine) + 1):
        pass
