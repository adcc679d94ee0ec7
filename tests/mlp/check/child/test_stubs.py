import types

import numpy as np
import pytest

from mlp.check.child.stubs import FORMER, LOADED, Stub, importer


@pytest.fixture
def load():
    Stub.touched = False
    return importer(Stub(), {"helpers": types.SimpleNamespace(one=1)})


@pytest.mark.parametrize("name", sorted(LOADED))
def test_harmless_modules_are_genuine(load, name):
    assert not isinstance(load(name), Stub)


@pytest.mark.parametrize("name", ["os", "sys", "subprocess", "tensorflow", "mlp", "numpy.nothing"])
def test_others_are_stand_ins(load, name):
    assert isinstance(load(name, fromlist=("a",)), Stub)
    assert not Stub.touched


@pytest.mark.parametrize(
    "use",
    [
        lambda s: s.zeros(3),
        lambda s: s + 1,
        lambda s: 1 - s,
        lambda s: s @ np.ones((2, 2)),
        lambda s: np.ones((2, 2)) @ s,
        lambda s: s[0],
        lambda s: -s,
        lambda s: s > 0,
        lambda s: list(s),
        lambda s: bool(s),
    ],
)
def test_every_use_of_a_stand_in_is_remembered(load, use):
    use(load("tensorflow"))
    assert Stub.touched


def test_a_stand_in_as_decorator_or_base_changes_nothing(load):
    stub = load("numba")

    @stub
    def one():
        return 1

    class Net(stub):
        two = 2

    assert (one(), Net.two, Net.__bases__) == (1, 2, (object,))


def test_files_beside_a_submission_are_its_own_modules(load):
    assert load("helpers").one == 1


def test_bars_around_loops_are_transparent(load):
    assert list(load("tqdm").tqdm([1, 2], desc="x")) == [1, 2]
    assert list(load("tqdm", fromlist=("trange",)).trange(2)) == [0, 1]


def test_former_names_of_numpy_are_not_given_to_this_process():
    assert "float_" not in vars(np)
    assert FORMER["float"] is float
