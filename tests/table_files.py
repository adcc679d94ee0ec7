"""Tables as people's tools write them: the same rows in many forms."""

import gzip

import numpy as np

N = 60
KINDS = ("setosa", "versicolor", "virginica")
NAMES = ("sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)")
_rng = np.random.default_rng(0)
FEATURES = _rng.normal(5, 2, (N, 4)).round(1)
CLASSES = np.arange(N) % 3
PIXELS = _rng.integers(0, 256, (N, 784))
SMALL = _rng.integers(0, 256, (N, 64))
MIXED = _rng.permutation(N)


def text(*rows, sep=",", end="\n"):
    return "".join(sep.join(map(str, row)) + end for row in rows)


def quoted(row):
    return [f'"{cell}"' if isinstance(cell, str) else cell for cell in row]


IRIS = [(*map(float, row), KINDS[k]) for row, k in zip(FEATURES, CLASSES, strict=True)]
HEADER = (*NAMES, "species")


def with_first(header, numbers, rows=IRIS, names=HEADER):
    return [(header, *names), *((n, *row) for n, row in zip(numbers, rows, strict=True))]


def digits(pixels, header=None, labels=CLASSES):
    rows = [(k, *row) for k, row in zip(labels.tolist(), pixels.tolist(), strict=True)]
    return rows if header is None else [("label", *header), *rows]


def german(table):
    """Return what Excel writes where decimals begin with commas."""
    return text(*table, sep=";", end="\r\n").replace(".", ",")


# A name of the file, what it holds, and what a user must say.
TABLES = {
    "features": ("iris.csv", text(HEADER, *IRIS), {}),
    "pandas with its index": ("iris.csv", text(*with_first("", range(N))), {}),
    "pandas with a mixed index": ("iris.csv", text(*with_first("", MIXED)), {}),
    "read and written again": ("iris.csv", text(*with_first("Unnamed: 0", range(N))), {}),
    "Kaggle's Id": ("Iris.csv", text(*with_first("Id", range(1, N + 1))), {}),
    "R's write.csv": (
        "iris.csv",
        text(*map(quoted, with_first("", map(str, range(1, N + 1))))),
        {},
    ),
    "R's write.table": (
        "iris.csv",
        text(quoted(HEADER), *map(quoted, with_first("", [f"row {k}" for k in range(N)])[1:])),
        {},
    ),
    "Excel": ("iris.csv", "\ufeff" + text(HEADER, *IRIS, end="\r\n"), {}),
    "Excel, German": ("iris.csv", "\ufeff" + german([HEADER, *IRIS]), {}),
    "Excel, sep=": ("iris.csv", "sep=;\r\n" + german([HEADER, *IRIS]), {}),
    "Excel, text": ("iris.txt", text(HEADER, *IRIS, sep="\t", end="\r\n"), {}),
    "Excel, old Mac": ("iris.csv", text(HEADER, *IRIS, end="\r"), {}),
    "Excel, empty lines below": ("iris.csv", text(HEADER, *IRIS) + ",,,,\n" * 3, {}),
    "Excel, an empty column": ("iris.csv", text(HEADER, *IRIS, end=",\n"), {}),
    "Latin letters": (
        "iris.csv",
        text(HEADER, *IRIS).replace("setosa", "größe").encode("cp1252"),
        {},
    ),
    "upper case, blanks": ("iris.CSV", text((*NAMES, " Class "), *IRIS, sep=", "), {}),
    "tabs": ("iris.tsv", text(HEADER, *IRIS, sep="\t"), {}),
    "bars": ("iris", text(HEADER, *IRIS, sep="|"), {}),
    "gzip": ("iris.csv.gz", gzip.compress(text(HEADER, *IRIS).encode()), {}),
    "UCI, no header": ("iris.data", text(*IRIS) + "\n", {"label_column": "5"}),
    "another name": (
        "iris.csv",
        text((*NAMES, "Variety"), *IRIS),
        {"label_column": "variety"},
    ),
    "Kaggle's digits": ("train.csv", text(*digits(PIXELS, [f"pixel{k}" for k in range(784)])), {}),
    "Sign-Language-MNIST": (
        "sign_mnist_train.csv",
        text(*digits(PIXELS, [f"pixel{k}" for k in range(1, 785)], np.array([0, 1, 24])[CLASSES])),
        {},
    ),
    "MNIST in CSV": (
        "mnist_train.csv",
        text(*digits(PIXELS, [f"{r}x{c}" for r in range(1, 29) for c in range(1, 29)])),
        {},
    ),
    "columns before rows": (
        "a.csv",
        text(
            *digits(
                PIXELS.reshape(N, 28, 28).swapaxes(1, 2).reshape(N, 784),
                [f"{r}x{c}" for c in range(1, 29) for r in range(1, 29)],
            )
        ),
        {},
    ),
    "digits without a header": ("A_Z Handwritten Data.csv", text(*digits(PIXELS)), {}),
    "pandas without names": ("a.csv", text(*digits(SMALL, range(64))), {}),
    "scikit-learn's digits": (
        "digits.csv",
        text(
            (*(f"pixel_{r}_{c}" for r in range(8) for c in range(8)), "target"),
            *((*map(float, row // 16), k) for row, k in zip(SMALL, CLASSES, strict=True)),
        ),
        {},
    ),
    "UCI's optdigits": (
        "optdigits.tra",
        text(*((*row // 16, k) for row, k in zip(SMALL, CLASSES, strict=True))),
        {"label_column": "65"},
    ),
    "fractions of pixels": (
        "a.csv",
        text(*digits((SMALL / 255).round(7), [f"pixel{k}" for k in range(64)])),
        {},
    ),
    "a size that is said": (
        "a.csv",
        text(*digits(SMALL, [f"v{k}" for k in range(64)])),
        {"image_size": (4, 16)},
    ),
}


def write_table(folder, kind):
    """Write a table; return its path and what is to be said of it."""
    name, content, said = TABLES[kind]
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path, said
