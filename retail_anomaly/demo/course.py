"""One run of the demo, from the broker's start to the last alert."""

import re
import time
from pathlib import Path
from queue import Empty
from typing import Any, Final, NamedTuple
from uuid import uuid4

import msgspec

from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.events import INPUT_TOPICS
from retail_anomaly.demo.outcome import INCIDENTS_FILE, DemoOutcome
from retail_anomaly.demo.processes import Process, ProcessError, Processes
from retail_anomaly.demo.screen import Screen
from retail_anomaly.evaluate import read_incidents

# From the first rota of the day, published at night, to the last count of the evening.
_DAY_SECONDS: Final = 18 * 3600
_START_SECONDS: Final = 30.0
# What a slow machine needs to catch up once everything is sent.
_CATCH_UP_SECONDS: Final = 120.0
_decode: Final = msgspec.json.Decoder(Alert).decode
_COUNT: Final = re.compile(r"^(?P<topic>[a-z-]+): (?P<count>[0-9,]+)$")


class DemoPlan(NamedTuple):
    """What to run, and where."""

    seed: int
    stores: int
    seconds: float
    broker: str | None
    output: Path
    folder: Path


def run(plan: DemoPlan, processes: Processes, screen: Screen) -> DemoOutcome:
    """Send a simulated day through the streamer.

    Parameters
    ----------
    plan
        What to run.
    processes
        Starts and ends the processes.
    screen
        Shows the alerts.

    Returns
    -------
    DemoOutcome
        What every part says it has done.

    Raises
    ------
    ProcessError
        A process failed or took too long.
    """
    began = int(time.time() * 1000)
    embedded = ["--embedded-broker"] if plan.broker is None else []
    # A partition of the mock cluster holds 5 MiB: about ten stores' day, and stores share them unevenly.
    partitions = ["--partitions", str(max(12, plan.stores))] if embedded else []
    if plan.broker is None:
        broker = processes.start("retail-streamer", "broker").first_line(_START_SECONDS)
        screen.say(f"Embedded broker at {broker}: librdkafka's mock cluster, a process of its own")
    else:
        broker = plan.broker
        screen.say(f"Kafka at {broker}")
    at = ["--broker", broker, *embedded]
    processes.start("retail-streamer", "topics", "--create", *at, *partitions).wait(_START_SECONDS)
    # Of its own for each run: it starts without state, and reads nothing that was there before.
    group = f"retail-anomaly-demo-{uuid4().hex[:8]}"
    own = ["--consumer-group", group]
    if plan.broker is not None:
        processes.start("retail-streamer", "skip", *at, *own).wait(_START_SECONDS)

    streamer = processes.start(
        *("retail-streamer", "run", *at, *own, "--state-dir", str(plan.folder / "state")),
        # Often, for the end of the demo waits for the last one.
        environment={"RETAIL__STREAMER__COMMIT_INTERVAL": "1s"},
    )
    reader = processes.start("retail-streamer", "alerts", "--follow", *at)
    day = ["--stores", str(plan.stores), "--days", "1", "--seed", str(plan.seed)]
    written = processes.start("retail-datagen", "write", *day, "--out", str(plan.output))
    speedup = f"{_DAY_SECONDS / plan.seconds:.0f}"
    generator = processes.start("retail-datagen", "stream", *day, "--broker", broker, "--speedup", speedup)
    screen.say(
        f"A day in {plan.stores} stores is sent in {plan.seconds:.0f} s; the streamer reads it as it comes"
    )

    alerts = _Alerts(reader, began, screen)

    needed = [streamer, reader]

    def meanwhile() -> None:
        processes.check()
        for process in needed:
            if process.code is not None:
                raise ProcessError(f"{process.name} ended before its time: {process.last_words()}")
        alerts.take()

    with screen.alerts_live():
        said = generator.wait(plan.seconds + _START_SECONDS, meanwhile)
        written.wait(_START_SECONDS, meanwhile)
        lag = processes.start("retail-streamer", "lag", *at, *own, "--wait", f"{_CATCH_UP_SECONDS:.0f}")
        lag.wait(_CATCH_UP_SECONDS + _START_SECONDS, meanwhile)
        needed.remove(streamer)
        streamer.stop()
        report = last_report(streamer.name, streamer.log)
        deadline = time.monotonic() + _START_SECONDS
        while len(alerts.found) < sum(report["alerts"].values()) and time.monotonic() < deadline:
            meanwhile()
            time.sleep(0.05)
    return DemoOutcome(
        sent=counts_of(said),
        processed={topic: int(report["processed"].get(topic, 0)) for topic in INPUT_TOPICS},
        dead_letters=int(report["dead_letters"]),
        raised=report["alerts"],
        alerts=alerts.found,
        incidents=read_incidents(plan.output / INCIDENTS_FILE),
        seconds=time.time() - began / 1000,
    )


class _Alerts:
    """The alerts of this run, as the reader hands them over."""

    def __init__(self, reader: Process, began: int, screen: Screen) -> None:
        self._reader = reader
        self._began = began
        self._screen = screen
        self.found: list[Alert] = []

    def take(self) -> None:
        """Take what has come since the last time."""
        while True:
            try:
                alert = _decode(self._reader.lines.get_nowait())
            except Empty:
                return
            # A Kafka that was used before holds older alerts.
            if (alert.detected_at or 0) >= self._began:
                self.found.append(alert)
                self._screen.show(alert)


def counts_of(lines: list[str]) -> dict[str, int]:
    """Read the generator's counts: what the broker has acknowledged, by topic.

    Examples
    --------
    >>> counts_of(["pos-events: 4,302", "4,302 events sent"])["pos-events"]
    4302
    """
    found = {
        match["topic"]: int(match["count"].replace(",", ""))
        for line in lines
        if (match := _COUNT.match(line))
    }
    return {topic: found.get(topic, 0) for topic in INPUT_TOPICS}


def last_report(name: str, log: Path) -> dict[str, Any]:
    """Return what the streamer says at its end that it has done.

    Parameters
    ----------
    name
        What to call it in a message.
    log
        Its log, as JSON lines.

    Raises
    ------
    ProcessError
        There is no such line: it did not come to its end.
    """
    for line in reversed(log.read_text("utf-8", "replace").splitlines()):
        try:
            entry = msgspec.json.decode(line, type=dict[str, Any])
        except msgspec.MsgspecError:
            continue
        if entry.get("event") == "stopped" and "processed" in entry:
            return entry
    raise ProcessError(f"{name} ended without its final count")
