"""What a sweep leaves for people: the table, the picture and the page."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from html_pages import Page, contrast
from PIL import Image
from sweep_trials import diverged, finished

from mlp.run import sweep_page
from mlp.run.groups import best_group, compare, grouped
from mlp.run.sweep_page import Results, table, write_page, write_picture

STYLE = Path(sweep_page.__file__).with_name("style.css")


def results(trials):
    groups = grouped(trials)
    best = best_group(groups)
    return Results(groups, best, compare(groups, best) if best else [None] * len(groups))


def page_of(folder, trials, command="command"):
    write_page(folder / "sweep.html", results(trials), command)
    return Page((folder / "sweep.html").read_text())


def test_the_table_marks_the_best_and_has_a_line_for_every_trial():
    trials = [finished({"l2": "0.5"}, 0.9, 0.3), diverged({"l2": "1e9"})]
    lines = table(results(trials)).splitlines()
    assert [line.split() for line in lines] == [
        "l2 epoch valid loss valid accuracy test accuracy".split(),
        "* 0.5 1 0.3000 0.7500 0.7000".split(),
        "1e9 diverged".split(),
    ]
    assert lines[1].index("0.5") + len("0.5") == lines[2].index("1e9") + len("1e9")


@pytest.mark.parametrize(
    ("values", "panels"),
    [(["5", "20"], 3), (["5", "5 3"], 2), (["5"], 2), (["constant", "cosine"], 2)],
)
def test_an_option_of_numbers_has_a_panel_of_its_own(tmp_path, values, panels):
    trials = [finished({"x": value}, 0.5, 0.4) for value in values]
    page = page_of(tmp_path, trials)
    assert [one["role"] for one in page.all("figure")] == ["img"] * panels
    write_picture(tmp_path / "sweep.png", results(trials))
    with Image.open(tmp_path / "sweep.png") as image:
        assert image.size == (611 * panels, 507)


def test_names_are_taken_for_text(tmp_path):
    hostile = "<b onclick=x>&{{ 7 * 7 }}"
    runs = [finished({"data": hostile}, 0.5, 0.4), finished({"data": "$\\frac$ _"}, 0.5, 0.6)]
    runs.append(diverged({"data": "d"}, hostile))
    page = page_of(tmp_path, runs, hostile)
    write_picture(tmp_path / "sweep.png", results(runs))
    assert page.all("b", "i") == []
    assert " ".join(page.words).count(hostile) >= 4
    assert len(page.all("figure")) == 2


def test_a_sweep_whose_runs_all_diverged_still_has_its_files(tmp_path):
    runs = [diverged({"hidden": "5"})]
    write_picture(tmp_path / "sweep.png", results(runs))
    assert "diverged" in table(results(runs))
    assert "it diverged" in page_of(tmp_path, runs).text
    assert not (tmp_path / "sweep.png").exists()  # there is nothing to draw


def test_every_colour_of_the_drawings_stands_out_on_light_and_on_dark(tmp_path):
    trials = [finished({"x": str(number)}, 0.5, 0.4) for number in range(1, 9)]
    page_of(tmp_path, trials)
    used = set(re.findall(r"--ink-([0-9a-f]{6})\)", (tmp_path / "sweep.html").read_text()))
    assert len(used) >= 6
    light, dark = re.findall(r":root \{(.*?)\n *\}", STYLE.read_text(), re.DOTALL)
    themes = []
    for css in (light, light + dark):
        colours = dict(re.findall(r"--([\w-]+): ([^;]+);", css))
        themes.append(colours)
        assert used <= {name.removeprefix("ink-") for name in colours}
    for theme in themes:
        ground = "#ffffff" if theme["page"] == "#fff" else theme["page"]
        lines = [theme[f"ink-{name}"] for name in used if theme[f"ink-{name}"].startswith("#")]
        assert len(lines) >= 4
        assert min(contrast(line, ground) for line in lines) >= 3


def test_lines_are_told_apart_without_their_colours():
    assert len(set(sweep_page._STYLES)) == len(sweep_page._STYLES) == 24
    assert len({dashes for dashes, _ in sweep_page._STYLES[::6]}) == 4


def repeated(losses, option="hidden"):
    """Make a sweep of values of an option, each with seeds 0, 1, ..."""
    return [
        seeded({option: value, "seed": str(seed)}, loss, seed)
        for value, row in losses.items()
        for seed, loss in enumerate(row)
    ]


def seeded(options, loss, seed):
    trial = finished(options, 0.9, loss)
    return replace(trial, config=replace(trial.config, seed=seed), directory=Path(f"seed-{seed}"))


CLEAR = {
    "5": [0.31, 0.32, 0.30, 0.33],
    "50": [0.21, 0.22, 0.205, 0.225],
    "60": [0.2, 0.23, 0.21, 0.22],
}


def test_repeated_runs_are_averaged_and_compared_seed_by_seed(tmp_path):
    found = results(repeated(CLEAR))
    assert [group.label for group in found.groups] == ["hidden 5", "hidden 50", "hidden 60"]
    assert found.best.options in ({"hidden": "50"}, {"hidden": "60"})
    far = found.comparisons[0]
    assert (far.verdict, far.pairs) == ("told apart", 4)
    best = [trial.stop.valid_loss for trial in found.best.trials]
    assert far.mean == pytest.approx(np.mean(np.subtract(CLEAR["5"], best)))
    assert far.deviation == pytest.approx(np.std(np.subtract(CLEAR["5"], best), ddof=1))
    verdicts = [one.verdict for one in found.comparisons if one]
    assert sorted(verdicts) == ["not told apart", "told apart"]
    text = table(found)
    mean, deviation = np.mean(CLEAR["5"]), np.std(CLEAR["5"], ddof=1)
    assert f"{mean:.4f} ± {deviation:.4f}" in text
    page = page_of(tmp_path, repeated(CLEAR))
    assert "told apart" in page.text
    assert "The split is fixed" in page.text
    write_picture(tmp_path / "sweep.png", found)


def test_no_seed_is_crowned(tmp_path):
    trials = repeated({"5": [0.3, 0.1, 0.2]})
    for one in trials:
        del one.options["hidden"]
    found = results(trials)
    assert len(found.groups) == 1
    assert "*" not in table(found)
    page = page_of(tmp_path, trials)
    assert "★" not in "".join(page.words)
    assert "3 runs that differ in their seed alone" in page.text
    assert "0.2000 ± 0.1000" in page.text


@pytest.mark.parametrize(
    ("seeds", "verdict"), [(1, "not tested"), (2, "not tested"), (3, "told apart")]
)
def test_differences_are_tested_from_three_repeats_on(tmp_path, seeds, verdict):
    losses = {"5": [0.5, 0.51, 0.49][:seeds], "6": [0.1, 0.11, 0.1][:seeds]}
    found = results(repeated(losses))
    assert [one and one.verdict for one in found.comparisons] == [verdict, None]
    page = page_of(tmp_path, repeated(losses))
    if seeds == 1:
        assert "not tested: another seed alone may change the order. --repeats 5" in page.text
    elif seeds == 2:
        assert "from three repeats on" in page.text
    else:
        assert "hidden 5: told apart" in page.text


def test_a_seed_that_diverged_is_left_out_of_the_pairs_and_its_group_is_not_the_best(tmp_path):
    trials = repeated({"5": [0.3, 0.31, 0.32, 0.33], "6": [0.1, 0.11, 0.12, 0.13]})
    trials[-1] = replace(diverged({"hidden": "6", "seed": "3"}), directory=Path("seed-3"))
    found = results(trials)
    assert found.best.options == {"hidden": "5"}
    assert found.comparisons[1].pairs == 3
    assert "(it diverged)" in page_of(tmp_path, trials).text


def test_rows_lead_to_their_reports(tmp_path):
    page = page_of(tmp_path, [finished({"x": "1"}, 0.5, 0.4), diverged({"x": "2"})])
    assert [link["href"] for link in page.all("a")] == ["name/report.html"]


def test_two_options_make_a_square(tmp_path):
    trials = [
        finished({"hidden": units, "l2": l2}, 0.5, float(l2))
        for units in ("5", "6", "7") for l2 in ("0.1", "0.2")
    ]  # fmt: skip
    page = page_of(tmp_path, trials)
    square = page.table("hidden \\ l2")
    assert square[0] == ["hidden \\ l2", "0.1", "0.2"]
    assert [row[0] for row in square[1:]] == ["5", "6", "7"]
    styles = sweep_page._styles(results(trials).groups)
    assert len({colour for _, colour in styles[::2]}) == 3
    assert styles[0][1] == styles[1][1]
    assert styles[0][0] != styles[1][0]


def test_epochs_are_whole_and_test_accuracy_comes_first(tmp_path):
    page = page_of(tmp_path, [finished({"x": "1"}, 0.5, 0.4), finished({"x": "2"}, 0.5, 0.3)])
    drawn = (tmp_path / "sweep.html").read_text().split("<svg")
    ticks = [re.findall(r">([\d.]+)</text>", svg) for svg in drawn if "Epoch" in svg]
    assert all({"0", "1"} == {tick for tick in texts if "." not in tick} for texts in ticks)
    assert page.table("Line")[0][:3] == ["Line", "x", "Test accuracy"]


@pytest.mark.parametrize("patience", [None, 3])
def test_the_early_stopping_point_is_named_where_it_was_asked_for(tmp_path, patience):
    trials = [finished({"x": "1"}, 0.5, 0.4), finished({"x": "2"}, 0.5, 0.3)]
    trials = [replace(t, config=replace(t.config, early_stopping=patience)) for t in trials]
    page_of(tmp_path, trials)
    text = (tmp_path / "sweep.html").read_text().lower()
    assert ("early-stopping point" in text) == (patience is not None)
