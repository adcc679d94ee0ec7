import ast
import json

import pytest

from mlp.check.source import UnreadableError, place, read_source


def read(tmp_path, text, name="starter.py"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_source(path)


def defined(source):
    return [(n.name, n.lineno) for n in ast.walk(source.tree) if isinstance(n, ast.FunctionDef)]


def notebook(*cells):
    code = [{"cell_type": "code", "source": cell.splitlines(keepends=True)} for cell in cells]
    return json.dumps({"cells": [{"cell_type": "markdown", "source": "# no code"}, *code]})


def test_a_script_is_its_tree(tmp_path):
    source = read(tmp_path, "def f():\n    pass\n\ndef g(): pass\n")
    assert defined(source) == [("f", 1), ("g", 4)]
    assert (source.problems, source.cells) == ([], [])


@pytest.mark.parametrize(
    "text",
    [
        b"\xef\xbb\xbfdef f(): pass",
        "# -*- coding: latin-1 -*-\n# \xe9\ndef f(): pass".encode("latin-1"),
        "# \xe9\ndef f(): pass".encode("latin-1"),
        b"def f():\r\n\treturn 1\r\n",
        b"def f(): pass\n\0",
        b"%matplotlib inline\n!ls\ndef f():\n    %time x = 1\n    return 2",
        b"x = !ls\ndef f(): pass",
        b"f?\ndef f(): pass",
        b'print "Python", 2\ndef f():\n    print "x"\n    return 1',
        b"def f(): pass\nclass A\n    pass",
        b"if True:\nx = 1\ndef f(): return '''a\nb'''",
    ],
)
def test_of_what_does_not_parse_the_definitions_are_read(text, tmp_path):
    assert [name for name, _ in defined(read(tmp_path, text))] == ["f"]


def test_what_does_not_parse_is_told_with_its_line(tmp_path):
    source = read(tmp_path, "def f(): pass\nclass A\n    def g(self):\n        return 1\nx = (\n")
    assert [line for line, _ in source.problems] == [2]
    assert defined(source) == [("f", 1), ("g", 3)]


def test_notebooks_are_their_code_cells(tmp_path):
    text = notebook("%%time\ndef f():\n    return 1", "%%bash\nls", "x = 1\ndef g(): pass")
    source = read(tmp_path, text, "starter.ipynb")
    assert [name for name, _ in defined(source)] == ["f", "g"]
    assert place(source.cells, defined(source)[0][1]) == "cell 1, line 2"
    assert place(source.cells, defined(source)[1][1]) == "cell 3, line 2"
    assert place([], 7) == "line 7"


def test_one_cell_that_does_not_parse_spoils_no_other(tmp_path):
    source = read(tmp_path, notebook("def f(): pass", "def (", "def g(): pass"), "a.ipynb")
    assert [name for name, _ in defined(source)] == ["f", "g"]
    assert [place(source.cells, line) for line, _ in source.problems] == ["cell 2, line 1"]


def test_notebooks_before_version_4_are_read(tmp_path):
    old = {"worksheets": [{"cells": [{"cell_type": "code", "input": ["def f(): pass"]}]}]}
    assert defined(read(tmp_path, json.dumps(old), "a.ipynb")) == [("f", 1)]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"cells": 3}', '{"cells": [3]}', "[" * 100_000]
)
def test_what_is_no_notebook_is_unreadable(text, tmp_path):
    with pytest.raises(UnreadableError, match="is no Jupyter notebook"):
        read(tmp_path, text, "a.ipynb")


def test_what_is_no_file_or_too_large_is_unreadable(tmp_path, monkeypatch):
    with pytest.raises(UnreadableError, match="is no file"):
        read_source(tmp_path)
    monkeypatch.setattr("mlp.check.source.LARGEST", 3)
    with pytest.raises(UnreadableError, match="is larger than"):
        read(tmp_path, "x = 1")


def test_deep_nesting_is_a_line_that_does_not_parse(tmp_path):
    source = read(tmp_path, "x = " + "(" * 500 + ")" * 500 + "\ndef f(): pass\n")
    assert defined(source) == [("f", 2)]
    assert source.problems


def test_lines_that_only_look_like_magics_stay(tmp_path):
    text = "%matplotlib inline\nx = !ls\ndef f(loss):\n    a = ('loss %f'\n        % loss)\n    return (a\n        != 3)\n"
    source = read(tmp_path, notebook(text), "a.ipynb")
    assert source.problems == []
    assert [name for name, _ in defined(source)] == ["f"]
