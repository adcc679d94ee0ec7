import re
from pathlib import Path

README = Path(__file__).resolve().parents[2] / "mlp" / "README.md"


def test_the_worked_example_holds():
    """The mathematics' README ends its example in asserts; run them."""
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert blocks
    for block in blocks:
        assert "assert" in block
        exec(compile(block, str(README), "exec"), {})
