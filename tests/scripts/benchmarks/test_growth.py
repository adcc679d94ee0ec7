"""How time and memory grow."""

import numpy as np
import pytest
from benchmarks import growth, layout
from benchmarks.rounds import Measured

from mlp import load


def measured(seconds, peak=100, starts=()):
    return Measured(list(seconds), list(starts), peak_bytes=peak, versions={"numpy": "2"})


@pytest.mark.parametrize(("power", "constant"), [(1.0, 0.25), (0.5, 3.0), (0.0, 7.0)])
def test_exponents_of_a_power_law_are_found(power, constant):
    values = [constant * factor**power for factor in growth.ROWS]
    assert growth.exponent(growth.ROWS, values) == pytest.approx(power, abs=1e-12)


def test_exponents_are_fitted_for_every_series_by_itself():
    sizes = {("rows", f): measured([0.1 * f] * 3, peak=50 * f**2) for f in growth.ROWS}
    sizes |= {("hidden", f): measured([0.1, 9.0, 0.1], peak=50) for f in growth.WIDTHS}
    fits = growth.exponents(sizes)
    assert fits["rows"] == pytest.approx({"seconds": 1.0, "peak_bytes": 2.0, "peak_ratio": 64.0})
    flat = {"seconds": 0.0, "peak_bytes": 0.0, "peak_ratio": 1.0}
    assert fits["hidden"] == pytest.approx(flat, abs=1e-12)
    assert "| rows | exponent | 1.00 | 2.00; last / first 64.00 |" in layout.growth_table(
        sizes, fits
    )


def test_growth_writes_rows_on_disk_that_load(letters, tmp_path):
    growth.write_folders(str(letters), tmp_path)
    once, twice = (load(growth.folder_of(tmp_path, f), split=(400 * f, 100 * f)) for f in (1, 2))
    assert len(twice.train.labels) == 2 * len(once.train.labels)
    assert len(twice.test.labels) == 2 * len(once.test.labels)
    whole = np.load(growth.folder_of(tmp_path, 2) / "images.npy")
    with np.load(letters) as archive:
        np.testing.assert_array_equal(whole[600:], archive["images"])
