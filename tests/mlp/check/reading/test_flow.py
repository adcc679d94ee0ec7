import ast

import pytest

from mlp.check.reading.flow import read_flow
from mlp.check.scopes import scopes


def remarks(text):
    takes = {"gradCE": True, "CE": False}
    known = ({"softmax"}, {"layer"}, takes, {"CE": True, "ce2": False})
    found = [r for scope in scopes(ast.parse(text)) for r in read_flow(scope, *known)]
    return [(remark.mistake, remark.certain) for remark in found]


@pytest.mark.parametrize(
    ("text", "certain"),
    [
        ("p = softmax(o)\ng = gradCE(y, p)", True),
        ("g = gradCE(y, softmax(o))", True),
        ("q = softmax(softmax(o))", True),
        ("p = softmax(o)\np = o\ng = gradCE(y, p)", None),
        ("p = softmax(o)\ng = gradCE(y, o)", None),
        ("p = softmax(o)\nl = CE(y, p)", None),
        ("o = softmax(o)\nh, o = net(x)\no = softmax(o)", None),
        ("o = softmax(o)\nfor o in many:\n    o = softmax(o)", None),
        ("p = softmax(o)\np += 1\ng = gradCE(y, p)", None),
        ("if a:\n    o = softmax(o)\nelse:\n    o = softmax(o)", False),
        ("p = softmax(o)\nfor i in r:\n    g = gradCE(y, p)", False),
    ],
)
def test_softmax_twice(text, certain):
    assert remarks(text) == ([] if certain is None else [("softmax twice", certain)])


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("l = CE(y, layer(h, W, b))", True),
        ("o = layer(h, W, b)\nl = CE(y, o)", True),
        ("o = layer(h, W, b)\ng = gradCE(y, o)", False),
        ("o = layer(h, W, b)\nl = CE(y, softmax(o))", False),
        ("o = layer(h, W, b)\no = softmax(o)\nl = CE(y, o)", False),
        ("if a:\n    o = layer(h, W, b)\nelse:\n    o = p\nl = CE(y, o)", False),
    ],
)
def test_softmax_missing(text, missing):
    assert remarks(text) == ([("softmax missing", True)] if missing else [])


@pytest.mark.parametrize(
    ("text", "mistakes"),
    [
        ("e = d @ W.T\nW = W - a * x.T @ e", ["mask absent"]),
        ("e = np.dot(d, np.transpose(W))\nW -= a * e", ["mask absent"]),
        ("dH = dO @ W2\nW2 = W2 - v", ["mask absent"]),
        ("e = d @ W.T\ne = e * relu(s)\nW = W - e", ["relu as mask"]),
        ("h = relu(s)\ne = d @ W.T * (h >= 0)\nW = W - e", ["mask open"]),
        ("e = d @ W.T * (s >= 0)\nW = W - e", []),
        ("e = d @ W.T\ne[s < 0] = 0\nW = W - e", []),
        ("e = d @ W.T * relu_derivative(s)\nW = W - e", []),
        ("e = d @ W.T * mask\nW = W - e", []),
        ("e = x @ W.T", []),
        ("h = x @ W1\nW1 = W1 - v", []),
    ],
)
def test_masks(text, mistakes):
    assert [mistake for mistake, _ in remarks(text)] == mistakes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a = np.mean(np.argmax(p) == np.argmax(y))", [("argmax axis", False)]),
        ("a = np.equal(p.argmax(), y.argmax())", [("argmax axis", False)]),
        ("def hit(p, y): return np.argmax(p) == np.argmax(y)", [("argmax axis", False)]),
        ("a = np.argmax(p, 1) == np.argmax(y, axis=1)", []),
        ("a = [np.argmax(q) == np.argmax(t) for q, t in zip(p, y)]", []),
        ("a = np.argmax(p[i]) == np.argmax(y[i])", []),
        ("a = np.argmax(p) == 3", []),
    ],
)
def test_argmax_without_an_axis(text, expected):
    assert remarks(text) == expected


@pytest.mark.parametrize(
    ("text", "mistakes"),
    [
        ("l = CE(prediction, target)", ["swapped"]),
        ("l = ce2(trainTarget, y_hat)", ["swapped"]),
        ("l = CE(target, prediction)", []),
        ("l = CE(a, b)", []),
        ("l = CE(target_prediction, target)", []),
        ("test_loss = CE(validTarget, p)", ["test from valid"]),
        ("test_out = net(validData)", ["test from valid"]),
        ("test_loss = CE(testTarget, valid(testData))", []),
        ("valid_loss = CE(validTarget, p)", []),
    ],
)
def test_swapped_arguments_and_mistaken_rows(text, mistakes):
    assert [mistake for mistake, _ in remarks(text)] == mistakes
