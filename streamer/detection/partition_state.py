"""The live stores of one partition, and its own records beside theirs."""

from typing import Any, TypeAlias

from quixstreams.state import PartitionTransaction

from retail_anomaly.core.memory import StoreMemory
from retail_anomaly.rules.rule_book import RuleBook
from streamer.detection.record_parts import RecordParts

Transaction: TypeAlias = PartitionTransaction[Any, Any]


class PartitionState:
    """The live stores of one partition."""

    __slots__ = (
        "book",
        "due",
        "due_written",
        "entries",
        "needs_time",
        "offsets",
        "own",
        "parts",
        "rules",
        "rules_changed",
        "source",
        "stores",
        "touched",
        "written",
    )

    def __init__(
        self,
        source: object,
        due: dict[str, int],
        own: RecordParts,
        offsets: dict[str, int] | None,
        book: RuleBook | None,
    ) -> None:
        self.source = source  # the opened state these objects were read from
        self.own = own  # of the partition's own records
        self.offsets = offsets  # by topic, the next record after those that the state has; None: not told
        self.parts: dict[str, RecordParts] = {}  # by store
        self.due = due  # by store; current for stores not touched since the last flush
        self.due_written = dict(due)
        self.stores: dict[str, StoreMemory] = {}
        self.touched: set[str] = set()  # changed since the last flush
        self.entries: dict[str, dict[str, int]] = {}  # by store, at its last flush
        self.written: Transaction | None = None  # took the last flush
        self.book = book
        self.rules_changed = False  # since the last flush
        self.note_rules()

    def note_rules(self) -> None:
        """Note what other threads may ask about the rules."""
        self.needs_time = self.book is not None and self.book.needs_time
        self.rules = tuple(self.book.rules()) if self.book is not None else ()
