import numpy as np

from mlp.check.process import Student


def student(*sources):
    return Student([("", "import numpy as np"), *(("", source) for source in sources)])


def test_arguments_are_copies_and_changes_are_told():
    x = np.array([1.0, -1.0])
    with student("def f(a, b):\n a[0] = 5\n return b") as started:
        outcome = started.call("f", [x, 2])
    assert (outcome.value, outcome.error) == (2, None)
    assert x[0] == 1.0
    np.testing.assert_array_equal(outcome.changed[0], [5.0, -1.0])
    assert set(outcome.changed) == {0}


def test_errors_come_back_as_texts():
    with student("def f(): return y", "def g(): raise KeyError('a' * 999)") as started:
        assert started.call("f", []).error == "NameError"
        assert started.call("f", [], {"y": 3}).value == 3
        assert started.call("f", []).error == "NameError"  # the name was there for one call
        outcome = started.call("g", [])
    assert outcome.error == "KeyError"
    assert len(outcome.message) <= 300


def test_definitions_that_fail_are_told_and_the_others_are_there():
    with student("def f(a=nothing): return a", "def g(a: nothing): return a") as started:
        assert list(started.errors) == [1]
        assert started.call("g", [7]).value == 7


def test_after_an_end_the_next_call_finds_everything_again():
    source = "import random\ndef f(): random._os._exit(3)"
    with student(source, "def g(): return 1") as started:
        assert started.call("f", []).error == "end"
        assert started.call("g", []).value == 1


def test_the_time_of_a_file_ends(monkeypatch):
    monkeypatch.setattr("mlp.check.process.FILE_SECONDS", 0.0)
    with student("def g(): return 1") as started:
        assert started.call("g", []).error == "budget"


def test_modules_and_methods_are_found_by_their_names():
    parts = [("helpers", "def f(): return 1"), ("", "import helpers as h")]
    methods = "class A:\n def m(self): return 2\n @staticmethod\n def s(): return 3\n def forgot(): return 4"
    with Student([*parts, ("", methods)]) as started:
        values = [started.call(name, []).value for name in ("h.f", "A.m", "A.s", "A.forgot")]
    assert values == [1, 2, 3, 4]


def test_random_numbers_are_the_same_in_every_call():
    with student("def f(): return np.random.rand()") as started:
        assert started.call("f", []).value == started.call("f", []).value


def test_nothing_of_this_project_is_loaded_beside_a_submission():
    source = "import random\ndef f(): return sorted(random._os.sys.modules)"
    with student(source) as started:
        loaded = started.call("f", []).value
    assert not [name for name in loaded if name.partition(".")[0] in ("mlp", "kernels")]
