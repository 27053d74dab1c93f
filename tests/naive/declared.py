"""Declarative rules, evaluated anew over everything a group has seen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.naive.builtin import Found, reaches
from tests.naive.store import DAY, TINY, Event, Store, duration

MISSING = object()


class Seen:
    """An event of a group, with the names under which it joined."""

    def __init__(self, event: Event, names: set[str], order: int) -> None:
        self.event, self.names, self.order = event, names, order
        self.time: int = event["eventTime"]
        self.used = False


class Group:
    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.newest = 0
        self.opened: int | None = None
        self.day: Any = None
        self.revision = 0
        self.risk = 0.0
        self.employee: str | None = None


class Declared:
    """One rule in one store."""

    def __init__(self, rule: dict[str, Any], store: Store) -> None:
        self.rule, self.store = rule, store
        self.type = rule["id"].upper()
        self.live = rule.get("status", "shadow") == "live"
        self._groups: dict[tuple[Any, ...], Group] = {}
        self._waiting: list[tuple[Group, Seen]] = []
        self._order = 0

    def on_event(self, topic: str, event: Event) -> Iterator[Found]:
        names = {name for name, test in self.rule["events"].items() if self._is(test, topic, event)}
        key = self._key(topic, event) if names else None
        if key is None:
            return
        self._order += 1
        seen = Seen(event, names, self._order)
        group = self._groups.setdefault(key, Group())
        when = self.rule["when"]
        if "sequence" in when:
            yield from self._sequence(group, seen)
        elif "absent" in when:
            group.seen.append(seen)
            if when["after"] in names:
                self._waiting.append((group, seen))
        else:
            yield from self._window(group, seen)

    def on_time(self, time: int) -> Iterator[Found]:
        when = self.rule["when"]
        if "absent" not in when:
            return
        window = duration(self.rule["window"])
        for group, after in list(self._waiting):
            if time < after.time + window:
                continue
            self._waiting.remove((group, after))
            answered = any(
                other is not after
                and when["absent"] in other.names
                and 0 <= other.time - after.time <= window
                for other in group.seen
            )
            if not answered:
                employee = self._field(after.event, self.rule.get("subject", ""))
                yield self._found(employee, after.time, self._risk(window // 1000), 1, window // 1000)

    # --- the kinds of `when` --------------------------------------------------------------------

    def _sequence(self, group: Group, seen: Seen) -> Iterator[Found]:
        first, second = self.rule["when"]["sequence"]
        window = duration(self.rule["window"])
        if second in seen.names:
            fitting = [
                a for a in group.seen if first in a.names and not a.used and 0 <= seen.time - a.time <= window
            ]
            if fitting:
                a = max(fitting, key=lambda x: (x.time, x.order))
                a.used = True
                subject = self.rule.get("subject", "")
                employee = self._field(seen.event, subject)
                employee = self._field(a.event, subject) if employee is MISSING else employee
                value = (seen.time - a.time) / 1000
                value = int(value) if value.is_integer() else value
                yield self._found(employee, seen.time, self._risk(value), 1, value)
        group.seen.append(seen)

    def _window(self, group: Group, seen: Seen) -> Iterator[Found]:
        window = self.rule["window"]
        day = self.store.local(seen.time).date()
        if not group.seen:
            group.newest = seen.time
        group.seen.append(seen)
        group.newest = max(group.newest, seen.time)
        newest_day = self.store.local(group.newest).date()
        if window == "day":
            kept = [x for x in group.seen if self.store.local(x.time).date() == newest_day]
        else:
            length = DAY if window == "receipt" else duration(window)
            kept = [x for x in group.seen if x.time >= group.newest - length]
            if group.opened is not None and group.newest > group.opened + length:
                group.opened = None
        if window == "day" and group.day != newest_day:
            group.opened = None
        if seen not in kept:
            return
        value = self._value(kept)
        if value is None or not reaches(value, self.rule["when"]["gte"]):
            group.opened = None
            return
        risk = self._risk(value)
        if group.opened is None:
            group.opened, group.day, group.revision = seen.time, day, 1
            employee = self._field(seen.event, self.rule.get("subject", ""))
            group.employee = None if employee is MISSING else employee
        elif reaches(risk, group.risk + 0.05):
            group.revision += 1
        else:
            return
        group.risk = risk
        yield self._found(group.employee, seen.time, risk, group.revision, value)

    def _value(self, kept: list[Seen]) -> float | None:
        when = self.rule["when"]
        if "count" in when:
            return sum(when["count"] in x.names for x in kept)
        if "ratio" in when:
            part, whole = (sum(name in x.names for x in kept) for name in when["ratio"])
            return None if whole < when.get("min", 1) else round(part / whole, 6)
        name, field = when.get("sum", when.get("distinct", "")).split(".")
        values = [self._field(x.event, field) for x in kept if name in x.names]
        known = [value for value in values if value is not MISSING]
        if "distinct" in when:
            return len(set(known))
        total = round(float(sum(known)), 6)
        return int(total) if total.is_integer() else total

    def _risk(self, value: float) -> float:
        risk = self.rule.get("risk", 0.5)
        if not isinstance(risk, list):
            return float(risk)
        reached = [r for limit, r in risk if reaches(value, limit)]
        return float(reached[-1] if reached else risk[0][1])

    # --- events ---------------------------------------------------------------------------------

    def _key(self, topic: str, event: Event) -> tuple[Any, ...] | None:
        parts = [self._field(event, name) for name in self.rule.get("by", [])]
        if self.rule["window"] == "receipt":
            parts.append(self._field(event, "receipt"))
        return None if MISSING in parts else tuple(parts)

    def _is(self, test: Any, topic: str, event: Event) -> bool:
        if isinstance(test, list):
            return any(self._is(one, topic, event) for one in test)
        if test.get("topic", "pos-events") != topic:
            return False
        if event.get("training") and not any(key.split("|")[0] == "training" for key in test):
            return False
        return all(self._holds(key, wanted, event) for key, wanted in test.items() if key != "topic")

    def _holds(self, key: str, wanted: Any, event: Event) -> bool:
        name, _, modifier = key.partition("|")
        value = self._field(event, name)
        if modifier == "exists":
            return (value is not MISSING) == wanted
        if value is MISSING:
            return False
        if modifier in {"", "not"}:
            values: list[Any] = []
            for each in wanted if isinstance(wanted, list) else [wanted]:
                named = isinstance(each, str) and each.startswith("$")
                values += self.rule["lists"][each[1:]] if named else [each]
            if name == "eventType":
                value, values = str(value).upper(), [str(each).upper() for each in values]
            return (value in values) == (modifier == "")
        if modifier == "startswith":
            if name == "eventType":
                return str(value).upper().startswith(str(wanted).upper())
            return str(value).startswith(wanted)
        if modifier == "field":
            return bool(value == self._field(event, wanted))
        if modifier == "share":
            other = self._field(event, wanted[0])
            return other is not MISSING and reaches(value, wanted[1] * other)
        return {
            "gt": value > wanted + TINY,
            "gte": value >= wanted - TINY,
            "lt": value < wanted - TINY,
            "lte": value <= wanted + TINY,
        }[modifier]

    def _field(self, event: Event, name: str) -> Any:
        local = self.store.local(event["eventTime"])
        if name == "localHour":
            return local.hour
        if name == "weekday":
            return f"{local:%a}".lower()
        if name == "offShift":
            off = self.store.off_shift(event.get("cashierId", ""), event["eventTime"])
            return MISSING if off is None else off
        if name == "receipt":
            return "/".join(self.store.identity(event)) if event.get("transactionId") else MISSING
        if "cashierId" in event and name in {"training", "employeeDiscount"}:
            return bool(event.get(name))
        if "cashierId" in event and name == "quantity":
            return event.get("quantity") or 1
        value = {**event.get("eventData", {}), **event}.get(name, MISSING)
        return MISSING if value is None or value == "" else value

    def _found(self, employee: Any, time: int, risk: float, revision: int, value: float) -> Found:
        return {
            "type": self.type,
            "storeId": self.store.store_id,
            "employeeId": None if employee is MISSING else employee,
            "eventTime": time,
            "riskScore": round(risk, 6),
            "revision": revision,
            "detail": str(value),
        }
