"""An audit trail in a file of JSON lines, for notebooks and for a machine without Kafka."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from retail_anomaly.cases.audit.chain import AuditKind, AuditRecord, Verified, sealed, verify
from retail_anomaly.core.errors import RetailAnomalyError


class BrokenAuditError(RetailAnomalyError, ValueError):
    """The trail is broken, so nothing is added to it.

    Examples
    --------
    >>> str(BrokenAuditError("audit.jsonl", "record 7: it was changed"))
    'audit.jsonl: record 7: it was changed: keep it as it is, and begin another one'
    """

    def __init__(self, place: str, fault: str) -> None:
        super().__init__(f"{place}: {fault}: keep it as it is, and begin another one")


class AuditFile:
    """An audit trail in a file.

    Parameters
    ----------
    path
        The file; it may be missing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def values(self) -> list[bytes]:
        """Return the lines."""
        if not self._path.exists():
            return []
        return [line for line in self._path.read_bytes().splitlines() if line.strip()]

    def read(self) -> Verified:
        """Return the records and the faults."""
        return verify(self.values())

    def append(
        self, record_id: str, time: int, kind: AuditKind, by: str, content: Mapping[str, Any]
    ) -> AuditRecord:
        """Add a record; on return it is on the disk. The arguments are as for `AuditRecord`.

        Raises
        ------
        BrokenAuditError
            The chain is broken.
        """
        # Not on Windows; there the rest of the package runs all the same.
        import fcntl

        with self._path.open("ab", buffering=0) as file:
            # Two processes that follow the same record would make two ends. Closing the file unlocks it.
            fcntl.flock(file, fcntl.LOCK_EX)
            found = self.read()
            if found.faults:
                raise BrokenAuditError(str(self._path), str(found.faults[0]))
            record = sealed(record_id, time, kind, by, content, found.head)
            # An editor may have taken the end of the last line away: the record begins a line of its own.
            begin = b"" if self._path.read_bytes()[-1:] in (b"", b"\n") else b"\n"
            file.write(begin + msgspec.json.encode(record) + b"\n")
            os.fsync(file.fileno())
        return record
