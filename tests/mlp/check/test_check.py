"""The ten defects of mlp/README.md, each planted alone in a correct submission; and the whole."""

import pytest
from submissions import CORPUS, check_text

from mlp.check.verdict import Verdict

CORRECT = (CORPUS / "open" / "alpha.py").read_text()
SHUFFLE = """
def shuffle(data, target):
    np.random.seed(421)
    order = np.random.permutation(len(data))
    return data[order], target[order]
"""

# Defect, what is replaced, and what is said then. The seventh is on paper: no code has it but for
# its mask.
DEFECTS = {
    "1 softmax twice": [("d_o = gradCE(trainTarget, o)", "d_o = gradCE(trainTarget, p)")],
    "2 argmax axis": [(", axis=1) == np.argmax(prediction, axis=1)", ") == np.argmax(prediction)")],
    "3 deviation": [("np.sqrt(2 / (784 + H))", "2 / (784 + H)")],
    "3 bias not zero": [("b_h = np.zeros((1, H))", "b_h = np.random.normal(0, 0.03, (1, H))")],
    "4 rate of a sum": [
        ("(softmax(prediction) - target) / target.shape[0]", "softmax(prediction) - target"),
        ("alpha=0.1", "alpha=1e-4"),
    ],
    "5 undefined": [("v_bh = gamma * v_bh", "v_bh = gama * v_bh")],
    "5 velocity lost": [("v_bo = gamma * v_bo", "v_b = gamma * v_bo")],
    "6 log of zero": [("prediction + 1e-12", "prediction")],
    "7 mask open": [("(s > 0)", "(h >= 0)")],
    "8 shuffle reseeds": [("def train(", SHUFFLE + "\ndef train(")],
    "8 shuffle not called": [("def train(", SHUFFLE + "\ndef train(")],
    "9 figure saved": [('plt.savefig("loss.png")', "plt.show()")],
    "10 ten times a power": [("1e-5", "10e-5")],
}
NAMES = {"2 argmax axis": "accuracy"}  # where a function is tried, what is said of it


def said(report):
    functions = {t.judgement.mistake for t in report.tried if t.judgement.mistake}
    return functions | {remark.mistake for remark in report.remarks}


def test_the_correct_submission_has_nothing_to_be_said_of(tmp_path):
    report = check_text(tmp_path, CORRECT)
    assert said(report) == set()
    assert len(report.tried) == 7


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_is_found(defect, tmp_path):
    text = CORRECT
    for old, new in DEFECTS[defect]:
        assert old in text
        text = text.replace(old, new)
    assert NAMES.get(defect, defect.partition(" ")[2]) in said(check_text(tmp_path, text))


def test_a_file_that_is_no_submission_is_unreadable_or_empty(tmp_path):
    assert check_text(tmp_path, "x = 1").tried == []
    notebook = check_text(tmp_path, "x = 1", "starter.ipynb")
    assert notebook.unreadable.startswith(f"{tmp_path / 'starter.ipynb'}: is no Jupyter notebook;")


def test_an_expression_too_deep_for_the_reader_is_said(tmp_path):
    report = check_text(tmp_path, "x = " + "-" * 3000 + "1\ndef relu(x): return np.maximum(x, 0)")
    assert report.unreadable or report.tried[0].judgement.verdict is Verdict.RIGHT


def test_top_level_code_is_never_run(tmp_path):
    mark = tmp_path / "ran"
    report = check_text(
        tmp_path,
        f"""
        open({str(mark)!r}, "w")
        while True:
            pass
        def relu(x):
            return np.maximum(x, 0)
        """,
    )
    assert [t.judgement.verdict for t in report.tried] == [Verdict.RIGHT]
    assert not mark.exists()


def test_methods_that_keep_their_result_are_not_thrown_away(tmp_path):
    text = """import numpy as np
class Net:
    def relu(self, x):
        self.h = np.maximum(x, 0)
        return self.h
    def run(self, x):
        self.relu(x)
        return self.h
"""
    report = check_text(tmp_path, text)
    assert [remark for remark in report.remarks if remark.mistake == "discarded"] == []


UNFIT = """
def relu(x, slope): return np.maximum(x, slope * x)
def softmax(*logits): return logits
def averageCE(*, target, prediction): return target
def accuracy(prediction): return prediction
class Net:
    def backward(self): return self.x
"""


def test_a_function_whose_arguments_do_not_fit_is_listed_with_the_reason(tmp_path):
    report = check_text(tmp_path, UNFIT)
    assert {t.function.name: t.judgement.notes[0] for t in report.tried} == {
        "relu": "it takes 2 arguments, where 1 can be tried",
        "softmax": "it takes any number of arguments",
        "averageCE": "it takes target, prediction by name only",
        "accuracy": "it takes 1 argument, where 2 or more can be tried",
        "Net.backward": "it takes no argument, where 2 or more can be tried",
    }
    assert {t.judgement.verdict for t in report.tried} == {Verdict.UNCHECKED}


WHOLE = """
def relu(Z): return np.maximum(0, Z)
def softmax(Z):
    e = np.exp(Z - np.max(Z, axis=0, keepdims=True))
    return e / e.sum(axis=0, keepdims=True)
def one_hot(y): return np.eye(10)[y].T
def linear_forward(A, W, b): return np.dot(W, A) + b
def compute_cost(AL, Y): return -np.sum(Y * np.log(AL + 1e-8)) / Y.shape[1]
def accuracy(Y, AL): return np.mean(np.argmax(Y, 0) == np.argmax(AL, 0))
def linear_backward(dZ, A_prev, W):
    m = A_prev.shape[1]
    return W.T @ dZ, dZ @ A_prev.T / m, np.sum(dZ, axis=1, keepdims=True) / m
def train(X, Y, W1, b1, W2, b2, lr=0.1):
    for i in range(100):
        Z1 = linear_forward(X, W1, b1)
        A1 = relu(Z1)
        A2 = softmax(linear_forward(A1, W2, b2))
        print(compute_cost(A2, Y), accuracy(Y, A2))
        dA1, dW2, db2 = linear_backward(A2 - Y, A1, W2)
        _, dW1, db1 = linear_backward(dA1 * (Z1 > 0), X, W1)
        W1, b1, W2, b2 = W1 - lr * dW1, b1 - lr * db1, W2 - lr * dW2, b2 - lr * db2
    return W1, b1, W2, b2
"""


def test_a_submission_with_one_sample_a_column_throughout_is_right(tmp_path):
    report = check_text(tmp_path, WHOLE)
    assert said(report) == set()
    verdicts = {t.judgement.verdict for t in report.tried}
    assert (len(report.tried), verdicts) == (7, {Verdict.RIGHT, Verdict.CONVENTION})


def test_a_loss_of_rows_in_it_is_wrong_where_it_gets_what_softmax_gives(tmp_path):
    report = check_text(tmp_path, WHOLE.replace("/ Y.shape[1]", "/ Y.shape[0]"))
    wrong = {t.function.name: t.judgement for t in report.tried if t.judgement.mistake}
    assert {name: j.verdict for name, j in wrong.items()} == {"compute_cost": Verdict.WRONG}
    assert wrong["compute_cost"].detail.startswith("has one sample a row; ")
