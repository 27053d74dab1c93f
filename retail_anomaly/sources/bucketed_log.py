"""Logs in buckets of stores: a folder ``bucket=3/date=2025-10-09/pos-events.parquet``, and so on.

Each store is in one bucket, so a bucket can be replayed without the others. Every command reads such a folder
as it reads any other with partitions.
"""

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import msgspec

from retail_anomaly.core.errors import UsageError
from retail_anomaly.core.events import Event
from retail_anomaly.settings.privacy_settings import PrivacySettings, pseudonyms_of
from retail_anomaly.sources.base import SourceError
from retail_anomaly.sources.clocks import Clocks
from retail_anomaly.sources.columns import Columns
from retail_anomaly.sources.event_log import Reject
from retail_anomaly.sources.input import Input
from retail_anomaly.sources.loaded import Events
from retail_anomaly.sources.mapping import EventMapping
from retail_anomaly.sources.places import Places
from retail_anomaly.sources.store_share import Share
from retail_anomaly.sources.stored_folder import StoredFolder

MANIFEST: Final = "_buckets.json"
FILES: Final = "_files.json"


class BucketFile(msgspec.Struct, frozen=True):
    """One file of a bucket: the events of a topic on a day.

    Parameters
    ----------
    date
        The day in UTC, as ``2025-10-09``.
    topic
        The topic.
    events
        How many events it holds.
    size
        Its size in bytes.
    digest
        A hash of its bytes.
    """

    date: str
    topic: str
    events: int
    size: int
    digest: str

    @property
    def name(self) -> str:
        """The name of the file in the folder of its bucket."""
        return f"date={self.date}/{self.topic}.parquet"


class BucketSummary(msgspec.Struct, frozen=True):
    """The size of a bucket, and a hash of its files.

    Parameters
    ----------
    events, size
        How many events and bytes it holds.
    digest
        A hash of the list of its files.
    """

    events: int
    size: int
    digest: str


class Manifest(msgspec.Struct, frozen=True):
    """The list of a log's buckets, which is written last.

    Parameters
    ----------
    stores
        How many stores there are.
    assignment
        A hash of the buckets of all stores.
    columns
        The columns of each topic.
    buckets
        The buckets in their order.
    hash
        The hash by which a store is given its bucket.
    """

    stores: int
    assignment: str
    columns: dict[str, list[str]]
    buckets: list[BucketSummary]
    hash: str = "murmur2"

    @property
    def events(self) -> int:
        """How many events there are."""
        return sum(bucket.events for bucket in self.buckets)


def digest_of(content: bytes) -> str:
    """Return a hash of some bytes.

    Examples
    --------
    >>> digest_of(b"")
    'cae66941d9efbd404e4d88758ea67670'
    """
    return blake2b(content, digest_size=16).hexdigest()


def read_manifest(place: str | Path) -> Manifest:
    """Return the list of the buckets of a log.

    Raises
    ------
    UsageError
        The place is no log in buckets, or one of another version.

    Examples
    --------
    >>> read_manifest("missing")
    Traceback (most recent call last):
    retail_anomaly.core.errors.UsageError: missing is no log in buckets: `retail-anomaly partition missing
    --out FOLDER --buckets 64` makes one
    """
    content = StoredFolder(place).read(MANIFEST)
    if content is None:
        raise UsageError(
            f"{place} is no log in buckets: `retail-anomaly partition {place} --out FOLDER --buckets 64` "
            "makes one"
        )
    try:
        return msgspec.json.decode(content, type=Manifest)
    except msgspec.MsgspecError as error:
        raise UsageError(f"{place}/{MANIFEST}: {error}: write the log again with this version") from None


class Bucket(msgspec.Struct, frozen=True):
    """The events of one bucket, as a source that a replay opens, also on another machine.

    Parameters
    ----------
    place
        The folder or address of the log.
    number
        Which bucket it is, from 0.
    """

    place: str
    number: int

    @property
    def folder(self) -> StoredFolder:
        """The folder of the bucket."""
        return StoredFolder(f"{self.place.rstrip('/')}/{bucket_name(self.number)}")

    def open_again(self, zones: Mapping[str, str] | str, privacy: PrivacySettings) -> Input:
        """Open it; the time zones do not matter, since its times have one."""
        return Input([_Days(self.folder)], pseudonyms_of(privacy))


def place_of(where: Any) -> str:
    """Return the folder or address of a source that is to be one log in buckets.

    Raises
    ------
    UsageError
        It is a source of another kind, or there are several.

    Examples
    --------
    >>> place_of(["s3://bucket/history/"])
    's3://bucket/history'
    """
    where = where.where if isinstance(where, Events) else where
    if isinstance(where, list | tuple) and len(where) == 1:
        (where,) = where
    if not isinstance(where, str | Path):
        raise UsageError("an executor takes one log in buckets, as `retail-anomaly partition` writes it")
    return str(where).rstrip("/")


def buckets_of(where: Any) -> list[Bucket]:
    """Return the buckets of a log.

    Raises
    ------
    UsageError
        The source is no log in buckets.

    Examples
    --------
    >>> buckets_of("missing")
    Traceback (most recent call last):
    retail_anomaly.core.errors.UsageError: missing is no log in buckets: ...
    """
    place = place_of(where)
    return [Bucket(place, number) for number in range(len(read_manifest(place).buckets))]


def bucket_name(number: int) -> str:
    """Return the name of the folder of a bucket.

    Examples
    --------
    >>> bucket_name(3)
    'bucket=3'
    """
    return f"bucket={number}"


class _Days:
    """The days of a bucket one after the other; of each the events of all topics by time."""

    topic: str | None = None
    divisible = False
    notes: Sequence[str] = ()

    def __init__(self, folder: StoredFolder) -> None:
        self._folder = folder

    def events(self, reject: Reject) -> Iterator[Event]:
        """Yield the events by time."""
        content = self._folder.read(FILES)
        if content is None:
            raise SourceError(f"{self._folder.name}/{FILES} is missing: write the log in buckets again")
        by_day: dict[str, list[BucketFile]] = {}
        for file in msgspec.json.decode(content, type=list[BucketFile]):
            by_day.setdefault(file.date, []).append(file)
        for _, files in sorted(by_day.items()):
            with self._on_disk(files) as folder:
                places = Places(None, EventMapping.of(Columns()), Clocks())
                yield from Input(places.opened(folder)).events(reject)

    def numbered(self, reject: Reject, share: Share) -> Iterator[tuple[int, Event]]:
        """Yield the events of a share, each with its number."""
        for number, event in enumerate(self.events(reject), 1):
            if share.everything or share.owns(event.store_id):
                yield number, event

    def stores(self) -> Counter[str]:
        """Return none: a bucket is not divided."""
        return Counter()

    def is_sorted(self) -> bool:
        """Return true: the days stand by time, and so do their events."""
        return True

    def done(self) -> float | None:
        """Return None: how many buckets are done tells the progress."""
        return None

    @contextmanager
    def _on_disk(self, files: Sequence[BucketFile]) -> Iterator[Path]:
        """Provide the files of a day in a folder on disk; from object storage each is fetched once."""
        day = files[0].name.partition("/")[0]
        if self._folder.path is not None:
            for file in files:
                if not (self._folder.path / file.name).exists():
                    raise self._changed(file)
            yield self._folder.path / day
            return
        with tempfile.TemporaryDirectory() as below:
            local = Path(below) / day
            local.mkdir()
            for file in files:
                content = self._folder.read(file.name)
                if content is None or digest_of(content) != file.digest:
                    raise self._changed(file)
                (Path(below) / file.name).write_bytes(content)
            yield local

    def _changed(self, file: BucketFile) -> SourceError:
        return SourceError(
            f"{self._folder.name}/{file.name} is not the file that was written: write the log in buckets "
            "again"
        )
