import pytest
from submissions import check_text, judge

STABLE = "def softmax(x):\n  e = np.exp(x - np.max(x, {m}))\n  return e / np.sum(e, {s})"
RIGHT = {
    "rows": STABLE.format(m="axis=1, keepdims=True", s="axis=1, keepdims=True"),
    "last axis": STABLE.format(m="-1, keepdims=True", s="-1, keepdims=True"),
    "columns": STABLE.format(m="axis=0", s="axis=0"),
    "loops": "def softmax(x):\n  return np.array([np.exp(r - max(r)) / sum(np.exp(r - max(r))) for r in x])",
    "in place": "def softmax(x):\n  x -= x.max(1, keepdims=True)\n  np.exp(x, x)\n  x /= x.sum(1, keepdims=True)\n  return x",
    "float32": "def softmax(x):\n  e = np.exp(np.float32(x) - np.max(x, 1, keepdims=True))\n  return e / e.sum(1, keepdims=True)",
    "transposed": "def softmax(x):\n  e = np.exp(x - np.max(x, 1, keepdims=True))\n  return (e / e.sum(1, keepdims=True)).T",
    "ten thousand rows": "def softmax(x):\n  p = np.zeros((10000, 10))\n  for i in range(10000):\n    e = np.exp(x[i] - x[i].max())\n    p[i] = e / e.sum()\n  return p",
}
FRAGILE = {
    "softmax overflow": "def softmax(x): return np.exp(x) / np.sum(np.exp(x), axis=1, keepdims=True)",
    "softmax whole maximum": STABLE.format(m="axis=None", s="axis=1, keepdims=True"),
}
WRONG = {
    "softmax whole": STABLE.format(m="axis=None", s="axis=None"),
    "softmax not divided": "def softmax(x): return np.exp(x)",
    "softmax": "def softmax(x):\n  e = np.exp(x)\n  return e / np.max(e, axis=1, keepdims=True)",
}


def test_right_ones_are_right(tmp_path):
    judged = judge(tmp_path, RIGHT)
    assert {name: j.mistake for name, j in judged.items() if j.mistake} == {}
    assert judged["columns"].notes == ["classes along the rows"]
    assert judged["rows"].notes == []


@pytest.mark.parametrize(("sources", "verdict"), [(FRAGILE, "fragile"), (WRONG, "wrong")])
def test_fragile_and_wrong_ones_are_named(sources, verdict, tmp_path):
    judged = judge(tmp_path, sources)
    assert {n: (j.mistake, j.verdict.value) for n, j in judged.items()} == {
        name: (name, verdict) for name in sources
    }
    assert all(j.example is not None for j in judged.values())


@pytest.mark.parametrize(
    ("use", "verdict"),
    [
        ("p = [softmax(row) for row in z]", "fragile"),
        ("p = np.apply_along_axis(softmax, 1, z)", "fragile"),
        ("for i in range(9):\n  p[i] = softmax(z[i, :])", "fragile"),
        ("for i in range(9):\n  row = z[i]\n  p[i] = softmax(row)", "fragile"),
        ("for x, t in zip(X, T):\n  p = softmax(W @ x)", "not checked"),
        ("for epoch in range(9):\n  p = softmax(X @ W)", "wrong"),
        ("p = softmax(z)", "wrong"),
        ("", "wrong"),
    ],
)
def test_one_sum_for_all_is_right_where_it_is_used_row_by_row(use, verdict, tmp_path):
    text = f"def softmax(x):\n  return np.exp(x) / np.sum(np.exp(x))\n{use}\n"
    report = check_text(tmp_path, text)
    assert report.tried[0].judgement.verdict.value == verdict
