"""The frozen worlds, and the features that the models and their rivals get from them."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import date
from math import log1p
from pathlib import Path
from typing import Any

import yaml

from data_gen import Simulation
from data_gen.scenarios import SCENARIOS
from retail_anomaly.core.events import Event, PosEvent
from retail_anomaly.core.incidents import Incident
from retail_anomaly.core.local_time import QUARTER, UTC, LocalTime

FILE = Path(__file__).with_name("model_worlds.yaml")
SHA256 = "640fd35540c3c5e0225ec0bb767da771a985eb2428c74f5245e1b813835d4545"
HOUR = 3_600_000
REFUNDS, SALES = "refund_deviation", "sales_deviation"


def frozen() -> dict[str, Any]:
    """Return the worlds' description; refuse a changed file."""
    text = FILE.read_bytes()
    if hashlib.sha256(text).hexdigest() != SHA256:
        raise SystemExit(f"{FILE.name} is not the file that was frozen: its hash differs")
    described: dict[str, Any] = yaml.safe_load(text)
    return described


@dataclass
class RefundSample:
    """A refund receipt and the features known at that moment."""

    cashier: str
    day: int
    features: dict[str, float]


@dataclass
class QuarterSample:
    """A quarter of an hour in trading hours."""

    end: int
    day: int
    features: dict[str, float]


@dataclass
class World:
    """A store's events, the incidents hidden in them, and raw features for any detector.

    A cashier's day with a refund of an incident is a positive; a distractor's is a negative. `worked` has the
    days of the weeks to learn from too.
    """

    events: list[Event]
    incidents: list[Incident]
    first: int
    last: int
    refunds: list[RefundSample] = field(default_factory=list)
    quarters: list[QuarterSample] = field(default_factory=list)
    worked: list[tuple[str, int]] = field(default_factory=list)
    cashier_days: list[tuple[str, int]] = field(default_factory=list)
    guilty: dict[tuple[str, int], str] = field(default_factory=dict)

    @property
    def days(self) -> int:
        return self.last - self.first + 1


def make(described: dict[str, Any], part: str, seed: int, volume: str) -> World:
    """Simulate one store of a part of the frozen worlds. The design used seeds of its own."""
    plan = described[part]
    lasting = {"days": plan["lasting"]} if "lasting" in plan else {}
    # A new cashier corrected everything by a refund when the worlds were frozen.
    corrected: dict[str, dict[str, Any]] = {"new_cashier": {"refunded": 1.0}}
    simulation = Simulation(
        stores=1,
        days=described["days"],
        seed=seed,
        start=described["start"],
        incident_rate=1.0 if plan["rates"] else 0.0,
        distractor_rate=1.0 if plan["rates"] else 0.0,
        scenarios=[
            replace(
                SCENARIOS[name],
                rate=rate,
                first_day=described["first_day"],
                **lasting,
                **corrected.get(name, {}),
            )
            for name, rate in plan["rates"].items()
        ],
        volumes=[volume],
    )
    start: date = described["start"]
    first = start.toordinal() + described["first_day"]
    events = list(simulation.events())
    world = World(events, simulation.incidents, first, start.toordinal() + described["days"] - 1)
    _look(world)
    return world


def _look(world: World) -> None:
    local = LocalTime(UTC)
    involved = {
        transaction: incident.scenario
        for incident in world.incidents
        if incident.detector == REFUNDS and not incident.distractor
        for transaction in incident.transaction_ids
    }
    sales: Counter[tuple[str, int]] = Counter()
    refunds: dict[tuple[str, int], list[PosEvent]] = {}
    counts: Counter[int] = Counter()
    lines: Counter[int] = Counter()
    amounts: Counter[int] = Counter()
    days: dict[tuple[str, int], None] = {}
    last_receipt = ""
    for event in world.events:
        if not isinstance(event, PosEvent):
            continue
        day, quarter = local.of(event.event_time)
        key = event.cashier_id, day
        days[key] = None
        block = event.event_time // QUARTER
        if event.event_type == "SALE":
            sales[key] += 1
            counts[block] += event.transaction_id != last_receipt
            last_receipt = event.transaction_id
            lines[block] += 1
            amounts[block] += log1p(event.amount)  # type: ignore[assignment]
        elif event.event_type == "REFUND":
            own = refunds.setdefault(key, [])
            own.append(event)
            if event.transaction_id in involved:
                world.guilty[key] = involved[event.transaction_id]
            features = {
                "amount": log1p(event.amount),
                "refunds": float(len(own)),
                "in_hour": float(sum(event.event_time - e.event_time < HOUR for e in own)),
                "sales": float(sales[key]),
                "hour": quarter / 4,
            }
            world.refunds.append(RefundSample(event.cashier_id, day, features))
    world.worked = list(days)
    world.cashier_days = sorted(key for key in days if key[1] >= world.first)
    _trading_quarters(world, local, counts, lines, amounts)


def _trading_quarters(
    world: World, local: LocalTime, counts: Counter[int], lines: Counter[int], amounts: Counter[int]
) -> None:
    """Keep the quarters in which the store ever sold on that weekday: rivals get the opening hours free."""
    traded = {((local.of(b * QUARTER)[0]) % 7, local.of(b * QUARTER)[1]) for b in counts}
    for block in range(min(counts), max(counts) + 1):
        day, quarter = local.of(block * QUARTER)
        if (day % 7, quarter) in traded:
            features = {
                "receipts": float(counts[block]),
                "lines": float(lines[block]),
                "ticket": amounts[block] / lines[block] if lines[block] else 0.0,
                "quarter": float(quarter),
                "weekday": float(day % 7),
            }
            world.quarters.append(QuarterSample((block + 1) * QUARTER, day, features))
