from submissions import judge

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
