"""With pseudonyms the alerts are those of the clear ids, before, after and in the midst of a rotation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from functools import cache

import msgspec
import pytest

from data_gen import Simulation
from retail_anomaly.contract import RestartingRun, Run
from retail_anomaly.core import codec
from retail_anomaly.core.events import CountEvent, Event, PosEvent, ShiftEvent
from retail_anomaly.core.invalid import InvalidEvent
from retail_anomaly.core.pseudonyms import Pseudonyms, is_pseudonym, pseudonym
from retail_anomaly.core.state_errors import NamesChangedError
from retail_anomaly.settings import (
    PrivacySettings,
    RuleSettings,
    Settings,
    StoreSettings,
    build_engine,
    load_settings,
    pseudonyms_of,
    rules_of_settings,
)
from tests.golden import cases
from tests.support.employees import contents, employees_of

KEYS = {"RETAIL_PSEUDONYM_KEY": "first key, of 32 letters or more", "KEY_2": "second key, of as many letters"}
ROTATED = date(2025, 3, 4)
MIDNIGHT = int(datetime(2025, 3, 4, tzinfo=UTC).timestamp()) * 1000
HAWAII = "Pacific/Honolulu"  # where midnight UTC is at two in the afternoon
MINUTE = 60_000
HOUR = 60 * MINUTE


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, key in KEYS.items():
        monkeypatch.setenv(name, key)


def keyed(settings: Settings, *, rotated: bool = False) -> Settings:
    rotations = {"KEY_2": ROTATED} if rotated else {}
    return msgspec.structs.replace(settings, privacy=PrivacySettings(pseudonyms="keyed", rotations=rotations))


def names_of(settings: Settings) -> Pseudonyms:
    names = pseudonyms_of(settings.privacy)
    assert names is not None
    return names


def both(events: Sequence[Event], settings: Settings, run_of: type[Run] = Run) -> tuple[list, list]:
    """Return the alerts of clear events, and those of `settings` put back to clear ids."""
    names = names_of(settings)
    people = employees_of(events)
    plain = msgspec.structs.replace(settings, privacy=PrivacySettings())
    clear = Run(build_engine(plain)).alerts(events)
    run, hidden = run_of(build_engine(settings)), []
    for event in _again(events):
        hidden += run.step(names.hidden(event))
        if isinstance(run, RestartingRun):
            run.restart()
    assert not any(person == alert.employee_id for person in people for alert in hidden)

    return contents(clear, names, people), contents(hidden, names, people)


def _again(events: Iterable[Event]) -> Iterable[Event]:
    return (codec.decode(codec.topic_of(event), codec.encode(event)) for event in events)


@cache
def world() -> tuple[Event, ...]:
    """Return two days of stores where the keys rotate on the first afternoon."""
    return tuple(Simulation(stores=2, days=2, seed=11, start=date(2025, 3, 3), time_zones=[HAWAII]).events())


def with_packs() -> Settings:
    stores = {f"store-{n}": StoreSettings(time_zone=HAWAII) for n in (1, 2)}
    ids = rules_of_settings(Settings(rules=RuleSettings(packs=("pos",)))).everywhere
    rules = RuleSettings(packs=("pos",), set={name: {"status": "live"} for name in ids})
    return Settings(rules=rules, stores=stores)


@pytest.mark.parametrize("case", cases.NAMES)
def test_golden_cases_raise_the_alerts_of_the_clear_ids(case: str) -> None:
    events = []
    for topic, raw in cases.records(case):
        with suppress(InvalidEvent):
            events.append(codec.decode(topic, raw))

    clear, hidden = both(events, keyed(load_settings(cases.config(case))))

    assert hidden == clear


def test_simulated_days_raise_the_alerts_of_the_clear_ids() -> None:
    clear, hidden = both(world(), keyed(with_packs()))

    assert hidden == clear
    assert len({alert["type"] for alert in clear}) >= 8


def test_a_rotation_in_the_afternoon_changes_no_alert() -> None:
    clear, hidden = both(world(), keyed(with_packs(), rotated=True))

    assert hidden == clear
    assert any(MIDNIGHT - 8 * HOUR < alert["eventTime"] < MIDNIGHT + 8 * HOUR for alert in clear)


def refund(number: int, time: int, cashier: str = "c-1") -> PosEvent:
    return PosEvent(f"r-{number}", "s", cashier, "k", 150.0, "REFUND", time)


@pytest.mark.parametrize("run_of", [Run, RestartingRun])
@pytest.mark.parametrize("end", [MIDNIGHT + 2 * MINUTE, MIDNIGHT - HOUR])
def test_a_burst_over_a_rotation_is_one_alert_with_its_revisions(end: int, run_of: type[Run]) -> None:
    shift = ShiftEvent("c-1", "s", MIDNIGHT - 4 * HOUR, end)
    events: list[Event] = [shift, *(refund(n, MIDNIGHT + (n - 4) * MINUTE) for n in range(1, 9))]

    clear, hidden = both(events, keyed(Settings(), rotated=True), run_of)

    assert hidden == clear
    bursts = [alert["revision"] for alert in clear if alert["type"] == "REFUND_BURST"]
    assert bursts == ([1] if end < MIDNIGHT else [1, 2])


def test_an_employee_takes_the_new_pseudonym_in_the_first_pause() -> None:
    settings = keyed(Settings(), rotated=True)
    run, names = Run(build_engine(settings)), names_of(settings)
    old, new = names.all_of("c-1")

    times = (MIDNIGHT - HOUR, MIDNIGHT + 8 * HOUR, MIDNIGHT + 19 * HOUR, MIDNIGHT + 20 * HOUR)
    alerts = [run.step(names.hidden(refund(n, time))) for n, time in enumerate(times)]

    assert [found[0].employee_id for found in alerts] == [old, old, new, new]


def test_old_pseudonyms_end_with_the_overlap() -> None:
    settings = keyed(Settings(), rotated=True)
    run, names = Run(build_engine(settings)), names_of(settings)
    old, new = names.all_of("c-1")

    found = {}
    for hour in range(-1, 7 * 24 + 1):
        for alert in run.step(names.hidden(refund(hour, MIDNIGHT + hour * HOUR))):
            found[hour] = alert.employee_id

    assert {name for hour, name in found.items() if hour < 7 * 24} == {old}
    assert found[7 * 24] == new


def test_state_of_clear_ids_is_not_gone_on_with() -> None:
    run = RestartingRun(build_engine(Settings()))
    run.step(refund(1, MIDNIGHT))
    run.restart()
    run.engine = build_engine(keyed(Settings()))

    with pytest.raises(NamesChangedError, match="start with a new consumer group"):
        run.step(refund(2, MIDNIGHT))


def test_every_field_that_names_an_employee_is_hidden_and_no_other() -> None:
    names = Pseudonyms([(0, b"k" * 16)], not_persons=["SCO-*", "nobody"])
    whole: dict[str, dict[str, str]] = {
        "pos-events": {"cashierId": "anna", "approverId": "ben", "customerToken": "anna-token"},
        "staff-shifts": {"employeeId": "anna"},
        "inventory-counts": {"managerId": "anna"},
        "stock-movements": {"employeeId": "anna"},
    }
    base: dict[str, dict[str, object]] = {
        "pos-events": {"storeId": "s", "eventType": "SALE", "eventTime": MIDNIGHT, "transactionId": "t",
            "sku": "k", "amount": 1},
        "staff-shifts": {"storeId": "s", "shiftStart": MIDNIGHT, "shiftEnd": MIDNIGHT + 1},
        "inventory-counts": {"storeId": "s", "sku": "k", "countedQty": 1, "eventTime": MIDNIGHT},
        "stock-movements": {"storeId": "s", "sku": "k", "quantity": 1, "eventTime": MIDNIGHT},
    }  # fmt: skip
    for topic, fields in whole.items():
        value = base[topic] | fields
        hidden = msgspec.json.decode(codec.encode(names.decode(topic, msgspec.json.encode(value))))
        persons = [name for name in fields if name != "customerToken"]
        assert all(is_pseudonym(hidden[name]) for name in persons)
        assert {k: v for k, v in hidden.items() if k not in persons} == {
            k: v for k, v in value.items() if k not in persons
        }
    # A new field with such a name must be hidden too.
    texts = {field for kind in base for field in whole[kind]} - {"customerToken"}
    assert texts == {"cashierId", "approverId", "employeeId", "managerId"}
    till = {"storeId": "s", "cashierId": "SCO-7", "eventType": "NO_SALE", "eventTime": MIDNIGHT}
    assert employees_of([names.decode("pos-events", msgspec.json.encode(till))]) == {"SCO-7"}


@pytest.mark.parametrize("time", [MIDNIGHT - 1, MIDNIGHT])
@pytest.mark.parametrize(
    "fields",
    [
        {}, {"approverId": "ben"}, {"quantity": 3.0}, {"quantity": 2.5}, {"customerToken": "t"},
        {"cashierId": None}, {"cashierId": ""}, {"eventType": "NO_SALE", "sku": None}, {"approverId": ""},
        {"cardToken": "4111 1111 1111 1111"}, {"businessDate": "2025-02-30"}, {"businessDate": "2025-02-28"},
    ],
    ids=str,
)  # fmt: skip
def test_a_line_read_in_one_step_is_one_that_was_read_and_then_hidden(
    fields: dict[str, object], time: int
) -> None:
    names = Pseudonyms([(0, b"k" * 16), (MIDNIGHT, b"l" * 16)], pause=HOUR, overlap=HOUR)
    line = {
        "storeId": "s", "cashierId": "anna", "eventType": "SALE", "eventTime": time, "transactionId": "t",
        "sku": "k", "amount": 1,
    }  # fmt: skip
    raw = msgspec.json.encode(line | fields)

    def outcome(read: Callable[[str, bytes], Event]) -> object:
        try:
            return read("pos-events", raw)
        except InvalidEvent as error:
            return str(error)

    assert outcome(names.decode) == outcome(lambda topic, raw: names.hidden(codec.decode(topic, raw)))
    assert "anna" not in str(outcome(names.decode))


def test_ids_that_somebody_makes_up_do_not_fill_the_memory() -> None:
    names = Pseudonyms([(0, b"k" * 16)])
    for number in range(100_010):
        names.hidden(CountEvent("s", "k", 3, MIDNIGHT, f"m-{number}"))

    assert len(names.newest) <= 100_000
    assert names.of("m-1", MIDNIGHT) == pseudonym(b"k" * 16, "m-1")


def test_pseudonyms_of_different_keys_and_ids_differ() -> None:
    found = {pseudonym(key, f"c-{n}") for key in (b"a" * 16, b"a" * 15 + b"b") for n in range(5_000)}

    assert len(found) == 10_000
    assert all(map(is_pseudonym, found))


def test_a_shift_moved_or_swapped_near_a_rotation_counts_for_both_names() -> None:
    planned = ShiftEvent("c-1", "s", MIDNIGHT - HOUR, MIDNIGHT, shift_id="a")
    moved = ShiftEvent("c-1", "s", MIDNIGHT - HOUR, MIDNIGHT + 3 * MINUTE, shift_id="a")
    swapped = ShiftEvent("c-2", "s", MIDNIGHT + 3 * MINUTE, MIDNIGHT + HOUR, shift_id="a")
    refunds = [refund(n, MIDNIGHT + (n - 2) * MINUTE, f"c-{1 + n % 2}") for n in range(12)]

    clear, hidden = both(
        [planned, moved, *refunds[:6], swapped, *refunds[6:]], keyed(Settings(), rotated=True)
    )

    assert hidden == clear
    assert {alert["evidence"].get("offShift") for alert in clear} >= {False, True, None}
