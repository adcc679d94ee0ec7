"""The page to draw on in a real browser: it says what `mlp predict` says of the same pictures."""

import base64
import json

import numpy as np
import pytest
from PIL import Image
from tolerances import PAGE

from mlp import Classifier, Preparation, init_parameters
from mlp.commands.export import main as export
from mlp.commands.predict import main as predict

pytestmark = pytest.mark.slow

PROBABILITIES = "[...document.getElementById('classes').rows].map((r) => +r.dataset.probability)"


@pytest.fixture(scope="module")
def exported(trained):
    folder, _ = trained
    assert export([str(folder), "--to", "html"]) == 0
    return folder / "model.html"


@pytest.fixture
def page(chromium, exported):
    page = chromium.new_page()
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.set_viewport_size({"width": 360, "height": 800})
    page.goto(exported.as_uri())
    yield page
    page.close()
    assert said == []
    assert {url for url in asked if not url.startswith("data:")} == {exported.as_uri()}


def draw(page, points):
    """Draw a line through points of the sheet, from 0 to 1."""
    page.locator("#sheet").scroll_into_view_if_needed()
    box = page.locator("#sheet").bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=4)
    page.mouse.up()


def predicted(model, files, capsys, order="ABCDEFGHIJ"):
    assert predict([str(model.parent), *map(str, files), "--top", "10", "--json"]) == 0
    answers = json.loads(capsys.readouterr().out)["predictions"]
    return [
        [next(top["probability"] for top in one["top"] if top["class"] == k) for k in order]
        for one in answers
    ]


def test_fifty_drawings_get_the_probabilities_that_predict_gives(page, exported, tmp_path, capsys):
    rng = np.random.default_rng(0)
    found, files = [], []
    for number in range(50):
        page.click("#clear")
        for _ in range(number % 3 + 1):
            draw(page, rng.uniform(0.1, 0.9, (rng.integers(2, 6), 2)))
        found.append(page.evaluate(PROBABILITIES))
        picture = page.evaluate("document.getElementById('sheet').toDataURL()")
        files.append(tmp_path / f"{number}.png")
        files[-1].write_bytes(base64.b64decode(picture.partition(",")[2]))
    expected = predicted(exported, files, capsys)
    assert len({np.argmax(row) for row in expected}) > 2
    np.testing.assert_allclose(found, expected, **PAGE)


def test_fifty_test_pictures_get_the_probabilities_that_predict_gives(
    page, exported, embedded, tmp_path, capsys
):
    found, files = [], []
    for number, pixels in enumerate(embedded.test.features[:50]):
        files.append(tmp_path / f"{number}.png")
        Image.fromarray(pixels.reshape(28, 28)).save(files[-1])
        page.evaluate("document.getElementById('told').textContent = ''")
        page.set_input_files("#file", files[-1])
        page.wait_for_selector("#told:not(:empty)", state="attached")
        found.append(page.evaluate(PROBABILITIES))
    np.testing.assert_allclose(found, predicted(exported, files, capsys), **PAGE)


@pytest.mark.parametrize("crop", [False, True])
@pytest.mark.parametrize("ink", ["light", "dark"])
def test_pictures_are_prepared_as_the_training_rows_were(chromium, tmp_path, capsys, ink, crop):
    """Reduced or cropped, light or dark, standardised: of a model that was never trained."""
    rng = np.random.default_rng(0)
    mean, deviation = rng.uniform(0.1, 0.5, 63), rng.uniform(0.5, 2, 63)
    preparation = Preparation(
        tuple("ABC"), (9, 7), 1 / 255, "black" if ink == "light" else "white", ink, crop,
        tuple(mean.tolist()), tuple(deviation.tolist()),
    )  # fmt: skip
    model = Classifier(init_parameters((63, 20, 3), seed=0, dtype="float32"), preparation)
    model.save(tmp_path / "model.safetensors")
    assert export([str(tmp_path / "model.safetensors"), "--to", "html"]) == 0
    page = chromium.new_page()
    page.goto((tmp_path / "model.html").as_uri())
    found, files = [], []
    for number in range(8):
        page.click("#clear")
        draw(page, rng.uniform(0.1, 0.9, (5, 2)))
        found.append(page.evaluate(PROBABILITIES))
        picture = page.evaluate("document.getElementById('sheet').toDataURL()")
        files.append(tmp_path / f"{number}.png")
        files[-1].write_bytes(base64.b64decode(picture.partition(",")[2]))
    page.close()
    capsys.readouterr()
    expected = predicted(tmp_path / "model.safetensors", files, capsys, "ABC")
    assert np.std(expected, axis=0).max() > 0.01
    np.testing.assert_allclose(found, expected, **PAGE)


def test_it_shows_what_the_network_gets_and_why(page):
    assert page.locator("#seen").is_hidden()
    draw(page, [(0.2, 0.9), (0.5, 0.1), (0.8, 0.9)])
    assert page.locator("#seen").is_visible()
    picture = "document.getElementById('picture').getContext('2d').getImageData(0, 0, 28, 28).data"
    pixels = np.array(page.evaluate(f"[...{picture}]")).reshape(28, 28, 4)[..., 0]
    assert pixels.max(axis=0).min() > 0  # stretched to the borders
    assert pixels.max(axis=1).min() > 0
    assert pixels[27, 13] < 128
    for side, sign in (("for", "+"), ("against", "\N{MINUS SIGN}")):
        votes = page.locator(f"#{side} li").all_inner_texts()
        sizes = [float(vote.rpartition(sign)[2]) for vote in votes]
        assert 0 < len(sizes) <= 6
        assert sizes == sorted(sizes, reverse=True)
    assert "Full ink multiplies its odds" in page.inner_text("#more")
    page.click("#clear")
    assert page.locator("#seen").is_hidden()
    assert page.inner_text("#said") == "Nothing is drawn yet."


def test_one_pixel_more_does_what_it_says(page, exported):
    """The odds that are told are those of the network with that pixel, computed here."""
    draw(page, [(0.2, 0.2), (0.7, 0.3), (0.3, 0.8)])
    text = page.inner_text("#more")
    found = page.evaluate(
        """() => {
          const data = document.getElementById("picture").getContext("2d")
            .getImageData(0, 0, 28, 28).data;
          return Array.from({length: 784}, (_, i) => data[4 * i]);
        }"""
    )
    network = json.loads(exported.read_text().split('id="network">')[1].split("</script>")[0])

    def probabilities(pixels):
        x = np.array(pixels) * network["scale"]
        for index, layer in enumerate(network["layers"]):
            bias = np.frombuffer(base64.b64decode(layer["bias"]), "<f4").astype(float)
            weight = np.frombuffer(base64.b64decode(layer["weight"]), "<f4").reshape(-1, len(bias))
            x = x @ weight.astype(float) + bias
            x = np.maximum(x, 0) if index + 1 < len(network["layers"]) else x
        return np.exp(x - x.max()) / np.exp(x - x.max()).sum()

    before = probabilities(found)
    best = int(before.argmax())
    words = text.replace(",", "").rstrip(".").split()
    for at in [i for i, word in enumerate(words) if word == "row"]:
        row, column, times = int(words[at + 1]), int(words[at + 3]), float(words[at + 5])
        more = list(found)
        more[(row - 1) * 28 + column - 1] = 255
        after = probabilities(more)
        odds = [p[best] / (p.sum() - p[best]) for p in (before, after)]
        assert odds[1] / odds[0] == pytest.approx(times, rel=0.06)


def test_keys_draw_and_a_screen_reader_is_told(page):
    page.focus("#sheet")
    for key in [*["ArrowDown"] * 6, *["Shift+ArrowUp"] * 3, *["ArrowLeft"] * 6]:
        page.keyboard.press(key)
    said = page.inner_text("#said")
    assert "%" in said
    assert page.locator("[role=status]").text_content() == said


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_it_fits_and_axe_finds_nothing(page, need, width, scheme):
    axe = need("axe_playwright_python.sync_playwright").Axe()
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    draw(page, [(0.2, 0.9), (0.5, 0.1), (0.8, 0.9)])
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    found = axe.run(page)
    assert found.violations_count == 0, found.generate_report()


def test_a_finger_draws(chromium, exported):
    page = chromium.new_page()
    page.goto(exported.as_uri())
    session = chromium.new_cdp_session(page)
    box = page.locator("#sheet").bounding_box()
    at = {"x": box["x"] + 60, "y": box["y"] + 60}
    session.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [at]})
    for step in range(1, 8):
        moved = {"x": at["x"] + 15 * step, "y": at["y"] + 10 * step}
        session.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [moved]})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert "%" in page.inner_text("#said")
    assert page.evaluate("window.scrollY") == 0
    page.close()
