"""Runs compared: the table, the picture and the page of a sweep."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from html_pages import Page, contrast
from PIL import Image
from small_runs import whole_record

from mlp import History, Metrics, TrainingConfig
from mlp.files import FileError
from mlp.history import HistoryFile
from mlp.run import sweep
from mlp.run.sweep import Trial, table, write_csv, write_page, write_picture

STYLE = Path(sweep.__file__).with_name("style.css")


def history(*valid_losses):
    return History(
        Metrics(epoch, 0.5, 0.8, loss, 0.75, 1 - epoch / 10, 0.7, 0.1)
        for epoch, loss in enumerate(valid_losses)
    )


def finished(options, *valid_losses):
    record = {
        "timing": {"total_s": 1.0},
        "data": {"path": "<i>", "n_train": 1, "n_valid": 1, "n_test": 1, "sha256": ""},
        "device": dict.fromkeys(("used", "library", "version", "threads", "reason"), "cpu"),
        "versions": {},
    }
    rows = history(*valid_losses)
    return Trial(options, TrainingConfig(), Path("name"), history=rows, record=record)


def diverged(options, reason="it diverged"):
    return Trial(options, TrainingConfig(), Path("hidden-5"), reason=reason)


def page_of(folder, trials, best=None, command="command"):
    write_page(folder / "sweep.html", trials, best, command)
    return Page((folder / "sweep.html").read_text())


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_early_stopping_point_is_the_first_lowest_validation_loss():
    run = finished({"hidden": "5"}, 0.9, 0.3, 0.3, 0.5)
    assert run.stop.epoch == 1  # the test loss falls further, which is not looked at
    assert run.summary()["early_stopping_epoch"] == 1
    assert run.summary()["epochs_trained"] == 3


def test_without_a_validation_loss_it_is_the_last_row():
    assert finished({}, float("nan"), float("nan")).stop.epoch == 1


def test_a_summary_is_of_the_early_stopping_point_or_the_reason_there_is_none():
    assert finished({"hidden": "5"}, 0.9, 0.3).summary() == {
        "directory": "name",
        "status": "finished",
        "early_stopping_epoch": 1,
        "epochs_trained": 1,
        "train_loss": 0.5,
        "train_accuracy": 0.8,
        "valid_loss": 0.3,
        "valid_accuracy": 0.75,
        "test_loss": 0.9,
        "test_accuracy": 0.7,
        "seconds": 1.0,
    }
    assert diverged({"hidden": "5"}).summary() == {
        "directory": "hidden-5",
        "status": "diverged",
        "reason": "it diverged",
    }


def test_a_trial_is_named_by_what_varies():
    assert finished({"hidden": "5 3", "l2": "0.1"}, 1.0).label == "hidden 5 3, l2 0.1"


def test_the_table_marks_the_best_and_has_a_line_for_every_trial():
    trials = [finished({"l2": "0.5"}, 0.9, 0.3), diverged({"l2": "1e9"})]
    lines = table(trials, trials[0]).splitlines()
    assert [line.split() for line in lines] == [
        "l2 epoch valid loss train accuracy valid accuracy test accuracy".split(),
        "* 0.5 1 0.3000 0.8000 0.7500 0.7000".split(),
        "1e9 diverged".split(),
    ]
    assert lines[1].index("0.5") + len("0.5") == lines[2].index("1e9") + len("1e9")


def test_csv_has_the_grids_options_and_the_columns_of_both_kinds(tmp_path):
    trials = [finished({"data": 'a,"b"'}, 0.3), diverged({"data": "c"}, "why, so")]
    write_csv(tmp_path / "sweep.csv", trials)
    one, other = rows_of(tmp_path / "sweep.csv")
    assert (one["data"], one["status"], one["valid_loss"]) == ('a,"b"', "finished", "0.3")
    assert (other["status"], other["reason"], other["valid_loss"]) == ("diverged", "why, so", "")


@pytest.mark.parametrize(
    ("values", "panels"),
    [(["5", "20"], 3), (["5", "5 3"], 2), (["5"], 2), (["constant", "cosine"], 2)],
)
def test_an_option_of_numbers_has_a_panel_of_its_own(tmp_path, values, panels):
    trials = [finished({"x": value}, 0.5, 0.4) for value in values]
    page = page_of(tmp_path, trials, trials[0])
    assert [one["role"] for one in page.all("figure")] == ["img"] * panels
    write_picture(tmp_path / "sweep.png", trials)
    with Image.open(tmp_path / "sweep.png") as image:
        assert image.size == (611 * panels, 507)


def test_names_are_taken_for_text(tmp_path):
    hostile = "<b onclick=x>&{{ 7 * 7 }}"
    runs = [finished({"data": hostile}, 0.5, 0.4), finished({"data": "$\\frac$ _"}, 0.5, 0.6)]
    runs.append(diverged({"data": "d"}, hostile))
    page = page_of(tmp_path, runs, runs[0], hostile)
    write_picture(tmp_path / "sweep.png", runs)
    assert page.all("b", "i") == []
    assert " ".join(page.words).count(hostile) >= 4
    assert len(page.all("figure")) == 2


def test_a_sweep_whose_runs_all_diverged_still_has_its_files(tmp_path):
    runs = [diverged({"hidden": "5"})]
    write_csv(tmp_path / "sweep.csv", runs)
    write_picture(tmp_path / "sweep.png", runs)
    assert "diverged" in table(runs, None)
    assert "it diverged" in page_of(tmp_path, runs).text
    assert rows_of(tmp_path / "sweep.csv")[0]["reason"] == "it diverged"
    assert not (tmp_path / "sweep.png").exists()  # there is nothing to draw


def test_every_colour_of_the_drawings_stands_out_on_light_and_on_dark(tmp_path):
    trials = [finished({"x": str(number)}, 0.5, 0.4) for number in range(1, 9)]
    page_of(tmp_path, trials, trials[0])
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
    assert len(set(sweep._STYLES)) == len(sweep._STYLES) == 24
    assert len({dashes for dashes, _ in sweep._STYLES[::6]}) == 4


def test_a_finished_run_is_read_and_one_that_is_not_whole_is_named(tmp_path):
    rows = history(0.5, 0.25)
    with HistoryFile(tmp_path / "metrics.csv", rows):
        pass
    (tmp_path / "run.json").write_text(json.dumps(whole_record(epochs_trained=1, total_s=2.0)))
    trial = Trial({}, TrainingConfig(), tmp_path)
    trial.read()
    assert np.array(trial.history).tobytes() == np.array(rows).tobytes()
    assert trial.summary()["seconds"] == 2.0
    two_rows = (tmp_path / "metrics.csv").read_text()
    for name, content in (
        ("run.json", "{"),
        ("run.json", json.dumps(whole_record(epochs_trained=2))),
        ("run.json", json.dumps(whole_record(epochs_trained=10**18))),
        ("run.json", json.dumps(whole_record() | {"timing": {}})),
        ("metrics.csv", "epoch\n"),
        ("metrics.csv", two_rows.splitlines()[0]),
        ("metrics.csv", two_rows.replace("\n1,", "\n2,")),
    ):
        whole = (tmp_path / name).read_text()
        (tmp_path / name).write_text(content)
        with pytest.raises(FileError, match=r"is no whole run \(.*remove it to train it again"):
            trial.read()
        (tmp_path / name).write_text(whole)
