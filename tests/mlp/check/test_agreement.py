"""Functions that are right alone and do not fit together."""

from submissions import check_texts

SOFTMAX = """
def softmax(x):
    e = np.exp(x - x.max(axis={0}, keepdims=True))
    return e / e.sum(axis={0}, keepdims=True)
"""
ROWS, COLUMNS = SOFTMAX.format(1), SOFTMAX.format(0)
LAYER = "def computeLayer(X, W, b): return X @ W + b\n"
LOSS = "def CE(target, prediction): return -np.sum(target * np.log(prediction + 1e-12)) / target.shape[{}]\n"
ACCURACY = "def accuracy(target, prediction): return np.mean(target.argmax({0}) == prediction.argmax({0}))\n"
GRADIENT = "def gradCE(target, prediction): return (prediction - target) / target.shape[{}]\n"
SUM = "def gradCE(target, prediction): return prediction - target\n"


def told(tmp_path, *texts):
    return [
        {
            t.function.name: t.judgement.verdict.value
            for t in report.tried
            if t.judgement.mistake == "does not fit"
        }
        for report in check_texts(tmp_path, texts)
    ]


LAYOUTS = [
    (ROWS + LAYER + LOSS.format(0) + ACCURACY.format(1) + GRADIENT.format(0), {}),
    (COLUMNS + LOSS.format(1) + ACCURACY.format(0) + GRADIENT.format(1), {}),
    (ROWS + SUM, {}),
    (COLUMNS + SUM, {}),
    (COLUMNS + LOSS.format(0), {"softmax": "fragile"}),
    (COLUMNS + LAYER, {"softmax": "fragile"}),
    (COLUMNS + ACCURACY.format(1), {"softmax": "fragile"}),
    (COLUMNS + GRADIENT.format(0), {"softmax": "fragile"}),
    (COLUMNS + LOSS.format(1) + ACCURACY.format(0) + GRADIENT.format(0), {"gradCE": "fragile"}),
    ("def computeLayer(X, W, b): return W @ X + b\n" + ROWS, {"computeLayer": "fragile"}),
]


def test_the_few_are_told_that_they_have_another_layout(tmp_path):
    cases = LAYOUTS
    assert told(tmp_path, *(text for text, _ in cases)) == [named for _, named in cases]


USES = [
    ("p = softmax(computeLayer(h, W, b))", {"softmax": "wrong"}),
    ("for e in range(9):\n  o = computeLayer(h, W, b)\n  p = softmax(o)", {"softmax": "wrong"}),
    ("p = softmax(o.T).T", {}),
    ("p = np.transpose(softmax(np.transpose(o)))", {}),
    ("p = softmax(o)\nl = CE(t, p.T)", {}),
    ("o = computeLayer(h, W, b).T\np = softmax(o)", {}),
    ("p = softmax(o)", {"softmax": "fragile"}),
]


def test_it_is_wrong_where_one_goes_straight_into_the_other(tmp_path):
    texts = [f"{COLUMNS}{LAYER}{use}\n" for use, _ in USES]
    assert told(tmp_path, *texts) == [named for _, named in USES]


def test_targets_lie_as_one_hot_gives_them(tmp_path):
    text = "def one_hot(y): return np.eye(10)[y].T\n" + ROWS + ACCURACY.format(1)
    found = told(tmp_path, text, text + "T = one_hot(y).T\n")
    assert found == [{"one_hot": "fragile"}, {}]


GRAD_W = "def grad_W_o(target, prediction, h): return h.T @ (prediction - target) / len(target)\n"
GRAD_B = "def grad_b_o(target, prediction): return np.sum(prediction - target, axis=0)\n"


GRADIENTS = [
    (GRAD_W + GRAD_B, {"grad_b_o": "fragile"}),
    (GRAD_W + GRAD_B + "b_o = b_o - a * grad_b_o(t, p) / n", {}),
    (GRAD_W.replace(" / len(target)", "") + GRAD_B, {}),
    (
        GRAD_W.replace("h.T", "-h.T").replace(" / len(target)", "")
        + GRAD_B
        + "W_o = W_o + grad_W_o(t, p, h)\nb_o = b_o + grad_b_o(t, p)",
        {"grad_b_o": "fragile"},
    ),
]


def test_gradients_have_one_sign_and_one_scale(tmp_path):
    cases = GRADIENTS
    assert told(tmp_path, *(text for text, _ in cases)) == [named for _, named in cases]


def test_functions_of_different_classes_need_not_fit(tmp_path):
    def within(name, text):
        body = text.replace("\n", "\n    ").replace("def softmax(x)", "def softmax(self, x)")
        return f"class {name}:\n    {body}\n"

    texts = [within("A", ROWS) + within("B", COLUMNS), LAYER + within("B", COLUMNS)]
    assert told(tmp_path, *texts) == [{}, {"B.softmax": "fragile"}]


def test_an_earlier_try_that_nothing_calls_need_not_fit(tmp_path):
    text = ROWS + COLUMNS.replace("softmax", "softmax_old") + LAYER + "p = softmax(o)\n"
    assert told(tmp_path, text) == [{}]
