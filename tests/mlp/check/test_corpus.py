"""Both halves of the corpus; the held-out one was written before the checker."""

import pytest
import submissions


@pytest.fixture(scope="module", params=submissions.HALVES)
def score(request):
    return submissions.score(request.param)


def test_the_corpus_has_at_least_forty_submissions_in_each_half():
    for half in submissions.HALVES:
        assert len(list(submissions.submissions(half))) >= 40


def test_nothing_right_is_called_wrong_and_nothing_wrong_is_missed(score):
    assert score.right >= 180
    assert score.wrong >= 30
    assert (score.false_wrong, score.missed) == ([], [])


def test_what_is_right_is_checked_and_what_is_fragile_is_said(score):
    assert (score.silent, score.fragility) == ([], [])


def test_mistakes_in_training_are_seen_and_no_other_is_certain(score):
    assert score.training >= 15
    assert (score.training_missed, score.training_extra) == ([], [])


def test_a_usual_file_takes_less_than_two_seconds(score):
    assert sorted(score.seconds)[len(score.seconds) // 2] < 2
