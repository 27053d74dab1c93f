"""People's decisions about the alerts: the cases that triage makes of them must be those of a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import retail_anomaly as ra
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.codec import encode
from retail_anomaly.frames.cases import CaseBook
from retail_anomaly.settings import Settings
from streamer.kafka.topic_plan import ALERT_ACTIONS
from tests.kafka import Record, produce
from tests.support.decisions import drawn_actions, last_cases


class Decisions:
    """Decisions about a third of the alerts, each sent twice, and in any order.

    Parameters
    ----------
    alerts
        The alerts of a replay.
    seed
        Draws the decisions.
    """

    def __init__(self, alerts: Sequence[Alert], seed: int) -> None:
        self._alerts = alerts
        about = [alert for alert in alerts if alert.employee_id or "sku" in alert.evidence]
        self.actions = drawn_actions(about, len(about) // 3, seed)
        self._sent = self.actions * 2
        Random(seed).shuffle(self._sent)

    def send(self, address: str) -> None:
        """Send them, before there is any alert: they wait for theirs."""
        sent = (Record(ALERT_ACTIONS, encode(a), a.store_id.encode(), timestamp=a.time) for a in self._sent)
        produce(address, sent)

    def compare(self, address: str) -> int:
        """Compare the cases with those of a notebook; return how many there are."""
        found = CaseBook.of(last_cases(address), Settings())
        wanted = ra.triage(self._alerts, self.actions)
        assert _content(found) == _content(wanted), "triage has other cases than a notebook"
        return len(wanted.cases)


def _content(book: CaseBook) -> dict[str, object]:
    return {case.case_id: case for case in book.cases}
