import pytest
from submissions import check_text, judge

RIGHT = {
    "sum": "def gradCE(target, prediction): return prediction - target",
    "mean": "def gradCE(target, prediction): return (prediction - target) / target.shape[0]",
    "swapped": "def grad_ce(prediction, target): return prediction - target",
    "names say nothing": "def gradCE(x, y): return x - y",
    "names say nothing, other order": "def gradCE(x, y): return y - x",
    "transposed": "def gradCE(target, prediction): return (prediction - target).T",
    "class numbers": "def gradCE(y, p):\n  p[np.arange(len(y)), y] -= 1\n  return p",
    "logits": "def gradCE(target, prediction):\n  e = np.exp(prediction)\n  return e / e.sum(1, keepdims=True) - target",
    "Jacobian": "def gradCE(target, prediction):\n  return np.array([(np.diag(p) - np.outer(p, p)) @ (-t / p) for t, p in zip(target, prediction)])",
    "one row": "def gradCE(target, prediction):\n  return (np.diag(prediction) - np.outer(prediction, prediction)) @ (-target / prediction)",
    "10000 rows": "def gradCE(target, prediction):\n  g = np.zeros((10000, 10))\n  for i in range(10000):\n    g[i] = prediction[i] - target[i]\n  return g",
    "number of rows": "def gradCE(target, prediction, N): return (prediction - target) / N",
    "list": "def gradCE(target, prediction): return [p - t for p, t in zip(prediction, target)]",
}
WRONG = {
    "gradient by p": "return -target / prediction",
    "gradient by p, summed over samples": "return np.sum(-target / prediction, axis=0) / len(target)",
    "gradient by p, summed over classes": "return -np.sum(target / prediction, axis=1)",
    "gradient by p, one number": "return -np.mean(target / prediction)",
    "gradient divided twice": "return (prediction - target) / len(target) ** 2",
    "gradient flipped": "return target - prediction",
    "gradient averaged": "return np.mean(prediction - target, axis=0)",
    "gradient of whole softmax": "return np.exp(prediction) / np.sum(np.exp(prediction)) - target",
    "gradient by log p": "return -target / np.log(prediction)",
    "gradient": "return prediction * (1 - prediction)",
    "gradient shape": "return np.ones((50, 50))",
    "raises": "return target @ prediction",
    "undefined": "return predictions - target",
    "returns nothing": "g = prediction - target",
}


def test_conventions_are_right(tmp_path):
    judged = judge(tmp_path, RIGHT)
    assert {name: j.mistake for name, j in judged.items() if j.mistake} == {}
    assert {j.verdict.value for j in judged.values()} <= {"right", "convention"}
    assert judged["sum"].notes == ["a sum"]


def test_wrong_ones_are_named_with_an_example_that_fails(tmp_path):
    judged = judge(
        tmp_path, {n: f"def gradCE(target, prediction):\n  {t}" for n, t in WRONG.items()}
    )
    assert {name: j.mistake for name, j in judged.items()} == {name: name for name in WRONG}
    assert all(j.example is not None for j in judged.values())


@pytest.mark.parametrize(
    ("training", "verdict"),
    [
        ("W = W + v", "convention"),
        ("W += lr * g", "convention"),
        ("v = 0.9 * v - lr * g\nW = W - v", "convention"),
        ("g = -gradCE(t, p)\nW = W - g", "convention"),
        ("W = W - v", "wrong"),
        ("v = 0.9 * v - lr * g\nW = W + v", "wrong"),
        ("", "wrong"),
    ],
)
def test_the_other_sign_is_right_where_weights_are_added_to(training, verdict, tmp_path):
    text = f"def gradCE(target, prediction): return target - prediction\n{training}\n"
    assert check_text(tmp_path, text).tried[0].judgement.verdict.value == verdict


def test_what_seems_to_want_single_numbers_is_not_checked(tmp_path):
    text = "def gradCE(target, prediction):\n  return -1 / prediction if target == 1 else 0"
    assert judge(tmp_path, {"": text})[""].verdict.value == "not checked"


def test_what_another_function_may_carry_on_is_not_called_wrong(tmp_path):
    text = "def softmax_grad(p): return p\ndef gradCE(target, prediction): return -target / prediction\n"
    assert check_text(tmp_path, text).tried[-1].judgement.verdict.value == "not checked"


FACTORS = {
    "(1 / 10000) * (prediction - target)": ["always divides by 10000"],
    "1e-4 * (prediction - target)": ["always divides by 10000"],
    "2 * (prediction - target)": ["always times 2"],
    "2 * (prediction - target) / len(target)": ["2 times the average"],
    "(prediction - target) / target.size": ["divided by entries"],
}
UNEXPLAINED = "(prediction - target) / (len(target) - 1)"


def test_a_factor_is_said_for_what_it_is(tmp_path):
    bodies = [*FACTORS, "(target - prediction) / 10000", UNEXPLAINED]
    judged = judge(tmp_path, {b: f"def gradCE(target, prediction): return {b}" for b in bodies})
    assert judged.pop("(target - prediction) / 10000").mistake == "gradient flipped"
    assert judged.pop(UNEXPLAINED).verdict.value == "not checked"
    assert {body: j.notes for body, j in judged.items()} == FACTORS
    assert {j.verdict.value for j in judged.values()} == {"convention"}
