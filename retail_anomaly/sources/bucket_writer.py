"""Write events as a log in buckets of stores, which may be larger than the memory."""

import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import msgspec

from retail_anomaly.core.codec import encode, topic_of
from retail_anomaly.core.errors import UsageError
from retail_anomaly.core.events import INPUT_TOPICS, STAFF_SHIFTS, Event, time_of
from retail_anomaly.core.extras import require
from retail_anomaly.core.key_partitions import KeyPartitions
from retail_anomaly.sources.bucketed_log import (
    FILES,
    MANIFEST,
    BucketFile,
    BucketSummary,
    Manifest,
    bucket_name,
    digest_of,
)
from retail_anomaly.sources.columns import FIELDS
from retail_anomaly.sources.stored_folder import StoredFolder
from retail_anomaly.sources.written import arrow_table

_DAY: Final = 86_400_000
_EPOCH: Final = date(1970, 1, 1).toordinal()
_HELD_BYTES: Final = 64 * 1024 * 1024


def write_buckets(
    events: Iterable[Event], out: str | Path, buckets: int, *, held_bytes: int = _HELD_BYTES
) -> Manifest:
    """Write events as a log in buckets; the bucket of a store follows from its id alone.

    The events are first divided by bucket, day and topic into files of the temporary folder, which takes as
    much room as they take as JSON. Then each of these is sorted by time: equal times keep their order.

    Parameters
    ----------
    events
        The events; they are not kept.
    out
        A folder or an address. It must be empty.
    buckets
        How many buckets there are.
    held_bytes
        How many bytes are held in memory at most before they go to disk. The second step needs the memory of
        one day of one bucket.

    Returns
    -------
    Manifest
        The list of the buckets.

    Raises
    ------
    UsageError
        The folder is not empty.
    MissingExtraError
        PyArrow is not installed.

    Examples
    --------
    >>> from retail_anomaly.core.events import CountEvent
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_buckets([CountEvent("s", "k", 3, 1_760_000_000_000)], folder, 2).events
    1
    """
    require("pyarrow")
    folder = StoredFolder(out)
    if not folder.is_empty():
        raise UsageError(f"{out} is not empty: name a new folder for the log in buckets")
    with tempfile.TemporaryDirectory(prefix="retail-anomaly-") as below:
        divided = _Divided(Path(below), buckets, held_bytes)
        for event in events:
            divided.add(event)
        written = [_write_bucket(folder, bucket, divided) for bucket in range(buckets)]
    manifest = Manifest(
        stores=len(divided.bucket_of),
        assignment=digest_of(msgspec.json.encode(sorted(divided.bucket_of.items()))),
        columns={topic: list(FIELDS[topic]) for topic in INPUT_TOPICS},
        buckets=written,
    )
    folder.write(MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))
    return manifest


class _Divided:
    """Events divided by bucket, day and topic, as lines of JSON on disk."""

    def __init__(self, folder: Path, buckets: int, held_bytes: int) -> None:
        self._folder = folder
        self._partitions = KeyPartitions(buckets)
        self._held_bytes = held_bytes
        self._held: defaultdict[tuple[int, int, str], list[bytes]] = defaultdict(list)
        self._room = held_bytes
        self._files: defaultdict[int, set[tuple[int, str]]] = defaultdict(set)
        self.bucket_of: dict[str, int] = {}

    def add(self, event: Event) -> None:
        store = event.store_id
        bucket = self.bucket_of.get(store)
        if bucket is None:
            bucket = self._partitions.of(store.encode("utf-8", "backslashreplace"))
            self.bucket_of[store] = bucket
        line = encode(event) + b"\n"
        self._held[bucket, time_of(event) // _DAY, topic_of(event)].append(line)
        self._room -= len(line)
        if self._room <= 0:
            self._to_disk()

    def files(self, bucket: int) -> Iterator[tuple[str, str, bytes]]:
        """Yield the days of a bucket in their order: each with a topic and its lines."""
        self._to_disk()
        for day, topic in sorted(self._files[bucket]):
            path = self._path(bucket, day, topic)
            yield str(date.fromordinal(_EPOCH + day)), topic, path.read_bytes()
            path.unlink()

    def _to_disk(self) -> None:
        # Each file is open only while it grows: there may be more of them than a process can have open.
        for (bucket, day, topic), lines in self._held.items():
            with self._path(bucket, day, topic).open("ab") as file:
                file.writelines(lines)
            self._files[bucket].add((day, topic))
        self._held.clear()
        self._room = self._held_bytes

    def _path(self, bucket: int, day: int, topic: str) -> Path:
        return self._folder / f"{bucket}.{day}.{topic}"


def _write_bucket(folder: StoredFolder, bucket: int, divided: _Divided) -> BucketSummary:
    files = []
    for day, topic, lines in divided.files(bucket):
        table = arrow_table(topic, lines)
        content = _sorted_parquet(table, "shiftStart" if topic == STAFF_SHIFTS else "eventTime")
        file = BucketFile(day, topic, table.num_rows, len(content), digest_of(content))
        folder.write(f"{bucket_name(bucket)}/{file.name}", content)
        files.append(file)
    listed = msgspec.json.encode(files)
    folder.write(f"{bucket_name(bucket)}/{FILES}", listed)
    return BucketSummary(
        sum(file.events for file in files), sum(file.size for file in files), digest_of(listed)
    )


def _sorted_parquet(table: Any, column: str) -> bytes:
    from pyarrow.parquet import write_table

    content = BytesIO()
    # The sort is stable, so events of equal times keep their order.
    write_table(table.sort_by(column), content, compression="zstd")
    return content.getvalue()
