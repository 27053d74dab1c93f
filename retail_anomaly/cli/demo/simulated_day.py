"""One simulated day, from the start of the broker to the last alert."""

import re
import time
from pathlib import Path
from queue import Empty
from typing import Any, Final, NamedTuple
from uuid import uuid4

import msgspec

from retail_anomaly.cli.demo.outcome import INCIDENTS_FILE, DemoOutcome
from retail_anomaly.cli.demo.processes import Process, ProcessError, Processes
from retail_anomaly.cli.demo.screen import Screen
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.events import INPUT_TOPICS
from retail_anomaly.core.quantities import plural
from retail_anomaly.evaluate import read_incidents
from retail_anomaly.settings import load_settings

# A simulated day begins with the rota, published at night, and ends with the stock counts of the evening.
_DAY_SECONDS: Final = 18 * 3600
_START_SECONDS: Final = 30.0
# Enough for a slow machine to catch up once everything is sent.
_CATCH_UP_SECONDS: Final = 120.0
_decode: Final = msgspec.json.Decoder(Alert).decode
_COUNT: Final = re.compile(r"^(?P<topic>[a-z-]+): (?P<count>[0-9,]+)$")


class DemoPlan(NamedTuple):
    """The options of a run.

    Parameters
    ----------
    seed, stores
        Of the simulation.
    seconds
        Time in which the day is sent.
    broker
        Address of a Kafka; None: start the embedded broker.
    output
        Folder for the files that the user gets.
    folder
        Folder for the streamer's state and the logs.
    """

    seed: int
    stores: int
    seconds: float
    broker: str | None
    output: Path
    folder: Path


def run_day(plan: DemoPlan, processes: Processes, screen: Screen) -> DemoOutcome:
    """Send a simulated day through the streamer.

    Parameters
    ----------
    plan
        The options.
    processes
        Starts and ends the processes.
    screen
        Shows the alerts.

    Returns
    -------
    DemoOutcome
        The counts of every part.

    Raises
    ------
    ProcessError
        A process failed or took too long.
    """
    began = int(time.time() * 1000)
    prefix = load_settings().streamer.topic_prefix  # which the processes take from the environment
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
    # A new consumer group for each run: it starts without state and reads no events of an earlier run.
    group = f"retail-anomaly-demo-{uuid4().hex[:8]}"
    own = ["--consumer-group", group]
    if plan.broker is not None:
        processes.start("retail-streamer", "skip", *at, *own).wait(_START_SECONDS)

    streamer = processes.start(
        *("retail-streamer", "run", *at, *own, "--state-dir", str(plan.folder / "state")),
        # The demo ends after the last commit, so commit often.
        environment={"RETAIL__STREAMER__COMMIT_INTERVAL": "1s"},
    )
    reader = processes.start("retail-streamer", "alerts", "--follow", *at)
    day = ["--stores", str(plan.stores), "--days", "1", "--seed", str(plan.seed)]
    written = processes.start("retail-datagen", "write", *day, "--out", str(plan.output))
    speedup = f"{_DAY_SECONDS / plan.seconds:.0f}"
    simulator = processes.start("retail-datagen", "stream", *day, "--broker", broker, "--speedup", speedup)
    screen.say(
        f"A day in {plural(plan.stores, 'store')} is sent in {plan.seconds:.0f} s; "
        "the streamer reads it as it comes"
    )

    alerts = _ShownAlerts(reader, began, screen)
    needed = [streamer, reader]

    def meanwhile() -> None:
        processes.check()
        for process in needed:
            if process.code is not None:
                raise ProcessError(f"{process.name} ended before its time: {process.last_words()}")
        alerts.take()

    with screen.alerts_live():
        said = simulator.wait(plan.seconds + _START_SECONDS, meanwhile)
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
        processed={topic: int(report["processed"].get(prefix + topic, 0)) for topic in INPUT_TOPICS},
        dead_letters=int(report["dead_letters"]),
        raised=report["alerts"],
        alerts=alerts.found,
        incidents=read_incidents(plan.output / INCIDENTS_FILE),
        seconds=time.time() - began / 1000,
    )


class _ShownAlerts:
    """Takes the alerts of this run from the reader and shows them."""

    def __init__(self, reader: Process, began: int, screen: Screen) -> None:
        self._reader = reader
        self._began = began
        self._screen = screen
        self.found: list[Alert] = []

    def take(self) -> None:
        """Take the alerts that have arrived since the last call."""
        while True:
            try:
                alert = _decode(self._reader.lines.get_nowait())
            except Empty:
                return
            # A Kafka that was used before also holds the alerts of earlier runs.
            if (alert.detected_at or 0) >= self._began:
                self.found.append(alert)
                self._screen.show(alert)


def counts_of(lines: list[str]) -> dict[str, int]:
    """Read the counts that the simulator prints: events that the broker has acknowledged, by topic.

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
    """Return the last line of the streamer's log, in which it counts its work.

    Parameters
    ----------
    name
        The command, for the error.
    log
        Its log, as JSON lines.

    Raises
    ------
    ProcessError
        There is no such line: the streamer did not end by itself.
    """
    for line in reversed(log.read_text("utf-8", "replace").splitlines()):
        try:
            entry = msgspec.json.decode(line, type=dict[str, Any])
        except msgspec.MsgspecError:
            continue
        if entry.get("event") == "stopped" and "processed" in entry:
            return entry
    raise ProcessError(f"{name} ended without its final count")
