"""Actions: the decisions of the people who read alerts."""

from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from retail_anomaly.core.durations import Duration
from retail_anomaly.core.events import Millis, Text
from retail_anomaly.core.records import decode_record

_DAY: Final = 86_400_000
ActionKind: TypeAlias = Literal["verdict", "snooze", "allow", "assign", "reopen"]
Verdict: TypeAlias = Literal["confirmed", "benign", "training", "unclear"]
# How long an entry may last at most, and lasts if it names no end.
_LONGEST: Final[dict[str, int]] = {"snooze": 30 * _DAY, "allow": 180 * _DAY}


class Scope(msgspec.Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """The alerts that a snooze or an allow entry is about: those that equal it in each field it names.

    Examples
    --------
    >>> Scope(type="REFUND_BURST", employee_id="c-1").card_token is None
    True
    """

    type: Text | None = None
    employee_id: Text | None = None
    sku: Text | None = None
    card_token: Text | None = None


class Action(msgspec.Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """One decision of a person about an alert, a case or a kind of alerts.

    Parameters
    ----------
    action_id
        Unique; an action that is seen twice counts once.
    time
        When the person decided, in epoch milliseconds.
    by
        The person.
    action
        ``verdict``, ``snooze``, ``allow``, ``assign`` or ``reopen``.
    store_id
        The store, which is the record's key.
    reason
        Why, in the person's words.
    alert_id, case_id, scope
        The target, exactly one of them. A verdict on a case is one on each of its alerts that were opened by
        then.
    verdict
        For a verdict: ``confirmed``, ``benign``, ``training`` or ``unclear``.
    expires_at
        For a snooze (30 days at most) or an allow entry (180 days at most): its end by event time, in epoch
        milliseconds. Absent, it lasts as long as it may.
    assignee
        For an assignment: the person who takes the case. Absent: the one who acts.

    Raises
    ------
    ValueError
        The fields do not fit the kind of action. The text begins with the name of the field.

    Examples
    --------
    >>> Action("a-1", 1_760_000_000_000, "kim", "verdict", "store-1", "seen on video", alert_id="x",
    ...     verdict="confirmed").verdict
    'confirmed'
    >>> Action("a-2", 1_760_000_000_000, "kim", "verdict", "store-1", "seen on video", alert_id="x")
    Traceback (most recent call last):
    ValueError: verdict: expected confirmed, benign, training or unclear, the field is missing
    """

    action_id: Text
    time: Millis
    by: Text
    action: Annotated[ActionKind, Meta(description="one of verdict, snooze, allow, assign and reopen")]
    store_id: Text
    reason: Text
    alert_id: Text | None = None
    case_id: Text | None = None
    scope: Annotated[Scope | None, Meta(description="an object with type and one more field")] = None
    verdict: Annotated[Verdict | None, Meta(description="one of confirmed, benign, training and unclear")] = (
        None
    )
    expires_at: Millis | None = None
    assignee: Text | None = None

    def __post_init__(self) -> None:
        targets = (self.alert_id, self.case_id, self.scope)
        if sum(target is not None for target in targets) != 1:
            raise ValueError("alertId: expected exactly one of alertId, caseId and scope")
        longest = _LONGEST.get(self.action)
        if longest is None:
            if self.scope is not None:
                raise ValueError(f"scope: expected alertId or caseId for the action {self.action}")
            if self.action == "verdict" and self.verdict is None:
                raise ValueError(
                    "verdict: expected confirmed, benign, training or unclear, the field is missing"
                )
            return
        scope = self.scope
        if scope is None or scope.type is None or scope == Scope(type=scope.type):
            raise ValueError("scope: expected type and one of employeeId, sku and cardToken")
        if not self.time < self.ends <= self.time + longest:
            raise ValueError(f"expiresAt: expected a time within {Duration(longest)} after time")

    @property
    def ends(self) -> int:
        """Return the end of a snooze or an allow entry, in epoch milliseconds."""
        return self.time + _LONGEST[self.action] if self.expires_at is None else self.expires_at

    @property
    def order(self) -> tuple[int, str]:
        """Return the key by which actions are ordered: of two verdicts on one alert the later counts."""
        return self.time, self.action_id


def decode_action(raw: bytes) -> Action:
    """Read one record of the topic ``alert-actions``.

    Raises
    ------
    InvalidRecord
        It is no action; the reason names the field, the expected value and the value found.

    Examples
    --------
    >>> decode_action(b'{"actionId": "a", "time": 1760000000000, "by": "kim", "action": "assign",'
    ...     b'"storeId": "s", "alertId": "x"}')
    Traceback (most recent call last):
    retail_anomaly.core.records.InvalidRecord: reason: expected text, the field is missing
    """
    return decode_record(Action, raw)
