"""Simulated events as Parquet: a file of each topic, written column by column."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from operator import attrgetter
from typing import IO, Any, Final

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from data_gen.records import SimulatedRecord
from retail_anomaly.core.events import EVENT_TYPES, SECURITY_EVENTS, Event

ROWS: Final = 50_000


class ParquetFiles:
    """Writes records to the file of their topic, a group of rows at a time.

    Every column may be null, since a malformed event lacks a required field. Equal records give
    equal bytes.

    Parameters
    ----------
    files
        Open files, by topic.
    rows
        How many records of a topic are held in memory at most.

    Examples
    --------
    >>> import io
    >>> from retail_anomaly.core.events import CountEvent
    >>> file = io.BytesIO()
    >>> writer = ParquetFiles({"inventory-counts": file})
    >>> writer.write(SimulatedRecord.of(CountEvent("store-1", "sku-1", 3, 1_760_000_000_000)))
    >>> writer.close()
    >>> pq.read_table(file).select(["sku", "countedQty"]).to_pylist()
    [{'sku': 'sku-1', 'countedQty': 3.0}]
    """

    def __init__(self, files: Mapping[str, IO[bytes]], rows: int = ROWS) -> None:
        self._rows = rows
        self._waiting: dict[str, list[Event | dict[str, Any]]] = {topic: [] for topic in files}
        self._writers = {
            topic: pq.ParquetWriter(file, SCHEMAS[topic], compression="zstd") for topic, file in files.items()
        }

    def write(self, record: SimulatedRecord) -> None:
        """Keep a record until there are enough of its topic."""
        waiting = self._waiting[record.topic]
        waiting.append(record.value)
        if len(waiting) >= self._rows:
            self._flush(record.topic)

    def close(self) -> None:
        """Write the rest and complete the files."""
        for topic, writer in self._writers.items():
            self._flush(topic)
            writer.close()

    def abandon(self) -> None:
        """Let go of the files if they are not complete."""
        for writer in self._writers.values():
            with suppress(OSError, pa.ArrowException):
                writer.close()
            writer.is_open = False  # Otherwise Arrow writes once more, after the files are closed.

    def _flush(self, topic: str) -> None:
        values = self._waiting[topic]
        if values:
            schema = SCHEMAS[topic]
            columns = _columns(topic, values)
            arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
            self._writers[topic].write_batch(pa.record_batch(arrays, schema=schema))
            values.clear()


def _columns(topic: str, values: Sequence[Event | dict[str, Any]]) -> list[list[Any]]:
    if topic == SECURITY_EVENTS or any(type(value) is dict for value in values):
        rows: list[dict[str, Any]] = [msgspec.to_builtins(value) for value in values]
        return [[row.get(field.name) for row in rows] for field in SCHEMAS[topic]]
    names = [field.name for field in msgspec.structs.fields(EVENT_TYPES[topic])]
    return [list(map(attrgetter(name), values)) for name in names]


def _type(described: Any) -> pa.DataType:
    """Return the column type of a field, as `msgspec.inspect` describes it."""
    kinds = msgspec.inspect
    if isinstance(described, kinds.Metadata):  # a type with a description
        described = described.type
    if isinstance(described, kinds.UnionType):  # with None
        # Without None. A quantity is an integer or a float: its column holds both.
        return _type([kind for kind in described.types if not isinstance(kind, kinds.NoneType)][-1])
    if isinstance(described, kinds.StructType):
        return pa.struct([(field.encode_name, _type(field.type)) for field in described.fields])
    plain: dict[Any, pa.DataType] = {
        kinds.IntType: pa.int64(),
        kinds.FloatType: pa.float64(),
        kinds.BoolType: pa.bool_(),
        kinds.StrType: pa.string(),
    }
    return plain[type(described)]


SCHEMAS: Final[dict[str, pa.Schema]] = {
    topic: pa.schema(list(_type(msgspec.inspect.type_info(kind)))) for topic, kind in EVENT_TYPES.items()
}
"""By topic: the names on the wire and the types of the columns."""
