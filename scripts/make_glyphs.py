"""Render the letters A-J of free fonts into the embedded data set, data/glyphs.npz.

    python scripts/make_glyphs.py fonts --download

FONT_DIR holds one folder per Debian package listed in data/fonts.csv, unpacked as ``dpkg -x``
leaves it. The same fonts, Pillow and NumPy give the same bytes. See data/README.md.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import logging
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

import numpy as np
import PIL
from fontTools.ttLib import TTFont, TTLibError
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, features

LETTERS = "ABCDEFGHIJ"
SIDE = 28
# A capital is then some 110 pixels high, four per pixel of the result: enough for antialiasing.
EM_PIXELS = 160
DATA = Path(__file__).resolve().parent.parent / "data"
COLUMNS = ("package", "version", "licence", "families", "faces", "glyphs")
STYLE_WORDS = frozenset(
    "thin hairline extralight ultralight light book regular medium semibold demibold demi bold "
    "extrabold ultrabold black heavy extra ultra semi italic oblique".split()
)
# Designs that name every optical size, width or style a family of its own.
ONE_FAMILY = ("AeM", "CMU ", "drm", "Lexend", "NewCM", "NewComputerModern", "ocrb")

Images = NDArray[np.uint8]


class Face(NamedTuple):
    """One font file that has all ten letters; ``images`` is (10, 28, 28)."""

    package: str
    family: str
    name: str
    images: Images


class Glyph(NamedTuple):
    """One image (28, 28), its class 0..9 and the face it comes from."""

    image: Images
    label: int
    face: Face


def fill_square(letter: str, font: ImageFont.FreeTypeFont) -> Images | None:
    """Draw `letter` white on black and stretch its bounding box to 28x28; None if blank."""
    left, top, right, bottom = (round(edge) for edge in font.getbbox(letter))
    canvas = Image.new("L", (right - left + 8, bottom - top + 8))
    ImageDraw.Draw(canvas).text((4 - left, 4 - top), letter, font=font, fill=255)
    # Faint antialiasing would otherwise widen the box and leave an all-black edge.
    box = canvas.point([0] * 128 + [255] * 128).getbbox()
    if box is None:
        return None
    return np.asarray(canvas.resize((SIDE, SIDE), Image.Resampling.BILINEAR, box=box), np.uint8)


def family_of(name: str) -> str:
    """Return a family name without the weight and slant words that end it."""
    for prefix in ONE_FAMILY:
        if name.startswith(prefix):
            return prefix.strip()
    words = name.split()
    while len(words) > 1 and words[-1].lower().replace("-", "") in STYLE_WORDS:
        words.pop()
    return " ".join(words)


def read_face(path: Path, package: str) -> Face | None:
    """Read one font file; None unless it shows ten different letters.

    Symbol fonts lack a Unicode map, many scripts lack Latin, and some faces map every letter to
    one box: all are refused here, without naming them.
    """
    try:
        with path.open("rb") as stream, TTFont(stream, lazy=True) as font:
            letters = font.getBestCmap() or {}
            family = font["name"].getBestFamilyName() or path.stem
            name = font["name"].getDebugName(6) or path.stem
        if not all(ord(letter) in letters for letter in LETTERS):
            return None
        freetype = ImageFont.truetype(path, EM_PIXELS, layout_engine=ImageFont.Layout.BASIC)
        drawn = [fill_square(letter, freetype) for letter in LETTERS]
    except (OSError, KeyError, TTLibError):  # bitmap-only or damaged
        return None
    images = [image for image in drawn if image is not None]
    if len({image.tobytes() for image in images}) < len(LETTERS):
        return None
    return Face(package, family_of(family.strip()), name.strip(), np.stack(images))


def read_faces(folder: Path, packages: Iterable[str], excluded: Sequence[str]) -> list[Face]:
    """Return the usable faces of `packages`, one per PostScript name.

    A face shipped twice, or as both TrueType and OpenType, would differ only in rounding.
    """
    faces: dict[str, Face] = {}
    for package in sorted(packages):
        if not (folder / package).is_dir():
            raise ValueError(f"{folder}: expected a folder {package}; run with --download")
        for path in sorted((folder / package).rglob("*")):
            if path.suffix.lower() not in {".ttf", ".otf"} or path.is_symlink():
                continue
            face = read_face(path, package)
            if face is None or any(
                fnmatchcase(face.family, pattern) or fnmatchcase(face.name, pattern)
                for pattern in excluded
            ):
                continue
            faces.setdefault(face.name, face)
    return list(faces.values())


def spread(faces: Iterable[Face], family_limit: int) -> list[Face]:
    """Order `faces` so that every family gives one face before any gives a second.

    Ties are broken by a hash, so that neither light weights nor early letters are preferred.
    """
    families: dict[str, list[tuple[str, Face]]] = defaultdict(list)
    for face in faces:
        digest = hashlib.sha256(face.name.encode()).hexdigest()
        families[face.family].append((digest, face))
    ranked: list[tuple[int, str, Face]] = []
    for members in families.values():
        members.sort(key=lambda member: member[0])
        ranked += [(rank, *member) for rank, member in enumerate(members[:family_limit])]
    return [face for *_, face in sorted(ranked, key=lambda entry: entry[:2])]


def choose_glyphs(faces: Iterable[Face], count: int) -> list[Glyph]:
    """Take `count` distinct images from the front of `faces`, classes equal to within one.

    An image that is two letters at once (a solid bar, say) has no right label and is dropped.
    The glyphs come in the order of their SHA-256: shuffled, and needing no generator.
    """
    glyphs: dict[bytes, Glyph] = {}
    ambiguous: set[bytes] = set()
    for face in faces:
        for label, image in enumerate(face.images):
            kept = glyphs.setdefault(image.tobytes(), Glyph(image, label, face))
            if kept.label != label:
                ambiguous.add(image.tobytes())
    by_label: list[list[Glyph]] = [[] for _ in LETTERS]
    for key, glyph in glyphs.items():
        if key not in ambiguous:
            by_label[glyph.label].append(glyph)
    chosen: list[Glyph] = []
    for label, candidates in enumerate(by_label):
        quota = count // len(LETTERS) + (label < count % len(LETTERS))
        if len(candidates) < quota:
            raise ValueError(
                f"--count {count} takes {quota} images of {LETTERS[label]}, the fonts have "
                f"{len(candidates)}; add packages or lower --count"
            )
        chosen += candidates[:quota]
    return sorted(chosen, key=lambda glyph: hashlib.sha256(glyph.image.tobytes()).digest())


def save_contact_sheet(path: Path, images: Images, labels: Images, columns: int = 30) -> None:
    """Save a picture with one row per letter: the first `columns` images of its class."""
    step = SIDE + 2
    sheet = Image.new("L", (columns * step + 2, len(LETTERS) * step + 2), 96)
    for label in range(len(LETTERS)):
        for column, image in enumerate(images[labels == label][:columns]):
            sheet.paste(Image.fromarray(image), (2 + column * step, 2 + label * step))
    sheet.save(path, optimize=True)


def read_csv(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Read a table that must have at least `columns`."""
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    missing = [column for column in columns if not rows or column not in rows[0]]
    if missing:
        raise ValueError(f"{path}: expected columns {', '.join(columns)}; {missing[0]} is missing")
    return rows


def save_font_list(path: Path, rows: list[dict[str, str]], glyphs: Iterable[Glyph]) -> None:
    """Rewrite the package list with the families, faces and glyphs that were taken."""
    taken: dict[str, list[Glyph]] = defaultdict(list)
    for glyph in glyphs:
        taken[glyph.face.package].append(glyph)
    with path.open("w", newline="", encoding="utf-8") as stream:
        table = csv.DictWriter(stream, COLUMNS, extrasaction="ignore", lineterminator="\n")
        table.writeheader()
        for row in sorted(rows, key=lambda row: row["package"]):
            mine = taken[row["package"]]
            families = len({glyph.face.family for glyph in mine})
            faces = len({glyph.face.name for glyph in mine})
            table.writerow(row | {"families": families, "faces": faces, "glyphs": len(mine)})


def download(folder: Path, rows: Iterable[dict[str, str]]) -> None:
    """Fetch and unpack the pinned packages that `folder` lacks; nothing is installed."""
    missing = [row for row in rows if not (folder / row["package"]).is_dir()]
    if not missing:
        return
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        pinned = [f"{row['package']}={row['version']}" for row in missing]
        command = ["apt-get", "download", "-q", *pinned]
        run = subprocess.run(command, cwd=scratch, capture_output=True, text=True)
        if run.returncode:
            errors = [line for line in run.stderr.splitlines() if line.startswith("E:")]
            raise ValueError(f"apt-get download: {' '.join(errors[:1])}; run apt-get update first")
        for package in sorted(Path(scratch).glob("*.deb")):
            target = folder / package.name.split("_")[0]
            subprocess.run(["dpkg-deb", "-x", package, target], check=True)


def summarise(glyphs: Sequence[Glyph], images: Images, labels: Images, out: Path) -> None:
    """Print the figures that data/README.md quotes."""
    families = Counter(face.family for face in {g.face.name: g.face for g in glyphs}.values())
    counts = np.bincount(labels, minlength=len(LETTERS))
    raw = hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest()
    print(f"images {len(images)}, faces {families.total()}, families {len(families)}")
    print(f"most faces of one family {max(families.values())}")
    print("classes " + ", ".join(f"{a} {n}" for a, n in zip(LETTERS, counts, strict=True)))
    print(f"mean {images.mean():.1f}, std {images.std():.1f}, ", end="")
    print(f"zeros {np.mean(images == 0):.1%}, 255s {np.mean(images == 255):.1%}")
    print(f"{out.name} {out.stat().st_size} bytes")
    print(f"sha256 file {hashlib.sha256(out.read_bytes()).hexdigest()}")
    print(f"sha256 images+labels {raw}")
    print(f"Pillow {PIL.__version__}, FreeType {features.version_module('freetype2')}")


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(
        description="Render the letters A-J of free fonts into an .npz data set.",
        epilog="example: python scripts/make_glyphs.py fonts --download",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    option = parser.add_argument
    option("font_dir", metavar="FONT_DIR", type=Path, help="one folder per unpacked package")
    option("--download", action="store_true", help="first fetch what is missing with apt-get")
    option("--out", type=Path, default=DATA / "glyphs.npz", help="data set to write")
    option("--fonts", type=Path, default=DATA / "fonts.csv", help="packages; counts are rewritten")
    option("--excluded", type=Path, default=DATA / "excluded.csv", help="faces that are no letters")
    option("--contact-sheet", type=Path, default=DATA / "contact_sheet.png", help="picture")
    option("--count", type=int, default=18724, help="images to choose")
    option("--family-limit", type=int, default=24, help="most faces of one family")
    options = parser.parse_args(arguments)
    for name in ("count", "family_limit"):
        if getattr(options, name) < 1:
            parser.error(f"--{name.replace('_', '-')} must be 1 or more")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    options = parse_arguments(arguments)
    logging.getLogger("fontTools").setLevel(logging.CRITICAL)
    try:
        rows = read_csv(options.fonts, COLUMNS[:3])
        excluded = [row["face"] for row in read_csv(options.excluded, ("face", "reason"))]
        if options.download:
            download(options.font_dir, rows)
        faces = read_faces(options.font_dir, (row["package"] for row in rows), excluded)
        glyphs = choose_glyphs(spread(faces, options.family_limit), options.count)
        images = np.stack([glyph.image for glyph in glyphs])
        labels = np.array([glyph.label for glyph in glyphs], np.uint8)
        # NumPy dates the members 1980: the same arrays give the same bytes.
        np.savez_compressed(options.out, images=images, labels=labels)
        save_font_list(options.fonts, rows, glyphs)
        save_contact_sheet(options.contact_sheet, images, labels)
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        print(f"make_glyphs: {error}", file=sys.stderr)
        return 2
    summarise(glyphs, images, labels, options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
