"""Collections: their memory, their records, and their state after a restart."""

from __future__ import annotations

from typing import Any
from zlib import crc32

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from retail_anomaly.core.collections import Collection, Table, TimedIds
from retail_anomaly.core.quantities import Number


def write(collection: Collection, disk: dict[str, bytes]) -> list[str]:
    """Checkpoint a collection; return the names of the records written."""
    records = dict(collection.records())
    for name, content in records.items():
        if content is None:
            disk.pop(name, None)
        else:
            disk[name] = content
    return list(records)


def restarted(collection: Table[int], disk: dict[str, bytes]) -> Table[int]:
    """Return the table after a restart."""
    found = Table(int, due=lambda entry: entry)
    found.restore(collection.describe(), disk.get)
    return found


# --- Table ---------------------------------------------------------------------------------------


def test_table_forgets_what_is_past_its_due_time_and_not_what_is_at_it():
    table = Table(int, due=lambda time: time + 10)
    table.put("old", 89)
    table.put("just", 90)
    table.sweep(100)
    assert list(table) == ["just"]


def test_table_without_due_time_forgets_nothing():
    table = Table(int)
    table.put("a", 0)
    table.sweep(10**15)
    assert table.get("a") == 0


def test_whole_pieces_stay_whole_once_weighed_goods_are_gone():
    table: Table[int | float] = Table(Number)
    table.put("a", 0.0)
    table.add([("a", 4), ("b", 1), ("b", 2.5)])
    kept = [(name, table.get(name)) for name in "ab"]
    assert repr(kept) == "[('a', 4), ('b', 3.5)]"


def test_one_change_in_a_large_table_writes_one_page():
    table, disk = Table(int), dict[str, bytes]()
    for number in range(5_000):
        table.put(f"sku-{number}", number)
    write(table, disk)
    table.put("sku-17", -1)
    assert len(write(table, disk)) == 1


def test_pages_stay_small_however_keys_look():
    for pattern in ("sku-{}", "{}", "{:08d}", "store-1-c{}", "29333{}"):
        table, disk = Table(int), dict[str, bytes]()
        for number in range(5_000):
            table.put(pattern.format(number), 0)
        write(table, disk)
        assert max(len(msgspec.msgpack.decode(page)) for page in disk.values()) < 4 * 64, pattern


def test_page_that_became_empty_is_written_and_so_wins_over_an_older_copy():
    """A deletion would not: a compacted log forgets deletions after a day."""
    table, disk = Table(int), dict[str, bytes]()
    table.put("a", 1)
    write(table, disk)
    older = dict(disk)
    table.drop("a")
    assert write(table, disk) == ["0"]
    assert list(restarted(table, older | disk)) == []


def test_table_that_grows_leaves_no_old_page_behind():
    """No key falls on page 0 of the larger table, so that the only old page is not among the new ones."""
    keys = [key for key in map(str, range(1_000)) if crc32(key.encode()) % 4][:129]
    table, disk = Table(int), dict[str, bytes]()
    for key in keys[:128]:
        table.put(key, 1)
    write(table, disk)
    table.put(keys[128], 1)
    write(table, disk)
    table.drop(keys[0])
    write(table, disk)
    assert keys[0] not in set(restarted(table, disk))


class TableAndDisk(RuleBasedStateMachine):
    """A table beside a plain dict, through checkpoints and restarts."""

    keys = st.integers(0, 400).map(str)

    def __init__(self) -> None:
        super().__init__()
        self.table: Table[int] = Table(int, due=lambda entry: entry)
        self.disk: dict[str, bytes] = {}
        self.model: dict[str, int] = {}

    @rule(key=keys, entry=st.integers(0, 100))
    def put(self, key: str, entry: int) -> None:
        self.table.put(key, entry)
        self.model[key] = entry

    @rule(start=st.integers(0, 300), entry=st.integers(50, 100))
    def put_many(self, start: int, entry: int) -> None:
        for number in range(start, start + 100):
            self.put(str(number), entry)

    @rule(key=keys)
    def drop(self, key: str) -> None:
        self.table.drop(key)
        self.model.pop(key, None)

    @rule(clock=st.integers(0, 100))
    def sweep(self, clock: int) -> None:
        self.table.sweep(clock)
        self.model = {key: entry for key, entry in self.model.items() if entry >= clock}

    @rule()
    def checkpoint(self) -> None:
        write(self.table, self.disk)
        assert list(self.table.records()) == []

    @rule()
    def restart(self) -> None:
        write(self.table, self.disk)
        self.table = restarted(self.table, self.disk)

    @invariant()
    def holds_what_the_model_holds(self) -> None:
        assert dict(self.table.items()) == self.model


TestTableAndDisk = TableAndDisk.TestCase
TestTableAndDisk.settings = settings(max_examples=60, stateful_step_count=30)


# --- TimedIds ------------------------------------------------------------------------------------


def test_newest_sighting_counts_whatever_the_order():
    ids = TimedIds(span=100, keep=1_000)
    for time in (250, 50, 251, 30):
        ids.add("a", time)
    assert ids.newest("a") == 251


def test_id_is_remembered_for_as_long_as_it_is_of_use():
    ids = TimedIds(span=100, keep=1_000)
    ids.add("a", 50)
    ids.sweep(1_050)
    assert ids.newest("a") == 50
    ids.sweep(1_200)
    assert len(ids) == 0


def test_full_chunks_are_not_written_again():
    ids, disk = TimedIds(span=10**6, keep=10**6), dict[str, bytes]()
    for number in range(2_000):
        ids.add(f"t-{number}", number)
    assert len(write(ids, disk)) == 4
    ids.add("another", 1)
    assert write(ids, disk) == ["0/3"]


def test_restart_reads_no_id_before_one_is_looked_up():
    ids, disk, read = TimedIds(span=100, keep=1_000), dict[str, bytes](), list[str]()
    ids.add("a", 50)
    write(ids, disk)
    found = TimedIds(span=100, keep=1_000)

    def load(name: str) -> bytes | None:
        read.append(name)
        return disk.get(name)

    found.restore(ids.describe(), load)
    found.add("b", 60)
    assert read == []
    assert found.newest("a") == 50
    assert read == ["0/0"]


class IdsAndDisk(RuleBasedStateMachine):
    """Timed ids beside a plain dict, through checkpoints and restarts; only unexpired ids are compared."""

    span, keep = 100, 1_000
    names = st.integers(0, 8).map(str)

    def __init__(self) -> None:
        super().__init__()
        self.ids = TimedIds(self.span, self.keep)
        self.disk: dict[str, bytes] = {}
        self.model: dict[str, int] = {}
        self.clock = 1_000

    def _add(self, name: str, time: int) -> None:
        self.ids.add(name, time)
        self.model[name] = max(self.model.get(name, 0), time)

    @rule(name=names, late=st.integers(0, 1_000))
    def add(self, name: str, late: int) -> None:
        self._add(name, self.clock - late)

    @rule(late=st.integers(0, 1_000))
    def add_many(self, late: int) -> None:
        for number in range(600):
            self._add(f"many-{number}", self.clock - late + number % 7)

    @rule(more=st.integers(1, 700))
    def time_passes(self, more: int) -> None:
        self.clock += more

    @rule()
    def sweep(self) -> None:
        self.ids.sweep(self.clock)

    @rule()
    def checkpoint(self) -> None:
        write(self.ids, self.disk)
        assert list(self.ids.records()) == []

    @rule()
    def restart(self) -> None:
        write(self.ids, self.disk)
        found = TimedIds(self.span, self.keep)
        found.restore(self.ids.describe(), self.disk.get)
        self.ids = found

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def look_up(self, data: Any) -> None:
        name = data.draw(st.sampled_from(sorted(self.model)))
        if self.model[name] + self.keep >= self.clock:
            assert self.ids.newest(name) == self.model[name]

    @rule()
    def after_a_long_silence_nothing_is_left(self) -> None:
        self.clock += 10_000
        self.ids.sweep(self.clock)
        write(self.ids, self.disk)
        self.model.clear()
        assert len(self.ids) == 0
        assert self.disk == {}


TestIdsAndDisk = IdsAndDisk.TestCase
TestIdsAndDisk.settings = settings(max_examples=60, stateful_step_count=30)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 10_000))))
def test_any_order_of_sightings_gives_the_newest(sightings):
    ids = TimedIds(span=100, keep=10**6)
    for name, time in sightings:
        ids.add(name, time)
    for name in "abc":
        assert ids.newest(name) == max((time for seen, time in sightings if seen == name), default=None)
