import pytest
from submissions import check_text, check_texts, judge

SUM = "np.sum(target * np.log(prediction + 1e-12))"
RIGHT = {
    "mean": f"def averageCE(target, prediction): return -{SUM} / target.shape[0]",
    "swapped": f"def CE(prediction, target): return -{SUM} / len(target)",
    "large epsilon": "def CE(target, prediction): return -np.sum(target * np.log(prediction + 1e-4)) / len(target)",
    "class numbers": "def CE(y, p): return -np.mean(np.log(p[np.arange(len(y)), y] + 1e-12))",
    "columns": "def CE(target, prediction): return -np.sum(target * np.log(prediction + 1e-12)) / target.shape[1]",
    "targets in rows": "def CE(target, prediction): return -np.sum(target.T * np.log(prediction + 1e-12)) / len(target)",
    "logits": "def CE(target, prediction):\n  return np.mean(np.log(np.exp(prediction).sum(1)) - (target * prediction).sum(1))",
    "with accuracy": f"def CE(target, prediction): return -{SUM} / len(target), 0.5",
    "sum": f"def CE(target, prediction): return -{SUM}",
    "each": "def CE(target, prediction): return -np.sum(target * np.log(prediction + 1e-12), axis=1)",
    "10000": f"def averageCE(target, prediction): return -{SUM} / 10000",
    "loop over 10000": "def averageCE(t, p):\n  return -sum(np.log(p[i, np.argmax(t[i])] + 1e-12) for i in range(10000)) / 10000",
    "10000 as a factor": f"def averageCE(target, prediction): return -1e-4 * {SUM}",
    "entropy of two": "def CE(x, y): return -np.sum(x * np.log(y + 1e-12)) / len(x)",
    "base 2": "def CE(target, prediction): return -np.sum(target * np.log2(prediction + 1e-12)) / len(target)",
    "trace": "def CE(target, prediction): return -np.trace(target @ np.log(prediction + 1e-12).T) / len(target)",
    "number of rows": f"def CE(target, prediction, N): return -{SUM} / N",
    "another loss": "def loss(x, y): return np.mean((x - y) ** 2)",
}
WRONG = {
    "loss by entries": "def averageCE(target, prediction): return -np.mean(target * np.log(prediction))",
    "loss negative": f"def averageCE(target, prediction): return {SUM} / len(target)",
    "loss cross terms": "def averageCE(target, prediction): return -np.sum(target @ np.log(prediction).T) / len(target)",
    "loss multiple": f"def averageCE(target, prediction): return -{SUM} / len(target) / 2",
    "loss of classes": "def averageCE(target, prediction): return -np.sum(target * np.log(prediction + 1e-12), axis=0) / len(target)",
    "loss reversed": "def averageCE(target, prediction): return -np.sum(prediction * np.log(target + 1e-9)) / len(target)",
    "loss": "def averageCE(target, prediction): return np.mean((target - prediction) ** 2)",
    "raises": "def averageCE(target, prediction): return np.mean(target @ np.log(prediction))",
    "returns nothing": "def averageCE(target, prediction):\n  e = np.mean(target * np.log(prediction))",
}


def test_conventions_are_right(tmp_path):
    judged = judge(tmp_path, RIGHT)
    assert {name: j.mistake for name, j in judged.items() if j.verdict.value == "wrong"} == {}
    unchecked = [name for name, j in judged.items() if j.verdict.value == "not checked"]
    assert unchecked == ["another loss"]
    assert judged["sum"].notes == ["a sum"]
    assert judged["10000"].notes == ["always divides by 10000"]


def test_wrong_ones_are_named_with_an_example_that_fails(tmp_path):
    judged = judge(tmp_path, WRONG)
    assert {name: j.mistake for name, j in judged.items()} == {name: name for name in WRONG}
    assert all(j.example is not None for j in judged.values())


@pytest.mark.parametrize(
    "terms", ["target * np.log(prediction)", "np.log(prediction[target == 1])"]
)
def test_a_probability_of_zero_makes_it_fragile(terms, tmp_path):
    text = f"def CE(target, prediction): return -np.sum({terms}) / len(target)"
    judged = judge(tmp_path, {"": text})[""]
    assert (judged.verdict.value, judged.mistake) == ("fragile", "log of zero")


@pytest.mark.parametrize("use", ["-averageCE(t, p)", "averageCE(t, p)\nprint(-value)"])
def test_a_sign_that_the_caller_turns_is_right(use, tmp_path):
    text = f"def averageCE(target, prediction): return {SUM} / len(target)\nvalue = {use}\n"
    judgement = check_text(tmp_path, text).tried[0].judgement
    assert judgement.notes == ["the caller negates it"]


def test_arguments_in_the_other_order_are_noted_and_their_calls_are_no_mistake(tmp_path):
    text = f"""
    def CE(target, prediction):
        target, prediction = prediction, target
        return -{SUM} / len(target)
    loss = CE(prediction, target)
    """
    report = check_text(tmp_path, text)
    assert report.tried[0].judgement.notes == ["takes its arguments in the other order"]
    assert report.remarks == []


def test_rows_that_a_file_counts_while_it_runs_are_guessed(tmp_path):
    text = f"N = trainData.shape[0]\ndef averageCE(target, prediction): return -{SUM} / N\n"
    judgement = check_text(tmp_path, text).tried[0].judgement
    assert judgement.notes == ["takes N from outside"]


def test_a_transposed_reading_does_not_excuse_what_softmax_contradicts(tmp_path):
    text = """
    def softmax(x):
        e = np.exp(x - np.max(x, axis=1, keepdims=True))
        return e / np.sum(e, axis=1, keepdims=True)
    def averageCE(target, prediction):
        return -np.sum(target * np.log(prediction + 1e-12)) / target.shape[1]
    """
    assert check_text(tmp_path, text).tried[1].judgement.mistake == "loss by classes"


def test_a_loss_of_one_row_and_its_class_number_is_not_wrong(tmp_path):
    uses = (
        "\ndef train(X, labels):\n  for p, y in zip(X, labels):\n    l = {}(p, y)\n    print(l)\n"
    )
    for name, body in (
        ("crossEntropy", "return -np.log(p[y] + 1e-12)"),
        ("gradCE", "g = p.copy(); g[y] -= 1; return g"),
    ):
        report = check_text(tmp_path, f"def {name}(p, y):\n  {body}\n" + uses.format(name))
        assert [t.judgement.verdict.value for t in report.tried] != ["wrong"], name


def test_arguments_that_have_changed_places_are_right_only_if_calls_have_so_too(tmp_path):
    calls = {
        "averageCE(p, trainTarget)": "convention",
        "averageCE(trainTarget, p)": "wrong",
        "averageCE(a, b)": "not checked",
    }
    texts = [f"{WRONG['loss reversed']}\nloss = {call}\n" for call in calls]
    verdicts = [r.tried[0].judgement.verdict.value for r in check_texts(tmp_path, texts)]
    assert verdicts == [*calls.values()]


def test_logits_that_a_loss_of_probabilities_is_given_are_surely_a_mistake(tmp_path):
    layer, use = "def layer(X, W, b): return X @ W + b\n", "l = CE(t, layer(h, W, b))\n"
    report = check_text(tmp_path, f"{layer}{RIGHT['large epsilon']}\n{use}")
    assert [remark.mistake for remark in report.remarks] == ["softmax missing"]
    assert report.is_wrong
    assert check_text(tmp_path, f"{layer}{RIGHT['logits']}\n{use}").remarks == []


def test_a_sign_is_said_beside_another_mistake(tmp_path):
    text = "def averageCE(target, prediction): return np.mean(target * np.log(prediction))"
    judgement = judge(tmp_path, {"": text})[""]
    assert (judgement.mistake, judgement.detail) == ("loss by entries", "negative, and ")
