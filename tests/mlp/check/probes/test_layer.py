import numpy as np
from submissions import judge

RIGHT = {
    "X W": "def computeLayer(X, W, b): return X @ W + b",
    "column bias": "def computeLayer(X, W, b): return X @ W + b.T.reshape(1, -1)",
    "W X": "def compute(X, W, b): return np.matmul(W, X) + b",
    "W.T X": "def linear(W, X, b): return W.T.dot(X) + b",
    "X W.T": "def layer(x, w, b): return np.dot(x, w.T) + b",
    "X.T W": "def forward_layer(X, W, b): return X.T @ W + b",
    "loops": "def computeLayer(X, W, b):\n  z = X @ W\n  for i in range(len(z)):\n    z[i] += b\n  return z",
    "names say nothing": "def layer(p, q, r): return r @ p + q",
    "bias in W, first": "def layer(X, W): return np.insert(X, 0, 1, axis=1) @ W",
    "bias in W, last": "def layer(X, W): return np.c_[X, np.ones(len(X))] @ W",
    "no bias": "def layer(X, W): return X @ W",
    "list": "def computeLayer(X, layer):\n  W, b = layer\n  return X @ W + b",
    "dict": "def computeLayer(X, p): return X @ p['W1'] + p['b1']",
    "with relu": "def hidden_layer(X, W, b): return np.maximum(X @ W + b, 0)",
    "784 features": "def computeLayer(X, W, b): return X.reshape(-1, 784) @ W + b",
    "10000 rows": "def computeLayer(X, W, b): return X.reshape(10000, -1) @ W + b",
}
WRONG = {
    "layer without bias": "def computeLayer(X, W, b): return X @ W",
    "layer minus bias": "def computeLayer(X, W, b): return X @ W - b",
    "layer": "def computeLayer(X, W, b): return X @ W + 2 * b",
    "undefined": "def computeLayer(X, W, b): return X @ weights + b",
    "raises": "def computeLayer(X, W, b): return (X @ W)[:, :, 0] + b",
    "returns nothing": "def computeLayer(X, W, b):\n  z = X @ W + b",
}


def test_layouts_orders_and_packed_arguments_are_right(tmp_path):
    judged = judge(tmp_path, RIGHT)
    wrong = {name: (j.verdict.value, j.notes) for name, j in judged.items()}
    assert {n: v for n, v in wrong.items() if v[0] not in ("right", "convention")} == {}
    assert judged["W X"].notes == ["samples along the columns"]


def test_wrong_ones_are_named_with_an_example_that_fails(tmp_path):
    judged = judge(tmp_path, WRONG)
    assert {name: j.mistake for name, j in judged.items()} == {name: name for name in WRONG}
    assert all(j.example is not None for j in judged.values())


def test_what_an_activation_of_any_kind_makes_of_a_layer_is_not_called_wrong(tmp_path):
    text = "def computeLayer(X, W, b):\n  z = X @ W + b\n  return np.where(z > 0, z, 0.01 * z)"
    assert judge(tmp_path, {"": text})[""].verdict.value == "not checked"


def test_arguments_of_no_known_kind_are_not_checked(tmp_path):
    judged = judge(tmp_path, {"": "def computeLayer(a, b, c): return a['x'] + b + c"})
    assert judged[""].verdict.value == "not checked"


BIASES = [
    "X @ W + b.sum()",
    "X @ W + b.mean()",
    "X @ W + np.abs(b)",
    "X @ W + np.sort(b)",
    "X @ W + np.flip(b)",
    "X @ W + np.ravel(b)[0]",
    "X @ W + np.cumsum(b)",
    "X @ W + np.resize(b, (len(X), 1))",
    "X @ W + b / len(X)",
    "X @ (W + b)",
    "X @ W * b",
    "(X @ W + b) / 784",
    "X.astype(int) @ W + b",
]


def test_every_mistake_with_the_bias_shows_in_its_example(tmp_path):
    judged = judge(tmp_path, {b: f"def computeLayer(X, W, b): return {b}" for b in BIASES})
    assert {body: j.mistake for body, j in judged.items()} == dict.fromkeys(BIASES, "layer")
    assert not any(np.allclose(j.example.got, j.example.expected) for j in judged.values())


def test_clear_names_are_not_read_in_another_order(tmp_path):
    judged = judge(
        tmp_path,
        {
            "columns": "def computeLayer(X, W, b): return W.T @ X.T + b",
            "rows": "def computeLayer(X, W, b): return X @ W + b.T",
        },
    )
    assert judged["columns"].notes == ["samples along the columns"]
    assert judged["rows"].notes == []
