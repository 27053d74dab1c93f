"""What each rule needs, and what a log lacks of it."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

import msgspec
import pandas as pd

from retail_anomaly.core.codec import topic_of
from retail_anomaly.core.events import (
    INVENTORY_COUNTS,
    POS_EVENTS,
    REFUND,
    SALE,
    STOCK_MOVEMENTS,
    CountEvent,
    Event,
    PosEvent,
    SecurityEvent,
    ShiftEvent,
    TillEvent,
)
from retail_anomaly.detectors import REGISTRY
from retail_anomaly.rules.load import load_rules
from retail_anomaly.rules.model import EventFilter, FieldTest, Rule
from retail_anomaly.settings import Settings
from retail_anomaly.sources import Where
from retail_anomaly.sources.loaded import Events, load
from retail_anomaly.sources.mapping_file import AnyMapping
from retail_anomaly.sources.watch import Watch

_DAY: Final = 86_400_000
_WEEKS: Final = 28 * _DAY  # of history, before the models say much
_MADE: Final = frozenset({"storeId", "eventType", "eventTime", "localHour", "weekday", "receipt"})
_ALWAYS: Final = _MADE | {"quantity", "training", "employeeDiscount"}
"""Fields that an event has without naming them."""


class _Found:
    """What a log holds; it keeps counts and names, not events."""

    def __init__(self, nobody: Iterable[str]) -> None:
        self._nobody = frozenset(nobody)
        self.watch = Watch(self._nobody)
        self.types: Counter[tuple[str, str]] = Counter()
        self.topics: Counter[str] = Counter()
        self.filled: dict[str, set[str]] = {}
        self._open: dict[type, list[tuple[str, str]]] = {}
        self.quantities = False
        self.counted_twice = False
        self._counted: set[tuple[str, str]] = set()
        self._first: dict[str, int] = {}
        self.longest = 0

    def take(self, event: Event) -> None:
        topic = topic_of(event)
        self.topics[topic] += 1
        self.watch.take(event)
        self._fill(topic, event)
        if isinstance(event, ShiftEvent):
            return
        first = self._first.setdefault(event.store_id, event.event_time)
        self.longest = max(self.longest, event.event_time - first)
        if isinstance(event, PosEvent | TillEvent | SecurityEvent):
            self.types[topic, event.event_type.upper()] += 1
        if isinstance(event, PosEvent):
            self.quantities = self.quantities or event.has_quantity
        elif isinstance(event, SecurityEvent) and event.event_data.alarm:
            self.types[topic, "alarm"] += 1
        elif isinstance(event, CountEvent) and not self.counted_twice:
            key = event.store_id, event.sku
            self.counted_twice = key in self._counted
            self._counted.add(key)

    def _fill(self, topic: str, event: Event) -> None:
        """Note the fields that an event fills; those that are filled once are not looked at again."""
        kind = type(event)
        left = self._open.get(kind)
        if left is None:
            left = self._open[kind] = [
                (field.name, field.encode_name) for field in msgspec.structs.fields(kind)
            ]
        if not left:
            return
        filled = self.filled.setdefault(topic, set())
        for pair in list(left):
            value = getattr(event, pair[0])
            if value is not None and not (pair[1] == "cashierId" and value in self._nobody):
                filled.add(pair[1])
                left.remove(pair)
                if isinstance(event, SecurityEvent) and pair[1] == "eventData":
                    filled |= {"gateId", "alarm"}

    def has(self, topic: str, field: str) -> bool:
        if field == "offShift":
            return self.topics["staff-shifts"] > 0
        return field in _ALWAYS or field in self.filled.get(topic, ())

    @property
    def named_cashiers(self) -> bool:
        return "cashierId" in self.filled.get(POS_EVENTS, ())


FACTS: Final[Mapping[str, tuple[str, Callable[[_Found], bool]]]] = MappingProxyType(
    {
        "sales": ("sales", lambda found: found.types[POS_EVENTS, SALE] > 0),
        "refunds": ("refunds", lambda found: found.types[POS_EVENTS, REFUND] > 0),
        "cashiers": ("cashiers who are named", lambda found: found.named_cashiers),
        "references": (
            "refunds that name a sale, a customer or a card of these events",
            lambda found: found.watch.findings.matched,
        ),
        "quantities": ("quantities", lambda found: found.quantities),
        "shifts": ("shifts (staff-shifts)", lambda found: found.topics["staff-shifts"] > 0),
        "alarms": (
            "gate alarms (security-events)",
            lambda found: found.types["security-events", "alarm"] > 0,
        ),
        "counts": ("counts (inventory-counts)", lambda found: found.topics[INVENTORY_COUNTS] > 0),
        "recounts": ("an article that was counted twice", lambda found: found.counted_twice),
        "movements": ("deliveries (stock-movements)", lambda found: found.topics[STOCK_MOVEMENTS] > 0),
        "weeks": ("four weeks of one store", lambda found: found.longest >= _WEEKS),
    }
)
"""The words of `Detector.needs`: what a log holds in a person's words, and the test for it."""


def rule_needs(
    source: Where, *, mapping: AnyMapping | None = None, settings: Settings | None = None
) -> pd.DataFrame:
    """Tell which rules your data can be used for, and what it lacks for the others.

    Parameters
    ----------
    source
        A log or events, as `replay` takes them.
    mapping
        How foreign data is read.
    settings
        Time zones of the stores.

    Returns
    -------
    pandas.DataFrame
        One row a rule, the detectors first, then those of the pack ``pos``: ``rule``, ``can_be_used``,
        ``lacks`` (what keeps it silent) and ``better_with`` (what it would profit from).

    Examples
    --------
    >>> refund = {"transactionId": "r", "storeId": "s", "cashierId": "c", "sku": "k", "amount": 20.0,
    ...     "eventType": "REFUND", "eventTime": 1_760_000_000_000}
    >>> needs = rule_needs([refund]).set_index("rule")
    >>> needs.loc["refund_burst", "better_with"], needs.loc["security_correlation", "lacks"]
    ('shifts (staff-shifts)', 'sales, gate alarms (security-events)')
    """
    zones = (settings or Settings()).zones
    events = source if isinstance(source, Events) else load(source, mapping=mapping, zones=zones)
    found = _Found(events.mapping.nobody)
    for event in events:
        found.take(event)
    rows = []
    for name, detector in REGISTRY.items():
        lacks = [FACTS[need][0] for need in detector.needs if not FACTS[need][1](found)]
        better = [FACTS[need][0] for need in detector.better_with if not FACTS[need][1](found)]
        rows.append((name, not lacks, ", ".join(lacks), ", ".join(better)))
    for rule in load_rules(packs=["pos"]):
        lacks = list(dict.fromkeys(_lacks(rule, found)))
        rows.append((rule.name, not lacks, ", ".join(lacks), ""))
    return pd.DataFrame(rows, columns=["rule", "can_be_used", "lacks", "better_with"])


def _lacks(rule: Rule, found: _Found) -> Iterator[str]:
    """Yield what keeps a declared rule silent."""
    asked = [name for name in (rule.when.first, rule.when.second) if name is not None]
    if rule.when.kind == "absent":
        asked = [rule.when.first]
    for name in asked:
        options = [list(_filter_lacks(each, rule, found)) for each in rule.events[name]]
        if all(options):
            yield from min(options, key=len)


def _filter_lacks(tests: EventFilter, rule: Rule, found: _Found) -> Iterator[str]:
    for test in tests.tests:
        if test.field == "eventType" and not test.modifier:
            wanted = [str(one).upper() for one in test.wanted]
            if not any(found.types[tests.topic, one] for one in wanted):
                yield f"events of type {' or '.join(wanted)}"
        elif _needs_a_value(test) and not found.has(tests.topic, test.field):
            yield test.field
    yield from (field for field in rule.by if not found.has(tests.topic, field))


def _needs_a_value(test: FieldTest) -> bool:
    """Tell whether an event that lacks the field fails the test."""
    return test.modifier != "exists" or bool(test.wanted)
