import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mlp.datasets.cells import number, numbers, plain_numbers

CELLS = st.one_of(
    st.integers(-(10**20), 10**20).map(str),
    st.integers(0, 300).map(str),
    st.floats(allow_nan=True).map(repr),
    st.floats(-1e4, 1e4).map("{:.3f}".format),
    st.text(alphabet="0123456789.eE+-_ naif", max_size=6),
    st.sampled_from(["", "007", "0", "-0", "1_0", "inf", "1e999", "٣", "0x10", ".", "5.", ".5"]),
)


def as_python_reads(cell):
    """Return what Python's float says, but for what is no number in a file of numbers."""
    try:
        value = float(cell)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) and cell.isascii() and "_" not in cell else math.nan


@given(cell=CELLS)
def test_a_cell_is_the_number_that_python_reads(cell):
    np.testing.assert_array_equal(number(cell), as_python_reads(cell))


@given(cells=st.lists(CELLS, min_size=1))
def test_many_cells_are_what_each_of_them_is(cells):
    expected = [as_python_reads(cell) for cell in cells]
    np.testing.assert_array_equal(numbers(cells), expected)


@settings(max_examples=400)
@given(
    rows=st.integers(2, 4).flatmap(
        lambda n: st.lists(st.lists(CELLS, min_size=n, max_size=n), min_size=1, max_size=6)
    )
)
@example(rows=[["1", "22"], ["333", "0"]])
@example(rows=[["1", "-22"], ["3.25", "1e3"]])
def test_a_text_of_numbers_is_what_its_cells_are_or_none(rows):
    text = "\n".join(",".join(row) for row in rows) + "\n"
    found = plain_numbers(text.encode(), b",", len(rows[0]))
    expected = [[as_python_reads(cell) for cell in row] for row in rows]
    if found is not None:
        np.testing.assert_array_equal(found, expected)
    elif all(cell.isdecimal() and str(int(cell)) == cell[:15] for row in rows for cell in row):
        pytest.fail("whole numbers are read at once")


@pytest.mark.parametrize(
    "text",
    [
        b"1,2\n3\n",  # rows of other lengths, also where the cells would do for whole rows
        b"1\n2\n",
        b"1\n2,3\n4,5,6\n",
        b"1,2,3\n4\n",
        b"1,\n3,4\n",
        b"1,2\n\n3,4\n",
        b'1,"2"\n',
        b"1, 2\n",
        b"1,nan\n",
        b"1,1e999\n",
        b"01,2\n",
        b"1,02\n",
        b"1.5,02\n",
        b"1,9007199254740993\n",
        b"1.5,-1000000000000000\n",
        b"1,A\n",
    ],
)
def test_what_is_not_plain_is_left_to_the_other_reader(text):
    assert plain_numbers(text, b",", 2) is None


@pytest.mark.parametrize(
    "text", [b"1,2\n3,4\n", b"1,2\n3,4\n\n\n", b"1,2.5\n-3,4e1\n", b"1,999999999999999\n2,3\n"]
)
def test_what_is_plain_is_read(text):
    assert plain_numbers(text, b",", 2).shape == (2, 2)


def test_nothing_but_empty_lines_has_no_rows():
    assert plain_numbers(b"\n\n", b",", 2).shape == (0, 2)


@pytest.mark.parametrize(
    ("cell", "expected"), [("1,5", 1.5), ("-,5e1", -5.0), ("2", 2.0), ("1.5", np.nan)]
)
def test_with_decimal_commas_a_point_makes_no_number(cell, expected):
    np.testing.assert_array_equal(number(cell, comma=True), expected)
    np.testing.assert_array_equal(numbers([cell], comma=True), [expected])
    found = plain_numbers(f"{cell};1,25\n".encode(), b";", 2, comma=True)
    if np.isnan(expected):
        assert found is None
    else:
        np.testing.assert_array_equal(found, [[expected, 1.25]])
