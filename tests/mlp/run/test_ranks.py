"""What rank 0 tells the others, and what they refuse; tests/test_mpi.py runs real ranks."""

import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
from thread_ranks import MPI, on_ranks

from mlp import DataError, DeviceError, TrainingConfig, choose_device, load, train
from mlp.communicator import Communicator
from mlp.datasets import fingerprint
from mlp.device import Device
from mlp.model import parameters_sha256
from mlp.run import ranks
from mlp.run.environment import describe_environment
from mlp.run.ranks import Leader, Order, follow
from mlp.run.signals import StopSignals


class Told(Communicator):
    """Who is told one thing, and then trains alone."""

    rank_on_host = 1

    def __init__(self, order):
        self.order = order

    def broadcast(self, value, root=0):
        return self.order


class Heard(Communicator):
    """Rank 0, whose words are noted."""

    def __init__(self):
        self.words = []

    def broadcast(self, value, root=0):
        self.words.append(value)
        return value


@pytest.fixture
def order(letters):
    config = TrainingConfig(
        data=str(letters),
        split=(400, 100),
        hidden=(5,),
        epochs=2,
        device="cpu",
        shard_rows=64,
        threads=1,
    )
    dataset = load(letters, split=(400, 100))
    environment = describe_environment(choose_device("cpu"))
    return Order(config, None, "cpu", dataset.sha256, fingerprint(dataset), environment)


def test_the_others_are_let_go_where_there_is_nothing_to_do():
    heard = Heard()
    with Leader(heard):
        pass
    assert heard.words == [None]
    with pytest.raises(ZeroDivisionError), Leader(heard):
        raise ZeroDivisionError
    assert heard.words == [None, None]
    follow(Told(None), pytest.fail)  # returns


def test_after_an_order_nothing_else_is_said(order):
    heard = Heard()
    with Leader(heard) as leader:
        leader.say(order)
    assert heard.words == [order]


@pytest.mark.parametrize("changed", ["labels", "features"])
def test_other_data_are_refused_whatever_differs(order, monkeypatch, changed):
    genuine = ranks.load

    def other(*given, **options):
        dataset = genuine(*given, **options)
        values = getattr(dataset.test, changed).copy()
        values[-1] = (values[-1] + 1) % 3
        return replace(dataset, test=dataset.test._replace(**{changed: values}))

    monkeypatch.setattr(ranks, "load", other)
    with pytest.raises(DataError, match=r"letters\.npz: differs from rank 0's; expected 3 classes"):
        follow(Told(order), pytest.fail)


def test_the_data_are_hashed_by_rank_0_alone(order, monkeypatch):
    seen = {}

    class Enough(Exception):  # noqa: N818 - it is no error
        pass

    def noting(path, **options):
        seen.update(options)
        raise Enough

    monkeypatch.setattr(ranks, "load", noting)
    with pytest.raises(Enough):
        follow(Told(order), pytest.fail)
    asked = {"split": (400, 100), "split_seed": 521, "image_size": None, "standardize": None}
    asked |= {"transpose": False, "label_column": None, "class_names": None}
    assert seen == asked | {"sha256": order.data_sha256}


def test_another_kind_of_device_is_refused(order, monkeypatch):
    asked = {}

    def choose(requested, **options):
        asked.update(options, requested=requested)
        return Device(None, None, "cuda", requested, "cuda:0", "probed")

    monkeypatch.setattr(ranks, "choose_device", choose)
    with pytest.raises(DeviceError, match=r"computes on cuda:0 \(probed\), rank 0 on cpu; ask all"):
        follow(Told(order), pytest.fail)
    assert asked == {"requested": "cpu", "strict": False, "tf32": False, "rank_on_host": 1}


def test_another_machine_is_warned_of_but_for_the_number_of_its_device(order):
    elsewhere = order.environment | {"CPU": "Z80", "device": "cuda:7"}
    said = []
    follow(Told(order._replace(environment=elsewhere)), said.append)
    (line,) = said
    assert line.startswith("CPU is ")
    assert line.endswith("rank 0's Z80: the last bits may differ from one rank")


def test_divergence_is_left_to_rank_0_to_say(order):
    config = replace(order.config, learning_rate=1e30, epochs=9)
    follow(Told(order._replace(config=config)), pytest.fail)


def test_the_others_train_beside_rank_0_to_the_bits_of_one_rank(order, monkeypatch):
    class NoSignals(StopSignals):  # which only the main thread may handle
        def __enter__(self):
            return self

        def __exit__(self, *exception):
            pass

    monkeypatch.setitem(sys.modules, "mpi4py", SimpleNamespace(MPI=MPI))
    monkeypatch.setattr(ranks, "StopSignals", NoSignals)
    dataset = load(order.config.data, split=(400, 100))

    def job(communicator):
        if communicator.rank > 0:
            follow(communicator, pytest.fail)
            return None
        with Leader(communicator) as leader:
            leader.say(order)
            state = train(dataset, order.config, communicator=communicator)
            communicator.combine([], 0)
            communicator.barrier()
            return parameters_sha256(state.parameters)

    found, _ = on_ranks(3, job)
    assert found == [parameters_sha256(train(dataset, order.config).parameters), None, None]
