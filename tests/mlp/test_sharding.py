import pytest

from mlp.sharding import default_piece_rows, evaluation_piece_rows, row_pieces

BATCHES = {1: 64, 127: 64, 128: 64, 129: 65, 131: 66, 256: 128, 1998: 999, 1999: 1000, 2001: 1000}


@pytest.mark.parametrize(("batch", "expected"), BATCHES.items())
def test_a_piece_on_a_cpu_is_half_a_batch_within_bounds(batch, expected):
    assert default_piece_rows(batch, "cpu") == expected


@pytest.mark.parametrize("batch", [1, 128, 65_537, 10**6])
def test_a_piece_on_cuda_is_the_same_for_every_batch(batch):
    assert default_piece_rows(batch, "cuda") == 65_536


@pytest.mark.parametrize("rows", [1, 64, 499, 500, 501, 1000, 65_536])
def test_evaluation_is_cut_into_500_rows_on_a_cpu_and_as_training_on_cuda(rows):
    assert evaluation_piece_rows(rows, "cpu") == 500
    assert evaluation_piece_rows(rows, "cuda") == rows


def test_pieces_cover_the_rows_once():
    assert row_pieces(3, 11, 4) == [slice(3, 7), slice(7, 11)]
    assert row_pieces(0, 5, 4) == [slice(0, 4), slice(4, 5)]
