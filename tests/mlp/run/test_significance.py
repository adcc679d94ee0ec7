"""Tests of tests: against SciPy, by hand, and by how often they are wrong."""

import numpy as np
import pytest

from mlp.run.significance import LEVEL, holm, paired_probability, student_within


@pytest.mark.parametrize("freedom", [*range(1, 12), 29, 30, 99])
def test_students_distribution_is_scipys(need, freedom):
    stats = need("scipy.stats")
    for t in (0.0, 0.1, 1.0, 2.5, 4.3, 30.0):
        expected = stats.t.cdf(t, freedom) - stats.t.cdf(-t, freedom)
        assert student_within(t, freedom) == pytest.approx(expected, abs=1e-12)


def test_the_paired_test_is_scipys(need):
    stats = need("scipy.stats")
    rng = np.random.default_rng(0)
    for n in (2, 3, 4, 5, 10):
        one, other = rng.normal(0.5, size=n), rng.normal(size=n)
        expected = stats.ttest_rel(one, other).pvalue
        assert paired_probability((one - other).tolist()) == pytest.approx(expected, abs=1e-12)


def test_differences_without_spread():
    assert paired_probability([0.0, 0.0, 0.0]) == 1
    assert paired_probability([0.5, 0.5, 0.5]) == 0


def test_a_common_seed_takes_out_what_both_share():
    """Unpaired, this spread would hide the difference."""
    shared = [0.0, 5.0, -5.0]
    one = [value + 0.1 + noise for value, noise in zip(shared, (0.01, -0.01, 0), strict=True)]
    assert paired_probability([a - b for a, b in zip(one, shared, strict=True)]) < 0.01


def test_holms_correction_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.5]) == pytest.approx([0.04, 0.09, 0.09, 0.5])
    assert holm([0.9, 0.8]) == [1, 1]
    assert holm([]) == []


def test_noise_alone_is_told_apart_no_more_often_than_the_level_says():
    """Three groups of five seeds without any difference, many times."""
    rng = np.random.default_rng(0)
    wrong = 0
    for groups in rng.normal(size=(1000, 3, 5)):
        pairs = [(groups[i] - groups[j]).tolist() for i, j in ((0, 1), (0, 2), (1, 2))]
        wrong += min(holm([paired_probability(pair) for pair in pairs])) < LEVEL
    assert 0.005 < wrong / 1000 < 1.3 * LEVEL
