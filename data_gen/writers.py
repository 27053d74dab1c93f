"""Simulated events as files: an event log and the incidents."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from data_gen.scenarios import Incident
from data_gen.simulate import Simulation
from retail_anomaly.codec import encode, topic_of
from retail_anomaly.events import Event

EVENTS_FILE: Final = "events.jsonl"
INCIDENTS_FILE: Final = "incidents.jsonl"


def log_line(event: Event) -> bytes:
    r"""Return an event's line in an event log.

    Examples
    --------
    >>> from retail_anomaly.events import CountEvent
    >>> log_line(CountEvent("store-1", "sku-1", 3, 1_760_000_000_000))[:42]
    b'{"topic":"inventory-counts","value":{"stor'
    """
    return b'{"topic":"%b","value":%b}\n' % (topic_of(event).encode(), encode(event))


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that takes its name only when it is complete.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with replacing(Path(folder) / "a") as file:
    ...         _ = file.write(b"all of it")
    ...     (Path(folder) / "a").read_bytes()
    b'all of it'
    """
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_files(simulation: Simulation, out: Path) -> Counter[str]:
    """Write an event log and the incidents to a folder, which is made if need be.

    The incidents are written day by day and cleared from the simulation: memory does not grow.

    Parameters
    ----------
    simulation
        What to simulate.
    out
        The folder for ``events.jsonl`` and ``incidents.jsonl``; files of these names are replaced.

    Returns
    -------
    Counter
        Events by topic, and incidents under ``incidents``.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     written = write_files(Simulation(stores=1), Path(folder))
    ...     sorted(path.name for path in Path(folder).iterdir())
    ['events.jsonl', 'incidents.jsonl']
    >>> written["incidents"]
    6
    """
    out.mkdir(parents=True, exist_ok=True)
    written: Counter[str] = Counter()
    with replacing(out / EVENTS_FILE) as log, replacing(out / INCIDENTS_FILE) as truth:
        for event in simulation.events():
            if simulation.incidents:
                written["incidents"] += drain_incidents(simulation.incidents, truth)
            log.write(log_line(event))
            written[topic_of(event)] += 1
        written["incidents"] += drain_incidents(simulation.incidents, truth)
    return written


def drain_incidents(incidents: list[Incident], file: IO[bytes]) -> int:
    """Move incidents to a file and return how many there were."""
    for incident in incidents:
        file.write(encode(incident) + b"\n")
    count = len(incidents)
    incidents.clear()
    return count
