"""An action that does not fit is one line that names the field."""

from typing import Any

import msgspec
import pytest

from retail_anomaly.cases import Action, decode_action
from retail_anomaly.core.records import InvalidRecord

T0 = 1_760_000_000_000
DAY = 86_400_000
GOOD = {
    "actionId": "a",
    "time": T0,
    "by": "kim",
    "action": "verdict",
    "storeId": "s",
    "alertId": "x",
    "verdict": "confirmed",
    "reason": "seen on video",
}
SNOOZE = {**GOOD, "action": "snooze", "alertId": None, "verdict": None, "scope": {"type": "A", "sku": "k"}}


def decoded(value: dict[str, Any]) -> Action:
    return decode_action(msgspec.json.encode(value))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"reason": ""}, 'reason: expected text, got ""'),
        ({"by": None}, "by: expected text, got null"),
        ({"verdict": "guilty"}, "verdict: expected one of confirmed, benign, training and unclear"),
        ({"verdict": None}, "verdict: expected confirmed, benign, training or unclear, the field is missing"),
        ({"action": "delete"}, "action: expected one of verdict, snooze, allow, assign and reopen"),
        ({"caseId": "c"}, "alertId: expected exactly one of alertId, caseId and scope"),
        ({"alertId": None}, "alertId: expected exactly one of alertId, caseId and scope"),
        ({"time": 1_760_000_000}, "time: expected a time in epoch milliseconds"),
        ({"alertId": None, "scope": {"type": "A", "sku": "k"}}, "scope: expected alertId or caseId"),
    ],
)
def test_a_wrong_action_names_its_field(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidRecord) as error:
        decoded({**GOOD, **change})
    assert str(error.value).startswith(reason)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"scope": {"type": "A"}}, "scope: expected type and one of"),
        ({"scope": {"sku": "k"}}, "scope: expected type and one of"),
        ({"expiresAt": T0 + 30 * DAY + 1}, "expiresAt: expected a time within 30d after time"),
        ({"expiresAt": T0}, "expiresAt: expected a time within 30d after time"),
        ({"action": "allow", "expiresAt": T0 + 181 * DAY}, "expiresAt: expected a time within 180d"),
    ],
)
def test_a_snooze_has_a_scope_and_an_end(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidRecord) as error:
        decoded({**SNOOZE, **change})
    assert str(error.value).startswith(reason)


def test_a_snooze_without_an_end_lasts_as_long_as_it_may() -> None:
    assert decoded(SNOOZE).ends == T0 + 30 * DAY
    assert decoded({**SNOOZE, "action": "allow"}).ends == T0 + 180 * DAY
