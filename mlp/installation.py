"""What this copy of the package is, and whether it can run; standard library only.

It is asked where nothing else can be imported: when NumPy is missing, or when another project's
package has taken the name `kernels`.
"""

import importlib.util
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__version__ = "0.2.0"
# Whoever changes the last bits of what training computes on a kind of device raises its number: a
# run that was begun with another one is warned of when it is resumed. Files of version 0.1 name
# none; theirs is 1.
ARITHMETIC = {"cpu": 3, "cuda": 2}
failure = ""  # why `import mlp` could import nothing else; set there, and said

_PACKAGE = Path(__file__).resolve().parent
# A wheel carries the letters inside the package; in a checkout they lie beside it.
_PLACES = (_PACKAGE / "data" / "glyphs.npz", _PACKAGE.parent / "data" / "glyphs.npz")
LETTERS = next((place for place in _PLACES if place.exists()), _PLACES[0])

# Packages by the names they are imported under, and by those they are installed under.
_REQUIRED = {
    "array_api_compat": "array-api-compat",
    "jinja2": "jinja2",
    "matplotlib": "matplotlib",
    "numpy": "numpy",
    "PIL": "pillow",
    "safetensors": "safetensors",
    "threadpoolctl": "threadpoolctl",
    "tqdm": "tqdm",
}

# Distributions that bring a package `cupy`.
CUPY = ("cupy-cuda11x", "cupy-cuda12x", "cupy-cuda13x", "cupy")


def problem() -> str:
    """Return what keeps this copy from running and the command that mends it, in one line.

    The empty string where nothing is known to be wrong.
    """
    missing = [name for module, name in _REQUIRED.items() if not is_there(module)]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        packages = ", ".join(missing)
        return f"{packages} {verb} not installed; python -m pip install {' '.join(missing)}"
    return foreign_kernels()


def foreign_kernels() -> str:
    """Return what to do where the package `kernels` is not this project's, else the empty string.

    Hugging Face's package of that name overwrites ours in site-packages, and pip does not say so.
    """
    spec = importlib.util.find_spec("kernels")
    if spec is None or spec.origin is None:
        return "the package kernels is missing beside mlp; install this project again"
    if "softmax_cross_entropy" in Path(spec.origin).read_text(encoding="utf-8", errors="replace"):
        return ""
    return (
        f"{Path(spec.origin).parent} is another project's package of the name kernels; "
        "python -m pip uninstall kernels, then install this project again with --force-reinstall"
    )


def installed(distributions: tuple[str, ...]) -> dict[str, str]:
    """Return those of some distributions that pip knows, and their versions."""
    found = {}
    for name in distributions:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def cupy_command(release: tuple[int, int]) -> str:
    """Return the command that leaves one CuPy with its CUDA libraries, for a driver of a release.

    One that is there and fits the driver gets its libraries. Any other is removed first: CuPy's
    distributions write into one folder, and with two of them in it neither works.
    """
    extra, fitting = "cuda12", ["cupy-cuda12x"]
    if release >= (13, 0):
        extra, fitting = "cuda13", ["cupy-cuda13x", "cupy-cuda12x"]
    there = list(installed(CUPY))
    if len(there) == 1 and there[0] in fitting:
        return f'pip install "{there[0]}[ctk]>=14.2"'
    install = f'pip install -e ".[{extra}]"'
    return f"pip uninstall -y {' '.join(there)} && {install}" if there else install


def is_there(module: str) -> bool:
    """Return whether a module can be found, without importing it (but for its parents)."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ModuleNotFoundError, ValueError):  # no parent; a module that was set to None
        return False


def is_installed() -> bool:
    """Return whether pip knows the package, or a copy of it only lies on Python's path."""
    try:
        return bool(version("array-api-mlp"))
    except PackageNotFoundError:
        return False
