"""Read the state that a stopped streamer has on disk, without a broker and without changing it.

Each partition is a RocksDB (see `streamer.quix.state_folder`); the prefix of a key is a store. The core wrote
the records, and the core reads them.
"""

import fcntl
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import cast

from rocksdict import AccessType, Options, Rdict

from retail_anomaly.core.engine import Engine
from retail_anomaly.core.state_errors import StateFormatError
from retail_anomaly.detectors import REGISTRY
from streamer.detection.record_parts import PARTS, RecordParts, collection_of
from streamer.detection.state_report import Amount, PartitionReport, StateReport, StoreReport
from streamer.errors import StreamerError
from streamer.quix.state_folder import PartitionFolder, joined_key, partition_folders, split_key


def read_state(state_dir: Path, group: str) -> StateReport:
    """Read all state that a stopped streamer has on disk.

    Parameters
    ----------
    state_dir, group
        The streamer's settings of these names.

    Raises
    ------
    StreamerError
        There is nothing, a streamer is using it, or another version wrote it.
    """
    folder = state_dir / group
    databases = partition_folders(folder)
    if not databases:
        raise StreamerError(
            f"no state in {folder}: give the --state-dir and --consumer-group of a streamer that ran here"
        )
    report = StateReport(folder)
    with ExitStack() as held:
        for database in databases:
            held.enter_context(_not_in_use(database.path))
        for database in databases:
            _read_partition(database, report)
    return report


@contextmanager
def _not_in_use(database: Path) -> Iterator[None]:
    """Hold RocksDB's lock: a reader of an open database could see half of a change."""
    lock = database / "LOCK"
    if not lock.exists():  # as in a copy that left it out
        yield
        return
    with lock.open("rb") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            raise StreamerError(
                f"{database} is in use by a running streamer: stop it first, or look at a copy"
            ) from None
        yield


def _read_partition(database: PartitionFolder, report: StateReport) -> None:
    partition = PartitionReport(
        topics=database.topics,
        partition=database.partition,
        disk_bytes=sum(file.stat().st_size for file in database.path.iterdir() if file.is_file()),
    )
    try:
        opened = Rdict(str(database.path), Options(raw_mode=True), access_type=AccessType.read_only())
    except Exception as error:
        raise StreamerError(
            f"{database.path} can't be read ({' '.join(str(error).split())}): delete it; a streamer that is "
            "started then brings it back from its changelog topic"
        ) from error
    try:
        # The keys of a store need not be neighbours: its name may begin with the name of another.
        sizes: dict[str, dict[str, int]] = defaultdict(dict)
        for key, content in _records(opened):
            store_id, record = split_key(key)
            if not store_id:  # the partition's own record, see `LiveState`
                continue
            sizes[store_id.decode()][record.decode()] = len(key) + len(content)
        for name in sorted(sizes):
            store = _read_store(opened, name, partition.partition, sizes[name], report)
            report.stores.append(store)
            partition.add(store)
            partition.stores += 1
    finally:
        opened.close()
    report.partitions.append(partition)


def _records(opened: Rdict) -> Iterator[tuple[bytes, bytes]]:
    return cast(Iterator[tuple[bytes, bytes]], opened.items())  # in raw mode there is nothing else


def _read_store(
    opened: Rdict, store_id: str, partition: int, sizes: dict[str, int], report: StateReport
) -> StoreReport:

    def get(name: str) -> bytes | None:
        return cast(bytes | None, opened.get(joined_key(store_id, name)))

    # Default parameters serve: they don't change how state is read.
    engine = Engine(detector(detector.Parameters(), 0) for detector in REGISTRY.values())
    try:
        parts = RecordParts(get)
        memory = engine.load_store(store_id, lambda name: parts.read(name, get))
    except StateFormatError as error:
        raise StreamerError(str(error)) from None
    store = StoreReport(store=store_id, partition=partition, clock=memory.clock)
    found: dict[str, Amount] = defaultdict(Amount)
    for name, size in sizes.items():
        found["header" if name == PARTS else collection_of(name)].add(Amount(0, 1, size))
    for name, collection in memory.collections().items():
        times = (
            collection.times()
        )  # before len(): after times() has read everything, the count is no estimate
        found[name].entries = len(collection)
        if times is not None:
            report.collections[name].note(memory.clock - times[0], memory.clock - times[1])
    for name, amount in found.items():
        report.collections[name].add(amount)
        store.add(amount)
    return store
