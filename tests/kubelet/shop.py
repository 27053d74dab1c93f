"""A release on the node, and what reaches it from outside: a Kafka, a database, somebody who kills."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from contextlib import suppress
from pathlib import Path

from streamer.kafka.offsets import GroupOffsets
from tests.cluster.api import MERGE, Api, Object
from tests.cluster.release import Release
from tests.influx import InfluxServer
from tests.kubelet.node import NAME
from tests.support.services import WebService

VALUES = Path(__file__).with_name("values.yaml")
GROUP = "retail-anomaly"
# A process may take so long to end.
GRACE_S = 5


class Shop:
    """The chart with its day.

    Parameters
    ----------
    api
        The cluster.
    release
        The release.
    kafka
        The broker, as this process reaches it.
    influx
        The database.
    office
        The service that is told of alerts.
    sets
        Values that only this run knows.
    """

    def __init__(
        self, api: Api, release: Release, kafka: str, influx: InfluxServer, office: WebService, *sets: str
    ) -> None:
        self._api, self.release, self.kafka, self._influx, self._sets = api, release, kafka, influx, sets
        self._office = office

    def generate(self) -> None:
        """Install the chart, and wait until the day is in Kafka; the streamers wait for `begin`."""
        self.release.apply(VALUES, *self._sets)
        self.release.wait(lambda: all(_is_complete(job) for job in self.release.jobs().values()))

    def begin(self) -> None:
        """Let the streamers begin."""
        self._api.call(
            "PATCH", f"/api/v1/nodes/{NAME}", {"metadata": {"labels": {"day": "generated"}}}, MERGE
        )

    def upgrade(self, *sets: str) -> None:
        """Upgrade the release to further values, and wait until all is ready."""
        self.release.install(VALUES, *self._sets, *sets)

    def wait_until_processed(self, share: float = 1.0) -> float:
        """Wait until the streamers have committed all records in Kafka, or a share; return how much it is."""
        with GroupOffsets({"bootstrap.servers": self.kafka}, GROUP) as offsets:

            def done() -> float:
                progress = offsets.progress()
                return progress.processed / progress.produced

            self.release.wait(lambda: done() >= share)
            return done()

    def alerts(self) -> dict[str, int]:
        """Return the last revision of each alert in the database."""
        rows = self._influx.query('SELECT "alertId", "revision" FROM alerts')
        found = {row["alertId"]: row["revision"] for row in rows}
        assert len(found) == len(rows), "an alert is there twice"
        return found

    def told(self) -> set[str]:
        """Return the alerts of which the office was told."""
        bodies = [json.loads(arrival.body) for arrival in list(self._office.arrived)]
        return {alert["alertId"] for body in bodies for alert in body["data"]["alerts"]}

    def address(self, part: str) -> str:
        """Return the address of a part's pod."""
        (pod,) = self.release.running(part)
        found: str = pod["status"]["podIP"]
        return found

    def employees(self, kind: str) -> set[str]:
        """Return whom alerts of a type are about."""
        rows = self._influx.query(f"SELECT employee FROM alerts WHERE \"type\" = '{kind}'")  # noqa: S608
        return {row["employee"] for row in rows}

    def send(self, name: str, number: signal.Signals) -> int:
        """Send a signal to the first process of a pod, from outside; return its id."""
        process = _first_process(self.pod(name))
        os.kill(process, number)
        return process

    def pod(self, name: str) -> Object:
        return self.release.one("v1/pods", name)

    def is_ready(self, name: str) -> bool:
        """Whether the kubelet found a pod ready."""
        conditions = self.pod(name)["status"]["conditions"]
        return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)

    def restarts(self, name: str) -> int:
        """Return how often the kubelet began a pod's container again."""
        count: int = _container(self.pod(name))["restartCount"]
        return count

    def exit_code(self, name: str) -> int:
        """Return with which code a pod's container ended the last time."""
        code: int = _container(self.pod(name))["lastState"]["terminated"]["exitCode"]
        return code


def ends_in_time(process: int) -> bool:
    """Wait for the end of a process; return whether it came in time, less the time it waited for a core."""
    began, waited = time.monotonic(), list[float]()
    while Path(f"/proc/{process}").exists():
        with suppress(OSError):  # it has just ended
            waited.append(_seconds_without_a_core(process))
        waits = waited[-1] - waited[0] if waited else 0.0
        if time.monotonic() - began - waits > GRACE_S:
            return False
        time.sleep(0.02)
    return True


def _seconds_without_a_core(process: int) -> float:
    """Return how long the first thread of a process, which ends it, was ready and got no core."""
    return int(Path(f"/proc/{process}/schedstat").read_text().split()[1]) / 1e9


def _container(pod: Object) -> Object:
    """Return what the kubelet says about a pod's only container."""
    (container,) = pod["status"]["containerStatuses"]
    found: Object = container
    return found


def _first_process(pod: Object) -> int:
    identity = _container(pod)["containerID"].removeprefix("containerd://")
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            groups, facts = (folder / "cgroup").read_text(), (folder / "status").read_text()
        except OSError:  # it ended
            continue
        # Its number in each namespace from ours to the container's.
        numbers = re.search(r"^NSpid:\s(.+)$", facts, re.MULTILINE)
        if identity in groups and numbers and numbers[1].split()[-1] == "1":
            return int(folder.name)
    raise AssertionError(f"no first process of {pod['metadata']['name']} runs")


def _is_complete(job: Object) -> bool:
    return any(one["type"] == "Complete" for one in job.get("status", {}).get("conditions", []))
