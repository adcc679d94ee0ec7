"""Text into records: as Python's csv reads them, however the text is written and cut."""

import csv
import gzip
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlp import DataError
from mlp.datasets import errors, lines
from mlp.datasets.delimited import open_delimited

HEADER = ["a", "b, c", 'd "e"', "label"]
TEXTS = st.text(st.characters(codec="utf-8", categories=["L", "P", "S"]), min_size=1, max_size=5)
ROWS = st.lists(
    st.tuples(
        st.one_of(st.integers(0, 999), st.integers(-(10**16), 10**16)),
        st.one_of(st.integers(0, 255), st.floats(-1e3, 1e3)),
        st.integers(0, 9),
        st.one_of(st.integers(0, 9), TEXTS.map("x{}".format), st.just("two\nlines")),
    ),
    min_size=1,
    max_size=12,
)


def records(path):
    """Return the header, all cells as numbers or texts, and the lines that they begin in."""
    with open_delimited(path) as table:
        cells, places = [], []
        for block in table.blocks():
            if block.numbers is not None:
                cells += block.numbers.tolist()
            else:
                cells += block.cells
            places += block.lines
        return table.names, cells, places


def as_numbers(cells):
    def value(cell):
        try:
            return float(cell)
        except ValueError:
            return cell

    return [[value(cell) for cell in row] for row in cells]


@settings(max_examples=150, deadline=None)
@given(
    rows=ROWS,
    delimiter=st.sampled_from(",;\t|"),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    mark=st.sampled_from(["", "\ufeff"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC, csv.QUOTE_ALL]),
    empty=st.integers(0, 2),
    block=st.sampled_from([3, 7, 64, 2**18]),
)
def test_records_are_those_of_pythons_csv(
    tmp_path_factory, rows, delimiter, end, mark, quoting, empty, block
):
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator="\n")
    writer.writerow(HEADER)
    for row in rows:
        writer.writerow(row)
        text.write("\n" * empty)
    path = tmp_path_factory.mktemp("text") / "a.csv"
    path.write_bytes((mark + text.getvalue().replace("\n", end)).encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "_BLOCK", block)
        names, cells, places = records(path)
    assert names == HEADER
    assert as_numbers(cells) == as_numbers([map(str, row) for row in rows])
    written = text.getvalue().split("\n")
    for line, row in zip(places, rows, strict=True):
        assert written[line - 1].strip('"').startswith(str(row[0]))


@pytest.mark.parametrize("block", [5, 2**18])
def test_lines_are_counted_as_an_editor_does(tmp_path, monkeypatch, block):
    """Below empty lines, a header of two lines, and records in quotes of several."""
    monkeypatch.setattr(lines, "_BLOCK", block)
    text = '\n\n"a\nb",label\n1,2\n\n3,4\n"5","x\ny"\n\n,\n6,7\n'
    (tmp_path / "a.csv").write_text(text)
    names, cells, places = records(tmp_path / "a.csv")
    assert names == ["a\nb", "label"]
    assert as_numbers(cells) == [[1, 2], [3, 4], [5, "x\ny"], [6, 7]]
    assert places == [5, 7, 8, 12]


def test_r_does_not_name_the_names_of_rows(tmp_path):
    (tmp_path / "a.csv").write_text('"a","label"\n"1",2.5,"x"\n"2",3.5,"y"\n')
    assert records(tmp_path / "a.csv")[0] == ["", "a", "label"]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("label,a\n0,2.5,\n1,3.5, \n", ["label", "a", ""]),
        ("a;label\n2,5;x;\n3,5;y;\n", ["a", "label", ""]),
        ("a,label\n1,2.5,\n2,3.5,x\n", ["", "a", "label"]),
    ],
    ids=["commas", "semicolons", "not every"],
)
def test_a_header_may_lack_what_ends_every_row(tmp_path, text, names):
    (tmp_path / "a.csv").write_text(text)
    assert records(tmp_path / "a.csv")[0] == names


def test_the_first_line_may_tell_excel_what_divides_cells(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"sep=;\r\na,b;label\r\n1,5;0\r\n")
    assert records(tmp_path / "a.csv")[:2] == (["a,b", "label"], [[1.5, 0.0]])


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("a|b, c|label\n1|2|x, y\n", 3),
        ("1,5;2,5\n3,5;4,5\n", 2),
        ("a;b,label\n1,2\n", 2),
        ("a;b,label\n1,x;y\n", 2),
        ("a\tb,c\tlabel\n1\t2\tx,y\n", 3),
    ],
)
def test_what_divides_cells_leaves_the_most_numbers(tmp_path, text, columns):
    (tmp_path / "a.csv").write_text(text)
    assert len(records(tmp_path / "a.csv")[1][0]) == columns


@pytest.mark.parametrize(
    ("text", "comma"),
    [
        ("a;b\n1,5;2\n", True),
        ("1,5;2,5\n1,25;3\n", True),
        ("a\tb\n1,5\t2\n", True),
        ("a;b\n1.5;2\n", False),
        ('a;b\n"1,5";2\n', True),
        ("a;b\n1,5;2.5\n", False),  # what the comma is there is for the cell's message
        ('a,b\n"1,5",2\n', False),
        ("a;b\n1;2\n", False),
    ],
)
def test_decimals_may_begin_with_commas_where_no_comma_divides_cells(tmp_path, text, comma):
    (tmp_path / "a.csv").write_text(text)
    with open_delimited(tmp_path / "a.csv") as table:
        assert table.comma is comma
        assert [note for note in table.notes if "decimal commas" in note] != [] or not comma


def test_what_is_no_utf8_is_windows_1252_and_is_said(tmp_path):
    text = "größe;label\n1;é\n2;".encode("cp1252") + "é\n".encode()
    (tmp_path / "a.csv").write_bytes(text)
    with open_delimited(tmp_path / "a.csv") as table:
        (block,) = table.blocks()
        assert table.names == ["größe", "label"]
        assert block.cells == [["1", "é"], ["2", "é"]]
        assert table.notes == [
            f"{tmp_path / 'a.csv'}: has lines that are no UTF-8; they are read as Windows-1252"
        ]


def test_numbers_and_texts_may_follow_each_other(tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "_BLOCK", 40)
    rows = [[k, 2 * k] for k in range(200)]
    text = "".join(f"{a},{b}\n" for a, b in rows) + "A,1\n" + "".join(f"{a},0\n" for a, _ in rows)
    (tmp_path / "a.csv").write_text("x,label\n" + text)
    with open_delimited(tmp_path / "a.csv") as table:
        blocks = list(table.blocks())
    assert blocks[0].numbers.dtype == np.int32
    assert blocks[-1].numbers is None
    _, cells, places = records(tmp_path / "a.csv")
    assert as_numbers(cells) == [*rows, ["A", 1], *([a, 0] for a, _ in rows)]
    assert places == list(range(2, 403))


REFUSED = {
    "nothing": (b"", "holds no rows"),
    "blanks": (b"\n \n\t\n", "holds no rows"),
    "a header": (b"a,b,label\n", "has a header and no rows"),
    "one column": (b"a\n1\n2\n", "its cells must stand between commas, semicolons or tabs"),
    "NUL": (b"a,b\n1,\0\n", "is no text, it holds the byte 0x00"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(99), "is no text, it holds the byte 0x1a"),
    "UTF-16": ("a,b\n1,2\n".encode("utf-16"), "is text in UTF-16; save it as UTF-8"),
    "a short record": (b"a,b\n1,2\n\n3\n", "line 4 has 1 cells, those before it 2"),
    "a long record": (b"a,b\n1,2\n1,2,3\n", "line 3 has 3 cells, those before it 2"),
    "a long header": (b"a,b,c,d\n1,2\n", "line 2 has 2 cells, its header 4"),
    "open quotes": (b'a,b\n1,2\n"3,4\n5,6\n', "line 3: quotes must close as they do in CSV"),
    "text after quotes": (b'a,b\n1,2\n"3"x,4\n', "line 3: quotes must close as they do in CSV"),
    "columns": (b"1," * 2**16 + b"1\n", "has 65537 columns; at most 65536 are read"),
    "long names": (b"a" * 10**5 + b",b" * 200 + b"\n1" + b",1" * 200, "names that are too long"),
    "no gzip": (b"\x1f\x8b" + bytes(20), "cannot be read, or is damaged"),
    "gzip cut short": (gzip.compress(b"a,b\n" + b"1,2\n" * 99)[:-9], "or is damaged"),
    "gzip and more": (gzip.compress(b"a,b\n1,2\n") + b"more", "cannot be read, or is damaged"),
}


@pytest.mark.parametrize(("content", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_table_is_refused_in_one_line(tmp_path, content, message):
    (tmp_path / "a.csv").write_bytes(content)
    with errors.named(tmp_path / "a.csv"), pytest.raises(DataError) as caught:
        with errors.named(tmp_path / "a.csv"):
            records(tmp_path / "a.csv")
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path / 'a.csv'}: ")


def test_text_that_unpacks_to_more_than_data_may_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(errors, "EXPANDED_LIMIT", 10**5)
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * 10**6))
    with pytest.raises(DataError, match=r"a\.csv\.gz: unpacks to more than 100000 bytes"):
        records(tmp_path / "a.csv.gz")
