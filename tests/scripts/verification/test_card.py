"""Who shares the card, and what its clocks do, as a fake nvidia-smi tells it."""

import time

import fake_tools
import pytest
from verification import card

BUS = "0000:00:00.0"


def test_without_nvidia_smi_nothing_is_known_of_others(path):
    assert card.sharing(BUS) == {"others": "", "watched": False}
    with card.Watch(BUS) as watch:
        pass
    assert watch.seen == {}


@pytest.mark.parametrize(
    ("answers", "others"),
    [
        ({}, ""),
        ({"mig__mode__current": "[N/A]", "utilization__gpu": "[N/A]", "pid": ""}, ""),
        ({"mig__mode__current": "Enabled"}, "the card is partitioned (MIG)"),
        ({"utilization__gpu": "37"}, "it is 37 % busy while nothing is asked of it"),
        ({"pid": "4711 12"}, "1 other process(es) compute on it"),
    ],
    ids=["quiet", "tells nothing", "partitioned", "busy", "shared"],
)
def test_who_shares_the_card_is_found(path, monkeypatch, answers, others):
    monkeypatch.setattr(card, "SAMPLE_MS", 1)
    fake_tools.nvidia_smi(path, **answers)
    assert card.sharing(BUS) == {"others": others, "watched": True}


@pytest.mark.parametrize(
    "name", ["clocks_event_reasons__active", "clocks_throttle_reasons__active"]
)
@pytest.mark.parametrize(
    ("mask", "throttled"),
    [
        ("0x1", []),
        ("0x3", []),
        ("0x4", ["power cap"]),
        ("0x60", ["temperature", "temperature, by hardware"]),
    ],
)
def test_clocks_are_watched_and_what_holds_them_down(path, name, mask, throttled):
    fake_tools.nvidia_smi(path, **{"clocks_event_reasons__active": None, name: mask})
    with card.Watch(BUS) as watch:
        time.sleep(0.5)
    assert watch.seen["clocks.sm"] == watch.seen["lowest clocks.sm"] == 1980
    assert watch.seen["power.draw"] == 212.5
    assert watch.seen["throttled"] == throttled


def test_a_reason_counts_where_it_holds_most_of_the_time():
    quiet, capped = (["1980", "1980", "2619", "41", "212.5", mask] for mask in ("0x0", "0x4"))
    assert card.summary([quiet, quiet, capped])["throttled"] == []
    assert card.summary([quiet, capped, capped])["throttled"] == ["power cap"]
    slow = ["900", *capped[1:]]
    found = card.summary([quiet, quiet, slow])
    assert (found["clocks.sm"], found["lowest clocks.sm"]) == (1980, 900)
