"""Ratios, and what noise leaves of them."""

import math

import pytest
from benchmarks.spread import Ratio, Spread, compare, least_of, noise, ratios


def test_ratios_are_taken_round_by_round():
    # The second round is ten times slower for both: as quotient of the medians it would be 20.
    assert ratios([2.0, 30.0, 2.0], [1.0, 10.0, 1.0]) == Spread(2.0, 2.0, 3.0)


def test_the_best_peer_may_be_another_one_in_every_round():
    assert least_of([[3.0, 1.0], [2.0, 4.0]]) == [2.0, 1.0]


def test_the_best_rounds_are_compared_whichever_they_are():
    found = compare([4.0, 2.0, 3.0], [1.0, 2.0, 1.5])
    assert (found.best, found.rounds) == (2.0, Spread(2.0, 1.0, 4.0))


def test_noise_is_how_far_three_quarters_of_the_rounds_are_from_the_best():
    assert noise([1.0, 1.1, 1.2, 1.3, 9.0]) == pytest.approx(0.3)  # a single bad round is no noise
    assert noise([2.0, 2.0, 2.0]) == 0
    assert noise([1.0]) == math.inf


def test_a_ratio_is_told_from_1_by_more_than_the_noise_of_either():
    quiet, loud = [1.0, 1.0, 1.01, 1.0], [1.0, 1.2, 1.0, 1.2]

    def times(factor, values):
        return [factor * value for value in values]

    assert compare(times(1.1, quiet), quiet).told
    assert compare(quiet, times(1.1, quiet)).told
    assert not compare(times(1.1, loud), quiet).told
    assert not compare(times(1.1, quiet), loud).told
    assert compare(times(1.3, loud), loud).told
    assert not compare(quiet, quiet).told
    assert not compare([5.0], [1.0]).told  # a single round


def test_best_and_median_must_be_on_one_side():
    assert not Ratio(0.9, Spread(1.1, 1.0, 1.2)).told
    assert Ratio(0.9, Spread(0.9, 0.8, 1.2)).told
