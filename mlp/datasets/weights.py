"""What the rows of a class count."""

from collections.abc import Sequence

import numpy as np


def balanced(labels: np.ndarray, n_classes: int, weights: np.ndarray | None = None) -> np.ndarray:
    """Return a weight for every class, so that the rows of all classes together count the same.

    ``n / (K * count of the class)`` over the K classes that have rows (King and Zeng, Logistic
    Regression in Rare Events Data, 2001), as scikit-learn's ``class_weight="balanced"``; of rows
    that have weights, sums of these take the place of the counts. All rows together count as
    before.

    Parameters
    ----------
    labels : (N,) integers in [0, K)
    n_classes : int
    weights : (N,) floats, optional

    Returns
    -------
    (n_classes,) float64
        A class without rows, or whose rows all have weight 0, has weight 0.
    """
    counts = np.bincount(labels, weights, n_classes)
    there = counts > 0
    shared = counts.sum() / np.count_nonzero(there)
    return np.asarray(np.divide(shared, counts, out=np.zeros(n_classes), where=there))


def told(weights: np.ndarray, class_names: Sequence[str]) -> str:
    """Say what the rows of the classes count, and which losses are weighted so."""
    low, high = int(weights.argmin()), int(weights.argmax())
    return (
        f"a training row counts {weights[low]:.3g} (class {class_names[low]}) to "
        f"{weights[high]:.3g} (class {class_names[high]}); validation and test losses and all "
        "accuracies are of rows that count once"
    )
