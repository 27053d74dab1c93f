"""The employees of a log, and alerts with pseudonyms put back to their ids."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.events import Event
from retail_anomaly.core.pseudonyms import Pseudonyms

FIELDS = ("cashier_id", "approver_id", "manager_id", "employee_id")
_TOKEN = re.compile(r"E-[0-9a-z]{12}")


def employees_of(events: Iterable[Event]) -> set[str]:
    """Return the ids of all employees that events name."""
    return {name for event in events for field in FIELDS if (name := getattr(event, field, None)) is not None}


def contents(alerts: Iterable[Alert], names: Pseudonyms, employees: Iterable[str]) -> list[dict[str, object]]:
    """Return alerts without their ids and times of emission, each pseudonym put back to the id it is of."""
    ids = {name: employee for employee in employees for name in names.all_of(employee)}
    found = []
    for alert in alerts:
        bare = msgspec.structs.replace(alert, alert_id="-", detected_at=None)
        text = _TOKEN.sub(lambda match: ids[match[0]], msgspec.json.encode(bare).decode())
        found.append(msgspec.json.decode(text))
    return found
