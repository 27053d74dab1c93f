"""What a stopped streamer has on disk, read without a broker and without changing it.

Quix Streams keeps a RocksDB a partition in `<state dir>/<group>/default/<topics>/<partition>`, with
keys of ``<store>|<record>``. The records are the core's, and the core reads them.
"""

import fcntl
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, cast

from rocksdict import AccessType, Options, Rdict

from retail_anomaly.core.engine import Engine
from retail_anomaly.core.memory import StateFormatError
from retail_anomaly.detectors import REGISTRY
from streamer.detection.state_report import Amount, PartitionReport, StateReport, StoreReport
from streamer.errors import StreamerError

# Quix's, in this release; tests read what a real streamer wrote.
_STORE_NAME: Final = "default"
_SEPARATOR: Final = b"|"


def read_state(state_dir: Path, group: str) -> StateReport:
    """Read all that a stopped streamer has on disk.

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
    databases = sorted(
        (path.parent for path in (folder / _STORE_NAME).glob("*/*/CURRENT")),
        key=lambda path: (path.parent.name, int(path.name)),
    )
    if not databases:
        raise StreamerError(
            f"no state in {folder}: give the --state-dir and --consumer-group of a streamer that ran here"
        )
    report = StateReport(folder)
    with ExitStack() as held:
        for database in databases:
            held.enter_context(_not_in_use(database))
        for database in databases:
            _read_partition(database, report)
    return report


@contextmanager
def _not_in_use(database: Path) -> Iterator[None]:
    """Hold RocksDB's lock: whoever reads an open database may see half of a change."""
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


def _read_partition(database: Path, report: StateReport) -> None:
    partition = PartitionReport(
        topics=database.parent.name,
        partition=int(database.name),
        disk_bytes=sum(file.stat().st_size for file in database.iterdir() if file.is_file()),
    )
    try:
        opened = Rdict(str(database), Options(raw_mode=True), access_type=AccessType.read_only())
    except Exception as error:
        raise StreamerError(
            f"{database} can't be read ({' '.join(str(error).split())}): delete it; a streamer that is started "
            "then brings it back from its changelog topic"
        ) from error
    try:
        # A store's keys need not stand together: one store's name may begin with another's.
        sizes: dict[str, dict[str, int]] = defaultdict(dict)
        for key, content in _records(opened):
            store_id, _, record = key.rpartition(_SEPARATOR)
            if not store_id:  # the partition's own, see `LiveState`
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
    # Whatever the streamer's settings: these name what there is to read, not how.
    engine = Engine(detector(detector.Parameters(), 0) for detector in REGISTRY.values())
    prefix = store_id.encode() + _SEPARATOR
    try:
        memory = engine.load_store(
            store_id, lambda name: cast(bytes | None, opened.get(prefix + name.encode()))
        )
    except StateFormatError as error:
        raise StreamerError(str(error)) from None
    store = StoreReport(store=store_id, partition=partition, clock=memory.clock)
    found: dict[str, Amount] = defaultdict(Amount)
    for name, size in sizes.items():
        found[name.partition("/")[0]].add(Amount(0, 1, size))
    for name, collection in memory.collections().items():
        times = collection.times()  # first: it reads what a count only estimates
        found[name].entries = len(collection)
        if times is not None:
            report.collections[name].note(memory.clock - times[0], memory.clock - times[1])
    for name, amount in found.items():
        report.collections[name].add(amount)
        store.add(amount)
    return store
