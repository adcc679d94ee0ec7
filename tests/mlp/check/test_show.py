import json

import pytest
from submissions import check_text

from mlp.check.findings import findings
from mlp.check.records import record
from mlp.check.show import FEW, GUIDE, lines, table

MANY = """
def relu(x): return abs(x)
def relu(x): return -x
def softmax(x): return np.exp(x)
def computeLayer(X, W, b): return X @ W
def averageCE(target, prediction): return -np.mean(target * np.log(prediction))
def gradCE(target, prediction): return -target / prediction
def accuracy(target, prediction): return np.argmax(target) == np.argmax(prediction)
def one_hot(labels): return tf.one_hot(labels)
b = np.random.randn(10)
import tensorflow as tf
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    return check_text(tmp_path_factory.mktemp("many"), MANY)


def test_the_worst_five_come_first_and_the_rest_is_counted(report):
    told = lines(report)
    assert sum(line.startswith("WRONG") for line in told) == FEW
    assert f"        and {len(findings(report)) - FEW} more; --all shows them" in told
    levels = [finding.level for finding in findings(report)]
    assert levels == sorted(levels, key=["WRONG", "FRAGILE", "LOOK"].index)
    assert len(lines(report, everything=True)) > len(told)


def test_a_finding_says_what_where_the_call_why_and_what_to_read(report):
    told = "\n".join(lines(report))
    assert told.startswith(
        "starter.py: 6 checked, 6 wrong, 0 fragile, 2 to look at, 1 not checked\n"
    )
    assert (
        """
WRONG   averageCE (line 7)  too small by the number of classes; nothing calls it
  try   averageCE([[1, 0]], [[0.75, 0.25]])
  got   0.1438    expected 0.2877
  why   the mean runs over every entry, not over the samples
  read  mlp/README.md, The loss
"""
        in told
    )


def test_what_replaces_what_and_what_was_not_checked_is_said(report):
    told = lines(report)
    assert "        relu is also defined on line 3; the last one counts" in told
    assert "not checked: one_hot (it uses a module that is not loaded here)." in " ".join(told)
    assert " ".join(told[-2:]).replace("        ", "").endswith(GUIDE)
    assert all(len(line) <= 100 for line in told)


def test_a_record_is_json_and_holds_every_function_and_remark(report):
    told = json.loads(json.dumps(record(report)))
    verdicts = {f["name"]: f["verdict"] for f in told["functions"]}
    assert verdicts["gradCE"] == "wrong"
    assert verdicts["one_hot"] == "not checked"
    assert told["functions"][0]["also_defined_on_lines"] == [3]
    assert {r["mistake"] for r in told["training"]} == {"bias not zero", "argmax axis"}
    assert told["counts"]["wrong"] == 6


def test_a_table_has_a_row_a_submission(report, tmp_path):
    empty = check_text(tmp_path, "x = 1")
    broken = check_text(tmp_path, "x", "a.ipynb")
    told = table([report, empty, broken])
    assert len(told) == 5
    assert told[1].split()[1:6] == ["6", "0", "2", "0", "1"]
    assert told[2].endswith("nothing to check")
    assert told[3].endswith("cannot be read")
