"""Events as files that every command reads without a mapping."""

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal

import msgspec

from retail_anomaly.core.codec import encode, topic_of
from retail_anomaly.core.events import INPUT_TOPICS, Event
from retail_anomaly.core.extras import require
from retail_anomaly.sources.batches import DictBatch
from retail_anomaly.sources.columns import FIELDS, TIMES
from retail_anomaly.whole_file import whole_file

LOG: Final = "events.jsonl"
_ROWS: Final = 65_536


def written_files(folder: Path, form: Literal["log", "parquet"]) -> list[Path]:
    """Return the files that may be written in a folder.

    Examples
    --------
    >>> [file.name for file in written_files(Path("out"), "log")]
    ['events.jsonl']
    """
    if form == "log":
        return [folder / LOG]
    return [folder / f"{topic}.parquet" for topic in INPUT_TOPICS]


def write_log(events: Iterable[Event], folder: Path) -> dict[Path, int]:
    """Write events to an event log, in their order.

    Parameters
    ----------
    events
        The events; they are not kept.
    folder
        Where to; a log there is replaced when all events are written.

    Returns
    -------
    dict of Path and int
        The file, and how many events it has.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     list(write_log([], Path(folder)).values())
    [0]
    """
    path, count = folder / LOG, 0
    with whole_file(path) as file:
        for event in events:
            count += 1
            file.write(b'{"topic":"' + topic_of(event).encode() + b'","value":' + encode(event) + b"}\n")
    return {path: count}


def write_parquet(events: Iterable[Event], folder: Path) -> dict[Path, int]:
    """Write events to a Parquet file for each topic; otherwise as `write_log`.

    Raises
    ------
    MissingExtraError
        PyArrow is not installed.
    """
    require("pyarrow")
    counts: dict[Path, int] = {}
    remaining = iter(events)
    with ExitStack() as stack:
        writers: dict[str, Any] = {}
        while part := list(islice(remaining, _ROWS)):
            for topic in INPUT_TOPICS:
                rows = [event for event in part if topic_of(event) == topic]
                if not rows:
                    continue
                path = folder / f"{topic}.parquet"
                if topic not in writers:
                    file: BinaryIO = stack.enter_context(whole_file(path))
                    writers[topic] = stack.enter_context(_writer(file, topic))
                writers[topic].write_table(_table(topic, rows))
                counts[path] = counts.get(path, 0) + len(rows)
    return counts


def _writer(file: BinaryIO, topic: str) -> Any:
    from pyarrow.parquet import ParquetWriter

    return ParquetWriter(file, _schema(topic), compression="zstd")


def _schema(topic: str) -> Any:
    import pyarrow as pa

    kinds = {
        "text": pa.string(),
        "integer": pa.int64(),
        "decimal": pa.float64(),
        "number": pa.float64(),
        "flag": pa.bool_(),
    }
    time = pa.timestamp("ms", tz="UTC")
    return pa.schema([(name, time if name in TIMES else kinds[kind]) for name, kind in FIELDS[topic].items()])


def _table(topic: str, events: Sequence[Event]) -> Any:
    import pyarrow as pa

    # As JSON has them: what an event does not bear is absent, and not its default.
    batch = DictBatch([msgspec.json.decode(encode(event)) for event in events], range(len(events)))
    schema = _schema(topic)
    columns = [
        pa.array(batch.column(field.name) or [None] * len(events), type=field.type) for field in schema
    ]
    return pa.table(columns, schema=schema)
