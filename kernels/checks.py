"""What every operation checks of its arguments."""

from .namespace import Array


def check_shape(name: str, array: Array, expected: tuple[int, ...], advice: str = "") -> None:
    """Check an array's shape.

    Raises
    ------
    ValueError
        It is another one; `advice` says what to do.
    """
    if array.shape != expected:
        hint = f"; {advice}" if advice else ""
        raise ValueError(f"{name} must have shape {expected}, got {array.shape}{hint}")


def check_float(xp: Array, name: str, array: Array) -> None:
    """Check that an array holds float32 or float64, or raise a TypeError."""
    if array.dtype not in (xp.float32, xp.float64):
        raise TypeError(f"{name} must be float32 or float64, got {array.dtype}")


def check_labels(xp: Array, labels: Array) -> None:
    """Check that labels have one of the three dtypes, or raise a TypeError."""
    if labels.dtype not in (xp.uint8, xp.int32, xp.int64):
        raise TypeError(f"labels must be uint8, int32 or int64, got {labels.dtype}")


def check_same_dtype(array: Array, **others: Array) -> None:
    """Check that arrays have the dtype of the first, or raise a TypeError."""
    for name, other in others.items():
        if other.dtype != array.dtype:
            raise TypeError(f"{name} must be {array.dtype} like the others, got {other.dtype}")
