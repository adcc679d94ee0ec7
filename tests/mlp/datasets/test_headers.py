import pytest

from mlp.datasets.headers import is_header


@pytest.mark.parametrize(
    ("first", "second", "header"),
    [
        ("label,pixel0,pixel1", "3,0,255", True),
        (",a,b", "0,1.5,2", True),  # pandas with its index
        (",0,1,label", "0,1.5,2,7", True),  # of columns without names
        ("0,1,2,3,4", "5,0,0,1,9", True),
        ("species,0,1", "setosa,5.1,3.5", True),
        ("species,0,1", "", True),
        ("Class,1.5,2", "A,1,2", True),
        ("a,b", "x,y", True),
        ("5.1,3.5,Iris-setosa", "4.9,3.0,Iris-setosa", False),  # UCI's files have no header
        ("T,2,8,3", "I,5,12,3", False),
        ("5,0,0,1", "0,0,0,3", False),
        ("0,1,2", "3,4,5", False),
        ("5.1,,0.2,A", "4.9,3.0,0.2,B", True),  # nobody can tell; a name may be missing
        ("1.5,A", "", True),
    ],
)
def test_the_first_record_is_a_header_or_a_row(first, second, header):
    assert is_header(first.split(","), second.split(",") if second else []) is header
