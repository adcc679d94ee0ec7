"""Rows that are there twice are counted."""

import numpy as np
from data_files import images_and_labels, write_npz

from mlp import load
from mlp.datasets.duplicates import count_repeated


def test_rows_are_counted_bit_by_bit():
    train = np.arange(12.0).reshape(4, 3)
    others = np.concatenate([train[[2, 0, 2]], train[:2] + 1e-9, -0.0 * train[:1]])
    assert count_repeated(train, others) == 3
    assert count_repeated(train, others[:0]) == 0


def test_a_data_set_says_how_many_of_its_rows_are_in_two_parts(tmp_path):
    images, labels = images_and_labels()
    order = np.random.RandomState(521).permutation(60)
    images[order[40:42]] = images[order[0]]
    images[order[55]] = images[order[1]]
    path = write_npz(tmp_path / "a.npz", images=images, labels=labels)
    said = "2 validation rows and 1 test rows are also among the training rows, to the bit"
    assert load(path, split=(30, 20)).notes[0] == f"{path}: {said}"
