import pytest
from submissions import check_texts, judge

LAYER = "def layer(X, W, b): return X @ W + b\n"

RIGHT = {
    "maximum": "def relu(x): return np.maximum(x, 0)",
    "product": "def relu(x): return x * (x > 0)",
    "in place": "def relu(x):\n  x[x < 0] = 0\n  return x",
    "in place, returns nothing": "def relu(x):\n  x[x < 0] = 0",
    "loops": "def relu(x):\n  return np.array([[max(0.0, v) for v in row] for row in x])",
    "half": "def relu(x): return (x + abs(x)) / 2",
    "float32": "def relu(x): return np.maximum(x, 0).astype(np.float32)",
    "one number": "def relu(x): return max(0, x)",
    "old NumPy": "def relu(x, zero=np.float(0)): return np.maximum(x, zero)",
    "prints": "def relu(x):\n  print(x)\n  return np.maximum(x, 0)",
    "derivative": "def relu_derivative(x): return x > 0",
    "derivative at 0": "def relu_grad(x): return np.where(x >= 0, 1, 0)",
    "derivative, backward": "def relu_backward(dA, Z): return dA * (Z > 0)",
    "derivative of the activation": "def relu_derivative(h): return np.sign(h)",
    "Python 2": "def relu(x):\n  for i in xrange(len(x)):\n    x[i] = np.maximum(x[i], 0)\n  return x",
    "derivative under another name": "def reluD(x): return 1.0 * (x > 0)",
}
WRONG = {
    "relu unchanged": "def relu(x):\n  np.maximum(x, 0)\n  return x",
    "relu whole numbers": "def relu(x):\n  return np.vectorize(lambda v: v if v > 0 else 0)(x)",
    "relu": "def relu(x): return np.clip(x, 0, 6)",
    "returns nothing": "def relu(x):\n  y = np.maximum(x, 0)",
    "derivative of ones": "def relu_prime(x): return np.ones(x.shape)",
    "relu as mask": "def relu_derivative(x): return np.maximum(x, 0)",
    "derivative": "def d_relu(x): return x > -1",
    "undefined": "def relu(x): return np.maximum(y, 0)",
    "raises": "def relu(x): return np.maximum(x, np.zeros(3))",
}
UNCHECKED = {
    "empty": "def relu(x): pass",
    "a note": 'def relu(x):\n  """To do."""\n  raise NotImplementedError',
}


def test_right_ones_are_right_and_small_matters_are_noted(tmp_path):
    judged = judge(tmp_path, RIGHT)
    assert {name: j.verdict.value for name, j in judged.items() if j.mistake} == {}
    assert judged["in place"].notes == ["overwrites its argument"]
    assert judged["one number"].notes == ["takes one number"]


def test_wrong_ones_are_named_with_an_example_that_fails(tmp_path):
    judged = judge(tmp_path, WRONG)
    assert {name: j.mistake for name, j in judged.items()} == {name: name for name in WRONG}
    assert all(j.example is not None for j in judged.values())


def test_what_cannot_be_tried_is_not_checked(tmp_path):
    judged = judge(tmp_path, UNCHECKED)
    assert {j.verdict.value for j in judged.values()} == {"not checked"}


@pytest.mark.parametrize("use", ["tf.nn.relu(x)", "np.maximum(x, tf.zeros(3))"])
def test_a_result_of_a_module_that_is_not_loaded_is_not_checked(use, tmp_path):
    text = f"def relu(x):\n  import tensorflow as tf\n  return {use}"
    assert judge(tmp_path, {"": text})[""].verdict.value == "not checked"


ONE_NUMBER = {
    "": "convention",
    "h = np.vectorize(relu)(s)": "convention",
    "h = [[relu(v) for v in row] for row in s]": "convention",
    "h = relu(layer(x, W, b))": "wrong",
    "s = layer(x, W, b)\nh = relu(s)": "wrong",
    "h = relu(s)": "not checked",
}
IN_PLACE = {
    "": "convention",
    "relu(s)": "convention",
    "h = relu(s)": "wrong",
    "o = layer(relu(s), W, b)": "wrong",
}
OF_RESULT = {
    "": "convention",
    "d = relu_derivative(h)": "convention",
    "s = layer(x, W, b)\nd = relu_derivative(s)": "wrong",
}


@pytest.mark.parametrize(
    ("text", "uses"),
    [
        ("def relu(x): return max(0, x)", ONE_NUMBER),
        ("def relu(x): return x if x > 0 else 0", ONE_NUMBER),
        ("def relu(x): x[x < 0] = 0", IN_PLACE),
        ("def relu_derivative(h): return np.sign(h)", OF_RESULT),
    ],
)
def test_what_is_right_for_some_arguments_is_so_only_where_it_gets_them(text, uses, tmp_path):
    reports = check_texts(tmp_path, [f"{LAYER}{text}\n{use}\n" for use in uses])
    assert [r.tried[1].judgement.verdict.value for r in reports] == [*uses.values()]
