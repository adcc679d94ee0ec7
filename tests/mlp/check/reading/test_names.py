import ast

import pytest

from mlp.check.reading.names import read_names
from mlp.check.scopes import scopes


def remarks(text, known=frozenset(), notebook=False):
    found = read_names(scopes(ast.parse(text)), known, {"relu"}, notebook)
    return [(remark.mistake, remark.detail) for remark in found]


@pytest.mark.parametrize(
    ("text", "details"),
    [
        ("def f(gamma): return gama", ["gama (gamma?)"]),
        ("def f(x): return weights @ x", ["weights"]),
        ("def f():\n  global n\n  n = 1\ndef g(): return n", []),
        ("def f(x):\n  def g(): return x\n  return g", []),
        ("def f(): return [i for i in range(3)], lambda q: q", []),
        ("def f():\n  try: pass\n  except ValueError as e: print(e)", []),
        ("def f():\n  import os as o\n  with open(o) as g: return g", []),
        ("class A:\n  n = 3\n  def f(self): return self.n, A, __name__", []),
        ("from numpy import *\ndef f(x): return exp(x)", []),
        ("x = load(y)", []),
        ("gamma = 0.9\nv = gama", ["gama (gamma?)"]),
        ("def f(x): return np.exp(x)", []),
    ],
)
def test_undefined_names(text, details):
    assert [detail for mistake, detail in remarks(text) if mistake == "undefined"] == details


def test_names_from_elsewhere_are_known_or_unknowable():
    text = "def f(x): return helper(x)"
    assert remarks(text, {"helper"}) == []
    assert remarks(text, None) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("np.maximum(x, 0)", True),
        ("np.maximum(x, 0, x)", False),
        ("np.exp(x, x)", False),
        ("np.exp(x)", True),
        ("np.add(x, y, out=x)", False),
        ("x.reshape(3, 4)", True),
        ("relu(x)", True),
        ("W - v", True),
        ("a == b", True),
        ("train(x)", False),
        ("model.add(x)", False),
        ("seen.add(x)", False),
        ("tf.exp(x)", False),
        ("plt.clip(x)", False),
        ("'a text'", False),
        ("x.sort()", False),
    ],
)
def test_results_that_are_thrown_away(text, found):
    assert (
        bool(
            remarks(f"def f(x, y, a, b, W, v, train, plt, tf, model, seen):\n  {text}\n  return x")
        )
        is found
    )


def test_the_last_line_of_a_cell_is_shown():
    assert remarks("np.exp(3)") == [("discarded", "exp(...)")]
    assert remarks("np.exp(3)", notebook=True) == []


def test_shuffles_and_figures():
    shuffle = "def shuffle(x):\n  np.random.seed(1)\n  np.random.shuffle(x)\n  return x\n"
    assert [m for m, _ in remarks(shuffle)] == ["shuffle not called", "shuffle reseeds"]
    assert [m for m, _ in remarks(shuffle + "shuffle(3)")] == ["shuffle reseeds"]
    assert remarks("plt.show()") == [("figure saved", "")]
    assert remarks("import plt\nplt.show()\nplt.savefig('a')") == []
