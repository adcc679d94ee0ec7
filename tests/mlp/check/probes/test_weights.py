from submissions import check_text, check_texts, judge

G = "(prediction - target)"
RIGHT = {
    "output weights": f"def grad_W_o(target, prediction, hidden): return hidden.T @ {G}",
    "output bias": f"def grad_b_o(target, prediction): return np.sum({G}, axis=0) / len(target)",
    "hidden weights": f"def dW_h(target, prediction, x, s, W_o): return x.T @ ({G} @ W_o.T * (s > 0))",
    "of a delta": "def grad_W1(X, delta_h): return X.T @ delta_h",
    "masked delta": "def backward_hidden(delta, W_o, s): return delta @ W_o.T * (s > 0)",
    "delta that the caller masks": "def backward_hidden(delta, W_o): return delta @ W_o.T",
    "all": "def backprop(x, y, s1, h1, p, w2):\n  d = p - y\n  e = d @ w2.T * (s1 > 0)\n  return x.T @ e, e.sum(0), h1.T @ d, d.sum(0)",
    "rows beside layers": "def linear_backward(dZ, A_prev, W):\n  return dZ @ W.T, A_prev.T @ dZ / len(dZ), dZ.sum(0) / len(dZ)",
    "rectified in place": "def backward(X, y, h, p, W_o):\n  d = (p - y) / len(y)\n  e = d @ W_o.T\n  e[h <= 0] = 0\n  return {'W_h': X.T @ e, 'b_h': e.sum(0), 'W_o': h.T @ d, 'b_o': d.sum(0)}",
    "fixed sizes": f"def grad_W_h(target, prediction, x, s, W_o):\n  return (x.T @ ({G} @ W_o.T * (s > 0))).reshape(784, 1000)",
}
BACK = "def backprop(x, y, s1, h1, p, w2):\n  d = {d}\n  e = d @ w2.T * (s1 > 0)\n  return {r}"
WRONG = {
    "gradient flipped": BACK.format(d="y - p", r="x.T @ e, e.sum(0), h1.T @ d, d.sum(0)"),
    "gradients of both signs": BACK.format(d="p - y", r="x.T @ e, e.sum(0), h1.T @ -d, d.sum(0)"),
    "gradients of two scales": BACK.format(
        d="p - y", r="x.T @ e / len(x), e.sum(0), h1.T @ d / len(x), d.sum(0)"
    ),
    "gradient divided twice": BACK.format(
        d="(p - y) / len(x)", r="x.T @ e / len(x), e.sum(0) / len(x)"
    ),
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


SIGNS = [
    (
        "def grad_W_o(target, prediction, h):\n  e = np.exp(prediction)\n  return h.T @ (e / e.sum(1, keepdims=True) - target)",
        "convention",
        "takes logits",
    ),
    (
        f"def grad_W_o(target, prediction, h): return h.T @ {G} / 10000",
        "convention",
        "always divides by 10000",
    ),
    (
        f"def grad_W_o(target, prediction, h): return h.T @ {G} / (len(h) - 1)",
        "not checked",
        "it is the gradient times a number that nothing explains",
    ),
    (
        f"def grad_W_o(target, prediction, h): return -h.T @ {G}\nW = W + a * grad_W_o(t, p, h)",
        "convention",
        "the other sign, and weights are added to",
    ),
    (
        f"def grad_W_o(target, prediction, h): return -h.T @ {G}\nW = W + a * -grad_W_o(t, p, h)",
        "wrong",
        None,
    ),
    (
        f"def grad_W_o(target, prediction, h): return -h.T @ {G}\nW = W - a * -grad_W_o(t, p, h)",
        "convention",
        "the other sign, and weights are added to",
    ),
    (
        "def backward_W(delta, h): return -h.T @ delta",
        "not checked",
        "it turns the sign of the error that it is given",
    ),
    (
        "def backward_W(delta, h): return -h.T @ delta\nW += a * backward_W(d, h)",
        "convention",
        "the other sign, and weights are added to",
    ),
    (
        f"def grad_W_h(target, prediction, h): return h.T @ {G}",
        "not checked",
        "it gives W_o, which is not what its name says",
    ),
    (
        f"def grad_b_o(target, prediction): return {G}",
        "not checked",
        "it gives the error of every row, which is not what its name says",
    ),
]


def test_signs_factors_and_names(tmp_path):
    reports = check_texts(tmp_path, [text for text, *_ in SIGNS])
    judged = [report.tried[0].judgement for report in reports]
    assert [(j.verdict.value, [*j.notes, None][0]) for j in judged] == [
        (verdict, told) for _, verdict, told in SIGNS
    ]


def test_what_differs_is_said_gradient_by_gradient(tmp_path):
    judged = judge(tmp_path, WRONG)
    told = "W_h averaged, b_h summed, W_o averaged, b_o summed"
    assert judged["gradients of two scales"].detail == told
    assert judged["gradients of both signs"].detail.startswith(
        "W_h positive, b_h positive, W_o neg"
    )


def test_arrays_are_transposed_where_softmax_has_its_samples_in_columns(tmp_path):
    text = """
    def softmax(x):
        e = np.exp(x - x.max(axis=0))
        return e / e.sum(axis=0)
    def backprop(X, Y, Z1, A1, A2, W2):
        d = (A2 - Y) / X.shape[1]
        e = W2.T @ d * (Z1 > 0)
        return e @ X.T, e.sum(1, keepdims=True), d @ A1.T, d.sum(1, keepdims=True)
    """
    assert check_text(tmp_path, text).tried[1].judgement.verdict.value == "right"
