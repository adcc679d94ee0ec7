"""What pages are made of: text stays text, drawings share no names, pictures are pictures."""

import base64
import io
import re

import jinja2
import numpy as np
import pytest
from markupsafe import Markup
from PIL import Image

from mlp.run import pages
from mlp.run.pages import png, render, svg


@pytest.fixture
def template(tmp_path, monkeypatch):
    """Write a template into a folder of its own, beside the genuine style sheet."""
    (tmp_path / "style.css").write_text("p > a { colour: red }")
    monkeypatch.setattr(pages, "_HERE", tmp_path)

    def write(text):
        (tmp_path / "page.jinja").write_text(text)
        return "page.jinja"

    return write


def test_values_are_taken_for_text_and_drawings_for_what_they_are(template):
    name = template("{{ text }}|{{ drawing }}|{{ style }}")
    page = render(name, text="<b>{{ 1 + 1 }}&", drawing=Markup("<svg>"))
    assert page == "&lt;b&gt;{{ 1 + 1 }}&amp;|<svg>|p > a { colour: red }"


def test_a_value_that_is_not_given_is_an_error(template):
    with pytest.raises(jinja2.UndefinedError):
        render(template("{{ nothing }}"))


def line(figure):
    axes = figure.add_subplot()
    axes.plot([0, 1], [1, 0], color="#0072B2", label="<&>")
    axes.legend()


def test_a_drawing_is_one_element_whose_text_is_text_and_colours_are_variables():
    drawn = svg(line, (3, 2), "salt")
    assert isinstance(drawn, Markup)
    assert drawn.startswith("<svg")
    assert "&lt;&amp;&gt;" in drawn
    assert "var(--ink-0072b2)" in drawn
    assert "#0072b2" not in drawn
    assert "xmlns" not in drawn
    for secret in ("dc:date", "Matplotlib"):
        assert secret not in drawn


def test_the_same_drawing_has_the_same_bytes_and_another_shares_no_names():
    one, again, other = (svg(line, (3, 2), salt) for salt in ("a", "a", "b"))
    assert one == again
    names = [set(re.findall(r'\bid="([^"]+)"', drawn)) for drawn in (one, other)]
    assert names[0]
    assert names[0].isdisjoint(names[1])


def pixels(uri):
    assert uri.startswith("data:image/png;base64,")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))))


def test_greys_are_rounded_and_clipped_to_a_byte():
    np.testing.assert_array_equal(
        pixels(png(np.array([[0.0, 0.5, 1.0], [-3.0, 0.001, 7.0]]))), [[0, 128, 255], [0, 0, 255]]
    )


def test_opacities_are_kept():
    grey = np.array([[[0.0, 1.0], [1.0, 0.0]]])
    np.testing.assert_array_equal(pixels(png(grey)), [[[0, 255], [255, 0]]])


def test_no_picture_is_larger_than_a_screen():
    assert pixels(png(np.zeros((100, 2400)))).shape == (50, 1200)
