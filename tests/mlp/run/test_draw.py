"""The page to draw on, as far as its text tells; tests/test_draw_browser.py draws on it."""

import base64
import hashlib
import json
import re

import numpy as np
import pytest
from html_pages import Page

from mlp import Classifier, Preparation, init_parameters
from mlp.run.draw import write_draw_page


def classifier(sizes=(20, 6, 3), shape=(4, 5), names=("a", "b", "c"), dtype="float32"):
    preparation = Preparation(names, shape, 1 / 255, ink="auto", crop=True)
    return Classifier(init_parameters(sizes, seed=0, dtype=dtype), preparation)


def written(folder, one):
    write_draw_page(folder / "model.html", one)
    return (folder / "model.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_weights_are_inside(tmp_path, dtype):
    one = classifier(dtype=dtype)
    html = written(tmp_path, one)
    network = json.loads(re.search(r'id="network">(.*?)</script>', html).group(1))
    assert network["shape"] == [4, 5]
    assert network["classes"] == ["a", "b", "c"]
    for layer, expected in zip(network["layers"], one.parameters, strict=True):
        for part in ("weight", "bias"):
            values = np.frombuffer(base64.b64decode(layer[part]), "<f4")
            np.testing.assert_array_equal(
                values, np.asarray(getattr(expected, part), np.float32).ravel()
            )


def test_nothing_is_loaded_and_no_other_script_may_run(tmp_path):
    html = written(tmp_path, classifier())
    assert re.search(r"https?://|@import|url\(|\bfetch\b|XMLHttpRequest", html) is None
    script = re.search(r"<script>(.*?)</script>", html, re.DOTALL).group(1)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"default-src 'none'; script-src 'sha256-{digest}'; style-src" in html
    assert script.isascii()


def test_class_names_stay_text(tmp_path):
    hostile = (
        "</script><script>alert(1)</script>",
        '"><img src=x onerror=alert(2)>',
        "{{ 7 * 7 }}",
    )
    html = written(tmp_path, classifier(names=hostile))
    assert html.count("<script") == 2
    assert html.count("</script>") == 2
    assert "<img" not in html
    network = json.loads(re.search(r'id="network">(.*?)</script>', html).group(1))
    assert tuple(network["classes"]) == hostile
    assert hostile[2] in html


def test_the_default_network_stays_under_5_mb(tmp_path):
    one = classifier((784, 1000, 10), (28, 28), tuple("ABCDEFGHIJ"))
    assert len(written(tmp_path, one)) < 5_000_000


def test_a_model_of_features_is_refused(tmp_path):
    with pytest.raises(ValueError, match="needs a model of pictures; this one takes features"):
        write_draw_page(tmp_path / "model.html", classifier(shape=None))
    assert list(tmp_path.iterdir()) == []


def test_what_is_drawn_on_can_be_reached_and_is_told(tmp_path):
    text = written(tmp_path, classifier())
    page = Page(re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL))
    sheet = next(canvas for canvas in page.all("canvas") if canvas["id"] == "sheet")
    assert sheet["tabindex"] == "0"
    assert [p["id"] for p in page.all("p") if p.get("role") == "status"] == ["told"]
    for canvas in page.all("canvas"):
        assert canvas["aria-label"]
