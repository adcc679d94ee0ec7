import pytest

from mlp.sharding import default_piece_rows, row_pieces


@pytest.mark.parametrize(
    ("batch", "expected"),
    [(1, 64), (128, 64), (129, 65), (256, 128), (1999, 1000), (2000, 1000), (10_000, 1000)],
)
def test_shard_rows_on_a_cpu(batch, expected):
    assert default_piece_rows(batch, "cpu") == expected


def test_shard_rows_on_cuda():
    assert default_piece_rows(128, "cuda") == 65_536


def test_pieces_cover_the_rows_once():
    assert row_pieces(3, 11, 4) == [slice(3, 7), slice(7, 11)]
    assert row_pieces(0, 5, 4) == [slice(0, 4), slice(4, 5)]
