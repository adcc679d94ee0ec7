import argparse
import dataclasses
import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from mlp import TrainingConfig
from mlp.config import add_arguments, command_line, differences, flag, from_arguments


def parse(*arguments):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return from_arguments(parser.parse_args(arguments))


def test_the_defaults_are_the_tasks():
    config = TrainingConfig()
    assert (config.hidden, config.epochs, config.batch_size) == ((1000,), 200, None)
    assert (config.learning_rate, config.momentum, config.velocity_init) == (0.1, 0.9, 1e-5)
    assert (config.seed, config.split_seed, config.split) == (421, 521, None)
    assert (config.nesterov, config.l2, config.dtype) == (False, 0.0, "float32")


def test_an_empty_command_line_gives_the_defaults():
    assert parse() == TrainingConfig()


def test_every_option_can_be_given_on_the_command_line():
    given = {
        "data": "letters.npz",
        "device": "cuda:1",
        "strict_device": True,
        "tf32": True,
        "hidden": (30, 20),
        "epochs": 7,
        "batch_size": 128,
        "learning_rate": 0.25,
        "momentum": 0.5,
        "nesterov": True,
        "l2": 0.125,
        "schedule": "one-cycle",
        "velocity_init": -1e-5,
        "dtype": "float64",
        "seed": 1,
        "split_seed": 2,
        "split": (70, 20),
        "image_size": (32, 24),
        "transpose": True,
        "label_column": "Species of flower",
        "class_names": ("a b", "c"),
        "class_weight": "balanced",
        "standardize": True,
        "threads": 3,
        "shard_rows": 99,
        "reference": "keras",
        "early_stopping": 4,
        "checkpoint_every": 5,
    }
    assert set(given) == {option.name for option in dataclasses.fields(TrainingConfig)}
    arguments = []
    for name, value in given.items():
        if value is True or isinstance(value, tuple):
            arguments += [flag(name), *map(str, value if value is not True else ())]
        else:  # with "=", because -1e-05 looks like an option
            arguments.append(f"{flag(name)}={value}")
    config = parse(*arguments)
    assert config == TrainingConfig(**given)
    assert json.loads(config.to_json()) == json.loads(json.dumps(given))
    assert TrainingConfig.from_json(config.to_json()) == config
    assert parse(*shlex.split(command_line(config))) == config


def test_a_split_may_be_of_shares():
    config = parse("--split", "0.8", "0.1")
    assert config.split == (0.8, 0.1)
    assert TrainingConfig.from_json(config.to_json()) == config
    assert parse(*shlex.split(command_line(config))) == config
    with pytest.raises(ValueError, match="split must be "):
        TrainingConfig.from_json('{"split": [10, 0.5]}')


def test_what_is_left_open_may_be_refused():
    assert parse().standardize is None
    config = parse("--no-standardize")
    assert config.standardize is False
    assert TrainingConfig.from_json(config.to_json()) == config
    assert parse(*shlex.split(command_line(config))) == config


def test_full_is_a_batch_size():
    assert parse("--batch-size", "full").batch_size is None


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("device", "gpu", "--device must be auto, cpu, cuda or cuda:N, got gpu"),
        ("class_names", ("a", "a"), "--class-names must be at least two names, all different"),
        ("class_names", ("a", ""), "none empty"),
        ("class_names", ("a", "-b"), "or beginning with -, got a -b"),
        ("hidden", (), "--hidden must be one or more numbers from 1"),
        ("hidden", (5, 0), r"--hidden must be one or more numbers from 1 to 2\*\*31 - 1, got 5 0"),
        ("epochs", -1, "--epochs must be at least 0, got -1"),
        ("batch_size", 0, "--batch-size must be full or at least 1, got 0"),
        ("learning_rate", 0.0, "--learning-rate must be a finite number above 0, got 0.0"),
        ("learning_rate", float("nan"), "--learning-rate must be a finite number above 0"),
        ("learning_rate", float("inf"), "--learning-rate must be a finite number above 0"),
        ("schedule", "linear", "--schedule must be constant, cosine or one-cycle, got linear"),
        ("momentum", 1.0, r"--momentum must be in \[0, 1\), got 1.0"),
        ("l2", -0.1, "--l2 must be finite and not negative"),
        ("velocity_init", float("nan"), "--velocity-init must be finite"),
        ("dtype", "float16", "--dtype must be float32 or float64, got float16"),
        ("seed", -1, "--seed must be at least 0"),
        ("split_seed", 2**32, r"--split-seed must be in \[0, 2\*\*32\)"),
        ("split", (10, 0), "--split must be two numbers of at least 1, or two shares .*, got 10 0"),
        ("split", (0.9, 0.2), "--split must be two numbers .* of at most 1 in all, got 0.9 0.2"),
        ("image_size", (0, 5), "--image-size must be a height and a width from 1 to 8192, got 0"),
        ("threads", 0, "--threads must be from 1 to 1024"),
        ("threads", 10**40, "--threads must be from 1 to 1024"),
        ("shard_rows", 0, "--shard-rows must be at least 1"),
        ("early_stopping", 0, "--early-stopping must be at least 1"),
        ("checkpoint_every", 0, "--checkpoint-every must be at least 1"),
    ],
)
def test_a_value_out_of_range_is_named_with_its_option(option, value, message):
    with pytest.raises(ValueError, match=message):
        TrainingConfig(**{option: value})


def test_options_given_take_the_place_of_those_of_an_earlier_run():
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    base = TrainingConfig(hidden=(7,), nesterov=True, epochs=3)
    config = from_arguments(parser.parse_args(["--epochs", "9"]), base)
    assert config == dataclasses.replace(base, epochs=9)


def test_the_command_of_a_default_run_is_empty_and_one_with_blanks_is_quoted():
    assert command_line(TrainingConfig()) == ""
    assert command_line(TrainingConfig(data="my letters")) == "'--data=my letters'"


def test_options_missing_in_a_file_have_their_defaults():
    assert TrainingConfig.from_json('{"epochs": 3, "l2": 1}') == TrainingConfig(epochs=3, l2=1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "must be a JSON object"),
        ("{", "Expecting property name"),
        ('{"layers": 3}', "has no option 'layers'"),
        ('{"epochs": "3"}', "epochs must be int, got '3'"),
        ('{"epochs": true}', "epochs must be int, got True"),
        ('{"epochs": null}', "epochs must be int, got None"),
        ('{"nesterov": 1}', "nesterov must be bool, got 1"),
        ('{"hidden": 5}', "hidden must be tuple"),
        ('{"hidden": [5.5]}', "hidden must be tuple"),
        ('{"data": ["a"]}', "data must be str"),
        ('{"learning_rate": NaN}', "--learning-rate must be a finite number"),
        ('{"epochs": -1}', "--epochs must be at least 0"),
    ],
)
def test_a_file_of_options_is_judged(text, message):
    with pytest.raises(ValueError, match=message):
        TrainingConfig.from_json(text)


# Whether an option changes the weights that training ends with, and whether it may be another
# when a run goes on. Every option answers both.
ANSWERS = {
    "data": (True, True),
    "device": (False, True),
    "strict_device": (False, True),
    "tf32": (True, False),
    "hidden": (True, False),
    "epochs": (True, True),
    "batch_size": (True, False),
    "learning_rate": (True, False),
    "schedule": (True, False),
    "momentum": (True, False),
    "nesterov": (True, False),
    "l2": (True, False),
    "velocity_init": (True, False),
    "dtype": (True, False),
    "seed": (True, False),
    "split_seed": (True, False),
    "split": (True, False),
    "image_size": (True, False),
    "transpose": (True, False),
    "label_column": (True, False),
    "class_names": (True, False),
    "class_weight": (True, False),
    "standardize": (True, False),
    "threads": (False, True),
    "shard_rows": (True, False),
    "reference": (True, False),
    "early_stopping": (True, False),
    "checkpoint_every": (False, True),
}


def test_every_option_says_whether_it_changes_the_weights_and_may_change_in_a_run():
    answers = {
        option.name: (option.metadata["weights"], option.metadata["resume"])
        for option in dataclasses.fields(TrainingConfig)
    }
    assert answers == ANSWERS
    assert all(option.metadata["help"] for option in dataclasses.fields(TrainingConfig))


def test_differences_are_named_in_alphabetic_order_with_their_options():
    one, other = TrainingConfig(), TrainingConfig(threads=3, epochs=1, nesterov=True)
    assert list(differences(one, other)) == ["epochs", "nesterov", "threads"]
    assert differences(one, other)["epochs"].metadata["resume"] is True
    assert differences(other, one).keys() == differences(one, other).keys()
    assert differences(one, TrainingConfig()) == {}


@pytest.mark.parametrize(
    ("name", "value", "taken"),
    [
        ("hidden", 100, (100,)),
        ("hidden", [30, 20], (30, 20)),
        ("hidden", np.array([30, 20]), (30, 20)),
        ("hidden", np.int64(7), (7,)),
        ("batch_size", "full", None),
        ("batch_size", np.int32(64), 64),
        ("learning_rate", 1, 1.0),
        ("learning_rate", np.float32(0.5), 0.5),
        ("split", [50, 20], (50, 20)),
        ("split", np.array([0.5, 0.25]), (0.5, 0.25)),
        ("image_size", [np.int64(32), 24], (32, 24)),
        ("data", Path("letters.npz"), "letters.npz"),
    ],
)
def test_a_program_may_write_what_it_means(name, value, taken):
    config = TrainingConfig(**{name: value})
    assert getattr(config, name) == taken
    assert type(getattr(config, name)) is type(taken)
    assert TrainingConfig.from_json(config.to_json()) == config


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        (
            "hidden",
            "100",
            "numbers from 1 to 2**31 - 1, got '100'; write hidden=(100,), for example",
        ),
        ("hidden", (5.5,), "got (5.5,); write hidden=(100,)"),
        ("hidden", True, "got True; write hidden=(100,)"),
        ("hidden", {"units": 3}, "got {'units': 3}; write hidden=(100,)"),
        ("batch_size", "64", "full or at least 1, got '64'; write batch_size=64"),
        ("epochs", "5", "at least 0, got '5'; write epochs=200"),
        ("epochs", 5.5, "at least 0, got 5.5; write epochs=200"),
        ("learning_rate", "0.1", "a finite number above 0, got '0.1'; write learning_rate=0.1"),
        ("learning_rate", None, "got None; write learning_rate=0.1"),
        ("nesterov", "yes", "True or False, got 'yes'; write nesterov=False"),
        ("dtype", np.float32, "write dtype='float32'"),
        ("device", None, "write device='auto'"),
        ("threads", "2", "got '2'; write threads=1"),
        ("split", "0.8 0.1", "got '0.8 0.1'; write split=(0.8, 0.1)"),
        ("split", (10, 0.5), "got (10, 0.5); write split=(0.8, 0.1)"),
        ("image_size", 32, "got 32; write image_size=(32, 32)"),
        ("reference", 3, "--reference must be keras, got 3"),
    ],
)
def test_a_value_of_another_kind_is_told_how_it_is_written(name, value, expected):
    with pytest.raises(ValueError, match=re.escape(expected)):
        TrainingConfig(**{name: value})
