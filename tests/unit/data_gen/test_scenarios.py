"""Every scenario's incident is in the data, has its pattern, and is seen by the detector it names."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, cached_property
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from data_gen import SCENARIOS, Incident, Simulation
from data_gen.simulate import STORE_VOLUMES
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.engine import Engine
from retail_anomaly.core.events import CountEvent, Event, PosEvent, SecurityEvent, ShiftEvent, TillEvent
from retail_anomaly.core.memory import StoreMemory
from retail_anomaly.detectors import REGISTRY
from tests.unit.data_gen.oracle import is_off_shift

DAY = 86_400_000
MINUTE = 60_000
RULES = (
    "refund_burst",
    "refund_without_sale",
    "security_correlation",
    "inventory_shrinkage",
    "stock_discrepancy",
)
FOR_A_RULE = [name for name, scenario in SCENARIOS.items() if scenario.detector in RULES]
# Their detectors are models, which learn what is usual; no rule looks at it.
FOR_A_MODEL = [name for name, s in SCENARIOS.items() if s.detector in ("refund_deviation", "sales_deviation")]
SKIMMING = ["slow_skimming", "structuring", "one_sku_refunds", "inflated_refunds", "collusion"]
WITHOUT_RECEIPTS = ("till_outage", "no_sale_skimming", "change_rush")
RETURNING = ("over_refund", "own_sale_reversal", "return_desk")


@dataclass(frozen=True)
class World:
    events: Sequence[Event]
    incidents: Sequence[Incident]

    @cached_property
    def alerts(self) -> Sequence[Alert]:
        """The alerts of the rules."""
        return alerts_of(self.events)

    def receipts(self, incident: Incident) -> list[list[PosEvent]]:
        """Return the lines of each transaction; none may be missing."""
        lines = defaultdict(list)
        for event in self.events:
            if isinstance(event, PosEvent) and event.store_id == incident.store_id:
                lines[event.transaction_id].append(event)
        return [lines[transaction] for transaction in incident.transaction_ids]


def alerts_of(events: Sequence[Event]) -> list[Alert]:
    engine = Engine([REGISTRY[name](REGISTRY[name].Parameters(), max_late=DAY) for name in RULES])
    stores: dict[str, StoreMemory] = {}
    alerts: list[Alert] = []
    for event in events:
        if event.store_id not in stores:
            stores[event.store_id] = engine.new_store(event.store_id)
        alerts += engine.process(event, stores[event.store_id])
    return alerts


@cache
def world(name: str) -> World:
    """Return a world in which one scenario happens, often."""
    scenario = replace(SCENARIOS[name], rate=1.0)
    simulation = Simulation(
        stores=3,
        days=4 if name in FOR_A_RULE else 16,
        seed=5,
        incident_rate=0.5,
        distractor_rate=0.5,
        scenarios=[scenario],
        time_zones=["UTC", "Australia/Sydney"],
        # A check that no honest return is seen needs many of them.
        volumes=STORE_VOLUMES if name in RETURNING else ["small"],
    )
    events = list(simulation.events())
    assert len({i.incident_id for i in simulation.incidents}) == len(simulation.incidents)
    assert len(simulation.incidents) >= 3
    return World(events, simulation.incidents)


def cites(alert: Alert, incident: Incident) -> bool:
    cited = {alert.evidence.get("transactionId"), *alert.evidence.get("transactionIds", ())}
    if incident.transaction_ids:
        return bool(cited & set(incident.transaction_ids))
    in_time = incident.start <= alert.event_time <= incident.end
    return in_time and incident.sku is not None and alert.evidence.get("sku") == incident.sku


@pytest.mark.parametrize("name", FOR_A_RULE)
def test_the_rule_sees_its_scenario(name):
    for incident in world(name).incidents:
        assert incident.detector == SCENARIOS[name].detector
        found = [a for a in world(name).alerts if a.store_id == incident.store_id and cites(a, incident)]
        assert incident.detector in {alert.detector for alert in found}
        if incident.detector in ("refund_burst", "refund_without_sale", "security_correlation"):
            assert {alert.employee_id for alert in found} == {incident.employee_id}


@pytest.mark.parametrize("name", FOR_A_MODEL)
def test_no_rule_sees_what_a_model_is_meant_to_see(name):
    assert SCENARIOS[name].detector in {"refund_deviation", "sales_deviation"}
    refunds = {"refund_burst", "refund_without_sale"}
    alerts = [alert for alert in world(name).alerts if alert.detector in refunds]
    for incident in world(name).incidents:
        assert not [a for a in alerts if a.store_id == incident.store_id and cites(a, incident)]


@pytest.mark.parametrize("name", SCENARIOS)
def test_an_incident_is_about_events_that_are_there(name):
    zones = {"store-1": ZoneInfo("UTC"), "store-2": ZoneInfo("Australia/Sydney"), "store-3": ZoneInfo("UTC")}
    for incident in world(name).incidents:
        scenario = SCENARIOS[incident.scenario]
        assert incident.start <= incident.end
        assert (incident.expected_loss == 0) == incident.distractor == scenario.distractor
        first, last = (
            datetime.fromtimestamp(moment / 1000, zones[incident.store_id]).date()
            for moment in (incident.start, incident.end)
        )
        assert 0 <= (last - first).days < scenario.days
        if scenario.days == 1:
            assert incident.incident_id == f"{incident.store_id}-{first:%Y%m%d}-{name}"
        rung_up = {e.transaction_id for e in world(name).events if isinstance(e, PosEvent | TillEvent)}
        assert rung_up >= set(incident.transaction_ids)
        assert incident.transaction_ids or incident.sku or name in WITHOUT_RECEIPTS


@pytest.mark.parametrize("name", [*SKIMMING, "refund_burst", "off_shift_refunds", "refund_without_sale"])
def test_refunds_are_one_cashiers_and_their_sum_is_the_loss(name):
    for incident in world(name).incidents:
        lines = [line for receipt in world(name).receipts(incident) for line in receipt]
        assert {line.event_type for line in lines} == {"REFUND"}
        assert {line.cashier_id for line in lines} == {incident.employee_id}
        assert min(line.event_time for line in lines) == incident.start
        assert max(line.event_time for line in lines) == incident.end
        if name != "inflated_refunds":
            assert incident.expected_loss == pytest.approx(sum(line.amount for line in lines))


def test_a_burst_is_fast_and_dear_on_shift_and_off():
    for name in ("refund_burst", "off_shift_refunds"):
        for incident in world(name).incidents:
            lines = [line for receipt in world(name).receipts(incident) for line in receipt]
            assert len(lines) >= 3
            assert incident.end - incident.start <= 8 * MINUTE
            assert all(line.amount >= 100 for line in lines)
            cited = next(a for a in world(name).alerts if cites(a, incident))
            if name == "off_shift_refunds":
                assert cited.evidence["offShift"] is True


def test_a_refund_without_sale_names_no_receipt_that_was_printed():
    printed = {e.transaction_id for e in world("refund_without_sale").events if isinstance(e, PosEvent)}
    for incident in world("refund_without_sale").incidents:
        for (line,) in world("refund_without_sale").receipts(incident):
            assert line.original_transaction_id not in printed
            assert line.amount < 100


def test_a_theft_at_the_gate_is_a_dear_sale_and_an_alarm():
    alarms = [e for e in world("gate_theft").events if isinstance(e, SecurityEvent) and e.event_data.alarm]
    for incident in world("gate_theft").incidents:
        ((sale,),) = world("gate_theft").receipts(incident)
        assert (sale.event_type, sale.event_time) == ("SALE", incident.start)
        assert sale.amount >= 200
        assert incident.end in [a.event_time for a in alarms if a.store_id == incident.store_id]


@pytest.mark.parametrize("name", ["oversold_sku", "shelf_theft"])
def test_pieces_are_missing_at_the_count_that_ends_it(name):
    for incident in world(name).incidents:
        own = [e for e in world(name).events if e.store_id == incident.store_id]
        counts = [e for e in own if isinstance(e, CountEvent) and e.sku == incident.sku]
        (last,) = [count for count in counts if count.event_time == incident.end]
        before = [count for count in counts if count.event_time < incident.end][-1]
        sold = [
            e
            for e in own
            if isinstance(e, PosEvent)
            and e.sku == incident.sku
            and before.event_time < e.event_time < last.event_time
        ]
        booked = sum(e.quantity * (1 if e.event_type == "SALE" else -1) for e in sold)
        assert before.counted_qty - booked - last.counted_qty >= 5


@pytest.mark.parametrize("name", SKIMMING)
def test_a_cashiers_refunds_go_on_for_days(name):
    long = [i for i in world(name).incidents if len(i.transaction_ids) >= 5]
    assert long
    for incident in long:
        times = [line.event_time for (line, *_) in world(name).receipts(incident)]
        days = Counter(time // DAY for time in times)
        assert len(days) >= 2
        assert max(days.values()) <= 8
        # Not in haste: no burst.
        assert all(later - earlier >= 10 * MINUTE for earlier, later in pairwise(sorted(times)))


def test_what_each_way_of_skimming_looks_like():
    def lines(name):
        for incident in world(name).incidents:
            yield incident, [line for receipt in world(name).receipts(incident) for line in receipt]

    amounts = {
        e.transaction_id: {} for name in SKIMMING for e in world(name).events if isinstance(e, PosEvent)
    }
    for name in SKIMMING:
        for e in world(name).events:
            if isinstance(e, PosEvent) and e.event_type == "SALE":
                amounts[e.transaction_id][e.sku] = e.amount
    for _, refunds in lines("slow_skimming"):
        assert all(4 <= line.amount <= 30 for line in refunds)
    for _, refunds in lines("structuring"):
        assert all(86 <= line.amount < 100 for line in refunds)
    for incident, refunds in lines("one_sku_refunds"):
        assert {line.sku for line in refunds} == {incident.sku}
    for incident, refunds in lines("inflated_refunds"):
        paid = {line.transaction_id: amounts[line.original_transaction_id][line.sku] for line in refunds}
        assert all(line.amount >= 2.6 * paid[line.transaction_id] for line in refunds)
        assert incident.expected_loss == pytest.approx(
            sum(line.amount - paid[line.transaction_id] for line in refunds)
        )
    for _, refunds in lines("collusion"):
        assert len({line.original_transaction_id for line in refunds}) <= 2


def test_no_till_works_in_an_outage():
    for incident in world("till_outage").incidents:
        assert incident.end - incident.start == 60 * MINUTE
        times = [
            event.event_time
            for event in world("till_outage").events
            if isinstance(event, PosEvent) and event.store_id == incident.store_id
        ]
        assert not [time for time in times if incident.start < time < incident.end]
        assert [time for time in times if time > incident.end]


@pytest.mark.parametrize(("name", "share"), [("price_error", 0.1), ("promotion", 0.8)])
def test_an_offer_sells_more_at_its_price(name, share):
    for incident in world(name).incidents:
        own = [
            e
            for e in world(name).events
            if isinstance(e, PosEvent)
            and (e.store_id, e.sku, e.event_type) == (incident.store_id, incident.sku, "SALE")
        ]
        on_offer = [e for e in own if e.transaction_id in set(incident.transaction_ids)]
        usual = {e.amount / e.quantity for e in own if e.event_time < incident.start}
        assert {round(e.amount / e.quantity, 2) for e in on_offer} == {
            round(max(usual, default=on_offer[0].amount / on_offer[0].quantity / share) * share, 2)
        }
        assert all(incident.start <= e.event_time <= incident.end for e in on_offer)
        length = incident.end - incident.start
        before = [e for e in own if incident.start - length <= e.event_time < incident.start]
        assert len(on_offer) > 3 * len(before)


def test_a_new_cashier_is_new_and_voids_or_refunds_what_was_sold_minutes_before():
    kinds = Counter()
    for incident in world("new_cashier").incidents:
        own = [
            e
            for e in world("new_cashier").events
            if isinstance(e, PosEvent) and e.cashier_id == incident.employee_id
        ]
        assert min(e.event_time for e in own) > incident.start - DAY
        sold = {(e.transaction_id, e.sku): e.event_time for e in own if e.event_type == "SALE"}
        for line in (e for lines in world("new_cashier").receipts(incident) for e in lines):
            kinds[line.event_type] += 1
            sale = sold[line.original_transaction_id or line.transaction_id, line.sku]
            assert line.event_type != "REFUND" or MINUTE - 4 <= line.event_time - sale <= 6 * MINUTE
    assert kinds["LINE_VOID"] > 3 * kinds["REFUND"] > 0


def test_a_role_change_multiplies_somebodys_refunds():
    for incident in world("role_change").incidents:
        refunds = [
            e.event_time
            for e in world("role_change").events
            if isinstance(e, PosEvent) and (e.cashier_id, e.event_type) == (incident.employee_id, "REFUND")
        ]
        before = [time for time in refunds if time < incident.start]
        assert len(incident.transaction_ids) > 2 * len(before)


@pytest.mark.parametrize("seed", range(60))
def test_the_first_day_has_every_scenario_of_a_rule_and_each_is_found(seed):
    simulation = Simulation(stores=1, days=1, seed=seed)
    alerts = alerts_of(list(simulation.events()))
    assert {i.scenario for i in simulation.incidents} == set(FOR_A_RULE)
    for incident in simulation.incidents:
        assert [a for a in alerts if a.detector == incident.detector and cites(a, incident)]


def test_scenarios_off_shift_are_off_the_published_shift():
    shifts = [e for e in world("off_shift_refunds").events if isinstance(e, ShiftEvent)]
    for incident in world("off_shift_refunds").incidents:
        own = [shift for shift in shifts if shift.store_id == incident.store_id]
        assert incident.employee_id
        assert is_off_shift(own, incident.employee_id, incident.start)


@pytest.mark.parametrize("wrong", [{"rate": -1}, {"days": 0}, {"first_day": -1}])
def test_an_impossible_strength_is_refused(wrong):
    with pytest.raises(ValueError, match="refund_burst: expected"):
        replace(SCENARIOS["refund_burst"], **wrong)
