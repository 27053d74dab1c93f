"""A rule as a detector."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from string import Formatter
from typing import Any, ClassVar, Final, TypeAlias

from retail_anomaly.core.alerts import Alert, ShadowAlert, config_hash, derived_alert_id
from retail_anomaly.core.card_numbers import TOKENS
from retail_anomaly.core.codec import topic_of
from retail_anomaly.core.detector import reaches
from retail_anomaly.core.dispatch import IndexedDetector, Matches
from retail_anomaly.core.events import Event
from retail_anomaly.core.memory import StoreMemory
from retail_anomaly.core.most_ids import MOST_GROUPS
from retail_anomaly.core.parameters import Parameters
from retail_anomaly.rules.compiled import MADE, Read, any_holds, filters_left, plain_reader, reader
from retail_anomaly.rules.model import DAY, Rule
from retail_anomaly.rules.state import FloodEntry, RuleState, worth
from retail_anomaly.rules.vocabulary import FIELDS, Kind

Key: TypeAlias = Callable[[Any, StoreMemory], str | None]

FIRST, SECOND, OTHER = 1, 2, 4
"""The bits under which an event counts: as the first or second of `when`, or under another name."""
MOST_IDS: Final = 50
FLOOD: Final = "RULE_FLOOD"


class NoParameters(Parameters, frozen=True):
    """A rule has its parameters in itself."""


class RuleDetector(IndexedDetector[NoParameters, RuleState]):
    """Base of the detectors of rules; `detector_of` chooses the subclass for a rule's condition.

    Parameters
    ----------
    rule
        The rule.
    flood
        After so many live alerts in one store within 24 h, further ones go to the shadow.
    since
        The number of the change of rules with which its groups began. One that was off, or had other groups
        in between, does not go on with what it knew before.

    Cannot see: events that its filters leave out, and those that lack a field of its group.
    """

    Parameters = NoParameters
    most_groups = MOST_GROUPS
    sheds = "groups of rules"
    rule: ClassVar[Rule]
    flood: ClassVar[int]
    since: ClassVar[int]

    def __init__(self, parameters: NoParameters, max_late: int) -> None:
        super().__init__(parameters, max_late)
        rule = self.rule
        self.config_hash = rule.config_hash if parameters.enabled else config_hash(parameters)
        # State of a rule with other filters, groups or windows is not this rule's.
        self.prefix = f"{rule.id}@{rule.shape}" + (f"#{self.since}" if self.since else "")
        self._flood_key = f"{rule.id}@flood"
        self._readers: dict[tuple[type, str], Read] = {}
        self._keys: dict[type, Key] = {}
        self._by = (*rule.by, "receipt") if rule.window == "receipt" else rule.by
        self.per_cashier = "cashierId" in rule.by
        self._bits = {name: self._bit(name) for name in rule.events}
        self._message = [(text, field) for text, field, _, _ in Formatter().parse(rule.message)]

    @property
    def needs_time(self) -> bool:
        """Whether it waits for time to pass."""
        return self.rule.when.kind == "absent"

    def new_state(self) -> RuleState:
        """Return the empty state of all rules of a store."""
        return RuleState()

    def matches(self, topic: str, kind: str, training: bool) -> Matches | None:
        """Return the test of events of a topic and type, and the names under which they count."""
        always, tested = 0, []
        for name, filters in self.rule.events.items():
            options = filters_left(filters, topic, kind, training)
            if not options:
                continue
            holds = any_holds(options, topic)
            if holds is None:
                always |= self._bits[name]
            else:
                tested.append((self._bits[name], holds))
        if not tested:
            return (_passes, always) if always else None
        if len(tested) == 1 and not always:
            bit, only = tested[0]
            return only, bit

        def matching(event: Event, store: StoreMemory) -> int:
            names = always
            for bit, holds in tested:
                if holds(event, store):
                    names |= bit
            return names

        return matching, 0

    @abstractmethod
    def step(self, names: int, event: Event, state: RuleState, store: StoreMemory) -> Sequence[Alert]:
        """Look at an event that counts under some names."""

    def read(self, field: str, event: Event, store: StoreMemory) -> Any:
        """Return the value of a field; None if the event lacks it, or its topic has no such field."""
        read = self._readers.get((type(event), field))
        if read is None:
            read = reader(field, topic_of(event))
            self._readers[type(event), field] = read
        return read(event, store)

    def group(self, event: Event, store: StoreMemory) -> str | None:
        """Return the key of an event's group; None if it lacks a field of it."""
        key = self._keys.get(event.__class__)
        if key is None:
            key = self._keys[event.__class__] = self._key_of(event)
        return key(event, store)

    def _key_of(self, event: Event) -> Key:
        """Return the function that makes the keys of a type of event."""
        prefix, topic = self.prefix + "\x1f", topic_of(event)
        if not self._by:
            return lambda event, store: prefix
        only = self._by[0]
        if len(self._by) == 1 and FIELDS[topic].get(only) is Kind.TEXT and only not in MADE:
            get = plain_reader(only, topic)
            return lambda event, store: None if (value := get(event)) is None else prefix + value
        readers = [reader(field, topic) for field in self._by]
        if self._by == ("receipt",):
            receipt = readers[0]

            def of_receipt(event: Event, store: StoreMemory) -> str | None:
                text = receipt(event, store)
                return None if text is None else f"{prefix}{len(text)}:{text}\x1f"

            return of_receipt

        def joined(event: Event, store: StoreMemory) -> str | None:
            key = prefix
            for read in readers:
                value = read(event, store)
                if value is None:
                    return None
                text = value if isinstance(value, str) else repr(float(value))
                # The length keeps ("a", "bc") apart from ("ab", "c").
                key += f"{len(text)}:{text}\x1f"
            return key

        return joined

    def by_of(self, event: Event, store: StoreMemory) -> dict[str, Any]:
        """Return the values of the fields that make an event's group."""
        return {field: self.read(field, event, store) for field in self.rule.by}

    def subject_of(self, event: Event, store: StoreMemory) -> str | None:
        """Return the employee that an alert about an event names."""
        value = self.read(self.rule.subject, event, store) if self.rule.subject else None
        return None if value is None else str(value)

    def text(self, event: Event, store: StoreMemory, value: float) -> str:
        """Return the message of an alert that an event raises; it shows no token of a customer or a card."""
        parts = []
        for text, field in self._message:
            parts.append(text)
            if field == "value":
                parts.append(str(value))
            elif field == "rule":
                parts.append(self.rule.id)
            elif field in TOKENS:
                parts.append("***")
            elif field:
                found = self.read(field, event, store)
                parts.append("unknown" if found is None else str(found))
        return "".join(parts)

    def risk_of(self, value: float) -> float:
        """Return the risk of a value: of the last band that it reaches, or of the first below it."""
        bands = self.rule.risk
        reached = [risk for limit, risk in bands if reaches(value, limit)]
        return reached[-1] if reached else bands[0][1]

    def evidence(
        self, value: float, limit: float, by: dict[str, Any], numbers: Sequence[str], count: int
    ) -> dict[str, Any]:
        """Return the evidence of an alert."""
        return {
            "rule": self.rule.id,
            "version": self.rule.version,
            "value": value,
            "limit": whole(limit),
            "by": by,
            "transactionIds": list(dict.fromkeys(numbers))[:MOST_IDS],
            "eventCount": count,
        }

    def bound_groups(self, state: RuleState, store: StoreMemory) -> None:
        """After a new group came: of too many groups of all rules, forget those that matter least."""
        if len(state.groups) > self.most_groups:
            known = dict(state.groups.items())
            gone = self.shed(state.groups, self.most_groups, worth, store)
            state.note_forgotten([known[key] for key in gone])

    def goes_to_shadow(self, time: int, state: RuleState, store: StoreMemory) -> tuple[bool, bool]:
        """Count a new alert; tell whether it goes to the shadow, and whether a flood begins with it."""
        if self.rule.status != "live":
            return True, False
        entry = state.groups.get(self._flood_key)
        if not isinstance(entry, FloodEntry):
            entry = FloodEntry(0)
        newest = max([time, *entry.times])
        entry.times = [at for at in entry.times if at >= newest - DAY - self.max_late]
        shadow = sum(time - DAY <= at for at in entry.times) >= self.flood
        begins = shadow and not entry.flooding
        entry.flooding = shadow
        if not shadow:
            entry.times.append(time)
        entry.until = max(entry.until, time + DAY + self.max_late)
        state.groups.put(self._flood_key, entry)
        return shadow, begins

    def raised(self, alert: Alert, *, shadow: bool, flood: bool = False) -> list[Alert]:
        """Return an alert for the topic that it goes to, and the alert about a flood that begins with it."""
        if not shadow:
            return [alert]
        hidden: list[Alert] = [ShadowAlert.of(alert)]
        if flood:
            hidden.append(self._flood_alert(alert))
        return hidden

    def _flood_alert(self, alert: Alert) -> Alert:
        return Alert(
            # Of the alert's own id: two rules can flood at one event.
            alert_id=derived_alert_id(FLOOD, alert.alert_id),
            revision=1,
            type=FLOOD,
            detector=self.name,
            store_id=alert.store_id,
            employee_id=None,
            risk_score=0.5,
            message=(
                f"Rule {self.rule.id} raised more than {self.flood} alerts within 24 hours: further ones go "
                "to the shadow until it has calmed down."
            ),
            event_time=alert.event_time,
            opened_at=alert.event_time,
            evidence={"rule": self.rule.id, "flood": self.flood},
            config_hash=self.config_hash,
        )

    def _bit(self, name: str) -> int:
        when = self.rule.when
        return (FIRST if name == when.first else 0) | (SECOND if name == when.second else 0) or OTHER


def whole(value: float) -> float:
    """Return a number as an integer where it is whole.

    Examples
    --------
    >>> whole(3.0), whole(2.5)
    (3, 2.5)
    """
    return int(value) if float(value).is_integer() else value


def _passes(event: Event, store: StoreMemory) -> int:
    return 1
