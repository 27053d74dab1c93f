"""The examples of a rule: short logs at which it fires, and logs at which it stays quiet."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.durations import Duration
from retail_anomaly.core.engine import Engine
from retail_anomaly.core.event_mapping import from_mapping
from retail_anomaly.core.events import POS_EVENTS, SECURITY_EVENTS, Event
from retail_anomaly.core.invalid import InvalidEvent
from retail_anomaly.core.local_time import UTC as UTC_ZONE
from retail_anomaly.core.memory import StoreMemory
from retail_anomaly.rules.detectors_of import rule_detectors
from retail_anomaly.rules.model import DAY, Rule
from retail_anomaly.rules.written import RuleError

START: Final = 1_759_752_000_000
"""Monday, 2025-10-06, 12:00 UTC: the time from which an example counts ``at``."""
MOST_TIMES: Final = 10_000


def check_examples(rule: Rule, zone: Callable[[str], ZoneInfo] = lambda store: UTC_ZONE) -> int:
    """Run a rule's examples and return their number.

    Parameters
    ----------
    rule
        The rule; `examples` has the keys ``fires`` and ``quiet``, each a list of logs. A log is a list of
        events or the name of a file beside the rule. An event is ``{topic, value}`` as in an event log, or
        the value alone: its store and cashier may be left out, and ``at: 10m`` stands for its time.
        ``at: 10m, times: 60, every: 1m`` are 60 such events, a minute apart.
    zone
        Returns a store's time zone.

    Raises
    ------
    RuleError
        An example is no log, does not fire or is not quiet; the text names it.

    Examples
    --------
    >>> rule = Rule.load({"id": "a", "events": {"e": {"eventType": "NO_SALE"}}, "window": "1h",
    ...     "when": {"count": "e", "gte": 2}, "examples": {
    ...         "fires": [[{"at": "1m", "eventType": "NO_SALE"}, {"at": "2m", "eventType": "NO_SALE"}]],
    ...         "quiet": [[{"at": "1m", "eventType": "NO_SALE"}]]}})
    >>> check_examples(rule)
    2
    """
    examples = rule.written.get("examples", {})
    if not isinstance(examples, dict) or not examples.keys() <= {"fires", "quiet"}:
        raise RuleError(rule.place, "examples: expected the keys fires and quiet, each with a list of logs")
    count = 0
    for name, logs in examples.items():
        if not isinstance(logs, list):
            raise RuleError(rule.place, f"examples.{name}: expected a list of logs")
        for number, log in enumerate(logs, 1):
            place = f"rule {rule.id}, examples.{name} {number}"
            fired = bool(alerts_of_example(rule, log, place, zone))
            if fired != (name == "fires"):
                said = "raises an alert" if fired else "raises no alert"
                raise RuleError(rule.place, f"example {number} of {name} {said}")
            count += 1
    return count


def alerts_of_example(
    rule: Rule, log: Any, place: str, zone: Callable[[str], ZoneInfo] = lambda store: UTC_ZONE
) -> list[Alert]:
    """Return the alerts that a rule raises over an example, time passed to the end of its window."""
    engine = Engine(rule_detectors([rule], DAY), zone=zone)
    alerts: list[Alert] = []
    stores: dict[str, StoreMemory] = {}
    newest = 0
    for event in _events(rule, log, place):
        store = stores.setdefault(event.store_id, engine.new_store(event.store_id))
        alerts += engine.process(event, store)
        newest = max(newest, store.clock)
    for store in stores.values():
        alerts += engine.tick(newest + rule.span, store)
    return alerts


def _events(rule: Rule, log: Any, place: str) -> Iterator[Event]:
    if isinstance(log, str):
        file = Path(rule.place.rpartition(":")[0]).parent / log
        try:
            log = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
        except (OSError, ValueError) as error:
            raise RuleError(place, f"{file}: cannot be read: {error}") from None
    if not isinstance(log, list) or not all(isinstance(entry, dict) for entry in log):
        raise RuleError(place, "expected a list of events, or the name of a file beside the rule")
    for number, entry in enumerate(log, 1):
        try:
            for topic, value in _repeated(entry, number):
                yield from_mapping(topic, value)
        except (InvalidEvent, ValueError) as error:
            raise RuleError(place, f"event {number}: {error}") from None


def _repeated(entry: dict[str, Any], number: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the events of an entry, which has several where it says ``times``."""
    times = entry.get("times", 1)
    if type(times) is not int or not 1 <= times <= MOST_TIMES:
        raise ValueError(f"times: expected a whole number from 1 to {MOST_TIMES:,}, got {times!r}")
    every = Duration.parse(str(entry.get("every", "1m")))
    once = {name: value for name, value in entry.items() if name not in ("times", "every")}
    topic, value = _entry(once, number)
    yield topic, value
    for nth in range(1, times):
        # An event id is told apart from others: the same one twice would be one event.
        ids = {"eventId": f"{value['eventId']}-{nth}"} if "eventId" in value else {}
        yield topic, {**value, **ids, "eventTime": value["eventTime"] + nth * every}


def _entry(entry: dict[str, Any], number: int) -> tuple[str, dict[str, Any]]:
    topic = str(entry.get("topic", POS_EVENTS))
    if "value" in entry:
        return topic, entry["value"]
    value = {"storeId": "store-1", **entry}
    value.pop("topic", None)
    if topic == POS_EVENTS:
        value = {"cashierId": "c-1", **value}
    if topic == SECURITY_EVENTS:
        value = {"eventId": f"g-{number}", "eventType": "GATE", **value}
    at = value.pop("at", None)
    if at is not None:
        value["eventTime"] = START + Duration.parse(str(at))
    return topic, {name: _time(given) for name, given in value.items()}


def _time(given: Any) -> Any:
    """Return a date and time of YAML in epoch milliseconds; without a zone it is UTC."""
    if not isinstance(given, datetime):
        return given
    return int((given if given.tzinfo else given.replace(tzinfo=UTC)).timestamp() * 1000)
