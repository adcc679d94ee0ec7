"""The report in a real browser: headless Chromium, which Playwright drives."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
WIDTHS = (360, 1280)
CONTRAST = 4.5  # WCAG 2.2, success criterion 1.4.3, level AA
HOSTILE = "<img src=x onerror=document.title=1><b>\"&amp;' {{ 7 * 7 }} " + 60 * "long"

# Text's colour against its background, layer upon layer, as WCAG 2.2 computes it.
LOW_CONTRAST = """
(least) => {
  const parse = (text) => {
    const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number);
    return [r, g, b, a];
  };
  const over = ([r, g, b, a], under) =>
    [r, g, b].map((value, i) => a * value + (1 - a) * under[i]);
  const ground = (element) => {
    const under = element.parentElement ? ground(element.parentElement) : [255, 255, 255];
    return over(parse(getComputedStyle(element).backgroundColor), under);
  };
  const luminance = (rgb) => rgb
    .map((value) => value / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const low = [];
  let seen = 0;
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const text = walker.currentNode.textContent.trim();
    if (!text || element.closest("style") || !element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const behind = ground(element);
    const ink = parse(element.closest("svg") ? style.fill : style.color);
    const [dark, light] = [luminance(over(ink, behind)), luminance(behind)].sort((a, b) => a - b);
    const ratio = (light + 0.05) / (dark + 0.05);
    seen += 1;
    if (!(ratio >= least)) low.push(`${text.slice(0, 40)}: ${ratio.toFixed(2)}`);
  }
  return [seen, low];
}
"""

# What sticks out to the right although it is not inside a box that scrolls.
OVERFLOWING = """
() => {
  const root = document.documentElement;
  const out = [...document.body.querySelectorAll("*")]
    .filter((element) => !element.closest(".scroll table, svg") && element.checkVisibility())
    .filter((element) => element.getBoundingClientRect().right > root.clientWidth + 0.5)
    .map((element) => element.outerHTML.slice(0, 80));
  return [root.scrollWidth, root.clientWidth, out];
}
"""


def train(out, *arguments):
    command = [sys.executable, str(ROOT / "scripts" / "train.py"), "--device", "cpu", "--quiet"]
    done = subprocess.run(
        [*command, "--out", str(out), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return out / "report.html"


def letters(folder):
    """Train on ten classes of images that a network learns in part."""
    rng = np.random.default_rng(0)
    labels = (np.arange(1500) % 10).astype(np.uint8)
    prototypes = rng.integers(0, 256, (10, 8, 7))
    noise = rng.integers(-160, 161, (1500, 8, 7))
    images = np.clip(prototypes[labels] + noise, 0, 255).astype(np.uint8)
    np.savez(folder / "letters.npz", images=images, labels=labels)
    return train(
        folder / "run", "--data", folder / "letters.npz", "--split", 800, 300, "--hidden", 40,
        "--epochs", 25, "--early-stopping", 20,
    )  # fmt: skip


def hostile(folder):
    """Train on a hundred class folders whose names are markup, and long."""
    rng = np.random.default_rng(0)
    for k in range(100):
        name = f"{k:03} {HOSTILE}"[:200]
        (folder / "data" / name).mkdir(parents=True)
        for n in range(4):
            image = Image.fromarray(rng.integers(0, 256, (5, 5)).astype(np.uint8))
            image.save(folder / "data" / name / f"{n}.png")
    return train(
        folder / "<b>run", "--data", folder / "data", "--split", 330, 35, "--hidden", 5,
        "--epochs", 1,
    )  # fmt: skip


def features(folder):
    """Train for no epoch on rows that are no images."""
    rng = np.random.default_rng(0)
    labels = np.arange(90) % 3
    np.savez(folder / "table.npz", features=rng.standard_normal((90, 4)), labels=labels)
    return train(
        folder / "run", "--data", folder / "table.npz", "--split", 40, 20, "--hidden", 5,
        "--epochs", 0,
    )  # fmt: skip


@pytest.fixture(scope="module", params=[letters, hostile, features], ids=lambda make: make.__name__)
def report(request, tmp_path_factory):
    return request.param(tmp_path_factory.mktemp(request.param.__name__))


@pytest.fixture
def page(chromium, report):
    """Open the report, its details too; at the end nothing was said or asked for."""
    page = chromium.new_page()
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(report.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach((d) => d.open = true)")
    yield page
    page.close()
    assert said == []
    assert [url for url in asked if not url.startswith("data:")] == [report.as_uri()]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_it_fits_and_can_be_read(page, width, scheme):
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    scroll_width, client_width, out = page.evaluate(OVERFLOWING)
    assert (client_width, out) == (width, [])
    assert scroll_width <= client_width
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", background))) > 380) == (scheme == "light")
    seen, low = page.evaluate(LOW_CONTRAST, CONTRAST)
    assert seen > 200
    assert low == []


def test_its_pictures_are_there_and_have_an_alternative(page, report):
    page.set_viewport_size({"width": 360, "height": 800})
    pictures = page.evaluate(
        "[...document.images].map((i) => [i.alt.length, i.complete, i.naturalWidth, i.clientWidth])"
    )
    record = json.loads((report.parent / "run.json").read_text())
    assert bool(pictures) == (record["data"]["path"].endswith("table.npz") is False)
    for alternative, complete, natural_width, shown_width in pictures:
        assert alternative > 20
        assert complete
        assert natural_width > 4
        assert shown_width > 50
    labels = page.evaluate("[...document.querySelectorAll('[role=img]')].map((e) => e.ariaLabel)")
    record = json.loads((report.parent / "run.json").read_text())
    assert len(labels) == 3 + 2 * (record["result"]["epochs_trained"] >= 9)
    for box in page.query_selector_all("[role=img] svg"):
        assert box.bounding_box()["width"] > 300


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_axe_finds_nothing(page, need, width, scheme):
    """Its rules for WCAG and best practices, in every theme, with all details open."""
    axe = need("axe_playwright_python.sync_playwright").Axe()
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    found = axe.run(page)
    assert found.violations_count == 0, found.generate_report()
    assert len(found.response["passes"]) > 20


def test_a_pointer_is_told_the_values_under_it(page):
    page.set_viewport_size({"width": 1280, "height": 2000})
    told = page.evaluate(
        """() => [...document.querySelectorAll(".chart svg")].map((svg) => {
          const box = svg.getBoundingClientRect();
          const [x, y] = [box.x + 0.6 * box.width, box.y + 0.6 * box.height];
          window.scrollTo(0, y - 500);
          const top = svg.getBoundingClientRect().y;
          const under = document.elementFromPoint(x, top + 0.6 * box.height);
          return under.parentElement.querySelector("title")?.textContent ?? "";
        })"""
    )
    assert len([text for text in told if re.match(r"Epoch \d+: training \d", text)]) >= 2


def test_names_stay_text(page):
    assert page.title().startswith("Training report: ")
    assert page.evaluate("document.querySelectorAll('script, [onerror]').length") == 0
    assert page.evaluate("document.querySelectorAll('bdi *').length") == 0


def test_it_prints_on_a4(page):
    page.emulate_media(color_scheme="dark", media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    _, low = page.evaluate(LOW_CONTRAST, CONTRAST)
    assert low == []
    printed = page.pdf(prefer_css_page_size=True)
    sizes = set(re.findall(rb"/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)", printed))
    assert {(round(float(w)), round(float(h))) for w, h in sizes} == {(595, 842)}


def test_its_policy_lets_nothing_in(chromium, report):
    """Markup that got into the page could not load a picture, post a form or run a script."""
    page = chromium.new_page()
    failed = []
    page.on("requestfailed", lambda request: failed.append((request.url, request.failure)))
    page.goto(report.as_uri())
    blocked = page.evaluate(
        """async () => {
          const blocked = [];
          document.addEventListener("securitypolicyviolation",
                                    (event) => blocked.push(event.effectiveDirective));
          const image = document.createElement("img");
          image.src = "http://127.0.0.1:9/pixel.png";
          const script = document.createElement("script");
          script.textContent = "window.ran = true";
          const style = document.createElement("link");
          style.rel = "stylesheet";
          style.href = "http://127.0.0.1:9/style.css";
          document.body.append(image, script, style);
          await new Promise((resolve) => setTimeout(resolve, 200));
          return [blocked.sort(), window.ran === true];
        }"""
    )
    page.close()
    assert blocked == [["img-src", "script-src-elem", "style-src-elem"], False]
    assert sorted(failed) == [
        ("http://127.0.0.1:9/pixel.png", "csp"), ("http://127.0.0.1:9/style.css", "csp")
    ]  # fmt: skip


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """Sweep two options with three seeds each: every part of the page is there."""
    folder = tmp_path_factory.mktemp("sweep")
    rng = np.random.default_rng(0)
    labels = np.arange(300) % 3
    features = rng.standard_normal((300, 4)) + labels[:, None]
    np.savez(folder / "table.npz", features=features, labels=labels)
    words = ["--grid", "hidden=2,9", "--grid", "momentum=0.5,0.9", "--repeats", "3", "--quiet"]
    words += ["--data", str(folder / "table.npz"), "--split", "150", "75", "--epochs", "12"]
    command = [sys.executable, str(ROOT / "scripts" / "sweep.py"), "--device", "cpu", *words]
    subprocess.run([*command, "--out", str(folder / "out")], check=True, timeout=300)
    return folder / "out" / "sweep.html"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_a_sweep_fits_and_axe_finds_nothing(chromium, sweep, need, width, scheme):
    axe = need("axe_playwright_python.sync_playwright").Axe()
    page = chromium.new_page()
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    page.goto(sweep.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach((d) => d.open = true)")
    scroll_width, client_width, out = page.evaluate(OVERFLOWING)
    assert (client_width, out) == (width, [])
    assert scroll_width <= client_width
    assert page.evaluate(LOW_CONTRAST, CONTRAST)[1] == []
    box = page.get_by_role("columnheader", name="Test accuracy").first.bounding_box()
    assert box["x"] + box["width"] <= width  # without scrolling aside
    found = axe.run(page)
    assert found.violations_count == 0, found.generate_report()
    page.close()


def test_a_sweeps_rows_lead_to_reports_that_are_there(chromium, sweep):
    page = chromium.new_page()
    page.goto(sweep.as_uri())
    links = page.locator("table a")
    assert links.count() == 12
    links.first.click()
    assert page.title().startswith("Training report: hidden-2_momentum-0.5_seed-421")
    page.close()
