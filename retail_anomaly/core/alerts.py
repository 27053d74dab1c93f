"""Alerts, and the ids by which a repeated alert is recognised."""

from hashlib import blake2b
from typing import Annotated, Any, TypeAlias

import msgspec
from msgspec import Meta

from retail_anomaly.core.events import IMPLIED, AnyMillis, CountEvent, Event, PosEvent, Text
from retail_anomaly.core.local_time import utc_text
from retail_anomaly.core.markup import html_paragraph, html_table
from retail_anomaly.core.quantities import whole

_Revision: TypeAlias = Annotated[
    int, Meta(ge=1, le=2**31 - 1, description="a whole number >= 1 and < 2147483648")
]
_Risk: TypeAlias = Annotated[float, Meta(ge=0, le=1, description="a number from 0 to 1")]


class Alert(msgspec.Struct, frozen=True, rename="camel"):
    """A suspicion, with the evidence behind it.

    Parameters
    ----------
    alert_id
        The same for the same event, whatever the parameters, the host or the run.
    revision
        1; then 2, 3 and so on, when a later event makes the same alert worse.
    type, detector
        For example ``REFUND_BURST`` and ``refund_burst``.
    store_id, employee_id
        The store and the employee that the alert is about; the employee may be None.
    risk_score
        0 to 1, rounded to 6 places.
    message
        One sentence for a store manager.
    event_time, opened_at
        Epoch milliseconds of the event that raised this revision, and of revision 1.
    detected_at
        Epoch milliseconds of the emission, set by the host; None until then.
    evidence
        Every number and id on which the decision rests.
    config_hash
        Short hash of the detector's parameters.

    Examples
    --------
    >>> alert = Alert(alert_id="a", revision=1, type="SHRINKAGE", detector="inventory_shrinkage",
    ...     store_id="store-1", employee_id=None, risk_score=1.0, message="10 pieces are missing.",
    ...     event_time=1, opened_at=1, evidence={"difference": 10}, config_hash="0")
    >>> alert.key
    ('a', 1)
    """

    alert_id: Text
    revision: _Revision
    type: Text
    detector: str
    store_id: Text
    employee_id: str | None
    risk_score: _Risk
    message: str
    event_time: AnyMillis
    opened_at: AnyMillis
    evidence: dict[str, Any]
    config_hash: str
    detected_at: AnyMillis | None = None

    @property
    def key(self) -> tuple[str, int]:
        """Return (alert id, revision), by which consumers recognise a repeated alert."""
        return self.alert_id, self.revision

    def detected(self, at: int) -> "Alert":
        """Return the same alert stamped with the time of its emission, in epoch milliseconds."""
        return msgspec.structs.replace(self, detected_at=at)

    def _repr_html_(self) -> str:
        """Show the message and the evidence; times are in UTC."""
        who = self.store_id if self.employee_id is None else f"{self.store_id}, {self.employee_id}"
        rows = [
            ("alert", f"{self.type}, risk {self.risk_score:g}, revision {self.revision}"),
            ("about", who),
            ("event time", utc_text(self.event_time)),
            *([("opened at", utc_text(self.opened_at))] if self.opened_at != self.event_time else []),
            *((name, _plain(value)) for name, value in self.evidence.items()),
        ]
        return html_paragraph(self.message) + html_table(rows)


class ShadowAlert(Alert, frozen=True, rename="camel"):
    """An alert that nobody is to read yet: it goes to the topic ``shadow-alerts`` and nowhere else.

    Examples
    --------
    >>> alert = Alert(alert_id="a", revision=1, type="DRAWER_OPENED", detector="rule:drawer_opened",
    ...     store_id="store-1", employee_id=None, risk_score=0.5, message="Opened 5 times.",
    ...     event_time=1, opened_at=1, evidence={}, config_hash="0")
    >>> ShadowAlert.of(alert).key == alert.key
    True
    """

    @classmethod
    def of(cls, alert: Alert) -> "ShadowAlert":
        """Return an alert's twin for the shadow."""
        return cls(**{name: getattr(alert, name) for name in alert.__struct_fields__})


def derived_alert_id(alert_type: str, cause: str) -> str:
    """Hash an alert's type and the id of the alert that gives rise to it.

    Examples
    --------
    >>> derived_alert_id("RULE_FLOOD", "a") == derived_alert_id("RULE_FLOOD", "a")
    True
    """
    return blake2b(f"{alert_type}\x00{cause}".encode(), digest_size=16).hexdigest()


def alert_id(alert_type: str, event: Event) -> str:
    """Hash an alert's type, its store and the event that raised it.

    Parameters
    ----------
    alert_type
        For example ``REFUND_BURST``.
    event
        The event that raised revision 1. Its store is one of its fields.

    Returns
    -------
    str
        32 hexadecimal digits: 128 bits of BLAKE2b over the event's canonical JSON.

    Examples
    --------
    >>> sale = PosEvent("t", "s", "c", "k", 1.0, "Sale", 1_760_000_000_000)
    >>> same = PosEvent("t", "s", "c", "k", 1, "SALE", 1_760_000_000_000, quantity=1)
    >>> alert_id("X", sale) == alert_id("X", same)
    True
    """
    # The case of the type, 1 for 1.0, an implied 1 and the sign of a zero differ between senders: equal
    # events get equal ids.
    if isinstance(event, PosEvent):
        event = msgspec.structs.replace(
            event,
            event_type=event.event_type.upper(),
            amount=float(event.amount) + 0.0,
            quantity=IMPLIED if event.quantity == 1 else whole(event.quantity),
        )
    elif isinstance(event, CountEvent):
        event = msgspec.structs.replace(event, counted_qty=whole(event.counted_qty))
    digest = blake2b(alert_type.encode(), digest_size=16)
    digest.update(b"\x00")
    digest.update(msgspec.json.encode(event, order="deterministic"))
    return digest.hexdigest()


def interval_alert_id(alert_type: str, store_id: str, end: int, register: str | None = None) -> str:
    """Hash an alert's type, its store and the end of an interval, for an alert that no event raises.

    Parameters
    ----------
    alert_type
        For example ``SALES_DEVIATION``.
    store_id
        The store.
    end
        The end of the interval, in epoch milliseconds.
    register
        The till that the alert is about; None: it is about the whole store.

    Returns
    -------
    str
        32 hexadecimal digits, as `alert_id` returns.

    Examples
    --------
    >>> interval_alert_id("X", "store-1", 900_000) == interval_alert_id("X", "store-1", 900_000)
    True
    """
    subject = f"{alert_type}\x00{store_id}\x00{end}" + ("" if register is None else f"\x00{register}")
    return blake2b(subject.encode(), digest_size=16).hexdigest()


def config_hash(parameters: object) -> str:
    """Hash a detector's parameters to 8 hexadecimal digits.

    Examples
    --------
    >>> config_hash({"count": 3}) == config_hash({"count": 3}) != config_hash({"count": 4})
    True
    """
    encoded = msgspec.json.encode(parameters, order="deterministic", enc_hook=int)
    return blake2b(encoded, digest_size=4).hexdigest()


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
