"""A folder of class folders of PNG: notMNIST's form."""

import hashlib
import io
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..files import read_bytes
from .errors import DataError, expanded_limit

PNG_LIMIT = 2**22  # bytes of one PNG file, and pixels of one image


class ClassFolders(NamedTuple):
    """What the folders hold."""

    images: np.ndarray  # (N, H, W) uint8
    labels: np.ndarray  # (N,) int32: the number of the image's folder
    class_names: tuple[str, ...]
    hashes: dict[str, str]  # SHA-256 by folder and file, of readable images and others
    notes: tuple[str, ...]


def read_class_folders(folder: Path) -> ClassFolders:
    """Read ``folder/CLASS/*.png``; links are not followed, unreadable images are named.

    Raises
    ------
    DataError
        A class without an image, images of different sizes, or too many of them.
    """
    classes = sorted(path for path in folder.iterdir() if path.is_dir() and not path.is_symlink())
    images: list[np.ndarray] = []
    labels: list[int] = []
    hashes: dict[str, str] = {}
    unreadable: list[str] = []
    on_disk = 0
    for label, class_folder in enumerate(classes):
        before = len(images)
        for file in sorted(class_folder.iterdir()):
            if file.suffix.lower() != ".png" or file.is_symlink() or not file.is_file():
                continue
            name = f"{class_folder.name}/{file.name}"
            data = read_bytes(file, PNG_LIMIT) if file.stat().st_size <= PNG_LIMIT else b""
            on_disk += len(data)
            hashes[name] = hashlib.sha256(data).hexdigest()
            pixels = _read_png(data)
            if pixels is None:
                unreadable.append(name)
                continue
            if images and pixels.shape != images[0].shape:
                raise DataError(
                    f"{file}: must be of {images[0].shape[1]} x {images[0].shape[0]} pixels like "
                    f"the others, got {pixels.shape[1]} x {pixels.shape[0]}"
                )
            if pixels.size * (len(images) + 1) > expanded_limit(on_disk):
                raise DataError(f"{folder}: its images must take at most {expanded_limit(0)} bytes")
            images.append(pixels)
            labels.append(label)
        if len(images) == before:
            raise DataError(f"{class_folder}: holds no readable PNG; every class folder must")
    if not images:
        raise DataError(
            f"{folder}: holds neither IDX files (...images-idx3-ubyte) nor class folders of PNG"
        )
    names = tuple(path.name for path in classes)
    notes = (_note(folder, unreadable),) if unreadable else ()
    return ClassFolders(np.stack(images), np.array(labels, np.int32), names, hashes, notes)


def _read_png(data: bytes) -> np.ndarray | None:
    """Return the grey pixels of a PNG; None if it is damaged or too large."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            if image.width * image.height > PNG_LIMIT:
                return None
            return np.asarray(image.convert("L"))
    except Exception:  # decoders raise whatever a damaged file makes them trip over
        return None


def _note(folder: Path, unreadable: list[str]) -> str:
    # A hostile name may hold line breaks or terminal codes.
    first = [name if name.isprintable() else repr(name) for name in unreadable[:5]]
    shown = ", ".join(first) + (", ..." if len(unreadable) > 5 else "")
    return f"{folder}: {len(unreadable)} unreadable images left out: {shown}"
