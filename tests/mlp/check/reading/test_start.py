import ast

import pytest

from mlp.check.reading.start import read_start
from mlp.check.scopes import scopes


def remarks(text):
    tree = ast.parse(text)
    found = [remark for scope in scopes(tree) for remark in read_start(scope, text.splitlines())]
    return [(remark.line, remark.mistake) for remark in found]


@pytest.mark.parametrize(
    ("text", "mistakes"),
    [
        ("W = np.random.normal(0, np.sqrt(2 / (784 + H)), (784, H))", []),
        ("W = np.random.normal(0, 2 / (784 + H), (784, H))", ["deviation"]),
        ("W = np.random.normal(loc=0, scale=2 / (784 + H), size=(784, H))", ["deviation"]),
        ("W = np.random.randn(784, H) * np.sqrt(2 / (784 + H))", []),
        ("W = (2.0 / (784 + H)) * np.random.randn(784, H)", ["deviation"]),
        ("W = np.random.randn(784, H) * (2 / (784 + H)) ** 0.5", []),
        ("W = np.random.randn(784, H) * np.sqrt(2) / np.sqrt(784 + H)", []),
        ("s = 2 / (784 + H)\nW = np.random.normal(0, np.sqrt(s), (784, H))", []),
        ("s = 2 / (784 + H)\nW = np.random.normal(0, s, (784, H))", ["deviation"]),
        ("W = np.random.normal(0, np.sqrt(1 / (784 + H)), (784, H))", ["numerator"]),
        ("W = np.random.normal(0, np.sqrt(1 / 784), (784, H))", []),
        ("W = np.random.normal(0, np.sqrt(2 / 784), (784, H))", []),
        ("W = np.random.normal(0, np.sqrt(2 / (10000 + H)), (784, H))", ["unit counts"]),
        ("W = np.random.normal(0, np.sqrt(2 / (H + 784)), (784, H))", []),
        ("W = np.random.normal(0, np.sqrt(2 / (784 + H)), W0.shape)", []),
        ("W = np.random.uniform(-0.1, 0.1, (784, H))", []),
        ("def init(a, b):\n  return np.random.randn(a, b) * (2 / (a + b))", ["deviation"]),
        ("b_h = np.random.randn(1, H)", ["bias not zero"]),
        ("self.b1 = np.random.normal(0, 2 / (784 + H), (1, H))", ["bias not zero"]),
        ("b_h = np.zeros((1, H))", []),
        ("batch = np.random.permutation(9)", []),
        ("v = np.full((3, 3), 1e-5)", []),
        ("v = np.full((3, 3), 10e-5)", ["ten times a power"]),
        ("rate = 1e-4", []),
        ("v = np.ones(3) * np.exp(-5)", ["ten times a power"]),
    ],
)
def test_what_training_starts_from(text, mistakes):
    assert [mistake for _, mistake in remarks(text)] == mistakes
