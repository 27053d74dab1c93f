"""Live state: the stores' memories are objects of this process, written at each checkpoint.

Detectors change live objects; nothing is serialised while messages flow. When Quix commits a checkpoint it
flushes its sinks first, and `LiveState` is one: `flush` puts the changes into the state transaction that the
same commit then sends to the changelog and to disk. So state and offsets move together, and a store costs a
few keys a checkpoint, however many events it had.

Live objects must never be ahead of the last commit. They are dropped, and read back from disk, whenever

- the partition's state was closed or opened anew since (a rebalance), or
- the checkpoint that should have carried their changes did not complete (backpressure of a sink, a partition
  that is revoked): the messages then come again and must meet the state before them.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

import msgspec
import structlog
from quixstreams import State
from quixstreams.dataframe import StreamingDataFrame

from retail_anomaly.core.collections import Load
from retail_anomaly.core.memory import StoreMemory
from retail_anomaly.core.records import InvalidRecord
from retail_anomaly.rules import Rule
from retail_anomaly.rules.changes import RuleChange
from retail_anomaly.rules.rule_book import RuleBook
from streamer.detection.parameter_changes import ParameterChanges
from streamer.detection.partition_state import PartitionState, Transaction
from streamer.detection.record_parts import RecordParts
from streamer.detection.state_offsets import check_offsets
from streamer.detection.store_logic import ChangingRules, StoreLogic
from streamer.kafka.commit_notes import Committed
from streamer.kafka.record_limits import USUAL
from streamer.observe.heap_memory import return_freed
from streamer.quix.checkpoints import commit_soon, processed_offsets
from streamer.quix.commit_step import CommitStep
from streamer.quix.passed_over import has_passed_over

_log = structlog.stdlib.get_logger(__name__)

# A partition's own records, beside those of its stores: when each store that waits for time is due, and the
# offsets that the state stands for; and the changes of its rules.
_DUE: Final = "due"
OFFSETS: Final = "offsets"
_RULES: Final = "rules"
# Stores in memory, of 15 kB and more each. Those that had no event for longest are read from disk when they
# come again: store ids that somebody invents don't fill the memory.
MOST_LIVE: Final = 20_000
# Stores with unwritten changes; more than these are written before the commit interval has passed.
_MOST_TOUCHED: Final = 15_000
_read_numbers: Final = msgspec.msgpack.Decoder(dict[str, int]).decode


class LiveState(CommitStep):
    """Hands out the live memory of a store, and writes the changes at each checkpoint.

    Parameters
    ----------
    sdf
        The dataframe; its state is registered here.
    engine
        Makes and reads stores' memories: the detectors' engine, or the triage.
    most_bytes
        The largest value that the changelog takes.
    most_live
        Stores that stay in memory.
    rules
        The rules that records may change; None: there are none.
    ticks
        The name in Kafka of the ticks' topic, if it is read.
    """

    def __init__(
        self,
        sdf: StreamingDataFrame,
        engine: StoreLogic,
        *,
        most_bytes: int = USUAL,
        most_live: int = MOST_LIVE,
        rules: ChangingRules | None = None,
        ticks: str | None = None,
    ) -> None:
        super().__init__()
        self._most_bytes = most_bytes
        self._most_live = most_live
        self._rules = rules
        self._ticks = ticks
        self.put_aside = 0
        self._unwritten = 0
        sdf.register_store()
        self._context = sdf.processing_context
        self._context.sink_manager.register(self)
        self._stream_id = sdf.stream_id
        self._topics = frozenset(topic.name for topic in sdf.topics)
        self._opened = self._context.state_manager.get_store(self._stream_id).partitions
        self._engine = engine
        self._checkpoint: object = None
        self._live: dict[int, PartitionState] = {}
        self._changes = ParameterChanges()

    def store(self, store_id: str, partition: int) -> StoreMemory:
        """Return the memory of a store, to be changed by the message being processed.

        Parameters
        ----------
        store_id
            The store, which is the message's key.
        partition
            The message's partition.

        Raises
        ------
        StateFormatError
            The stored state was written by a version that this one can't read.
        """
        live = self._partition(partition)
        store = live.stores.get(store_id)
        if store is None:
            surplus = self._surplus(live, len(live.stores) - len(live.touched))
            # Dropping takes a look at all that are touched, so it pays for some at once only.
            if surplus >= self._share(self._most_live // 20):
                self._put_aside(live, surplus)
            get = self._reader(store_id, partition)
            parts = live.parts[store_id] = RecordParts(get)
            store = live.stores[store_id] = self._load_store(
                store_id, lambda name: parts.read(name, get), live.book
            )
            self._changes.note(store.written_with, self._engine.of(store_id).config_hashes)
        if store_id not in live.touched:
            live.touched.add(store_id)
            self._unwritten += 1
            if self._unwritten > _MOST_TOUCHED:
                commit_soon(self._context)
        return store

    def stores(self, partition: int) -> Callable[[str], StoreMemory]:
        """Return `store` for a run of records of one partition: nothing is committed or revoked meanwhile.

        Parameters
        ----------
        partition
            The partition of the records.
        """
        live = self._partition(partition)
        stores, touched = live.stores, live.touched

        def memory_of(store_id: str) -> StoreMemory:
            return stores[store_id] if store_id in touched else self.store(store_id, partition)

        return memory_of

    def holds(self, partition: int) -> bool:
        """Tell whether this process has a partition. Other threads may call this."""
        return partition in self._opened

    def due_stores(self, time: int, partition: int) -> list[str]:
        """Return the stores of a partition that wait for a time which has come.

        Parameters
        ----------
        time
            Epoch milliseconds.
        partition
            The partition; its stores need not have sent an event since the start.
        """
        live = self._partition(partition)
        self._note_due(live)
        return sorted(store_id for store_id, due in live.due.items() if due <= time)

    def change_rules(self, change: RuleChange, partition: int) -> None:
        """Change the rules in force in a partition, from the next record on.

        Parameters
        ----------
        change
            The change.
        partition
            The partition of the change's record.

        Raises
        ------
        InvalidRecord
            The change is refused, and nothing has changed.
        """
        live = self._partition(partition)
        if live.book is None or self._rules is None:
            raise InvalidRecord(None, "no rules run here")
        rule = live.book.apply(change)
        live.rules_changed = True
        live.note_rules()
        for store_id, store in live.stores.items():
            self._rules.engine.change_rules(store, live.book.dispatch(store_id))
        _log.info(
            "rule changed",
            rule=rule.id,
            version=rule.version,
            status=rule.status,
            action=change.action,
            by=change.by,
            partition=partition,
        )

    @property
    def needs_ticks(self) -> bool:
        """Whether a decision may wait for time to pass. Other threads may call this."""
        return self._engine.needs_ticks or any(live.needs_time for live in list(self._live.values()))

    def rules_in_force(self) -> Iterator[tuple[int, Rule]]:
        """Yield the rules of each partition. Other threads may call this."""
        for partition, live in list(self._live.items()):
            for rule in live.rules:
                yield partition, rule

    def flush(self) -> None:
        """Put the changes into the state transactions of the checkpoint that is being committed."""
        noted = self._note_offsets()
        for partition, live in list(self._live.items()):
            if live.source is not self._opened.get(partition):
                del self._live[partition]
                continue
            if not live.touched and not live.rules_changed:
                continue
            live.written = self._transaction(partition)
            for store_id in live.touched:
                state = self._state(store_id, partition)
                live.entries[store_id] = live.stores[store_id].entries()
                parts = live.parts[store_id]
                for name, content in live.stores[store_id].records():
                    parts.write(name, content, state, self._most_bytes)
                parts.write_counts(state)
            self._note_due(live)
            own = self._state("", partition)
            if live.due != live.due_written:
                live.own.write(_DUE, msgspec.msgpack.encode(live.due), own, self._most_bytes)
                live.due_written = dict(live.due)
            if live.rules_changed and live.book is not None:
                live.own.write(_RULES, live.book.packed(), own, self._most_bytes)
                live.rules_changed = False
            live.own.write_counts(own)
            self._put_aside(live, self._surplus(live, len(live.stores)))
            live.touched.clear()
        # Last: a process that dies while it writes must not leave offsets that are ahead of the state.
        for partition in noted:
            self._write_offsets(partition)
        self._unwritten = 0
        # The messages and records of a commit interval have been freed. Kept by malloc, they would take as
        # much memory as the state itself.
        return_freed()

    def check(self, partition: int, committed: Mapping[str, Committed]) -> None:
        """Check that a partition's state stands for the group's offsets, as `check_offsets` does.

        Parameters
        ----------
        partition
            The partition, whose state is read back.
        committed
            The group's offsets by topic; those of other topics don't matter.

        Raises
        ------
        StreamerError
            It does not.
        """
        opened: Any = self._opened.get(partition)
        if opened is None:
            return
        stored = self._partition(partition).offsets
        check_offsets(
            partition,
            stored,
            {
                topic: found
                for topic, found in committed.items()
                # Ticks alone leave no state; versions that did not note offsets have committed theirs.
                if topic in self._topics and not (topic == self._ticks and stored is None)
            },
            empty=next(opened.iter_items(b""), None) is None,
            # A first checkpoint of ticks alone commits where these begin, and no other topic.
            uncovered=(has_passed_over(opened) or opened.get_changelog_offset() is not None)
            and all(found.offset is None for found in committed.values()),
        )

    def _put_aside(self, live: PartitionState, count: int) -> None:
        """Drop from memory the stores that had no event for longest; those touched come last."""
        for store_id in live.touched:
            live.stores[store_id] = live.stores.pop(store_id)  # to the end
        surplus = list(islice(live.stores, count))
        if surplus and not self.put_aside:
            _log.warning(
                "more stores than stay in memory: those quiet for longest are read from disk when they come "
                "again. Does a producer make up store ids?",
                stores=len(live.stores),
                in_memory=self._share(self._most_live),
            )
        self.put_aside += len(surplus)
        for store_id in surplus:
            del live.stores[store_id], live.parts[store_id]
            live.entries.pop(store_id, None)

    def _surplus(self, live: PartitionState, written: int) -> int:
        """Count the stores too many in memory, of which only those whose changes are written can go."""
        return max(0, min(written, len(live.stores) - self._share(self._most_live)))

    def _share(self, count: int) -> int:
        return max(1, count // max(1, len(self._live)))

    @property
    def live_stores(self) -> int:
        """How many stores are in memory. Other threads may call this."""
        return sum(len(live.stores) for live in list(self._live.values()))

    def entries(self) -> Counter[str]:
        """Count the entries of the stores in memory, by collection, as of the last checkpoint.

        Other threads may call this.
        """
        total: Counter[str] = Counter()
        # Each list() is one step under the GIL, so that the poll loop can go on meanwhile.
        for live in list(self._live.values()):
            for counts in list(live.entries.values()):
                total.update(counts)
        return total

    def _drop_uncommitted(self) -> None:
        for partition, live in list(self._live.items()):
            if (
                live.touched
                or live.rules_changed
                or (live.written is not None and not live.written.completed)
            ):
                del self._live[partition]
            live.written = None

    def _partition(self, partition: int) -> PartitionState:
        if self._context.checkpoint is not self._checkpoint:
            self._drop_uncommitted()
            self._checkpoint = self._context.checkpoint
        live = self._live.get(partition)
        source = self._opened.get(partition)
        if live is None or live.source is not source:
            get = self._reader("", partition)  # no store has an empty id
            own = RecordParts(get)
            packed = own.read(_DUE, get)
            offsets = own.read(OFFSETS, get)
            live = self._live[partition] = PartitionState(
                source,
                _read_numbers(packed) if packed else {},
                own,
                _read_numbers(offsets) if offsets else None,
                RuleBook(self._rules.configured, own.read(_RULES, get)) if self._rules else None,
            )
        return live

    def _load_store(self, store_id: str, load: Load, book: RuleBook | None) -> StoreMemory:
        if self._rules is None or book is None or not book.is_changed:
            return self._engine.load_store(store_id, load)
        return self._rules.engine.load_store(store_id, load, book.dispatch(store_id))

    def _note_offsets(self) -> list[int]:
        """Note which records the state of each partition has; return the partitions with new ones."""
        done: defaultdict[int, dict[str, int]] = defaultdict(dict)
        for (topic, partition), offset in processed_offsets(self._context).items():
            if topic in self._topics and partition in self._opened:
                done[partition][topic] = offset + 1
        for partition, offsets in done.items():
            live = self._partition(partition)
            live.offsets = (live.offsets or {}) | offsets
        return list(done)

    def _write_offsets(self, partition: int) -> None:
        live = self._partition(partition)
        live.written = self._transaction(partition)
        packed = msgspec.msgpack.encode(live.offsets)
        live.own.write(OFFSETS, packed, self._state("", partition), self._most_bytes)

    def _note_due(self, live: PartitionState) -> None:
        if not (self._engine.needs_ticks or live.needs_time or live.due):
            return
        for store_id in live.touched:
            due = self._engine.waiting(live.stores[store_id])[1]
            if due is None:
                live.due.pop(store_id, None)
            else:
                live.due[store_id] = due

    def _reader(self, store_id: str, partition: int) -> Callable[[str], bytes | None]:
        # The transaction is looked up at each read: a bucket may be read checkpoints later.
        return lambda name: self._state(store_id, partition).get_bytes(name.encode())

    def _state(self, store_id: str, partition: int) -> State[Any, Any]:
        return self._transaction(partition).as_state(prefix=store_id.encode())

    def _transaction(self, partition: int) -> Transaction:
        return self._context.checkpoint.get_store_transaction(stream_id=self._stream_id, partition=partition)
