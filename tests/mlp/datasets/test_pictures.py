"""The one reader of pictures: what is read in training is read in prediction, to the bit.

The tables that the tests print (`pytest -rP`) are what this must show: pictures of the model's own
size, of JPEG and of three times the size, and pictures whose ink was turned around.
"""

import os
import random
import struct
import subprocess
import sys
import tracemalloc
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bits import assert_same_bits
from data_files import png
from fuzzing import damage_at_random
from PIL import Image, ImageFilter

import mlp
from mlp import Classifier, DataError, Preparation, TrainingConfig, load
from mlp.datasets.pictures import FORMATS, decode, read_picture, read_row
from mlp.datasets.preparation import why_unlike

ROOT = Path(__file__).resolve().parents[3]
SIZE = 16


def photos(n, rng):
    """Draw photo-like pictures of three classes: blurred noise, and a gradient of its own way."""
    labels = np.arange(n) % 3
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE - 0.5
    images = []
    for label in labels:
        noise = Image.fromarray(rng.integers(0, 256, (SIZE, SIZE)).astype(np.uint8))
        smooth = np.asarray(noise.filter(ImageFilter.GaussianBlur(1.5)), float) - 128
        way = (x, y, x * y * 4)[label]
        images.append(rng.uniform(90, 160) + 110 * way + smooth)
    return np.clip(images, 0, 255).astype(np.uint8), labels


def digits(n, rng):
    """Draw digit-like pictures: light strokes on black, with margins, as MNIST has them."""
    labels = np.arange(n) % 3
    images = np.zeros((n, SIZE, SIZE))
    for image, label in zip(images, labels, strict=True):
        top, left = rng.integers(2, 5, 2)
        if label != 1:
            image[top : top + 9, left : left + 2] = 255
        if label != 2:
            image[top : top + 2, left : left + 8] = 255
        image[top + 7 : top + 9, left : left + 8] = 255 * (label == 2)
        image *= rng.uniform(0.8, 1)
    return images.round().astype(np.uint8), labels


def glyphs(n, rng):
    """Draw glyph-like pictures: dark on white, with margins: letters of a scan."""
    images, labels = digits(n, rng)
    return 255 - images, labels


SETS = {"glyph-like": glyphs, "MNIST-like": digits, "photo-like": photos}


def write(folder, images, labels, save):
    for index, (image, label) in enumerate(zip(images, labels, strict=True)):
        path = folder / "ABC"[label] / f"{index:03}"
        path.parent.mkdir(parents=True, exist_ok=True)
        save(image, path)
    return folder


def raw_png(kind, depth, width, rows):
    def chunk(name, data):
        crc = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + crc

    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    header = struct.pack(">IIBBBBB", width, len(rows), depth, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        chunk(*one) for one in ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    )


def alpha(image, level):
    """Return an ink of one level, as opaque as a picture is bright."""
    ink = np.full_like(image, level)
    return Image.fromarray(np.stack([ink, ink, ink, image], axis=-1))


KINDS = {
    "dark": lambda image: png(Image.fromarray(255 - image)),
    "light": lambda image: png(Image.fromarray(image)),
    "alpha": lambda image: png(alpha(image, 0)),
    "grey and alpha": lambda image: png(alpha(image, 255).convert("LA")),
    "palette": lambda image: png(Image.fromarray(image).convert("P")),
    "16 bits": lambda image: png(Image.fromarray(image.astype(np.uint16) * 257)),
    "1 bit": lambda image: png(Image.fromarray(image).convert("1")),
    "RGB": lambda image: png(Image.fromarray(np.stack([image, image // 2, image], axis=-1))),
}
# What each kind's rows show: how dark ink stands on what it was laid on.
EXPECTED = {
    "dark": lambda image: 255 - image,
    "alpha": lambda image: 255 - image,  # black ink is laid on white
    "1 bit": lambda image: np.asarray(Image.fromarray(image).convert("1")) * np.uint8(255),
    "RGB": lambda image: np.asarray(
        Image.fromarray(np.stack([image, image // 2, image], axis=-1)).convert("L")
    ),
}


def test_prediction_uses_the_training_rows_to_the_bit(tmp_path):
    images, labels = digits(30, np.random.default_rng(0))
    print("\n| pictures | rows that are the same | ground | ink |\n| --- | ---: | --- | --- |")
    for kind, encode in KINDS.items():
        folder = tmp_path / kind

        def save(image, path, encode=encode):
            path.with_suffix(".png").write_bytes(encode(image))

        dataset = load(write(folder, images, labels, save))
        preparation = dataset.preparation
        rows = {
            read_row(path, preparation).tobytes(): path for path in sorted(folder.rglob("*.png"))
        }
        trained = np.concatenate([rows.features for rows in dataset.splits.values()])
        expected = [EXPECTED.get(kind, lambda image: image)(image) for image in images]
        same = sum(row.tobytes() in rows for row in trained)
        print(f"| {kind} | {same} of {len(trained)} | {preparation.ground} | {preparation.ink} |")
        assert same == len(trained) == 30
        assert {row.tobytes() for row in trained} == {np.asarray(one).tobytes() for one in expected}


@pytest.fixture(scope="module", params=SETS)
def learned(request, tmp_path_factory):
    """Train on pictures in folders; give the set's name, its classifier and other pictures."""
    images, labels = SETS[request.param](400, np.random.default_rng(0))
    folder = tmp_path_factory.mktemp("set")

    def save(image, path):
        Image.fromarray(image).save(path.with_suffix(".png"))

    dataset = load(write(folder, images[:300], labels[:300], save))
    config = TrainingConfig(hidden=(30,), epochs=60, batch_size=32, learning_rate=0.05, threads=1)
    state = mlp.train(dataset, config)
    classifier = Classifier.of(state.parameters, dataset)
    assert np.mean(classifier.predict(images[300:]) == labels[300:]) > 0.95
    return request.param, classifier, images[300:]


def test_a_jpeg_and_three_times_the_size_are_of_the_same_class(learned, tmp_path):
    name, classifier, images = learned
    expected = classifier.predict(images)
    ways = {
        "JPEG": lambda picture: picture.save(tmp_path / "a.jpg", quality=85),
        "three times the size": lambda picture: picture.resize(
            (3 * SIZE, 3 * SIZE), Image.Resampling.BICUBIC
        ).save(tmp_path / "a.jpg", quality=95),
    }
    for way, save in ways.items():
        rows = []
        for image in images:
            save(Image.fromarray(image))
            rows.append(read_row(tmp_path / "a.jpg", classifier.preparation))
        same = np.mean(classifier.predict(np.stack(rows)) == expected)
        print(f"| {name} | {way} | {same:.2f} |")
        assert same >= 0.98


def test_ink_that_was_turned_around_is_warned_of_and_the_right_one_is_not(learned, tmp_path):
    name, classifier, images = learned
    said = {}
    for ink, turn in (("as in training", False), ("turned around", True)):
        said[ink] = 0
        for image in images:
            Image.fromarray(255 - image if turn else image).save(tmp_path / "a.png")
            row = read_row(tmp_path / "a.png", classifier.preparation)
            said[ink] += bool(why_unlike(row, classifier.preparation))
        print(f"| {name} | {ink} | {said[ink]} of {len(images)} warned of |")
    assert said["as in training"] <= 5
    if name != "photo-like":  # a photo has no ink
        assert said["turned around"] >= 95
        other = {"light": "dark", "dark": "light"}[classifier.preparation.ink]
        row = read_row(tmp_path / "a.png", classifier.preparation, other)  # the option mends it
        assert_same_bits(row, images[-1])


def test_what_lies_behind_is_decided_by_opaque_pictures_and_can_be_said(tmp_path):
    images, labels = digits(30, np.random.default_rng(0))

    def save(image, path):
        number = int(path.name)
        picture = Image.fromarray(image) if number % 2 else alpha(image, 255)
        picture.save(path.with_suffix(".png"))

    dataset = load(write(tmp_path / "set", images, labels, save))
    assert (dataset.preparation.ground, dataset.preparation.ink) == ("black", "light")
    assert "15 pictures with transparency are laid on black" in dataset.notes[0]
    alpha(images[0], 0).save(tmp_path / "black.png")
    assert not read_row(tmp_path / "black.png", dataset.preparation).any()
    on_white = replace(dataset.preparation, ground="white")
    assert_same_bits(read_row(tmp_path / "black.png", on_white), 255 - images[0])


def test_16_bits_keep_their_upper_8_with_and_without_transparency(tmp_path):
    rows = [struct.pack(">4H", 0x12FF, 0xFFFF, 0xABCD, 0) for _ in range(2)]
    found = decode(raw_png(4, 16, 2, rows), "a")
    assert found.grey.tolist() == [[0x12, 0xAB]] * 2
    assert found.alpha.tolist() == [[255, 0]] * 2
    big = np.array([[0x12FF, 0xABCD]], ">u2")
    Image.fromarray(big.astype(np.uint16)).save(tmp_path / "a.tiff")
    assert read_picture(tmp_path / "a.tiff").grey.tolist() == [[0x12, 0xAB]]
    for dtype in (np.float32, np.int32):
        Image.fromarray(np.ones((2, 2), dtype)).save(tmp_path / "b.tiff")
        with pytest.raises(DataError, match="must have 1, 8 or 16 bits a channel, got 32"):
            read_picture(tmp_path / "b.tiff")


def test_a_hidden_colour_under_nothing_is_not_seen_when_it_is_resized(tmp_path):
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[..., :3] = 255
    pixels[:, 4:] = (0, 0, 0, 255)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    found = read_picture(tmp_path / "a.png", (2, 2))
    assert found.resized
    assert found.on("black").tolist() == [[0, 0], [0, 0]]
    assert found.on("white").tolist() == [[255, 0], [255, 0]]


def test_reducing_averages_whole_pixels_and_enlarging_interpolates(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (6, 4)).astype(np.uint8)
    Image.fromarray(np.kron(image, np.ones((3, 3), np.uint8))).save(tmp_path / "a.bmp")
    assert_same_bits(read_picture(tmp_path / "a.bmp", (6, 4)).grey, image)
    Image.fromarray(image).save(tmp_path / "b.bmp")
    larger = Image.fromarray(image).resize((8, 12), Image.Resampling.BILINEAR)
    assert_same_bits(read_picture(tmp_path / "b.bmp", (12, 8)).grey, np.asarray(larger))


def encoded(kind, folder):
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 7, 3)).astype(np.uint8))
    picture.save(folder / "whole", format=kind)
    return (folder / "whole").read_bytes()


def fuzz(kind, examples, folder, capfd):
    content, choose = encoded(kind, folder), random.Random(0)
    messages = []
    for _ in range(examples):
        try:
            decode(damage_at_random(content, choose), "a", (8, 8))
        except DataError as error:
            messages.append(str(error))
    assert len(messages) > examples // 10
    assert all(one.startswith("a: ") and "\n" not in one for one in messages)
    assert capfd.readouterr().err == ""  # the libraries below Pillow are as quiet


@pytest.mark.parametrize("kind", FORMATS)
def test_damaged_pictures_raise_nothing_but_data_errors(kind, tmp_path, capfd):
    fuzz(kind, 300, tmp_path, capfd)


def test_what_pillow_logs_does_not_reach_the_terminal(tmp_path):
    content = encoded("TIFF", tmp_path)
    samples = struct.pack("<HHI", 277, 3, 1)  # SamplesPerPixel
    assert content.count(samples) == 1
    at = content.index(samples) + len(samples)
    (tmp_path / "a.tiff").write_bytes(content[:at] + struct.pack("<H", 6000) + content[at + 2 :])
    code = "from mlp.datasets.pictures import *; decode(open('a.tiff', 'rb').read(), 'a')"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.stderr.startswith("Traceback")
    assert "mlp.datasets.errors.DataError: a: is no whole PNG" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("kind", FORMATS)
def test_many_damaged_pictures_raise_nothing_but_data_errors(kind, tmp_path, capfd):
    fuzz(kind, 10_000, tmp_path, capfd)


def test_rows_of_features_are_not_read_from_pictures(tmp_path):
    with pytest.raises(ValueError, match="rows of features cannot be read from pictures"):
        read_row(tmp_path / "a.png", Preparation(("a", "b")))


@pytest.mark.parametrize("ink", ["light", "dark"])
def test_whoever_asks_for_it_gets_pictures_cut_to_their_ink_as_the_rows_show_it(ink, tmp_path):
    page = np.full((60, 60), 255, np.uint8)
    page[20:30, 10:50] = 0
    Image.fromarray(page).save(tmp_path / "a.png")
    row = read_row(tmp_path / "a.png", Preparation((), (8, 8), ink=ink, crop=True))
    assert np.median(row) == (255 if ink == "light" else 0)
    assert np.ptp(row) < 60  # of its edges, which are averaged
    Image.new("L", (8, 8)).save(tmp_path / "b.png")
    with pytest.raises(DataError, match="is blank"):
        read_row(tmp_path / "b.png", Preparation((), (8, 8), ink=ink, crop=True))


def tag(number, value):
    """Return an entry of a TIFF's directory: one number."""
    return struct.pack("<HHII", number, 4, 1, value)


CLAIMS = {  # where a header says how large the picture is, and how
    "BMP": lambda data: data[:18] + struct.pack("<ii", 9_000, 9_000) + data[26:],
    "GIF": lambda data: data[:6] + struct.pack("<HH", 9_000, 9_000) + data[10:],
    "TIFF": lambda data: data.replace(tag(256, 7), tag(256, 9_000)).replace(
        tag(257, 9), tag(257, 9_000)
    ),
}


@pytest.mark.parametrize("kind", CLAIMS)
def test_a_picture_that_claims_too_many_pixels_is_not_unpacked(kind, tmp_path):
    content = CLAIMS[kind](encoded(kind, tmp_path))
    tracemalloc.start()
    with pytest.raises(DataError, match="a: must have at most 67108864 pixels, has 9000 x 9000"):
        decode(content, "a")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**22
