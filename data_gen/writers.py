"""Simulated events as files: an event log or Parquet, with the incidents beside it."""

from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, Final, Protocol

from data_gen.records import SimulatedRecord
from data_gen.simulate import Simulation
from retail_anomaly.core.codec import encode
from retail_anomaly.core.events import INPUT_TOPICS
from retail_anomaly.core.extras import require
from retail_anomaly.whole_file import whole_file

EVENTS_FILE: Final = "events.jsonl"
INCIDENTS_FILE: Final = "incidents.jsonl"
FAULTS_FILE: Final = "faults.jsonl"
FORMATS: Final = ("jsonl", "parquet")


class Writer(Protocol):
    """Writes records to files."""

    def write(self, record: SimulatedRecord) -> None:
        """Write one record, or keep it until there are some more."""

    def close(self) -> None:
        """Write the rest."""

    def abandon(self) -> None:
        """Let go of the files if they are not complete."""


class LogWriter:
    """Writes an event log: JSON lines in order of arrival.

    Parameters
    ----------
    file
        Where to.

    Examples
    --------
    >>> import io
    >>> from retail_anomaly.core.events import CountEvent
    >>> file = io.BytesIO()
    >>> LogWriter(file).write(SimulatedRecord.of(CountEvent("store-1", "sku-1", 3, 1_760_000_000_000)))
    >>> file.getvalue()[:42]
    b'{"topic":"inventory-counts","value":{"stor'
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, record: SimulatedRecord) -> None:
        """Write one line."""
        self._file.write(b'{"topic":"%b","value":%b}\n' % (record.topic.encode(), encode(record.value)))

    def close(self) -> None:
        """Do nothing: each line is written at once, and the file belongs to the caller."""

    def abandon(self) -> None:
        """Nothing is left."""


def write_files(simulation: Simulation, out: Path, layout: str = "jsonl") -> Counter[str]:
    """Write the events, the incidents and the faults to a folder, which is made if need be.

    The truth is written day by day and cleared from the simulation: memory does not grow.

    Parameters
    ----------
    simulation
        The world to write.
    out
        The folder; files of these names are replaced. ``incidents.jsonl``, with faults
        ``faults.jsonl``, and the events.
    layout
        ``jsonl`` for one event log, ``events.jsonl``; ``parquet`` for a file of each topic.

    Returns
    -------
    Counter
        Records by topic, and ``incidents``, ``distractors`` and ``faults``.

    Raises
    ------
    UsageError
        Parquet is asked for, and PyArrow is not installed.

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
    if layout == "parquet":
        require("pyarrow")
    out.mkdir(parents=True, exist_ok=True)
    written: Counter[str] = Counter()
    with ExitStack() as stack:
        incidents = stack.enter_context(whole_file(out / INCIDENTS_FILE))
        faults = stack.enter_context(whole_file(out / FAULTS_FILE)) if simulation.faults else None
        writer = _writer(layout, out, stack)
        stack.callback(writer.abandon)  # After an error. It runs before the files are closed.
        for record in simulation.records():
            if simulation.incidents:
                written.update(_kinds(simulation))
                drain(simulation.incidents, incidents)
            if simulation.faults_made and faults is not None:
                written["faults"] += drain(simulation.faults_made, faults)
            writer.write(record)
            written[record.topic] += 1
        written.update(_kinds(simulation))
        drain(simulation.incidents, incidents)
        writer.close()
    return written


def _kinds(simulation: Simulation) -> Counter[str]:
    return Counter("distractors" if entry.distractor else "incidents" for entry in simulation.incidents)


def drain(truth: list[Any], file: IO[bytes]) -> int:
    """Move incidents or faults to a file and return how many there were."""
    for entry in truth:
        file.write(encode(entry) + b"\n")
    count = len(truth)
    truth.clear()
    return count


def _writer(layout: str, out: Path, stack: ExitStack) -> Writer:
    if layout == "jsonl":
        return LogWriter(stack.enter_context(whole_file(out / EVENTS_FILE)))
    from data_gen.parquet import ParquetFiles  # Here: only the extra `parquet` installs PyArrow.

    return ParquetFiles(
        {topic: stack.enter_context(whole_file(out / f"{topic}.parquet")) for topic in INPUT_TOPICS}
    )
