"""Which files of a folder are pictures of which class and part, and which are left out."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from .errors import DataError
from .naming import PARTS, WORDS, is_systems
from .pictures import SUFFIXES


class Listing:
    """The pictures of a folder, by class and part.

    Links are followed, but for those that lead back.

    Parameters
    ----------
    folder : Path

    Raises
    ------
    DataError
        A link leads back, or two folders have one part.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self._real = folder, folder.resolve()
        # By kind, in the order found; a set would lose that, and a list would be slow to search.
        self._left_out: dict[str, dict[str, None]] = defaultdict(dict)
        self.notes: list[str] = []
        self._roots = self._parts()

    def class_folders(self) -> Iterator[tuple[str, Path]]:
        """Yield a part and a class folder, of training first: it has every class."""
        for part, root in self._roots.items():
            for class_folder in self._folders(root):
                yield part, class_folder

    def pictures(self, class_folder: Path) -> list[Path]:
        """Return the files of a class folder that are named as pictures are, in order."""
        pictures = []
        for path in sorted(class_folder.iterdir()):
            if self._is_systems(path):
                continue
            if path.is_dir():
                self.leave_out("folders inside class folders", path)
            elif not path.name.lower().endswith(SUFFIXES):
                self.leave_out("files of other kinds", path)
            else:
                pictures.append(path)
        if not pictures:
            self.leave_out("folders without pictures", class_folder)
        return pictures

    def name(self, path: Path) -> str:
        """Return a path as it is seen from the folder."""
        return path.relative_to(self.folder).as_posix()

    def leave_out(self, kind: str, path: Path) -> None:
        """Remember what is left out; the top folder may be listed twice."""
        self._left_out[kind][self.name(path)] = None

    def note(self) -> list[str]:
        """Return the note that counts what was left out, if anything was."""
        parts = [
            f"{len(names)} {kind} ({_some(list(names))})" for kind, names in self._left_out.items()
        ]
        return [f"{self.folder}: left out: {'; '.join(parts)}"] if parts else []

    def _parts(self) -> dict[str, Path]:
        """Return the folder that holds the class folders of every part."""
        found = self._folders(self.folder)
        parts = [PARTS.get(path.name.lower(), "") for path in found]
        if "train" not in parts or "" in parts or any(map(_holds_pictures, found)):
            return {"train": self.folder}
        if len(set(parts)) < len(parts):
            names = ", ".join(path.name for path in found)
            raise DataError(f"{self.folder}: must have one folder for each part, got {names}")
        roots = dict(zip(parts, found, strict=True))
        roots = {part: roots[part] for part in ("train", "valid", "test") if part in roots}
        mapped = ", ".join(f"{path.name} for {WORDS[part]}" for part, path in roots.items())
        self.notes.append(f"{self.folder}: its folders are taken as they are named: {mapped}")
        return roots

    def _folders(self, folder: Path) -> list[Path]:
        """List the folders in a folder that are meant, by name."""
        found = []
        for path in sorted(folder.iterdir()):
            if self._is_systems(path):
                continue
            if not path.is_dir():
                self.leave_out("files outside class folders", path)
                continue
            if path.is_symlink() and path.resolve() in (self._real, *self._real.parents):
                raise DataError(f"{path}: must not be a link to a folder that holds it")
            found.append(path)
        return found

    def _is_systems(self, path: Path) -> bool:
        if is_systems(path.name):
            self.leave_out("hidden or system files and folders", path)
            return True
        return False


def _some(names: list[str]) -> str:
    # A hostile name may hold line breaks or terminal codes.
    first = [name if name.isprintable() else repr(name) for name in names[:5]]
    return ", ".join(first) + (", ..." if len(names) > 5 else "")


def _holds_pictures(folder: Path) -> bool:
    return any(
        path.name.lower().endswith(SUFFIXES) and not path.is_dir() for path in folder.iterdir()
    )
