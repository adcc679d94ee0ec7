from mlp.check.definitions import define
from mlp.check.source import read_source


def definitions(tmp_path, text, **others):
    for name, content in {"starter": text, **others}.items():
        (tmp_path / f"{name}.py").write_text(content)
    return define(read_source(tmp_path / "starter.py"))


def test_imports_constants_and_definitions_are_kept_and_nothing_else(tmp_path):
    found = definitions(
        tmp_path,
        "import numpy as np\nN = 10 * 1000\nH, K = 1000, 10\nx = load()\nprint(1)\n"
        "f = lambda x: x\ng = np.vectorize(f)\nh = f\ndef k(a, b=2): pass\nbig = 10 ** 10 ** 10\n",
    )
    assert [chunk for _, chunk in found.chunks] == [
        *("import numpy as np", "N = 10 * 1000", "H, K = (1000, 10)"),
        *("f = lambda x: x", "g = np.vectorize(f)", "h = f", "def k(a, b=2):\n    pass"),
    ]
    assert {n: f.required for n, f in found.functions.items()} == {
        **{name: ["x"] for name in "fgh"},
        "k": ["a"],
    }
    assert {"x", "N", "K", "np", "k"} <= found.known


def test_the_last_definition_counts_and_the_earlier_ones_are_known(tmp_path):
    found = definitions(tmp_path, "def f(a): pass\n\ndef f(b): pass\n")
    assert (found.functions["f"].required, found.functions["f"].before) == (["b"], [1])


def test_methods_nested_and_conditional_functions_are_found(tmp_path):
    found = definitions(
        tmp_path,
        "class A:\n def m(self, x): pass\n @staticmethod\n def s(x): pass\n def forgot(x): pass\n"
        "def main():\n n = 3\n def inner(x): return n\n"
        "if __name__ == '__main__':\n def late(x): pass\n",
    )
    required = {name: f.required for name, f in found.functions.items()}
    assert required == {
        **{"A.m": ["x"], "A.s": ["x"], "A.forgot": ["x"], "main": [], "inner": ["x"]},
        "late": ["x"],
    }
    assert "n" in found.known  # the inner function sees it


def test_names_inside_of_functions_are_not_known_outside(tmp_path):
    found = definitions(tmp_path, "def f(a):\n b = 1\n global c\n c = 2\n")
    assert found.known == {"f", "c"}


def test_files_beside_a_submission_are_followed_two_deep(tmp_path):
    found = definitions(
        tmp_path,
        "from one import *\nimport one as o\nfrom one import f as g\nfrom torch import *\n",
        one="from two import h\ndef f(x): pass\n",
        two="from three import k\ndef h(x): pass\n",
        three="def k(x): pass\n",
    )
    assert sorted(found.functions) == ["f", "g", "h", "o.f", "o.h"]
    assert found.functions["g"].file == tmp_path / "one.py"
    assert found.functions["h"].file == tmp_path / "two.py"
    assert [module for module, chunk in found.chunks if chunk.startswith("def f")] == ["one"] * 3
    assert found.open_ended


def test_names_may_come_from_magics_and_from_what_does_not_parse(tmp_path):
    assert definitions(tmp_path, "%pylab inline\ndef f(x): return exp(x)\n").open_ended
    assert definitions(tmp_path, "n = = 3\ndef f(x): return n\n").open_ended
    assert not definitions(tmp_path, "%matplotlib inline\ndef f(x): return x\n").open_ended


def test_a_file_named_like_numpy_is_not_followed(tmp_path):
    found = definitions(
        tmp_path, "import numpy as np\nimport math\n", numpy="def f(x): pass\n", math="1"
    )
    assert found.functions == {}


def test_a_file_that_imports_itself_ends(tmp_path):
    found = definitions(
        tmp_path, "import one\n", one="import one\nimport starter\ndef f(x): pass\n"
    )
    assert "one.f" in found.functions
