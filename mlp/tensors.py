"""Files of arrays in the format safetensors, read without trust."""

from pathlib import Path

import numpy as np

from .files import FileError, real_size

_LIMIT = 2**26  # bytes that a file may claim without holding them


def read_tensors(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Read a safetensors file: its arrays by name, and its metadata.

    Raises
    ------
    FileError
        It cannot be read, is damaged or hollow, or is larger than memory.
    """
    from safetensors import SafetensorError, safe_open

    real, size = real_size(path), path.stat().st_size
    if size > max(real, _LIMIT):
        raise FileError(f"{path}: claims {size} bytes, but hardly any are written in it")
    try:
        with safe_open(path, framework="numpy") as tensors:
            np.empty(size, np.uint8)  # where memory is short safetensors does not raise, it panics
            arrays = {name: tensors.get_tensor(name) for name in tensors.keys()}
            return arrays, tensors.metadata() or {}
    except MemoryError as error:
        raise FileError(f"{path}: has {size} bytes, more than there is memory for") from error
    except (OSError, SafetensorError, AttributeError, LookupError, TypeError, ValueError) as error:
        # The last four: a dtype or a rank that NumPy has not.
        reason = " ".join((getattr(error, "strerror", None) or str(error)).split())[:200]
        raise FileError(f"{path}: cannot be read, or is damaged ({reason})") from error
