from submissions import judge

G = "(prediction - target)"
RIGHT = {
    "output weights": f"def grad_W_o(target, prediction, hidden): return hidden.T @ {G}",
    "output bias": f"def grad_b_o(target, prediction): return np.sum({G}, axis=0) / len(target)",
    "hidden weights": f"def dW_h(target, prediction, x, s, W_o): return x.T @ ({G} @ W_o.T * (s > 0))",
    "of a delta": "def grad_W1(X, delta_h): return X.T @ delta_h",
    "masked delta": "def backward_hidden(delta, W_o, s): return delta @ W_o.T * (s > 0)",
    "delta that the caller masks": "def backward_hidden(delta, W_o): return delta @ W_o.T",
    "all": "def backprop(x, y, s1, h1, p, w2):\n  d = p - y\n  e = d @ w2.T * (s1 > 0)\n  return x.T @ e, e.sum(0), h1.T @ d, d.sum(0)",
    "fixed sizes": f"def grad_W_h(target, prediction, x, s, W_o):\n  return (x.T @ ({G} @ W_o.T * (s > 0))).reshape(784, 1000)",
}
WRONG = {
    "mask missing": f"def grad_W_h(target, prediction, x, s, W_o): return x.T @ ({G} @ W_o.T)",
    "relu as mask": f"def grad_b_h(target, prediction, s, W_o): return np.sum({G} @ W_o.T * np.maximum(s, 0), 0)",
    "softmax twice in a gradient": "def grad_W_o(target, prediction, h):\n  for _ in range(2):\n    prediction = np.exp(prediction) / np.exp(prediction).sum(1, keepdims=True)\n  return h.T @ (prediction - target)",
}


def test_right_ones_are_right(tmp_path):
    judged = judge(tmp_path, RIGHT)
    assert {n: j.notes for n, j in judged.items() if j.verdict.value != "right"} == {}


def test_wrong_ones_are_named_with_an_example_that_fails(tmp_path):
    judged = judge(tmp_path, WRONG)
    assert {name: j.mistake for name, j in judged.items()} == {name: name for name in WRONG}
    assert all(j.example is not None for j in judged.values())


def test_parameters_of_no_known_kind_are_not_checked(tmp_path):
    judged = judge(tmp_path, {"": "def update_all(foo, bar, qux): return foo @ bar @ qux"})
    assert judged[""].verdict.value == "not checked"
