"""Messages about alerts: the service must be told of those that a dry run in a notebook sends."""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import retail_anomaly as ra
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.events import ALERTS
from streamer.kafka.topic_plan import ALERT_ACTIONS
from tests.faults.chaos.decided import Decisions
from tests.faults.chaos.readers import Reader
from tests.support.processes import StreamerProcess
from tests.support.services import WebService, moods

if TYPE_CHECKING:
    from tests.faults.chaos.stage import Stage


class Notify(Reader):
    """Tells a service that now and then fails of the alerts that no snooze covers."""

    name, reads = "notify", (ALERTS, ALERT_ACTIONS)

    def __init__(self, stage: Stage, alerts: Sequence[Alert], decisions: Decisions, seed: int) -> None:
        super().__init__(stage)
        self.service = WebService("webhook", judge=moods(seed))
        stage.services.enter_context(self.service)
        duty = {"service": "webhook", "address": "DUTY", "key": "DUTY_KEY", "severity": "low"}
        routes = {"duty": duty | {"revisions": "all", "max_age": "36499d"}}
        self._config = self.folder / "notify.json"
        self._config.write_text(
            json.dumps({"notify": {"timeout": "1s", "memory": "36500d", "routes": routes}})
        )
        told = ra.notify(alerts, ra.load_settings(self._config), actions=decisions.actions)
        each = told.explode(["alert_ids", "revisions"])
        self._wanted = set(zip(each["alert_ids"], each["revisions"], strict=True))

    def begin(self) -> None:
        """Start it, and let it know the snoozes: one that comes behind its alert covers it no more."""
        self.start()
        self.wait_until_read([ALERT_ACTIONS])

    def new(self) -> StreamerProcess:
        """Return it as a new process."""
        key = "whsec_" + base64.b64encode(bytes(32)).decode()
        return self.command("--config", str(self._config), DUTY=self.service.url, DUTY_KEY=key)

    def finish(self) -> None:
        """Let it read all and deliver all, and stop it."""
        self.wait_until_read(self.reads)
        self.wait_for(lambda: self._wanted <= self._told().keys(), "all to be told")
        assert self.process.stop() == 0, self.process.tail()

    def compare(self) -> str:
        """Find each revision told, and again only by a process that began anew, with the same id."""
        told = self._told()
        assert told.keys() == self._wanted, f"told of {len(told)} revisions, wanted are {len(self._wanted)}"
        begun = self.process.log.read_text().count("now processing")
        assert max(map(len, told.values())) <= begun, f"one of {begun} processes has told twice"
        assert all(len(set(ids)) == 1 for ids in told.values()), "a message came again with another id"
        return f"{len(told)} revisions told, {sum(map(len, told.values())) - len(told)} of them again"

    def _told(self) -> Mapping[tuple[str, int], list[str]]:
        """Return by alert and revision the ids of the messages that tell of it."""
        told: defaultdict[tuple[str, int], list[str]] = defaultdict(list)
        for arrival in list(self.service.arrived):
            for alert in json.loads(arrival.body)["data"]["alerts"]:
                told[alert["alertId"], alert["revision"]].append(arrival.headers["webhook-id"])
        return told
