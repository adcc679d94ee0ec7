"""The table, the ratios, and what is said of noise."""

import pytest
from benchmarks import chart, layout, speed
from benchmarks.bench import cross
from benchmarks.rounds import Measured

from mlp import TrainingConfig


def measured(seconds, peak=100, starts=()):
    return Measured(list(seconds), list(starts), peak_bytes=peak, versions={"numpy": "2"})


def test_figures_leave_the_floor_and_plain_numpy_out_of_the_peers():
    results = {
        "full batch": {
            "ours": measured([1.0, 1.0], 100, [1.0]),
            "floor": measured([0.9, 0.8], 1, [0.1]),
            "numpy": measured([0.5, 0.5], 10, [0.1]),
            "torch": measured([1.5, 1.2], 400, [5.0]),
            "notebook": measured([3.0, 4.0], 200, [4.0]),
        }
    }
    found = speed.figures(results)["full batch"]
    assert found["GEMM floor / ours"].rounds == pytest.approx((0.85, 0.8, 0.9))
    assert found["GEMM floor / ours"].best == pytest.approx(0.8)
    assert found["best peer / ours"].rounds == pytest.approx((1.35, 1.2, 1.5))
    assert found["notebook / ours"].rounds == (3.5, 3.0, 4.0)
    assert found["peak memory, ours / leanest peer (notebook)"].best == 0.5
    assert found["start to first epoch, fastest peer / ours"].best == 4.0
    title, _, *table = layout.speed_tables(results).splitlines()
    assert title == "full batch:"
    assert table[2].startswith("| **ours** | 1000 |  | 0 | 1.00 |")
    assert table[-1] == (
        "| the notebook's way, float64 | 3500 (3000 to 4000) | 3.50 (3.00) | 0 | 4.00 |"
    )
    assert {line.count("|") for line in table} == {6}
    lines = layout.figure_lines({"full batch": found}).splitlines()
    assert lines[-1] == (
        "- full batch: notebook / ours: 3.00 in the best rounds, median 3.50 (3.00 to 4.00)"
    )
    assert lines[2] == "- full batch: peak memory, ours / leanest peer (notebook): 0.50"
    assert lines[3].endswith("4.00 in the best rounds, median 4.00; cannot be told from 1")


def test_what_noise_hides_is_said_with_the_noise_that_hides_it():
    results = {
        "full batch": {
            "ours": measured([1.0, 1.0, 1.02]),
            "torch": measured([1.1, 1.3, 1.4]),  # three quarters of its rounds within 23 %
            "jax": measured([1.1, 1.1, 1.1]),
        },
        "batches of 9": {"ours": measured([1.0, 1.0]), "torch": measured([2.0, 2.0])},
    }
    said = speed.doubtful(results, speed.ratios_to_ours(results))
    assert said.startswith("Not to be told from ours here, because a quarter of")
    assert said.endswith("took longer than the best one by more than they differ: "
                         "full batch: torch (23%).")  # fmt: skip
    del results["full batch"]["torch"]
    assert speed.doubtful(results, speed.ratios_to_ours(results)) == ""
    results["batches of 9"]["torch"].seconds = results["batches of 9"]["ours"].seconds = [1.0]
    assert speed.doubtful(results, speed.ratios_to_ours(results)).startswith("A single round")


def test_configurations_are_networks_crossed_with_batch_sizes():
    base = TrainingConfig()
    assert list(cross(base, [(1000,)], [None, 64])) == ["full batch", "batches of 64"]
    found = cross(base, [[1000], [1000, 500]], [128, None])
    assert {title: (one.hidden, one.batch_size) for title, one in found.items()} == {
        "1000, batches of 128": ((1000,), 128),
        "1000, full batch": ((1000,), None),
        "1000-500, batches of 128": ((1000, 500), 128),
        "1000-500, full batch": ((1000, 500), None),
    }
    assert list(cross(base, [[9], [9]], [None, None])) == ["full batch"]
    with pytest.raises(ValueError, match="--hidden must be"):
        cross(base, [[0]], [None])


@pytest.mark.parametrize(("starts", "panels"), [((), 3), ((1.0,), 4)])
def test_the_chart_has_a_panel_for_each_configuration_and_no_empty_one(
    tmp_path, monkeypatch, starts, panels
):
    figures, make = [], chart.new_figure
    monkeypatch.setattr(chart, "new_figure", lambda size: figures.append(make(size)) or figures[-1])
    one = {name: measured([1.0, 2.0], 100, starts) for name in ("ours", "floor", "torch")}
    chart.plot({"1000": one, "1000-500": one}, tmp_path / "chart.png", "a machine")
    titles = [axes.get_title() for axes in figures[0].axes if axes.axison]
    assert titles[:3] == ["An epoch, 1000", "An epoch, 1000-500", "Peak memory, 1000"]
    assert len(titles) == panels
