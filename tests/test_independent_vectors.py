"""Numbers that others computed: onnx's node tests, PyTorch's and optax's rules, autodiff."""

import importlib

import numpy as np
import pytest
from tolerances import GRADIENT, LIBRARIES, ROUNDING

import kernels
from mlp import functional, init_parameters
from mlp.model import Layer, evaluate, loss_and_gradients, named_arrays

ONNX_CASES = ["none", "sum", "mean", "mean_3d", "NCd1d2d3d4d5_none_no_weight"]


@pytest.fixture(scope="module")
def onnx_cases(need):
    """Collect the cases of one operator; importing its module makes them."""
    need("onnx")
    package = "onnx.backend.test.case.node"
    importlib.import_module(f"{package}.softmax_cross_entropy_loss")
    cases = importlib.import_module(package)._NodeTestCases
    return {case.name: case.data_sets[0] for case in cases}


def to_rows(array):
    """Bring the classes of (N, C, d1, ...) to the end and make every position a row."""
    return np.moveaxis(array, 1, -1).reshape(-1, array.shape[1])


@pytest.mark.parametrize("log_prob", ["", "_log_prob"])
@pytest.mark.parametrize("name", ONNX_CASES)
def test_cross_entropy_is_onnxs(onnx_cases, name, log_prob):
    (scores, labels), (expected, *log_probabilities) = onnx_cases[f"test_sce_{name}{log_prob}"]
    logits = to_rows(scores)
    losses, dlogits, _ = kernels.softmax_cross_entropy(logits.copy(), labels.reshape(-1))
    targets = functional.one_hot(labels.reshape(-1), logits.shape[1], dtype=logits.dtype)
    reduced = {"sum": losses.sum(), "mean": losses.mean()}
    result = reduced.get(name.partition("_")[0], losses.reshape(labels.shape))
    np.testing.assert_allclose(result, expected, **LIBRARIES["float32"])
    if name.startswith("mean"):
        average = functional.average_cross_entropy(targets, functional.softmax(logits))
        np.testing.assert_allclose(average, expected, **LIBRARIES["float32"])
    for array in log_probabilities:
        probabilities = np.exp(to_rows(array))
        np.testing.assert_allclose(
            functional.softmax(logits), probabilities, **LIBRARIES["float32"]
        )
        np.testing.assert_allclose(dlogits, probabilities - targets, **LIBRARIES["float32"])


STEPS, RATE, MOMENTUM, START = 5, 0.1, 0.9, 1e-5


def draw(dtype):
    rng = np.random.default_rng(5)
    return [rng.normal(size=(7, 3)).astype(dtype) for _ in range(STEPS + 1)]


def our_steps(dtype, l2, nesterov):
    parameter, *gradients = draw(dtype)
    velocity = np.full_like(parameter, START)
    for gradient in gradients:
        parameter, velocity = kernels.momentum_update(
            parameter, velocity, gradient, RATE, MOMENTUM, l2=l2, nesterov=nesterov
        )
    return parameter, velocity


update_rules = pytest.mark.parametrize(
    ("dtype", "l2", "nesterov"),
    [(dtype, l2, nesterov) for dtype in ROUNDING for l2 in (0.0, 0.01) for nesterov in (0, 1)],
)


@update_rules
def test_momentum_is_pytorchs(need, dtype, l2, nesterov):
    torch = need("torch")
    start, *gradients = draw(dtype)
    parameter = torch.nn.Parameter(torch.tensor(start))
    optimizer = torch.optim.SGD(
        [parameter], RATE, MOMENTUM, weight_decay=l2, nesterov=bool(nesterov)
    )
    # PyTorch's buffer leaves the learning rate out.
    buffer = torch.full_like(parameter, START / RATE)
    optimizer.state[parameter]["momentum_buffer"] = buffer
    for gradient in gradients:
        parameter.grad = torch.tensor(gradient)
        optimizer.step()
    ours, velocity = our_steps(dtype, l2, bool(nesterov))
    np.testing.assert_allclose(ours, parameter.detach().numpy(), **ROUNDING[dtype])
    theirs = optimizer.state[parameter]["momentum_buffer"].numpy() * RATE
    np.testing.assert_allclose(velocity, theirs, **ROUNDING[dtype])


@pytest.fixture
def jax(need):
    """Import JAX with float64, for the time of a test."""
    jax = need("jax")
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield jax
    jax.config.update("jax_enable_x64", before)


@update_rules
def test_momentum_is_optaxs(need, jax, dtype, l2, nesterov):
    optax = need("optax")
    parameter, *gradients = draw(dtype)
    optimizer = optax.chain(
        optax.add_decayed_weights(l2), optax.sgd(RATE, MOMENTUM, nesterov=bool(nesterov))
    )
    state = jax.tree.map(
        lambda zeros: jax.numpy.full_like(zeros, START / RATE), optimizer.init(parameter)
    )
    for gradient in gradients:
        updates, state = optimizer.update(gradient, state, parameter)
        parameter = optax.apply_updates(parameter, updates)
    ours, velocity = our_steps(dtype, l2, bool(nesterov))
    np.testing.assert_allclose(ours, parameter, **ROUNDING[dtype])
    (trace,) = jax.tree.leaves(state)
    np.testing.assert_allclose(velocity, trace * RATE, **ROUNDING[dtype])


SIZES = (6, 9, 7, 4)


@pytest.fixture(params=["float32", "float64"])
def problem(request):
    """Draw a network with biases that are not 0, inputs and labels."""
    rng = np.random.default_rng(6)
    parameters = tuple(
        Layer(weight, rng.normal(size=bias.shape).astype(bias.dtype))
        for weight, bias in init_parameters(SIZES, seed=1, dtype=request.param)
    )
    return parameters, rng.normal(size=(12, 6)).astype(request.param), rng.integers(0, 4, 12)


def check_gradients(problem, theirs):
    parameters, x, labels = problem
    ours = named_arrays(loss_and_gradients(parameters, x, labels).gradients)
    for (name, array), expected in zip(ours.items(), theirs, strict=True):
        np.testing.assert_allclose(array, expected, **LIBRARIES[str(array.dtype)], err_msg=name)


def test_gradients_are_torch_autograds(need, problem):
    torch = need("torch")
    parameters, x, labels = problem
    arrays = [torch.tensor(a, requires_grad=True) for a in named_arrays(parameters).values()]
    h = torch.tensor(x)
    for index in range(0, len(arrays) - 2, 2):
        h = torch.relu(h @ arrays[index] + arrays[index + 1])
    loss = torch.nn.functional.cross_entropy(
        h @ arrays[-2] + arrays[-1], torch.tensor(labels), reduction="sum"
    )
    check_gradients(problem, torch.autograd.grad(loss, arrays))


def test_gradients_are_jax_grads(jax, problem):
    parameters, x, labels = problem

    def loss(arrays):
        h = x
        for index in range(0, len(arrays) - 2, 2):
            h = jax.nn.relu(h @ arrays[index] + arrays[index + 1])
        log_p = jax.nn.log_softmax(h @ arrays[-2] + arrays[-1])
        return -jax.numpy.take_along_axis(log_p, labels[:, None], axis=1).sum()

    check_gradients(problem, jax.jit(jax.grad(loss))(list(named_arrays(parameters).values())))


@pytest.mark.parametrize("problem", ["float64"], indirect=True)
def test_gradients_are_finite_differences(problem):
    parameters, x, labels = problem
    gradients = named_arrays(loss_and_gradients(parameters, x, labels).gradients)
    step = 1e-5
    for name, array in named_arrays(parameters).items():
        numeric = np.empty_like(array)
        for index in np.ndindex(*array.shape):
            kept, losses = array[index], []
            for sign in (1, -1):
                array[index] = kept + sign * step
                losses.append(evaluate(parameters, x, labels).loss)
            array[index] = kept
            numeric[index] = (losses[0] - losses[1]) / (2 * step)
        distance = np.linalg.norm(numeric - gradients[name])
        assert distance <= GRADIENT * np.linalg.norm(gradients[name]), name
