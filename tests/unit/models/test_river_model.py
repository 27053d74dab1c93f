"""A River detector whose state is stored: across restarts, versions and sizes, and when it fails."""

from __future__ import annotations

import math
import random
import zlib
from typing import Any

import msgspec
import pytest

from retail_anomaly.models import river_model
from retail_anomaly.models.river_choice import ModelError, RiverChoice
from retail_anomaly.models.river_judges import SalesRank
from retail_anomaly.models.river_model import RiverModel
from tests.unit.models.test_river_state import CHOICES, HERE, features

TREES = CHOICES["trees"]


class Disk(dict[str, bytes]):
    """The records of one model."""

    description: list[int]

    def write(self, model: RiverModel) -> list[str]:
        records = dict(model.records())
        self.update({name: content or b"" for name, content in records.items()})
        self.description = model.describe()
        return list(records)

    def read(self, choice: RiverChoice = TREES, beside: Any = None) -> RiverModel:
        model = RiverModel(choice, beside)
        model.restore(self.description, self.get)
        return model


def shares(model: RiverModel, count: int, seed: int = 1) -> list[float]:
    rng = random.Random(seed)
    return [model.share_as_high(features(rng)) for _ in range(count)]


def lines_of(model: RiverModel) -> list[str]:
    """Return what a model tells at its next features."""
    told: list[str] = []
    model.share_as_high(features(random.Random(9)), told.append)
    return told


@pytest.fixture
def stored() -> Disk:
    disk, model = Disk(), RiverModel(TREES)
    shares(model, 60)
    disk.write(model)
    return disk


def test_restarts_at_any_point_change_nothing():
    model, disk = RiverModel(TREES), Disk()
    expected = shares(RiverModel(TREES), 2_400)
    rng, found = random.Random(1), []
    for number in range(2_400):  # the ring of scores goes round
        found.append(model.share_as_high(features(rng)))
        if number % 97 == 0 or number > 2_380:
            disk.write(model)
            model = disk.read()
    assert found == expected


def test_only_what_changed_is_written():
    model, disk = RiverModel(TREES), Disk()
    assert disk.write(model) == []
    shares(model, 600)
    assert disk.write(model) == ["scores-0", "scores-1", "scores-2", "detector"]
    assert disk.write(model) == []
    shares(model, 1)
    assert disk.write(model) == ["scores-2", "detector"]
    assert disk.write(disk.read()) == []


def test_the_rank_beside_it_goes_on_too():
    model, disk = RiverModel(TREES, SalesRank()), Disk()
    model.beside.day = 7
    model.beside.rank.add(1.0)
    shares(model, 1)
    disk.write(model)
    assert disk.read(beside=SalesRank()).beside == model.beside != SalesRank()


def test_state_of_another_version_of_river_begins_anew_with_one_line(stored, monkeypatch):
    monkeypatch.setattr("retail_anomaly.models.river_choice.version", lambda _: "0.99.0")
    model = stored.read()
    assert len(model) == 0
    (line,) = lines_of(model)
    assert line == (
        "river.anomaly.HalfSpaceTrees begins anew: its state was written with River "
        f"{msgspec.msgpack.decode(stored['detector'])[1]}, and River 0.99.0 runs"
    )
    assert lines_of(model) == []
    stored.write(model)
    assert len(stored.read()) == 1


def test_state_of_other_parameters_begins_anew(stored):
    other = RiverChoice(TREES.model, {**TREES.parameters, "n_trees": 6}, TREES.scaler)
    (line,) = lines_of(stored.read(other))
    assert line.endswith("begins anew: its state is that of another model or of other parameters")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "its state is that of another class"),
        (msgspec.msgpack.encode([[], [[1]], [0]]), "its state is that of another class"),
        (msgspec.msgpack.encode([[], [[11, "posix:system"]], [0]]), "it names 'posix:system', which is no"),
        (b"\0" * 50_000_000, "its state has more than 16,000,000 bytes"),
        (None, "Error -3 while decompressing data"),
    ],
)
def test_state_that_nobody_packed_begins_anew_and_runs_nothing(stored, content, reason):
    fields = msgspec.msgpack.decode(stored["detector"])
    packed = b"no zlib" if content is None else zlib.compress(content)
    stored["detector"] = msgspec.msgpack.encode([*fields[:-1], packed])
    model = stored.read()
    assert len(model) == 0
    (line,) = lines_of(model)
    assert reason in line or (content == b"" and "begins anew" in line)


@pytest.mark.parametrize("record", ["detector", "scores-0"])
@pytest.mark.parametrize("content", [b"", b"\x91", b"\xc4\x07abcdefg", b"c__builtin__\neval\n."])
def test_damaged_records_begin_anew(stored, record, content):
    stored[record] = content
    assert "begins anew" in lines_of(stored.read())[0]


def test_a_detector_that_grows_too_large_begins_anew_at_the_same_event_in_each_run(monkeypatch):
    monkeypatch.setattr(river_model, "MOST_BYTES", 200_000)
    choice = RiverChoice(f"{HERE}.Growing")
    whole, told, disk = RiverModel(choice), [], Disk()
    restarted = RiverModel(choice)
    rng = random.Random(1)
    for number in range(2_500):
        x = features(rng)
        assert whole.share_as_high(x, told.append) == restarted.share_as_high(x, lambda _: None)
        if number % 301 == 0:
            disk.write(restarted)
            restarted = disk.read(choice)
    assert told == 2 * [
        f"the state of {choice.model} has grown to 450,080 bytes, and at most 200,000 are stored: choose "
        "parameters that keep less; it begins anew"
    ]


def test_in_a_replay_a_detector_that_grows_too_large_is_an_error(monkeypatch):
    monkeypatch.setattr(river_model, "MOST_BYTES", 200_000)
    with pytest.raises(ModelError, match=r"Growing has grown to .* bytes, and at most 200,000 are stored"):
        shares(RiverModel(RiverChoice(f"{HERE}.Growing")), 1_000)


def test_what_becomes_unstorable_runs_on_and_begins_anew_after_a_restart():
    choice = RiverChoice(f"{HERE}.Opening")
    model, disk = RiverModel(choice), Disk()
    shares(model, 20)
    disk.write(model)
    assert len(model) == 1
    assert lines_of(model) == [
        f"the state of {choice.model} is not stored: it holds builtins.list_iterator, which can't be stored; "
        "it begins anew after a restart"
    ]
    assert lines_of(disk.read(choice)) == [f"{choice.model} begins anew: its state could not be stored"]


def test_a_detector_that_fails_is_passed_over_and_told_now_and_then():
    model, told = RiverModel(RiverChoice(f"{HERE}.Breaking")), []
    for _ in range(1_001):
        assert model.share_as_high({"refunds": 2.0}, told.append) == 1
        assert model.failed
    assert [line.rpartition(": ")[2] for line in told] == ["0", "1,000"]
    assert told[0].startswith(f"{HERE}.Breaking failed on {{'refunds': 2.0}}: LookupError: no neighbours; ")
    model.share_as_high({"refunds": 1.0}, told.append)
    assert not model.failed


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("name", CHOICES)
def test_what_is_no_number_teaches_nothing(name, value):
    once, twice = RiverModel(CHOICES[name]), RiverModel(CHOICES[name])
    shares(once, 20), shares(twice, 20)
    assert twice.share_as_high({**features(random.Random(2)), "sales": value}) == 1
    assert shares(once, 20, seed=3) == shares(twice, 20, seed=3)
