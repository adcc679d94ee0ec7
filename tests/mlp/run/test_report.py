"""The report says what an independent computation finds, and takes every name for text."""

import base64
import io
import math
import re
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from html_pages import Page
from PIL import Image

from mlp import TrainingConfig, choose_device, functional, init_parameters, train
from mlp.commands.train import main
from mlp.datasets.on_disk import FileRows
from mlp.files import FileError
from mlp.run.record import record as record_of
from mlp.run.report import plot_history, write_report
from mlp.state import TrainingState

CONFIG = TrainingConfig(hidden=(12,), epochs=4, dtype="float64", threads=1, device="cpu")
DASH = "\N{EN DASH}"  # where there is no value, and between the layers' sizes
FILES = ("metrics.csv", "loss.png", "accuracy.png", "model.safetensors", "run.json", "config.json")
HOSTILE = ("<script>alert(1)</script>", '"><img src=x onerror=alert(2)>', "{{ 7 * 7 }}", "&lt;' \\")


def images(dataset):
    """Take a row's 20 features for an image of 4 x 5 pixels."""
    return replace(dataset, preparation=replace(dataset.preparation, image_size=(4, 5)))


@pytest.fixture
def report(tmp_path):
    """Train, write the report and parse it; `changes` replace what is given to it."""

    def make(dataset, config=CONFIG, state=None, command="python train.py", **changes):
        state = state or train(dataset, config)
        device = choose_device("cpu")
        record = record_of(
            *(dataset, device, 2, "full batch", state), stopped_early=False, total_seconds=1.5
        )
        path = tmp_path / "run" / "report.html"
        path.parent.mkdir(exist_ok=True)
        given = {
            "record": record,
            "config": config,
            "history": state.history,
            "dataset": dataset,
            "parameters": state.result_parameters,
            "command": command,
        }
        write_report(path, **(given | changes))
        assert [file.name for file in path.parent.iterdir()] == ["report.html"]
        return Page(path.read_text(encoding="utf-8")), path.read_text(encoding="utf-8"), state

    return make


def judged(dataset, parameters):
    """Compute the probabilities of the test rows by the textbook."""
    (w_h, b_h), (w_o, b_o) = parameters
    h = functional.relu(functional.linear(dataset.test.features / 255, w_h, b_h))
    return functional.softmax(functional.linear(h, w_o, b_o))


def pixels(uri):
    kind, _, data = uri.partition(",")
    assert kind == "data:image/png;base64"
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        return np.asarray(image)


def test_the_confusion_matrix_and_the_classes_are_an_independent_count(report, make_dataset):
    dataset = make_dataset(n_test=217)
    page, _, state = report(dataset)
    said = judged(dataset, state.parameters).argmax(axis=1)
    matrix = np.zeros((4, 4), int)
    for was, answer in zip(dataset.test.labels, said, strict=True):
        matrix[was, answer] += 1
    table = page.table("true \\ said")
    assert table[0] == ["true \\ said", "0", "1", "2", "3"]
    assert [row[0] for row in table[1:]] == ["0", "1", "2", "3"]
    np.testing.assert_array_equal([[int(n) for n in row[1:]] for row in table[1:]], matrix)
    assert 0 < np.trace(matrix) < 217  # or the rest of this test shows little
    assert f"{np.trace(matrix)} of 217" in page.text
    off = matrix - np.diag(np.diag(matrix))
    for k, row in enumerate(page.table("Most often taken for")[1:]):
        share = 100 * matrix[k, k] / matrix[k].sum()
        assert row[:4] == [str(k), str(matrix[k].sum()), str(matrix[k, k]), f"{share:.2f}%"]
        precision = 100 * matrix[k, k] / matrix[:, k].sum()
        f1 = 200 * matrix[k, k] / (matrix[k].sum() + matrix[:, k].sum())
        assert row[4:6] == [f"{precision:.2f}%", f"{f1:.2f}%"]
        assert row[7] == DASH if off[k].max() == 0 else f"({off[k].max()})" in row[7]
    times = [int(row[2]) for row in page.table("Times")[1:]]
    assert times == sorted(off[off > 0].tolist(), reverse=True)[:10]


def test_the_mistakes_are_the_most_confident_ones_and_show_the_rows_own_pixels(
    report, make_dataset
):
    dataset = images(make_dataset(n_test=2300))  # more than two slices
    page, _, state = report(dataset, replace(CONFIG, epochs=1))
    probabilities = judged(dataset, state.parameters)
    said, was = probabilities.argmax(axis=1), dataset.test.labels
    wrong = sorted(np.flatnonzero(said != was), key=lambda row: -probabilities[row].max())[:12]
    shown = [image for image in page.all("img") if image["alt"].startswith("Test image")]
    assert len(shown) == len(wrong) == 12
    for row, image in zip(wrong, shown, strict=True):
        assert image["alt"] == f"Test image {row}: a true {was[row]}, taken for {said[row]}."
        np.testing.assert_array_equal(
            pixels(image["src"]), dataset.test.features[row].reshape(4, 5)
        )
    first = wrong[0]
    sure = f"{100 * probabilities[first].max():.1f}%"
    right = f"{100 * probabilities[first, was[first]]:.1f}%"
    assert f"true{was[first]} {right}said{said[first]} {sure}row{first}" in page.text


def test_a_confusion_says_how_often_and_leads_to_its_pictures(report, make_dataset):
    dataset = images(make_dataset(n_test=217))
    page, _, state = report(dataset)
    probabilities = judged(dataset, state.parameters)
    said, was = probabilities.argmax(axis=1), dataset.test.labels
    links = [a for a in page.all("a") if a["href"].startswith("#taken-")]
    places = {element["id"] for element in page.all("li") if "id" in element}
    assert links
    for link in links:
        assert link["href"].removeprefix("#") in places
        true, answer = map(int, link["href"].split("-")[1:])
        times = np.count_nonzero((was == true) & (said == answer))
        told = f"{true} taken for {answer}: {times} of {np.count_nonzero(was == true)}"
        assert link["aria-label"] == told
        assert told in [cell.get("title") for cell in page.all("td")]
        assert told in page.text
        rows = np.flatnonzero((was == true) & (said == answer))
        surest = sorted(rows, key=lambda row: -probabilities[row].max())[:3]
        alt = f" {', '.join(map(str, surest))}."
        strips = [image for image in page.all("img") if image["alt"].startswith("Its surest")]
        (strip,) = [image for image in strips if image["alt"].endswith(alt)]
        width = 6 * len(surest) - 1
        shown = pixels(strip["src"])
        assert shown.shape == (4, width)
        np.testing.assert_array_equal(shown[:, :5], dataset.test.features[surest[0]].reshape(4, 5))


def test_private_data_can_be_kept_out(report, make_dataset):
    page, html, _ = report(images(make_dataset(n_test=217)), pictures=False)
    assert page.all("img") == []
    assert "First-layer weights" not in page.text
    assert "taken-" not in html
    assert "Most confident mistakes" in page.text  # their numbers say nothing of the pixels


def test_accuracy_stands_beside_that_of_a_constant_answer(report, make_dataset):
    """At 3 % positives, 97 % right is no more than always saying no."""
    dataset = make_dataset(n_train=400, n_test=200, n_classes=2)
    labels = np.zeros(200, np.uint8)
    labels[:6] = 1
    rare = replace(
        dataset,
        train=dataset.train._replace(labels=np.resize(labels, 400)),
        test=dataset.test._replace(labels=labels),
        preparation=replace(dataset.preparation, class_names=("no", "yes")),
    )
    never = train(rare, replace(CONFIG, epochs=0))
    layer = never.parameters[1]
    bias = np.array([100.0, 0.0])
    constant = replace(never, parameters=(never.parameters[0], layer._replace(bias=bias)))
    page, _, _ = report(rare, state=constant)
    assert "always saying no is right for 97.00% of the test rows, the network for 97.00%" in (
        page.text
    )
    assert "Always saying no97.00%" in page.text
    assert "Balanced accuracy50.00%" in page.text
    learned, _, _ = report(dataset)
    assert "No better than a constant answer" not in learned.text


def test_the_files_of_the_run_are_named_as_they_are(report, make_dataset, tmp_path, letters):
    page, _, _ = report(make_dataset())
    named = {a["href"] for a in page.all("a") if not a["href"].startswith("#")}
    out = tmp_path / "out"
    options = ["--hidden", "3", "--epochs", "1", "--quiet", "--device", "cpu", "--out", str(out)]
    assert main(["--data", str(letters), "--split", "400", "100", *options]) == 0
    assert named == {path.name for path in out.iterdir() if path.suffix} - {"report.html"}


def test_curves_tell_their_values_and_long_ones_have_a_second_view(report, make_dataset):
    _, html, state = report(make_dataset(), replace(CONFIG, epochs=60))
    assert html.count('aria-label="Line chart') == 4
    assert "The same from epoch 30 on" in html
    told = re.findall(r"<title>Epoch (\d+): training ([\d.]+), validation [\d.]+, test", html)
    assert 60 < len(told) <= 100
    for epoch, value in told:
        row = state.history[int(epoch)]
        assert value in (f"{row.train_loss:.4f}", f"{row.train_accuracy:.4f}")
    for value in (state.history[-1].train_loss, state.history[-1].valid_loss):
        assert html.count(f">{value:.4f}</text>") == 2  # at the line's end, in both views


def test_the_weight_sheets_show_the_units_that_training_changed_most(report, make_dataset):
    dataset = images(make_dataset())
    config = replace(CONFIG, hidden=(31,))
    page, _, state = report(dataset, config)
    weight = state.parameters[0].weight
    change = weight - init_parameters((20, 31, 4), seed=421, dtype="float64")[0].weight
    units = np.argsort(-np.square(change).sum(axis=0))[:24]
    sheets = [pixels(image["src"]) for image in page.all("img")[-2:]]
    for values, sheet in zip((change, weight), sheets, strict=True):
        assert sheet.shape == (4 * 6, 6 * 7, 2)  # rows of six pictures, two pixels apart
        for place, unit in enumerate(units):
            top, left = place // 6 * 6, place % 6 * 7
            grey = 127.5 + 127.5 * values[:, unit] / np.abs(values[:, unit]).max()
            picture = sheet[top : top + 4, left : left + 5]
            np.testing.assert_array_equal(picture[..., 0], np.rint(grey).reshape(4, 5))
            assert (picture[..., 1] == 255).all()
        assert (sheet[..., 1] == 0).any()


def test_the_early_stopping_point_and_the_saved_weights(report, make_dataset):
    dataset = make_dataset(n_train=40, n_valid=200)
    config = replace(CONFIG, epochs=60, learning_rate=0.5, early_stopping=5)
    page, _, state = report(dataset, config)
    best = min(state.history, key=lambda row: row.valid_loss)
    last = state.history[-1].epoch
    assert 0 < best.epoch < last < 60
    assert f"lowest after epoch {best.epoch}:" in page.text
    assert f"The saved weights are the best ones, those of epoch {best.epoch}" in page.text
    assert f"went on to epoch {last}" in page.text
    table = page.table(f"Best validation, epoch {best.epoch}")
    assert table[0][1] == f"Saved, epoch {best.epoch}"
    for row, split in zip(table[2:], ("train", "valid", "test"), strict=True):
        loss, accuracy = getattr(best, f"{split}_loss"), getattr(best, f"{split}_accuracy")
        assert row[1:] == 2 * [f"{loss:.4f}", f"{100 * accuracy:.2f}%"]

    unstopped = replace(config, early_stopping=None, epochs=last)
    page, _, _ = report(dataset, unstopped)
    assert f"The saved weights are the last ones, those of epoch {last}" in page.text
    assert f"would keep those of epoch {best.epoch}" in page.text
    assert page.table(f"Best validation, epoch {best.epoch}")[0][1] == f"Saved, epoch {last}"


def test_the_numbers_behind_the_curves(report, make_dataset):
    page, html, state = report(make_dataset())
    table = page.table("Epoch")
    assert [int(row[0]) for row in table[1:]] == [0, 1, 2, 3, 4]
    for row, metrics in zip(table[1:], state.history, strict=True):
        assert row[5] == f"{metrics.test_loss:.4f}"
        assert row[4] == f"{100 * metrics.valid_accuracy:.2f}%"
    charts = [element for element in page.all("div") if element.get("role") == "img"]
    assert [chart["aria-label"].split()[4] for chart in charts] == ["loss", "accuracy"]
    for chart in charts:
        assert "Validation:" in chart["aria-label"]
    assert html.count("<svg") == 3  # with the reliability diagram
    for text in ("Training", "Validation", "Test", "Lowest validation loss"):
        assert html.count(f">{text}") >= 2  # text is text
    for colour in ("0072b2", "d55e00", "009e73"):
        assert f"stroke: var(--ink-{colour})" in html
    used = set(re.findall(r"var\((--[\w-]+)\)", html))
    defined = set(re.findall(r"(--[\w-]+):", html))
    assert used <= defined


def test_the_record_is_shown(report, make_dataset):
    dataset = replace(make_dataset(), path="/somewhere/letters.npz", sha256="5" * 64)
    state = train(dataset, CONFIG)
    record = record_of(
        *(dataset, choose_device("cpu"), 2, "by rows", state),
        stopped_early=False,
        total_seconds=4000,
    )
    record["device"] |= {"requested": "cuda", "reason": "no driver is installed"}
    page, _, _ = report(
        dataset, state=state, record=record, command="python  train.py --out 'a  b'"
    )
    for text in (
        "Fallback: cuda was asked for, cpu was used: no driver is installed.",
        "letters.npz",
        "5" * 64,
        record["parameters_sha256"],
        "1 h 6 min 40 s",
        f"python{record['versions']['python']}",
        f"numpy{np.__version__}",
        "--hidden12 (default 1000)",
    ):
        assert text in page.text
    assert "python  train.py --out 'a  b'" in "".join(page.words)  # to the letter


@pytest.mark.parametrize("place", ["class names", "path", "command", "notes", "record", "run"])
def test_hostile_text_stays_text(report, make_dataset, tmp_path, place):
    dataset = images(make_dataset())
    state = train(dataset, replace(CONFIG, epochs=1))
    record = record_of(
        *(dataset, choose_device("cpu"), 2, "by rows", state), stopped_early=False, total_seconds=1
    )
    changes = {"command": "python train.py"}
    if place == "class names":
        changes["dataset"] = replace(
            dataset, preparation=replace(dataset.preparation, class_names=HOSTILE)
        )
    elif place == "path":
        changes["dataset"] = replace(dataset, path="".join(HOSTILE).replace("/", "\udcff"))
    elif place == "notes":
        changes["dataset"] = replace(dataset, notes=HOSTILE)
    elif place == "command":
        changes["command"] = "".join(HOSTILE)
    elif place == "run":
        run = tmp_path / "".join(HOSTILE).replace("/", "")
        run.mkdir()
        given = {"record": record, "config": CONFIG, "history": state.history, "dataset": dataset}
        write_report(run / "r", **given, parameters=state.parameters, command="")
        page = Page((run / "r").read_text(encoding="utf-8"))
    else:
        record["device"] |= {"requested": "cuda", "reason": "".join(HOSTILE)}
        record["versions"] |= {HOSTILE[0]: HOSTILE[1]}
        changes["record"] = record
    if place != "run":
        page, _, _ = report(changes.pop("dataset", dataset), state=state, **changes)
    text = "".join(page.words)
    for name in HOSTILE:
        assert name.replace("/", "") in text.replace("/", "").replace("?", "")
    assert page.all("script", "iframe", "object", "embed", "form") == []
    for tag, attributes in page.elements:
        assert not any(name.startswith("on") for name in attributes), tag
        if tag == "img":
            assert attributes["src"].startswith("data:image/png;base64,")


def test_nothing_is_loaded_from_anywhere(report, make_dataset):
    page, html, _ = report(images(make_dataset()))
    assert "http:" not in html
    assert "https:" not in html
    assert "@import" not in html
    for tag, attributes in page.elements:
        for name in ("src", "href", "xlink:href", "action", "data", "srcset", "poster"):
            value = attributes.get(name, "#")
            assert value.startswith(("#", "data:")) or (tag == "a" and value in FILES)
    assert set(re.findall(r"url\((.)", html)) == {"#"}
    (policy,) = [m["content"] for m in page.all("meta") if "http-equiv" in m]
    assert policy.split("; ")[:3] == [
        "default-src 'none'",
        "style-src 'unsafe-inline'",
        "img-src data:",
    ]


def test_the_page_is_accessible_as_far_as_its_source_tells(report, make_dataset):
    page, _, _ = report(images(make_dataset()))
    assert page.all("html") == [{"lang": "en"}]
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in page.all(
        "meta"
    )
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(b <= a + 1 for a, b in pairwise(levels))
    for header in page.all("th"):
        assert header["scope"] in ("col", "row", "colgroup")
    for image in page.all("img"):
        assert image["alt"].strip()
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for link in page.all("a", "use"):
        assert (
            link.get("href") in FILES
            or (link.get("href") or link["xlink:href"]).removeprefix("#") in ids
        )
    for section in page.all("section"):
        assert section["aria-labelledby"] in ids


def test_the_same_run_gives_the_same_bytes(report, make_dataset):
    dataset = images(make_dataset())
    state = train(dataset, CONFIG)
    assert report(dataset, state=state)[1] == report(dataset, state=state)[1]


def test_rows_that_stay_on_disk_give_the_same_page_in_slices(
    report, make_dataset, tmp_path, monkeypatch
):
    dataset = images(make_dataset(n_test=2300))
    state = train(dataset, replace(CONFIG, epochs=1))
    _, expected, _ = report(dataset, state=state)
    path = tmp_path / "rows"
    path.write_bytes(np.flip(dataset.test.features, axis=0).tobytes())
    rows = FileRows(path, 0, (2300, 4, 5)).select(np.arange(2299, -1, -1))
    sizes = []
    read = FileRows.read

    def spy(self, index):
        sizes.append(len(read(self, index)))
        return read(self, index)

    monkeypatch.setattr(FileRows, "read", spy)
    on_disk = replace(dataset, test=dataset.test._replace(features=rows))
    assert report(on_disk, state=state)[1] == expected
    assert sizes[:3] == [1000, 1000, 300]
    assert max(sizes[3:]) < 60  # the rows that are shown


def test_rows_that_are_no_images_have_no_pictures(report, make_dataset):
    page, _, _ = report(make_dataset())
    assert page.all("img") == []
    assert "of 20 features" in page.text
    assert "Confusion matrix" in page.text
    assert "said" in page.table("true \\ said")[0][0]
    assert "First-layer weights" not in page.text


def test_without_validation_and_test_rows_their_parts_are_left_out(report, make_dataset, tmp_path):
    dataset = replace(images(make_dataset()), valid=None, test=None)
    page, html, state = report(dataset)
    assert math.isnan(state.history[-1].test_loss)
    assert "There are no test rows." in page.text
    assert "nothing says which epoch was best" in page.text
    assert "Confusion matrix" not in page.text
    assert "(epoch" not in html  # no epoch is marked
    assert re.search(r"\bnan\b", html, re.IGNORECASE) is None
    assert page.table("Epoch")[1][3:7] == 4 * [DASH]
    plot_history(state.history, "loss", tmp_path / "loss.png")
    with Image.open(tmp_path / "loss.png") as image:
        assert image.size == (1050, 675)


@pytest.mark.parametrize("epochs", [0, 1])
def test_runs_of_no_and_one_epoch(report, make_dataset, epochs):
    page, html, _ = report(images(make_dataset()), replace(CONFIG, epochs=epochs))
    assert len(page.table("Epoch")) == epochs + 2
    sheets = [image for image in page.all("img") if "first-layer" in image["alt"]]
    assert len(sheets) == 1
    assert ("Training has not changed them." in page.text) == (epochs == 0)
    assert ("so it has its initial weights" in page.text) == (epochs == 0)
    axis = [re.findall(r">([^<]+)</text>", svg) for svg in html.split("<svg")[1:3]]
    for texts in axis:  # from the first epoch's tick to the axis' name
        assert texts[: texts.index("Epoch")] == ["0", "1"][: epochs + 1]


@pytest.mark.parametrize(("n_classes", "has_matrix"), [(100, True), (101, False)])
def test_many_classes(report, make_dataset, n_classes, has_matrix):
    dataset = make_dataset(n_train=400, n_test=250, n_classes=n_classes)
    page, _, _ = report(dataset, replace(CONFIG, epochs=1))
    tables = [table for table in page.tables if "true \\ said" in table[0]]
    assert bool(tables) == has_matrix
    if has_matrix:
        assert {len(row) for row in tables[0]} == {101}
    assert len(page.table("Most often taken for")) == n_classes + 1
    assert len(page.table("Times")) == 11


def test_a_network_without_mistakes_says_so(report, make_dataset):
    dataset = images(make_dataset())
    state = train(dataset, replace(CONFIG, epochs=40))
    rows = np.flatnonzero(judged(dataset, state.parameters).argmax(axis=1) == dataset.test.labels)
    test = dataset.test._replace(
        features=dataset.test.features[rows], labels=dataset.test.labels[rows]
    )
    page, _, _ = report(replace(dataset, test=test), state=state)
    assert "There is no mistake." in page.text
    assert "every test image was recognised" in page.text


def test_several_hidden_layers_and_the_state_of_another_library(report, make_dataset, need):
    strict = need("array_api_strict")
    dataset = make_dataset()
    config = replace(CONFIG, hidden=(9, 7))
    state = train(dataset, config)
    expected = report(dataset, config, state)[1]
    assert f"20 {DASH} 9 {DASH} 7 {DASH} 4 units" in expected
    layers = tuple(layer._make(map(strict.asarray, layer)) for layer in state.parameters)
    state = TrainingState(layers, layers, state.epoch, state.history)
    assert report(dataset, config, state)[1] == expected


def test_a_report_that_cannot_be_written_is_one_line(report, make_dataset, tmp_path):
    dataset = make_dataset()
    state = train(dataset, replace(CONFIG, epochs=0))
    with pytest.raises(FileError, match=r"none.*report\.html: cannot be written"):
        write_report(
            tmp_path / "none" / "report.html",
            record=record_of(
                *(dataset, choose_device("cpu"), 1, "by rows", state),
                stopped_early=False,
                total_seconds=1,
            ),
            config=CONFIG,
            history=state.history,
            dataset=dataset,
            parameters=state.parameters,
            command="",
        )


def test_importing_the_module_loads_nothing_heavy():
    code = "import sys, mlp.run.report; print({'jinja2', 'matplotlib', 'PIL'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
