"""What a network says of test rows, against scikit-learn and against counting by hand."""

import numpy as np
import pytest

from mlp.run.judgement import Judgement


def judgement(rows=500, n_classes=4, seed=0):
    rng = np.random.default_rng(seed)
    true, said = rng.integers(0, n_classes, (2, rows))
    said = np.where(rng.random(rows) < 0.6, true, said)
    sure = rng.uniform(1 / n_classes, 1, rows).round(2)
    return Judgement(true, said, sure, rng.random(rows), n_classes)


def test_precision_recall_and_f1_are_scikit_learns(need):
    metrics = need("sklearn.metrics")
    one = judgement()
    expected = metrics.precision_recall_fscore_support(one.true, one.said)
    for scores, precision, recall, f1, rows in zip(one.classes, *expected, strict=True):
        assert scores.precision == pytest.approx(precision, rel=1e-15)
        assert scores.recall == pytest.approx(recall, rel=1e-15)
        assert scores.f1 == pytest.approx(f1, rel=1e-15)
        assert scores.rows == rows
    balanced = metrics.balanced_accuracy_score(one.true, one.said)
    assert one.balanced_accuracy == pytest.approx(balanced, rel=1e-15)


def test_a_class_without_rows_or_answers_has_no_quotient():
    one = Judgement(np.array([0, 0]), np.array([0, 1]), np.ones(2), np.ones(2), 4)
    assert [scores.recall for scores in one.classes] == [0.5, None, None, None]
    assert [scores.precision for scores in one.classes] == [1.0, 0.0, None, None]
    assert [scores.f1 for scores in one.classes] == [2 / 3, 0.0, None, None]
    assert one.balanced_accuracy == 0.5


def test_the_calibration_error_is_a_count_by_hand():
    sure = np.array([0.15, 0.1, 0.55, 0.6, 0.51, 1.0])
    right = np.array([False, True, True, False, True, True])
    one = Judgement(np.zeros(6, int), np.where(right, 0, 1), sure, sure, 2)
    assert [(found.low, found.rows) for found in one.bins] == [(0, 1), (0.1, 1), (0.5, 3), (0.9, 1)]
    by_hand = abs(1 - 0.1) + abs(0 - 0.15) + 3 * abs(2 / 3 - (0.55 + 0.6 + 0.51) / 3) + 0
    assert one.calibration_error == pytest.approx(by_hand / 6, rel=1e-12)


def test_a_network_that_is_as_often_right_as_it_is_sure_has_no_error():
    rng = np.random.default_rng(0)
    sure = rng.uniform(0.5, 1, 200_000)
    said = (rng.random(200_000) > sure).astype(int)
    one = Judgement(np.zeros(200_000, int), said, sure, sure, 2)
    assert one.calibration_error < 0.005
    boastful = Judgement(one.true, one.said, np.minimum(1, sure + 0.2), sure, 2)
    assert boastful.calibration_error > 0.1


def test_wilsons_interval_holds_near_all_right():
    one = Judgement(np.zeros(20, int), np.zeros(20, int), np.ones(20), np.ones(20), 2)
    low, high = one.interval
    assert low == pytest.approx(1 / (1 + 1.96**2 / 20))
    assert high == pytest.approx(1)


def test_mistakes_come_surest_first_and_equal_ones_in_their_order():
    one = judgement()
    wrong = [row for row in range(500) if one.true[row] != one.said[row]]
    assert one.mistakes == sorted(wrong, key=lambda row: -one.sure[row])


def test_examples_are_of_the_most_frequent_pairs():
    one = judgement()
    examples = one.examples(pairs=3, rows=2)
    times = {pair: n for pair, n in one.counts.items() if pair[0] != pair[1]}
    shown = [times[pair] for pair in examples]
    assert shown == sorted(times.values(), reverse=True)[:3]
    for (true, said), rows in examples.items():
        every = np.flatnonzero((one.true == true) & (one.said == said))
        assert [one.sure[row] for row in rows] == sorted(one.sure[every], reverse=True)[:2]
