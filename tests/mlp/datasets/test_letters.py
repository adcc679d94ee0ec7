"""Pictures of a letter made into rows: what is read alike, what is refused, what it costs."""

import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from data_files import claimed_png, jpeg, png
from PIL import Image

import mlp
from mlp import DataError
from mlp.datasets import pictures
from mlp.datasets.pictures import read_row
from mlp.datasets.preparation import Preparation

SHARE = 0.95  # of a fixed sample that must be read alike, whatever the picture: 57 of 60
TOUCHING = 0.85  # the same where the letter touches the border, which may look like paper


def read_image(path, shape, ink="auto"):
    return read_row(path, Preparation((), shape, 1 / 255, ink="auto", crop=True), ink)


def stretched(glyph, width, height):
    return Image.fromarray(glyph).resize((width, height))


def page(glyph, width=60, height=90, margin=30, paper=225, ink=40, noise=0.0, gradient=0.0):
    rng = np.random.default_rng(0)
    letter = np.asarray(stretched(glyph, width, height)) / 255
    levels = np.full((height + 2 * margin, width + 2 * margin), float(paper))
    levels[margin:-margin, margin:-margin] += letter * (ink - paper)
    levels += np.linspace(-gradient, gradient, levels.shape[1])
    levels += rng.normal(0, noise, levels.shape) if noise else 0
    return Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))


def transparent(glyph, level):
    ink = Image.new("RGBA", (80, 100), (level, level, level, 255))
    ink.putalpha(stretched(glyph, 80, 100))
    picture = Image.new("RGBA", (120, 150), (level, level, level, 0))
    picture.paste(ink, (20, 25))
    return picture


def sixteen_bits(glyph):
    return Image.fromarray(np.asarray(page(glyph)).astype(np.uint16) * 257)


def lying(glyph):
    """Store a picture on its side, as a camera does, with the tag that says so."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return jpeg(page(glyph).transpose(Image.Transpose.ROTATE_90), exif=exif)


PICTURES = {
    "bright on dark": (lambda g: png(page(g, paper=0, ink=255)), SHARE),
    "dark on paper": (lambda g: png(page(g)), SHARE),
    "JPEG": (lambda g: jpeg(page(g)), SHARE),
    "small": (lambda g: png(page(g, width=14, height=14, margin=4)), SHARE),
    "large": (lambda g: jpeg(page(g, width=500, height=400, margin=150)), SHARE),
    "noise": (lambda g: png(page(g, noise=10)), SHARE),
    "uneven light": (lambda g: jpeg(page(g, gradient=25)), SHARE),
    "faint": (lambda g: jpeg(page(g, paper=200, ink=150)), SHARE),
    "black on nothing": (lambda g: png(transparent(g, 0)), SHARE),
    "white on nothing": (lambda g: png(transparent(g, 255)), SHARE),
    "palette": (lambda g: png(page(g).convert("P")), SHARE),
    "colour": (lambda g: jpeg(page(g).convert("RGB")), SHARE),
    "CMYK": (lambda g: jpeg(page(g).convert("CMYK")), SHARE),
    "16 bits": (lambda g: png(sixteen_bits(g)), SHARE),
    "rotated by EXIF": (lying, SHARE),
    "no margin": (lambda g: png(stretched(g, 64, 50)), TOUCHING),
}


@pytest.mark.parametrize("kind", PICTURES)
def test_a_picture_of_a_glyph_is_read_as_the_glyph(kind, trained, embedded, tmp_path):
    make, share = PICTURES[kind]
    glyphs = embedded.test.features[:60].reshape(-1, 28, 28)
    rows = []
    for glyph in glyphs:
        (tmp_path / "picture").write_bytes(make(glyph))
        rows.append(read_image(tmp_path / "picture", (28, 28)))
    scaled = [np.reshape(images, (60, -1)).astype(np.float32) / 255 for images in (rows, glyphs)]
    found, expected = (mlp.predict(trained[1], x) for x in scaled)
    assert np.mean(found == expected) >= share


@pytest.mark.parametrize("ink", ["light", "dark"])
def test_where_letters_touch_the_border_the_ink_can_be_told(ink, trained, embedded, tmp_path):
    same = 0
    for row in embedded.test.features[:60]:
        glyph = row.reshape(28, 28)
        levels = np.asarray(stretched(glyph, 64, 64))
        picture = Image.fromarray(levels if ink == "light" else 255 - levels)
        (tmp_path / "picture").write_bytes(png(picture))
        rows = np.stack([read_image(tmp_path / "picture", (28, 28), ink), glyph])
        classes = mlp.predict(trained[1], rows.reshape(2, -1).astype(np.float32) / 255)
        same += classes[0] == classes[1]
    assert same / 60 >= SHARE


def test_a_picture_of_the_models_size_is_taken_as_it_is(tmp_path):
    image = np.random.default_rng(0).integers(90, 100, (7, 5)).astype(np.uint8)
    (tmp_path / "a.png").write_bytes(png(Image.fromarray(image)))
    np.testing.assert_array_equal(read_image(tmp_path / "a.png", (7, 5)), image)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png", (7, 5), "dark"), 255 - image)


def test_the_result_fills_the_shape_and_is_bright_on_black(embedded, tmp_path):
    glyph = embedded.test.features[0].reshape(28, 28)
    (tmp_path / "a.png").write_bytes(png(page(glyph)))
    row = read_image(tmp_path / "a.png", (40, 30))
    assert (row.shape, row.dtype) == ((40, 30), np.uint8)
    for edge in (row[0], row[-1], row[:, 0], row[:, -1]):
        assert edge.max() >= 128
    assert (np.percentile(row, 5), np.percentile(row, 95)) == (0, 255)


BAD = {
    "cut": (png(Image.new("L", (40, 40)))[:40], "is no whole PNG, JPEG,"),
    "text": (
        b"hello",
        r"is no whole PNG, JPEG, BMP, GIF, WebP or TIFF \(cannot identify image file\)$",
    ),
    "empty": (b"", "is no whole PNG, JPEG,"),
    "another format": (
        b"%!PS-Adobe-3.0 EPSF-3.0\n",
        "is no whole PNG, JPEG,",
    ),
    "blank": (png(Image.new("L", (90, 90), 255)), "is blank; ink and paper must differ by 24 grey"),
    "too many pixels": (
        claimed_png(10_000, 10_000),
        "must have at most 67108864 pixels, has 10000",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_no_picture_of_a_letter_is_named_in_one_line(kind, tmp_path):
    content, message = BAD[kind]
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read_image(tmp_path / "a.png", (28, 28))
    assert str(caught.value).startswith(f"{tmp_path / 'a.png'}: ")
    assert str(caught.value).isprintable()


def test_a_file_of_too_many_bytes_is_not_read(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(bytes(2**20))
    monkeypatch.setattr(pictures, "FILE_LIMIT", 2**20 - 1)
    tracemalloc.start()
    with pytest.raises(DataError, match="must have at most 1048575 bytes"):
        read_image(tmp_path / "a.png", (28, 28))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**19


# VmHWM is the process' peak; before it reads the picture it has held less.
GROWTH = """
import re, sys
from pathlib import Path
from PIL import Image, JpegImagePlugin
from mlp.datasets.pictures import read_row
from mlp.datasets.preparation import Preparation

LETTERS = Preparation((), (28, 28), 1 / 255, ink="auto", crop=True)

def peak():
    return int(re.search("VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

read_row(Path(sys.argv[1]), LETTERS)
before = peak()
read_row(Path(sys.argv[2]), LETTERS)
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc/self/status is Linux's")
def test_a_large_jpeg_is_not_decoded_whole(tmp_path):
    """40 megapixels in colour are 120 MB; at a quarter of the side they are 7.5 MB."""
    picture = Image.new("RGB", (8000, 5000), (230, 230, 230))
    picture.paste((20, 20, 20), (3000, 1000, 4000, 4000))
    (tmp_path / "large.jpg").write_bytes(jpeg(picture))
    (tmp_path / "small.jpg").write_bytes(jpeg(picture.resize((800, 500))))
    del picture
    done = subprocess.run(
        [sys.executable, "-c", GROWTH, tmp_path / "small.jpg", tmp_path / "large.jpg"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert 1000 * int(done.stdout) < 40e6, done.stdout
