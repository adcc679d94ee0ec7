"""The bits of training, computed a second time: from mlp/README.md, with NumPy alone.

What is written there under "The same bits by hand" is written here again, in the plainest way; no
function of mlp or kernels takes part. On any machine it must give the program's own weights.
"""

import hashlib
import math
from itertools import pairwise

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from mlp import TrainingConfig, train
from mlp.model import parameters_sha256
from mlp.run.environment import sample


def by_hand(dataset, config):
    """Train; return the hash of the weights."""
    pixels, labels, counts = dataset.train
    n, dtype = len(labels), np.dtype(config.dtype)
    if counts is not None:
        counts = counts.astype(dtype)
    sizes = [pixels.shape[1], *config.hidden, dataset.n_classes]
    weights = []
    for index in range(len(sizes) - 1):
        draw = np.random.default_rng([config.seed, 0, index]).standard_normal(sizes[index:][:2])
        weights.append((draw * np.sqrt(2.0 / sum(sizes[index:][:2]))).astype(dtype))
        weights.append(np.zeros(sizes[index + 1], dtype))
    velocity = [np.full_like(array, config.velocity_init) for array in weights]
    batch = config.batch_size or n
    wide = config.batch_size is not None and batch <= 500 and is_divided(*config.hidden)
    for epoch in range(config.epochs):
        order = np.arange(n)
        if config.batch_size:
            order = np.random.default_rng([config.seed, 1, epoch]).permutation(n)
        for start in range(0, n, batch):
            rows = order[start : start + batch]
            x = pixels[rows].astype(dtype) * dtype.type(dataset.scale)
            count = None if counts is None else counts[rows]
            if count is not None and not count.any():
                continue
            if wide:
                step_by_units(weights, velocity, x, labels[rows], count, config)
            else:
                step_by_rows(weights, velocity, x, labels[rows], count, config, batch)
    digest = hashlib.sha256()
    for array in weights:
        digest.update(array.tobytes())
    return digest.hexdigest()


def is_divided(first, *others):
    above = sum(a * b for a, b in pairwise(others))
    return not others or (first >= 200 and 8 * above <= first * others[0])


def forward(weights, x):
    entered = [x]
    for weight, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
        entered.append(np.maximum(entered[-1] @ weight + bias, 0))
    return entered, entered[-1] @ weights[-2] + weights[-1]


def gradient_of_logits(logits, labels, count):
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    dlogits = exponentials / exponentials.sum(axis=1, keepdims=True)
    dlogits[np.arange(len(labels)), labels] -= 1
    return dlogits if count is None else dlogits * count[:, None]


def divisor(x, count):
    return len(x) if count is None else math.fsum(count.tolist())


def backward(weights, entered, dlogits):
    gradients, dz, db = [], dlogits, dlogits.sum(axis=0)
    for layer in reversed(range(len(weights) // 2)):
        gradients = [entered[layer].T @ dz, db, *gradients]
        if layer > 0:
            dz = (dz @ weights[2 * layer].T) * (entered[layer] > 0)
            rows = 131_072 // dz.shape[1]
            parts = [dz[start : start + rows].sum(axis=0) for start in range(0, len(dz), rows)]
            db = parts[0]
            for part in parts[1:]:
                db = db + part
    return gradients


def tree(values, add):
    while len(values) > 1:
        pairs = [values[i : i + 2] for i in range(0, len(values), 2)]
        values = [add(*pair) if len(pair) == 2 else pair[0] for pair in pairs]
    return values[0]


def update(weights, velocity, gradients, scale, config):
    for weight, nu, gradient in zip(weights, velocity, gradients, strict=True):
        g = gradient * scale if scale != 1 else gradient
        if config.l2 and weight.ndim == 2:
            g = g + (config.learning_rate * config.l2) * weight
        nu[...] = nu * config.momentum + g
        weight -= g + config.momentum * nu if config.nesterov else nu


def step_by_rows(weights, velocity, x, labels, count, config, batch):
    size = min(1000, max(64, math.ceil(batch / 2)))
    pieces = []
    for start in range(0, len(x), size):
        piece = slice(start, start + size)
        entered, logits = forward(weights, x[piece])
        some = None if count is None else count[piece]
        pieces.append(backward(weights, entered, gradient_of_logits(logits, labels[piece], some)))
    sums = tree(pieces, lambda left, right: [a + b for a, b in zip(left, right, strict=True)])
    update(weights, velocity, sums, config.learning_rate * (1.0 / divisor(x, count)), config)


def pieces_of(units):
    count = 1 if units < 200 else max(2, math.ceil(units / 128))
    starts = [(units * k + 8 * count) // (16 * count) * 16 for k in range(count)]
    return [slice(start, stop) for start, stop in pairwise([*starts, units])]


def step_by_units(weights, velocity, x, labels, count, config):
    pieces = pieces_of(weights[1].size)
    hidden, sums = [], []
    for some in pieces:
        hidden.append(np.maximum(x @ weights[0][:, some].copy() + weights[1][some], 0))
        sums.append(hidden[-1] @ weights[2][some])
    # What is above is a network whose first product is done.
    z = tree(sums, np.add)
    entered = [z]
    for bias, weight in zip(weights[3:-1:2], weights[4::2], strict=True):
        entered.append(np.maximum(z + bias, 0))
        z = entered[-1] @ weight
    dlogits = gradient_of_logits(z + weights[-1], labels, count)
    dlogits *= config.learning_rate / divisor(x, count)
    dz, gradients = dlogits, backward(weights[2:], entered, dlogits)[1:]
    for layer in range(len(weights) // 2 - 1, 1, -1):
        dz = (dz @ weights[2 * layer].T) * (entered[layer - 1] > 0)
    for some, h in zip(pieces, hidden, strict=True):
        own = [weights[0][:, some].copy(), weights[1][some].copy(), weights[2][some].copy()]
        nus = [velocity[0][:, some].copy(), velocity[1][some].copy(), velocity[2][some].copy()]
        changes = backward([*own, np.zeros_like(dz[0])], [x, h], dz)[:3]
        update(own, nus, changes, 1, config)
        for whole, part in ((weights, own), (velocity, nus)):
            whole[0][:, some], whole[1][some], whole[2][some] = part
    update(weights[3:], velocity[3:], gradients, 1, config)


JOBS = {
    "full batch": {"hidden": (40,)},
    "full batch, blocks of rows": {"hidden": (300,), "nesterov": True},
    "full batch, deep": {"hidden": (60, 30, 20), "l2": 0.01},
    "batches of rows": {"hidden": (40, 30), "batch_size": 150, "l2": 0.01, "nesterov": True},
    "batches of many rows": {"hidden": (24,), "batch_size": 700},
    "units": {"hidden": (70,), "batch_size": 128, "l2": 0.01},
    "units in two pieces": {"hidden": (201,), "batch_size": 90, "nesterov": True},
    "units in eight pieces": {"hidden": (1001,), "batch_size": 400, "l2": 0.01},
    "units, added to velocities": {"hidden": (1000,), "batch_size": 128},
    "units of two layers": {"hidden": (250, 40), "batch_size": 128},
    "units of three layers": {"hidden": (300, 150, 20), "batch_size": 90, "l2": 0.01},
}


DTYPES = ("float32", "float64")


def hash_of(make_dataset, name, dtype, weighted=False):
    dataset = make_dataset(n_train=2300, n_features=50, n_classes=5, weighted=weighted)
    config = TrainingConfig(**JOBS[name], dtype=dtype, epochs=2, learning_rate=0.05, threads=2)
    return dataset, config, parameters_sha256(train(dataset, config).parameters)


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", JOBS)
def test_numpy_alone_comes_to_the_bits_of_the_program(make_dataset, name, dtype, weighted):
    dataset, config, expected = hash_of(make_dataset, name, dtype, weighted)
    with threadpool_limits(1, user_api="blas"):
        assert by_hand(dataset, config) == expected


# The first digits of the weights' hashes, of every job in float32 and then in float64, where
# NumPy's bits are those of the key: see mlp.run.environment.sample. They show a change that both
# ways of computing would share.
GOLDEN = {
    "4ff7f6832658655f": (  # OpenBLAS' Haswell kernels, NumPy with AVX-512
        "2d6d6b42 a2104cc4 93474257 fb4e8fe1 daed9ac4 c28871e8 48488d61 6b662a9a "
        "e049de1f 43b4962d 86c4c4b7 748bc6b3 90427be9 d3d432b5 44139762 1c4186ba "
        "5ccbea68 72540522 f5d90963 e7171ee5 f687d990 34c4fc5d"
    ),
    "06dc5a113a5948da": (  # SkylakeX, AVX-512
        "6b85d528 9faed5e3 edb155e8 d26d92aa 32b7e810 4cd50d5e 828a044d 118ad570 "
        "203a164d e26f0bfb b6c4de53 53bdfda3 de303d68 101e652c 3f88cc7b 1e0952bf "
        "5ccbea68 72540522 eb8890e9 e7171ee5 03b5d1b6 9b5aaade"
    ),
    "117dda7e0786e469": (  # Haswell, AVX2
        "2d6d6b42 a2104cc4 93474257 fb4e8fe1 daed9ac4 c28871e8 48488d61 6b662a9a "
        "e049de1f 43b4962d 86c4c4b7 814e12af ba18d85b 71867ad9 b01c57ab e6c53e1e "
        "87a6313d 0a7f5ca8 41e00709 b029244d 1ac2b15d e9aaa5fd"
    ),
}


def test_the_bits_are_those_of_before(make_dataset):
    if sample() not in GOLDEN:
        pytest.skip(f"no hashes are known for NumPy's bits on this machine, {sample()}")
    hashes = [hash_of(make_dataset, name, dtype)[2] for dtype in DTYPES for name in JOBS]
    assert [one[:8] for one in hashes] == GOLDEN[sample()].split()
