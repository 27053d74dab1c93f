"""What a message tells of an alert: no token, no card number, nothing but text that can do no harm."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple
from urllib.parse import quote
from zoneinfo import ZoneInfo

import msgspec

from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.card_numbers import TOKENS, without_card_numbers
from retail_anomaly.core.stakes import at_stake

_LONGEST: Final = 600
_MASK: Final = "***"


class AlertPlace(NamedTuple):
    """Where the record of an alert stands in Kafka.

    Examples
    --------
    >>> AlertPlace(3, 17, 1_760_000_000_000).offset
    17
    """

    partition: int
    offset: int
    timestamp: int


class AlertNote(msgspec.Struct, frozen=True, gc=False):
    """An alert as a message tells of it.

    Parameters
    ----------
    alert_id, revision, type, store_id, event_time
        As in `Alert`.
    severity
        How grave it is.
    sentence
        The alert's message, in one line.
    money
        The money that it is about; None if it counts pieces.
    link
        The address of its case; "" if there is no board.
    place
        Where its record stands; None outside of Kafka.

    Examples
    --------
    >>> AlertNote("a", 1, "SHRINKAGE", "store-1", 1, "high", "10 pieces are missing.").key
    ('a', 1)
    """

    alert_id: str
    revision: int
    type: str
    store_id: str
    event_time: int
    severity: str
    sentence: str
    money: float | None = None
    link: str = ""
    place: AlertPlace | None = None

    @classmethod
    def of(cls, alert: Alert, severity: str, link: str = "", place: AlertPlace | None = None) -> "AlertNote":
        """Return what is told of an alert.

        Parameters
        ----------
        alert
            The alert.
        severity
            Its severity.
        link
            The address of a case, with ``{alertId}`` and ``{storeId}`` in it.
        place
            Where its record stands.

        Examples
        --------
        >>> alert = Alert(alert_id="a", revision=1, type="CARD_VELOCITY", detector="rule:card_velocity",
        ...     store_id="s", employee_id=None, risk_score=0.9, message="Card tok_77 was used 4 times.",
        ...     event_time=1, opened_at=1, evidence={"by": {"cardToken": "tok_77"}}, config_hash="0")
        >>> AlertNote.of(alert, "high").sentence
        'Card *** was used 4 times.'
        """
        return cls(
            alert_id=alert.alert_id,
            revision=alert.revision,
            type=_told(alert.type, ()),
            store_id=alert.store_id,
            event_time=alert.event_time,
            severity=severity,
            sentence=_told(alert.message, tokens_of(alert.evidence)),
            money=at_stake(alert.evidence),
            link=link.replace("{alertId}", quote(alert.alert_id, safe="")).replace(
                "{storeId}", quote(without_card_numbers(alert.store_id), safe="")
            ),
            place=place,
        )

    @property
    def key(self) -> tuple[str, int]:
        """Return (alert id, revision)."""
        return self.alert_id, self.revision

    @property
    def store(self) -> str:
        """Return the store's id as a message may show it."""
        return _told(self.store_id, ())

    def local(self, zone: ZoneInfo) -> str:
        """Return day, hour and minute of its event in a zone."""
        return f"{datetime.fromtimestamp(self.event_time / 1000, zone):%Y-%m-%d %H:%M}"


def tokens_of(evidence: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the tokens of customers and cards that the evidence bears, at any depth.

    Examples
    --------
    >>> tokens_of({"by": {"cardToken": "tok_77", "cashierId": "c-1"}, "value": 4})
    ('tok_77',)
    >>> tokens_of({"lines": [{"sku": "k", "giftCardToken": "tok_78"}], "customerToken": ["tok_79"]})
    ('tok_78', 'tok_79')
    """
    found: list[str] = []
    for name, value in evidence.items():
        for each in value if isinstance(value, list | tuple) else (value,):
            if isinstance(each, Mapping):
                found.extend(tokens_of(each))
            elif name in TOKENS and each is not None:
                found.append(str(each))
    return tuple(token for token in found if token)


def _told(text: str, tokens: tuple[str, ...]) -> str:
    """Return a text in one line, without tokens and card numbers."""
    for token in sorted(tokens, key=len, reverse=True):
        text = text.replace(token, _MASK)
    line = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return without_card_numbers(line)[:_LONGEST]
