"""What is true of every detector, whatever it looks for: each line of the contract of a detector, over the registry."""

from __future__ import annotations

import copy
import dataclasses
import random
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retail_anomaly.alerts import Alert
from retail_anomaly.codec import decode, encode
from retail_anomaly.detectors import REGISTRY
from retail_anomaly.durations import Duration
from retail_anomaly.engine import Engine
from retail_anomaly.events import PosEvent
from tests.golden import cases
from tests.support.events import DAY, HOUR, MINUTE, line
from tests.support.logs import MAX_LATE, logs
from tests.support.runs import RestartingRun, Run, Step, alerts_of, engine_of
from tests.support.usual import weeks

DEVIATION = {
    *("direction", "observed", "expected", "lower", "upper"),
    *("component", "pValues", "chance", "learnedDays", "relearnedOn"),
}
EVIDENCE = {
    "refund_burst": {"transactionIds", "refundCount", "totalRefunds", "averageAmount", "offShift"},
    "refund_without_sale": {"transactionId", "amount", "sku", "offShift"},
    "security_correlation": {
        "transactionId",
        "saleAmount",
        "gateId",
        "securityEventId",
        "secondsAfterSale",
        "otherTransactionIds",
    },
    "inventory_shrinkage": {"sku", "sold", "counted", "difference"},
    "stock_discrepancy": {"sku", "previousCount", "sold", "refunded", "expected", "counted", "missing"},
    "refund_deviation": DEVIATION | {"transactionIds", "day"},
    "sales_deviation": DEVIATION | {"start", "end"},
}
# Small windows, so that a generated log passes their ends, and every way a detector can go.
PARAMETERS: dict[str, list[dict[str, Any]]] = {
    "refund_burst": [{}, {"count": 1, "window": Duration(MINUTE)}],
    "refund_without_sale": [
        {},
        {"match_grace": Duration(10 * MINUTE)},
        {"match_grace": Duration(HOUR), "warm_up": Duration(HOUR), "sale_memory": Duration(HOUR)},
    ],
    "security_correlation": [{}, {"window": Duration(HOUR), "amount": 0.0}],
    "inventory_shrinkage": [{}, {"threshold": 1}],
    "stock_discrepancy": [{}, {"threshold": 1}],
    "refund_deviation": [{}, {"false_alarms": 0.3, "learn_days": 2}],
    "sales_deviation": [{}, {"false_alarms": 0.1, "learn_days": 5}],
}
# Models of River, which have no records: what is true of them is true in memory.
RIVER: dict[str, list[dict[str, Any]]] = {
    "refund_deviation": [
        {"model": "river.anomaly.GaussianScorer", "model_parameters": {"grace_period": 20}, "learn_days": 5},
    ],
    "sales_deviation": [
        {
            "model": "river.anomaly.HalfSpaceTrees",
            "model_parameters": {"n_trees": 5, "height": 6, "window_size": 100},
            "scaler": "river.preprocessing.MinMaxScaler",
            "false_alarms": 0.05,
            "learn_days": 5,
        },
    ],
}
LEARNED = {
    *("refund_deviation.level", "refund_deviation.prices"),
    *("sales_deviation.history", "sales_deviation.prices"),
}
KEPT_WITHOUT_LIMIT = {"shifts", "inventory_shrinkage.sold", "stock_discrepancy.stock"} | LEARNED

ways = pytest.mark.parametrize(
    ("name", "parameters"), [(name, way) for name in REGISTRY for way in PARAMETERS.get(name, [{}])]
)
ways_in_memory = pytest.mark.parametrize(
    ("name", "parameters"),
    [(name, way) for name in REGISTRY for way in [*PARAMETERS.get(name, [{}]), *RIVER.get(name, [])]],
)
detectors = pytest.mark.parametrize("name", REGISTRY)
EXAMPLES = settings(max_examples=40)


@pytest.fixture(scope="module")
def golden() -> list[Step]:
    """What every detector has something to say about: the golden case, then weeks of a store with habits."""
    return [*(decode(topic, raw) for topic, raw in cases.records("random_2000")), *weeks()]


def short_memory(name: str, parameters: dict[str, Any]) -> Engine:
    return engine_of(name, max_late=MAX_LATE, dedupe_memory=MAX_LATE, **parameters)


# --- Who it is -----------------------------------------------------------------------------------


@detectors
def test_detector_is_registered_under_the_name_it_calls_itself(name):
    assert REGISTRY[name].name == name
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", name)


def test_alert_types_are_distinct_and_shout():
    types = [detector.alert_type for detector in REGISTRY.values()]
    assert len(set(types)) == len(types)
    assert all(re.fullmatch(r"[A-Z]+(_[A-Z]+)*", alert_type) for alert_type in types)


@detectors
def test_docstring_says_what_the_detector_cannot_see(name):
    paragraphs = (REGISTRY[name].__doc__ or "").split("\n\n")
    cannot_see = [p.strip() for p in paragraphs if p.strip().startswith("Cannot see: ")]
    assert len(cannot_see) == 1
    assert len(cannot_see[0].split()) >= 10


@detectors
def test_every_parameter_has_a_default_and_a_description(name):
    for field in msgspec.inspect.type_info(REGISTRY[name].Parameters).fields:  # type: ignore[attr-defined]
        assert not field.required, field.name
        assert field.type.extra_json_schema.get("description"), field.name


@detectors
def test_range_of_a_parameter_holds_its_default_and_values_that_the_detector_takes(name):
    parameters = REGISTRY[name].Parameters
    for field, limits in parameters.ranges().items():
        default = getattr(parameters(), field)
        assert not isinstance(default, bool)
        assert limits.low < limits.high, field
        assert limits.low <= default <= limits.high, field
        for value in (limits.low, default, limits.high):
            assert value / limits.step == pytest.approx(round(value / limits.step)), field
            kind = type(default)
            REGISTRY[name](msgspec.structs.replace(parameters(), **{field: kind(value)}), DAY)


@detectors
def test_configuration_hash_changes_with_every_parameter(name):
    default = REGISTRY[name].Parameters()
    hashes = {REGISTRY[name](default, DAY).config_hash}
    fields = msgspec.structs.fields(default)
    for field in fields:
        changed = _changed(default, field.name)
        hashes.add(REGISTRY[name](msgspec.structs.replace(default, **changed), DAY).config_hash)
    assert len(hashes) == 1 + len(fields)
    assert REGISTRY[name](REGISTRY[name].Parameters(), DAY).config_hash in hashes


def _changed(parameters: Any, name: str) -> dict[str, Any]:
    """Return another value of a parameter; the model's own go with a model of River."""
    if name in ("model", "model_parameters", "scaler"):
        other = {"model_parameters": {"n_trees": 3}, "scaler": "river.preprocessing.MinMaxScaler"}
        return {"model": "river.anomaly.HalfSpaceTrees", **{key: other[key] for key in other if key == name}}
    value = getattr(parameters, name)
    return {
        name: not value if isinstance(value, bool) else value / 2 if isinstance(value, float) else value + 1
    }


# --- What it raises ------------------------------------------------------------------------------


@detectors
def test_golden_log_makes_the_detector_speak(name, golden):
    assert alerts_of(engine_of(name), *golden)


@ways_in_memory
@EXAMPLES
@given(steps=logs("refunds", repeated=True, ticks=True))
def test_events_are_not_mutated(name, parameters, steps):
    before = copy.deepcopy(steps)
    alerts_of(short_memory(name, parameters), *steps)
    assert steps == before


@ways_in_memory
def test_same_events_give_the_same_alerts_in_another_engine(name, parameters, golden):
    first = alerts_of(engine_of(name, **parameters), *golden)
    assert alerts_of(engine_of(name, **parameters), *golden) == first


@ways_in_memory
def test_alerts_are_well_formed(name, parameters, golden):
    detector = REGISTRY[name]
    for alert in alerts_of(engine_of(name, **parameters), *golden):
        assert (alert.detector, alert.type) == (name, detector.alert_type)
        assert 0 <= alert.risk_score <= 1
        assert alert.risk_score == round(alert.risk_score, 6)
        assert EVIDENCE[name] <= set(alert.evidence)
        assert alert.revision >= 1
        assert alert.detected_at is None
        assert alert.message.endswith(".")
        assert "fraud" not in alert.message.lower()


@ways_in_memory
def test_alerts_survive_json(name, parameters, golden):
    for alert in alerts_of(engine_of(name, **parameters), *golden)[:200]:
        assert msgspec.json.decode(encode(alert), type=Alert) == alert


@ways_in_memory
def test_revisions_count_up_from_1_and_keep_id_and_opening(name, parameters, golden):
    last: dict[str, Alert] = {}
    for alert in alerts_of(engine_of(name, **parameters), *golden):
        previous = last.get(alert.alert_id)
        if alert.revision == 1:
            assert previous is None
            assert alert.opened_at == alert.event_time
        else:
            assert previous is not None
            assert alert.revision == previous.revision + 1
            assert alert.opened_at == previous.opened_at
            assert alert.risk_score > previous.risk_score
        last[alert.alert_id] = alert


@detectors
def test_alert_id_hangs_on_the_event_and_not_on_parameters(name, golden):
    ids: dict[Any, str] = {}
    for parameters in PARAMETERS.get(name, [{}]):
        run = Run(engine_of(name, **parameters))
        for event in golden:
            for alert in run.step(event):
                if alert.revision == 1:
                    assert ids.setdefault(_raised_by(alert, event), alert.alert_id) == alert.alert_id
    assert len(set(ids.values())) == len(ids)


def _raised_by(alert: Alert, event: Any) -> Any:
    """Name the event that raised an alert: a refund that waited for its sale, not what released it."""
    if "end" in alert.evidence:
        return alert.store_id, alert.evidence["end"]  # an interval, whatever event told that it was over
    if alert.event_time != getattr(event, "event_time", None):
        return alert.event_time, alert.evidence.get("transactionId")
    return event.event_time, getattr(event, "transaction_id", None) or getattr(
        event, "event_id", None
    ) or event.sku


# --- What has no effect --------------------------------------------------------------------------


@ways_in_memory
def test_another_store_has_no_effect(name, parameters, golden):
    stores = sorted({event.store_id for event in golden})
    alerts = alerts_of(engine_of(name, **parameters), *golden)
    for store in stores:
        alone = alerts_of(engine_of(name, **parameters), *(e for e in golden if e.store_id == store))
        assert alone == [alert for alert in alerts if alert.store_id == store]


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("refund_burst", "cashier_id"),
        ("refund_without_sale", "transaction_id"),
        ("inventory_shrinkage", "sku"),
        ("stock_discrepancy", "sku"),
    ],
)
@EXAMPLES
@given(steps=logs("refunds", originals=False))
def test_events_about_another_subject_have_no_effect(name, subject, steps):
    """Lines of receipts and counts of others may come or not (but for the clock they move, which logs never outrun)."""
    alerts = alerts_of(short_memory(name, {}), *steps)
    for wanted in {getattr(step, subject) for step in steps if isinstance(step, PosEvent)}:
        alone = [step for step in steps if getattr(step, subject, wanted) == wanted]
        assert alerts_of(short_memory(name, {}), *alone) == [
            a for a in alerts if _subject(a, subject) == wanted
        ]


def _subject(alert: Alert, subject: str) -> Any:
    in_evidence = {"transaction_id": "transactionId", "sku": "sku"}
    return alert.evidence[in_evidence[subject]] if subject in in_evidence else alert.employee_id


@ways_in_memory
def test_unknown_event_types_have_no_effect(name, parameters, golden):
    run = Run(engine_of(name, **parameters))
    alerts = []
    for event in golden:
        alerts += run.step(event)
        if isinstance(event, PosEvent):
            noise = msgspec.structs.replace(event, event_type="NO_SALE", event_id=None)
            assert run.step(noise) == []
    assert alerts == alerts_of(engine_of(name, **parameters), *golden)


# --- What survives a restart ---------------------------------------------------------------------


@ways
@pytest.mark.parametrize("seed", range(3))
def test_alerts_are_those_of_an_uninterrupted_run_whatever_the_rhythm_of_restarts(
    name, parameters, seed, golden
):
    rng = random.Random(seed)
    run = RestartingRun(engine_of(name, **parameters))
    alerts = []
    for event in golden:
        alerts += run.step(event)
        if rng.random() < 0.05:
            run.checkpoint()
        if rng.random() < 0.01:
            run.restart()
    assert alerts == alerts_of(engine_of(name, **parameters), *golden)


@ways
@pytest.mark.parametrize("seed", range(3))
def test_what_is_processed_again_after_a_crash_raises_the_same_alerts_again(name, parameters, seed, golden):
    at = random.Random(seed).randrange(len(golden) - 500)
    run = RestartingRun(engine_of(name, **parameters))
    for event in golden[:at]:
        run.step(event)
    run.checkpoint()
    lost = [alert for event in golden[at : at + 500] for alert in run.step(event)]
    run.stores.clear()
    assert [alert for event in golden[at : at + 500] for alert in run.step(event)] == lost


@ways
@EXAMPLES
@given(steps=logs("refunds", repeated=True, ticks=True))
def test_a_restart_after_every_event_changes_no_alert(name, parameters, steps):
    run = RestartingRun(short_memory(name, parameters))
    alerts = []
    for step in steps:
        alerts += run.step(step)
        run.restart()
    assert alerts == alerts_of(short_memory(name, parameters), *steps)


@EXAMPLES
@given(steps=logs("gates", repeated=True, ticks=True))
def test_what_waits_is_the_same_after_a_restart(steps):
    run = RestartingRun(engine_of(max_late=MAX_LATE, refund_without_sale={"match_grace": Duration(HOUR)}))
    for step in steps:
        run.step(step)
    waiting = {name: run.engine.waiting(store) for name, store in run.stores.items()}
    run.restart()
    assert {name: run.engine.waiting(run.store(name)) for name in waiting} == waiting


@ways
def test_checkpoint_without_a_change_writes_only_the_header(name, parameters, golden):
    run = RestartingRun(engine_of(name, **parameters))
    for event in golden:
        run.step(event)
    run.checkpoint()
    for store in run.stores.values():
        assert [record for record, _ in store.records()] == ["header"]
    run.restart()
    for store_id in run.disks:
        assert [record for record, _ in run.store(store_id).records()] == ["header"]


@ways
def test_equal_histories_have_equal_bytes(name, parameters, golden):
    disks = []
    for _ in range(2):
        run = RestartingRun(engine_of(name, **parameters))
        for event in golden:
            run.step(event)
        run.checkpoint()
        disks.append(run.disks)
    assert disks[0] == disks[1]


# --- What is forgotten ---------------------------------------------------------------------------


@ways
@pytest.mark.parametrize("with_restart", [False, True], ids=["", "restarted"])
def test_after_a_long_silence_only_what_is_kept_without_limit_is_left(name, parameters, with_restart, golden):
    run = RestartingRun(engine_of(name, **parameters))
    for event in golden:
        run.step(event)
    run.checkpoint()
    if with_restart:
        run.restart()
    for store_id in run.disks:
        run.step(line("NO_SALE", 365 * DAY, store_id=store_id))
        run.step(line("NO_SALE", 366 * DAY, store_id=store_id))
        left = {collection for collection, entries in run.store(store_id).entries().items() if entries}
        assert left <= KEPT_WITHOUT_LIMIT
    run.checkpoint()
    for disk in run.disks.values():
        # An emptied page stays, with nothing in it.
        written = {name.split("/")[0] for name, content in disk.items() if msgspec.msgpack.decode(content)}
        assert written <= KEPT_WITHOUT_LIMIT | {"header"}


def test_entries_kept_without_limit_are_one_a_subject(golden):
    run = Run(engine_of())
    for event in golden:
        run.step(event)
    for store_id, store in run.stores.items():
        events = [event for event in golden if event.store_id == store_id]
        run.step(line("NO_SALE", 365 * DAY, store_id=store_id))
        entries = store.entries()
        assert entries["shifts"] == len({e.employee_id for e in events if hasattr(e, "employee_id")})
        assert entries["stock_discrepancy.stock"] <= len({e.sku for e in events if hasattr(e, "sku")})
        assert entries["inventory_shrinkage.sold"] <= len({e.sku for e in events if hasattr(e, "sku")})


# --- Stricter is never earlier -------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Stricter:
    """A parameter, from loose to strict, and whom the first alert is about.

    The subject of an alarm is the store: an alarm is about the newest sale's cashier, and with a higher amount
    that may be another one.
    """

    name: str
    parameter: str
    values: tuple[Any, ...]
    subject: str
    about: str

    def __str__(self) -> str:
        return f"{self.name}-{self.parameter}"


def _durations(*values: int) -> tuple[Duration, ...]:
    return tuple(Duration(value) for value in values)


STRICTER = [
    Stricter("refund_burst", "count", (1, 2, 3, 4), "employee_id", "bursts"),
    Stricter("refund_burst", "amount", (40.0, 60.0, 100.0, 200.0), "employee_id", "bursts"),
    Stricter("refund_burst", "window", _durations(HOUR, 10 * MINUTE, MINUTE, 1), "employee_id", "bursts"),
    Stricter(
        "refund_without_sale", "sale_memory", _durations(MINUTE, 10 * MINUTE, HOUR), "receipt", "refunds"
    ),
    Stricter("refund_without_sale", "match_grace", _durations(0, MINUTE, HOUR), "receipt", "refunds"),
    Stricter("refund_without_sale", "warm_up", _durations(0, MINUTE, HOUR), "receipt", "refunds"),
    Stricter("security_correlation", "amount", (40.0, 100.0, 200.0), "store_id", "gates"),
    Stricter("security_correlation", "window", _durations(HOUR, 2 * MINUTE, 0), "store_id", "gates"),
    Stricter("inventory_shrinkage", "threshold", (1, 3, 5, 9), "sku", "counts"),
    Stricter("stock_discrepancy", "threshold", (1, 3, 5, 9), "sku", "counts"),
    Stricter("refund_deviation", "false_alarms", (0.5, 0.1, 0.02, 0.001), "employee_id", "habits"),
    Stricter("refund_deviation", "learn_days", (2, 7, 14, 30), "employee_id", "habits"),
    Stricter("sales_deviation", "false_alarms", (0.5, 0.1, 0.02, 0.001), "store_id", "habits"),
    Stricter("sales_deviation", "learn_days", (2, 7, 14, 30), "store_id", "habits"),
]


def test_every_detector_has_a_parameter_that_makes_it_stricter():
    assert {stricter.name for stricter in STRICTER} == set(REGISTRY)


@pytest.mark.parametrize("stricter", STRICTER, ids=str)
def test_stricter_parameter_never_raises_a_first_alert_earlier(stricter):
    @(EXAMPLES if stricter.about != "habits" else settings(max_examples=3))
    @given(
        st.integers(0, 50).map(lambda seed: list(weeks(seed)))
        if stricter.about == "habits"
        else logs(stricter.about, repeated=True, originals=stricter.subject != "receipt")
    )
    def check(steps: list[Step]) -> None:
        looser: dict[Any, int] | None = None
        for value in stricter.values:
            first = _first_alerts(stricter, value, steps)
            if looser is not None:
                assert first.keys() <= looser.keys()
                assert all(index >= looser[subject] for subject, index in first.items())
            looser = first

    check()


def _first_alerts(stricter: Stricter, value: Any, steps: list[Step]) -> dict[Any, int]:
    run = Run(short_memory(stricter.name, {stricter.parameter: value}))
    first: dict[Any, int] = {}
    for index, step in enumerate(steps):
        for alert in run.step(step):
            subject = {
                "receipt": (alert.evidence.get("transactionId"), alert.event_time),
                "sku": alert.evidence.get("sku"),
            }.get(stricter.subject) or getattr(alert, stricter.subject, None)
            first.setdefault((alert.store_id, subject), index)
    return first
