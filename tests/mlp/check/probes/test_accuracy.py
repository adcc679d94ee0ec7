import pytest
from submissions import check_texts, judge

RIGHT = {
    "share": "def accuracy(target, prediction): return np.mean(np.argmax(target, 1) == np.argmax(prediction, 1))",
    "percent": "def acc(y_hat, y): return 100 * np.mean(y_hat.argmax(1) == y.argmax(1))",
    "count": "def accuracy(target, prediction): return np.sum(np.argmax(target, 1) == np.argmax(prediction, 1))",
    "rounded": "def accuracy(t, p): return round(float(np.mean(t.argmax(1) == p.argmax(1))), 2)",
    "class numbers": "def accuracy(labels, p): return np.mean(p.argmax(1) == labels)",
    "predicted classes": "def accuracy(predicted, y): return np.mean(predicted == y.argmax(1))",
    "loops": "def accuracy(t, p):\n  return sum(np.argmax(a) == np.argmax(b) for a, b in zip(t, p)) / len(t)",
    "columns": "def accuracy(t, p): return np.mean(t.argmax(0) == p.argmax(0))",
    "whole network": "def accuracy(x, y, W1, b1, W2, b2):\n  z = np.maximum(x @ W1 + b1, 0) @ W2 + b2\n  return np.mean(z.argmax(1) == y.argmax(1))",
    "one-hot": "def one_hot(labels): return np.eye(10)[labels]",
    "one-hot, K": "def oneHot(k, y): return np.eye(k)[y]",
    "one-hot, three sets": "def convertOneHot(a, b, c): return [np.eye(10)[s] for s in (a, b, c)]",
    "one-hot, transposed": "def one_hot(y): return np.eye(10)[y].T",
}
WRONG = {
    "flattened": "def accuracy(target, prediction): return np.mean(np.argmax(target) == np.argmax(prediction))",
    "membership": "def accuracy(target, prediction):\n  return np.mean([i in target.argmax(1) for i in prediction.argmax(1)])",
    "half": "def accuracy(target, prediction): return len(target) / (2 * len(prediction))",
    "one-hot": "def one_hot(labels): return np.eye(10)[labels - 1]",
    "one-hot of k": "def one_hot(labels, k): return np.eye(k)[labels - 1]",
    "one-hot of all rows": "def one_hot(labels):\n  y = np.zeros((len(labels), 10))\n  y[:, labels] = 1\n  return y",
}


def test_conventions_are_right(tmp_path):
    judged = judge(tmp_path, RIGHT)
    assert {
        name: j.notes
        for name, j in judged.items()
        if j.verdict.value not in ("right", "convention")
    } == {}


def test_wrong_ones_are_wrong_even_where_one_data_set_agrees(tmp_path):
    judged = judge(tmp_path, WRONG)
    assert {name for name, j in judged.items() if j.verdict.value != "wrong"} == set()
    assert all(j.example is not None for j in judged.values())


CLASSES = """
def softmax(x): return np.exp(x) / np.exp(x).sum(1, keepdims=True)
def layer(X, W, b): return X @ W + b
def accuracy(target, prediction): return np.mean({} == prediction)
"""
CALLS = {
    "": "convention",
    "accuracy(t, np.argmax(p, 1))": "convention",
    "q = p.argmax(1)\naccuracy(t, q)": "convention",
    "p = softmax(o)\naccuracy(t, p)": "wrong",
    "accuracy(t, softmax(o))": "wrong",
    "for e in range(3):\n  o = layer(h, W, b)\n  accuracy(t, o)": "wrong",
    "def f(t, p):\n  return accuracy(t, p)": "not checked",
}


@pytest.mark.parametrize("left", ["target", "target.argmax(1)"])
def test_class_numbers_are_right_only_where_they_are_given(left, tmp_path):
    texts = [f"{CLASSES.format(left)}{call}\n" for call in CALLS]
    judged = [report.tried[2].judgement for report in check_texts(tmp_path, texts)]
    assert [j.verdict.value for j in judged] == [*CALLS.values()]
    assert {j.mistake for j in judged} == {"accuracy", None}
