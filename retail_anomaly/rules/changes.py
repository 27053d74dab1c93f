"""Changes of the rules in force: the records of the topic `retail-rules`."""

from typing import Annotated, Any, Final, Literal, TypeAlias, cast

import msgspec
from msgspec import Meta

from retail_anomaly.core.events import Millis, Text
from retail_anomaly.core.records import decode_record
from retail_anomaly.rules.model import Status

ChangeKind: TypeAlias = Literal["push", "promote", "shadow", "off"]
_STATUS_AFTER: Final[dict[str, Status]] = {"promote": "live", "shadow": "shadow", "off": "off"}


class RuleChange(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A change of one rule, as somebody asked for it.

    Parameters
    ----------
    action
        ``push`` brings a rule; ``promote``, ``shadow`` and ``off`` give a known one another status.
    by
        The person.
    time
        When the person asked for it, in epoch milliseconds. The record's place among the events, not this
        time, decides from when on the rule is in force.
    id
        The rule; of a push, the rule itself says it.
    rule
        The rule that is pushed, as a mapping.
    reason
        Why, in the person's words.
    change_id
        Equal in the copies of one change, of which each partition has one.

    Raises
    ------
    ValueError
        A push has no rule, or another action no id.

    Examples
    --------
    >>> RuleChange("off", "kim", 1_760_000_000_000, id="drawer_opened").status
    'off'
    """

    action: Annotated[ChangeKind, Meta(description="one of push, promote, shadow and off")]
    by: Text
    time: Millis
    id: Text | None = None
    rule: Annotated[dict[str, Any] | None, Meta(description="an object with the keys of a rule")] = None
    reason: str = ""
    change_id: str = ""

    def __post_init__(self) -> None:
        if self.action == "push" and self.rule is None:
            raise ValueError("rule: expected the rule that is pushed, the field is missing")
        if self.action != "push" and self.id is None:
            raise ValueError("id: expected the id of a rule, the field is missing")

    @property
    def status(self) -> Status:
        """The status that a rule is given by its id."""
        return _STATUS_AFTER[self.action]

    @property
    def rule_id(self) -> str:
        """The id of the rule."""
        return cast(str, (self.rule or {}).get("id", "") if self.action == "push" else self.id)


def decode_change(raw: bytes | None) -> RuleChange:
    """Read the value of a record.

    Raises
    ------
    InvalidRecord
        It is no change.

    Examples
    --------
    >>> decode_change(b'{"action": "of", "by": "kim", "time": 1760000000000, "id": "a"}')
    Traceback (most recent call last):
    retail_anomaly.core.records.InvalidRecord: action: expected one of push, promote, shadow and off, got "of"
    """
    return decode_record(RuleChange, raw or b"")
