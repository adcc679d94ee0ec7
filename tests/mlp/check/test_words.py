import ast
import re
from pathlib import Path

from mlp.check.words import MISTAKES

PACKAGE = Path(__file__).resolve().parents[3] / "mlp"


def test_every_section_that_is_pointed_to_exists():
    headings = set(re.findall(r"^#+ (.+)$", (PACKAGE / "README.md").read_text(), re.MULTILINE))
    assert {words.section for words in MISTAKES.values()} <= headings


def test_every_mistake_that_is_named_anywhere_has_its_words_and_no_other_has():
    named = set()
    paths = [*PACKAGE.glob("check/probes/*.py"), *PACKAGE.glob("check/reading/*.py")]
    for path in [*paths, PACKAGE / "check" / "agreement.py"]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and node.value in MISTAKES:
                named.add(node.value)
    made = {"loss by entries", "loss by classes"}  # by the form of a factor
    assert named | made == MISTAKES.keys()


def test_no_text_shows_code():
    for words in MISTAKES.values():
        assert not re.search(
            r"np\.(?!vectorize)|axis=|keepdims|\breturn\b.*=", words.why + words.title
        )
