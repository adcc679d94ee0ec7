"""The table of symptoms in mlp/README.md, and how curves are put into words."""

import re
from pathlib import Path

import numpy as np
import pytest
import symptoms
from markdown import marked
from symptoms import Code, Curve, symptom

README = Path(__file__).resolve().parents[2] / "mlp" / "README.md"
SOUND = Curve(list(np.linspace(2.3, 0.1, 41)), list(np.linspace(0.1, 0.9, 41)))


def curve(losses=SOUND.losses, accuracies=SOUND.accuracies):
    return Curve(list(losses), list(accuracies))


def test_the_table_has_every_mistake_and_its_sections_exist():
    rows = marked(README, "symptoms")[1].strip().splitlines()[4:]
    headings = re.findall(r"^## (.+)$", README.read_text(), re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9 -]", "", h.lower()).replace(" ", "-") for h in headings}
    assert [row.split(" | ")[1] for row in rows] == [defect.cause for defect in symptoms.DEFECTS]
    assert {re.search(r"\(#(.+)\)", row)[1] for row in rows} <= anchors
    assert {defect.section for defect in symptoms.DEFECTS} <= set(headings)


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (curve([2.3, 2.0, *[np.nan] * 39]), "loss NaN from epoch 2"),
        (curve(accuracies=[0.0] * 41), "accuracy 0.0 in every epoch"),
        (curve(-np.array(SOUND.losses)), "loss below 0"),
        (curve(np.array(SOUND.losses) / 10), "loss 10 times too small from the start"),
        (curve([2.303] * 41, [0.1] * 41), "loss stays between 2.303 and 2.303"),
        (curve(np.linspace(2.3, 9, 41)), "loss rises from 2.30 to 9"),
        (curve(accuracies=[0.9, 0.4] * 20 + [0.9]), "accuracy jumps: it falls by up to 0.50"),
        (curve(), "nothing: loss 0.100, accuracy 0.90"),
        (curve([*[2.3] * 20, *np.linspace(0.5, 0.2, 21)]), "loss 0.20, accuracy"),
        (
            curve([*[4.0] * 20, *np.linspace(0.5, 0.2, 21)]),
            "a slow start: loss 4.00 after 10 epochs",
        ),
        (curve(np.linspace(2.3, 1.0, 41)), "loss 1.00, accuracy"),
    ],
)
def test_curves_in_words(seen, words):
    assert symptom(seen, SOUND).startswith(words)


def test_a_run_without_a_mistake_learns_and_is_repeatable():
    first, second = (symptoms.run(Code(), epochs=2) for _ in range(2))
    assert first == second
    assert first.losses[2] < first.losses[0]
    assert len(first.losses) == len(first.accuracies) == 3


@pytest.mark.parametrize("defect", symptoms.DEFECTS, ids=lambda defect: defect.cause)
def test_every_mistake_changes_what_a_run_does(defect):
    assert symptoms.run(defect.code, epochs=1) != symptoms.run(Code(), epochs=1)
