import pytest

from mlp.check.probes.scaling import scaling


@pytest.mark.parametrize(
    ("factor", "form", "notes"),
    [
        (lambda n, k: 1.0, "sum", ["a sum"]),
        (lambda n, k: 1 / n, "average", []),
        (lambda n, k: 1e-4, "sum", ["always divides by 10000"]),
        (lambda n, k: 0.3, "sum", ["always times 0.3"]),
        (lambda n, k: 0.5 / n, "average", ["0.5 times the average"]),
        (lambda n, k: 1 / k, "by classes", ["divided by classes"]),
        (lambda n, k: 1 / (n * k), "by entries", ["divided by entries"]),
        (lambda n, k: 1 / n**2, "twice", ["divided twice"]),
        (lambda n, k: 1 / (n - 1), None, None),
        (lambda n, k: 1 / (k - 1), None, None),
        (lambda n, k: None, None, None),
        (lambda n, k: 1e-4 if k == 10 else None, "sum", ["always divides by 10000"]),
    ],
)
def test_what_a_factor_depends_on(factor, form, notes):
    found = scaling(factor)
    assert (found and found.form, found and found.notes) == (form, notes)


def test_code_for_one_number_of_rows_has_a_factor_of_that_number():
    assert scaling(lambda n, k: 1e-5 if n == 10_000 else None, 10_000).form == "by entries"
    assert scaling(lambda n, k: 1e-4 if n == 10_000 else None, 10_000).notes == [
        "always divides by 10000"
    ]
