"""The corpus of submissions, with what a reader has found in each of them.

A label is a comment (in a notebook a line of its first cell) that no checker sees:
``label: NAME right|fragile|wrong|unchecked`` or ``label: training CODE``.
"""

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from mlp.check.check import check_file
from mlp.check.verdict import Judgement, Report, Verdict

CORPUS = Path(__file__).parent / "mlp" / "check" / "corpus"
HALVES = ("open", "held_out")
_LABEL = re.compile(r"label: (\w+) ([\w-]+)")

# What a label on training code means among the checker's own names.
TRAINING = {
    "deviation": {"deviation"},
    "bias-not-zero": {"bias not zero"},
    "unit-counts": {"unit counts"},
    "numerator": {"numerator"},
    "update-order": {"update order"},
    "not-updated": {"not updated"},
    "mask": {"mask absent", "relu as mask", "mask open"},
    "discarded": {"discarded"},
    "softmax-twice": {"softmax twice"},
    "velocity-value": {"ten times a power"},
    "velocity-lost": {"velocity lost"},
    "sum-rate": {"rate of a sum"},
    "no-momentum": {"no momentum"},
    "test-from-valid": {"test from valid"},
    "swapped": {"swapped"},
    "undefined": {"undefined"},
    "argmax-axis": {"argmax axis"},
    "shuffle": {"shuffle not called", "shuffle reseeds"},
    "figure": {"figure saved"},
    "clean": set(),
}


@dataclass
class Labelled:
    """A submission, what its functions are, and what is to be seen in its training."""

    path: Path
    functions: dict[str, str]
    training: set[str]


def submissions(half: str) -> Iterator[Labelled]:
    """Yield the labelled submissions of one half."""
    for path in sorted((CORPUS / half).iterdir()):
        labels = _LABEL.findall(path.read_text())
        if labels:
            training = {code for name, code in labels if name == "training"}
            functions = {name: code for name, code in labels if name != "training"}
            yield Labelled(path, functions, training)


@dataclass
class Score:
    """How the checker and the reader agree on one half; every list holds ``file: name``."""

    right: int = 0
    wrong: int = 0
    false_wrong: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)  # right, and not checked
    fragility: list[str] = field(default_factory=list)  # fragile for one of them only
    training: int = 0
    training_missed: list[str] = field(default_factory=list)
    training_extra: list[str] = field(default_factory=list)  # certain, and not labelled
    seconds: list[float] = field(default_factory=list)


def score(half: str) -> Score:
    """Check one half of the corpus, two submissions at a time: each waits for its process."""
    total, all_of_it = Score(), list(submissions(half))
    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(check_file, [labelled.path for labelled in all_of_it]))
    for labelled, report in zip(all_of_it, reports, strict=True):
        total.seconds.append(report.seconds)
        _compare(total, labelled, report)
    return total


def _compare(total: Score, labelled: Labelled, report: Report) -> None:
    verdicts = {t.function.short: t.judgement.verdict for t in report.tried}
    for name, label in labelled.functions.items():
        verdict, where = verdicts.get(name, Verdict.UNCHECKED), f"{labelled.path.name}: {name}"
        if label == "wrong":
            total.wrong += 1
            if verdict is not Verdict.WRONG:
                total.missed.append(where)
            continue
        total.right += label != "unchecked"
        if verdict is Verdict.WRONG:
            total.false_wrong.append(where)
        elif verdict is Verdict.UNCHECKED and label != "unchecked":
            total.silent.append(where)
        elif (verdict is Verdict.FRAGILE) != (label == "fragile") and label != "unchecked":
            total.fragility.append(where)
    seen = {remark.mistake for remark in report.remarks}
    allowed = set().union(*(TRAINING[code] for code in labelled.training))
    for code in labelled.training - {"clean"}:
        total.training += 1
        if not seen & TRAINING[code]:
            total.training_missed.append(f"{labelled.path.name}: {code}")
    for remark in report.remarks:
        if remark.certain and remark.mistake not in allowed:
            total.training_extra.append(f"{labelled.path.name}: {remark.mistake}")


def check_text(folder: Path, text: str, name: str = "starter.py") -> Report:
    """Write a submission, with the import that all have, and check it."""
    path = folder / name
    path.write_text("import numpy as np\n" + textwrap.dedent(text))
    return check_file(path)


def check_texts(folder: Path, texts: Sequence[str]) -> list[Report]:
    """Check several submissions, two at a time."""
    names = [f"starter{number}.py" for number in range(len(texts))]
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(check_text, [folder] * len(texts), texts, names))


def judge(folder: Path, sources: Mapping[str, str]) -> dict[str, Judgement]:
    """Judge the last function of every source, all in one submission, as methods of classes.

    They share a process, which costs a tenth of a second; nothing else.
    """
    classes = [
        f"class V{number}:\n"
        + textwrap.indent(re.sub("^def ", "@staticmethod\ndef ", text, flags=re.M), " ")
        for number, text in enumerate(sources.values())
    ]
    report = check_text(folder, "\n".join(classes) + "\n")
    last = {t.function.name.partition(".")[0]: t.judgement for t in report.tried}
    return {name: last[f"V{number}"] for number, name in enumerate(sources)}
