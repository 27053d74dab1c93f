"""Records that each hold the hash of the one before: a gap, a change and another order show."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from retail_anomaly.core.events import AnyMillis, Text
from retail_anomaly.core.records import InvalidRecord, decode_record

AuditKind: TypeAlias = Literal["configuration", "rules", "action", "reveal-request", "reveal"]
_DIGEST_BYTES: Final = 32


class AuditRecord(msgspec.Struct, frozen=True, rename="camel"):
    """One act that somebody may have to answer for.

    Parameters
    ----------
    record_id
        Unique; a record that was written again after another writer was faster keeps it.
    time
        When, in epoch milliseconds.
    kind
        The kind of act.
    by
        The person or process.
    content
        The act itself.
    previous
        The hash of the record before; empty for the first.
    hash
        The hash of this record without this field: BLAKE2b, in hexadecimal digits.

    Examples
    --------
    >>> first = sealed("a", 1_760_000_000_000, "rules", "kim", {"id": "drawer"}, "")
    >>> first.hash == first.computed, len(first.hash)
    (True, 64)
    """

    record_id: Text
    time: AnyMillis
    kind: Annotated[AuditKind, Meta(description="a kind of audit record")]
    by: Text
    content: dict[str, Any]
    previous: str
    hash: str

    @property
    def computed(self) -> str:
        """The hash that the content has."""
        bare = msgspec.structs.replace(self, hash="")
        return blake2b(
            msgspec.json.encode(bare, order="deterministic"), digest_size=_DIGEST_BYTES
        ).hexdigest()


def sealed(
    record_id: str, time: int, kind: AuditKind, by: str, content: Mapping[str, Any], previous: str
) -> AuditRecord:
    """Return a record with its hash; the arguments are as for `AuditRecord`."""
    record = AuditRecord(record_id, time, kind, by, dict(content), previous, "")
    return msgspec.structs.replace(record, hash=record.computed)


def decode_audit(raw: bytes) -> AuditRecord:
    """Read a record.

    Raises
    ------
    InvalidRecord
        It is none; the reason names the field.
    """
    return decode_record(AuditRecord, raw)


class AuditFault(msgspec.Struct, frozen=True):
    """A place where the chain is broken.

    Examples
    --------
    >>> print(AuditFault(7, "it was changed"))
    record 7: it was changed
    """

    number: int
    reason: str

    def __str__(self) -> str:
        return f"record {self.number}: {self.reason}"


class Verified(msgspec.Struct, frozen=True):
    """A chain as it was found.

    Parameters
    ----------
    records
        The records that belong to it, in their order.
    faults
        Where it is broken.
    """

    records: list[AuditRecord]
    faults: list[AuditFault]

    @property
    def head(self) -> str:
        """The hash of its last record; keep it elsewhere, and a chain that was cut shows."""
        return self.records[-1].hash if self.records else ""


def verify(values: Iterable[bytes], head: str | None = None) -> Verified:
    """Check a chain.

    Parameters
    ----------
    values
        The records as they stand, in their order.
    head
        A hash that was the head of the chain before, and so must be in it.

    Returns
    -------
    Verified
        The records and the faults. Of two writers that follow the same record, the second writes its record
        again; the one that it wrote first is passed over.

    Examples
    --------
    >>> first = sealed("a", 1_760_000_000_000, "rules", "kim", {}, "")
    >>> second = sealed("b", 1_760_000_000_001, "rules", "kim", {}, first.hash)
    >>> values = [msgspec.json.encode(each) for each in (first, second)]
    >>> verify(values).faults, [str(fault) for fault in verify(values[1:]).faults]
    ([], ['record 1: a record before it is missing'])
    """
    records: list[AuditRecord] = []
    faults: list[AuditFault] = []
    beside: list[tuple[int, AuditRecord]] = []
    known, last = {""}, ""
    for number, record in _read(values, faults):
        if record.previous == last:
            records.append(record)
        elif record.previous in known:
            beside.append((number, record))
            continue
        else:
            faults.append(AuditFault(number, "a record before it is missing"))
            records.append(record)
        last = record.hash
        known.add(last)
    written = {record.record_id for record in records}
    faults += [
        AuditFault(number, "it stands out of order, or is a copy")
        for number, record in beside
        if record.record_id not in written or record.hash in known
    ]
    if head is not None and head not in known:
        faults.append(AuditFault(len(records), f"the chain ends without the record {head[:12]}..."))
    return Verified(records, sorted(faults, key=lambda fault: fault.number))


class ChainEnd:
    """The newest records of a chain, of which nobody has read the others.

    Somebody follows a record only if it was the head when he read the chain. So the newest record follows one
    that belongs to the chain, and from there the way to the head is that of `verify`: of several records that
    follow one, the first counts.

    Parameters
    ----------
    values
        The newest records as they stand, in their order.
    is_whole
        Whether they are all that there are.

    Attributes
    ----------
    head
        The hash of the chain's last record. None if these are too few to tell, or if one of them was changed
        or can't be read: then `verify` has to look at all of them.

    Examples
    --------
    >>> values, head = [], ""
    >>> for name in "abcd":
    ...     values.append(msgspec.json.encode(sealed(name, 1_760_000_000_000, "rules", "kim", {}, head)))
    ...     head = decode_audit(values[-1]).hash
    >>> ChainEnd(values[-2:], is_whole=False).head == verify(values).head
    True
    >>> print(ChainEnd(values[-1:], is_whole=False).head)
    None
    """

    def __init__(self, values: Sequence[bytes], *, is_whole: bool) -> None:
        faults: list[AuditFault] = []
        records = [record for _, record in _read(values, faults)]
        self._known = {record.hash for record in records} | ({""} if is_whole else set())
        self._first_after: dict[str, str] = {}
        for record in records:
            self._first_after.setdefault(record.previous, record.hash)
        head: str | None = records[-1].previous if records else ""
        if faults or head not in self._known:
            head = None
        # No circle: a record holds the hash of the one before.
        while head in self._first_after:
            head = self._first_after[head]
        self.head = head

    def has(self, record: AuditRecord) -> bool | None:
        """Tell whether a record belongs to the chain; None if these are too few to tell."""
        if record.previous not in self._known:
            return None
        return self._first_after.get(record.previous) == record.hash


def _read(values: Iterable[bytes], faults: list[AuditFault]) -> Iterator[tuple[int, AuditRecord]]:
    for number, raw in enumerate(values, 1):
        try:
            record = decode_audit(raw)
        except InvalidRecord as error:
            faults.append(AuditFault(number, f"it can't be read: {error}"))
            continue
        if record.hash != record.computed:
            faults.append(AuditFault(number, "it was changed"))
        yield number, record
