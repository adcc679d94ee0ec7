"""The committed data set and the rules by which scripts/make_glyphs.py makes it."""

from __future__ import annotations

import csv
import hashlib
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "data"
SCRIPT = ROOT / "scripts" / "make_glyphs.py"
FONTS = Path(mpl.get_data_path()) / "fonts" / "ttf"


def load_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_glyphs", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


make_glyphs = load_script()


@pytest.fixture(scope="module")
def glyphs() -> tuple[Any, Any]:
    with np.load(DATA / "glyphs.npz") as archive:
        assert sorted(archive.files) == ["images", "labels"]
        return archive["images"], archive["labels"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a folder with the fonts, the package list and the exclusions of a small data set."""
    shutil.copytree(FONTS, tmp_path / "fonts" / "some-fonts")
    (tmp_path / "fonts.csv").write_text("package,version,licence\nsome-fonts,1,Bitstream-Vera\n")
    (tmp_path / "excluded.csv").write_text("face,reason\nDejaVuSans-Bold*,a test\n")
    return tmp_path


def arguments(project: Path, *more: str) -> list[str]:
    paths = {"--out": "glyphs.npz", "--fonts": "fonts.csv", "--excluded": "excluded.csv"}
    paths["--contact-sheet"] = "sheet.png"
    options = [text for option, name in paths.items() for text in (option, str(project / name))]
    return [str(project / "fonts"), "--count", "55", *options, *more]


def face(name: str, family: str = "F", value: int = 0) -> Any:
    """Return a face whose ten images are all different and depend on `value`."""
    images = np.zeros((10, 28, 28), np.uint8)
    images[:, 0, 0] = np.arange(1, 11)
    images[:, 1, 1] = value
    return make_glyphs.Face("package", family, name, images)


def test_committed_arrays_have_the_promised_form(glyphs: tuple[Any, Any]) -> None:
    images, labels = glyphs
    assert images.shape == (18724, 28, 28)
    assert labels.shape == (18724,)
    assert images.dtype == labels.dtype == np.uint8
    counts = np.bincount(labels, minlength=10)
    assert len(counts) == 10
    assert counts.max() <= 1.03 * counts.min()
    assert (DATA / "glyphs.npz").stat().st_size <= 8 << 20
    assert (DATA / "contact_sheet.png").stat().st_size <= 300 << 10


def test_committed_images_are_distinct_and_fill_the_square(glyphs: tuple[Any, Any]) -> None:
    images, _ = glyphs
    assert len({image.tobytes() for image in images}) == len(images)
    for edge in (images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]):
        assert edge.any(axis=1).all()


def test_committed_order_is_shuffled(glyphs: tuple[Any, Any]) -> None:
    _, labels = glyphs
    # Independent neighbours agree in a tenth of the cases, with standard deviation 0.0022.
    assert abs(np.mean(labels[1:] == labels[:-1]) - 0.1) < 0.01
    assert np.bincount(labels[:10000], minlength=10).min() > 850


def test_committed_checksums_agree(glyphs: tuple[Any, Any]) -> None:
    images, labels = glyphs
    readme = (DATA / "README.md").read_text(encoding="utf-8")
    digest = hashlib.sha256((DATA / "glyphs.npz").read_bytes()).hexdigest()
    assert (DATA / "SHA256SUMS").read_text().split() == [digest, "glyphs.npz"]
    assert digest in readme
    assert hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest() in readme


def test_committed_font_list_accounts_for_every_image() -> None:
    with (DATA / "fonts.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert sum(int(row["glyphs"]) for row in rows) == 18724
    assert all(row["version"] and row["licence"] and int(row["glyphs"]) for row in rows)


def test_the_same_fonts_give_the_same_bytes(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("glyphs.npz", "fonts.csv", "sheet.png")
    assert make_glyphs.main(arguments(project)) == 0
    first = [(project / name).read_bytes() for name in names]
    monkeypatch.setattr("time.time", lambda: 2e9)
    assert make_glyphs.main(arguments(project)) == 0
    assert [(project / name).read_bytes() for name in names] == first
    assert "images 55" in capsys.readouterr().out
    with np.load(project / "glyphs.npz") as archive:
        counts = np.bincount(archive["labels"], minlength=10)
    np.testing.assert_array_equal(counts, [6] * 5 + [5] * 5)


@pytest.mark.parametrize("name", ["DejaVuSans.ttf", "DejaVuSerif-Italic.ttf", "STIXGeneral.ttf"])
def test_a_face_fills_the_square(name: str) -> None:
    images = make_glyphs.read_face(FONTS / name, "package").images
    assert images.shape == (10, 28, 28)
    assert images.dtype == np.uint8
    for edge in (images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]):
        assert edge.any(axis=1).all()
    assert len(np.unique(images)) > 50, "antialiased"
    assert images[2, 14, 20] == 0, "the opening of C is black"


def test_a_face_without_the_letters_is_refused(tmp_path: Path) -> None:
    from fontTools.ttLib import TTFont

    assert make_glyphs.read_face(FONTS / "STIXSizOneSymReg.ttf", "package") is None
    with TTFont(FONTS / "DejaVuSans.ttf") as font:
        for table in font["cmap"].tables:
            table.cmap.pop(ord("G"), None)
        font.save(tmp_path / "no-g.ttf")
        for table in font["cmap"].tables:
            table.cmap[ord("G")] = "H"
        font.save(tmp_path / "g-looks-like-h.ttf")
        for table in font["cmap"].tables:
            table.cmap[ord("G")] = "space"
        font.save(tmp_path / "blank-g.ttf")
    (tmp_path / "broken.ttf").write_bytes(b"no font")
    for path in tmp_path.iterdir():
        assert make_glyphs.read_face(path, "package") is None, path.name


def test_excluded_and_repeated_faces_are_left_out(project: Path) -> None:
    folder = project / "fonts" / "some-fonts"
    shutil.copy(folder / "DejaVuSans.ttf", folder / "again.ttf")
    names = [
        face.name
        for face in make_glyphs.read_faces(project / "fonts", ["some-fonts"], ["DejaVuSans-Bold*"])
    ]
    assert names.count("DejaVuSans") == 1
    assert "DejaVuSans-Oblique" in names
    assert "DejaVuSans-Bold" not in names


def test_weights_and_optical_sizes_are_one_family() -> None:
    assert make_glyphs.family_of("Some Sans SemiBold Italic") == "Some Sans"
    assert make_glyphs.family_of("Black") == "Black"
    assert make_glyphs.family_of("drmoz10") == make_glyphs.family_of("drmit7")


def test_families_take_turns_and_are_limited() -> None:
    faces = [face(f"large-{i}", "Large") for i in range(30)] + [face("small", "Small")]
    ordered = make_glyphs.spread(faces, 24)
    assert [each.family for each in ordered].count("Large") == 24
    assert {each.family for each in ordered[:2]} == {"Large", "Small"}
    assert ordered == make_glyphs.spread(reversed(faces), 24)


def test_identical_images_are_taken_once_and_ambiguous_ones_never() -> None:
    twice = [face("a", value=1), face("b", value=1), face("c", value=2)]
    assert len(make_glyphs.choose_glyphs(twice, 20)) == 20
    with pytest.raises(ValueError, match="takes 3 images of A, the fonts have 2"):
        make_glyphs.choose_glyphs(twice, 21)
    shared = twice[0].images[7]
    twice[2].images[4] = shared
    with pytest.raises(ValueError, match="takes 2 images of E, the fonts have 1"):
        make_glyphs.choose_glyphs(twice, 20)
    chosen = make_glyphs.choose_glyphs([*twice, face("d", value=3)], 20)
    assert not any(np.array_equal(glyph.image, shared) for glyph in chosen)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (["--count", "100000"], "--count 100000 takes 10000 images of A"),
        (["--fonts", "absent.csv"], "absent.csv"),
        (["--out", "absent/glyphs.npz"], "absent"),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    project: Path, capsys: pytest.CaptureFixture[str], more: list[str], expected: str
) -> None:
    assert make_glyphs.main(arguments(project, *more)) == 2
    message = capsys.readouterr().err
    assert expected in message
    assert message.count("\n") == 1


def test_a_missing_package_or_column_is_named(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "fonts.csv").write_text("package,version,licence\nother-fonts,1,MIT\n")
    assert make_glyphs.main(arguments(project)) == 2
    assert "expected a folder other-fonts; run with --download" in capsys.readouterr().err
    (project / "fonts.csv").write_text("package,version\nsome-fonts,1\n")
    assert make_glyphs.main(arguments(project)) == 2
    assert "licence is missing" in capsys.readouterr().err


def test_command_line(tmp_path: Path) -> None:
    def run(*options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(SCRIPT), *options]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)

    shown = run("--help")
    assert shown.returncode == 0
    assert "default: 18724" in shown.stdout
    assert "example: python scripts/make_glyphs.py" in shown.stdout
    refused = run("absent")
    assert refused.returncode == 2
    assert "Traceback" not in refused.stderr
    assert run("absent", "--count", "0").returncode == 2
