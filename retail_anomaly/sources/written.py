"""Events as files that every command reads without a mapping."""

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal

from retail_anomaly.core.codec import encode, topic_of
from retail_anomaly.core.events import INPUT_TOPICS, Event
from retail_anomaly.core.extras import require
from retail_anomaly.sources.columns import FIELDS, TIMES
from retail_anomaly.whole_file import whole_file

LOG: Final = "events.jsonl"
_ROWS: Final = 65_536
_BLOCK_BYTES: Final = 1 << 24


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


def _table(topic: str, rows: Sequence[Event]) -> Any:
    # By way of JSON: an event does not bear its defaults there, and Arrow reads it faster than Python cells.
    return arrow_table(topic, b"".join(encode(event) + b"\n" for event in rows))


def arrow_table(topic: str, lines: bytes) -> Any:
    r"""Return events of one topic, as lines of JSON, in the columns that `write_parquet` writes.

    Examples
    --------
    >>> line = b'{"storeId":"s","sku":"k","countedQty":3,"eventTime":1760000000000}\n'
    >>> arrow_table("inventory-counts", line)["eventTime"].to_pylist()[0].isoformat()
    '2025-10-09T08:53:20+00:00'
    """
    import pyarrow as pa
    from pyarrow.json import ParseOptions, ReadOptions, read_json

    schema = _schema(topic)
    # One thread: several processes may write. A line must fit into a block.
    table = read_json(
        pa.BufferReader(lines),
        read_options=ReadOptions(use_threads=False, block_size=_BLOCK_BYTES),
        parse_options=ParseOptions(explicit_schema=_json_schema(schema), unexpected_field_behavior="error"),
    )
    while any(pa.types.is_struct(field.type) for field in table.schema):
        table = table.flatten()
    return table.select(schema.names).cast(schema)


def _json_schema(schema: Any) -> Any:
    """Return how the columns stand in JSON: times as numbers, a name with a dot inside an object."""
    import pyarrow as pa

    fields: dict[str, Any] = {}
    for field in schema:
        kind = pa.int64() if field.name in TIMES else field.type
        parent, _, child = field.name.partition(".")
        if child:
            fields.setdefault(parent, []).append((child, kind))
        else:
            fields[parent] = kind
    return pa.schema(
        [(name, pa.struct(kind) if isinstance(kind, list) else kind) for name, kind in fields.items()]
    )
