"""What training rows are like, against plain NumPy; and what it costs to find out."""

import tracemalloc

import numpy as np
import pytest
from tolerances import DEVIATION, DEVIATION_FAR_OUT, MEAN

from mlp import Rows
from mlp.datasets import statistics
from mlp.datasets.on_disk import FileRows
from mlp.datasets.statistics import borders, extents, moments, some_pictures, usual


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
@pytest.mark.parametrize("count", [1, 2, 1024, 1025, 5000])
def test_moments_are_numpys(dtype, count, monkeypatch):
    monkeypatch.setattr(statistics, "_VALUES", 4096)  # 1024 rows
    rng = np.random.default_rng(0)
    x = (rng.normal(100, [1, 10, 30, 0], (count, 4))).astype(dtype)
    mean, deviation = moments(Rows(x, np.zeros(count, np.uint8)), 0.5)
    wide = x.astype(np.float64) * 0.5
    np.testing.assert_allclose(mean, wide.mean(axis=0), **MEAN)
    np.testing.assert_allclose(deviation, wide.std(axis=0), **DEVIATION)


def test_a_mean_far_from_0_cancels_no_deviation():
    x = 1e9 + np.random.default_rng(0).normal(size=(5000, 3))
    _, deviation = moments(Rows(x, np.zeros(5000, np.uint8)), 1.0)
    np.testing.assert_allclose(deviation, x.std(axis=0), **DEVIATION_FAR_OUT)


def test_rows_on_disk_have_the_same_moments_in_the_memory_of_a_block(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (20_000, 20, 20)).astype(np.uint8)
    np.save(tmp_path / "images.npy", images)
    offset = (tmp_path / "images.npy").stat().st_size - images.size
    labels = np.zeros(len(images), np.uint8)
    on_disk = FileRows(tmp_path / "images.npy", offset, images.shape).select(np.arange(20_000))
    expected = moments(Rows(images.reshape(20_000, -1), labels), 1 / 255)
    tracemalloc.start()
    found = moments(Rows(on_disk, labels), 1 / 255)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    assert peak < 12e6  # as floats the rows have 64 MB


def test_borders_are_the_mean_of_the_outermost_pixels():
    picture = np.full((1, 4, 5), 200, np.uint8)
    picture[0, 1:-1, 1:-1] = 7
    assert borders(picture).tolist() == [200]
    assert borders(np.full((2, 1, 3), 9, np.uint8)).tolist() == [9, 9]


def test_the_box_around_the_ink_is_a_share_of_the_picture():
    pictures = np.zeros((3, 10, 8), np.uint8)
    pictures[0, 2:7, 3:5] = 255
    pictures[2] = 255
    assert extents(pictures, "light").tolist() == [5 * 2 / 80, 0, 1]
    assert extents(255 - pictures, "dark").tolist() == [5 * 2 / 80, 0, 1]


def test_a_sample_is_spread_over_all_rows():
    rows = Rows(np.repeat(np.arange(200, dtype=np.uint8), 50)[:, None], np.zeros(10_000, np.uint8))
    found = some_pictures(rows, (1, 1))
    assert found.shape == (2000, 1, 1)
    assert len(np.unique(found)) == 200
    large = Rows(np.zeros((9, 2**22), np.uint8), np.zeros(9, np.uint8))
    assert len(some_pictures(large, (2**11, 2**11))) == 1


def test_usual_values_leave_one_in_a_hundred_out():
    low, high = usual(np.r_[np.arange(1000.0), 1e9])
    assert (round(low), round(high)) == (10, 990)
